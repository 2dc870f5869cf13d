//! What goes out in headers and must stand in no sentence, should the answer repeat it.

use secrecy::ExposeSecret;

use super::Outgoing;

/// What was sent in headers and must not come back in a sentence.
pub(super) struct Secrets(Vec<secrecy::SecretString>);

impl Secrets {
    pub(super) fn of(outgoing: &Outgoing<'_>) -> Secrets {
        let key = outgoing.key.map(|k| k.expose().into());
        let headers = outgoing.endpoint.headers.values().cloned();
        Secrets(
            key.into_iter()
                .chain(headers)
                .filter(|s: &secrecy::SecretString| s.expose_secret().len() >= 4)
                .collect(),
        )
    }

    /// In any case of letters, since host names and content types lose theirs.
    pub(super) fn scrub(&self, mut text: String) -> String {
        for secret in &self.0 {
            let secret = secret.expose_secret().to_ascii_lowercase();
            while let Some(at) = text.to_ascii_lowercase().find(&secret) {
                text.replace_range(at..at + secret.len(), "…");
            }
        }
        text
    }
}
