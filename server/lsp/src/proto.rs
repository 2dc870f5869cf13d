//! The only conversions between the protocol's types and ours: `from` reads leniently, `to` writes
//! strictly, `ext` holds the messages that the specification does not know.

pub(crate) mod ext;
pub(crate) mod from;
pub(crate) mod to;
