//! A user's desk: a private home with a project of one file, a provider that says what the test wants, and
//! the settings that name it. The same questions can be asked in an editor and on the command line.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::faultd::{Faultd, Script};
use crate::persona::Persona;
use crate::process::Home;
use crate::session::Session;

/// The text of `src/sum.rs`.
pub const CODE: &str = "/// The sum of all.\npub fn total(rows: &[u8]) -> u8 {\n    let mut sum = 0;\n    for row in rows {\n        sum += row;\n    }\n    sum\n}\n";

/// See the module's header.
#[derive(Debug)]
pub struct Desk {
    /// Where everything lies; the project is the folder `project`.
    pub home: Home,
    /// Who answers.
    pub provider: Faultd,
    /// Fields of the endpoint `house` beside its name, address and models.
    pub endpoint: Value,
    /// More of the environment of the server and of commands.
    pub environment: Vec<(&'static str, OsString)>,
}

impl Desk {
    /// With a provider that has these scripts.
    pub async fn new(scripts: Vec<Script>) -> Desk {
        let home = Home::default();
        home.write("project/.git/HEAD", "ref: refs/heads/main\n");
        home.write("project/src/sum.rs", CODE);
        Desk {
            home,
            provider: Faultd::start(scripts).await,
            endpoint: json!({}),
            // The words of the file are model enough for most tests.
            environment: vec![("FORETOKEN_MODEL_FOLDER", "/nowhere".into())],
        }
    }

    /// The project's folder.
    #[must_use]
    pub fn project(&self) -> PathBuf {
        self.home.path().join("project")
    }

    /// The setting that names the provider.
    #[must_use]
    pub fn endpoints(&self) -> Value {
        let mut endpoint = json!({
            "name": "house",
            "baseUrl": self.provider.url(),
            "models": [{"name": "coder", "tier": "large", "price": {"input": 1.0, "output": 2.0}}],
        });
        let more = self.endpoint.as_object().into_iter().flatten();
        more.for_each(|(key, value)| endpoint[key] = value.clone());
        json!([endpoint])
    }

    /// The URI of a file of the project.
    #[must_use]
    pub fn uri(&self, name: &str) -> String {
        format!("file://{}", self.project().join(name).display())
    }

    /// An editor that has the project open.
    #[must_use]
    pub fn persona(&self, mut persona: Persona) -> Persona {
        let project = format!("file://{}", self.project().display());
        persona.initialize["rootUri"] = project.clone().into();
        persona.initialize["workspaceFolders"] = json!([{"uri": project, "name": "project"}]);
        persona
    }

    /// The environment as a session takes it.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        let endpoints = OsString::from(self.endpoints().to_string());
        let own = [("FORETOKEN_REMOTE_ENDPOINTS", endpoints)];
        own.into_iter().chain(self.environment.clone()).collect()
    }

    /// A session with `src/sum.rs` open.
    pub async fn serve(&self, persona: Persona) -> Session {
        let variables = self.variables();
        let variables = borrowed(&variables);
        let mut session = self.home.serve(self.persona(persona), &variables);
        session.initialize().await;
        session.open(&self.uri("src/sum.rs"), "rust", CODE).await;
        session
    }

    /// The same, with the system calls of these names recorded; see [`Home::serve_traced`].
    ///
    /// # Errors
    /// They cannot be recorded here.
    pub async fn serve_traced(&self, persona: Persona, calls: &str) -> Result<Session, String> {
        let variables = self.variables();
        let persona = self.persona(persona);
        let mut session = self
            .home
            .serve_traced(persona, &borrowed(&variables), calls)?;
        session.initialize().await;
        session.open(&self.uri("src/sum.rs"), "rust", CODE).await;
        Ok(session)
    }

    /// Runs a command in the project: its code, and what it writes.
    ///
    /// # Panics
    /// When it cannot be started, or a signal ended it.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.home.command(arguments);
        command
            .envs(self.variables())
            .current_dir(self.project())
            .stdin(std::process::Stdio::null());
        let output = command.output().expect("the built program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code().expect("no signal ended it"),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    /// The user allows the project to be sent.
    ///
    /// # Panics
    /// When that fails.
    pub fn allow(&self) {
        let (code, _, err) = self.run(&["consent", "allow", "house"]);
        assert_eq!(code, 0, "{err}");
    }

    /// All bytes of all requests so far.
    #[must_use]
    pub fn sent(&self) -> String {
        let requests = self.provider.requests();
        let texts = requests
            .iter()
            .map(|seen| format!("{}{}", seen.head, seen.body));
        texts.collect()
    }
}

/// An environment as a process takes it.
#[must_use]
pub fn borrowed<'a>(variables: &'a [(&'static str, OsString)]) -> Vec<(&'a str, &'a OsStr)> {
    let pairs = variables.iter();
    pairs
        .map(|(name, value)| (*name, value.as_os_str()))
        .collect()
}

/// The same editor, whose user chooses this button and takes every edit.
#[must_use]
pub fn answering(persona: &str, choice: &str) -> Persona {
    let mut persona = Persona::named(persona);
    persona.answers["window/showMessageRequest"] = json!({"title": choice});
    persona.answers["workspace/applyEdit"] = json!({"applied": true});
    persona
}

/// The actions that are offered in the body of the function of [`CODE`].
///
/// # Panics
/// When they are no list.
pub async fn actions(session: &mut Session, uri: &str, diagnostics: Value) -> Vec<Value> {
    let at = json!({"line": 4, "character": 8});
    let params = json!({
        "textDocument": {"uri": uri},
        "range": {"start": at, "end": at},
        "context": {"diagnostics": diagnostics, "triggerKind": 1},
    });
    let actions = session.request("textDocument/codeAction", params).await;
    let actions = actions.result().await;
    actions.as_array().expect("a list of actions").clone()
}

/// Chooses the action with this command.
///
/// # Panics
/// When it is not offered.
pub async fn choose(session: &mut Session, actions: &[Value], command: &str) {
    let action = actions
        .iter()
        .find(|action| action["command"]["command"] == command)
        .unwrap_or_else(|| panic!("no {command} in {actions:?}"));
    let params = json!({
        "command": action["command"]["command"],
        "arguments": action["command"]["arguments"],
    });
    let answer = session.request("workspace/executeCommand", params).await;
    assert_eq!(answer.result().await, Value::Null);
}

/// Asks this about the function of [`CODE`] and returns the document of the answer.
pub async fn ask(session: &mut Session, uri: &str, command: &str) -> String {
    let from = session.trace().len();
    let found = actions(session, uri, json!([])).await;
    choose(session, &found, command).await;
    shown(session, from).await
}

/// The text of the document that the server shows.
///
/// # Panics
/// When it shows none.
pub async fn shown(session: &Session, from: usize) -> String {
    let path = shown_at(session, from).await;
    std::fs::read_to_string(path).expect("the document that is shown is there")
}

/// Where that document lies.
///
/// # Panics
/// When none is shown.
pub async fn shown_at(session: &Session, from: usize) -> PathBuf {
    let show = session
        .wait_for(from, "showDocument", |said| {
            said["method"] == "window/showDocument"
        })
        .await;
    let uri = show["params"]["uri"].as_str().expect("a URI");
    PathBuf::from(uri.strip_prefix("file://").expect("a file's URI"))
}

/// All files below a folder, as text, links not followed.
///
/// # Panics
/// When a folder cannot be read.
#[must_use]
pub fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the test") {
        let entry = entry.expect("an entry of it");
        let kind = entry.file_type().expect("its kind");
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            found.push((entry.path(), text));
        }
    }
    found
}

/// A key of a provider, as random as the detector asks for, and in no file of the repository.
#[must_use]
pub fn key() -> String {
    let random: String = (0..93u32)
        .map(|at| char::from(b"aZ3kQ9xW7bT_mR5vL1cY8-pH2nJ6dG4s"[(at * at * 7 % 32) as usize]))
        .collect();
    ["sk-", "ant-", "api03-", &random, "AA"].concat()
}
