//! The one list of settings with their forms and the rights of each layer; a new key of `options.rs` needs a
//! row here.

/// How the text of an environment variable becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `true`, `1`, `on`, `yes` and their opposites, in any case.
    Flag,
    /// As JSON writes it.
    Number,
    /// As it stands.
    Text,
    /// Items separated by commas.
    List,
    /// A value as JSON writes it.
    Json,
}

/// One setting: its path, its variable, its form in words, and who may set it. The user file and the
/// environment may set all.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Section and name as in the files, `completion.debounceMs`.
    pub path: &'static str,
    /// Name of its environment variable.
    pub variable: &'static str,
    /// Of the variable's text.
    pub shape: Shape,
    /// What a value must be, to follow "must be".
    pub expected: &'static str,
    /// Whether the editor's settings may set it. They cannot be told from a workspace's, so a file or
    /// library that will be loaded is never taken from there.
    pub editor: bool,
    /// Whether a workspace file may set it, and then only to forbid more.
    pub workspace: bool,
}

const FLAG: &str = "true or false";
const KEEP: &str = "\"off\", \"hash\" or \"full\"";
const DOLLARS: &str = "US dollars from 0 to 1000000";

/// All settings, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    Key {
        path: "completion.enabled",
        variable: "FORETOKEN_COMPLETION_ENABLED",
        shape: Shape::Flag,
        expected: FLAG,
        editor: true,
        workspace: true,
    },
    Key {
        path: "completion.disabledLanguages",
        variable: "FORETOKEN_COMPLETION_DISABLED_LANGUAGES",
        shape: Shape::List,
        expected: "a list of language identifiers",
        editor: true,
        workspace: true,
    },
    Key {
        path: "completion.exclude",
        variable: "FORETOKEN_COMPLETION_EXCLUDE",
        shape: Shape::List,
        expected: "a list of glob patterns",
        editor: true,
        workspace: true,
    },
    Key {
        path: "completion.debounceMs",
        variable: "FORETOKEN_COMPLETION_DEBOUNCE_MS",
        shape: Shape::Number,
        expected: "a whole number of milliseconds from 0 to 10000",
        editor: true,
        workspace: false,
    },
    Key {
        path: "completion.governor",
        variable: "FORETOKEN_COMPLETION_GOVERNOR",
        shape: Shape::Text,
        expected: "\"auto\" or \"off\"",
        editor: true,
        workspace: false,
    },
    Key {
        path: "completion.context",
        variable: "FORETOKEN_COMPLETION_CONTEXT",
        shape: Shape::Text,
        expected: "\"auto\", \"on\" or \"off\"",
        editor: true,
        workspace: true,
    },
    Key {
        path: "completion.menu",
        variable: "FORETOKEN_COMPLETION_MENU",
        shape: Shape::Text,
        expected: "\"auto\", \"always\" or \"never\"",
        editor: true,
        workspace: false,
    },
    Key {
        path: "completion.minimumProbability",
        variable: "FORETOKEN_COMPLETION_MINIMUM_PROBABILITY",
        shape: Shape::Number,
        expected: "a number from 0 to 1",
        editor: true,
        workspace: false,
    },
    Key {
        path: "model.folder",
        variable: "FORETOKEN_MODEL_FOLDER",
        shape: Shape::Text,
        expected: "the path of a folder",
        editor: false,
        workspace: false,
    },
    Key {
        path: "model.sources",
        variable: "FORETOKEN_MODEL_SOURCES",
        shape: Shape::Json,
        expected: "a list of addresses",
        editor: false,
        workspace: false,
    },
    Key {
        path: "runtime.onnxruntime",
        variable: "FORETOKEN_ONNXRUNTIME",
        shape: Shape::Text,
        expected: "the path of a library",
        editor: false,
        workspace: false,
    },
    Key {
        path: "runtime.threads",
        variable: "FORETOKEN_RUNTIME_THREADS",
        shape: Shape::Number,
        expected: "a whole number from 1 to 64",
        editor: true,
        workspace: false,
    },
    Key {
        path: "runtime.drafts",
        variable: "FORETOKEN_RUNTIME_DRAFTS",
        shape: Shape::Flag,
        expected: FLAG,
        editor: true,
        workspace: false,
    },
    Key {
        path: "runtime.kvReuse",
        variable: "FORETOKEN_RUNTIME_KV_REUSE",
        shape: Shape::Flag,
        expected: FLAG,
        editor: true,
        workspace: false,
    },
    Key {
        path: "index.enabled",
        variable: "FORETOKEN_INDEX_ENABLED",
        shape: Shape::Flag,
        expected: FLAG,
        editor: true,
        workspace: true,
    },
    Key {
        path: "index.embedder",
        variable: "FORETOKEN_INDEX_EMBEDDER",
        shape: Shape::Text,
        expected: "the path of a table or of a folder",
        editor: false,
        workspace: false,
    },
    Key {
        path: "index.reranker",
        variable: "FORETOKEN_INDEX_RERANKER",
        shape: Shape::Text,
        expected: "the path of a folder",
        editor: false,
        workspace: false,
    },
    Key {
        path: "remote.enabled",
        variable: "FORETOKEN_REMOTE_ENABLED",
        shape: Shape::Flag,
        expected: FLAG,
        editor: true,
        workspace: true,
    },
    Key {
        path: "remote.level",
        variable: "FORETOKEN_REMOTE_LEVEL",
        shape: Shape::Text,
        expected: "\"public\", \"in-house\" or \"local\"",
        editor: false,
        workspace: true,
    },
    Key {
        path: "remote.localOnly",
        variable: "FORETOKEN_REMOTE_LOCAL_ONLY",
        shape: Shape::List,
        expected: "a list of glob patterns",
        editor: false,
        workspace: true,
    },
    Key {
        path: "remote.region",
        variable: "FORETOKEN_REMOTE_REGION",
        shape: Shape::Text,
        expected: "the name of a region",
        editor: false,
        workspace: false,
    },
    Key {
        path: "remote.dailyBudget",
        variable: "FORETOKEN_REMOTE_DAILY_BUDGET",
        shape: Shape::Number,
        expected: DOLLARS,
        editor: false,
        workspace: true,
    },
    Key {
        path: "remote.monthlyBudget",
        variable: "FORETOKEN_REMOTE_MONTHLY_BUDGET",
        shape: Shape::Number,
        expected: DOLLARS,
        editor: false,
        workspace: true,
    },
    Key {
        path: "remote.requestBudget",
        variable: "FORETOKEN_REMOTE_REQUEST_BUDGET",
        shape: Shape::Number,
        expected: DOLLARS,
        editor: false,
        workspace: true,
    },
    Key {
        path: "remote.tools",
        variable: "FORETOKEN_REMOTE_TOOLS",
        shape: Shape::Flag,
        expected: FLAG,
        editor: false,
        workspace: true,
    },
    Key {
        path: "remote.endpoints",
        variable: "FORETOKEN_REMOTE_ENDPOINTS",
        shape: Shape::Json,
        expected: "a list of endpoints",
        editor: false,
        workspace: false,
    },
    Key {
        path: "metrics.keep",
        variable: "FORETOKEN_METRICS_KEEP",
        shape: Shape::Flag,
        expected: FLAG,
        editor: true,
        workspace: false,
    },
    Key {
        path: "metrics.experiments",
        variable: "FORETOKEN_METRICS_EXPERIMENTS",
        shape: Shape::Json,
        expected: "a list of experiments",
        editor: false,
        workspace: false,
    },
    Key {
        path: "memory.style",
        variable: "FORETOKEN_MEMORY_STYLE",
        shape: Shape::Flag,
        expected: FLAG,
        editor: false,
        workspace: false,
    },
    Key {
        path: "audit.enabled",
        variable: "FORETOKEN_AUDIT_ENABLED",
        shape: Shape::Flag,
        expected: FLAG,
        editor: false,
        workspace: false,
    },
    Key {
        path: "audit.prompt",
        variable: "FORETOKEN_AUDIT_PROMPT",
        shape: Shape::Text,
        expected: KEEP,
        editor: false,
        workspace: false,
    },
    Key {
        path: "audit.answer",
        variable: "FORETOKEN_AUDIT_ANSWER",
        shape: Shape::Text,
        expected: KEEP,
        editor: false,
        workspace: false,
    },
    Key {
        path: "audit.retentionDays",
        variable: "FORETOKEN_AUDIT_RETENTION_DAYS",
        shape: Shape::Number,
        expected: "a whole number of days from 1 to 3650",
        editor: false,
        workspace: false,
    },
    Key {
        path: "reports.dsn",
        variable: "FORETOKEN_REPORTS_DSN",
        shape: Shape::Text,
        expected: "a DSN such as https://KEY@HOST/PROJECT",
        editor: false,
        workspace: false,
    },
    Key {
        path: "reports.proxy",
        variable: "FORETOKEN_REPORTS_PROXY",
        shape: Shape::Text,
        expected: "\"none\", \"environment\" or the address of a proxy",
        editor: false,
        workspace: false,
    },
    Key {
        path: "reports.caFile",
        variable: "FORETOKEN_REPORTS_CA_FILE",
        shape: Shape::Text,
        expected: "the path of a file",
        editor: false,
        workspace: false,
    },
    Key {
        path: "log.filter",
        variable: "FORETOKEN_LOG",
        shape: Shape::Text,
        expected: "a log filter such as \"foretoken=debug\"",
        editor: false,
        workspace: false,
    },
];
