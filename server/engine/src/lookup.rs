//! To be written: lookup.
