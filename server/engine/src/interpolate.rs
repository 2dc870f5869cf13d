//! To be written: interpolate.
