//! The continuation "as if accepted": what would be suggested behind a text that is being shown. Its
//! prompt only goes on where that of the shown text ended, so the model's cache has nearly all of it.
//! It goes to the end of the next line that holds something, as an editor's user would read on.

use foretoken_engine::document::{Change, Document};
use foretoken_engine::place::{Mode, Place};
use foretoken_engine::position::{Encoding, Range, from_byte};
use foretoken_engine::suggestion::{self, Gate, Raw, Suggestion, Token};
use foretoken_infer::{Drafts, End, Flow, Job, Limits, Outcome};

use super::{
    Asked, Attempt, Exit, Inputs, Model, Reason, Report, milliseconds, report, with_minimum,
};
use crate::pipeline::complete::around;

/// Most tokens of a continuation: one line.
const TOKENS: usize = 24;

/// Line ends that may stand before the text: the one behind the shown line, and a blank line.
const LINE_ENDS: usize = 2;

/// What came of it.
#[derive(Debug)]
pub struct Ahead {
    /// The place behind the shown text.
    pub place: Place,
    /// What would be offered there.
    pub suggestion: Result<Suggestion, Reason>,
    pub report: Report,
}

/// Computes what comes behind `shown` at the cursor of `inputs`. `None` where the text does not fit in.
pub async fn ahead(
    inputs: Inputs,
    shown: &str,
    model: &Model,
    mut attempt: Attempt,
) -> Option<Ahead> {
    let inputs = Inputs {
        document: with(&inputs.document, inputs.byte, shown)?,
        byte: inputs.byte + shown.len(),
        idle: false,
        ..inputs
    };
    let place = Place::at(&inputs.document, inputs.byte);
    let gate = with_minimum(model.info.gate, inputs.minimum_probability);
    let asked = Asked {
        inputs: &inputs,
        place: &place,
        mode: Mode::Line,
        model,
        drafts: Drafts {
            texts: around(&inputs.document, place.offset).to_vec(),
            proposal: None,
        },
        rival: None,
    };
    let mut report = Report {
        model: Some(format!("{} {}", model.info.name, model.info.version)),
        mode: Some("ahead"),
        ..Report::default()
    };
    let errand = std::mem::take(&mut attempt.errand);
    let most = TOKENS.min(model.info.budget.generate);
    let limits = Limits {
        max_tokens: most,
        budget: attempt.budget,
    };
    let (prompt, _) = asked.prompt();
    let job = Job {
        limits,
        watch: Box::new(move |progress| {
            let over = is_over(progress.text) || gate.is_hopeless(progress.tokens, most);
            if over { Flow::Stop } else { Flow::Continue }
        }),
        ..asked.job(prompt, attempt, (gate, Exit::new(None)))
    };
    let outcome = model.infer.submit_for(job, errand).await.ok()?;
    report.tokens = outcome.counts.into();
    report.ms.take(&outcome.timings);
    report.end = Some(report::end_name(&outcome.end));
    let judging = std::time::Instant::now();
    let suggestion = match begins_line(&outcome, &place) {
        Some(lead) => asked.judge_line(&outcome, lead, &gate),
        None => asked.judge(&outcome, &gate),
    };
    report.ms.filter = milliseconds(judging.elapsed());
    if let Ok(suggestion) = &suggestion {
        report.source = Some(report::source_name(suggestion.source));
        report.probability = Some(suggestion.probability);
    }
    Some(Ahead {
        place,
        suggestion,
        report,
    })
}

/// The document with a text put in; the tree is the older one, moved along.
fn with(document: &Document, byte: usize, text: &str) -> Option<Document> {
    let at = from_byte(document.rope(), byte, Encoding::Utf8);
    let change = Change {
        range: Some(Range { start: at, end: at }),
        text: text.to_owned(),
    };
    let mut changed = document.clone();
    changed
        .apply(document.version(), &[change], Encoding::Utf8, &mut || true)
        .ok()?;
    Some(changed)
}

/// Whether a line that holds something is complete, or nothing but empty lines comes.
fn is_over(text: &str) -> bool {
    let written = text.trim_start();
    let lead = &text[..text.len() - written.len()];
    written.contains(['\n', '\r']) || line_ends(lead) > LINE_ENDS
}

fn line_ends(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// Bytes of the line ends and blanks with which the text begins, if it goes on in a line below.
fn begins_line(outcome: &Outcome, place: &Place) -> Option<usize> {
    let text = &outcome.text;
    let lead = text.len() - text.trim_start().len();
    let begins = matches!(line_ends(&text[..lead]), 1..=LINE_ENDS);
    let whole = matches!(outcome.end, End::Eom | End::Watched | End::Budget);
    (begins && whole && lead < text.len() && place.tail.trim().is_empty()).then_some(lead)
}

impl Asked<'_> {
    /// Judges a text that begins a new line as if its line ends and blanks stood in the document, where
    /// Enter puts them: only there do the rules of a line mean anything.
    fn judge_line(
        &self,
        outcome: &Outcome,
        lead: usize,
        gate: &Gate,
    ) -> Result<Suggestion, Reason> {
        let (blank, text) = outcome.text.split_at(lead);
        let blank = blank.replace('\n', self.place.eol.as_str());
        let below = with(&self.inputs.document, self.place.offset, &blank);
        let below = below.ok_or(Reason::Internal)?;
        let place = Place::at(&below, self.place.offset + blank.len());
        let tokens = behind(&outcome.tokens, lead);
        let raw = Raw {
            text,
            tokens: &tokens,
            ended: outcome.end == End::Eom || text.contains(['\n', '\r']),
        };
        let found = suggestion::finish(&raw, &below, &place, Mode::Line, Some(gate))
            .map_err(Reason::Reject)?;
        Ok(Suggestion {
            text: blank + &found.text,
            ..found
        })
    }
}

/// The tokens that hold text behind `lead` bytes. The first of them bears what those before it cost: the
/// line end had to be right as well.
fn behind(tokens: &[Token], lead: usize) -> Vec<Token> {
    let split = tokens.partition_point(|token| token.end <= lead);
    let (before, kept) = tokens.split_at(split);
    let mut cost: f32 = before.iter().map(|token| token.logp).sum();
    let shifted = |token: &Token| Token {
        end: token.end - lead,
        logp: token.logp + std::mem::take(&mut cost),
    };
    kept.iter().map(shifted).collect()
}

#[cfg(test)]
mod tests {
    use foretoken_grammars::Language;

    use super::*;

    #[test]
    fn it_goes_to_the_end_of_the_next_line_that_holds_something() {
        for over in [
            " + 1;\n",
            "\n    let b = 2;\n",
            "\n\n    b();\r\n",
            "\n\n\n",
        ] {
            assert!(is_over(over), "{over:?}");
        }
        for not in ["", "\n", " + 1;", "\n    let b", "\n\n    "] {
            assert!(!is_over(not), "{not:?}");
        }
    }

    #[test]
    fn tokens_behind_the_line_end_bear_its_cost() {
        let token = |end, logp| Token { end, logp };
        let tokens = [token(1, -0.5), token(7, -0.25), token(9, -1.0)];
        assert_eq!(behind(&tokens, 5), [token(2, -0.75), token(4, -1.0)]);
        assert_eq!(behind(&tokens, 0), tokens);
        assert_eq!(behind(&tokens, 9), []);
    }

    #[test]
    fn a_text_below_needs_an_empty_rest_of_the_line() {
        let begins = |text: &str, tail: &str| {
            let document = Document::open("a.rs", Language::Rust, 1, &format!("a();{tail}\n"));
            let outcome = Outcome {
                text: text.to_owned(),
                end: End::Watched,
                ..Outcome::default()
            };
            begins_line(&outcome, &Place::at(&document, 4))
        };
        assert_eq!(begins("\n    b();\n", ""), Some(5));
        assert_eq!(begins("\n\n    b();\n", "  "), Some(6));
        assert_eq!(begins("\n    b();\n", ")"), None);
        assert_eq!(begins(" // b\n", ""), None);
        assert_eq!(begins("\n    ", ""), None);
        assert_eq!(begins("\n\n\nb", ""), None);
    }

    #[test]
    fn a_text_is_put_in_where_it_would_be() {
        let document = Document::open("a.rs", Language::Rust, 1, "a(é);\r\nb");
        let changed = with(&document, 4, "x\r\n").unwrap();
        assert_eq!(changed.rope().to_string(), "a(éx\r\n);\r\nb");
    }
}
