//! Fill-in-the-middle dialects of other model families: which control tokens stand where, as data, and
//! which dialect a vocabulary speaks, as a pure function of the tokens that it holds. A dialect's
//! *order* is PSM (prefix, suffix, middle) or SPM (suffix first); a *format* is a dialect in one order.
//! Nothing here is guessed from a model's name alone.

use std::borrow::Cow;

mod table;
mod template;
mod write;

pub use template::TemplateError;
pub use write::{between, write};

/// One element of a format's prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A control token, as `tokenizer.json` spells it.
    Token(Cow<'static, str>),
    /// Literal text.
    Text(Cow<'static, str>),
    /// The lines above with the head of the cursor's line.
    Prefix,
    /// The lines below; in PSM with the cursor exact also the rest of the cursor's line.
    Suffix,
    /// The document's path, without a line break.
    Path,
    /// The language's name.
    Language,
    /// Pieces of other files, in the dialect's form.
    Files,
}

/// Where the text at the cursor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Suffix first: a typed character appends to what the model has read.
    Spm,
    /// Prefix, suffix, middle token, and nothing behind: every key runs the suffix anew.
    Psm,
    /// As PSM, with a short suffix and the head of the cursor's line behind the middle token, where the
    /// model reads it as the beginning of its own answer: only a new line runs the suffix anew.
    PsmHead,
    /// No suffix at all.
    Plain,
}

impl Order {
    /// As manifests spell it.
    pub fn name(self) -> &'static str {
        match self {
            Order::Spm => "spm",
            Order::Psm => "psm",
            Order::PsmHead => "psm-head",
            Order::Plain => "plain",
        }
    }

    /// The order of that name.
    pub fn from_name(name: &str) -> Option<Order> {
        let all = [Order::Spm, Order::Psm, Order::PsmHead, Order::Plain];
        all.into_iter().find(|order| order.name() == name)
    }
}

/// How pieces of other files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// The family has no form for them: as comments in front of the prefix.
    Comments,
    /// Before all of them, around each path and text, and before the document itself where there are some.
    Form {
        /// Once, in front.
        before: &'static [Part],
        /// In front of each path; `None` leaves the path out.
        path: Option<&'static [Part]>,
        /// Between path and text.
        between: &'static [Part],
        /// Behind each text.
        behind: &'static [Part],
        /// In front of the document, where pieces are shown.
        document: &'static [Part],
    },
}

/// One family's way to ask for the middle.
#[derive(Debug)]
pub struct Dialect {
    /// As manifests spell it.
    pub name: &'static str,
    /// Tokens that a vocabulary must hold to speak it.
    marks: &'static [&'static str],
    spm: Option<&'static [Part]>,
    psm: Option<&'static [Part]>,
    files: Files,
    /// Control tokens that end an answer, besides the end of text; also what no source text may spell.
    controls: &'static [&'static str],
    /// Text that ends an answer.
    stop_text: Option<&'static str>,
}

/// A dialect in one order, or a template of the user's: what is needed to write a prompt and to know
/// its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The dialect's name; `custom` for a template.
    pub name: Cow<'static, str>,
    /// Where the text at the cursor stands.
    pub order: Order,
    /// The prompt, front to back.
    pub parts: Cow<'static, [Part]>,
    /// How pieces are written.
    pub files: Files,
    /// Control tokens: each ends an answer, and none may come out of a source text.
    pub controls: Vec<Cow<'static, str>>,
    /// Text that ends an answer; it is not part of it.
    pub stop_text: Option<Cow<'static, str>>,
}

/// The format of the embedded model, which [`super::fim`] writes.
pub const OWN: &str = "foretoken";

impl Default for Format {
    /// The embedded model's.
    fn default() -> Self {
        Format {
            name: Cow::Borrowed(OWN),
            order: Order::Spm,
            parts: Cow::Borrowed(&[]),
            files: Files::Comments,
            controls: Vec::new(),
            stop_text: None,
        }
    }
}

impl Format {
    /// Whether it is the embedded model's.
    pub fn is_own(&self) -> bool {
        self.name == OWN
    }

    /// The format of a dialect by its name and order, as a manifest states them; without an order the
    /// dialect's first. `None` where there is no such dialect or it was never trained in this order.
    pub fn named(name: &str, order: Option<Order>) -> Option<Format> {
        if name == OWN {
            return Some(Format::default());
        }
        let dialect = table::ALL.iter().find(|dialect| dialect.name == name)?;
        match order {
            None => dialect.formats().into_iter().next(),
            Some(order) => dialect.in_order(order),
        }
    }
}

/// What a vocabulary was found to speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// Formats to try, the likeliest first; never empty.
    pub candidates: Vec<Format>,
    /// The tokens that decided, as a sentence's end.
    pub because: String,
}

impl Dialect {
    /// Its formats, preferred ones first: SPM costs a token a key, PSM is what all others were trained on,
    /// and whether they bear the head behind the middle token has to be tried.
    fn formats(&self) -> Vec<Format> {
        let orders = [Order::Spm, Order::Psm, Order::PsmHead, Order::Plain];
        orders
            .into_iter()
            .filter_map(|order| self.in_order(order))
            .collect()
    }

    fn in_order(&self, order: Order) -> Option<Format> {
        let plain = self.spm.is_none() && self.psm.is_none();
        let parts = match order {
            Order::Spm => self.spm?,
            Order::Psm | Order::PsmHead => self.psm?,
            Order::Plain if plain => &[Part::Files, Part::Prefix],
            Order::Plain => return None,
        };
        Some(Format {
            name: Cow::Borrowed(self.name),
            order,
            parts: Cow::Borrowed(parts),
            files: self.files,
            controls: self.controls.iter().copied().map(Cow::Borrowed).collect(),
            stop_text: self.stop_text.map(Cow::Borrowed),
        })
    }
}

/// Which dialect a vocabulary speaks. `has` says whether it holds a token of that spelling, added
/// tokens included; `model_type` is the `config.json`'s, looked at only where two families share their
/// tokens.
///
/// ```
/// use foretoken_engine::prompt::dialect::{Order, detect};
/// let tokens = ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>"];
/// let found = detect(&|token| tokens.contains(&token), None);
/// assert_eq!(found.candidates[0].name, "qwen");
/// assert_eq!(found.candidates[0].order, Order::Psm);
/// ```
pub fn detect(has: &dyn Fn(&str) -> bool, model_type: Option<&str>) -> Detected {
    let speaks = |dialect: &&Dialect| dialect.marks.iter().all(|mark| has(mark));
    if table::OWN_MARKS.iter().all(|mark| has(mark)) {
        return Detected {
            candidates: vec![Format::default()],
            because: format!("its vocabulary has {}", table::OWN_MARKS.join(" and ")),
        };
    }
    let llama = model_type == Some("llama");
    let mut found: Vec<&Dialect> = Vec::new();
    for dialect in table::ALL.iter().filter(speaks) {
        // Only Llama-shaped models may be Mellum; all others with its tokens are StarCoder's kin.
        if dialect.name == table::MELLUM && !llama {
            continue;
        }
        found.push(dialect);
        if dialect.name != table::MELLUM {
            break;
        }
    }
    let first = found.first();
    let because = match first.filter(|dialect| !dialect.marks.is_empty()) {
        Some(dialect) => format!("its vocabulary has {}", dialect.marks.join(" and ")),
        None => "its vocabulary has no tokens for filling in the middle".into(),
    };
    Detected {
        candidates: found.iter().flat_map(|dialect| dialect.formats()).collect(),
        because,
    }
}

/// Every control token of every dialect, for the rule that no source text spells one.
pub fn all_controls() -> impl Iterator<Item = &'static str> {
    table::ALL
        .iter()
        .flat_map(|dialect| dialect.controls.iter().copied())
}

#[cfg(test)]
mod tests;
