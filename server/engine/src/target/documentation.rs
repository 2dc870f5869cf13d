//! Where the documentation of a definition stands or would stand: a comment above it, in Python a string
//! below its head. An answer takes that place, so that no definition is documented twice.

use std::ops::Range;

use foretoken_grammars::Language;

use super::Target;
use crate::document::Document;

/// The bytes of the documentation that the target holds, whole lines with their breaks; empty, at the start
/// of a line, where it has none.
pub fn documentation(doc: &Document, target: &Target) -> Range<usize> {
    let rope = doc.rope();
    let lines: Vec<String> = (target.lines.start..target.lines.end)
        .filter_map(|line| rope.get_line(line as usize))
        .map(|line| line.to_string())
        .collect();
    let head = target.head.saturating_sub(target.lines.start) as usize;
    let found = match doc.language() {
        Language::Python => string_below(&lines, head),
        language => comment_above(language, &lines[..head.min(lines.len())]),
    };
    let byte = |line: usize| rope.line_to_byte(target.lines.start as usize + line);
    byte(found.start)..byte(found.end)
}

/// The first run of lines that document, of the lines above a definition.
fn comment_above(language: Language, above: &[String]) -> Range<usize> {
    let (marks, block) = marks(language);
    let mut start = None;
    let mut in_block = false;
    for (at, line) in above.iter().enumerate() {
        let line = line.trim();
        let opens = block && line.starts_with("/**");
        let documents = in_block || opens || marks.iter().any(|mark| is_marked(line, mark));
        match (documents, start) {
            (true, None) => start = Some(at),
            (false, Some(start)) => return start..at,
            _ => {}
        }
        in_block = (in_block || opens) && !line.ends_with("*/");
    }
    match start {
        Some(start) => start..above.len(),
        None => 0..0,
    }
}

/// `////` and the like is a line that is drawn, not one that documents.
fn is_marked(line: &str, mark: &str) -> bool {
    line.strip_prefix(mark)
        .is_some_and(|rest| mark.len() < 3 || !rest.starts_with('/'))
}

/// What lines that document begin with, and whether `/**` opens a block of them.
fn marks(language: Language) -> (&'static [&'static str], bool) {
    match language {
        Language::Rust | Language::Swift | Language::CSharp | Language::Zig | Language::Cpp => {
            (&["///"], true)
        }
        Language::Go => (&["//"], false),
        Language::Ruby | Language::Bash => (&["#"], false),
        Language::Lua => (&["--"], false),
        _ => (&[], true),
    }
}

/// The string that is the first statement below a head, which may take several lines.
fn string_below(lines: &[String], head: usize) -> Range<usize> {
    let is_end = |line: &&String| {
        let code = line.split('#').next().unwrap_or_default();
        code.trim_end().ends_with(':')
    };
    let Some(colon) = lines.iter().skip(head).position(|line| is_end(&line)) else {
        return 0..0;
    };
    let below = head + colon + 1;
    let first = lines[below..]
        .iter()
        .position(|line| !line.trim().is_empty())
        .map(|blank| below + blank);
    let Some(first) = first else {
        return below..below;
    };
    let text = lines[first].trim().trim_start_matches(['r', 'R', 'u', 'U']);
    let quote = ["\"\"\"", "'''", "\"", "'"]
        .into_iter()
        .find(|quote| text.starts_with(quote));
    let Some(quote) = quote else {
        return below..below;
    };
    let ends = |text: &str| text.trim_end().ends_with(quote);
    if ends(&text[quote.len()..]) {
        return first..first + 1;
    }
    let last = lines[first + 1..].iter().position(|line| ends(line));
    match last.filter(|_| quote.len() == 3) {
        Some(last) => first..first + last + 2,
        // A statement that begins with a string documents nothing.
        None => below..below,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::target;

    fn check(language: Language, marked: &str, expected: &str) {
        let at = marked.find("$0").unwrap();
        let text = marked.replacen("$0", "", 1);
        let doc = Document::open("a", language, 1, &text);
        let target = target(&doc, at..at).unwrap();
        let bytes = documentation(&doc, &target);
        let shown = match bytes.is_empty() {
            true => format!("before {:?}", text[bytes.start..].lines().next().unwrap()),
            false => text[bytes].to_owned(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn a_comment_above_is_documentation_where_the_language_says_so() {
        let rust = "mod a {\n    // A note.\n    /// Does it.\n    ///\n    /// Twice.\n    #[inline]\n    fn f() {$0}\n}\n";
        check(
            Language::Rust,
            rust,
            "    /// Does it.\n    ///\n    /// Twice.\n",
        );
        check(
            Language::Rust,
            "// A note.\n#[inline]\nfn f() {$0}\n",
            "before \"// A note.\"",
        );
        check(
            Language::Rust,
            "//// ----\nfn f() {$0}\n",
            "before \"//// ----\"",
        );
        check(
            Language::Go,
            "package a\n\n// F does.\n// It.\nfunc F() {$0}\n",
            "// F does.\n// It.\n",
        );
        check(
            Language::TypeScript,
            "/**\n * Does it.\n */\nfunction f() {$0}\n",
            "/**\n * Does it.\n */\n",
        );
        check(
            Language::Java,
            "class A {\n  /** Does. */\n  @Override\n  void f() {$0}\n}\n",
            "  /** Does. */\n",
        );
        check(
            Language::JavaScript,
            "// A note.\nfunction f() {$0}\n",
            "before \"// A note.\"",
        );
    }

    #[test]
    fn in_python_it_is_the_string_below_the_head() {
        check(
            Language::Python,
            "def f(\n    a,\n):\n    \"\"\"Does it.\n\n    Twice.\n    \"\"\"\n    return a$0\n",
            "    \"\"\"Does it.\n\n    Twice.\n    \"\"\"\n",
        );
        check(
            Language::Python,
            "def f():  # quick\n    'Does.'\n    return 1$0\n",
            "    'Does.'\n",
        );
        check(
            Language::Python,
            "def f():\n    return 1$0\n",
            "before \"    return 1\"",
        );
        check(
            Language::Python,
            "def f():\n    'a'.join(b)\n    return 1$0\n",
            "before \"    'a'.join(b)\"",
        );
    }
}
