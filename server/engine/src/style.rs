//! The *style* of a user: how the code is written that the user accepted, as counts from a closed list.
//!
//! A *habit* is a question that code answers again and again (which quotes?), a *way* is one of its answers. What is kept of a text
//! is how often it took each way, and what a prompt is told is a fixed sentence for each way that is certain. So no word of any text
//! can come from here into a prompt, whoever wrote it; do not add a way that would carry one.

use std::collections::BTreeMap;

use foretoken_grammars::Language;

mod seen;
mod steps;
#[cfg(test)]
mod tests;

pub use seen::{seen, seen_in_edits};

/// Observations of a habit that a sentence needs. Start value.
pub const LEAST: u64 = 20;

/// Per cent of them that must have gone the same way. Start value.
pub const SHARE: u64 = 80;

/// Observations of a habit that one text may add: a single paste makes no habit.
pub const AT_ONCE: u64 = 5;

/// Above so many observations of a habit all of them are halved, so that a user who changes is followed. Start value.
pub const MOST: u64 = 400;

/// Longest notes in the user's own words, characters.
pub const NOTES: usize = 1_000;

/// A question that code answers again and again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Habit {
    /// By what a block is set off.
    Indentation,
    /// Of strings that hold no quote themselves.
    Quotes,
    /// At the end of statements.
    Semicolons,
    /// Behind the last line of a list that spans lines.
    Commas,
    /// Of functions and variables, as far as they have two words.
    Names,
    /// Above or at the top of functions that others call.
    Documentation,
    /// Of parameters and results.
    Hints,
    /// How values come into strings.
    Formatting,
    /// What is done about an error.
    Errors,
    /// How a value is taken that has to be there.
    Taking,
}

/// One answer to a [`Habit`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Way {
    /// One tab a step.
    Tabs,
    /// Two spaces a step.
    Two,
    /// Four spaces.
    Four,
    /// Eight spaces.
    Eight,
    /// `'`
    SingleQuotes,
    /// `"`
    DoubleQuotes,
    /// Written.
    Semicolons,
    /// Left to the language.
    NoSemicolons,
    /// Written.
    Commas,
    /// Left out.
    NoCommas,
    /// Words joined by `_`.
    Snake,
    /// Words joined by capitals.
    Camel,
    /// With documentation.
    Documented,
    /// Without.
    Undocumented,
    /// With at least one.
    Hints,
    /// Without any, though there is something to say.
    NoHints,
    /// By an f-string.
    Interpolated,
    /// By the method `format`.
    Format,
    /// By the operator `%`.
    Percent,
    /// By `?`.
    PassedOn,
    /// By `unwrap` or `expect`.
    Unwrapped,
    /// By `expect`.
    Expect,
    /// By `unwrap`.
    Unwrap,
}

impl Way {
    /// All ways, those of a habit side by side.
    pub const ALL: [Way; 23] = [
        Way::Tabs,
        Way::Two,
        Way::Four,
        Way::Eight,
        Way::SingleQuotes,
        Way::DoubleQuotes,
        Way::Semicolons,
        Way::NoSemicolons,
        Way::Commas,
        Way::NoCommas,
        Way::Snake,
        Way::Camel,
        Way::Documented,
        Way::Undocumented,
        Way::Hints,
        Way::NoHints,
        Way::Interpolated,
        Way::Format,
        Way::Percent,
        Way::PassedOn,
        Way::Unwrapped,
        Way::Expect,
        Way::Unwrap,
    ];

    /// The name that it is kept by.
    pub fn code(self) -> &'static str {
        match self {
            Way::Tabs => "indentation.tabs",
            Way::Two => "indentation.2",
            Way::Four => "indentation.4",
            Way::Eight => "indentation.8",
            Way::SingleQuotes => "quotes.single",
            Way::DoubleQuotes => "quotes.double",
            Way::Semicolons => "semicolons.with",
            Way::NoSemicolons => "semicolons.without",
            Way::Commas => "commas.with",
            Way::NoCommas => "commas.without",
            Way::Snake => "names.snake",
            Way::Camel => "names.camel",
            Way::Documented => "documentation.with",
            Way::Undocumented => "documentation.without",
            Way::Hints => "hints.with",
            Way::NoHints => "hints.without",
            Way::Interpolated => "formatting.interpolated",
            Way::Format => "formatting.format",
            Way::Percent => "formatting.percent",
            Way::PassedOn => "errors.passed-on",
            Way::Unwrapped => "errors.unwrapped",
            Way::Expect => "taking.expect",
            Way::Unwrap => "taking.unwrap",
        }
    }

    /// The way of this name; `None` for what another version may know.
    pub fn from_code(code: &str) -> Option<Way> {
        Way::ALL.into_iter().find(|way| way.code() == code)
    }

    /// What it answers.
    pub fn habit(self) -> Habit {
        match self {
            Way::Tabs | Way::Two | Way::Four | Way::Eight => Habit::Indentation,
            Way::SingleQuotes | Way::DoubleQuotes => Habit::Quotes,
            Way::Semicolons | Way::NoSemicolons => Habit::Semicolons,
            Way::Commas | Way::NoCommas => Habit::Commas,
            Way::Snake | Way::Camel => Habit::Names,
            Way::Documented | Way::Undocumented => Habit::Documentation,
            Way::Hints | Way::NoHints => Habit::Hints,
            Way::Interpolated | Way::Format | Way::Percent => Habit::Formatting,
            Way::PassedOn | Way::Unwrapped => Habit::Errors,
            Way::Expect | Way::Unwrap => Habit::Taking,
        }
    }

    /// What a prompt is told where it is certain; nothing where the absence of something is no wish for its absence.
    pub fn sentence(self) -> Option<&'static str> {
        Some(match self {
            Way::Tabs => "Indents with tabs.",
            Way::Two => "Indents with 2 spaces.",
            Way::Four => "Indents with 4 spaces.",
            Way::Eight => "Indents with 8 spaces.",
            Way::SingleQuotes => "Writes strings in single quotes.",
            Way::DoubleQuotes => "Writes strings in double quotes.",
            Way::Semicolons => "Ends statements with semicolons.",
            Way::NoSemicolons => "Leaves semicolons out.",
            Way::Commas => "Puts a comma behind the last item of a list that spans lines.",
            Way::NoCommas => "Puts no comma behind the last item of a list that spans lines.",
            Way::Snake => "Names functions and variables in snake_case.",
            Way::Camel => "Names functions and variables in camelCase.",
            Way::Documented => "Documents functions that others call.",
            Way::Hints => "Writes type hints on functions.",
            Way::NoHints => "Writes functions without type hints.",
            Way::Interpolated => "Formats strings with f-strings.",
            Way::Format => "Formats strings with `format`.",
            Way::Percent => "Formats strings with `%`.",
            Way::PassedOn => "Passes errors on with `?` rather than `unwrap` or `expect`.",
            Way::Expect => "Writes `expect` with a reason rather than `unwrap`.",
            Way::Undocumented | Way::Unwrapped | Way::Unwrap => return None,
        })
    }
}

impl Habit {
    /// Whether code of this language shows the habit at all.
    pub fn shows_in(self, language: Language) -> bool {
        let script = matches!(
            language,
            Language::JavaScript | Language::TypeScript | Language::Tsx
        );
        let python = language == Language::Python;
        let rust = language == Language::Rust;
        match self {
            Habit::Indentation => language.grammar().is_some(),
            Habit::Quotes | Habit::Commas | Habit::Names => script || python,
            Habit::Semicolons => script,
            Habit::Documentation => script || python || rust,
            Habit::Hints | Habit::Formatting => python,
            Habit::Errors | Habit::Taking => rust,
        }
    }
}

/// How often each way was taken, in one language.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<Way, u64>,
}

impl Tally {
    /// From what was kept; codes that are not known are passed over.
    pub fn from_rows<'a>(rows: impl IntoIterator<Item = (&'a str, u64)>) -> Tally {
        let mut tally = Tally::default();
        for (code, count) in rows {
            if let Some(way) = Way::from_code(code).filter(|_| count > 0) {
                *tally.counts.entry(way).or_default() += count;
            }
        }
        tally
    }

    /// To keep.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(way, count)| (way.code(), *count))
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How often this way was taken.
    pub fn count(&self, way: Way) -> u64 {
        self.counts.get(&way).copied().unwrap_or_default()
    }

    /// Takes in what another text showed. Of a habit with more than [`MOST`] observations the old ones count half from then on.
    pub fn learn(&mut self, seen: &Tally) {
        for (way, count) in &seen.counts {
            let sum = self.counts.entry(*way).or_default();
            *sum = sum.saturating_add(*count);
        }
        for way in seen.counts.keys() {
            let habit = way.habit();
            while self.all(habit) > MOST {
                let of_habit = self.counts.iter_mut();
                let of_habit = of_habit.filter(|(way, _)| way.habit() == habit);
                of_habit.for_each(|(_, count)| *count /= 2);
            }
        }
        self.counts.retain(|_, count| *count > 0);
    }

    /// One observation, unless this text has shown enough of the habit.
    fn see(&mut self, way: Way) {
        if self.all(way.habit()) < AT_ONCE {
            *self.counts.entry(way).or_default() += 1;
        }
    }

    fn all(&self, habit: Habit) -> u64 {
        let of_habit = self.counts.iter().filter(|(way, _)| way.habit() == habit);
        of_habit.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Whether there is enough that says the same.
    fn is_certain(&self, way: Way) -> bool {
        let (count, all) = (u128::from(self.count(way)), self.all(way.habit()));
        all >= LEAST && count * 100 >= u128::from(all) * u128::from(SHARE)
    }
}

/// What is certain of a user's code in this language, at most 200 tokens.
pub fn sentences(language: Language, tally: &Tally) -> Vec<&'static str> {
    let ways = Way::ALL.into_iter();
    let certain = ways.filter(|way| way.habit().shows_in(language) && tally.is_certain(*way));
    certain.filter_map(Way::sentence).collect()
}

/// What a prompt is told: the user's own words, then what was counted. `None` where there is neither.
pub fn described(language: Language, tally: &Tally, notes: Option<&str>) -> Option<String> {
    let mut text = String::new();
    if let Some(notes) = notes {
        text += &format!("In the user's own words:\n{notes}\n");
    }
    let sentences = sentences(language, tally);
    if !sentences.is_empty() {
        let (name, said) = (language.name(), sentences.join("\n"));
        text += &format!("How the user writes {name}, by what was accepted:\n{said}\n");
    }
    (!text.is_empty()).then_some(text)
}
