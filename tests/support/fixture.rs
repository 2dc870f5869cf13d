//! Texts with a `$0` where the cursor stands.

/// A text and the byte of its cursor.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// The text without its mark.
    pub text: String,
    /// Bytes before the cursor.
    pub cursor: usize,
}

/// Takes the one `$0` out of `marked`.
///
/// # Panics
/// Without exactly one mark: that is a mistake in the test.
#[must_use]
pub fn parse(marked: &str) -> Fixture {
    let parts: Vec<&str> = marked.split("$0").collect();
    assert!(
        parts.len() == 2,
        "a fixture has exactly one $0, this one has {}",
        parts.len() - 1
    );
    Fixture {
        text: parts.concat(),
        cursor: parts[0].len(),
    }
}
