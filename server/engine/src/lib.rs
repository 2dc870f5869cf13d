//! The engine decides when to suggest, with what, how much and whether, as pure values.
//!
//! Nothing here waits, reads a file, knows a clock, a thread, randomness, the environment, an
//! editor's protocol or a model: time arrives as a number, a limit as a closure that says "stop", the
//! length of a text in tokens as a closure that counts. So every rule is tested in milliseconds, with
//! text in and text out, and two calls with the same values give the same result.
//!
//! One keystroke passes through the modules in this order:
//!
//! | step | module | from → to |
//! |---|---|---|
//! | the editor's change is applied | [`document`], with [`position`] | positions → bytes, text, tree |
//! | what stands around the cursor is read | [`place`], with [`syntax`] | document → [`place::Place`] |
//! | does an earlier suggestion still hold? | [`interpolate`] | offer, place → what is left of it |
//! | is one wanted here, and how much? | [`trigger`] | place → mode or [`trigger::Skip`] |
//! | which cuts of other files would help, in a pause | [`context`] | open documents → pieces |
//! | what the model is told | [`prompt`] | document, window → sections within a budget |
//! | what the document itself proposes | [`lookup`] | texts → drafts, or a suggestion without a model |
//! | what of the answer is shown | [`suggestion`] | raw text → suggestion or [`suggestion::Reject`] |
//!
//! A question to a chat model passes through others:
//!
//! | step | module | from → to |
//! |---|---|---|
//! | what may leave, and how far | [`privacy`] | levels → the strictest |
//! | what must not be in it | [`redact`] | text → text with placeholders, and back |
//! | what is asked and told | [`assist`] | sections within a budget → prompt |
//! | who is asked | [`route`] | signals, policy, health, totals → plan with reasons |
//! | what of the reply is shown | [`answer`] | Markdown → harmless Markdown with checked sources |
//!
//! Beside them stand four values that follow the session: [`pace`] knows how fast the keys come,
//! [`caution`] how often the user put something away and [`rejected`] what, [`governor`] what the work costs and what is given up.
//! [`style`] outlives it: in which ways the code is written that the user accepted.
//!
//! The engine does not fail. Where there is nothing to give, the result is a reason with a code and a
//! sentence, and bad input (an offset past the end, half a character, a range outside the text) has
//! a defined, calm meaning at each function.
//!
//! Offsets are bytes of the document's UTF-8 text everywhere but in [`position`], which is the only
//! place that knows how editors count. Texts in prompts end their lines with `\n`; suggestions have
//! the document's own line breaks.

pub mod answer;
pub mod assist;
pub mod caution;
pub mod chunk;
pub mod context;
pub mod document;
pub mod drift;
pub mod embed;
pub mod exclude;
pub mod experiment;
pub mod governor;
pub mod interpolate;
pub mod lookup;
pub mod pace;
pub mod place;
pub mod position;
pub mod privacy;
pub mod prompt;
pub mod rank;
pub mod redact;
pub mod rejected;
pub mod route;
pub mod source;
pub mod style;
pub mod suggestion;
pub mod symbols;
pub mod syntax;
pub mod target;
pub mod terms;
pub mod trigger;
