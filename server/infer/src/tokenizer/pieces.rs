//! Exact cuts: places at which a vocabulary never merges across, so that a text may be encoded in
//! pieces and each piece be found in a cache. Where they lie differs by family, and is found by trying
//! on texts that are known to be hard; a family in which neither place holds is encoded whole.

/// Where a vocabulary may be cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cuts {
    /// Behind a line feed whose next line has something else than white space before its end: there a
    /// run of line ends is over, and in GPT-4's pattern and in ours it always ends its pre-token.
    #[default]
    BehindBreaks,
    /// Before blanks that hold a line feed and follow a visible ASCII character: in GPT-2's pattern the
    /// indentation of a line belongs to the line end before it.
    BeforeBlanks,
    /// Nowhere.
    Never,
}

impl Cuts {
    /// All cuts of a text, in order; never its ends.
    pub(crate) fn of(self, text: &str) -> impl Iterator<Item = usize> + '_ {
        text.bytes()
            .enumerate()
            .filter_map(move |(at, byte)| match self {
                Cuts::BehindBreaks => (byte == b'\n')
                    .then_some(at + 1)
                    .filter(|start| begins_line(text, *start)),
                Cuts::BeforeBlanks => Some(at).filter(|at| begins_blanks(text, *at)),
                Cuts::Never => None,
            })
    }

    /// The first kind of cut at which encoding in pieces gives what encoding whole gives, on every text of
    /// [`HARD`].
    pub(super) fn find(encode: &dyn Fn(&str) -> Option<Vec<u32>>) -> Cuts {
        let exact = |cuts: &Cuts| {
            HARD.iter().all(|text| {
                let mut pieces = Vec::new();
                let mut start = 0;
                for cut in cuts.of(text).chain([text.len()]) {
                    pieces.extend(encode(&text[start..cut]).unwrap_or_default());
                    start = cut;
                }
                encode(text) == Some(pieces)
            })
        };
        [Cuts::BehindBreaks, Cuts::BeforeBlanks]
            .into_iter()
            .find(exact)
            .unwrap_or(Cuts::Never)
    }
}

fn begins_line(text: &str, start: usize) -> bool {
    let next = text[start..]
        .chars()
        .find(|c| !c.is_whitespace() || matches!(c, '\n' | '\r'));
    start < text.len() && !matches!(next, Some('\n' | '\r'))
}

fn begins_blanks(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let begins = at > 0 && bytes[at - 1].is_ascii_graphic() && bytes[at].is_ascii_whitespace();
    begins
        && text[at..]
            .chars()
            .take_while(|c| c.is_whitespace())
            .any(|c| c == '\n')
}

/// Hand-written lines with what patterns of pre-tokens differ in: blanks before and behind line ends,
/// marks before them, digits, carriage returns, blanks beyond ASCII, an end in the middle of a line.
const HARD: [&str; 8] = [
    "fn main() {\n    let x = 10;\n\n    if x > 9 {\n        go(x);\n    }\n}\n",
    "def f(a, b):\n\treturn a + b  \n\n\n\tx = [1, 22, 333, 4444]\n# end",
    "a\r\nb\r\n\r\n  c;\r\n\r\n",
    "x = {\n  \"k\": 'v',\n   \n  // note: don't\n};\n\n\n\n  \n   y",
    "one  \n  two\n three\n\n four   five\n      ",
    "\u{e9}t\u{e9}\n  \u{4e2d}\u{6587};\n\u{a0}\u{a0}z\n\u{3000}w\n",
    "}\n}\n);\n  };\n*/\n  /**\n   * @param a\n   */\n",
    "\n\n  lead\n1\n 2\n  3\n-\n--\n\t\n\t\tx\n",
];

#[cfg(test)]
mod tests {
    use super::Cuts;

    fn pieces(cuts: Cuts, text: &str) -> Vec<&str> {
        let mut start = 0;
        cuts.of(text)
            .chain([text.len()])
            .map(|cut| &text[std::mem::replace(&mut start, cut)..cut])
            .collect()
    }

    #[test]
    fn cuts_lie_before_lines_that_hold_something() {
        let pieces = |text| pieces(Cuts::BehindBreaks, text);
        assert_eq!(pieces("a\nb\n"), ["a\n", "b\n"]);
        assert_eq!(pieces("a\n\n  \n  b"), ["a\n\n  \n", "  b"]);
        assert_eq!(pieces("a\r\n\r\nb\rc"), ["a\r\n\r\n", "b\rc"]);
        assert_eq!(pieces("\n\na"), ["\n\n", "a"]);
        assert_eq!(pieces("a\n  \r b"), ["a\n  \r b"]);
        assert_eq!(pieces("a\n    "), ["a\n", "    "]);
        assert_eq!(pieces(""), [""]);
    }

    #[test]
    fn or_before_blanks_that_end_a_line() {
        let pieces = |text| pieces(Cuts::BeforeBlanks, text);
        assert_eq!(pieces("a\nb\n"), ["a", "\nb", "\n"]);
        assert_eq!(pieces("a  \n\n  b c"), ["a", "  \n\n  b c"]);
        assert_eq!(pieces("\n\na b"), ["\n\na b"]);
        assert_eq!(pieces("\u{e9}\nb"), ["\u{e9}\nb"]);
        assert_eq!(pieces(""), [""]);
    }

    #[test]
    fn the_kind_is_found_by_trying() {
        // A token is a character, but a line end swallows what a family lets it swallow.
        let encode = |text: &str, swallows_behind: bool| {
            let mut ids = Vec::new();
            for c in text.chars() {
                let last = ids.last().copied();
                let blank = c.is_whitespace() && c != '\n';
                let joins = swallows_behind
                    && blank
                    && last.is_some_and(|id: u32| id >= 1 << 24 || id == 10);
                match joins {
                    true => *ids.last_mut().expect("looked at above") += 1 << 24,
                    false => ids.push(u32::from(c)),
                }
            }
            Some(ids)
        };
        assert_eq!(Cuts::find(&|text| encode(text, false)), Cuts::BehindBreaks);
        assert_eq!(Cuts::find(&|text| encode(text, true)), Cuts::BeforeBlanks);
        let length = |text: &str| Some(vec![text.len() as u32]);
        assert_eq!(Cuts::find(&length), Cuts::Never);
    }
}
