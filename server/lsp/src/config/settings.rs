//! What the program runs with: every value present, checked and in its final type.
//! `Settings::default()` is the built-in layer. Do not put an `Option` here that means "not set";
//! an `Option` means that the value's owner (the client, the model) decides.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use foretoken_engine::exclude::{SECRETS, is_secret};
use foretoken_engine::privacy::Level;
use foretoken_engine::route::NanoUsd;
use foretoken_grammars::Language;
use foretoken_remote::audit::Keep;
use globset::{Glob, GlobSet, GlobSetBuilder};
use serde_json::Value;

use super::endpoints::Endpoints;
use super::experiments::Experiments;
use super::reports::Reports;
use super::sources::Sources;
use crate::models::{Chosen, Models};
use crate::paths::Paths;

/// All settings in force, complete and plain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// For the loop, which asks it at every request.
    pub completion: Completion,
    /// Read when the model is started.
    pub model: Model,
    /// Read when the model is started.
    pub runtime: Runtime,
    /// Read when a workspace is opened, and when it changes.
    pub index: Index,
    /// For questions to remote models.
    pub remote: Remote,
    /// Asked before figures are written.
    pub metrics: Metrics,
    /// Asked before anything is learned or told of the user's style.
    pub memory: Memory,
    /// For questions to remote models.
    pub audit: Audit,
    /// Read when the process is started.
    pub reports: Reports,
    /// Read when the process is started.
    pub log: Log,
}

impl Settings {
    /// How the local model is started with these settings; where they name none, the one that the user chose is taken, which
    /// `paths` leads to.
    pub fn infer(&self, paths: Option<&Paths>) -> foretoken_infer::Options {
        foretoken_infer::Options {
            package: self.chosen(paths).default,
            library: self.runtime.onnxruntime.clone(),
            data_dir: paths.map(|paths| paths.data.clone()),
            threads: self.runtime.threads,
            drafts: self.runtime.drafts,
            kv_reuse: self.runtime.kv_reuse,
            ..foretoken_infer::Options::default()
        }
    }

    /// Which model answers where: a folder that the settings name counts more than what was chosen for
    /// everything, and less than what was chosen for a language.
    pub fn chosen(&self, paths: Option<&Paths>) -> Chosen {
        let chosen = paths.map(|paths| Models::of(paths).chosen());
        let chosen = chosen.unwrap_or_default();
        match self.model.folder.clone() {
            None => chosen,
            Some(folder) => Chosen {
                default: foretoken_infer::Source::Folder(folder),
                ..chosen
            },
        }
    }

    /// The value of one key of `KEYS` in the form of the files; null where its owner decides.
    pub fn value(&self, path: &str) -> Value {
        let shown = |path: &Option<PathBuf>| match path {
            Some(path) => Value::from(path.to_string_lossy()),
            None => Value::Null,
        };
        let Settings {
            completion,
            model,
            runtime,
            index,
            remote,
            metrics,
            memory,
            audit,
            reports,
            log,
        } = self;
        let dollars = |limit: Option<NanoUsd>| match limit {
            Some(NanoUsd(amount)) => (amount as f64 / 1e9).into(),
            None => Value::Null,
        };
        match path {
            "completion.enabled" => completion.enabled.into(),
            "completion.disabledLanguages" => completion
                .disabled_languages
                .iter()
                .map(|language| language.id())
                .collect(),
            "completion.exclude" => completion.exclude.patterns().collect(),
            "completion.debounceMs" => completion
                .debounce
                .map_or(Value::Null, |wait| (wait.as_millis() as u64).into()),
            "completion.governor" => if completion.governor { "auto" } else { "off" }.into(),
            "completion.context" => match completion.context {
                Context::Auto => "auto".into(),
                Context::On => "on".into(),
                Context::Off => "off".into(),
            },
            "completion.menu" => match completion.menu {
                Menu::Auto => "auto".into(),
                Menu::Always => "always".into(),
                Menu::Never => "never".into(),
            },
            // Through text, so that 0.3 is not shown as its nearest 64-bit neighbour.
            "completion.minimumProbability" => completion
                .minimum_probability
                .and_then(|least| serde_json::from_str(&least.to_string()).ok())
                .unwrap_or(Value::Null),
            "model.folder" => shown(&model.folder),
            "model.sources" => model.sources.urls().collect(),
            "runtime.onnxruntime" => shown(&runtime.onnxruntime),
            "runtime.threads" => runtime.threads.into(),
            "runtime.drafts" => runtime.drafts.into(),
            "runtime.kvReuse" => runtime.kv_reuse.into(),
            "index.enabled" => index.enabled.into(),
            "index.embedder" => shown(&index.encoders.embedder),
            "index.reranker" => shown(&index.encoders.reranker),
            "remote.enabled" => remote.enabled.into(),
            "remote.level" => remote.level.code().into(),
            "remote.localOnly" => remote.local_only.patterns().collect(),
            "remote.region" => remote.region.clone().map_or(Value::Null, Value::from),
            "remote.dailyBudget" => dollars(remote.daily_budget),
            "remote.monthlyBudget" => dollars(remote.monthly_budget),
            "remote.requestBudget" => dollars(remote.request_budget),
            "remote.tools" => remote.tools.into(),
            // By their names: an address may hold what the user would not show around.
            "remote.endpoints" => remote.endpoints.names().collect(),
            "metrics.keep" => metrics.keep.into(),
            // By the arm that this installation has.
            "metrics.experiments" => metrics
                .experiments
                .iter()
                .map(|experiment| format!("{}={}", experiment.name, experiment.arm))
                .collect(),
            "memory.style" => memory.style.into(),
            "audit.enabled" => audit.enabled.into(),
            "audit.prompt" => audit.prompt.code().into(),
            "audit.answer" => audit.answer.code().into(),
            "audit.retentionDays" => audit.retention_days.into(),
            "reports.dsn" => reports
                .dsn
                .as_ref()
                .map_or(Value::Null, |dsn| dsn.written().into()),
            "reports.proxy" => reports.proxy_shown().into(),
            "reports.caFile" => shown(&reports.ca_file),
            "log.filter" => log.filter.clone().map_or(Value::Null, Value::from),
            _ => Value::Null,
        }
    }
}

/// What is suggested, where and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// False answers every request with nothing and keeps the model idle.
    pub enabled: bool,
    /// Languages where nothing is suggested.
    pub disabled_languages: BTreeSet<Language>,
    /// Files where nothing is suggested.
    pub exclude: Exclude,
    /// Wait between the last keystroke and the start of the work; `None` leaves it to the governor,
    /// which asks for none but in bursts.
    pub debounce: Option<Duration>,
    /// Give up work ahead on battery and under load.
    pub governor: bool,
    /// Show the model cuts of the other open files.
    pub context: Context,
    /// Offer suggestions in the completion menu of clients without ghost text.
    pub menu: Menu,
    /// Least estimated probability (0 to 1) that a shown suggestion is right; `None` takes the value
    /// that was fitted for the model.
    pub minimum_probability: Option<f32>,
}

impl Default for Completion {
    fn default() -> Completion {
        Completion {
            enabled: true,
            disabled_languages: BTreeSet::new(),
            exclude: Exclude::default(),
            debounce: None,
            governor: true,
            context: Context::Auto,
            menu: Menu::Auto,
            minimum_probability: None,
        }
    }
}

impl Completion {
    /// Whether suggestions are wanted in the file at this absolute path, written in this language. Without
    /// them in plain text there are none in what is completed as plain text.
    pub fn allows(&self, path: &Path, language: Language) -> bool {
        let disabled = |language| self.disabled_languages.contains(&language);
        let as_text = !language.has_scopes() && disabled(Language::Text);
        self.enabled && !as_text && !disabled(language) && !self.exclude.matches(path)
    }
}

/// When the model is shown cuts of the other open files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Context {
    /// Where that was measured to help the model, by the word of its package.
    #[default]
    Auto,
    /// Wherever its prompt has room for them.
    On,
    /// Never.
    Off,
}

impl Context {
    /// Whether a model of which its package says this is shown any.
    pub fn shows(self, helps: bool) -> bool {
        match self {
            Context::Auto => helps,
            Context::On => true,
            Context::Off => false,
        }
    }
}

/// When the completion menu carries suggestions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Menu {
    /// Only for clients that cannot show ghost text.
    #[default]
    Auto,
    /// Also for clients that show ghost text, which then offer the same text twice.
    Always,
    /// For nobody.
    Never,
}

/// Which generating model is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// Folder of a model package; `None` is the embedded one.
    pub folder: Option<PathBuf>,
    /// Where models may be fetched from, when the user asks for it.
    pub sources: Sources,
}

/// How the model is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// The ONNX Runtime library to load; `None` searches the usual places.
    pub onnxruntime: Option<PathBuf>,
    /// Intra-op threads, at least 1. Two were no faster than one under load (measured on two cores),
    /// so the default leaves the other cores to the editor.
    pub threads: usize,
    /// Verify several guessed tokens in one step; the text is the same with and without.
    pub drafts: bool,
    /// Keep the attention state between requests; the text is the same with and without.
    pub kv_reuse: bool,
}

impl Default for Runtime {
    fn default() -> Runtime {
        Runtime {
            onnxruntime: None,
            threads: 1,
            drafts: true,
            kv_reuse: true,
        }
    }
}

/// The index of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Files are read ahead and found by what is in them.
    pub enabled: bool,
    /// What orders them beyond their words.
    pub encoders: Encoders,
}

/// What the user has chosen to order what is found; without a choice words alone do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Encoders {
    /// A table's file, or the folder of a package of kind "embed".
    pub embedder: Option<PathBuf>,
    /// The folder of a package of kind "rerank".
    pub reranker: Option<PathBuf>,
}

impl Default for Index {
    fn default() -> Index {
        Index {
            enabled: true,
            encoders: Encoders::default(),
        }
    }
}

/// What is kept of counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Counts and times stay on this machine when a session has ended.
    pub keep: bool,
    /// Settings that differ between installations.
    pub experiments: Experiments,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            keep: true,
            experiments: Experiments::default(),
        }
    }
}

/// Which remote models may be asked, and with what.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    /// False asks nobody, whatever was allowed before.
    pub enabled: bool,
    /// How far text may go once the user has allowed it.
    pub level: Level,
    /// Files of which no text leaves this machine.
    pub local_only: Exclude,
    /// The only region that may serve.
    pub region: Option<String>,
    /// After this much in a day nothing that costs is sent.
    pub daily_budget: Option<NanoUsd>,
    /// The same for a calendar month.
    pub monthly_budget: Option<NanoUsd>,
    /// Most that one request may cost.
    pub request_budget: Option<NanoUsd>,
    /// Models that can may look more up while they answer.
    pub tools: bool,
    /// Where models are served, as the user declared it.
    pub endpoints: Endpoints,
}

impl Default for Remote {
    fn default() -> Remote {
        Remote {
            enabled: true,
            level: Level::Public,
            local_only: Exclude::none(),
            region: None,
            daily_budget: None,
            monthly_budget: None,
            request_budget: None,
            tools: false,
            endpoints: Endpoints::default(),
        }
    }
}

/// What is known of how the user writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Accepted code is counted, and models that write code are told what came of it.
    pub style: bool,
}

/// What is kept of questions to remote models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// False keeps no rows; what was spent is counted all the same.
    pub enabled: bool,
    /// Of the text that was sent.
    pub prompt: Keep,
    /// Of what came back.
    pub answer: Keep,
    /// Older rows are removed, days.
    pub retention_days: u64,
}

impl Default for Audit {
    fn default() -> Audit {
        Audit {
            enabled: true,
            prompt: Keep::Hash,
            answer: Keep::Hash,
            retention_days: 30,
        }
    }
}

impl Audit {
    /// Whether texts themselves are kept.
    pub fn keeps_text(&self) -> bool {
        self.enabled && [self.prompt, self.answer].contains(&Keep::Full)
    }
}

/// What is written to the log file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// A `tracing` filter such as `foretoken=debug`; `None` writes no file.
    pub filter: Option<String>,
}

/// A set of glob patterns over paths, compared by its patterns.
#[derive(Clone, Debug)]
pub struct Exclude {
    /// The files of secrets by name are in it.
    secrets: bool,
    patterns: Vec<Pattern>,
    /// Made of all patterns at once, because a path is looked up far more often than one is added.
    set: GlobSet,
}

/// One pattern as written, and the folder that a leading `/` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    text: String,
    /// `None` is the root of the file system.
    base: Option<PathBuf>,
}

impl Default for Exclude {
    fn default() -> Exclude {
        Exclude {
            secrets: true,
            ..Exclude::none()
        }
    }
}

impl PartialEq for Exclude {
    fn eq(&self, other: &Exclude) -> bool {
        self.secrets == other.secrets && self.patterns == other.patterns
    }
}

impl Exclude {
    /// A set that matches nothing.
    pub fn none() -> Exclude {
        Exclude {
            secrets: false,
            patterns: Vec::new(),
            set: GlobSet::empty(),
        }
    }

    /// Adds one pattern. Without a leading `/` it matches at any depth; with one it starts at `base`,
    /// or at the root of the file system where there is no base. A folder that matches covers all
    /// that lies below it. The error says what is wrong with the pattern.
    pub fn add(&mut self, text: &str, base: Option<&Path>) -> Result<(), String> {
        let pattern = Pattern {
            text: text.to_owned(),
            base: base.map(Path::to_owned),
        };
        if self.patterns.contains(&pattern) {
            return Ok(());
        }
        for glob in pattern.globs() {
            Glob::new(&glob).map_err(|error| error.kind().to_string())?;
        }
        self.patterns.push(pattern);
        let mut builder = GlobSetBuilder::new();
        for glob in self.patterns.iter().flat_map(Pattern::globs) {
            builder.add(Glob::new(&glob).map_err(|error| error.kind().to_string())?);
        }
        self.set = builder.build().map_err(|error| error.kind().to_string())?;
        Ok(())
    }

    /// Whether the file at this absolute path is excluded.
    pub fn matches(&self, path: &Path) -> bool {
        self.set.is_match(path) || self.secrets && is_secret(path)
    }

    /// Whether text of the file may go anywhere but into its own completions: into an index, another
    /// file's prompt or a remote model. Files of secrets may not, whatever a user takes off the list.
    pub fn withholds(&self, path: &Path) -> bool {
        self.matches(path) || is_secret(path)
    }

    /// The patterns as they were written, the built-in ones first.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        let built_in = if self.secrets { SECRETS } else { &[] };
        let added = self.patterns.iter().map(|pattern| pattern.text.as_str());
        built_in.iter().copied().chain(added)
    }
}

impl Pattern {
    /// The pattern for a file and the one for all below a folder of that name.
    fn globs(&self) -> [String; 2] {
        let text = self.text.trim_end_matches('/');
        let full = match (text.strip_prefix('/'), &self.base) {
            (Some(rest), Some(base)) => {
                format!("{}/{rest}", globset::escape(&base.to_string_lossy()))
            }
            (Some(_), None) => text.to_owned(),
            (None, _) => format!("**/{}", text.trim_start_matches("**/")),
        };
        let below = format!("{full}/**");
        [full, below]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(patterns: &[&str], base: Option<&str>) -> Exclude {
        let mut exclude = Exclude::none();
        for pattern in patterns {
            exclude.add(pattern, base.map(Path::new)).unwrap();
        }
        exclude
    }

    #[test]
    fn without_plain_text_there_is_nothing_in_what_is_completed_like_it() {
        let allows = |disabled, language| {
            let completion = Completion {
                disabled_languages: BTreeSet::from([disabled]),
                ..Completion::default()
            };
            completion.allows(Path::new("/w/a"), language)
        };
        assert!(!allows(Language::Text, Language::Text));
        assert!(!allows(Language::Text, Language::Yaml));
        assert!(allows(Language::Text, Language::Rust));
        assert!(!allows(Language::Yaml, Language::Yaml));
        assert!(allows(Language::Yaml, Language::Text));
    }

    #[test]
    fn the_built_in_patterns_are_valid_and_all_in_force() {
        let exclude = Exclude::default();
        assert_eq!(exclude.patterns().collect::<Vec<_>>(), SECRETS);
        // Those of the list are globs, for whoever copies it into a settings file.
        let mut copied = Exclude::none();
        for pattern in SECRETS {
            copied.add(pattern, None).unwrap();
        }
        assert!(copied.matches(Path::new("/w/.aws/config")));
        for path in [
            "/home/a/.env",
            "/w/.env.local",
            "/w/tls/server.pem",
            "/home/a/.ssh/id_rsa",
        ] {
            assert!(exclude.matches(Path::new(path)), "{path}");
        }
        for path in [
            "/w/env.rs",
            "/w/src/key.rs",
            "/w/environment",
            "/w/id_rsa.pub.md",
        ] {
            assert!(!exclude.matches(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_list_of_the_users_replaces_the_built_in_one_for_completion_only() {
        let exclude = set(&["*.sql"], None);
        let secret = Path::new("/w/SERVER.PEM");
        assert!(!exclude.matches(secret) && exclude.withholds(secret));
        assert!(exclude.withholds(Path::new("/w/a.sql")));
        assert!(!exclude.withholds(Path::new("/w/a.rs")));
        assert!(Exclude::default().matches(secret));
    }

    #[test]
    fn a_pattern_without_a_slash_in_front_matches_at_any_depth_and_below_a_folder() {
        let exclude = set(&["vendor", "gen/*.rs"], Some("/w"));
        for path in [
            "/w/vendor/a/b.c",
            "/w/x/vendor",
            "/w/x/gen/a.rs",
            "/other/vendor/a",
        ] {
            assert!(exclude.matches(Path::new(path)), "{path}");
        }
        for path in ["/w/vendors/a.c", "/w/gen/a.py"] {
            assert!(!exclude.matches(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_slash_in_front_means_the_base_whatever_characters_the_base_has() {
        let exclude = set(&["/secret/"], Some("/w/[a]*"));
        assert!(exclude.matches(Path::new("/w/[a]*/secret/x")));
        assert!(!exclude.matches(Path::new("/w/a/secret/x")));
        assert!(!exclude.matches(Path::new("/w/[a]*/deep/secret/x")));
        assert!(set(&["/secret"], None).matches(Path::new("/secret/x")));
    }

    #[test]
    fn a_broken_pattern_is_refused_and_the_others_stay() {
        let mut exclude = set(&["*.pem"], None);
        assert!(exclude.add("a[", None).is_err());
        assert!(exclude.matches(Path::new("/x/a.pem")));
        assert_eq!(exclude.patterns().count(), 1);
    }
}
