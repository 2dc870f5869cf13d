#!/bin/sh
# Stage 0 on a CPU: count, train until a deadline, then make, calibrate and judge the package.
#   ./stage0.sh CORPUS_FOLDER WORK_FOLDER 16:15      (CORPUS_FOLDER holds shard-*.jsonl.zst)
# A last argument such as "--max-steps 20" goes to the trainer, for a dry run; "--init CHECKPOINT" begins
# with weights that are there; a call that was cut off goes on when it is made again.
set -eu
corpus=$1 work=$2 deadline=$3; shift 3
here=$(cd "$(dirname "$0")" && pwd) package=${PACKAGE:-$here/../models/complete}
export OMP_WAIT_POLICY=passive KMP_BLOCKTIME=0 OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"
# Rows differ in length; without these the allocator keeps gigabytes of fragments.
export MALLOC_MMAP_THRESHOLD_=4000000 MALLOC_TRIM_THRESHOLD_=100000000
mkdir -p "$work"
cd "$here"
[ -e "$work/apart.npy" ] || python ngrams.py "$corpus"/shard-*.jsonl.zst --tokenizer "$package/tokenizer.json" --output "$work/apart.npy" --apart
nice -n 10 python train.py "$corpus" --tokenizer "$package/tokenizer.json" --ngrams "$work/apart.npy" --out "$work" --deadline "$deadline" --rows 4 --lr 8e-3 --lr-table 6e-3 --resume "$@"
[ -e "$work/ngrams.npy" ] || python ngrams.py "$corpus"/shard-*.jsonl.zst --tokenizer "$package/tokenizer.json" --output "$work/ngrams.npy"
python export.py "$work/last.pt" --ngrams "$work/ngrams.npy" --tokenizer "$package/tokenizer.json" --output "$package"
for set in validation heldout; do
  [ -e "$work/$set.jsonl" ] || python items.py "$corpus"/shard-*.jsonl.zst --split $set --output "$work/$set.jsonl" --per-language "${ITEMS:-600}"
done
python calibrate.py "$package" --items "$work/validation.jsonl"
python evaluate.py "$package" --items "$work/heldout.jsonl" --shards "$corpus"/shard-*.jsonl.zst
