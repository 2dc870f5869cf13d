//! What is defined and used in a text, and which definition a use means.

use std::collections::HashSet;

use expect_test::{Expect, expect};

use super::*;

fn read(path: &str, text: &str) -> Symbols {
    Symbols::read(path, text, &mut || false).unwrap()
}

fn show(one: &Use) -> String {
    let of = one.of.as_ref().map_or(String::new(), |of| format!("{of}>"));
    format!("{of}{} {:?}", one.name, one.how)
}

fn check(path: &str, text: &str, expected: Expect) {
    let symbols = read(path, text);
    let defined = symbols.definitions.iter().map(|d| {
        let (from, to) = (d.lines.start + 1, d.lines.end);
        format!("{from}-{to} {} {}", d.kind.word(), d.qualified)
    });
    let wanted = symbols.wanted(0..text.len()).into_iter().map(show);
    let lines: Vec<String> = defined
        .chain(Some("wants".to_owned()))
        .chain(wanted)
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn rust() {
    check(
        "src/a.rs",
        "use crate::store::{Store, LIMIT};\n\n/// Opens.\npub fn open(path: &str) -> Store {\n    let store = Store::new(path);\n    store.fill::<u8>(LIMIT);\n    log!(\"opened\");\n    helper(store)\n}\n\nfn helper(store: Store) -> Store {\n    store\n}\n",
        expect![[r#"
            3-9 function open
            11-13 function helper
            wants
            Store>new Called
            store>fill Called
            log Called
            crate>store Imported
            Store Imported
            LIMIT Imported
            path Mentioned"#]],
    );
}

#[test]
fn python() {
    check(
        "a.py",
        "from app.store import Store\n\nclass View:\n    def show(self, store: Store):\n        return store.find(self.name)\n",
        expect![[r#"
            3-5 type View
            4-5 function View.show
            wants
            store>find Called
            app>store Imported
            Store Imported
            app Imported
            self Mentioned
            self>name Mentioned"#]],
    );
}

#[test]
fn typescript() {
    check(
        "a.ts",
        "import { Store } from './store';\n\nexport function show(store: Store) {\n  return store?.find(name());\n}\n",
        expect![[r#"
            3-5 function show
            wants
            store>find Called
            name Called
            Store Imported
            store Mentioned"#]],
    );
}

#[test]
fn shell_and_ruby() {
    check(
        "a.sh",
        "open_store() {\n  fill \"$1\"\n}\nopen_store x\n",
        expect![[r#"
        1-3 function open_store
        wants
        fill Called"#]],
    );
    check(
        "a.rb",
        "class View\n  def show\n    Store.open(path)\n  end\nend\n",
        expect![[r#"
        1-5 type View
        2-4 function View.show
        wants
        Store>open Called
        Store Mentioned
        path Mentioned"#]],
    );
}

#[test]
fn settings_use_no_names() {
    assert!(read("a.toml", "[package]\nname = \"x\"\n").uses.is_empty());
    assert!(Symbols::read("a.txt", "words", &mut || false).is_none());
    assert!(Symbols::read("a.rs", &"fn a() {}\n".repeat(9_000), &mut || true).is_none());
}

#[test]
fn what_a_part_of_a_text_wants() {
    let text = "fn first() { second(); }\n\nfn second() { third(); }\n";
    let symbols = read("a.rs", text);
    let first = symbols.enclosing(15).unwrap();
    assert_eq!(first.name, "first");
    let wanted: Vec<String> = symbols
        .wanted(first.bytes.clone())
        .into_iter()
        .map(show)
        .collect();
    assert_eq!(wanted, ["second Called"]);
    assert!(symbols.enclosing(text.len()).is_none());
}

/// Which of some definitions a use in `src/view/a.rs` means.
fn chosen(name: &str, of: Option<&str>, imported: &[&str], known: &[(&str, &str)]) -> String {
    let one = Use {
        name: name.to_owned(),
        of: of.map(str::to_owned),
        how: How::Called,
        at: 0,
    };
    let known: Vec<Known> = known
        .iter()
        .map(|(path, qualified)| Known {
            path,
            qualified,
            kind: Kind::Function,
        })
        .collect();
    let imported: HashSet<&str> = imported.iter().copied().collect();
    let order = choose(&one, "src/view/a.rs", &imported, &known);
    let order: Vec<&str> = order.into_iter().map(|at| known[at].path).collect();
    order.join(" ")
}

#[test]
fn the_definition_that_the_use_points_at() {
    let known = [
        ("src/cache.rs", "Cache.find"),
        ("src/view/list.rs", "find"),
        ("src/store.rs", "Store.find"),
        ("web/find.ts", "find"),
    ];
    let check = |of, imported: &[&str], expected: Expect| {
        expected.assert_eq(&chosen("find", of, imported, &known));
    };
    check(
        None,
        &[],
        expect!["src/view/list.rs src/cache.rs src/store.rs"],
    );
    check(
        None,
        &["store", "Store"],
        expect!["src/store.rs src/view/list.rs src/cache.rs"],
    );
    check(
        Some("Cache"),
        &["store"],
        expect!["src/cache.rs src/store.rs src/view/list.rs"],
    );
    check(
        Some("cache"),
        &[],
        expect!["src/cache.rs src/view/list.rs src/store.rs"],
    );
}

#[test]
fn what_is_called_like_a_type_belongs_to_it() {
    let known = [
        ("src/cache.rs", "Cache.find"),
        ("src/users.rs", "UserStore.find"),
    ];
    let check = |of, expected: Expect| {
        expected.assert_eq(&chosen("find", Some(of), &[], &known));
    };
    check("user_store", expect!["src/users.rs src/cache.rs"]);
    check("userStore", expect!["src/users.rs src/cache.rs"]);
    check("user", expect!["src/cache.rs src/users.rs"]);
}

#[test]
fn a_test_is_known_by_its_file_its_name_or_its_mark() {
    let is_test = |path: &str, text: &str| {
        let at = text.find("call(").unwrap();
        read(path, text).is_test(path, text, at)
    };
    for (path, text) in [
        ("tests/a.rs", "fn a() {\n    call();\n}\n"),
        ("src/a_test.go", "func a() {\n\tcall()\n}\n"),
        ("web/a.spec.ts", "it('works', () => {\n  call();\n});\n"),
        ("src/a.rs", "#[test]\nfn a() {\n    call();\n}\n"),
        (
            "src/a.rs",
            "#[tokio::test(flavor = \"x\")]\nasync fn a() {\n    call();\n}\n",
        ),
        (
            "src/a.rs",
            "mod tests {\n    fn helper() {\n        call();\n    }\n}\n",
        ),
        ("a.py", "def test_a():\n    call()\n"),
        ("a.py", "class TestA:\n    def a(self):\n        call()\n"),
        (
            "A.java",
            "class A {\n  @Test\n  void a() {\n    call();\n  }\n}\n",
        ),
    ] {
        assert!(is_test(path, text), "{path}: {text}");
    }
    for (path, text) in [
        (
            "src/a.rs",
            "/// A test of strength.\nfn testify() {\n    call();\n}\n",
        ),
        ("src/latest.rs", "#[inline]\nfn a() {\n    call();\n}\n"),
        (
            "src/a.rs",
            "#[cfg(test)]\nuse x;\n\nfn a() {\n    call();\n}\n",
        ),
        (
            "a.py",
            "class Testimony:\n    def a(self):\n        call()\n",
        ),
        (
            "A.java",
            "class A {\n  @Override\n  void a() {\n    call();\n  }\n}\n",
        ),
    ] {
        assert!(!is_test(path, text), "{path}: {text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_in_any_language_have_symbols(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        language in proptest::sample::select(Language::ALL),
    ) {
        let text = String::from_utf8_lossy(&bytes);
        let path = format!("a.{}", language.extensions()[0]);
        for one in Symbols::read(&path, &text, &mut || false).unwrap_or_default().uses {
            assert!(text[one.at..].starts_with(&one.name));
        }
    }
}
