//! The form of *examples*: questions as they were sent with their answers, in which they are kept and exported.
//!
//! At the export every text is redacted once more, with the rules that are in force then.

use foretoken_engine::redact::{Redacted, Redactor, Vault};
use serde::{Deserialize, Serialize};

/// The number of the form below; raised when a field changes its meaning.
pub(crate) const SCHEMA: u32 = 1;

/// One example, as it is kept and, once more redacted, exported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Example {
    pub(crate) schema: u32,
    /// The task's name.
    pub(crate) task: String,
    /// Name, version and hash of the prompt's template.
    pub(crate) template: String,
    /// `endpoint/model` that answered.
    pub(crate) model: String,
    /// Arm of an experiment.
    pub(crate) variant: Option<String>,
    /// The licence that the user named for the project's text.
    pub(crate) licence: Option<String>,
    pub(crate) system: String,
    pub(crate) sections: Vec<Piece>,
    /// In the user's own words, redacted; `None` where the task says all.
    pub(crate) question: Option<String>,
    /// What the model wrote, placeholders in it.
    pub(crate) answer: String,
}

impl Example {
    /// In one line of JSON.
    ///
    /// # Errors
    /// Why it has no such form.
    pub(crate) fn line(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|error| error.to_string())
    }
}

/// A section of the prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) id: String,
    pub(crate) kind: String,
    /// Relative to the project; `None` for what has no file.
    pub(crate) path: Option<String>,
    /// First and last line, from 1.
    pub(crate) lines: Option<(u32, u32)>,
    pub(crate) language: String,
    pub(crate) text: String,
}

/// Redacts every text of an example once more, with the rules of this version. `None` where the detector does not work.
pub(crate) fn redacted(example: Example, redactor: &mut Redactor) -> Option<Example> {
    // One vault: the same secret has the same placeholder in all of them.
    let mut vault = Vault::new(0);
    let mut clean = |text: &str| {
        let redacted = redactor.redact(text, &mut vault).ok()?;
        // What the first redaction put there was bent as if it were a file's; new ones stay as they are.
        let bent = Redacted {
            bent: redacted.bent,
            ..Redacted::default()
        };
        Some(vault.restore(&redacted.text, &bent).text)
    };
    let mut example = example;
    for piece in &mut example.sections {
        piece.text = clean(&piece.text)?;
        piece.path = match &piece.path {
            Some(path) => Some(clean(path)?),
            None => None,
        };
    }
    example.question = match &example.question {
        Some(question) => Some(clean(question)?),
        None => None,
    };
    example.answer = clean(&example.answer)?;
    Some(example)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_again_and_placeholders_stay() {
        let key = ["AKIA", "Z7QW3ERTY5UIOP2A"].concat();
        let example = Example {
            question: Some(format!("why is {key} refused?")),
            answer: format!("`{key}` and FTSECRET_AWS_KEY_1_00ab are two keys"),
            sections: vec![Piece {
                text: format!("let a = \"FTSECRET_AWS_KEY_1_00ab\"; // {key}"),
                path: Some("src/a.rs".to_owned()),
                ..Piece::default()
            }],
            ..Example::default()
        };
        let clean = redacted(example, &mut Redactor::new().unwrap()).unwrap();
        let text = clean.line().unwrap();
        assert!(!text.contains(&key), "{text}");
        assert_eq!(text.matches("FTSECRET_AWS_KEY_1_00ab").count(), 2, "{text}");
        assert_eq!(text.matches("FTSECRET_AWS_KEY_1_0000").count(), 3, "{text}");
        assert_eq!(clean.sections[0].path.as_deref(), Some("src/a.rs"));
    }
}
