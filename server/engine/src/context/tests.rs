//! Files in, pieces out. A fixture is files behind `//- path` lines; `$0` is the cursor, `$1` the place
//! of the last edit.

use std::sync::Arc;

use expect_test::{Expect, expect};
use foretoken_grammars::Language;
use proptest::prelude::*;

use super::*;
use crate::document::{Change, Document, Edit};
use crate::position::Encoding;
use crate::prompt::budget::tests::count;
use crate::prompt::{Budget, Input, Piece, Prompt, Window, fim};

const BUDGET: Budget = Budget {
    file: 24,
    context: 192,
    suffix: 20,
    prefix: 20,
    tail: 16,
    generate: 24,
};

struct Fixture {
    files: Vec<Arc<Facts>>,
    this: usize,
    byte: usize,
    edited: Vec<Edited>,
}

impl Fixture {
    fn new(text: &str) -> Fixture {
        let mut fixture = Fixture {
            files: Vec::new(),
            this: 0,
            byte: 0,
            edited: Vec::new(),
        };
        for file in text.split("//- ").skip(1) {
            let (path, text) = file.split_once('\n').unwrap();
            let number = fixture.files.len();
            if let Some(byte) = text.find("$1") {
                fixture.edited.push(Edited { file: number, byte });
            }
            let text = text.replace("$1", "");
            if let Some(byte) = text.find("$0") {
                (fixture.this, fixture.byte) = (number, byte);
            }
            let language = Language::from_path(path).unwrap();
            let document = Document::open(path, language, 1, &text.replace("$0", ""));
            fixture.files.push(Arc::new(Facts::of(&document)));
        }
        fixture
    }

    fn candidates(&self, held: &[Chosen]) -> Vec<Candidate> {
        let ask = Ask {
            files: &self.files,
            this: self.this,
            document: self.files[self.this].document(),
            byte: self.byte,
            edited: &self.edited,
            budget: &BUDGET,
        };
        candidates(&ask, held)
    }

    fn choose(&self, held: &[Chosen]) -> Vec<Chosen> {
        choose(&self.candidates(held), held, BUDGET.context, &count)
    }
}

/// A piece a line: where, why, and its first line.
fn render(chosen: &[Chosen]) -> String {
    let line = |chosen: &Chosen| {
        let first = chosen.piece.text.lines().next().unwrap_or_default().trim();
        let (why, lines) = (chosen.why.code(), &chosen.lines);
        format!(
            "{}:{}-{} {why}: {first}\n",
            chosen.piece.path,
            lines.start + 1,
            lines.end
        )
    };
    chosen.iter().map(line).collect()
}

fn check(fixture: &str, expected: Expect) {
    expected.assert_eq(&render(&Fixture::new(fixture).choose(&[])));
}

#[test]
fn imported_definitions_come_first() {
    check(
        "//- src/main.rs
use crate::stock::{reorder_level as level, Item};
fn main() {
    let least = level($0
}
//- src/stock.rs
pub struct Item { pub name: String }

pub const UNUSED: usize = 1;

pub fn reorder_level(item: &Item, month: u32) -> usize {
    item.name.len() * month as usize
}
//- src/other.rs
pub fn reorder_level(x: u8) {}
",
        expect![[r#"
            src/stock.rs:5-7 imported: pub fn reorder_level(item: &Item, month: u32) -> usize {
            src/stock.rs:1-3 imported: pub struct Item { pub name: String }
        "#]],
    );
    check(
        "//- app/views.py
from .models import load_user
import app.mailer

def show(number):
    user = load_user($0
    app.mailer.deliver(user)
//- app/models.py
def load_user(number, session=None):
    return session.get(number)
//- app/mailer.py
def deliver(user):
    pass
",
        expect![[r#"
            app/models.py:1-2 imported: def load_user(number, session=None):
            app/mailer.py:1-2 imported: def deliver(user):
        "#]],
    );
    check(
        "//- web/view.ts
import { format as show } from './format.js';
import * as money from '../money';
const text = show($0);
money.exchange(1);
//- web/format.ts
export function format(value: number, digits = 2): string {
  return value.toFixed(digits);
}
//- money/index.ts
export const exchange = (amount: number, rate: number) => amount * rate;
",
        expect![[r#"
            money/index.ts:1-1 imported: export const exchange = (amount: number, rate: number) => amount * rate;
            web/format.ts:1-3 imported: export function format(value: number, digits = 2): string {
        "#]],
    );
    check(
        "//- cmd/main.go
package main
import \"example.com/shop/cart\"
func main() {
	cart.AddItem($0)
}
//- shop/cart/cart.go
package cart
func AddItem(name string, count int) error {
	return nil
}
//- cmd/flags.go
package main
func parse() {}
",
        expect![[r#"
            shop/cart/cart.go:2-4 imported: func AddItem(name string, count int) error {
        "#]],
    );
    check(
        "//- com/shop/Main.java
package com.shop;
import com.mail.Sender;
class Main { void run() { new Sender($0); Stock.find(1); } }
//- com/mail/Sender.java
package com.mail;
public class Sender {
    public Sender(String host, int port) {}
}
//- com/shop/Stock.java
package com.shop;
class Stock {
    static int find(int number) { return number; }
}
",
        expect![[r#"
            com/shop/Stock.java:2-4 imported: class Stock {
            com/mail/Sender.java:2-4 imported: public class Sender {
        "#]],
    );
    check(
        "//- src/main.c
#include \"list.h\"
int main(void) { return list_append($0); }
//- src/list.h
int list_append(struct list *list, int value);
//- src/far.h
int list_remove(struct list *list);
",
        expect![[r#"
            src/list.h:1-1 imported: int list_append(struct list *list, int value);
        "#]],
    );
}

#[test]
fn neighbours_share_rare_names() {
    let unrelated: String = (0..12)
        .map(|n| format!("pub fn unrelated_{n}(value: u32) -> u32 {{\n    value + {n}\n}}\n\n"))
        .collect();
    let neighbour = "pub fn refill(shelf: &mut Shelf, pallet: Pallet) {
    let value = shelf.capacity - pallet.weight;
    shelf.store(value);
}
";
    let ask = |line: &str| {
        format!(
            "//- src/a.rs\nfn unload(shelf: &mut Shelf) {{\n    {line}$0\n}}\n//- src/b.rs\n{unrelated}{neighbour}"
        )
    };
    check(
        &ask("let free = shelf.capacity - pallet."),
        expect![[r#"
        src/b.rs:49-52 neighbour: pub fn refill(shelf: &mut Shelf, pallet: Pallet) {
    "#]],
    );
    // Nothing but words that stand everywhere.
    check(
        &format!(
            "//- src/a.rs\nfn f(value: u32) -> u32 {{\n    value$0\n}}\n//- src/b.rs\n{unrelated}{neighbour}"
        ),
        expect![[r#""#]],
    );
}

#[test]
fn edited_places_are_shown_but_not_what_the_prompt_has() {
    let filler: String = (0..60)
        .map(|n| format!("const C{n}: u8 = {n};\n"))
        .collect();
    check(
        &format!(
            "//- src/a.rs
pub fn far_away(depth: usize) {{
    dig($1depth);
}}
{filler}
pub fn near() {{
    $0
}}
//- src/b.rs
impl Digger {{
    pub fn dig(&mut self, depth: usize) {{
        self.depth += depth$1;
    }}
}}
"
        ),
        expect![[r#"
            src/a.rs:1-4 edited: pub fn far_away(depth: usize) {
            src/b.rs:2-4 edited: pub fn dig(&mut self, depth: usize) {
        "#]],
    );
    // Near the cursor it is in the prompt already.
    check(
        "//- src/a.rs\npub fn edited() {\n    $1\n}\npub fn near() {\n    $0\n}\n",
        expect![[r#""#]],
    );
}

#[test]
fn what_is_held_stays_until_something_is_a_fifth_better() {
    let candidate = |name: &str, score: f32| Candidate {
        path: format!("{name}.rs"),
        name: name.to_owned(),
        lines: 0..2,
        text: format!("fn {name}() {{\n}}\n"),
        why: Why::Neighbour,
        score,
    };
    let names = |chosen: &[Chosen]| {
        let names: Vec<&str> = chosen.iter().map(|chosen| chosen.name.as_str()).collect();
        names.join(" ")
    };
    let choose = |candidates: &[(&str, f32)], held: &[Chosen]| {
        let candidates: Vec<_> = candidates.iter().map(|(n, s)| candidate(n, *s)).collect();
        choose(&candidates, held, 192, &count)
    };
    let held = choose(&[("a", 0.9), ("b", 0.8), ("c", 0.7), ("d", 0.6)], &[]);
    assert_eq!(names(&held), "a b c");
    // Order and set stay while scores wander.
    for wandered in [
        [("c", 0.9), ("d", 0.8), ("b", 0.7), ("a", 0.7)],
        [("d", 0.83), ("c", 0.7), ("a", 0.7), ("b", 0.7)],
    ] {
        assert_eq!(choose(&wandered, &held), held);
    }
    let better = [("d", 0.9), ("a", 0.8), ("b", 0.7), ("c", 0.7)];
    assert_eq!(names(&choose(&better, &held)), "a b d");
    // The weakest leaves, wherever it stands.
    let better = [("d", 0.9), ("b", 0.8), ("c", 0.8), ("a", 0.1)];
    assert_eq!(names(&choose(&better, &held)), "b c d");
    // Nothing speaks for it any more, but nothing better is there.
    let silent = [("a", 0.9), ("b", 0.0), ("c", 0.0)];
    assert_eq!(choose(&silent, &held), held);
    // Its text is no longer so, or its file is closed.
    assert_eq!(names(&choose(&[("a", 0.9), ("c", 0.2)], &held)), "a c");
    assert_eq!(choose(&[], &held), []);
    // What was never worth a place does not get one.
    assert_eq!(choose(&[("a", 0.0)], &[]), []);
}

#[test]
fn an_edit_of_a_held_piece_changes_it_and_typing_elsewhere_does_not() {
    let text = |body: &str| {
        format!(
            "//- src/a.rs
use crate::b::{{first_helper, second_helper}};
fn main() {{
    second_helper();
    first_helper($0
}}
//- src/b.rs
pub fn first_helper(x: u8) {{
    {body}
}}

pub fn second_helper() {{
    todo!()
}}
"
        )
    };
    let before = Fixture::new(&text("x + 1"));
    let held = before.choose(&[]);
    assert_eq!(held.len(), 2);
    let typed = Fixture::new(&text("x + 1").replace("first_helper($0", "first_helper(second_he$0"));
    assert_eq!(typed.choose(&held), held);
    let changed = Fixture::new(&text("x + 2")).choose(&held);
    assert_eq!(changed[0], held[1], "what is still so stays in front");
    assert!(changed[1].piece.text.contains("x + 2"));
    assert_eq!(changed.len(), 2);
}

#[test]
fn pieces_are_whole_lines_within_the_budget() {
    let body: String = (0..40)
        .map(|n| format!("    let value_{n} = compute({n});\n"))
        .collect();
    let fixture = Fixture::new(&format!(
        "//- src/a.rs
use crate::b::{{long_helper, other_helper}};
fn main() {{
    long_helper(other_helper($0
}}
//- src/b.rs
pub fn long_helper() {{
{body}}}
pub fn other_helper() {{
{body}}}
"
    ));
    let candidates = fixture.candidates(&[]);
    assert!(candidates.iter().all(|c| c.lines.len() <= 20));
    for budget in 0..400 {
        let chosen = choose(&candidates, &[], budget, &count);
        let mut tokens = 0;
        for Chosen {
            piece, tokens: its, ..
        } in &chosen
        {
            assert_eq!(count(&format!("{}\n{}", piece.path, piece.text)) + 1, *its);
            assert!(piece.text.ends_with('\n') && piece.text.starts_with("pub fn"));
            tokens += its;
        }
        assert!(tokens <= budget, "{tokens} of {budget}");
        assert_eq!(
            chosen.len(),
            if budget < 30 {
                chosen.len()
            } else {
                2.min(chosen.len())
            }
        );
    }
    assert_eq!(choose(&candidates, &[], 192, &count).len(), 2);
    assert!(choose(&candidates, &[], 15, &count).is_empty());
}

#[test]
fn short_definitions_take_small_ones_along_and_decorated_ones_are_one() {
    let facts = |path: &str, text: &str| {
        let language = Language::from_path(path).unwrap();
        Facts::of(&Document::open(path, language, 1, text))
    };
    let consts = facts(
        "a.rs",
        "const A: u8 = 1;\nconst B: u8 = 2;\n\nfn c() {}\n\n\nfn d() {}\n",
    );
    let lines: Vec<_> = consts.chunks().iter().map(|c| c.lines.clone()).collect();
    assert_eq!(lines, [0..4, 1..4, 3..4, 6..7]);
    let decorated = facts(
        "a.py",
        "@cached\n@logged\ndef f():\n    pass\n\nclass C:\n    def m(self):\n        pass\n",
    );
    let names: Vec<_> = decorated.chunks().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["f", "C", "m"]);
    assert_eq!(decorated.chunks()[0].lines, 0..4);
    // Data in one endless line is no piece.
    let data = facts("a.js", &format!("const data = [{}];\n", "1,".repeat(2_000)));
    assert!(data.chunks().iter().all(|c| c.lines.is_empty()));
}

#[test]
fn places_of_edits_move_along() {
    let edit = |start, removed_len, inserted: &str| Edit {
        start,
        removed: String::new(),
        removed_len,
        inserted: inserted.to_owned(),
    };
    let places = |recent: &Recent| -> Vec<_> {
        recent
            .places()
            .map(|place| (place.document, place.byte))
            .collect()
    };
    let mut recent = Recent::default();
    recent.edited(1, &[edit(5_000, 0, "x")]);
    recent.edited(2, &[edit(10, 0, "abc")]);
    assert_eq!(places(&recent), [(2, 13), (1, 5_001)]);
    // Typing on is the same place; an edit above moves the one below.
    recent.edited(1, &[edit(0, 0, "12345678")]);
    assert_eq!(places(&recent), [(1, 8), (2, 13), (1, 5_009)]);
    recent.edited(1, &[edit(5_009, 0, "y")]);
    assert_eq!(places(&recent), [(1, 5_010), (1, 8), (2, 13)]);
    // What holds a place goes: the place is where it was.
    recent.edited(1, &[edit(4_000, 2_000, "")]);
    assert_eq!(places(&recent)[0], (1, 4_000));
    recent.forget(1);
    assert_eq!(places(&recent), [(2, 13)]);
    for document in 0..100 {
        recent.edited(document, &[edit(0, 0, "x")]);
    }
    assert_eq!(recent.places().count(), 12);
}

#[test]
fn a_file_without_a_grammar_or_with_a_torn_tree_gives_nothing_and_no_panic() {
    let text = "name = value\n".repeat(30);
    let facts = Facts::of(&Document::open("a.txt", Language::Text, 1, &text));
    assert!(facts.chunks().is_empty());
    // The tree is of the text before a change that moved characters around.
    let mut document = Document::open(
        "a.rs",
        Language::Rust,
        1,
        "fn größe() {}\nfn b() { größe() }\n",
    );
    let whole = Change {
        range: None,
        text: "fn größe😀".to_owned(),
    };
    document
        .apply(2, &[whole], Encoding::Utf8, &mut || true)
        .unwrap();
    Facts::of(&document);
}

proptest! {
    /// Whoever opened which file first.
    #[test]
    fn the_order_of_the_files_does_not_matter(seed in 0_usize..24) {
        let text = "//- src/main.rs
use crate::a::helper_one;
fn main() { helper_one(); shared_name(); other_name$0 }
//- src/a.rs
pub fn helper_one() { shared_name() }
//- src/b.rs
pub fn user_b() { shared_name(); other_name() }
//- src/c.rs
pub fn user_c() { shared_name(); other_name() }
";
        let mut fixture = Fixture::new(text);
        let expected = fixture.choose(&[]);
        prop_assert!(expected.len() == 3);
        let mut order: Vec<usize> = vec![0, 1, 2, 3];
        let mut rest = seed;
        for at in (1..4).rev() {
            order.swap(at, rest % (at + 1));
            rest /= at + 1;
        }
        fixture.files = order.iter().map(|&at| Arc::clone(&fixture.files[at])).collect();
        fixture.this = order.iter().position(|at| *at == 0).unwrap();
        prop_assert_eq!(fixture.choose(&[]), expected);
    }

    /// Any text, any cursor.
    #[test]
    fn any_text_is_taken(text in "(fn |use |[a-zäß😀(){};:\\n\"']){0,80}", at in 0_usize..200) {
        for path in ["a.rs", "a.py", "a.ts", "a.go", "a.c"] {
            let language = Language::from_path(path).unwrap();
            let facts = Arc::new(Facts::of(&Document::open(path, language, 1, &text)));
            let files = [Arc::clone(&facts), facts];
            let edited = [Edited { file: 1, byte: at }, Edited { file: 9, byte: at }];
            let ask = Ask { files: &files, this: 0, document: files[0].document(), byte: at, edited: &edited, budget: &BUDGET };
            let chosen = choose(&candidates(&ask, &[]), &[], 192, &count);
            prop_assert!(chosen.iter().map(|c| c.tokens).sum::<usize>() <= 192);
        }
    }
}

#[test]
fn offered_pieces_wait_for_a_pause_and_then_stay() {
    let piece = |path: &str| Chosen {
        piece: Piece {
            path: path.to_owned(),
            text: "def f():\n    pass\n".to_owned(),
        },
        name: "f".to_owned(),
        lines: 0..2,
        why: Why::Imported,
        tokens: 12,
    };
    let budget = Budget {
        prefix: 100,
        ..BUDGET
    };
    let paths = |window: &Window| -> Vec<String> {
        let shown = window.shown().map(|chosen| chosen.piece.path.clone());
        shown.collect()
    };
    let ask = |text: &str, window: &Window, idle: bool| {
        let doc = Document::open("a.py", Language::Python, 1, text);
        let pieces: Vec<Piece> = window.offered().iter().map(|c| c.piece.clone()).collect();
        let input = Input {
            doc: &doc,
            byte: text.len(),
            pieces: &pieces,
            budget: &budget,
            idle,
        };
        fim(&input, window, &count)
    };
    let first = Window::default().offering([piece("one.py")].into());
    let (before, window) = ask("x = f", &first, false);
    assert_eq!(paths(&window), ["one.py"]);
    // Another set is there, but somebody types.
    let window = window.offering([piece("two.py"), piece("three.py")].into());
    let (typed, window) = ask("x = f(", &window, false);
    let all_but_last = |prompt: &Prompt| prompt.sections[..prompt.sections.len() - 1].to_vec();
    assert_eq!(all_but_last(&typed), all_but_last(&before));
    assert!(paths(&window).is_empty());
    let (_, window) = ask("x = f(", &window, true);
    assert_eq!(paths(&window), ["two.py", "three.py"]);
    // What is offered is passed on from prompt to prompt.
    let (_, window) = ask("x = f(1", &window, false);
    assert_eq!(paths(&window), ["two.py", "three.py"]);
}

mod indexed;
