//! Texts of the last job with their ids, so that the next job encodes only what has changed in them,
//! and how much of a text is looked at.

use crate::tokenizer::Tokens;

/// Bytes of one text that become ids at most: what is nearest to the cursor says most.
const REACH: usize = 24 * 1024;
/// Bytes of one text in a file that was not seen before: its lines are not in the tokenizer's cache, and
/// 24 kB of them take 5 ms, which the first answer there must not wait for. Each job looks twice as far.
const FIRST_REACH: usize = 3 * 1024;
/// Bytes at either end by which a text is known again.
const KNOWN_BY: usize = 256;

/// Texts of the last job with their ids: of a file that is typed in all lines but one are the same.
#[derive(Debug, Default)]
pub(crate) struct Known {
    texts: Vec<Encoded>,
    /// Bytes of each text that the last job looked at.
    reach: usize,
    /// Both ends of its longest text, one of which stays as it is while somebody types there.
    first: Vec<u8>,
    last: Vec<u8>,
}

#[derive(Debug)]
struct Encoded {
    text: String,
    ids: Vec<u32>,
    /// Bytes at which a piece begins, and how many ids stand before it.
    cuts: Vec<(usize, usize)>,
}

impl Known {
    /// Texts kept.
    const KEPT: usize = 6;

    /// The ids of a text. What it has in common with a known one, at its beginning or at its end, is
    /// taken from there.
    pub(super) fn ids(&mut self, tokens: &Tokens, text: &str) -> &[u32] {
        let nearest = (0..self.texts.len()).max_by_key(|&at| self.texts[at].common(text));
        let base = nearest.filter(|&at| self.texts[at].common(text) * 2 > text.len());
        let encoded = match base {
            Some(at) => self.texts.remove(at).changed(tokens, text),
            None => Encoded::new(tokens, text),
        };
        self.texts.truncate(Self::KEPT - 1);
        self.texts.insert(0, encoded);
        &self.texts[0].ids
    }

    /// How far to look in these texts: little where the longest of them is of a new file.
    pub(super) fn reach(&mut self, texts: &[std::sync::Arc<str>]) -> usize {
        let longest = texts.iter().max_by_key(|text| text.len());
        let longest = longest.map_or(&[][..], |text| text.as_bytes());
        let first = &longest[..longest.len().min(KNOWN_BY)];
        let last = &longest[longest.len() - first.len()..];
        let seen = first == self.first || last == self.last;
        (self.first, self.last) = (first.to_vec(), last.to_vec());
        self.reach = match seen {
            true => (self.reach * 2).clamp(FIRST_REACH, REACH),
            false => FIRST_REACH,
        };
        self.reach
    }
}

impl Encoded {
    fn new(tokens: &Tokens, text: &str) -> Encoded {
        let mut encoded = Encoded {
            text: String::new(),
            ids: Vec::new(),
            cuts: Vec::new(),
        };
        encoded.push(tokens, text, 0, text.len());
        encoded.text = text.to_owned();
        encoded
    }

    /// Appends the ids of a part of a text whose ends are cuts of it.
    fn push(&mut self, tokens: &Tokens, text: &str, from: usize, to: usize) {
        let mut start = from;
        for end in tokens
            .cuts(&text[from..to])
            .map(|cut| from + cut)
            .chain([to])
        {
            self.cuts.push((start, self.ids.len()));
            tokens.encode_into(&text[start..end], &mut self.ids);
            start = end;
        }
    }

    /// Bytes that both begin or end with, whichever is more.
    fn common(&self, text: &str) -> usize {
        let (front, back) = ends(self.text.as_bytes(), text.as_bytes());
        front.max(back)
    }

    /// The ids of another text, encoded only between what is the same in front and behind. A cut depends
    /// on what stands next to it, so the last one in front and the first one behind are not trusted.
    fn changed(self, tokens: &Tokens, text: &str) -> Encoded {
        let (old, new) = (self.text.as_bytes(), text.as_bytes());
        let (front, back) = ends(old, new);
        let back = back.min(new.len().min(old.len()) - front);
        let before = self
            .cuts
            .partition_point(|(byte, _)| *byte <= front)
            .saturating_sub(2);
        let (kept, kept_ids) = self.cuts.get(before).copied().unwrap_or((0, 0));
        let after = self
            .cuts
            .partition_point(|(byte, _)| *byte < old.len() - back)
            + 1;
        let behind = self.cuts.get(after).filter(|(byte, _)| *byte > kept);
        let mut encoded = Encoded {
            text: String::new(),
            ids: self.ids[..kept_ids].to_vec(),
            cuts: self.cuts[..before].to_vec(),
        };
        match behind {
            Some(&(byte, ids)) => {
                let moved = byte + new.len() - old.len();
                encoded.push(tokens, text, kept, moved);
                let shift = encoded.ids.len();
                encoded.ids.extend_from_slice(&self.ids[ids..]);
                let further = self.cuts[after..].iter();
                let further = further.map(|(at, id)| (at + moved - byte, id + shift - ids));
                encoded.cuts.extend(further);
            }
            None => encoded.push(tokens, text, kept, text.len()),
        }
        encoded.text = text.to_owned();
        encoded
    }
}

/// Bytes that both texts begin with, and bytes that both end with.
fn ends(a: &[u8], b: &[u8]) -> (usize, usize) {
    /// Compared at once, which is far quicker than one by one.
    const BLOCK: usize = 128;
    let least = a.len().min(b.len());
    let (mut front, mut back) = (0, 0);
    while front + BLOCK <= least && a[front..front + BLOCK] == b[front..front + BLOCK] {
        front += BLOCK;
    }
    let of = |text: &[u8], back: usize| text.len() - back - BLOCK..text.len() - back;
    while back + BLOCK <= least && a[of(a, back)] == b[of(b, back)] {
        back += BLOCK;
    }
    let same = |(a, b): &(&u8, &u8)| a == b;
    front += a[front..].iter().zip(&b[front..]).take_while(same).count();
    let (a, b) = (&a[..a.len() - back], &b[..b.len() - back]);
    back += a.iter().rev().zip(b.iter().rev()).take_while(same).count();
    (front, back)
}

/// The part of a text next to the cursor, in whole lines where it is cut.
pub(super) fn near(text: &str, reach: usize, behind: bool) -> &str {
    if text.len() <= reach {
        return text;
    }
    if behind {
        let end = (0..=reach).rev().find(|&at| text.is_char_boundary(at));
        return &text[..end.unwrap_or(0)];
    }
    let from = (text.len() - reach..text.len()).find(|&at| text.is_char_boundary(at));
    let rest = &text[from.unwrap_or(text.len())..];
    rest.split_once('\n').map_or(rest, |(_, lines)| lines)
}

#[cfg(test)]
mod tests {
    use super::Known;
    use crate::tokenizer::tests::embedded;

    #[test]
    fn a_text_that_changed_in_the_middle_has_the_ids_of_a_new_one() {
        let Some(tokens) = embedded() else { return };
        let lines: Vec<String> = (0..40)
            .map(|n| format!("    let a{n} = f({n});\n"))
            .collect();
        let whole = lines.concat();
        let mut known = Known::default();
        assert_eq!(known.ids(&tokens, &whole), tokens.encode(&whole));
        let half = whole.len() / 2;
        let edits = [
            [&whole[..half], "x", &whole[half..]].concat(),
            [&whole[..half], "\n\n  \n", &whole[half..]].concat(),
            [&whole[..half - 40], &whole[half..]].concat(),
            whole[..half].to_owned(),
            whole[half..].to_owned(),
            [&whole[..], "    let b"].concat(),
            ["x = 1\n", &whole[..]].concat(),
            String::new(),
            whole.replace('\n', "\n\n"),
        ];
        for edited in edits.iter().chain([&whole]) {
            assert_eq!(
                known.ids(&tokens, edited),
                tokens.encode(edited),
                "{edited:?}"
            );
        }
    }

    #[test]
    fn a_new_file_is_looked_through_step_by_step() {
        let line = |n: usize| format!("    let value_{n} = compute({n});\n");
        let file = |from: usize| -> std::sync::Arc<str> {
            (from..from + 2_000).map(line).collect::<String>().into()
        };
        let Some(tokens) = embedded() else { return };
        let mut known = Known::default();
        let (one, other) = ([file(0)], [file(10_000)]);
        let mut reaches = Vec::new();
        for texts in [&one, &one, &one, &one, &one, &other, &one] {
            let reach = known.reach(texts);
            known.ids(&tokens, super::near(&texts[0], reach, false));
            reaches.push(reach / super::FIRST_REACH);
        }
        assert_eq!(reaches, [1, 2, 4, 8, 8, 1, 1]);
    }
}
