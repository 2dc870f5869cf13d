//! The confidence gate: from log-probabilities to the probability that a text is exactly right.

use super::Token;

/// P = 1 / (1 + e^-(a + b · sum of log-probabilities + c · count)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logistic {
    /// Constant.
    pub a: f32,
    /// Weight of the sum of natural log-probabilities.
    pub b: f32,
    /// Weight of the number of tokens.
    pub c: f32,
}

impl Logistic {
    /// Probability that the text of `tokens` is exactly right, 0 to 1.
    pub fn probability(&self, tokens: &[Token]) -> f32 {
        let sum: f32 = tokens.iter().map(|token| token.logp).sum();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a generation has a few dozen tokens"
        )]
        let count = tokens.len() as f32;
        1.0 / (1.0 + (-(self.a + self.b * sum + self.c * count)).exp())
    }
}

/// The fitted gate of one model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// For line ends and for the whole.
    pub line: Logistic,
    /// For word ends inside a line.
    pub word: Logistic,
    /// Least probability that is shown.
    pub show: f32,
}
