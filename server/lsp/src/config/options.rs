//! What a layer may say: every setting optional, unknown keys kept, a bad value kept apart so that it
//! spoils nothing else. The JSON schema is made from these types and their comments; a new key needs a
//! row in `keys.rs` too.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Settings of Foretoken. Every key is optional.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
pub struct Options {
    /// What is suggested, where and when.
    pub completion: Field<CompletionOptions>,
    /// Which generating model is used.
    pub model: Field<ModelOptions>,
    /// How the model is run.
    pub runtime: Field<RuntimeOptions>,
    /// The index of the workspace.
    pub index: Field<IndexOptions>,
    /// Which remote models may be asked to explain and debug, and with what.
    pub remote: Field<RemoteOptions>,
    /// What is kept of counts, on this machine.
    pub metrics: Field<MetricsOptions>,
    /// What is known of how you write.
    pub memory: Field<MemoryOptions>,
    /// What is kept of questions to remote models.
    pub audit: Field<AuditOptions>,
    /// Whether failures of the program are reported, and to whom.
    pub reports: Field<ReportsOptions>,
    /// What is written to the log file.
    pub log: Field<LogOptions>,
    /// What is none of the above, to be reported.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// What is suggested, where and when.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
pub struct CompletionOptions {
    /// Whether anything is suggested at all. A workspace file can switch this off, never on.
    #[schemars(extend("default" = true))]
    pub enabled: Field<bool>,
    /// Languages without suggestions, by their LSP identifier such as `python` or `typescriptreact`.
    /// A workspace file adds to the list.
    #[schemars(extend("default" = []))]
    pub disabled_languages: Field<Vec<String>>,
    /// Glob patterns of files without suggestions. Without a leading `/` a pattern matches at any
    /// depth; a folder that matches covers what lies below it. Replaces the built-in list of secret
    /// files, which is compared without regard to case; a workspace file adds to the list. What is in the
    /// built-in list enters no index and no other file's prompt even then.
    #[schemars(extend("default" = foretoken_engine::exclude::SECRETS))]
    pub exclude: Field<Vec<String>>,
    /// Milliseconds between the last keystroke and the start of the work. Not set: 0, but 15 to 25 in
    /// fast bursts of typing while the machine runs on battery or under load (see `governor`).
    #[schemars(range(min = 0, max = 10_000))]
    pub debounce_ms: Field<u64>,
    /// Whether less is computed ahead while the machine runs on battery or a keystroke costs more than
    /// 50 ms of processor time: `auto`, or `off` for never. What a keystroke asks for is always computed.
    #[schemars(extend("default" = "auto"))]
    pub governor: Field<GovernorOption>,
    /// Whether the model is shown cuts of other open files of the project, such as the definition of an
    /// imported name: `auto` where that was measured to help the model, `on` wherever its prompt has
    /// room for them, or `off`, which is all that a workspace file can say.
    #[schemars(extend("default" = "auto"))]
    pub context: Field<ContextOption>,
    /// When suggestions appear in the completion menu: `auto` is for editors that cannot show ghost
    /// text.
    #[schemars(extend("default" = "auto"))]
    pub menu: Field<MenuOption>,
    /// Least estimated probability, from 0 to 1, that a shown suggestion is right. Not set: the value
    /// fitted for the model.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub minimum_probability: Field<f32>,
    /// What is none of the above, to be reported.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// Whether work ahead may be given up.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum GovernorOption {
    /// On battery and under load.
    Auto,
    /// Never.
    Off,
}

/// Whether the model is shown cuts of other open files.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum ContextOption {
    /// Where that was measured to help the model.
    Auto,
    /// Wherever its prompt has room for them.
    On,
    /// Never.
    Off,
}

/// When suggestions appear in the completion menu.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum MenuOption {
    /// Where the editor cannot show ghost text.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// Which generating model is used.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
pub struct ModelOptions {
    /// Folder of a model package (`manifest.toml`, `model.onnx`, `tokenizer.json`). Not set: the
    /// embedded model. Only the user file and the environment may set it.
    pub folder: Field<String>,
    /// Addresses of folders that `foretoken models add URL` may fetch models from, with all that lies below
    /// them. Nothing is fetched by itself. Only the user file and the environment may set it.
    #[schemars(with = "Option<Vec<super::sources::SourceSchema>>")]
    pub sources: Field<Vec<Value>>,
    /// What is none of the above, to be reported.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// How the model is run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
pub struct RuntimeOptions {
    /// The ONNX Runtime library to load. Not set: the usual places are searched. Only the user file
    /// and the environment may set it.
    pub onnxruntime: Field<String>,
    /// Threads inside one step of the model. Read at start.
    #[schemars(range(min = 1, max = 64), extend("default" = 1))]
    pub threads: Field<u64>,
    /// Verify several guessed tokens in one step. The text is the same with and without. Read at
    /// start.
    #[schemars(extend("default" = true))]
    pub drafts: Field<bool>,
    /// Keep the model's attention state between requests. The text is the same with and without.
    /// Read at start.
    #[schemars(extend("default" = true))]
    pub kv_reuse: Field<bool>,
    /// What is none of the above, to be reported.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// What is kept of counts, on this machine.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
pub struct MetricsOptions {
    /// Whether counts and times of sessions are kept on this machine for `foretoken stats`: how many suggestions were accepted, why
    /// nothing was shown, how long answers took. No text, no path; nothing is sent.
    #[schemars(extend("default" = true))]
    pub keep: Field<bool>,
    /// Settings that differ between installations, to find out which value is better: `foretoken stats --experiments` compares. Only
    /// the user file and the environment may set it.
    #[schemars(with = "Option<Vec<super::experiments::Declared>>")]
    pub experiments: Field<Vec<Value>>,
    /// What is none of the above, to be reported.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// The index of the workspace.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
pub struct IndexOptions {
    /// Whether the files of a workspace are indexed, on this machine, for searches and for the context of
    /// questions. A workspace file can switch this off, never on.
    #[schemars(extend("default" = true))]
    pub enabled: Field<bool>,
    /// What orders search hits also by their meaning: a table's file, or the folder of an ONNX package of kind
    /// "embed". A relative path starts at the settings file. Without it words alone order them. Completions never wait
    /// for it.
    pub embedder: Field<String>,
    /// The folder of an ONNX package of kind "rerank", which puts the best hits in its order, for as long as it has
    /// time. Completions never wait for it.
    pub reranker: Field<String>,
    /// What is none of the above, to be reported.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// Which remote models may be asked to explain and debug, and with what. Nothing is sent before you have
/// allowed it for the project and the endpoint.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
pub struct RemoteOptions {
    /// Whether any endpoint may be asked at all. A workspace file can switch this off, never on.
    #[schemars(extend("default" = true))]
    pub enabled: Field<bool>,
    /// How far text of a project may go once you have allowed it: `public` to any endpoint, `in-house` to
    /// those declared so or `local`, `local` to those on this machine. A workspace file can narrow it.
    #[schemars(extend("default" = "public"))]
    pub level: Field<LevelOption>,
    /// Glob patterns of files of which no text leaves this machine. A workspace file adds to the list.
    #[schemars(extend("default" = []))]
    pub local_only: Field<Vec<String>>,
    /// The only region that may serve a request, as `region` of an endpoint names it.
    pub region: Field<String>,
    /// US dollars a day after which nothing that costs is sent. At four fifths of it small models are
    /// preferred. A workspace file can lower it.
    #[schemars(range(min = 0.0))]
    pub daily_budget: Field<f64>,
    /// The same for a calendar month.
    #[schemars(range(min = 0.0))]
    pub monthly_budget: Field<f64>,
    /// Most US dollars that one request may cost.
    #[schemars(range(min = 0.0))]
    pub request_budget: Field<f64>,
    /// Whether models that can call tools (`tools` of a model) may look up symbols, the index and what
    /// checkers say while they answer: inside the project, read only, at most 4 rounds. A workspace file can
    /// switch this off, never on.
    #[schemars(extend("default" = false))]
    pub tools: Field<bool>,
    /// Where remote models are served. Only the user file and the environment may set it.
    #[schemars(with = "Option<Vec<super::endpoints::EndpointSchema>>")]
    pub endpoints: Field<Vec<Value>>,
    /// What is none of the above, to be reported.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// How far text may go.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum LevelOption {
    /// To any endpoint.
    Public,
    /// To endpoints declared in-house or local.
    InHouse,
    /// To endpoints on this machine.
    Local,
}

/// What is known of how you write, on this machine.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
pub struct MemoryOptions {
    /// Whether it is counted how accepted code is written (indentation, quotes, names and the like; no text), and told, with your own
    /// notes, to models that fix, document or test: `foretoken memory` shows, edits and deletes it. Only the user file and the
    /// environment may set it.
    #[schemars(extend("default" = false))]
    pub style: Field<bool>,
    /// What is none of the above, to be reported.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// What is kept of questions to remote models, in a file of yours on this machine.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
pub struct AuditOptions {
    /// Whether a row is kept of each question: when, by which model, at what cost. What was spent is
    /// counted even without. Only the user file and the environment may set anything here.
    #[schemars(extend("default" = true))]
    pub enabled: Field<bool>,
    /// What is kept of the text that was sent: `off` for nothing, `hash` for a hash that only this machine
    /// can compare, `full` for the text itself.
    #[schemars(extend("default" = "hash"))]
    pub prompt: Field<KeepOption>,
    /// The same of the answer.
    #[schemars(extend("default" = "hash"))]
    pub answer: Field<KeepOption>,
    /// Days after which rows are removed.
    #[schemars(range(min = 1, max = 3_650), extend("default" = 30))]
    pub retention_days: Field<u64>,
    /// What is none of the above, to be reported.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// What is kept of a text.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum KeepOption {
    /// Nothing.
    Off,
    /// A hash.
    Hash,
    /// The text.
    Full,
}

/// Whether failures of the program are reported, and to whom. Only the user file and the environment may set
/// anything here.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
pub struct ReportsOptions {
    /// The DSN of a server that speaks Sentry's protocol, `https://KEY@HOST/PROJECT`. Not set: nothing is
    /// reported, and nothing is written for it. A report holds versions, the kind of the failure and its place in
    /// the source of this program; `foretoken reports show` prints what would be sent. Read at start.
    pub dsn: Field<String>,
    /// How that server is reached: `none` for directly, `environment` for what `HTTPS_PROXY` and its like say, or
    /// the address of a proxy. Read at start.
    #[schemars(extend("default" = "none"))]
    pub proxy: Field<String>,
    /// The file of the only authorities to trust there, instead of the system's, in PEM form. Read at start.
    pub ca_file: Field<String>,
    /// What is none of the above, to be reported.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// What is written to the log file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("additionalProperties" = false))]
pub struct LogOptions {
    /// Filter of the log file, such as `info` or `foretoken=debug`. Not set: no file is written. Only
    /// the user file and the environment may set it. Read at start.
    pub filter: Field<String>,
    /// What is none of the above, to be reported.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, Value>,
}

/// One optional value. A value of the wrong type is kept as text in `bad`; `null` means absent.
#[derive(Clone, Debug)]
pub struct Field<T> {
    /// What the layer says, if anything.
    pub value: Option<T>,
    /// What stood there instead of a usable value, as JSON.
    pub bad: Option<String>,
}

impl<T> Default for Field<T> {
    fn default() -> Field<T> {
        Field {
            value: None,
            bad: None,
        }
    }
}

impl<T: Clone> Field<T> {
    /// Where this value is bad, takes the good one of an older reading of the same layer, so that a
    /// slip of the pen does not fall back to the layer below.
    fn inherit(&mut self, older: &Field<T>) {
        if self.bad.is_some() {
            self.value = older.value.clone();
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Field<T>, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.is_null() {
            return Ok(Field::default());
        }
        let text = value.to_string();
        Ok(match serde_json::from_value(value) {
            Ok(value) => Field {
                value: Some(value),
                bad: None,
            },
            Err(_) => Field {
                value: None,
                bad: Some(text),
            },
        })
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl Options {
    /// Takes over good values of an older reading of the same layer where the new ones are bad.
    pub fn inherit(&mut self, older: &Options) {
        if let (Some(new), Some(old)) = (&mut self.completion.value, &older.completion.value) {
            new.enabled.inherit(&old.enabled);
            new.disabled_languages.inherit(&old.disabled_languages);
            new.exclude.inherit(&old.exclude);
            new.debounce_ms.inherit(&old.debounce_ms);
            new.governor.inherit(&old.governor);
            new.context.inherit(&old.context);
            new.menu.inherit(&old.menu);
            new.minimum_probability.inherit(&old.minimum_probability);
        }
        if let (Some(new), Some(old)) = (&mut self.runtime.value, &older.runtime.value) {
            new.threads.inherit(&old.threads);
            new.drafts.inherit(&old.drafts);
            new.kv_reuse.inherit(&old.kv_reuse);
        }
        if let (Some(new), Some(old)) = (&mut self.index.value, &older.index.value) {
            new.enabled.inherit(&old.enabled);
        }
        self.index.inherit(&older.index);
        if let (Some(new), Some(old)) = (&mut self.metrics.value, &older.metrics.value) {
            new.keep.inherit(&old.keep);
        }
        self.metrics.inherit(&older.metrics);
        if let (Some(new), Some(old)) = (&mut self.remote.value, &older.remote.value) {
            new.enabled.inherit(&old.enabled);
        }
        self.remote.inherit(&older.remote);
        if let (Some(new), Some(old)) = (&mut self.audit.value, &older.audit.value) {
            new.enabled.inherit(&old.enabled);
            new.prompt.inherit(&old.prompt);
            new.answer.inherit(&old.answer);
        }
        self.audit.inherit(&older.audit);
        self.completion.inherit(&older.completion);
        self.runtime.inherit(&older.runtime);
    }
}
