//! What sessions leave behind: the counts in the files are those of the server's own status, to the unit; `foretoken stats` shows
//! and serves them; a real Prometheus reads them, and every query of the dashboard and every rule gets an answer.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use foretoken_tests::persona::Persona;
use foretoken_tests::process::Home;
use foretoken_tests::prometheus;
use foretoken_tests::session::{LIMIT, Session};
use serde_json::{Value, json};

const URI: &str = "file:///project/src/lib.rs";

const LINES: &str =
    "    registry.register_handler(name, handler);\n    registry.unregister_handler(name);\n";

/// What the status counts of a session that did a little of everything: texts shown, accepted, turned down, asked for where there
/// is none.
async fn work(session: &mut Session) -> Value {
    session.initialize().await;
    session.model_settled().await;
    let text = format!("fn main() {{\n{}", LINES.repeat(6));
    session.open(URI, "rust", &text).await;
    let head = "    registry.reg";
    session.change(URI, text.len(), text.len(), head).await;
    let at = text.len() + head.len();
    let first = session.inline(URI, at).await.result().await;
    let offered = first["items"][0]["insertText"].as_str().unwrap().to_owned();
    session.change(URI, at, at, &offered).await;
    let at = at + offered.len();
    session.change(URI, at, at, "\n    registry.").await;
    let at = at + "\n    registry.".len();
    session.inline(URI, at).await.result().await;
    // Something else than what is on the screen, whatever that is.
    session.change(URI, at, at, "§").await;
    session.inline(URI, at + "§".len()).await.result().await;
    // Within a word.
    session.inline(URI, 5).await.result().await;
    let nowhere = json!({
        "textDocument": {"uri": "file:///nowhere.rs"},
        "position": {"line": 0, "character": 0},
        "context": {"triggerKind": 2},
    });
    let method = "textDocument/inlineCompletion";
    session.request(method, nowhere).await.result().await;
    session.status(false).await
}

/// A session of the real program in this home, to its end; its counts.
async fn lived(home: &Home, environment: &[(&str, &str)]) -> Value {
    let environment: Vec<_> = environment.iter().map(|(k, v)| (*k, v.as_ref())).collect();
    let mut session = home.serve(Persona::named("vscode"), &environment);
    let status = work(&mut session).await;
    session.finish().await;
    status
}

fn stats(home: &Home, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = home.run(&[&["stats"], arguments].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_counts_are_those_of_the_sessions_to_the_unit() {
    let home = Home::default();
    let (code, out, err) = stats(&home, &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("there is nothing to show"), "{err}");

    let one = lived(&home, &[]).await;
    let two = lived(&home, &[]).await;
    let (code, out, err) = stats(&home, &["--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let sum = &serde_json::from_str::<Value>(&out).unwrap()["allTime"];
    let both = |pointer: &str| {
        let of = |status: &Value| status.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        of(&one) + of(&two)
    };
    let kept = |pointer: &str| sum.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    for (file, status) in [
        ("/requests/ok", "/counts/answered"),
        ("/requests/superseded", "/counts/superseded"),
        ("/requests/cancelled", "/counts/cancelled"),
        ("/changes", "/counts/changes"),
        ("/tokens/run", "/counts/tokensRun"),
        ("/tokens/generated", "/counts/work/generated"),
        ("/cache/hit", "/counts/hits"),
        ("/cache/joined", "/counts/attached"),
        ("/slow_ticks", "/counts/slowTicks"),
    ] {
        // Work ahead that ends behind the last status is counted, too.
        let later = file.starts_with("/tokens");
        let fits = kept(file) == both(status) || later && kept(file) >= both(status);
        assert!(
            fits,
            "{file} {} {status} {}: {sum}",
            kept(file),
            both(status)
        );
    }
    for reason in ["not-open", "inside-word"] {
        assert_eq!(
            kept(&format!("/nothing/{reason}")),
            both(&format!("/counts/empty/{reason}")),
            "{reason}"
        );
    }
    assert!(kept("/nothing/not-open") == 2, "{sum}");
    let writers: Vec<&Value> = sum["suggestions"]["rust"]
        .as_object()
        .unwrap()
        .values()
        .collect();
    for (field, total) in [
        ("offered", "/offers/offered"),
        ("accepted", "/offers/accepted"),
        ("whole", "/offers/acceptedWhole"),
        ("characters", "/offers/acceptedCharacters"),
        ("dismissed", "/offers/dismissed"),
    ] {
        let rows: u64 = writers.iter().filter_map(|row| row[field].as_u64()).sum();
        assert_eq!(rows, both(total), "{field}");
    }
    assert!(both("/offers/accepted") >= 2, "{one}");

    let (_, text, _) = stats(&home, &["--days", "1"]);
    for part in [
        "suggestions ",
        "By language and writer",
        "Why nothing was shown",
        "not-open",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let canary = ["registry", "nowhere", "project"];
    let folder = home.path().join(".local/state/foretoken/metrics");
    for file in std::fs::read_dir(folder).unwrap() {
        let held = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!canary.iter().any(|word| held.contains(word)), "{held}");
    }
    stats(&home, &["--html", "page.html"]);
    let page = std::fs::read_to_string(home.path().join("page.html")).unwrap();
    assert!(page.starts_with("<!doctype html>"), "{page}");
    assert_eq!(stats(&home, &["--delete"]).0, Some(0));
    assert_eq!(stats(&home, &[]).0, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_kept_where_the_user_wants_nothing_kept() {
    let home = Home::default();
    lived(&home, &[("FORETOKEN_METRICS_KEEP", "false")]).await;
    assert_eq!(stats(&home, &[]).0, Some(1));
    assert!(!home.path().join(".local/state/foretoken/metrics").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_experiment_gives_a_home_one_arm_and_counts_in_it() {
    let declared = json!([{
        "name": "gate",
        "vary": "completion.minimumProbability",
        "arms": [{"name": "fitted", "value": 0.01}, {"name": "careful", "value": 0.02}],
    }]);
    let declared = declared.to_string();
    let experiments = ("FORETOKEN_METRICS_EXPERIMENTS", declared.as_str());
    let home = Home::default();
    for _ in 0..2 {
        lived(&home, &[experiments]).await;
    }
    let (_, out, _) = stats(&home, &["--json"]);
    std::fs::write(home.path().join("mine.json"), &out).unwrap();
    let kept: Value = serde_json::from_str(&out).unwrap();
    let arms = kept["allTime"]["experiments"]["gate"].as_object().unwrap();
    assert_eq!(arms.len(), 1, "{arms:?}");
    let (name, arm) = arms.iter().next().unwrap();
    assert!(arm["trials"].as_u64() >= Some(8), "{arm}");
    assert!(arm["successes"].as_u64() >= Some(2), "{arm}");
    let mut command = home.command(&["config", "show"]);
    let output = command.env(experiments.0, experiments.1).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains(&format!("gate={name}")), "{shown}");
    let (code, out, err) = stats(&home, &["--experiments", "--with", "mine.json"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("    2 installations "), "{out}");
    std::fs::write(home.path().join("other.json"), "{}").unwrap();
    for bad in ["other.json", "nowhere.json"] {
        let (code, _, err) = stats(&home, &["--experiments", "--with", bad]);
        assert_eq!(code, Some(2));
        assert!(err.contains(bad), "{err}");
    }
    let other = Home::default();
    lived(&other, &[]).await;
    let (code, _, err) = stats(&other, &["--experiments"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("declares none"), "{err}");
    assert!(
        !other
            .path()
            .join(".local/state/foretoken/installation")
            .exists()
    );
}

/// `foretoken stats --listen` as a process; killed at its end.
struct Listening {
    child: std::process::Child,
    port: u16,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(home: &Home) -> Listening {
    let mut child = home
        .command(&["stats", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    let port = line
        .split("127.0.0.1:")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    let port = port.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
    Listening { child, port }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_than_this_machine_are_never_served() {
    let home = Home::default();
    for address in ["0.0.0.0:0", "192.0.2.1:9464", "[::]:0"] {
        let (code, _, err) = stats(&home, &["--listen", address]);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains("other machines"), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_reads_them_and_answers_every_query() {
    let tools = match prometheus::find() {
        Ok(tools) => tools,
        Err(why) => {
            println!("SKIP: {why}");
            return;
        }
    };
    let home = Home::default();
    let (code, _, err) = stats(&home, &["--write-ops", "ops"]);
    assert_eq!(code, Some(0), "{err}");
    let ops = home.path().join("ops");
    tools.check(&ops, &["check", "rules", "rules.yml"]);
    tools.check(&ops, &["test", "rules", "rules_test.yml"]);
    tools.check(&ops, &["check", "config", "prometheus.yml"]);

    lived(&home, &[]).await;
    let listening = listen(&home);
    let (status, page) = prometheus::get(listening.port, "/metrics").await.unwrap();
    assert_eq!(status, 200);
    assert!(
        page.contains("# TYPE foretoken_nothing_shown_total counter"),
        "{page}"
    );

    let config = std::fs::read_to_string(ops.join("prometheus.yml")).unwrap();
    let config = config
        .replace("15s", "1s")
        .replace("127.0.0.1:9464", &format!("127.0.0.1:{}", listening.port));
    std::fs::write(ops.join("prometheus.yml"), config).unwrap();
    let server = tools.start(&ops).await;
    let begun = Instant::now();
    while server.query("foretoken_changes_total").await.is_empty() {
        assert!(begun.elapsed() < LIMIT, "nothing was read");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // The numbers there are those of the page.
    let series = server.query("sum(foretoken_nothing_shown_total)").await;
    let page_sum: u64 = page
        .lines()
        .filter(|line| line.starts_with("foretoken_nothing_shown_total{"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(series[0]["value"][1], json!(page_sum.to_string()));

    let dashboard = std::fs::read_to_string(ops.join("dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    let mut asked = 0;
    for target in targets {
        let query = target["expr"]
            .as_str()
            .unwrap()
            .replace("$__rate_interval", "1m");
        // `query` fails where Prometheus refuses one. What a session without remote answers has nothing to say of is empty.
        server.query(&query).await;
        asked += 1;
    }
    assert!(asked >= 16, "{asked}");
    let (_, rules) = server.get("/api/v1/rules").await.unwrap();
    let rules: Value = serde_json::from_str(&rules).unwrap();
    let groups = rules["data"]["groups"].as_array().unwrap();
    let rules: Vec<&Value> = groups
        .iter()
        .flat_map(|g| g["rules"].as_array().unwrap())
        .collect();
    assert!(rules.len() >= 20, "{}", rules.len());
    for rule in rules {
        assert_ne!(rule["health"], "err", "{rule}");
    }
}
