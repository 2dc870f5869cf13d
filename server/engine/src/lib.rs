//! Decides when to suggest, with what, how much and whether: pure values.
