//! Why a generated text is not shown. Every empty result carries one of these.

/// The stage that left nothing to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reject {
    /// Nothing was generated.
    Empty,
    /// Only blanks or line ends.
    OnlyWhitespace,
    /// Only control tokens or control characters.
    ControlText,
    /// It says again what was just typed.
    RepeatsTyped,
    /// It says what already follows the cursor.
    RepeatsSuffix,
    /// It consists of the lines that follow.
    RepeatsBelow,
    /// It says the lines above once more.
    RepeatsAbove,
    /// It goes round in circles.
    Loop,
    /// Its brackets do not fit the place.
    Unbalanced,
    /// It leaves the block, or is indented in another way than the file.
    Indentation,
    /// Nothing of it is probable enough.
    BelowGate {
        /// The best probability among the possible cuts, 0 to 1.
        best: f32,
    },
}

impl Reject {
    /// The codes of all reasons.
    pub const CODES: &'static [&'static str] = &[
        "empty",
        "only-whitespace",
        "control-text",
        "repeats-typed",
        "repeats-suffix",
        "repeats-below",
        "repeats-above",
        "loop",
        "unbalanced",
        "indentation",
        "below-gate",
    ];

    /// The name to branch on and to count under: kebab-case, one of [`Reject::CODES`].
    pub fn code(self) -> &'static str {
        match self {
            Reject::Empty => "empty",
            Reject::OnlyWhitespace => "only-whitespace",
            Reject::ControlText => "control-text",
            Reject::RepeatsTyped => "repeats-typed",
            Reject::RepeatsSuffix => "repeats-suffix",
            Reject::RepeatsBelow => "repeats-below",
            Reject::RepeatsAbove => "repeats-above",
            Reject::Loop => "loop",
            Reject::Unbalanced => "unbalanced",
            Reject::Indentation => "indentation",
            Reject::BelowGate { .. } => "below-gate",
        }
    }

    /// The sentence for the user.
    pub fn sentence(self) -> &'static str {
        match self {
            Reject::Empty => "The model had nothing to add here.",
            Reject::OnlyWhitespace => "The suggestion held only blanks.",
            Reject::ControlText => "The model answered with control marks in place of text.",
            Reject::RepeatsTyped => "The suggestion only repeated what was just typed.",
            Reject::RepeatsSuffix => "The suggestion only repeated what follows the cursor.",
            Reject::RepeatsBelow => "The suggestion only repeated the lines below.",
            Reject::RepeatsAbove => "The suggestion only repeated the lines above.",
            Reject::Loop => "The model went round in circles.",
            Reject::Unbalanced => "The suggestion would have closed a bracket that is not open.",
            Reject::Indentation => "The suggestion did not fit the indentation here.",
            Reject::BelowGate { .. } => "The model was not sure enough to show a suggestion.",
        }
    }
}
