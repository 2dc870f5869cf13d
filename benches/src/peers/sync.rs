//! Does a server hold the document that the editor holds? What a server sends to the endpoint is its own
//! copy, cut at its own idea of the cursor; after edits behind characters that are two UTF-16 units
//! and across CR LF line ends it is compared with the editor's.

use std::time::Duration;

use foretoken_tests::mirror::Mirror;

use super::client::{ANSWER_LIMIT, Client};
use super::endpoint::{Asked, Endpoint};
use super::peer::Peer;

/// One edit: where `at` ends, `remove` follows and gives way to `insert`.
#[derive(Debug, Clone, Copy)]
pub struct Edit {
    /// Stands once in the document as it is then.
    pub at: &'static str,
    /// What is removed behind it.
    pub remove: &'static str,
    /// What takes its place.
    pub insert: &'static str,
}

/// A document and what is done to it; the cursor is behind the last text inserted, at a line's end.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// A short name.
    pub name: &'static str,
    /// What is opened.
    pub text: &'static str,
    /// What the file holds; an editor may open what was never saved.
    pub disk: Option<&'static str>,
    /// The edits in order.
    pub edits: &'static [Edit],
    /// How many of the edits, from the first, are told in one notification.
    pub at_once: usize,
}

const fn edit(at: &'static str, remove: &'static str, insert: &'static str) -> Edit {
    Edit { at, remove, insert }
}

const fn step(name: &'static str, text: &'static str, edits: &'static [Edit]) -> Step {
    Step {
        name,
        text,
        disk: None,
        edits,
        at_once: 1,
    }
}

const FACE: &str = "fn face() {\n    let face = \"😀\";\n}\n";
const LINES: &str = "fn lines() {\r\n    one();\r\n    two();\r\n}\r\n";

/// All of them.
pub const STEPS: &[Step] = &[
    step(
        "typing behind an emoji",
        FACE,
        &[edit("\"😀\";", "", " let a = ")],
    ),
    step(
        "an emoji deleted, then typing",
        FACE,
        &[edit("= \"", "😀", ""), edit("\"\";", "", " let b = ")],
    ),
    step(
        "emoji put in, then typing",
        FACE,
        &[
            edit("face = \"", "", "😀é😀"),
            edit("😀😀\";", "", " let c = "),
        ],
    ),
    step(
        "a range that ends behind an emoji two lines below",
        "fn more() {\n    let a = \"😀\";\n    let b = \"é😀\";\n    let c = 1;\n}\n",
        &[
            edit("a = \"😀", "\";\n    let b = \"é😀", "+"),
            edit("+\";", "", " let d = "),
        ],
    ),
    Step {
        at_once: 2,
        ..step(
            "two edits in one message",
            FACE,
            &[
                edit("= \"😀", "", "😀"),
                edit("😀😀\";", "", " let e ="),
                edit("let e =", "", " "),
            ],
        )
    },
    step(
        "typing in a line that ends with CR LF",
        LINES,
        &[edit("one();", "", " let f = ")],
    ),
    step(
        "a CR LF deleted",
        LINES,
        &[
            edit("one();", "\r\n    ", " "),
            edit("two();", "", " let g = "),
        ],
    ),
    step(
        "a CR LF put in",
        LINES,
        &[edit("one();", "", "\r\n    let h = ")],
    ),
    Step {
        disk: Some("fn old() {}\n"),
        ..step(
            "text that was never saved",
            "fn unsaved() {\n    new();\n}\n",
            &[edit("new();", "", " let i = ")],
        )
    },
];

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The server's copy is the editor's.
    Equal,
    /// It is not.
    Other,
    /// The endpoint was not asked, so nothing is known of it.
    Nothing,
}

/// Takes every step with one server after the other, since a wrong position may end a server.
///
/// # Errors
/// Where the server cannot be started again.
pub async fn run(peer: &Peer, endpoint: &Endpoint) -> Result<Vec<(&'static Step, Seen)>, String> {
    let mut found = Vec::new();
    let mut running = Some(Client::start(peer, endpoint).await?);
    for (number, step) in STEPS.iter().enumerate() {
        let mut client = match running.take() {
            Some(client) => client,
            None => Client::start(peer, endpoint).await?,
        };
        let seen = take(&mut client, endpoint, step, number).await;
        found.push((step, seen));
        match seen {
            // It may have died of this one, and its silence would then count for the next.
            Seen::Nothing => client.leave().await,
            _ => running = Some(client),
        }
    }
    if let Some(client) = running {
        client.leave().await;
    }
    Ok(found)
}

async fn take(client: &mut Client, endpoint: &Endpoint, step: &Step, number: usize) -> Seen {
    let name = format!("sync{number}.rs");
    let disk = step.disk.unwrap_or(step.text);
    let uri = client.open_over(&name, "rust", disk, step.text).await;
    // Only the pace of an editor: what is opened and typed at once is another matter.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mark = endpoint.count();
    let mut messages = Vec::new();
    let mut cursor = 0;
    for edit in step.edits {
        let text = client.session.text(&uri);
        let from = text.find(edit.at).map_or(0, |at| at + edit.at.len());
        let to = from + edit.remove.len();
        messages.push(client.session.edit(&uri, from, to, edit.insert));
        cursor = from + edit.insert.len();
    }
    let rest = messages.split_off(step.at_once.min(messages.len()));
    if let Some(mut whole) = messages.pop() {
        let mut changes = Vec::new();
        for message in messages.drain(..).chain([whole.clone()]) {
            let more = message["params"]["contentChanges"].as_array();
            changes.extend(more.into_iter().flatten().cloned());
        }
        whole["params"]["contentChanges"] = changes.into();
        messages.push(whole);
    }
    messages.extend(rest);
    for message in messages {
        client.session.send_all(&[message]).await;
    }
    let document = client.session.documents[&uri].clone();
    let question = client.ask(&uri, cursor).await;
    let seen = endpoint
        .asked(mark, ANSWER_LIMIT, |asked| equal(asked, &document, cursor))
        .await;
    client.answer(question, Duration::from_millis(300)).await;
    match seen {
        Some(_) => Seen::Equal,
        None if endpoint.since(mark).is_empty() => Seen::Nothing,
        None => Seen::Other,
    }
}

/// Whether a prompt was cut from this document at this place. Line ends count as one character, since
/// models are shown one kind; other text may stand before the document, and a server may leave the
/// rest of the cursor's line out.
fn equal(asked: &Asked, document: &Mirror, cursor: usize) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
    let (before, behind) = document.text.split_at(cursor);
    let (before, behind) = (plain(before), plain(behind));
    let below = behind.split_once('\n').map_or("", |(_, below)| below);
    let suffix = plain(&asked.suffix);
    let suffix = suffix.trim_end();
    plain(&asked.prefix).ends_with(&before)
        && (suffix == behind.trim_end() || suffix == below.trim_end())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// The document after a step, and the cursor.
    fn after(step: &Step) -> (Mirror, usize) {
        let mut document = Mirror::new(step.text, 1);
        let mut cursor = 0;
        for edit in step.edits {
            assert_eq!(
                document.text.matches(edit.at).count(),
                1,
                "{}: {}",
                step.name,
                edit.at
            );
            let from = document.text.find(edit.at).unwrap() + edit.at.len();
            let to = from + edit.remove.len();
            assert_eq!(&document.text[from..to], edit.remove, "{}", step.name);
            document.replace(from, to, edit.insert);
            cursor = from + edit.insert.len();
        }
        (document, cursor)
    }

    fn asked(prefix: &str, suffix: &str) -> Asked {
        Asked {
            at: Instant::now(),
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            tokens: 0,
            computed: 0,
            closed: false,
        }
    }

    #[test]
    fn every_step_ends_at_the_end_of_a_line() {
        for step in STEPS {
            let (document, cursor) = after(step);
            assert_eq!(document.rest_of_line(cursor), "", "{}", step.name);
            let whole = asked(&document.text[..cursor], &document.text[cursor..]);
            assert!(equal(&whole, &document, cursor), "{}", step.name);
        }
    }

    #[test]
    fn a_copy_that_differs_is_seen() {
        let (document, cursor) = after(&STEPS[0]);
        let (before, behind) = document.text.split_at(cursor);
        let is = |prefix: &str, suffix: &str| equal(&asked(prefix, suffix), &document, cursor);
        assert!(is(&format!("other.rs\n{before}"), "}\n"));
        assert!(is(before, behind));
        assert!(!is(&before[..before.len() - 1], behind));
        assert!(!is(&format!("{before}\n"), behind));
        assert!(!is(before, "x\n}\n"));
        assert!(!is(&before.replace('😀', ""), behind));
        let (document, cursor) = after(&STEPS[5]);
        let (before, behind) = document.text.split_at(cursor);
        let unix = before.replace('\r', "");
        assert!(equal(&asked(&unix, behind), &document, cursor));
        assert!(!equal(&asked(&unix[1..], behind), &document, cursor));
    }
}
