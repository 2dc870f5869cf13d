//! A flood of messages to a loop that stands still. A process of its own, because it measures its memory.

use std::sync::Arc;

use foretoken_tests::persona::Persona;
use foretoken_tests::server;

const URI: &str = "file:///project/src/lib.rs";
const TEXT: &str = "fn main() {\n    let total = 0;\n    let ";

/// Memory of this process now, kB; `None` where the system does not tell it.
fn memory_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// The loop stands still while a flood of edits and requests comes: nothing is lost, each request is
/// answered once, and what lies waiting takes no more memory than such messages do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_messages_to_a_loop_that_stands_still() {
    // All of them take a minute in a build without optimisation on a busy machine.
    let messages = match std::env::var_os("RUN_SLOW_TESTS") {
        Some(_) => 100_000,
        None => 20_000,
    };
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (stop, stopping) = std::sync::mpsc::channel::<()>();
    let (stalled, has_stalled) = tokio::sync::oneshot::channel::<()>();
    let gates = std::sync::Mutex::new((stopping, held, Some(stalled)));
    let mut options = server::without_model();
    options.fault = Some(Arc::new(move |called: &str| {
        // Only the loop comes here, which holds the gates as long as it stands still.
        if called != foretoken::TICK {
            return;
        }
        let mut gates = gates.lock().unwrap();
        if gates.0.try_recv().is_ok() {
            let _ = gates.2.take().unwrap().send(());
            gates.1.recv().unwrap();
        }
    }));
    let mut session = server::start(Persona::named("vscode"), options);
    session.initialize().await;
    session.open(URI, "rust", TEXT).await;
    session.status(true).await;
    let before = memory_kb();
    stop.send(()).unwrap();
    session.change(URI, TEXT.len(), TEXT.len(), "x").await;
    has_stalled.await.unwrap();
    let mut asked = Vec::new();
    let mut left = messages;
    while left > 0 {
        let mut batch = Vec::new();
        // A key and its deletion, so that the client's own copy stays small.
        for number in 0..left.min(500) {
            let key = ["a", ""][number % 2];
            batch.push(session.edit(URI, 0, usize::from(key.is_empty()), key));
        }
        left -= batch.len();
        let params = session.ask_params(URI, session.text(URI).len(), 2);
        let (message, pending) = session.prepare("textDocument/inlineCompletion", params);
        batch.push(message);
        asked.push(pending);
        session.send_all(&batch).await;
    }
    // All of it is taken off the wire although nobody looks at it yet.
    let limit = foretoken_tests::session::LIMIT;
    assert!(
        session.flushed(limit).await,
        "the transport waits for the loop"
    );
    if let (Some(before), Some(now)) = (before, memory_kb()) {
        let each = now.saturating_sub(before) * 1024 / messages as u64;
        // The client's own record of them is in it too.
        assert!(each < 8_000, "{each} bytes a message");
    }
    session.change(URI, 0, 0, "// the last one\n").await;
    release.send(()).unwrap();
    for pending in asked {
        let reply = pending.reply().await;
        assert!(
            reply.is_ok() || reply.as_ref().is_err_and(|e| e.code == -32800),
            "{reply:?}"
        );
    }
    let document = session.document(URI).await;
    assert_eq!(document["version"], session.documents[URI].version);
    assert_eq!(document["sha256"], server::sha256(session.text(URI)));
    session.finish().await;
}
