//! Which of the two proposals is shown, what the model wrote or what the words of the file propose: the
//! one that is more probably right by its own calibrated gate. Pure; what measures the server calls it too.

use foretoken_engine::document::Document;
use foretoken_engine::lookup::Proposal;
use foretoken_engine::place::{Mode, Place};
use foretoken_engine::suggestion::{self, Gate, Raw, Source, Suggestion, Token};

use super::report::Reason;

/// A text as it was generated, with its tokens or lexemes.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub text: String,
    pub tokens: Vec<Token>,
    /// It ended by itself; otherwise a budget ran out mid-way.
    pub ended: bool,
    pub source: Source,
}

impl From<Proposal> for Written {
    fn from(proposal: Proposal) -> Written {
        Written {
            text: proposal.text,
            tokens: proposal.lexemes,
            ended: proposal.ended,
            source: Source::Lookup,
        }
    }
}

impl Written {
    /// The same as the filters take it.
    pub fn raw(&self) -> Raw<'_> {
        Raw {
            text: &self.text,
            tokens: &self.tokens,
            ended: self.ended,
        }
    }
}

/// Where a text would be shown.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    pub document: &'a Document,
    pub place: &'a Place,
    pub mode: Mode,
}

impl Spot<'_> {
    /// All filters and `gate`.
    ///
    /// # Errors
    /// [`Reason::Reject`] where nothing is left to show.
    pub fn judge(&self, written: &Written, gate: &Gate) -> Result<Suggestion, Reason> {
        let raw = written.raw();
        let finished = suggestion::finish(&raw, self.document, self.place, self.mode, Some(gate));
        let suggestion = finished.map_err(Reason::Reject)?;
        Ok(Suggestion {
            source: written.source,
            ..suggestion
        })
    }
}

/// The better of the two by its calibrated probability; the model's reason where neither can be shown,
/// because it had the last word.
///
/// # Errors
/// The model's reason.
pub fn choose(
    said: Result<Suggestion, Reason>,
    guess: Option<Result<Suggestion, Reason>>,
) -> Result<Suggestion, Reason> {
    match (said, guess) {
        // Nobody waits: a guess would not be read.
        (Err(Reason::Superseded), _) => Err(Reason::Superseded),
        (Ok(said), Some(Ok(guess))) if guess.probability > said.probability => Ok(guess),
        (Err(_), Some(Ok(guess))) => Ok(guess),
        (said, _) => said,
    }
}

/// `gate` with the least probability that the user set, if any.
pub fn with_minimum(gate: Gate, minimum: Option<f32>) -> Gate {
    Gate {
        show: minimum.unwrap_or(gate.show),
        ..gate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: Source, probability: f32) -> Result<Suggestion, Reason> {
        Ok(Suggestion {
            text: "x".to_owned(),
            probability,
            source,
        })
    }

    #[test]
    fn the_more_probable_one_is_chosen() {
        let source = |said, guess| choose(said, guess).map(|chosen| chosen.source);
        let model = |p| text(Source::Model, p);
        let lookup = |p| Some(text(Source::Lookup, p));
        assert_eq!(source(model(0.6), lookup(0.7)), Ok(Source::Lookup));
        assert_eq!(source(model(0.6), lookup(0.6)), Ok(Source::Model));
        assert_eq!(
            source(model(0.6), Some(Err(Reason::Disabled))),
            Ok(Source::Model)
        );
        assert_eq!(
            source(Err(Reason::Disabled), lookup(0.5)),
            Ok(Source::Lookup)
        );
    }

    #[test]
    fn without_a_text_the_models_reason_is_told() {
        let refused = |said| choose(Err(said), Some(Err(Reason::Disabled)));
        assert_eq!(refused(Reason::Loading), Err(Reason::Loading));
        let guess = Some(text(Source::Lookup, 0.9));
        assert_eq!(
            choose(Err(Reason::Superseded), guess),
            Err(Reason::Superseded)
        );
    }
}
