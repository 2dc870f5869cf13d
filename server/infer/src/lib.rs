//! Runs local models.
