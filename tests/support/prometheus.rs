//! A real Prometheus with its `promtool`: found on this machine, never fetched by a test.
//! `cargo run -p foretoken-tests --bin fetch-editor prometheus` obtains one where that is possible.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::editors::{fetched, program};

/// The longest wait for anything of it.
const LIMIT: Duration = Duration::from_secs(60);

/// The two programs.
#[derive(Debug)]
pub struct Tools {
    /// `prometheus`.
    pub server: PathBuf,
    /// `promtool`.
    pub tool: PathBuf,
    /// As it says itself.
    pub version: String,
}

/// Those on PATH, else the fetched ones.
///
/// # Errors
/// When there are none, as a sentence that says what to do.
pub fn find() -> Result<Tools, String> {
    for folder in [PathBuf::new(), fetched("prometheus").join("root/usr/bin")] {
        let (server, tool) = (folder.join("prometheus"), folder.join("promtool"));
        let Ok(output) = program(&tool).arg("--version").output() else {
            continue;
        };
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // `promtool, version 2.42.0+ds (branch: …`
        if let Some(version) = said
            .split("version ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
        {
            let version = version.to_owned();
            return Ok(Tools {
                server,
                tool,
                version,
            });
        }
    }
    Err("there is no Prometheus; `cargo run -p foretoken-tests --bin fetch-editor prometheus` obtains one where that is possible".to_owned())
}

impl Tools {
    /// Runs `promtool` in a folder.
    ///
    /// # Panics
    /// When it finds something wrong.
    pub fn check(&self, folder: &Path, arguments: &[&str]) {
        let output = program(&self.tool)
            .args(arguments)
            .current_dir(folder)
            .output();
        let output = output.expect("promtool starts");
        assert!(
            output.status.success(),
            "promtool {arguments:?}:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Starts a server with the configuration `prometheus.yml` of a folder on a free port of loopback, and waits until it serves.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start(&self, folder: &Path) -> Running {
        let free = TcpListener::bind("127.0.0.1:0").await;
        let address = free
            .and_then(|free| free.local_addr())
            .expect("loopback has a free port");
        let log = std::fs::File::create(folder.join("log")).expect("a file can be made");
        let child = program(&self.server)
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus starts");
        let running = Running {
            child,
            port: address.port(),
        };
        let begun = Instant::now();
        while running
            .get("/-/ready")
            .await
            .is_none_or(|(status, _)| status != 200)
        {
            let said = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(
                begun.elapsed() < LIMIT,
                "prometheus does not serve:\n{said}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        running
    }
}

/// A running server; dropping it ends it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Status and body of a page; `None` where nobody answers.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        get(self.port, path).await
    }

    /// What a query gives now: a list of series.
    ///
    /// # Panics
    /// When the query is refused.
    pub async fn query(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/v1/query?query={}", percent(query));
        let (status, body) = self.get(&path).await.expect("prometheus answers");
        assert_eq!(status, 200, "{query}: {body}");
        let answer: Value = serde_json::from_str(&body).expect("it answers in JSON");
        answer["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }
}

/// Asks a server on loopback for a page.
pub async fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// A query as a part of an address.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
