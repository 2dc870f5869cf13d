//! The only conversions between the protocol's types and ours: `from` reads leniently, `to` writes
//! strictly, `action` has both for questions about code, `facts` reads `initialize`, `uri` the names of
//! documents, `ext` holds the messages that the specification does not know.

pub(crate) mod action;
pub(crate) mod ext;
pub(crate) mod facts;
pub(crate) mod from;
pub(crate) mod to;
pub(crate) mod uri;
