//! The figures of a run, by the names and definitions of `benches/README.md`.
//! A key without an answer is infinitely late and in every quantile; a figure that is not known is NaN.

use foretoken_tests::random::Random;

use super::display::Display;
use super::log::{Key, Kind, Played, Served};
use super::player::Counters;
use super::savings::{Saving, Taste, simulate};
use super::traces::Class;
use crate::stats::{quantile, share};

/// Names and values, in the order of the report.
pub type Figures = Vec<(&'static str, f64)>;

/// What the baseline shows at each key of each trace, by the number of the trace.
pub type Baseline = [Vec<Option<String>>];

/// A final answer within this time is in [D100](latencies).
const D: f64 = 100.0;

/// What a server's process did while the traces of the class `type` were played.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Counters added.
    pub counters: Counters,
    /// The server tells its counters.
    pub tells: bool,
    /// Time of the processor, ms.
    pub cpu_ms: Option<f64>,
    /// Keys played.
    pub keys: usize,
}

fn keys_of<'a>(played: &[&'a Played]) -> Vec<&'a Key> {
    played.iter().flat_map(|played| &played.keys).collect()
}

fn ms(keys: &[&Key], wanted: impl Fn(&Key) -> bool) -> Vec<f64> {
    let wanted = keys.iter().filter(|key| key.asked() && wanted(key));
    wanted.map(|key| key.ms).collect()
}

/// A figure of the keys of some traces.
type Figure = fn(&[&Played]) -> f64;

/// The figures that get an interval.
pub const WITH_INTERVAL: [(&str, Figure); 4] = [
    ("l50_all_ms", |played| {
        quantile(&ms(&keys_of(played), |_| true), 0.5)
    }),
    ("l95_all_ms", |played| {
        quantile(&ms(&keys_of(played), |_| true), 0.95)
    }),
    ("d100", |played| d100(&keys_of(played), false)),
    ("ks_strict", |played| saved(played, Taste::Strict).share()),
];

/// The 2.5th and 97.5th percentile of a figure over traces drawn anew (Efron 1979): keys of one hunk
/// are much alike, so hunks are drawn and not keys.
#[must_use]
pub fn interval(played: &[&Played], figure: Figure, seed: u64) -> (f64, f64) {
    const DRAWS: usize = 200;
    let mut random = Random::new(seed);
    let mut draw = || {
        let drawn: Vec<&Played> = (0..played.len())
            .map(|_| played[random.below(played.len())])
            .collect();
        figure(&drawn)
    };
    let values: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
    (quantile(&values, 0.025), quantile(&values, 0.975))
}

fn d100(keys: &[&Key], with_text: bool) -> f64 {
    let asked: Vec<&&Key> = keys.iter().filter(|key| key.asked()).collect();
    let text = |key: &Key| matches!(key.answer, super::log::Answer::Text(_));
    let good = |key: &&&Key| key.ms <= D && (!with_text || text(key));
    share(asked.iter().filter(|key| good(key)).count(), asked.len())
}

fn saved(played: &[&Played], taste: Taste) -> Saving {
    let of = |played: &&Played| simulate(played, |number| played.keys[number].visible(), taste);
    played.iter().map(of).fold(Saving::default(), Saving::plus)
}

fn saved_by(baseline: &Baseline, played: &[&Played], taste: Taste) -> Saving {
    let of = |played: &&Played| {
        let guess = |number: usize| baseline.get(played.trace)?.get(number)?.as_deref();
        simulate(played, guess, taste)
    };
    played.iter().map(of).fold(Saving::default(), Saving::plus)
}

/// How long answers took, and who gave them: for traces of any one class.
#[must_use]
pub fn latencies(played: &[&Played]) -> Figures {
    let keys = keys_of(played);
    let asked = keys.iter().filter(|key| key.asked()).count();
    let count = |wanted: fn(&Key) -> bool| {
        let wanted = keys.iter().filter(|key| key.asked() && wanted(key));
        share(wanted.count(), asked)
    };
    let all = ms(&keys, |_| true);
    let at_hand = ms(&keys, |k| matches!(k.served, Served::Hit | Served::Joined));
    let hits = ms(&keys, |k| k.served == Served::Hit);
    let model = ms(&keys, |k| {
        matches!(k.served, Served::Model | Served::Unknown)
    });
    let text = ms(&keys, |k| matches!(k.answer, super::log::Answer::Text(_)));
    let after = |warm| move |key: &Key| key.jumped == Some(warm);
    let accepted = |key: &Key| matches!(key.kind, Kind::AcceptedAll | Kind::AcceptedWord);
    vec![
        ("keys", keys.len() as f64),
        ("asked", share(asked, keys.len())),
        ("answered", count(Key::answered)),
        (
            "with_text",
            count(|k| matches!(k.answer, super::log::Answer::Text(_))),
        ),
        ("l50_all_ms", quantile(&all, 0.5)),
        ("l95_all_ms", quantile(&all, 0.95)),
        ("l99_all_ms", quantile(&all, 0.99)),
        ("l50_text_ms", quantile(&text, 0.5)),
        ("l95_text_ms", quantile(&text, 0.95)),
        ("l99_text_ms", quantile(&text, 0.99)),
        ("d100", d100(&keys, false)),
        ("d100_text", d100(&keys, true)),
        ("type_through", share(at_hand.len(), asked)),
        ("hit_share", share(hits.len(), asked)),
        ("skipped", count(|k| k.served == Served::Skipped)),
        ("hit_p50_ms", quantile(&at_hand, 0.5)),
        ("hit_p95_ms", quantile(&at_hand, 0.95)),
        ("cache_p95_ms", quantile(&hits, 0.95)),
        ("l50_model_ms", quantile(&model, 0.5)),
        ("l95_model_ms", quantile(&model, 0.95)),
        ("l99_model_ms", quantile(&model, 0.99)),
        ("after_accept_p50_ms", quantile(&ms(&keys, accepted), 0.5)),
        ("after_accept_p95_ms", quantile(&ms(&keys, accepted), 0.95)),
        ("cold_jump_p50_ms", quantile(&ms(&keys, after(false)), 0.5)),
        ("warm_jump_p50_ms", quantile(&ms(&keys, after(true)), 0.5)),
    ]
}

/// What was on the screen and what it would have saved: for traces in which every key was typed.
#[must_use]
pub fn texts(played: &[&Played], baseline: &Baseline) -> Figures {
    let mut display = Display::default();
    played.iter().for_each(|played| display.add(played));
    let strict = saved(played, Taste::Strict);
    vec![
        ("ks_strict", strict.share()),
        ("ks_oracle", saved(played, Taste::Oracle).share()),
        (
            "ks_ngram_strict",
            saved_by(baseline, played, Taste::Strict).share(),
        ),
        (
            "ks_ngram_oracle",
            saved_by(baseline, played, Taste::Oracle).share(),
        ),
        ("rocc_sim", share(strict.accepted, strict.characters)),
        // What the strict typist accepts is right, so all of it stays.
        ("arc", if strict.accepted > 0 { 1.0 } else { f64::NAN }),
        ("texts", display.texts as f64),
        ("precision", share(display.right, display.texts)),
        ("precision_line", share(display.right_line, display.texts)),
        ("wsr", share(display.wrong, display.texts)),
        ("wsr_keys", share(display.wrong_keys, display.shown_keys)),
        ("flicker", share(display.flicker, display.keys)),
        ("growth", share(display.growth, display.keys)),
    ]
}

/// What it cost.
#[must_use]
pub fn costs(cost: &Cost) -> Figures {
    let counters = &cost.counters;
    let ratio = |part: f64, whole: f64| {
        let known = cost.tells && whole > 0.0;
        if known { part / whole } else { f64::NAN }
    };
    let keys = cost.keys as f64;
    let cpu = cost.cpu_ms.unwrap_or(f64::NAN) / keys;
    vec![
        ("cwr", ratio(counters.tokens_unused, counters.tokens_run)),
        ("tokens_per_key", ratio(counters.tokens_run, keys)),
        ("model_calls_per_key", ratio(counters.model_calls, keys)),
        ("tokens_per_step", ratio(counters.generated, counters.steps)),
        (
            "decode_tokens_per_s",
            ratio(counters.generated * 1000.0, counters.decode_ms),
        ),
        ("cpu_ms_per_key", cpu),
        // ms a key are s a thousand keys.
        ("cpu_s_per_1000_keys", cpu),
    ]
}

/// What people did who accept: keys really pressed and characters really taken in the class `accept`.
#[must_use]
pub fn accepts(played: &[&Played]) -> Figures {
    let accepts: Vec<&&Played> = played.iter().filter(|p| p.class == Class::Accept).collect();
    let pressed: usize = accepts.iter().map(|p| p.keys.len()).sum();
    let accepted = |p: &Played| {
        let taken = |k: &&Key| matches!(k.kind, Kind::AcceptedAll | Kind::AcceptedWord);
        p.keys.iter().filter(taken).count()
    };
    let count: usize = accepts.iter().map(|p| accepted(p)).sum();
    let typed: usize = accepts
        .iter()
        .map(|p| {
            let end = p.keys.last().map_or(0, |key| key.end);
            crate::typist::keys(&p.target[..end]).len()
        })
        .sum();
    let saving = Saving {
        keys: typed,
        pressed,
        ..Saving::default()
    };
    vec![("accepts", count as f64), ("ks_done", saving.share())]
}

/// The figure of that name; NaN where there is none.
#[must_use]
pub fn get(figures: &Figures, name: &str) -> f64 {
    let found = figures.iter().find(|(known, _)| *known == name);
    found.map_or(f64::NAN, |(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::super::log::Answer;
    use super::super::log::tests::{key, played};
    use super::*;

    fn sample() -> Played {
        let mut keys = vec![key(1, Some("b")), key(2, None), key(3, None), key(4, None)];
        (keys[0].ms, keys[0].served) = (1.0, Served::Hit);
        (keys[1].ms, keys[1].served) = (150.0, Served::Model);
        (keys[2].ms, keys[2].answer) = (f64::INFINITY, Answer::None);
        keys[3].answer = Answer::NotAsked;
        played("abcd", keys)
    }

    #[test]
    fn unanswered_keys_are_late_and_unasked_ones_are_apart() {
        let played = sample();
        let figures = latencies(&[&played]);
        let expected = [
            ("keys", 4.0),
            ("asked", 0.75),
            ("answered", 2.0 / 3.0),
            ("l50_all_ms", 150.0),
            ("l95_all_ms", f64::INFINITY),
            ("d100", 1.0 / 3.0),
            ("hit_p95_ms", 1.0),
            ("l50_model_ms", 150.0),
        ];
        for (name, value) in expected {
            assert_eq!(get(&figures, name), value, "{name}");
        }
        assert!(get(&figures, "cold_jump_p50_ms").is_nan());
    }

    #[test]
    fn costs_need_a_server_that_tells() {
        let counters = Counters {
            tokens_run: 100.0,
            tokens_unused: 25.0,
            generated: 30.0,
            steps: 20.0,
            decode_ms: 60.0,
            ..Counters::default()
        };
        let mut cost = Cost {
            counters,
            tells: true,
            cpu_ms: Some(500.0),
            keys: 50,
        };
        let figures = costs(&cost);
        let named = [
            "cwr",
            "tokens_per_step",
            "decode_tokens_per_s",
            "cpu_ms_per_key",
        ];
        let values = named.map(|name| get(&figures, name));
        assert_eq!(values, [0.25, 1.5, 500.0, 10.0]);
        cost.tells = false;
        assert!(get(&costs(&cost), "cwr").is_nan());
        assert_eq!(get(&costs(&cost), "cpu_ms_per_key"), 10.0);
    }

    #[test]
    fn an_interval_of_equals_is_a_point() {
        let played = sample();
        let same = [&played, &played, &played];
        let (low, high) = interval(&same, WITH_INTERVAL[0].1, 1);
        assert_eq!((low, high), (150.0, 150.0));
    }
}
