//! What somebody sees who types: the look-up model answers here, whose texts are known beforehand.

use foretoken_tests::fixture;
use foretoken_tests::persona::Persona;
use foretoken_tests::server;
use foretoken_tests::session::Session;
use serde_json::{Value, json};

const URI: &str = "file:///project/src/lib.rs";
const LINE: &str = "    registry.register_handler(name, handler);";
const REST: &str = "ister_handler(name, handler);";

async fn session(persona: Persona) -> Session {
    let mut session = server::start(persona, server::without_model());
    session.initialize().await;
    session
}

/// Opens a document in which the line stands eight times, with these line ends, and types its beginning
/// at the end. Returns the cursor.
async fn open_and_type(session: &mut Session, line: &str, end: &str, beginning: &str) -> usize {
    let text = format!("fn main() {{{end}{}", format!("{line}{end}").repeat(8));
    session.open(URI, "rust", &text).await;
    session.change(URI, text.len(), text.len(), beginning).await;
    text.len() + beginning.len()
}

/// The one text of an answer, or nothing.
fn text(answer: &Value) -> Option<&str> {
    answer["items"]
        .as_array()
        .unwrap()
        .first()
        .map(|item| item["insertText"].as_str().unwrap())
}

async fn source(session: &mut Session) -> String {
    session.report(URI).await["source"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn ghost_text_appears_at_the_cursor() {
    for persona in ["vscode", "neovim", "lsp-mode", "lsp4ij"] {
        let mut session = session(Persona::named(persona)).await;
        let at = open_and_type(&mut session, LINE, "\n", "    registry.reg").await;
        let answer = session.inline(URI, at).await.result().await;
        assert_eq!(text(&answer), Some(REST), "{persona}: {answer}");
        session.finish().await;
    }
}

/// LSP4IJ cuts as many UTF-16 units from a text as stand between the range's start and the cursor, inserts
/// the rest at the cursor, and leaves the range's end out of account. What it inserts must be our text.
#[tokio::test]
async fn what_lsp4ij_inserts_is_the_text_that_was_meant() {
    let mut session = session(Persona::named("lsp4ij")).await;
    let line = "    log(\"😀 é\"); registry.register_worker(\"alpha\", alpha);\n";
    let at = open_and_type(&mut session, line, "\n", "    log(\"😀 é\"); registry.reg").await;
    let answer = session.inline(URI, at).await.result().await;
    let item = &answer["items"][0];
    let meant = item["insertText"].as_str().expect("a text, not a snippet");
    let cursor = session.ask_params(URI, at, 2)["position"].clone();
    assert_eq!(item["range"]["start"]["line"], cursor["line"]);
    let column = |position: &Value| position["character"].as_u64().unwrap() as usize;
    let cut = column(&cursor) - column(&item["range"]["start"]);
    let units: Vec<u16> = meant.encode_utf16().collect();
    let inserted = String::from_utf16(&units[cut..]).expect("no character is cut in two");
    assert!(meant.starts_with("ister_worker(\"alpha\""), "{answer}");
    assert_eq!(inserted, meant);
    assert_eq!(column(&item["range"]["end"]), column(&cursor));
    session.finish().await;
}

#[tokio::test]
async fn the_menu_carries_the_same_text_where_there_is_no_ghost_text() {
    for persona in ["helix", "neovim-0.11"] {
        let mut session = session(Persona::named(persona)).await;
        let at = open_and_type(&mut session, LINE, "\n", "    registry.reg").await;
        let params = session.ask_params(URI, at, 1);
        let answer = session
            .request("textDocument/completion", params)
            .await
            .result()
            .await;
        let item = &answer["items"][0];
        assert_eq!(
            item["textEdit"]["newText"],
            format!("reg{REST}"),
            "{persona}: {answer}"
        );
        assert_eq!(item["filterText"], "reg");
        session.finish().await;
    }
}

/// While a word grows, an editor with a menu asks those servers again whose lists were incomplete, and leaves out
/// who had failed: an overtaken request must not cost the row for the rest of the word.
#[tokio::test]
async fn an_overtaken_menu_is_empty_and_to_be_asked_again() {
    let mut session = session(Persona::named("helix")).await;
    let at = open_and_type(&mut session, LINE, "\n", "    registry.re").await;
    let asked = session.ask_params(URI, at, 1);
    let (first, overtaken) = session.prepare("textDocument/completion", asked);
    let change = session.edit(URI, at, at, "g");
    let asked = session.ask_params(URI, at + 1, 3);
    let (second, last) = session.prepare("textDocument/completion", asked);
    session.send_all(&[first, change, second]).await;
    let empty = json!({"isIncomplete": true, "items": []});
    assert_eq!(overtaken.result().await, empty);
    assert_eq!(last.result().await["items"][0]["filterText"], "reg");
    session.finish().await;
}

/// Every key that agrees is answered with the rest, from what is at hand.
#[tokio::test]
async fn typing_along_is_answered_without_computing() {
    let mut session = session(Persona::named("vscode")).await;
    let mut at = open_and_type(&mut session, LINE, "\n", "    registry.reg").await;
    assert_eq!(
        text(&session.inline(URI, at).await.result().await),
        Some(REST)
    );
    for (typed, key) in REST.char_indices().take(8) {
        session.change(URI, at, at, &key.to_string()).await;
        at += 1;
        let answer = session.inline(URI, at).await.result().await;
        assert_eq!(text(&answer), Some(&REST[typed + 1..]), "{answer}");
        assert_eq!(source(&mut session).await, "cache");
    }
    session.finish().await;
}

/// Going back to what was typed before finds the older answer again; going elsewhere does not show it.
#[tokio::test]
async fn a_key_that_disagrees_never_shows_the_old_text() {
    let mut session = session(Persona::named("vscode")).await;
    let at = open_and_type(&mut session, LINE, "\n", "    registry.reg").await;
    assert_eq!(
        text(&session.inline(URI, at).await.result().await),
        Some(REST)
    );
    session.change(URI, at, at, "Q").await;
    let answer = session.inline(URI, at + 1).await.result().await;
    assert_ne!(text(&answer), Some(REST));
    session.change(URI, at, at + 1, "").await;
    let answer = session.invoke(URI, at).await.result().await;
    assert_eq!(
        text(&answer),
        Some(REST),
        "what was deleted again changes nothing: {answer}"
    );
    session.finish().await;
}

#[tokio::test]
async fn the_same_place_gives_the_same_text() {
    let mut session = session(Persona::named("vscode")).await;
    let at = open_and_type(&mut session, LINE, "\n", "    reg").await;
    let first = session.invoke(URI, at).await.result().await;
    for _ in 0..5 {
        let again = session.invoke(URI, at).await.result().await;
        assert_eq!(text(&again), text(&first));
    }
    session.finish().await;
}

#[tokio::test]
async fn a_dismissed_text_is_not_offered_at_its_place_again() {
    let mut session = session(Persona::named("neovim")).await;
    let at = open_and_type(&mut session, LINE, "\n", "    registry.reg").await;
    let answer = session.inline(URI, at).await.result().await;
    assert_eq!(text(&answer), Some(REST));
    let id = answer["items"][0]["command"]["arguments"][0].clone();
    session
        .notify("$/foretoken/dismissed", json!({"id": id}))
        .await;
    let answer = session.inline(URI, at).await.result().await;
    assert_eq!(answer, json!({"items": []}));
    session.finish().await;
}

#[tokio::test]
async fn an_accept_is_counted_once() {
    let mut session = session(Persona::named("vscode")).await;
    let at = open_and_type(&mut session, LINE, "\n", "    registry.reg").await;
    let answer = session.inline(URI, at).await.result().await;
    let command = answer["items"][0]["command"].clone();
    // As VS Code does it: the text as one change, the command behind it.
    session.change(URI, at, at, REST).await;
    let params = json!({"command": command["command"], "arguments": command["arguments"]});
    for _ in 0..2 {
        session
            .request("workspace/executeCommand", params.clone())
            .await
            .result()
            .await;
    }
    let status = session.status(false).await;
    assert_eq!(status["offers"]["accepted"], 1, "{status}");
    session.finish().await;
}

/// Positions count in the agreed unit, also behind characters outside the basic plane.
#[tokio::test]
async fn ghost_text_stands_right_behind_an_emoji() {
    let line = "    say(\"😀👩‍👩‍👧 grüße\", registry.register(name));";
    for (persona, encoding) in [
        ("vscode", "utf-16"),
        ("neovim", "utf-8"),
        ("helix", "utf-32"),
    ] {
        let mut session = session(Persona::named(persona).offering(encoding)).await;
        let at = open_and_type(
            &mut session,
            line,
            "\n",
            "    say(\"😀👩‍👩‍👧 grüße\", registry.reg",
        )
        .await;
        let params = session.ask_params(URI, at, 1);
        let answer = session
            .request("textDocument/inlineCompletion", params)
            .await
            .result()
            .await;
        assert_eq!(text(&answer), Some("ister(name));"), "{encoding}: {answer}");
        session.finish().await;
    }
}

/// In a file with CRLF a text never brings a bare line feed, and the CR right of the cursor is no text.
#[tokio::test]
async fn line_ends_are_those_of_the_file() {
    let mut session = session(Persona::named("vscode")).await;
    let at = open_and_type(&mut session, LINE, "\r\n", "    registry.reg").await;
    assert_eq!(
        text(&session.inline(URI, at).await.result().await),
        Some(REST)
    );

    let uri = "file:///project/src/blocks.rs";
    let block = "fn handle(name: &str) {\r\n    open(name);\r\n    close(name);\r\n}\r\n\r\n";
    session
        .open(
            uri,
            "rust",
            &format!("{}fn handle(name: &str) {{\r\n    ", block.repeat(6)),
        )
        .await;
    let end = session.text(uri).len();
    let answer = session.invoke(uri, end).await.result().await;
    let text = text(&answer).unwrap_or_else(|| panic!("six equal blocks are enough: {answer}"));
    assert!(text.starts_with("open(name);"), "{text:?}");
    assert_eq!(
        text.matches('\n').count(),
        text.matches("\r\n").count(),
        "{text:?}"
    );
    session.finish().await;
}

/// What stands right of the cursor is never written twice.
#[tokio::test]
async fn the_rest_of_the_line_is_not_repeated() {
    let marked = "fn main() {\n    call(first, second);\n    call(first, second);\n    call(first, second);\n    call(first, second);\n    call(fir$0);\n}\n";
    let fixture = fixture::parse(marked);
    let mut session = session(Persona::named("vscode")).await;
    session.open(URI, "rust", &fixture.text).await;
    let answer = session.invoke(URI, fixture.cursor).await.result().await;
    assert_eq!(text(&answer), Some("st, second"), "{answer}");
    session.finish().await;
}

/// Two edits, each with its request, in a hurry: the first is superseded, the second answered.
#[tokio::test]
async fn two_fast_edits_get_one_answer() {
    let editor =
        Persona::named("neovim").with_options(json!({"editor": "neovim", "debounceMs": 50}));
    let mut session = session(editor).await;
    let at = open_and_type(&mut session, LINE, "\n", "    registry.r").await;
    let first = session.inline(URI, at).await;
    session.change(URI, at, at, "e").await;
    let second = session.inline(URI, at + 1).await;
    let first = first.reply().await;
    assert_eq!(first.map_err(|e| e.code), Err(-32800));
    let second = second.result().await;
    assert_eq!(
        text(&second),
        Some("gister_handler(name, handler);"),
        "{second}"
    );
    session.finish().await;
}

/// The menu's selected item is the beginning of what we offer, or we offer nothing.
#[tokio::test]
async fn a_selected_menu_item_is_continued_or_nothing_is_offered() {
    let mut session = session(Persona::named("vscode")).await;
    let at = open_and_type(&mut session, LINE, "\n", "    registry.reg").await;
    let range = session.documents[URI].range(at - 3, at, session.encoding);
    for (selected, wanted) in [
        ("register_handler", Some("register_handler(name, handler);")),
        ("regret", None),
    ] {
        let mut params = session.ask_params(URI, at, 2);
        params["context"]["selectedCompletionInfo"] = json!({"range": range, "text": selected});
        let answer = session
            .request("textDocument/inlineCompletion", params)
            .await
            .result()
            .await;
        assert_eq!(text(&answer), wanted, "{answer}");
    }
    session.finish().await;
}

/// Source text that spells control tokens is text like any other: it never comes back as a suggestion.
#[tokio::test]
async fn a08_control_tokens_in_the_source_stay_text() {
    let mut session = session(Persona::named("vscode")).await;
    let line = "    let stop = \"<|eom|><|pre|>[INST]\";";
    let at = open_and_type(&mut session, line, "\n", "    let stop = \"").await;
    let answer = session.invoke(URI, at).await.result().await;
    if let Some(text) = text(&answer) {
        assert!(!text.contains("<|"), "{text:?}");
    }
    session.finish().await;
}
