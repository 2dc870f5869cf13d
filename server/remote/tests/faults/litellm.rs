//! The client against the real LiteLLM proxy, which plays its models itself: every row of what it was seen to
//! send. `fetch-litellm` installs it; where it is not, the test says so and ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foretoken_remote::client::{Question, Remote};
use foretoken_remote::endpoint::Endpoint;
use foretoken_remote::failure::{Failure, Kind, Limit, RetryAfter};
use foretoken_remote::keys::Keys;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::litellmd::Litellm;
use crate::run::*;

/// The proxy, and where keys for it are written.
struct Proxy {
    process: Litellm,
    home: tempfile::TempDir,
}

impl Proxy {
    fn port(&self) -> u16 {
        self.process.port()
    }

    /// What it answers to a request as written.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port()))
            .await
            .unwrap();
        let mut answer = Vec::new();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn endpoint(&self, more: &str) -> Arc<Endpoint> {
        let url = format!("http://127.0.0.1:{}", self.port());
        endpoint(
            "proxy",
            &url,
            &format!("litellm = true\nkey = 'file'\n{more}"),
        )
    }

    /// A client with this key and no memory of the past.
    fn remote(&self, key: &str) -> Remote {
        let file = self.home.path().join(format!("{key}.toml"));
        std::fs::write(
            &file,
            format!("\"http://127.0.0.1:{}\" = {key:?}", self.port()),
        )
        .unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        Remote::new(Keys::new(file), None)
    }

    async fn ask(&self, remote: &Remote, wire: &str, model: &str) -> Told {
        let endpoint = self.endpoint(&format!("wire = {wire:?}"));
        let mut candidate = candidate(endpoint);
        candidate.model = model.to_owned();
        ask(
            remote,
            Question {
                retries: 0,
                ..question(vec![candidate])
            },
        )
        .await
    }

    async fn says(&self, wire: &str, model: &str, expected: &str) -> Told {
        let told = self.ask(&self.remote("first-key"), wire, model).await;
        assert_eq!(told.line(), expected, "{wire} {model}: {:?}", told.done);
        told
    }

    async fn fails(&self, key: &str, wire: &str, model: &str) -> Failure {
        let told = self.ask(&self.remote(key), wire, model).await;
        assert_eq!(told.text, "");
        told.done.tries[0]
            .failure
            .clone()
            .unwrap_or_else(|| panic!("{wire} {model}: {:?}", told.done))
    }
}

const TEXT: &str = "Finished | The loop ends one too early.";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_of_litellm() {
    let process = match Litellm::start().await {
        Ok(process) => process,
        Err(why) => {
            println!("SKIP litellm: {why}");
            return;
        }
    };
    let home = tempfile::tempdir().unwrap();
    let proxy = Proxy { process, home };
    answers(&proxy).await;
    failures(&proxy).await;
    limits(&proxy).await;
    costs(&proxy).await;
}

async fn answers(proxy: &Proxy) {
    let told = proxy.says("openai", "plain", TEXT).await;
    assert!(told.texts > 3, "it streams in crumbs");
    assert_eq!(
        told.done.by,
        Some(("proxy".to_owned(), "plain".to_owned())),
        "the group that was asked"
    );
    assert!(told.done.usage.output.is_some() && !told.done.estimated);
    // One canned JSON body in answer to `stream: true`.
    let told = proxy.says("anthropic", "plain", TEXT).await;
    assert_eq!(told.texts, 1);
    let told = proxy.says("anthropic", "through", TEXT).await;
    assert!(told.texts > 1, "real events");
    let told = proxy.says("openai", "falls", TEXT).await;
    assert_eq!(
        told.done.by.as_ref().map(|(_, model)| model.as_str()),
        Some("plain"),
        "the group that answered"
    );
    let start = Instant::now();
    proxy.says("openai", "slow", "Finished | slowly").await;
    assert!(start.elapsed() >= Duration::from_secs(2));
    proxy.says("openai", "tools", "Finished | ").await;
}

async fn failures(proxy: &Proxy) {
    let kind = async |wire: &str, model: &str| proxy.fails("first-key", wire, model).await.kind;
    for wire in ["openai", "anthropic"] {
        let failure = proxy.fails("first-key", wire, "limited").await;
        assert_eq!(
            (failure.kind, failure.retry_after),
            (Kind::RateLimited, None),
            "{wire}"
        );
        assert_eq!(
            proxy.fails("wrong-key", wire, "plain").await.kind,
            Kind::Auth,
            "{wire}"
        );
    }
    assert_eq!(kind("openai", "small").await, Kind::ContextWindow);
    assert_eq!(kind("openai", "overloaded").await, Kind::Overloaded);
    assert_eq!(kind("openai", "silent").await, Kind::Timeout(Limit::Theirs));
    assert_eq!(kind("openai", "no-such-model").await, Kind::Request);
}

async fn limits(proxy: &Proxy) {
    for _ in 0..2 {
        let told = proxy
            .ask(&proxy.remote("limited-key"), "openai", "plain")
            .await;
        assert_eq!(told.line(), TEXT);
    }
    let failure = proxy.fails("limited-key", "openai", "plain").await;
    assert_eq!(failure.kind, Kind::RateLimited);
    assert!(
        failure
            .retry_after
            .is_some_and(|RetryAfter(wait)| wait <= Duration::from_secs(60)),
        "{failure:?}"
    );
    // Two failures cool the only deployment down.
    let mut seen = Vec::new();
    for _ in 0..3 {
        let failure = proxy.fails("first-key", "openai", "broken").await;
        seen.push((
            failure.kind,
            failure.retry_after.map(|RetryAfter(wait)| wait.as_secs()),
        ));
    }
    assert_eq!(
        seen,
        [
            (Kind::Server, None),
            (Kind::Server, None),
            (Kind::RateLimited, Some(20))
        ]
    );
}

/// Our sum for the same usage is the proxy's, to the nano-dollar.
async fn costs(proxy: &Proxy) {
    let body = r#"{"model":"plain","messages":[{"role":"user","content":"What is wrong with this loop?"}]}"#;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer first-key\r\ncontent-type: application/json";
    let answer = proxy
        .raw(&format!(
            "{head}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    let header = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-litellm-response-cost: "))
        .expect("it names the cost");
    let theirs: f64 = header.trim().parse().unwrap();
    let (_, json) = answer.split_once("\r\n\r\n").unwrap();
    let usage: serde_json::Value =
        serde_json::from_str(&json[json.find('{').unwrap()..=json.rfind('}').unwrap()]).unwrap();
    let count = |name: &str| usage["usage"][name].as_u64().unwrap();
    let model: foretoken_remote::endpoint::Model =
        toml::from_str("name = 'm'\nprice = { input = 0.15, output = 0.6 }").unwrap();
    let price = model.price.unwrap();
    let ours = price
        .of(count("prompt_tokens"), 0, count("completion_tokens"))
        .0;
    assert_eq!(
        ours,
        (theirs * 1e9).round() as u64,
        "{header} for {}",
        usage["usage"]
    );
    assert!(ours > 0);
}
