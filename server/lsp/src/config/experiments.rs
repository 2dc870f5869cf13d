//! Experiments that the user declared in `metrics.experiments`: one setting varied over arms, of which this installation has one for
//! as long as the declaration stands. An experiment with a mistake is left out whole, with a sentence.
//!
//! What may be varied is a closed list, and a value is checked like the setting that it stands for. An arm goes over the user's and the
//! editor's layers and under the workspace's, which can still forbid.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::Path;

use foretoken_engine::experiment::{self, POINTS};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Most arms of one experiment, and most experiments: both are labels.
const MOST: usize = 12;

/// What an arm changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Vary {
    /// The gate of suggestions.
    #[serde(rename = "completion.minimumProbability")]
    Gate,
    /// Pieces of other files in the model's prompt.
    #[serde(rename = "completion.context")]
    Context,
    /// The wait before a suggestion.
    #[serde(rename = "completion.debounceMs")]
    Debounce,
    /// The local model, by its folder.
    #[serde(rename = "model.folder")]
    Model,
    /// The wording of questions to remote models: `standard` or `brief`.
    #[serde(rename = "remote.wording")]
    Wording,
    /// The order in which remote models are asked, as `endpoint/model`; it admits nobody.
    #[serde(rename = "remote.order")]
    Order,
}

/// What counts as a trial, and as a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Suggestions offered; of these, accepted.
    Offers,
    /// Questions answered, with a text or with none; accepted texts. What a gate holds back counts against it.
    Questions,
    /// Answers rated and edits decided; useful and applied ones.
    Answers,
}

impl Vary {
    /// The setting's path.
    pub fn path(self) -> &'static str {
        match self {
            Vary::Gate => "completion.minimumProbability",
            Vary::Context => "completion.context",
            Vary::Debounce => "completion.debounceMs",
            Vary::Model => "model.folder",
            Vary::Wording => "remote.wording",
            Vary::Order => "remote.order",
        }
    }

    /// What is compared.
    pub fn outcome(self) -> Outcome {
        match self {
            Vary::Gate => Outcome::Questions,
            Vary::Context | Vary::Debounce | Vary::Model => Outcome::Offers,
            Vary::Wording | Vary::Order => Outcome::Answers,
        }
    }
}

/// The form of an experiment in the file.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Declared {
    /// Your name for it: small letters, digits and `-`.
    name: String,
    /// The setting that differs between arms.
    vary: Vary,
    /// Two or more; the first is what the others are compared with.
    arms: Vec<Arm>,
}

/// One arm.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
struct Arm {
    /// Its name, like the experiment's.
    name: String,
    /// Its share of installations, in relation to the other arms' shares. Not set: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    share: NonZeroU32,
    /// The setting's value; without it the setting is as it is without the experiment.
    #[serde(default)]
    value: Option<Value>,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

/// An experiment with the arm of this installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    pub name: String,
    pub vary: Vary,
    /// The names of all arms, the one to compare with first.
    pub arms: Vec<String>,
    /// This installation's.
    pub arm: String,
    value: Option<Value>,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Experiments {
    list: Vec<Experiment>,
}

impl Experiments {
    /// The experiments of a list for the installation with these bits, and why others are left out.
    pub fn read(declared: &[Value], installation: &[u8]) -> (Experiments, Vec<String>) {
        let (mut list, mut problems) = (Vec::<Experiment>::new(), Vec::new());
        for (at, value) in declared.iter().enumerate() {
            let read = serde_json::from_value::<Declared>(value.clone());
            let read = read.map_err(|error| error.to_string());
            let taken = |declared: Declared| {
                let same =
                    |known: &Experiment| known.vary == declared.vary || known.name == declared.name;
                match list.iter().any(same) {
                    true => Err("another experiment has its name or varies the same".to_owned()),
                    false if list.len() == MOST => Err(format!("there are {MOST} already")),
                    false => Ok(declared),
                }
            };
            match read.and_then(taken).and_then(|d| drawn(d, installation)) {
                Ok(experiment) => list.push(experiment),
                Err(reason) => {
                    problems.push(format!("experiment {} is ignored: {reason}.", at + 1));
                }
            }
        }
        (Experiments { list }, problems)
    }

    /// In the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Experiment> {
        self.list.iter()
    }

    /// The value that an arm sets.
    pub fn value(&self, vary: Vary) -> Option<&Value> {
        let mut list = self.list.iter();
        list.find(|known| known.vary == vary)?.value.as_ref()
    }

    /// The word that an arm sets.
    pub fn word(&self, vary: Vary) -> Option<&str> {
        self.value(vary).and_then(Value::as_str)
    }

    /// The list of words that an arm sets.
    pub fn words(&self, vary: Vary) -> Option<Vec<String>> {
        let words = self.value(vary)?.as_array()?.iter();
        Some(words.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The arms' settings as a layer would write them, without those that no layer has.
    pub fn as_layer(&self) -> Value {
        let mut layer = json!({});
        for vary in [Vary::Gate, Vary::Context, Vary::Debounce, Vary::Model] {
            if let (Some(value), Some((section, key))) =
                (self.value(vary), vary.path().split_once('.'))
            {
                layer[section][key] = value.clone();
            }
        }
        layer
    }

    /// `experiment=arm` of all that touch questions to remote models, for the books; `None` without any.
    pub fn variant(&self) -> Option<String> {
        let remote = self.list.iter();
        let remote = remote.filter(|known| known.vary.outcome() == Outcome::Answers);
        let names: Vec<String> = remote
            .map(|known| format!("{}={}", known.name, known.arm))
            .collect();
        (!names.is_empty()).then(|| names.join(" "))
    }
}

/// The experiment with the arm that this installation draws, the same each time.
fn drawn(declared: Declared, installation: &[u8]) -> Result<Experiment, String> {
    let Declared { name, vary, arms } = declared;
    let names: BTreeSet<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
    if !is_label(&name) || !names.iter().all(|name| is_label(name)) {
        return Err("names are 1 to 32 small letters, digits and `-`".to_owned());
    }
    if !(2..=MOST).contains(&arms.len()) || names.len() < arms.len() {
        return Err(format!("it needs 2 to {MOST} `arms` of different names"));
    }
    for arm in &arms {
        if let Some(value) = &arm.value
            && !fits(vary, value)
        {
            return Err(format!("{value} is no value of `{}`", vary.path()));
        }
    }
    let shares: Vec<NonZeroU32> = arms.iter().map(|arm| arm.share).collect();
    // A byte between the two, so that no pair of parts gives the same bytes.
    let hash = Sha256::new()
        .chain_update(installation)
        .chain_update([0])
        .chain_update(name.as_bytes())
        .finalize();
    let bits = hash
        .iter()
        .take(8)
        .fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    let point = u32::try_from(bits % u64::from(POINTS)).unwrap_or_default();
    let mine = experiment::arm(point, &shares).and_then(|at| arms.get(at));
    let mine = mine.ok_or("it has no arms")?.clone();
    Ok(Experiment {
        name,
        vary,
        arms: arms.into_iter().map(|arm| arm.name).collect(),
        arm: mine.name,
        value: mine.value,
    })
}

fn is_label(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=32).contains(&name.len()) && name.chars().all(fits)
}

fn fits(vary: Vary, value: &Value) -> bool {
    match vary {
        Vary::Gate => value.as_f64().is_some_and(|p| (0.0..=1.0).contains(&p)),
        Vary::Context => matches!(value.as_str(), Some("auto" | "on" | "off")),
        Vary::Debounce => value.as_u64().is_some_and(|ms| ms <= 10_000),
        // A relative one would be another folder for each way to start the program.
        Vary::Model => value
            .as_str()
            .is_some_and(|folder| folder.starts_with("~/") || Path::new(folder).is_absolute()),
        Vary::Wording => matches!(value.as_str(), Some("standard" | "brief")),
        Vary::Order => value.as_array().is_some_and(|names| {
            let is_name = |name: &Value| name.as_str().is_some_and(|name| name.contains('/'));
            !names.is_empty() && names.iter().all(is_name)
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn gate(name: &str) -> Value {
        json!({
            "name": name,
            "vary": "completion.minimumProbability",
            "arms": [{"name": "fitted"}, {"name": "careful", "share": 3, "value": 0.5}],
        })
    }

    #[test]
    fn an_installation_keeps_its_arm_and_all_together_have_the_shares() {
        let mut counts = BTreeMap::new();
        for installation in 0..4_000_u32 {
            let bits = installation.to_be_bytes();
            let (one, problems) = Experiments::read(&[gate("gate")], &bits);
            assert_eq!(problems, [""; 0]);
            assert_eq!(Experiments::read(&[gate("gate")], &bits).0, one);
            *counts.entry(one.list[0].arm.clone()).or_insert(0) += 1;
            let set = one.value(Vary::Gate).is_some();
            assert_eq!(set, one.list[0].arm == "careful");
        }
        // 3,000 expected with a deviation of 27.
        assert!((2_890..3_110).contains(&counts["careful"]), "{counts:?}");
    }

    #[test]
    fn two_experiments_do_not_go_together() {
        let other = |name: &str| json!({"name": name, "vary": "remote.wording", "arms": [{"name": "a"}, {"name": "b", "value": "brief"}]});
        let same = (0..2_000_u32).filter(|installation| {
            let all = [gate("gate"), other("words")];
            let (both, _) = Experiments::read(&all, &installation.to_be_bytes());
            (both.list[0].arm == "fitted") == (both.list[1].arm == "a")
        });
        // Independent arms of 1/4 and 1/2 agree in half of the cases.
        let same = same.count();
        assert!((900..1_100).contains(&same), "{same}");
        let (both, _) = Experiments::read(&[other("words")], b"x");
        let variant = both.variant().unwrap();
        assert!(variant == "words=a" || variant == "words=b", "{variant}");
        assert_eq!(Experiments::read(&[gate("gate")], b"x").0.variant(), None);
    }

    #[test]
    fn a_mistake_costs_its_experiment_and_says_what_it_is() {
        let with = |change: &dyn Fn(&mut Value)| {
            let mut value = gate("gate");
            change(&mut value);
            value
        };
        for (value, word) in [
            (with(&|v| v["name"] = "A b".into()), "small letters"),
            (
                with(&|v| v["arms"][1]["name"] = "fitted".into()),
                "different names",
            ),
            (with(&|v| v["arms"] = json!([{"name": "one"}])), "2 to 12"),
            (with(&|v| v["arms"][1]["value"] = 2.into()), "2 is no value"),
            (with(&|v| v["arms"][1]["share"] = 0.into()), "zero"),
            (
                with(&|v| v["vary"] = "remote.endpoints".into()),
                "unknown variant",
            ),
            (with(&|v| v["unheard"] = 1.into()), "unheard"),
            (json!(7), "invalid type"),
        ] {
            let (none, problems) = Experiments::read(std::slice::from_ref(&value), b"x");
            assert_eq!(none, Experiments::default(), "{value}");
            assert!(problems[0].contains(word), "{problems:?}");
        }
        let twice = Experiments::read(&[gate("one"), gate("two")], b"x");
        assert_eq!((twice.0.list.len(), twice.1.len()), (1, 1), "{twice:?}");
    }

    #[test]
    fn arms_are_written_as_a_layer_writes_settings() {
        let always = json!([
            {"name": "g", "vary": "completion.minimumProbability", "arms": [{"name": "a", "value": 0.5}, {"name": "b", "value": 0.5}]},
            {"name": "o", "vary": "remote.order", "arms": [{"name": "a", "value": ["h/m"]}, {"name": "b", "value": ["h/m"]}]},
        ]);
        let (all, problems) = Experiments::read(always.as_array().unwrap(), b"x");
        assert_eq!(problems, [""; 0]);
        assert_eq!(
            all.as_layer(),
            json!({"completion": {"minimumProbability": 0.5}})
        );
        assert_eq!(all.value(Vary::Order), Some(&json!(["h/m"])));
    }
}
