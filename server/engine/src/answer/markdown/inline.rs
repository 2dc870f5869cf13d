//! What stands within a paragraph, written anew as Markdown.

use crate::answer::ground::{self, Grounding, Sources};
use crate::answer::links::{self, Link};
use crate::answer::{Removed, emit};
use crate::assist::prompt::escaped as escaped_name;
use crate::assist::section::Source;

/// Behind a place that is not there.
const NOWHERE: &str = " (no such line)";

/// The paragraph that is being written.
pub(super) struct Inline<'a> {
    sources: &'a Sources<'a>,
    out: String,
    // Open emphasis; inner ones and such as would touch another are not written.
    marks: Vec<&'static str>,
    emphasised: bool,
    link: Option<OpenLink>,
    // The words of an open picture; it shows its description.
    image: usize,
    supported: bool,
    pub(super) heading: bool,
    pub(super) cell: bool,
    pub(super) too_deep: usize,
    pub(super) grounding: Grounding,
    removed: Removed,
}

struct OpenLink {
    url: String,
    automatic: bool,
    // Where its text begins.
    from: usize,
    // Its text as it was.
    plain: String,
}

impl<'a> Inline<'a> {
    pub(super) fn new(sources: &'a Sources<'a>) -> Inline<'a> {
        Inline {
            sources,
            out: String::new(),
            marks: Vec::new(),
            emphasised: false,
            link: None,
            image: 0,
            supported: false,
            heading: false,
            cell: false,
            too_deep: 0,
            grounding: Grounding::default(),
            removed: Removed::default(),
        }
    }

    pub(super) fn finish(self) -> (Grounding, Removed) {
        (self.grounding, self.removed)
    }

    /// What was written, and whether it cites a source.
    pub(super) fn take(&mut self) -> (String, bool) {
        let text = std::mem::take(&mut self.out);
        (
            trimmed(&text).to_owned(),
            std::mem::take(&mut self.supported),
        )
    }

    /// Text with its citations, places and bare addresses.
    pub(super) fn text(&mut self, text: &str) {
        if let Some(link) = &mut self.link {
            link.plain.push_str(text);
            if !link.automatic {
                self.escaped(text);
            }
            return;
        }
        let mut done = 0;
        // Looked for again only when it is behind: each search may run to the end of the text.
        let mut address = links::bare(text);
        let mut cited = ground::first_citation(text);
        loop {
            let at = |range: &std::ops::Range<usize>| range.start;
            let first_cited = match (&cited, &address) {
                (None, None) => break,
                (Some((range, _)), Some(address)) => at(range) <= at(address),
                (cited, _) => cited.is_some(),
            };
            let end = match (&cited, &address) {
                (Some((range, numbers)), _) if first_cited => {
                    self.places(&text[done..range.start]);
                    self.cite_all(numbers);
                    range.end
                }
                (_, Some(address)) => {
                    self.places(&text[done..address.start]);
                    self.address(&text[address.clone()]);
                    address.end
                }
                _ => break,
            };
            done = end;
            let behind = |start: usize| start < done;
            if address
                .as_ref()
                .is_some_and(|address| behind(address.start))
            {
                address = links::bare(&text[done..]).map(|r| r.start + done..r.end + done);
            }
            if cited.as_ref().is_some_and(|(range, _)| behind(range.start)) {
                let next = ground::first_citation(&text[done..]);
                cited = next.map(|(r, numbers)| (r.start + done..r.end + done, numbers));
            }
        }
        self.places(&text[done..]);
    }

    /// Text with its places, each that is nowhere marked.
    fn places(&mut self, text: &str) {
        let mut rest = text;
        while let Some(place) = ground::place(rest) {
            self.escaped(&rest[..place.end]);
            let there = ground::is_there(&place, self.sources);
            rest = &rest[place.end..];
            self.mark(there, rest);
        }
        self.escaped(rest);
    }

    /// Marks a place that is nowhere, once.
    fn mark(&mut self, there: bool, next: &str) {
        match there {
            true => self.grounding.places += 1,
            false => self.grounding.false_places += 1,
        }
        if !there && !next.starts_with(NOWHERE) {
            self.out.push_str(NOWHERE);
        }
    }

    fn cite_all(&mut self, numbers: &[u32]) {
        for (at, number) in numbers.iter().enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            self.cite(*number);
        }
    }

    fn cite(&mut self, number: u32) {
        let Some(placed) = ground::section(self.sources.sections, number) else {
            self.grounding.false_citations += 1;
            self.escaped(&format!("(S{number}: no such source)"));
            return;
        };
        self.supported = true;
        self.grounding.cite(placed.id);
        let section = &placed.section;
        let Some(source) = &section.source else {
            self.escaped(&format!("({})", section.kind.code()));
            return;
        };
        // A link in a link is none.
        let url = (self.sources.link)(section).filter(|_| self.image == 0);
        let label = escaped_name(&source.path);
        let lines = Source::new("", source.lines.clone()).to_string();
        let label = label + &lines;
        match url.filter(|url| is_plain(url)) {
            Some(url) => {
                self.out.push('[');
                self.escaped(&label);
                self.out.push_str("](");
                self.out.push_str(&url);
                self.out.push(')');
            }
            None => self.span(&label),
        }
    }

    /// A bare or automatic address.
    fn address(&mut self, url: &str) {
        match links::judge(url) {
            Link::Live { url, .. } if !self.cell || !url.contains('|') => {
                self.out.push('<');
                self.out.push_str(&url);
                self.out.push('>');
            }
            _ => {
                self.removed.links += 1;
                self.span(url);
            }
        }
    }

    /// A code span, with the place or the name in it looked up.
    pub(super) fn code(&mut self, code: &str, next: &str) {
        if let Some(link) = &mut self.link {
            link.plain.push_str(code);
        }
        if self.link.as_ref().is_some_and(|link| link.automatic) {
            return;
        }
        self.span(code);
        if self.link.is_some() || self.image > 0 {
            return;
        }
        if let Some(place) = ground::place(code).filter(|_| !code.contains("://")) {
            let there = ground::is_there(&place, self.sources);
            self.mark(there, next);
            self.supported |= there;
        } else if let Some(name) = ground::name(code) {
            match ground::is_known(name, self.sources) {
                true => self.grounding.names += 1,
                false => self.grounding.false_names += 1,
            }
        }
    }

    fn span(&mut self, code: &str) {
        let code = code.replace(['\n', '\r', '\t'], " ");
        let code = match self.cell {
            true => code.replace('|', "\\|"),
            false => code,
        };
        let fence = "`".repeat(emit::longest_run(&code) + 1);
        let padded = code.starts_with('`')
            || code.ends_with('`')
            || code.starts_with(' ') && code.ends_with(' ') && !code.trim().is_empty();
        let pad = if padded { " " } else { "" };
        // Back-ticks that touch would be one run.
        if self.out.ends_with('`') {
            self.out.push(' ');
        }
        self.out
            .push_str(&format!("{fence}{pad}{code}{pad}{fence}"));
    }

    pub(super) fn html(&mut self, html: &str) {
        self.removed.html += 1;
        for (at, line) in html.split('\n').enumerate() {
            if at > 0 {
                self.soft_break();
            }
            self.text(line);
        }
    }

    pub(super) fn soft_break(&mut self) {
        let kept = trimmed(&self.out).len();
        self.out.truncate(kept);
        if self.cell || self.heading {
            self.out.push(' ');
        } else if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    pub(super) fn hard_break(&mut self) {
        self.soft_break();
        if self.out.ends_with('\n') {
            self.out.pop();
            self.out.push_str("\\\n");
        }
    }

    pub(super) fn open_mark(&mut self, mark: &'static str) {
        let touches = self.out.ends_with('*') && !self.out.ends_with("\\*");
        let written = !self.emphasised && !touches && self.link.is_none();
        self.emphasised |= written;
        self.marks.push(if written { mark } else { "" });
        if written {
            self.out.push_str(mark);
        }
    }

    pub(super) fn close_mark(&mut self) {
        if let Some(mark) = self.marks.pop() {
            self.emphasised &= mark.is_empty();
            self.out.push_str(mark);
        }
    }

    pub(super) fn open_image(&mut self) {
        self.removed.images += 1;
        self.image += 1;
        self.escaped("(image: ");
    }

    pub(super) fn close_image(&mut self) {
        self.image = self.image.saturating_sub(1);
        self.escaped(")");
    }

    pub(super) fn open_link(&mut self, url: &str, automatic: bool) {
        self.link = Some(OpenLink {
            url: url.to_owned(),
            automatic,
            from: self.out.len(),
            plain: String::new(),
        });
    }

    pub(super) fn close_link(&mut self) {
        let Some(link) = self.link.take() else { return };
        // `[S3]` with a definition of the model's own is a citation all the same.
        let cited = ground::citation(&format!("[{}]", link.plain));
        if let Some((numbers, _)) = cited {
            self.out.truncate(link.from);
            self.cite_all(&numbers);
            return;
        }
        if link.automatic {
            self.address_of(&link);
            return;
        }
        let sources = self.sources.sections.iter();
        let issued = sources.filter_map(|placed| {
            let url = (self.sources.link)(&placed.section)?;
            (url == link.url).then_some(placed.id)
        });
        if let Some(id) = issued.min() {
            self.supported = true;
            self.grounding.cite(id);
            self.out.insert(link.from, '[');
            self.out.push_str(&format!("]({})", link.url));
            return;
        }
        match links::judge(&link.url) {
            Link::Live { url, host } => {
                self.out.insert(link.from, '[');
                if !link.plain.ends_with(&format!("({host})")) {
                    let gap = if link.plain.is_empty() { "" } else { " " };
                    self.out.push_str(&format!("{gap}({host})"));
                }
                self.out.push_str(&format!("]({url})"));
            }
            Link::Shown(url) => {
                self.removed.links += 1;
                self.out.push(' ');
                self.span(&url);
            }
            Link::Gone => self.removed.links += 1,
        }
    }

    fn address_of(&mut self, link: &OpenLink) {
        match link.url.starts_with("http") {
            true => self.address(&link.url),
            false => {
                self.removed.links += 1;
                self.escaped(&link.plain);
            }
        }
    }

    /// Text as text: nothing in it is read as Markdown or HTML.
    fn escaped(&mut self, text: &str) {
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            let before = self.out.chars().next_back();
            let starts = before.is_none_or(|c| c == '\n');
            match c {
                '\n' | '\r' | '\t' | ' ' => {
                    if !starts && before != Some(' ') {
                        self.out.push(' ');
                    }
                }
                '<' => self.out.push_str("&lt;"),
                '>' if starts => self.out.push_str("&gt;"),
                '&' if next.is_none_or(|n| n.is_ascii_alphanumeric() || n == '#') => {
                    self.out.push_str("&amp;");
                }
                '_' if before.is_some_and(char::is_alphanumeric)
                    && next.is_some_and(char::is_alphanumeric) =>
                {
                    self.out.push('_');
                }
                '\\' | '`' | '*' | '[' | ']' | '|' | '_' => self.out.extend(['\\', c]),
                '!' if next.is_none() => self.out.push_str("\\!"),
                '#' if starts || self.heading => self.out.push_str("\\#"),
                '+' | '-' | '=' | '~' | ':' if starts => self.out.extend(['\\', c]),
                '.' | ')'
                    if self.ends_with_number() && (next.is_none_or(|n| n == ' ') || at == 0) =>
                {
                    self.out.extend(['\\', c]);
                }
                c => self.out.push(c),
            }
        }
    }

    /// The line so far is a number, as before an item of a list.
    fn ends_with_number(&self) -> bool {
        // Longer numbers begin no item (CommonMark 0.31, 5.2).
        let digits = self
            .out
            .bytes()
            .rev()
            .take(10)
            .take_while(u8::is_ascii_digit)
            .count();
        let before = self.out.len() - digits;
        (1..=9).contains(&digits) && (before == 0 || self.out[..before].ends_with('\n'))
    }
}

/// Without blanks at the ends, and without a hard break there, which is a single backslash.
fn trimmed(text: &str) -> &str {
    let text = text.trim_start_matches([' ', '\n']);
    let end = text.trim_end_matches([' ', '\n']);
    let slashes = end.len() - end.trim_end_matches('\\').len();
    &end[..end.len() - slashes % 2]
}

/// An address of ours that needs no brackets.
fn is_plain(url: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !b"()<>\\`\"".contains(&b);
    !url.is_empty() && url.bytes().all(plain)
}
