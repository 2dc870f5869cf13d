//! The real LiteLLM proxy as a process of the tests, with the models of `tests/real/litellm.yaml` that it plays
//! itself. It accepts the keys `first-key` and `limited-key` (two requests a minute).
//!
//! `fetch-litellm` installs it. Where it is not, a test prints why and ends.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// It imports for 10 to 30 s; on a busy machine for longer.
const READY: Duration = Duration::from_secs(180);

/// A running proxy; dropping it ends it.
#[derive(Debug)]
pub struct Litellm {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Drop for Litellm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.log);
    }
}

impl Litellm {
    /// Starts it on a free port of loopback and waits until it serves.
    ///
    /// # Errors
    /// A sentence where it is not installed.
    ///
    /// # Panics
    /// When it is installed and does not come up; with its log.
    pub async fn start() -> Result<Litellm, String> {
        let root = root();
        let program = program(&root)?;
        let port = free_port()
            .await
            .map_err(|e| format!("loopback has no free port: {e}"))?;
        let log = std::env::temp_dir().join(format!(
            "foretoken-litellm-{}-{port}.log",
            std::process::id()
        ));
        let file = std::fs::File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let both = file
            .try_clone()
            .map_err(|e| format!("{}: {e}", log.display()))?;
        #[expect(clippy::disallowed_methods, reason = "the proxy is a program")]
        let mut command = std::process::Command::new(&program);
        let child = command
            .args([
                "--config",
                "litellm.yaml",
                "--host",
                "127.0.0.1",
                "--telemetry",
                "False",
            ])
            .args(["--port", &port.to_string()])
            .current_dir(root.join("tests/real"))
            .env(
                "FORETOKEN_LITELLM_SELF",
                format!("http://127.0.0.1:{port}/v1"),
            )
            // Prices from the package, not from the network.
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            // It does not start without one; nobody uses it, and it listens on loopback only.
            .env(
                "LITELLM_MASTER_KEY",
                format!("unused-{}-{port}", std::process::id()),
            )
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(both)
            .stderr(file)
            .spawn()
            .map_err(|e| format!("{}: {e}", program.display()))?;
        let mut proxy = Litellm { child, port, log };
        proxy.ready().await;
        Ok(proxy)
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    async fn ready(&mut self) {
        let deadline = Instant::now() + READY;
        while !self.is_alive().await {
            let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
            if ended || Instant::now() > deadline {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                panic!("LiteLLM did not come up:\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    async fn is_alive(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)).await else {
            return false;
        };
        let request = b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let mut answer = [0; 12];
        stream.write_all(request).await.is_ok()
            && stream.read_exact(&mut answer).await.is_ok()
            && answer == *b"HTTP/1.1 200"
    }
}

async fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))
        .await?
        .local_addr()?
        .port())
}

/// The repository, whichever package's tests these are.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").exists());
    root.unwrap_or(package).to_owned()
}

/// `FORETOKEN_LITELLM`, or where `fetch-litellm` puts it.
fn program(root: &Path) -> Result<PathBuf, String> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let installed = target.join("litellm/bin/litellm");
    let program = std::env::var_os("FORETOKEN_LITELLM").map_or(installed, PathBuf::from);
    if program.exists() {
        return Ok(program);
    }
    Err(
        "it is not installed; `cargo run -p foretoken-tests --bin fetch-litellm` does it"
            .to_owned(),
    )
}
