//! The way to an endpoint: directly whatever the environment says, unless the user's file says otherwise.

use std::time::Duration;

use foretoken_remote::Limits;
use foretoken_remote::client::Question;

use crate::faultd::*;
use crate::run::*;

/// Which of three endpoints of one name the child asks.
const CHILD: &str = "FORETOKEN_TEST_PROXY";

async fn ask_through(more: &str) -> Told {
    // A name that exists nowhere (RFC 2606).
    let endpoint = endpoint("a", "https://llm.invalid/v1", more);
    let limits = Limits {
        connect: Duration::from_secs(2),
        total: Duration::from_secs(4),
        ..Limits::deep()
    };
    ask(
        &remote(),
        Question {
            limits,
            ..question(vec![candidate(endpoint)])
        },
    )
    .await
}

/// What the proxy was asked by a process whose environment names it.
async fn seen_with(settings: &str) -> Vec<String> {
    let proxy = Faultd::start(vec![vec![whole(403, &[], "no")]]).await;
    let url = format!("http://{}", proxy.address());
    let settings = settings.replace("PROXY", &url);
    #[expect(
        clippy::disallowed_methods,
        reason = "the test runs itself again, with another environment"
    )]
    let run = || std::process::Command::new(std::env::current_exe().unwrap());
    let child = tokio::task::spawn_blocking(move || {
        let names = [
            "HTTPS_PROXY",
            "https_proxy",
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "all_proxy",
        ];
        run()
            .args([
                "--exact",
                "proxies::a05_the_environment_names_no_proxy_unless_the_user_says_so",
            ])
            .env(CHILD, settings)
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .envs(names.map(|name| (name, url.clone())))
            .output()
    });
    let output = child.await.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    proxy
        .requests()
        .iter()
        .filter_map(|r| r.head.lines().next().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn a05_the_environment_names_no_proxy_unless_the_user_says_so() {
    if let Ok(settings) = std::env::var(CHILD) {
        let told = ask_through(&settings).await;
        assert!(told.line().starts_with("Failed("), "{}", told.line());
        // Loopback is never asked through a proxy.
        let server = Faultd::start(vec![streamed(&openai(&["near"]))]).await;
        assert_eq!(ask_one(&server, &settings).await.line(), "Finished | near");
        return;
    }
    assert_eq!(seen_with("").await, Vec::<String>::new());
    assert_eq!(seen_with("proxy = 'none'").await, Vec::<String>::new());
    let connect = ["CONNECT llm.invalid:443 HTTP/1.1"];
    assert_eq!(seen_with("proxy = 'environment'").await, connect);
    assert_eq!(seen_with("proxy = { url = 'PROXY' }").await, connect);
}
