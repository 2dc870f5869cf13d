//! The real Bugsink as a process of the tests: a server of error reports.
//!
//! `fetch-bugsink` installs it. Where it is not, a test prints why and ends.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{program, root};
use crate::python;

/// It imports for seconds; on a busy machine for longer.
const READY: Duration = Duration::from_secs(120);

/// A running server; dropping it ends it.
#[derive(Debug)]
pub struct Bugsink {
    child: Child,
    folder: TempDir,
    dsn: String,
    url: String,
}

impl Drop for Bugsink {
    fn drop(&mut self) {
        // It ends its workers by itself when it is asked, and is not waited for.
        let process = self.child.id().to_string();
        let _ = program("kill").args(["-TERM", &process]).status();
        let _ = self.child.wait();
    }
}

impl Bugsink {
    /// Makes a database with one project and serves it on a free port of loopback.
    ///
    /// # Errors
    /// A sentence where it is not installed.
    ///
    /// # Panics
    /// When it is installed and does not come up; with its log.
    pub async fn start() -> Result<Bugsink, String> {
        if !python::environment("bugsink").join("bin/gunicorn").exists() {
            let how =
                "it is not installed; `cargo run -p foretoken-tests --bin fetch-bugsink` does it";
            return Err(how.to_owned());
        }
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let free = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let port = free.and_then(|free| free.local_addr());
        let port = port.map_err(|error| error.to_string())?.port();
        let url = format!("http://127.0.0.1:{port}");
        let setup = root().join("tests/real/bugsink_setup.py");
        let made = command("python", (&folder, &url)).arg(setup).output();
        let made = made.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        let error = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{said}{error}");
        let log = std::fs::File::create(folder.path().join("log"));
        let log = log.map_err(|error| error.to_string())?;
        let child = command("gunicorn", (&folder, &url))
            .args(["--bind", &format!("127.0.0.1:{port}"), "--workers", "1"])
            .arg("bugsink.wsgi")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut server = Bugsink {
            child,
            folder,
            dsn: said.trim().lines().last().unwrap_or_default().to_owned(),
            url,
        };
        server.ready(port).await;
        Ok(server)
    }

    /// The project's.
    #[must_use]
    pub fn dsn(&self) -> &str {
        &self.dsn
    }

    /// What it stored of each report, the oldest first.
    ///
    /// # Panics
    /// When its database cannot be read.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let script = root().join("tests/real/bugsink_events.py");
        let output = command("python", (&self.folder, &self.url))
            .arg(script)
            .output()
            .expect("its Python starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        let lines = String::from_utf8_lossy(&output.stdout);
        let events = lines.lines().map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        });
        events.collect()
    }

    /// All bytes of all that it wrote.
    #[must_use]
    pub fn written(&self) -> String {
        let mut folders = vec![self.folder.path().to_owned()];
        let mut text = String::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path => {
                        let bytes = std::fs::read(path).unwrap_or_default();
                        text.push_str(&String::from_utf8_lossy(&bytes));
                    }
                }
            }
        }
        text
    }

    async fn ready(&mut self, port: u16) {
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
        {
            let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
            assert!(!ended && begun.elapsed() < READY, "{}", self.written());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// One of its programs, with the settings of the tests.
fn command(name: &str, (folder, url): (&TempDir, &str)) -> Command {
    let installed: PathBuf = python::environment("bugsink").join("bin").join(name);
    let mut command = program(installed);
    command
        .current_dir(folder.path())
        .env("PYTHONPATH", root().join("tests/real"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("DJANGO_SETTINGS_MODULE", "bugsink_conf")
        .env("FORETOKEN_BUGSINK_FOLDER", folder.path())
        .env("FORETOKEN_BUGSINK_URL", url)
        // It does not start without one; nobody logs in, and it listens on loopback only.
        .env(
            "FORETOKEN_BUGSINK_SECRET",
            format!("unused-{}-{url}", std::process::id()),
        );
    command
}
