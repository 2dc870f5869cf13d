//! Terms: the words that the workspace index knows a text by, and the pruned list of them that a query is.
//!
//! One tokenizer serves index and query, so that both sides always agree; change what it emits and
//! [`VERSION`] has to change with it, or old indexes answer new questions wrongly.

mod query;
mod words;

pub use query::{Mention, Query, QueryTerm, query};

/// Written into every index; another number there means that the index has to be built anew.
pub const VERSION: u32 = 2;

/// The longest term in bytes; what is longer is data, not a name.
const LONGEST: usize = 64;

/// A run of letters and digits longer than this, in characters, is dropped if it looks like a digest.
const DIGEST: usize = 20;

/// What a term is of the identifier it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TermKind {
    /// An identifier of several parts, whole: `getusername`.
    Whole,
    /// A part of an identifier, or a plain word, stemmed: `user`.
    Part,
}

/// Shows `visit` each term of `text`, lowercased, in order.
///
/// Identifiers are split at underscores, case and digit borders; one of several parts is shown whole too.
/// Words of one character, of more than 64 bytes, stop words and digests are left out. Runs of Chinese,
/// Japanese and Korean script are shown as pairs of characters, a lone one as itself, apart from the words
/// that touch them. Time is linear in the text.
pub fn each_term(text: &str, visit: &mut dyn FnMut(&str, TermKind)) {
    let mut scratch = words::Scratch::default();
    for word in words::words(text) {
        scratch.word(word, visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: Expect) {
        let mut found = Vec::new();
        each_term(text, &mut |term, kind| {
            found.push(match kind {
                TermKind::Whole => format!("[{term}]"),
                TermKind::Part => term.to_owned(),
            });
        });
        expected.assert_eq(&found.join(" "));
    }

    #[test]
    fn identifiers_are_split_and_kept_whole() {
        check("getUserName", expect!["[getusername] get user name"]);
        check("HTTPServer", expect!["[httpserver] http serv"]);
        check(
            "parse_json_2_yaml",
            expect!["[parse_json_2_yaml] pars json yaml"],
        );
        check("utf8Decoder", expect!["[utf8decoder] utf decod"]);
        check("__init__", expect!["init"]);
        check("kebab-case-name", expect!["kebab case name"]);
        check("a.b.field", expect!["field"]);
    }

    #[test]
    fn parts_are_stemmed_lightly() {
        check(
            "indexes queries parsing stopped classes status bus matches string red",
            expect!["index query pars stop class status bus match string red"],
        );
    }

    #[test]
    fn what_says_nothing_is_left_out() {
        check("the x of and return fn", expect![""]);
        check(
            "da39a3ee5e6b4b0d3255bfef95601890afd80709 kept",
            expect!["kept"],
        );
        check(&"q".repeat(65), expect![""]);
    }

    #[test]
    fn long_names_are_no_digests() {
        check(
            "abstractSingletonProxyFactoryBean",
            expect!["[abstractsingletonproxyfactorybean] abstract singleton proxy factory bean"],
        );
    }

    #[test]
    fn scripts_without_spaces_become_pairs() {
        check("検索索引", expect!["検索 索索 索引"]);
        check("Größe naïve", expect!["größe naïve"]);
        check("索", expect!["索"]);
    }

    #[test]
    fn words_end_where_another_script_begins() {
        check(
            "getUserNameを呼ぶ",
            expect!["[getusername] get user name を呼 呼ぶ"],
        );
        check("値_max_値2個 x값", expect!["値 max 値 個 값"]);
        check(
            "da39a3ee5e6b4b0d3255bfef95601890afd80709の値",
            expect!["の値"],
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_short_lowercase_terms(text in ".{0,400}") {
            each_term(&text, &mut |term, _| {
                assert!(!term.is_empty() && term.len() <= LONGEST);
                assert!(!term.contains(char::is_whitespace));
            });
        }
    }
}
