//! What can be said without a model: the signature, its documentation, the diagnostics, the best hits, and why no model
//! answered. It is the last thing that is tried, so it needs nothing but the sections.

use super::prompt::Placed;
use super::section::{Kind, Section, SectionId};
use crate::answer::ground::Sources;
use crate::answer::text::without_controls;
use crate::answer::{links, markdown};

/// Hits that are named.
const HITS: usize = 3;
/// Lines of a signature, and of the comment above it.
const MOST_LINES: usize = 12;

/// Markdown with links to the hits. `cause` is one sentence: why no model answered. Nothing of the sections is read as
/// Markdown.
pub fn digest(
    sections: &[Section],
    cause: &str,
    link: &dyn Fn(&Section) -> Option<String>,
) -> String {
    let placed: Vec<Placed> = (1..)
        .zip(sections)
        .map(|(number, section)| Placed {
            id: SectionId(number),
            section: section.clone(),
        })
        .collect();
    let of = |kind: Kind| {
        let mut found: Vec<&Placed> = placed.iter().filter(|p| p.section.kind == kind).collect();
        found.sort_by_key(|p| (p.section.rank, p.id));
        found
    };
    let mut text = format!("{}\n\n", one_line(&without_controls(cause).0));
    if let Some(target) = of(Kind::Target).first() {
        let cited = match &target.section.source {
            Some(_) => format!("The code at [{}]:\n\n", target.id),
            None => String::new(),
        };
        text += &cited;
        text += &block(target.section.language, &head(&target.section.text));
    }
    let diagnostics = of(Kind::Diagnostic);
    if !diagnostics.is_empty() {
        text += "What the checkers say:\n\n";
        let lines: Vec<&str> = diagnostics
            .iter()
            .map(|d| d.section.text.trim_end())
            .collect();
        text += &block("text", &lines.join("\n"));
    }
    let mut related = of(Kind::Definition);
    related.extend(of(Kind::Hit));
    related.retain(|placed| placed.section.source.is_some());
    if !related.is_empty() {
        text += "Related places:\n\n";
        for placed in related.iter().take(HITS) {
            text += &format!("- [{}]\n", placed.id);
        }
    }
    let sources = Sources {
        sections: &placed,
        link,
        line_exists: &|_, _| false,
        name_exists: &|_| true,
        strict: false,
    };
    markdown::safe(&without_controls(&text).0, &sources).markdown
}

/// The comment above an item and its signature: up to the line that opens its body.
fn head(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines().take(MOST_LINES) {
        lines.push(line);
        let bare = line.trim();
        let comment = ["//", "#", "*", "/*", "@", "\"\"\""]
            .iter()
            .any(|mark| bare.starts_with(mark));
        if !comment && (bare.ends_with(['{', ':', ';']) || bare.ends_with("=>")) {
            break;
        }
    }
    lines.join("\n")
}

/// A code block that nothing in `text` can end.
fn block(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{text}\n{fence}\n\n")
}

/// A sentence on one line as plain text: every sign that could be Markdown is escaped, and it cites nothing.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.replace('[', "(").replace(']', ")");
    let mut out = String::with_capacity(line.len());
    let mut rest = line.as_str();
    while let Some(address) = links::bare(rest) {
        escape(&rest[..address.start], &mut out);
        out.extend(["`", &rest[address.clone()].replace('`', ""), "`"]);
        rest = &rest[address.end..];
    }
    escape(rest, &mut out);
    out
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::assist::section::Source;

    fn section(kind: Kind, rank: u32, path: &str, text: &str) -> Section {
        Section::new(kind, text)
            .from_file(Source::new(path, 3..=9), "rust")
            .ranked(rank)
    }

    fn link(section: &Section) -> Option<String> {
        Some(format!("file:///w/{}", section.source.as_ref()?.path))
    }

    #[test]
    fn what_is_known_without_a_model() {
        let sections = [
            section(Kind::Hit, 1, "src/second.rs", "x"),
            section(Kind::Hit, 0, "src/first.rs", "x"),
            section(Kind::Hit, 2, "src/third.rs", "x"),
            section(Kind::Hit, 3, "src/fourth.rs", "x"),
            section(
                Kind::Target,
                0,
                "src/a.rs",
                "/// Puts a value.\n#[inline]\nfn put<T>(\n    key: u64,\n) -> bool {\n    secret_body()\n}\n",
            ),
            section(
                Kind::Diagnostic,
                0,
                "src/a.rs",
                "E0502: cannot borrow `map` [S1] <b>",
            ),
        ];
        expect![[r#"
            No endpoint is allowed here.

            The code at [src/a.rs:3-9](file:///w/src/a.rs):

            ```rust
            /// Puts a value.
            #[inline]
            fn put<T>(
                key: u64,
            ) -> bool {
            ```

            What the checkers say:

            ```text
            E0502: cannot borrow `map` [S1] <b>
            ```

            Related places:

            - [src/first.rs:3-9](file:///w/src/first.rs)
            - [src/second.rs:3-9](file:///w/src/second.rs)
            - [src/third.rs:3-9](file:///w/src/third.rs)
        "#]]
        .assert_eq(&digest(&sections, "No endpoint is allowed\nhere.", &link));
        expect![[r#"
            The day's budget is used up.
        "#]]
        .assert_eq(&digest(&[], "The day's budget is used up.", &link));
    }

    #[test]
    fn a42_an_endpoint_s_words_are_plain_text() {
        let cause = "It said: ![x](https://evil.example/?q=1) https://evil.example/a <script> [S1] `command:x`\u{202e} *loud*\n# \u{1b}[31mred";
        let sections = [section(Kind::Target, 0, "src/a.rs", "```\n# ![x](u)\n")];
        let text = digest(&sections, cause, &link);
        expect![[r#"
            It said: !(x)(`https://evil.example/?q=1`) `https://evil.example/a` &lt;script> (S1) \`command:x\` \*loud\* # red

            The code at [src/a.rs:3-9](file:///w/src/a.rs):

            ````rust
            ```
            # ![x](u)
            ````
        "#]]
        .assert_eq(&text);
    }
}
