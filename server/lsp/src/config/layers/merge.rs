//! One layer laid over the settings so far, with the rights and the checks of each key.
//! Unknown keys and bad values are reported here and nowhere else.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use foretoken_grammars::Language;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use super::hint::hint;
use super::{Layer, Problem, Resolved, SECTIONS};
use crate::config::experiments::Experiments;
use crate::config::keys::{KEYS, Key};
use crate::config::options::{
    CompletionOptions, ContextOption, Field, GovernorOption, IndexOptions, LogOptions, MenuOption,
    MetricsOptions, ModelOptions, Options, RuntimeOptions,
};
use crate::config::settings::{Context, Exclude, Menu, Settings};
use crate::config::sources::Sources;

/// Lays one layer over what the layers before it gave.
pub(super) fn apply(layer: &Layer, options: &Options, of: Of<'_>, to: &mut Resolved) {
    let mut merge = Merge {
        layer,
        home: of.home,
        installation: of.installation,
        to,
        forbidden: Vec::new(),
    };
    let completion = merge.section("completion", &options.completion);
    let model = merge.section("model", &options.model);
    let runtime = merge.section("runtime", &options.runtime);
    let index = merge.section("index", &options.index);
    let remote = merge.section("remote", &options.remote);
    let metrics = merge.section("metrics", &options.metrics);
    let memory = merge.section("memory", &options.memory);
    let audit = merge.section("audit", &options.audit);
    let reports = merge.section("reports", &options.reports);
    let log = merge.section("log", &options.log);
    merge.unknown("", &options.unknown);
    completion
        .iter()
        .for_each(|options| merge.completion(options));
    model.iter().for_each(|options| merge.model(options));
    runtime.iter().for_each(|options| merge.runtime(options));
    index.iter().for_each(|options| merge.index(options));
    remote.iter().for_each(|options| merge.remote(options));
    metrics.iter().for_each(|options| merge.metrics(options));
    memory.iter().for_each(|options| merge.memory(options));
    audit.iter().for_each(|options| merge.audit(options));
    reports.iter().for_each(|options| merge.reports(options));
    log.iter().for_each(|options| merge.log(options));
    merge.finish();
}

/// Whose layers they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of<'a> {
    pub(super) home: Option<&'a Path>,
    /// What tells this installation from others.
    pub(super) installation: &'a [u8],
}

/// One of the lists of files in the settings.
pub(super) type ListOf = fn(&mut Settings) -> &mut Exclude;

/// The walk over one layer.
pub(super) struct Merge<'a> {
    pub(super) layer: &'a Layer,
    home: Option<&'a Path>,
    installation: &'a [u8],
    pub(super) to: &'a mut Resolved,
    /// Keys that this layer may not set, for the one warning.
    forbidden: Vec<&'static str>,
}

impl Merge<'_> {
    fn completion(&mut self, options: &CompletionOptions) {
        self.unknown("completion.", &options.unknown);
        let restrict = matches!(self.layer, Layer::Workspace(_));
        // To allow is what a workspace cannot do, so there it says nothing.
        if !(restrict && options.enabled.value == Some(true))
            && let Some(enabled) = self.take("completion.enabled", &options.enabled)
        {
            self.to.settings.completion.enabled = enabled;
        }
        if let Some(names) = self.take("completion.disabledLanguages", &options.disabled_languages)
        {
            if !restrict {
                self.to.settings.completion.disabled_languages.clear();
            }
            self.languages(&names);
        }
        if let Some(patterns) = self.take("completion.exclude", &options.exclude) {
            if !restrict {
                self.to.settings.completion.exclude = Exclude::none();
            }
            let list: ListOf = |settings| &mut settings.completion.exclude;
            self.patterns("completion.exclude", &patterns, list);
        }
        let wait = self.take_if("completion.debounceMs", &options.debounce_ms, |ms| {
            *ms <= 10_000
        });
        if let Some(wait) = wait {
            self.to.settings.completion.debounce = Some(Duration::from_millis(wait));
        }
        if let Some(governor) = self.take("completion.governor", &options.governor) {
            self.to.settings.completion.governor = matches!(governor, GovernorOption::Auto);
        }
        let context = self.take("completion.context", &options.context);
        let context = context.map(|context| match context {
            ContextOption::Auto => Context::Auto,
            ContextOption::On => Context::On,
            ContextOption::Off => Context::Off,
        });
        if let Some(context) = context.filter(|context| !restrict || *context == Context::Off) {
            self.to.settings.completion.context = context;
        }
        if let Some(menu) = self.take("completion.menu", &options.menu) {
            self.to.settings.completion.menu = match menu {
                MenuOption::Auto => Menu::Auto,
                MenuOption::Always => Menu::Always,
                MenuOption::Never => Menu::Never,
            };
        }
        let path = "completion.minimumProbability";
        let least = self.take_if(path, &options.minimum_probability, |least| {
            (0.0..=1.0).contains(least)
        });
        if least.is_some() {
            self.to.settings.completion.minimum_probability = least;
        }
    }

    fn model(&mut self, options: &ModelOptions) {
        self.unknown("model.", &options.unknown);
        let folder = self.take_if("model.folder", &options.folder, |text| !text.is_empty());
        if let Some(folder) = folder {
            self.to.settings.model.folder = Some(self.path(&folder));
        }
        if let Some(list) = self.take("model.sources", &options.sources) {
            let (sources, problems) = Sources::read(list);
            self.to.settings.model.sources = sources;
            for problem in problems {
                let sentence = format!("In {}: {problem}", self.layer);
                self.report("model.sources", sentence);
            }
        }
    }

    fn runtime(&mut self, options: &RuntimeOptions) {
        self.unknown("runtime.", &options.unknown);
        let library = self.take_if("runtime.onnxruntime", &options.onnxruntime, |text| {
            !text.is_empty()
        });
        if let Some(library) = library {
            self.to.settings.runtime.onnxruntime = Some(self.path(&library));
        }
        let threads = self.take_if("runtime.threads", &options.threads, |count| {
            (1..=64).contains(count)
        });
        if let Some(count) = threads.and_then(|count| usize::try_from(count).ok()) {
            self.to.settings.runtime.threads = count;
        }
        if let Some(drafts) = self.take("runtime.drafts", &options.drafts) {
            self.to.settings.runtime.drafts = drafts;
        }
        if let Some(kv_reuse) = self.take("runtime.kvReuse", &options.kv_reuse) {
            self.to.settings.runtime.kv_reuse = kv_reuse;
        }
    }

    fn index(&mut self, options: &IndexOptions) {
        self.unknown("index.", &options.unknown);
        let restrict = matches!(self.layer, Layer::Workspace(_));
        // As with suggestions: to allow is what a workspace cannot do.
        if !(restrict && options.enabled.value == Some(true))
            && let Some(enabled) = self.take("index.enabled", &options.enabled)
        {
            self.to.settings.index.enabled = enabled;
        }
        let embedder = self.take_if("index.embedder", &options.embedder, |text| !text.is_empty());
        if let Some(path) = embedder {
            self.to.settings.index.encoders.embedder = Some(self.path(&path));
        }
        let reranker = self.take_if("index.reranker", &options.reranker, |text| !text.is_empty());
        if let Some(path) = reranker {
            self.to.settings.index.encoders.reranker = Some(self.path(&path));
        }
    }

    fn metrics(&mut self, options: &MetricsOptions) {
        self.unknown("metrics.", &options.unknown);
        if let Some(keep) = self.take("metrics.keep", &options.keep) {
            self.to.settings.metrics.keep = keep;
        }
        if let Some(list) = self.take("metrics.experiments", &options.experiments) {
            let (experiments, problems) = Experiments::read(&list, self.installation);
            self.to.settings.metrics.experiments = experiments;
            for problem in problems {
                let sentence = format!("In {}: {problem}", self.layer);
                self.report("metrics.experiments", sentence);
            }
        }
    }

    fn log(&mut self, options: &LogOptions) {
        self.unknown("log.", &options.unknown);
        let fits = |filter: &String| EnvFilter::try_new(filter).is_ok();
        if let Some(filter) = self.take_if("log.filter", &options.filter, fits) {
            self.to.settings.log.filter = Some(filter);
        }
    }

    fn languages(&mut self, names: &[String]) {
        for name in names {
            let by_id = Language::ALL
                .iter()
                .copied()
                .find(|language| language.id() == name);
            match by_id.or_else(|| Language::from_lsp_id(name)) {
                Some(language) => {
                    self.to
                        .settings
                        .completion
                        .disabled_languages
                        .insert(language);
                }
                None => {
                    let known = Language::ALL.iter().map(|language| language.id());
                    let known: Vec<&str> = known.collect();
                    let sentence = format!(
                        "`completion.disabledLanguages` in {} names the unknown language {name:?}; \
                         known are {}.",
                        self.layer,
                        known.join(", ")
                    );
                    self.report("completion.disabledLanguages", sentence);
                }
            }
        }
    }

    /// Patterns into one of the lists of files, from this layer's folder on.
    pub(super) fn patterns(&mut self, path: &'static str, patterns: &[String], list: ListOf) {
        let base = match self.layer {
            Layer::Workspace(file) => file.parent(),
            _ => None,
        };
        for pattern in patterns {
            let home = self.home.and_then(|home| {
                Some(format!(
                    "{}/{}",
                    home.display(),
                    pattern.strip_prefix("~/")?
                ))
            });
            let full = home.as_deref().unwrap_or(pattern);
            if let Err(reason) = list(&mut self.to.settings).add(full, base) {
                let sentence = format!(
                    "The pattern {pattern:?} of `{path}` in {} is ignored: {reason}.",
                    self.layer
                );
                self.report(path, sentence);
            }
        }
    }

    /// A path of the user's as an absolute one: `~` is the home directory, and a relative path starts
    /// at the file that names it, or where the program was started for a variable.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        if let (Some(rest), Some(home)) = (text.strip_prefix("~/"), self.home) {
            return home.join(rest);
        }
        let path = Path::new(text);
        match self.layer {
            Layer::User(file) => file
                .parent()
                .map_or_else(|| path.to_owned(), |at| at.join(path)),
            _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
        }
    }

    /// The options of one section, also where what stands there is no section.
    fn section<T: Clone>(&mut self, name: &'static str, field: &Field<T>) -> Option<T> {
        if let Some(bad) = &field.bad {
            let sentence = format!(
                "`{name}` in {} must be a section of settings, not {}; it is ignored.",
                self.layer,
                short(bad)
            );
            self.report(name, sentence);
        }
        field.value.clone()
    }

    pub(super) fn take<T: Clone + Debug>(
        &mut self,
        path: &'static str,
        field: &Field<T>,
    ) -> Option<T> {
        self.take_if(path, field, |_| true)
    }

    /// The value of a key, if this layer sets it, may set it, and the value is in range.
    pub(super) fn take_if<T: Clone + Debug>(
        &mut self,
        path: &'static str,
        field: &Field<T>,
        fits: impl Fn(&T) -> bool,
    ) -> Option<T> {
        if field.value.is_none() && field.bad.is_none() {
            return None;
        }
        // Every path here stands in the list, which a test holds.
        let key = KEYS.iter().find(|key| key.path == path)?;
        if !self.may(key) {
            self.forbidden.push(path);
            return None;
        }
        if let Some(bad) = &field.bad {
            self.bad(key, bad);
        }
        let value = field.value.clone()?;
        if !fits(&value) {
            self.bad(key, &format!("{value:?}"));
            return None;
        }
        self.to.origins.insert(key.path, self.layer.clone());
        Some(value)
    }

    fn may(&self, key: &Key) -> bool {
        match self.layer {
            Layer::Initialization | Layer::Editor => key.editor,
            Layer::Workspace(_) => key.workspace,
            Layer::BuiltIn | Layer::User(_) | Layer::Environment | Layer::Experiments => true,
        }
    }

    fn bad(&mut self, key: &Key, value: &str) {
        let name = match self.layer {
            Layer::Environment => key.variable,
            _ => key.path,
        };
        let sentence = format!(
            "`{name}` in {} must be {}, not {}; the value is ignored.",
            self.layer,
            key.expected,
            short(value)
        );
        self.report(key.path, sentence);
    }

    pub(super) fn unknown(&mut self, prefix: &str, unknown: &BTreeMap<String, Value>) {
        for name in unknown.keys() {
            let path = format!("{prefix}{name}");
            // A name for its key, and at the top also the name of a section.
            let keys = KEYS
                .iter()
                .map(|key| key.path)
                .filter(|key| key.starts_with(prefix));
            let sections = SECTIONS.iter().copied().filter(|_| prefix.is_empty());
            let hint = hint(name, keys.chain(sections));
            let sentence = format!(
                "`{path}` in {} is no setting and is ignored{hint}",
                self.layer
            );
            self.report(&path, sentence);
        }
    }

    pub(super) fn report(&mut self, key: &str, sentence: String) {
        self.to.problems.push(Problem {
            layer: self.layer.clone(),
            key: key.to_owned(),
            sentence,
        });
    }

    /// One warning for all keys that this layer has no right to.
    fn finish(mut self) {
        let (Some(first), count) = (self.forbidden.first().copied(), self.forbidden.len()) else {
            return;
        };
        let keys: Vec<String> = self
            .forbidden
            .iter()
            .map(|key| format!("`{key}`"))
            .collect();
        let (keys, verb) = (keys.join(", "), if count == 1 { "is" } else { "are" });
        let why = match self.layer {
            Layer::Workspace(_) => "a workspace file can only forbid",
            _ => "these settings could come from a workspace",
        };
        let sentence = format!(
            "{keys} in {} {verb} ignored, because {why}; your own config.toml may set {}.",
            self.layer,
            if count == 1 { "it" } else { "them" }
        );
        self.report(first, sentence);
    }
}

/// At most 40 characters of a bad value, for a sentence.
fn short(value: &str) -> String {
    match value.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_owned(),
    }
}
