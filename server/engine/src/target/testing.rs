//! Where tests of a definition go: the test module of its own file, or the test file that the language's
//! convention puts beside it. Both must be there already; no answer makes a file.

use foretoken_grammars::Language;
use ropey::Rope;

use crate::document::Document;

/// Where new tests are put in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// The start of a line, or the end of the text; in bytes.
    pub at: usize,
    /// What each line of a text without indentation of its own begins with.
    pub indent: String,
    /// The lines that hold the tests which are there, from 0, the end exclusive.
    pub lines: std::ops::Range<u32>,
}

/// The end of the test module in a document of its own language; `None` where it has none.
pub fn module(doc: &Document) -> Option<Opening> {
    if doc.language() != Language::Rust || doc.parse_pending() {
        return None;
    }
    let rope = doc.rope();
    let root = doc.tree()?.root_node();
    let mut cursor = root.walk();
    let mut for_tests = false;
    let mut found = None;
    for node in root.children(&mut cursor) {
        let text = || {
            rope.get_byte_slice(node.byte_range())
                .map(|t| t.to_string())
        };
        match node.kind() {
            "attribute_item" => {
                let text = text()?;
                let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
                for_tests |= plain.starts_with("#[cfg(test)") || plain.contains("(test,");
            }
            kind if kind.contains("comment") => {}
            "mod_item" if for_tests => {
                for_tests = false;
                found = node.child_by_field_name("body").or(found);
            }
            _ => for_tests = false,
        }
    }
    let body = found?;
    let last = rope.byte_to_line(body.end_byte().saturating_sub(1));
    let first = rope.byte_to_line(body.start_byte());
    // On one line there is no room for another.
    if first == last || rope.line(last).to_string().trim() != "}" {
        return None;
    }
    Some(inside(rope, first, last))
}

/// Paths from the project's folder at which the tests of the file at `path` may lie, the usual ones first.
pub fn files(path: &str, language: Language) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let Some((stem, extension)) = file.rsplit_once('.') else {
        return Vec::new();
    };
    let beside = |name: String| match folder {
        "" => name,
        folder => format!("{folder}/{name}"),
    };
    let from_top = |top: &str, name: &str| match folder.split_once('/') {
        // `src/a/b.py` is tested by `tests/a/test_b.py`.
        Some((_, rest)) => format!("{top}/{rest}/{name}"),
        None => format!("{top}/{name}"),
    };
    match language {
        Language::Rust => vec![format!("tests/{stem}.rs")],
        Language::Python => {
            let name = format!("test_{file}");
            vec![
                beside(name.clone()),
                beside(format!("{stem}_test.{extension}")),
                beside(format!("tests/{name}")),
                from_top("tests", &name),
                format!("tests/{name}"),
                format!("test/{name}"),
            ]
        }
        Language::Go => vec![beside(format!("{stem}_test.go"))],
        Language::JavaScript | Language::TypeScript | Language::Tsx => {
            let named = ["test", "spec"].map(|kind| format!("{stem}.{kind}.{extension}"));
            let mut files: Vec<String> = named.iter().cloned().map(&beside).collect();
            files.extend(named.iter().map(|name| beside(format!("__tests__/{name}"))));
            files.extend(named.iter().map(|name| format!("test/{name}")));
            files.extend(named.iter().map(|name| format!("tests/{name}")));
            files
        }
        Language::Java | Language::Kotlin | Language::Scala => {
            let name = format!("{stem}Test.{extension}");
            let moved = folder.replacen("src/main/", "src/test/", 1);
            vec![format!("{moved}/{name}"), beside(name)]
        }
        Language::Ruby => vec![
            from_top("spec", &format!("{stem}_spec.rb")),
            from_top("test", &format!("{stem}_test.rb")),
            from_top("test", &format!("test_{stem}.rb")),
        ],
        Language::Php => vec![
            from_top("tests", &format!("{stem}Test.php")),
            format!("tests/{stem}Test.php"),
        ],
        Language::CSharp => vec![beside(format!("{stem}Tests.cs"))],
        _ => Vec::new(),
    }
}

/// Where a test file takes further tests: at its end, or where all of it is one class, at the end of that.
pub fn end_of_file(doc: &Document) -> Opening {
    let rope = doc.rope();
    let mut lines = rope.len_lines();
    while lines > 0 && rope.line(lines - 1).chars().all(char::is_whitespace) {
        lines -= 1;
    }
    let text = |line: usize| rope.line(line).to_string();
    let closes = match doc.language() {
        Language::Java | Language::Kotlin | Language::Scala | Language::CSharp | Language::Php => {
            "}"
        }
        Language::Ruby => "end",
        _ => "",
    };
    if let Some(last) = lines.checked_sub(1)
        && !closes.is_empty()
        && text(last).trim_end() == closes
    {
        return inside(rope, 0, last);
    }
    if doc.language() == Language::Python {
        // What runs the file stands last.
        let runs = (0..lines)
            .rev()
            .find(|line| text(*line).starts_with("if __name__"));
        lines = runs.unwrap_or(lines);
        while lines > 0 && rope.line(lines - 1).chars().all(char::is_whitespace) {
            lines -= 1;
        }
        // In a class of tests only its methods are found.
        let outermost = (0..lines).rev().map(text).find(|line| {
            !line.starts_with([' ', '\t', '#', ')', ']', '}']) && !line.trim().is_empty()
        });
        let in_class =
            outermost.is_some_and(|line| line.starts_with("class ") && line.contains("TestCase"));
        if in_class {
            return inside(rope, 0, lines);
        }
    }
    Opening {
        at: rope.line_to_byte(lines),
        indent: String::new(),
        lines: 0..lines as u32,
    }
}

/// Before the line `last`, as deep as the block between both lines is.
fn inside(rope: &Rope, first: usize, last: usize) -> Opening {
    let indents = (first + 1..last).filter_map(|line| {
        let text = rope.line(line).to_string();
        let indent = text.len() - text.trim_start().len();
        (indent > 0 && !text.trim().is_empty()).then(|| text[..indent].to_owned())
    });
    let indent = indents.min_by_key(String::len);
    Opening {
        at: rope.line_to_byte(last),
        indent: indent.unwrap_or_else(|| "    ".to_owned()),
        lines: first as u32..last as u32 + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(language: Language, text: &str) -> Document {
        Document::open("a", language, 1, text)
    }

    fn before(text: &str, opening: &Opening) -> String {
        let line = text[opening.at..].lines().next().unwrap_or("the end");
        format!("{line:?} after {:?}", opening.indent)
    }

    #[test]
    fn rust_keeps_tests_in_a_module_of_the_file() {
        let text = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n  use super::*;\n\n  #[test]\n  fn g() {\n    f();\n  }\n}\n";
        let opening = module(&opened(Language::Rust, text)).unwrap();
        assert_eq!(before(text, &opening), "\"}\" after \"  \"");
        assert_eq!(opening.lines, 3..11);
        let commented = "#[cfg(all(test, unix))]\n// of unix\nmod tests {\n}\n";
        let opening = module(&opened(Language::Rust, commented)).unwrap();
        assert_eq!(before(commented, &opening), "\"}\" after \"    \"");
        for none in [
            "fn f() {}\n",
            "#[cfg(test)]\nmod tests;\n",
            "#[cfg(test)]\nmod tests { }\n",
            "mod tests {\n}\n",
            "#[cfg(test)]\nfn f() {}\nmod a {\n}\n",
        ] {
            assert_eq!(module(&opened(Language::Rust, none)), None, "{none}");
        }
        assert_eq!(module(&opened(Language::Go, text)), None);
    }

    #[test]
    fn test_files_lie_where_the_convention_says() {
        let first = |path: &str, language| {
            files(path, language)
                .into_iter()
                .take(2)
                .collect::<Vec<_>>()
        };
        assert_eq!(first("src/a.rs", Language::Rust), ["tests/a.rs"]);
        assert_eq!(
            first("app/a.py", Language::Python),
            ["app/test_a.py", "app/a_test.py"]
        );
        assert!(files("src/x/a.py", Language::Python).contains(&"tests/x/test_a.py".to_owned()));
        assert_eq!(first("a.go", Language::Go), ["a_test.go"]);
        assert_eq!(
            first("src/a.ts", Language::TypeScript),
            ["src/a.test.ts", "src/a.spec.ts"]
        );
        assert_eq!(
            first("src/main/java/b/A.java", Language::Java)[0],
            "src/test/java/b/ATest.java"
        );
        assert_eq!(first("lib/a.rb", Language::Ruby)[0], "spec/a_spec.rb");
        assert_eq!(first("Makefile", Language::Text), [""; 0]);
    }

    #[test]
    fn further_tests_stand_at_the_end_or_in_the_class() {
        let at = |language, text: &str| before(text, &end_of_file(&opened(language, text)));
        assert_eq!(
            at(Language::Go, "package a\n\nfunc TestA(t *T) {}\n\n"),
            "\"\" after \"\""
        );
        assert_eq!(at(Language::Go, "package a"), "\"the end\" after \"\"");
        assert_eq!(
            at(Language::Java, "class ATest {\n  @Test\n  void a() {}\n}\n"),
            "\"}\" after \"  \""
        );
        assert_eq!(
            at(
                Language::Python,
                "def test_a():\n    pass\n\n\nif __name__ == '__main__':\n    main()\n"
            ),
            "\"\" after \"\""
        );
        assert_eq!(
            at(
                Language::Python,
                "class TestA(unittest.TestCase):\n    def test_a(self):\n        pass\n"
            ),
            "\"the end\" after \"    \""
        );
        assert_eq!(
            at(Language::Ruby, "describe A do\n  it 'x' do\n  end\nend\n"),
            "\"end\" after \"  \""
        );
        assert_eq!(at(Language::Python, ""), "\"the end\" after \"\"");
    }
}
