//! The built program: found by Cargo's own word, started with a private home.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use foretoken_infer::library::{self, Places};
use serde_json::Value;
use tempfile::TempDir;

use crate::persona::Persona;
use crate::session::Session;

/// The path of the `foretoken` binary, built in the profile of the tests. `CARGO_BIN_EXE_*` exists only
/// inside the binary's own package, so Cargo is asked, once.
///
/// # Panics
/// When it does not build.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let mut cargo = program(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--package",
            "foretoken",
            "--bin",
            "foretoken",
            "--message-format",
            "json",
        ]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let output = cargo
            .current_dir(root())
            .output()
            .expect("cargo runs, since it runs this test");
        assert!(
            output.status.success(),
            "foretoken does not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let lines = String::from_utf8_lossy(&output.stdout);
        let artifacts = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        artifacts
            .filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from))
            .next_back()
            .expect("cargo names the executable that it built")
    })
}

/// The ONNX Runtime that the build obtained or the machine has: it may lie in the real home, which a
/// program with a home of its own does not see.
pub fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = LIBRARY.get_or_init(|| {
        let places = Places {
            executable: binary().parent().map(Path::to_owned),
            ..Places::of_process(None, None)
        };
        library::find(&places).ok().map(|found| found.path)
    });
    found.as_deref()
}

/// Says that a test leaves out what needs the model, and why.
///
/// # Panics
/// Where `FORETOKEN_REQUIRE_MODEL` is set, so that a check which must see the model does not pass without.
#[expect(clippy::print_stdout, reason = "the output of a test")]
pub fn skip(why: &str) {
    let must = std::env::var_os("FORETOKEN_REQUIRE_MODEL").is_some();
    assert!(!must, "FORETOKEN_REQUIRE_MODEL is set: {why}");
    println!("SKIP: {why}");
}

/// What Cargo prints to stdout for these arguments, run in the repository.
///
/// # Panics
/// When it fails.
#[must_use]
pub fn run_cargo(arguments: &[&str]) -> String {
    let output = program(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output();
    let output = output.expect("cargo runs, since it runs this test");
    assert!(
        output.status.success(),
        "cargo {arguments:?}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The repository.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
}

/// A home of its own, so that a test neither reads nor writes the files of whoever runs it.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    /// Servers start under a umask that takes nothing away.
    pub careless: bool,
}

impl Default for Home {
    fn default() -> Self {
        Self {
            folder: TempDir::new().expect("a temporary folder can be made"),
            careless: false,
        }
    }
}

impl Home {
    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program with this home and nothing else of the environment but what a process needs.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(binary());
        command.args(arguments).current_dir(self.path()).env_clear();
        for name in ["PATH", "LANG", "SystemRoot", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(library) = library() {
            command.env("ORT_DYLIB_PATH", library);
        }
        command.env("HOME", self.path());
        for (name, folder) in [
            ("CONFIG", ".config"),
            ("DATA", ".local/share"),
            ("CACHE", ".cache"),
            ("STATE", ".local/state"),
        ] {
            command.env(format!("XDG_{name}_HOME"), self.path().join(folder));
        }
        command
    }

    /// Runs to the end with no input.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("the built program starts")
    }

    /// The environment of an editor that finds the program on PATH and lives in this home.
    ///
    /// # Panics
    /// When a path is no text.
    #[must_use]
    pub fn editor_environment(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().expect("a path of a test is text").to_owned();
        let programs = binary().parent().expect("a program lies in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut environment = vec![
            ("HOME", text(self.path())),
            ("PATH", format!("{}:{path}", text(programs))),
            ("LANG", "C.UTF-8".to_owned()),
        ];
        if let Some(library) = library() {
            environment.push(("ORT_DYLIB_PATH", text(library)));
        }
        environment
    }

    /// Names one provider in the user's settings, `house`, and allows it for a project of this home.
    ///
    /// # Panics
    /// When the program does not take it.
    pub fn allow(&self, url: &str, project: &Path) {
        let settings = format!(
            "[[remote.endpoints]]\nname = \"house\"\nbaseUrl = \"{url}\"\nmodels = [{{ name = \"coder\", tier = \"large\" }}]\n"
        );
        self.write(".config/foretoken/config.toml", settings);
        let project = project.to_str().expect("a path of a test is text");
        let output = self.run(&["consent", "allow", "house", "--dir", project]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Writes a file below this home and returns its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it lies below the home"))
            .expect("a folder can be made");
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// The language server as an editor starts it; what it says on stderr is in the file `stderr`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn serve(&self, persona: Persona, environment: &[(&str, &OsStr)]) -> Session {
        self.start(self.command(&["--stdio"]), persona, environment)
    }

    /// The same, with every call of the system of these names that it or a child of it makes written to the
    /// file `calls`, a line each; names as strace takes them, with commas. `Err` says why that cannot be had
    /// here.
    ///
    /// # Errors
    /// There is no `strace`, or it may not trace.
    pub fn serve_traced(
        &self,
        persona: Persona,
        environment: &[(&str, &OsStr)],
        calls: &str,
    ) -> Result<Session, String> {
        let may_trace = program("strace")
            .args([
                "-f",
                "--seccomp-bpf",
                "-qq",
                "-e",
                "trace=connect",
                "-o",
                "/dev/null",
                "true",
            ])
            .output();
        match may_trace {
            Ok(output) if output.status.success() => {}
            Ok(output) => return Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => return Err(format!("strace: {error}")),
        }
        let plain = self.command(&["--stdio"]);
        let mut traced = program("strace");
        traced
            .args(["-f", "--seccomp-bpf", "-qq"])
            // Paths are longer than what strace shows of a text by itself.
            .args(["-s", "4096", "-e", &format!("trace={calls}"), "-o"])
            .arg(self.path().join("calls"))
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(self.path())
            .env_clear()
            .envs(
                plain
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        Ok(self.start(traced, persona, environment))
    }

    fn start(
        &self,
        mut command: Command,
        persona: Persona,
        environment: &[(&str, &OsStr)],
    ) -> Session {
        let stderr = std::fs::File::create(self.path().join("stderr"));
        if self.careless {
            command = careless(&command);
        }
        command
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr.expect("a file can be made"));
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .expect("the built program starts");
        let process = child.id();
        let input = child.stdout.take().expect("stdout is a pipe");
        let output = child.stdin.take().expect("stdin is a pipe");
        let ending = Box::pin(async move {
            child
                .wait()
                .await
                .ok()
                .and_then(|status| status.code())
                .unwrap_or(-1)
        });
        let mut session = Session::over(input, output, persona, ending);
        session.process = process;
        session
    }
}

/// The most memory that a process has had so far, kB; `None` where the system does not tell, or it is gone.
#[must_use]
pub fn peak_kb(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// The same command under a umask that takes nothing away.
fn careless(command: &Command) -> Command {
    let mut shell = program("sh");
    shell
        .args(["-c", "umask 000; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests start Cargo and the program under test, nothing else"
)]
pub fn program(path: impl AsRef<OsStr>) -> Command {
    Command::new(path)
}
