//! What an index is asked at a cursor, and what its answers are worth beside open files.

use super::*;

const VIEW: &str = "//- app/views.py\nfrom app.models import load_user, Store\n\n\ndef far():\n    return Store()\n\n\n\n\n\n\n\n\n\n\n\n\n\n\ndef show(request):\n    number = request.number\n    user = load_user$0\n";

fn around(fixture: &Fixture) -> Around {
    let facts = &fixture.files[fixture.this];
    Around::of(facts.document(), fixture.byte, facts)
}

fn found<'a>(path: &'a str, text: &'a str) -> Found<'a> {
    Found {
        path,
        name: "load_user",
        line: 9,
        text,
        head: 0,
    }
}

#[test]
fn the_question_is_the_cursors_line_then_its_function_then_what_stands_before() {
    let fixture = Fixture::new(VIEW);
    let around = around(&fixture);
    let mut lines = around.question().lines();
    assert_eq!(lines.next(), Some("user = load_user"));
    assert_eq!(lines.next(), Some("def show(request):"));
    assert!(around.question().contains("number = request.number"));
    assert_eq!(around.bytes().start, 0);
}

#[test]
fn a_name_at_the_cursor_outweighs_one_far_away_and_any_hit() {
    let fixture = Fixture::new(VIEW);
    let around = around(&fixture);
    let text = "def load_user(number):\n    return storage.find(number)\n";
    let score = |name: &str| {
        let one = around.definition(name, found("app/models.py", text));
        one.unwrap().score
    };
    assert!(score("load_user") > score("Store"));
    assert!(score("Store") > score("absent"));
    let hit = around.hit(found("app/models.py", text), 1.0).unwrap();
    assert!(hit.score < score("load_user"));
    assert_eq!((hit.why, hit.lines), (Why::Index, 9..11));
    let long = format!("{text}{}", "    more(words)\n".repeat(15));
    assert!(
        around
            .hit(found("app/models.py", &long), 1.0)
            .unwrap()
            .score
            < hit.score
    );
}

#[test]
fn a_piece_begins_at_the_definition_and_ends_with_a_line() {
    let fixture = Fixture::new(VIEW);
    let around = around(&fixture);
    let text = format!(
        "# Loads.\r\n@cached\r\ndef load_user(number):\r\n{}",
        "    return 1\r\n".repeat(40)
    );
    let one = Found {
        head: 2,
        ..found("app/models.py", &text)
    };
    let piece = around.definition("load_user", one).unwrap();
    assert_eq!(piece.lines, 11..31);
    assert!(
        piece
            .text
            .starts_with("def load_user(number):\n    return 1\n")
    );
    assert_eq!(piece.text.lines().count(), 20);
    let wide = format!(
        "def load_user(number):\n    return \"{}\"\n",
        "x".repeat(1_200)
    );
    let piece = around.definition("load_user", found("app/models.py", &wide));
    assert_eq!(piece.unwrap().text, "def load_user(number):\n");
    let data = "x".repeat(2_000);
    assert_eq!(
        around.definition("load_user", found("app/models.py", &data)),
        None
    );
}

#[test]
fn code_of_another_language_is_no_piece() {
    let fixture = Fixture::new(VIEW);
    let around = around(&fixture);
    assert!(around.is_akin("app/other.py"));
    for path in ["web/main.ts", "README.md", "noending"] {
        assert!(!around.is_akin(path), "{path}");
        assert_eq!(around.hit(found(path, "load_user()\n"), 1.0), None);
    }
}
