//! What others decided about what may leave, and the last look at the final bytes.

use std::fmt;
use std::sync::Arc;

use crate::endpoint::{Endpoint, Origin};
use crate::failure::{Failure, Refusal};
use crate::wire;

/// Whether a request may go to this endpoint, whose origin is the second argument.
pub type Allow = dyn Fn(&Endpoint, &Origin) -> Result<(), Refusal> + Send + Sync;
/// The kind of secret in a text.
pub type FindSecret = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What others decided about what may leave, asked for each endpoint at the last moment.
#[derive(Clone)]
pub struct Gate {
    /// Whether the user agreed to this origin in this workspace, and whether the prompt's level may go to the
    /// endpoint's class. `Err` is [`Refusal::Consent`], [`Refusal::Level`] or [`Refusal::Rules`].
    pub allow: Arc<Allow>,
    /// The kind of secret that stands in a text of the final body, if any.
    pub secret: Arc<FindSecret>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

/// A secret may be spread over two texts of the body, so their seams are looked at too.
pub(super) fn last_look(body: &str, gate: &Gate) -> Result<(), Failure> {
    let texts = wire::texts(body);
    let joined = texts.concat();
    for text in texts
        .iter()
        .map(String::as_str)
        .chain([joined.as_str(), body])
    {
        if let Some(kind) = (gate.secret)(text) {
            return Err(Failure::refused(Refusal::Secret, &kind));
        }
    }
    Ok(())
}
