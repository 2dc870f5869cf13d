//! Which places use a definition, and which only speak of it.

use super::*;
use crate::{Defined, Reference};
use expect_test::{Expect, expect};

/// Files whose chunks are not joined: each function has a body of some length.
fn project(files: &[(&str, &str)]) -> Project {
    let body = "    let number = compute(first, second, third, fourth);\n".repeat(6);
    let filled: Vec<(&str, String)> = files
        .iter()
        .map(|(path, text)| (*path, text.replace("    …\n", &body)))
        .collect();
    let files: Vec<(&str, &str)> = filled.iter().map(|(p, t)| (*p, t.as_str())).collect();
    Project::new(&files)
}

fn check(project: &Project, name: &str, path: &str, expected: Expect) {
    let workspace = project.open();
    refresh(&workspace);
    let text = fs::read_to_string(project.path(path)).unwrap();
    let line = text.lines().position(|line| line.contains(name)).unwrap() as u32;
    let of = Defined {
        name,
        path,
        lines: &(line..line + 1),
    };
    let show = |one: Reference| {
        let test = if one.is_test { " test" } else { "" };
        format!("{} {} {:?}{test}", one.path, one.qualified, one.how)
    };
    let found = workspace.references(of, 4, &|| false);
    let found: Vec<String> = found.into_iter().map(show).collect();
    expected.assert_eq(&found.join("\n"));
}

#[test]
fn callers_before_tests_before_imports_and_never_a_comment() {
    let project = project(&[
        (
            "src/store.rs",
            "/// Opens the store.\npub fn open_store(path: &str) {\n    …\n}\n\nfn reopen() {\n    open_store(PATH);\n    …\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn it_opens() {\n        open_store(\"a\");\n    …\n    }\n}\n",
        ),
        (
            "src/main.rs",
            "use crate::store::open_store;\n\nfn main() {\n    open_store(\"b\");\n    …\n}\n",
        ),
        (
            "src/prose.rs",
            "/// Unlike open_store it closes.\nfn close() {\n    say(\"open_store\");\n    …\n}\n",
        ),
        (
            "tests/it.rs",
            "fn opens() {\n    open_store(\"c\");\n    …\n}\n",
        ),
        ("secret.pem", "open_store(key)\n"),
        ("docs/use.md", "# Use\n\nCall `open_store` first.\n"),
    ]);
    check(
        &project,
        "open_store",
        "src/store.rs",
        expect![[r#"
            src/store.rs reopen Called
            src/store.rs tests Called test
            src/main.rs main Called
            tests/it.rs opens Called test
            src/main.rs  Imported"#]],
    );
}

#[test]
fn of_two_definitions_of_a_name_each_has_its_own_uses() {
    let project = project(&[
        (
            "src/user_store.rs",
            "pub struct UserStore {\n    rows: u8,\n}\n\nimpl UserStore {\n    pub fn find(&self) {\n    …\n    }\n    pub fn drop_all(&self) {\n    …\n    }\n}\n",
        ),
        (
            "src/cache.rs",
            "pub struct Cache {\n    rows: u8,\n}\n\nimpl Cache {\n    pub fn find(&self) {\n    …\n    }\n    pub fn evict(&self) {\n    …\n    }\n}\n",
        ),
        (
            "src/main.rs",
            "fn by_store(user_store: &UserStore) {\n    user_store.find();\n    …\n}\n\nfn by_cache(cache: &Cache) {\n    cache.find();\n    …\n}\n",
        ),
        ("web/main.ts", "function show() {\n    find();\n    …\n}\n"),
    ]);
    check(
        &project,
        "find",
        "src/user_store.rs",
        expect!["src/main.rs by_store Called"],
    );
    check(
        &project,
        "find",
        "src/cache.rs",
        expect!["src/main.rs by_cache Called"],
    );
}

#[test]
fn unsaved_uses_count_and_a_stopped_search_gives_what_it_has() {
    let project = project(&[
        ("src/a.rs", "pub fn walrus() {\n    …\n}\n"),
        ("src/b.rs", "fn other() {\n    …\n}\n"),
    ]);
    let workspace = project.open();
    refresh(&workspace);
    let of = Defined {
        name: "walrus",
        path: "src/a.rs",
        lines: &(0..3),
    };
    assert_eq!(workspace.references(of, 4, &|| false), []);
    workspace.changed(
        &project.path("src/b.rs"),
        "fn other() {\n    walrus();\n}\n",
        None,
    );
    let found = workspace.references(of, 4, &|| false);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].path.as_str(), found[0].lines.clone()),
        ("src/b.rs", 0..3)
    );
    assert_eq!(workspace.references(of, 4, &|| true), []);
    workspace.set_rules(Arc::new(|path: &Path| path.ends_with("b.rs")));
    assert_eq!(workspace.references(of, 4, &|| false), []);
}
