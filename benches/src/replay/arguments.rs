//! The command line of the replay.

use std::path::{Path, PathBuf};
use std::time::Duration;

use foretoken_tests::persona::Persona;
use foretoken_tests::process;

use super::history::Repository;
use super::manifest;
use super::pace::Pace;
use super::player::How;
use super::run::Plan;
use super::select::Wish;
use super::traces::Class;
use super::variants::{self, Variant};

/// What `--help` prints.
pub const HELP: &str = "\
Types real edit histories into a language server and measures it.

replay [OPTIONS] [REPOSITORY...]

What is typed (default: the history of this repository)
  REPOSITORY...          folders of git repositories
  --manifest FILE        list of pinned public commits, such as benches/replay.csv
  --checkouts FOLDER     where the repositories of the list lie
  --commits N            newest commits of a REPOSITORY that are looked at (400)
  --keys N               keys of the class `type`; each other class gets a tenth (400)
  --classes LIST         of type,retype,accept,paste,jump,enter,long,undo (all)
  --seed N               what all choices come from (1)

How it is typed
  --pace real|quick      a person's gaps, or each key right after the answer to the one before (quick)
  --gaps LIST            medians of a person's gaps in ms, trace by trace in turn (130,220)
  --speed X              real pace, X times as fast (1)
  --within MS            quick pace: longest wait for an answer (500)
  --ask-delay MS         from a change to its request, for an editor that asks at once (0)
  --persona LIST         of vscode,neovim,helix and the others of tests/personas (vscode)

What is measured
  --server CMD           a shell's command line (the built foretoken)
  --kinds                each kind of speculation switched off in turn
  --variants LIST        of the words that --kinds prints (shipped,ungated)
  --idle S               seconds without typing at the end (0)
  --without-model        measure a server that says it has no model

What comes out
  --json FILE            all figures
  --gate                 exit 1 where a gate is missed
  --limit-minutes M      end then, with what there is; Ctrl-C does the same
";

/// A command line, read.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// Histories.
    pub repositories: Vec<Repository>,
    /// Histories that are not at hand.
    pub notes: Vec<String>,
    /// Which traces.
    pub wish: Wish,
    /// One plan for each editor.
    pub plans: Vec<Plan>,
    /// Where the figures go.
    pub json: Option<PathBuf>,
    /// A missed gate is a failure.
    pub gate: bool,
    /// When to end.
    pub limit: Option<Duration>,
}

#[derive(Default)]
struct Raw {
    folders: Vec<PathBuf>,
    manifest: Option<PathBuf>,
    checkouts: Option<PathBuf>,
    commits: Option<usize>,
    keys: Option<usize>,
    classes: Option<String>,
    seed: Option<u64>,
    real: bool,
    gaps: Option<String>,
    speed: Option<f64>,
    within: Option<f64>,
    ask_delay: Option<f64>,
    personas: Option<String>,
    server: Option<String>,
    kinds: bool,
    variants: Option<String>,
    idle: Option<f64>,
    without_model: bool,
    json: Option<PathBuf>,
    gate: bool,
    limit: Option<f64>,
}

/// Reads a command line; `None` is a wish for help.
///
/// # Errors
/// What is not understood, as a sentence.
pub fn read(words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut raw = Raw::default();
    let mut words = words;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--manifest" => raw.manifest = Some(value()?.into()),
            "--checkouts" => raw.checkouts = Some(value()?.into()),
            "--commits" => raw.commits = Some(number(&value()?)? as usize),
            "--keys" => raw.keys = Some(number(&value()?)? as usize),
            "--classes" => raw.classes = Some(value()?),
            "--seed" => raw.seed = Some(number(&value()?)? as u64),
            "--pace" => {
                raw.real = match value()?.as_str() {
                    "real" => true,
                    "quick" => false,
                    other => return Err(format!("--pace is real or quick, not {other}")),
                }
            }
            "--gaps" => raw.gaps = Some(value()?),
            "--speed" => (raw.real, raw.speed) = (true, Some(number(&value()?)?)),
            "--within" => raw.within = Some(number(&value()?)?),
            "--ask-delay" => raw.ask_delay = Some(number(&value()?)?),
            "--persona" => raw.personas = Some(value()?),
            "--server" => raw.server = Some(value()?),
            "--kinds" => raw.kinds = true,
            "--variants" => raw.variants = Some(value()?),
            "--idle" => raw.idle = Some(number(&value()?)?),
            "--without-model" => raw.without_model = true,
            "--json" => raw.json = Some(value()?.into()),
            "--gate" => raw.gate = true,
            "--limit-minutes" => raw.limit = Some(number(&value()?)?),
            option if option.starts_with('-') => {
                return Err(format!("{option} is unknown; --help names what is known"));
            }
            folder => raw.folders.push(folder.into()),
        }
    }
    raw.check().map(Some)
}

fn number(text: &str) -> Result<f64, String> {
    let number = text
        .parse::<f64>()
        .ok()
        .filter(|n| *n >= 0.0 && n.is_finite());
    number.ok_or(format!("{text} is no number"))
}

fn list(text: Option<&String>, default: &str) -> Vec<String> {
    let text = text.map_or(default, String::as_str);
    text.split(',').map(|word| word.trim().to_owned()).collect()
}

impl Raw {
    fn check(self) -> Result<Arguments, String> {
        let (repositories, notes) = self.repositories()?;
        let ms = |ms: f64| Duration::from_secs_f64(ms / 1000.0);
        let how = How {
            persona: String::new(),
            pace: self.pace()?,
            ask_delay: ms(self.ask_delay.unwrap_or(0.0)),
            without_model: self.without_model,
        };
        let variants = self.variants()?;
        let known: Vec<String> = Persona::all().into_iter().map(|p| p.name).collect();
        let mut plans = Vec::new();
        for persona in list(self.personas.as_ref(), "vscode") {
            if !known.contains(&persona) {
                return Err(format!(
                    "no persona {persona}; known are {}",
                    known.join(", ")
                ));
            }
            plans.push(Plan {
                command: self.server.clone(),
                // The variants are compared once, by the first editor.
                variants: variants[..if plans.is_empty() { variants.len() } else { 1 }].to_vec(),
                how: How {
                    persona,
                    ..how.clone()
                },
                idle: self.idle.filter(|s| *s > 0.0).map(Duration::from_secs_f64),
            });
        }
        Ok(Arguments {
            repositories,
            notes,
            wish: Wish {
                keys: self.keys.unwrap_or(400),
                classes: self.classes()?,
                seed: self.seed.unwrap_or(1),
            },
            plans,
            json: self.json,
            gate: self.gate,
            limit: self
                .limit
                .map(|minutes| Duration::from_secs_f64(minutes * 60.0)),
        })
    }

    fn classes(&self) -> Result<Vec<Class>, String> {
        let Some(words) = &self.classes else {
            return Ok(Class::ALL.to_vec());
        };
        let of = |word: String| {
            let found = Class::ALL.into_iter().find(|class| class.word() == word);
            found.ok_or(format!("no class {word}"))
        };
        list(Some(words), "").into_iter().map(of).collect()
    }

    fn pace(&self) -> Result<Pace, String> {
        if !self.real {
            let within = Duration::from_secs_f64(self.within.unwrap_or(500.0) / 1000.0);
            return Ok(Pace::Quick { within });
        }
        let medians = list(self.gaps.as_ref(), "130,220");
        let medians: Result<Vec<f64>, String> = medians.iter().map(|m| number(m)).collect();
        let speed = self.speed.unwrap_or(1.0);
        if speed < 0.01 {
            return Err("--speed is at least 0.01".to_owned());
        }
        Ok(Pace::Real {
            medians: medians?,
            speed,
        })
    }

    /// As shipped first: all ratios are to it.
    fn variants(&self) -> Result<Vec<Variant>, String> {
        let all = variants::words().join(",");
        let default = match (&self.server, self.kinds) {
            (_, true) => &all,
            (None, _) => "shipped,ungated",
            // A foreign server has nothing to switch.
            (Some(_), _) => variants::SHIPPED,
        };
        let mut words = list(self.variants.as_ref(), default);
        words.retain(|word| word != variants::SHIPPED);
        words.insert(0, variants::SHIPPED.to_owned());
        let of = |word: String| {
            variants::variant(&word).ok_or(format!("no variant {word}; known are {all}"))
        };
        words.into_iter().map(of).collect()
    }

    fn repositories(&self) -> Result<(Vec<Repository>, Vec<String>), String> {
        let commits = self.commits.unwrap_or(400);
        let at = |folder: &PathBuf| Repository::at(folder, commits);
        let (mut found, mut notes): (Vec<_>, _) =
            (self.folders.iter().map(at).collect(), Vec::new());
        if let Some(path) = &self.manifest {
            let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
            let text = std::fs::read_to_string(path).map_err(|e| named(&e))?;
            let checkouts = self.checkouts.as_deref().unwrap_or(Path::new("."));
            for row in manifest::parse(&text).map_err(|e| named(&e))? {
                match row.checkout(checkouts) {
                    Some(repository) => found.push(repository),
                    None => notes.push(format!(
                        "{} is skipped: no checkout of it below {}",
                        row.repository,
                        checkouts.display()
                    )),
                }
            }
        } else if found.is_empty() {
            found.push(Repository::at(process::root(), commits));
        }
        if found.is_empty() {
            return Err(format!(
                "nothing to type: none of the list's repositories is there; --checkouts says where they are ({})",
                notes.join("; ")
            ));
        }
        Ok((found, notes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Arguments, String> {
        let words = line.split_whitespace().map(str::to_owned);
        read(words).map(|arguments| arguments.expect("no help was asked for"))
    }

    #[test]
    fn the_default_is_this_repository_gated_and_ungated() {
        let arguments = of("").unwrap();
        assert_eq!(arguments.repositories[0].folder, process::root());
        let plan = &arguments.plans[0];
        let words: Vec<&str> = plan.variants.iter().map(|v| v.word).collect();
        assert_eq!(words, ["shipped", "ungated"]);
        assert_eq!(plan.how.persona, "vscode");
        assert!(matches!(plan.how.pace, Pace::Quick { .. }));
    }

    #[test]
    fn only_the_first_editor_compares_variants() {
        let arguments = of("--kinds --persona vscode,helix").unwrap();
        assert_eq!(arguments.plans[0].variants.len(), variants::words().len());
        assert_eq!(arguments.plans[1].variants.len(), 1);
        let foreign = of("--server other").unwrap();
        assert_eq!(foreign.plans[0].variants.len(), 1);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, word) in [
            ("--fast", "--fast"),
            ("--keys", "--keys"),
            ("--keys many", "many"),
            ("--persona ed", "ed"),
            ("--classes type,sleep", "sleep"),
            ("--variants no-lunch", "no-lunch"),
            ("--manifest /nonexistent", "/nonexistent"),
            ("--pace slow", "slow"),
        ] {
            let sentence = of(line).unwrap_err();
            assert!(sentence.contains(word), "{line}: {sentence}");
        }
        assert!(read(["--help".to_owned()].into_iter()).unwrap().is_none());
    }
}
