//! To be written: suggestion.
