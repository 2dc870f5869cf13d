#!/bin/bash
# Stage 1 on one GPU, in steps that each end within ten minutes, because a rented machine may be lent so.
#   OUT=folder ./stage1.sh N [--device cpu --max-steps 20 ...]
# Step 1 begins: measures with and without compilation, starts the trainer in its own session until
# DEADLINE_MINUTES after the first call. Steps 2-5 only bring shards (the trainer rescans $CORPUS).
# Steps 6 and 7 wait, show the log and give back a rolling export. Step 8 exports, judges and splits
# the package into parts below 16 MB. Nothing is installed or decided between two steps.
set -eu
step=$1; shift
here=$(cd "$(dirname "$0")" && pwd)
OUT=${OUT:-$here/out} CORPUS=${CORPUS:-$here/corpus} WORK=${WORK:-$here/work} TOKENIZER=${TOKENIZER:-$here/../models/complete/tokenizer.json}
DEADLINE_MINUTES=${DEADLINE_MINUTES:-24} WAIT_SECONDS=${WAIT_SECONDS:-420} WORKERS=${WORKERS:-8} ROWS=${ROWS:-168} MICRO=${MICRO:-24} LEAST_SPEED=${LEAST_SPEED:-350000}
device=cuda dry=""
for word in "$@"; do case $word in cpu) device=cpu dry=yes ROWS=2 MICRO=2 WORKERS=1;; esac; done
mkdir -p "$OUT" "$WORK"; cd "$here"
base=(python3 train.py "$CORPUS" --stage 1 --tokenizer "$TOKENIZER" --rows "$ROWS" --micro "$MICRO" --workers "$WORKERS" --device "$device" --lr 4e-3 --lr-table 3e-3)
speed() { grep -o '[0-9]* tok/s' "$1" | tail -1 | cut -d' ' -f1; }
package() { python3 export.py "$WORK/run/last.pt" --tokenizer "$TOKENIZER" --output "$1"; }

case $step in
1)
  date +%s > "$WORK/start"
  flags=(--shape 1)
  if [ -z "$dry" ]; then
    "${base[@]}" --shape 1 --out "$WORK/plain" --quiet-validation --max-steps 40 > "$WORK/plain.log" 2>&1
    "${base[@]}" --shape 1 --out "$WORK/compiled" --quiet-validation --max-steps 40 --compile > "$WORK/compiled.log" 2>&1 || true
    plain=$(speed "$WORK/plain.log") compiled=$(speed "$WORK/compiled.log" || echo 0)
    best=$plain
    if [ "${compiled:-0}" -gt "$plain" ]; then flags+=(--compile); best=$compiled; fi
    if [ "$best" -lt "$LEAST_SPEED" ]; then flags[1]=2; fi
    echo "plain $plain, compiled ${compiled:-0} tokens/s; trainer with ${flags[*]}"
  fi
  left=$(( DEADLINE_MINUTES * 60 - $(date +%s) + $(cat "$WORK/start") ))
  setsid "${base[@]}" "${flags[@]}" --out "$WORK/run" --minutes "$(( left / 60 ))" "$@" > "$WORK/log" 2>&1 < /dev/null &
  echo $! > "$WORK/pid"
  sleep "$([ -n "$dry" ] && echo 1 || echo 20)"; tail -3 "$WORK/log" ;;
2|3|4|5)
  ls -l "$CORPUS"; tail -3 "$WORK/log" ;;
6|7)
  end=$(( $(date +%s) + WAIT_SECONDS ))
  while [ "$(date +%s)" -lt "$end" ] && [ ! -e "$WORK/run/done" ]; do sleep 2; done
  tail -20 "$WORK/log"; cp "$WORK/run/loss.csv" "$WORK/log" "$OUT/"
  package "$WORK/rolling" && split -b 15M -d "$WORK/rolling/model.onnx" "$OUT/rolling.onnx." ;;
8)
  while [ ! -e "$WORK/run/done" ] && kill -0 "$(cat "$WORK/pid")" 2>/dev/null; do sleep 2; done
  package "$WORK/package"
  for set in validation heldout; do
    python3 items.py "$CORPUS"/shard-*.jsonl.zst --split $set --output "$WORK/$set.jsonl" --per-language "$([ -n "$dry" ] && echo 10 || echo 300)"
  done
  python3 calibrate.py "$WORK/package" --items "$WORK/validation.jsonl" --curve "$OUT/gate_curve.csv"
  python3 evaluate.py "$WORK/package" --items "$WORK/heldout.jsonl" --figures "$OUT/figures.csv"
  split -b 15M -d "$WORK/package/model.onnx" "$OUT/model.onnx."
  cp "$WORK/package/manifest.toml" "$WORK/run/loss.csv" "$WORK/log" "$OUT/"
  echo "join: cat model.onnx.* > model.onnx; its SHA-256 stands in manifest.toml" ;;
*) echo "step 1 to 8" >&2; exit 2 ;;
esac
