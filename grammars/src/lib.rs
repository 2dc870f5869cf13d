//! What we know of each language, as data.
