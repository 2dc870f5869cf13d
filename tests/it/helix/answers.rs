//! Questions about code in a real Helix: the code actions, the answer as a document with its sources, and a further
//! question in it. Only the remote model's part is played.

use foretoken_tests::faultd::{self, Faultd};
use foretoken_tests::process::Home;
use foretoken_tests::terminal::Terminal;

use super::{configured, helix, open};

/// The provider's answers in turn.
fn scripts() -> Vec<faultd::Script> {
    let answers: [&[&str]; 2] = [
        &[
            "`report` prints the same row ",
            "three times [S2].\n\nIt returns 0 [S2].\n",
        ],
        &["Because nothing is added to it [S2].\n"],
    ];
    let streamed = |texts: &&[&str]| faultd::streamed(&faultd::openai(texts));
    answers.iter().map(streamed).collect()
}

/// Opens the menu of code actions and takes the one with this name.
async fn take(terminal: &Terminal, action: &str) {
    const NONE: &str = "No configured language server";
    // The answer itself names the action, in an invitation.
    let offered = |screen: &str| {
        let mut rows = screen.lines();
        rows.any(|row| row.contains(action) && !row.contains("Write here"))
    };
    loop {
        terminal.press(&["Space", "a"]);
        let screen = terminal
            .until(&format!("the action {action:?}"), |screen| {
                offered(screen) || screen.contains(NONE)
            })
            .await;
        if offered(&screen) {
            break;
        }
        // Until the server is ready Helix knows of none that could be asked, and says so.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    // It is the first row, which is chosen from the start.
    terminal.press(&["Enter"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_and_a_further_question_in_a_real_helix() {
    let Some(helix) = helix() else { return };
    let provider = Faultd::start(scripts()).await;
    let home: Home = configured();
    home.write("project/.git/HEAD", "ref: refs/heads/main\n");
    let (terminal, file) = open(&helix, &home, "answers");
    home.allow(&provider.url(), file.parent().unwrap());
    terminal
        .until("the file is shown", |screen| {
            screen.contains("return total")
        })
        .await;
    terminal.press(&["3gg"]);
    take(&terminal, "Foretoken: Explain this").await;
    let screen = terminal
        .until("the answer", |screen| {
            screen.contains("prints the same row")
        })
        .await;
    assert!(screen.contains("Sources"), "{screen}");
    let masks = [(home.path().to_str().unwrap(), "~")];
    terminal.picture("helix/answer", "Helix with an answer", &masks);
    terminal.press(&["ge", "o"]);
    terminal.write("Why 0?");
    terminal.press(&["Escape"]);
    take(&terminal, "Send follow-up").await;
    terminal
        .until("the further answer", |screen| {
            screen.contains("Because nothing is added")
        })
        .await;
}
