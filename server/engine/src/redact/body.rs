//! The last look at what is sent, as it is sent. It sees what no look at single sections can: a secret whose halves stand
//! in two of them.

use std::ops::Range;

use super::{Fault, Redactor, Scope, Secret};

/// A secret in a body that was about to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Leak {
    /// What it is.
    pub secret: Secret,
    /// Its text, in parts where a fence stood between: what [`super::Vault::learn`] takes before the prompt is built anew.
    pub parts: Vec<String>,
}

impl std::fmt::Debug for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leak({}, {} parts)", self.secret.0, self.parts.len())
    }
}

impl Redactor {
    /// Secrets in the body of a request: JSON, or any text. `fence` marks the lines between sections, which are looked
    /// past. Anything but an empty list means that nothing is sent.
    ///
    /// # Errors
    /// A pattern cannot be compiled: nothing is sent either.
    pub fn scan_body(&mut self, body: &str, fence: &str) -> Result<Vec<Leak>, Fault> {
        let plain = unescaped(body);
        let mut leaks: Vec<Leak> = Vec::new();
        for finding in self.scan(&plain, Scope::Everything)? {
            let leak = Leak {
                secret: finding.secret,
                parts: vec![plain[finding.span].to_owned()],
            };
            if !leaks.contains(&leak) {
                leaks.push(leak);
            }
        }
        let (joined, joints) = without_fences(&plain, fence);
        if joints.is_empty() {
            return Ok(leaks);
        }
        let whole = leaks.len();
        // An address or a number runs on into whatever stands behind the seam; a key has a form.
        for finding in self.scan(&joined, Scope::Secrets)? {
            let parts = parts(&joined, finding.span, &joints);
            let known = |part: &String| {
                leaks[..whole]
                    .iter()
                    .any(|leak| part.contains(&leak.parts[0]))
            };
            // What does not cross a seam was found above.
            if parts.len() > 1 && !parts.iter().any(known) {
                leaks.push(Leak {
                    secret: finding.secret,
                    parts,
                });
            }
        }
        Ok(leaks)
    }
}

/// The body with JSON's escapes read wherever they stand; a text that is no JSON stays nearly as it is, and a look at it
/// needs no more.
fn unescaped(body: &str) -> String {
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let code = rest[at + 1..].chars().next();
        let (read, length) = match code {
            Some('n') => (Some('\n'), 2),
            Some('r') => (Some('\r'), 2),
            Some('t') => (Some('\t'), 2),
            Some(sign @ ('"' | '\\' | '/')) => (Some(sign), 2),
            Some('u') => {
                let hex = rest.get(at + 2..at + 6);
                let number = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
                (number.and_then(char::from_u32), 6)
            }
            _ => (None, 0),
        };
        match read {
            Some(c) => {
                text.push(c);
                rest = &rest[at + length..];
            }
            None => {
                text.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    text.push_str(rest);
    text
}

/// The text without the lines that hold the fence and without the line ends around them, and where the seams are.
fn without_fences(text: &str, fence: &str) -> (String, Vec<usize>) {
    let (mut joined, mut joints) = (String::with_capacity(text.len()), Vec::new());
    if fence.is_empty() {
        return (joined, joints);
    }
    let mut seam = false;
    for line in text.split_inclusive('\n') {
        if line.contains(fence) {
            seam = true;
            continue;
        }
        if std::mem::take(&mut seam) {
            let end = joined.trim_end_matches(['\n', '\r']).len();
            joined.truncate(end);
            joints.push(end);
        }
        joined.push_str(line);
    }
    (joined, joints)
}

/// The text of a span, cut at the seams within it.
fn parts(text: &str, span: Range<usize>, joints: &[usize]) -> Vec<String> {
    let inner = joints
        .iter()
        .copied()
        .filter(|j| span.start < *j && *j < span.end);
    let mut parts = Vec::new();
    let mut from = span.start;
    for joint in inner.chain([span.end]) {
        parts.push(text[from..joint].to_owned());
        from = joint;
    }
    parts
}
