//! Secrets without a form of their own: a value that looks random, given to a name that says what it is.

use super::rules::Matched;
use super::vault::PLACEHOLDER;

/// A name with a telling word, a sign of assignment, perhaps a type before it, and a value in quotes or bare. Quotes may
/// be escaped, as they are in a request's body.
pub(super) const PATTERN: &str = concat!(
    r"(?i)[a-z0-9_.-]{0,40}(?:passw(?:or)?d|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|credential)[a-z0-9_-]{0,20}",
    r#"\\?["'`\]]{0,2}[ \t]{0,8}(?::[ \t]{0,4}[&'a-z0-9_<>\[\]. ]{1,30}[ \t]{0,4}=|:=|=>|[:=])[ \t]{0,8}"#,
    r#"(?:\\?"([^"\\\s]{8,256})|'([^'\\\s]{8,256})'|`([^`\\\s]{8,256})`|([a-z0-9+/_=~-]{16,256})(?:[ \t]*(?:#|//|;|\r|\n|\\n)|[ \t]*$))"#,
);

/// Words that say that a value is secret.
const TELLING: [&str; 10] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secrets",
    "token",
    "apikey",
    "credential",
    "credentials",
];
/// Before `key`.
const OF_KEY: [&str; 5] = ["api", "access", "auth", "secret", "private"];
/// A name that ends so holds something about a secret, not the secret.
const ABOUT: [&str; 26] = [
    "id", "ids", "name", "names", "url", "uri", "path", "file", "dir", "hash", "sha256", "digest",
    "count", "len", "length", "type", "kind", "pattern", "regex", "prefix", "limit", "size",
    "field", "header", "label", "endpoint",
];
/// Of a password, which people choose.
const SHORT: usize = 8;
/// Of a token, which machines draw.
const LONG: usize = 16;

/// Whether name and value together are an assignment of a secret.
pub(super) fn holds(matched: &Matched<'_>) -> bool {
    let value = matched.part();
    let before = &matched.text[matched.whole.start..matched.part.start];
    let end = before
        .find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c)))
        .unwrap_or(before.len());
    let words = words(&before[..end]);
    let Some(chosen) = telling(&words) else {
        return false;
    };
    let quoted = before.ends_with(['"', '\'', '`']);
    let least = if chosen && quoted { SHORT } else { LONG };
    let has = |of: fn(&u8) -> bool| value.as_bytes().iter().any(of);
    let signed = chosen && value.bytes().any(|b| b"!@#$%^&*?+=~".contains(&b));
    // One long random text in 300 has no digit.
    let lettered = value.len() >= 24
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && entropy(value) >= 3.8;
    let mixed = has(u8::is_ascii_alphabetic) && (has(u8::is_ascii_digit) || signed || lettered);
    value.len() >= least
        && mixed
        && !is_stand_in(value)
        && !is_name(value)
        && entropy(value) >= if least == SHORT { 2.5 } else { 3.0 }
}

/// `Some(true)` for a password, `Some(false)` for another secret.
fn telling(words: &[String]) -> Option<bool> {
    let last = words.last()?;
    if ABOUT.contains(&last.as_str()) {
        return None;
    }
    let key = words
        .windows(2)
        .any(|two| two[1] == "key" && OF_KEY.contains(&two[0].as_str()));
    let told = words.iter().find(|word| TELLING.contains(&word.as_str()));
    match told {
        Some(word) => Some(word.starts_with('p')),
        None => key.then_some(false),
    }
}

/// The words of a name in small letters, by `_`, `-`, `.` and by capitals.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut small = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || c.is_ascii_uppercase() && small {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric() {
            words
                .last_mut()
                .into_iter()
                .for_each(|word| word.push(c.to_ascii_lowercase()));
        }
        small = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value only stands for one: a variable, a blank to fill in, an example, a placeholder of ours.
pub(super) fn is_stand_in(value: &str) -> bool {
    let low = value.to_ascii_lowercase();
    let marks = [
        "${", "{{", "}}", "$(", "<", ">", "***", "...", "%s", "%(", "://", "()",
    ];
    let told = [
        "xxxx",
        "example",
        "changeme",
        "change_me",
        "placeholder",
        "dummy",
        "redacted",
        "your_",
        "your-",
        "insert",
        "process.env",
        "os.environ",
        "getenv",
    ];
    let plain = ["password", "passwd", "secret", "pass", "pwd", "token"];
    value.contains(PLACEHOLDER)
        || marks.iter().any(|mark| value.contains(mark))
        || told.iter().any(|word| low.contains(word))
        || plain.contains(&low.as_str())
        || value.contains('{') && value.contains('}')
        || value.starts_with(['$', '%', '/', '.'])
        || low.starts_with("arn:")
}

/// Whether a value is made of words, as a name, a file or a key of a message is: each part between its signs is letters
/// with at most two digits behind them, or digits alone.
fn is_name(value: &str) -> bool {
    let part = |part: &str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = part.len() - letters.len();
        let one_case = letters.bytes().skip(1).all(|b| b.is_ascii_lowercase())
            || letters.bytes().all(|b| b.is_ascii_uppercase());
        letters.bytes().all(|b| b.is_ascii_alphabetic())
            && one_case
            && letters.len() <= 14
            && (digits <= 2 || letters.is_empty() && digits <= 6)
    };
    let camel = |text: &str| {
        let words = words(text);
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric());
        let mute = words.iter().filter(|word| !word.contains(VOWELS)).count();
        let spoken = acronyms(text) <= 2 && mute <= 2;
        plain && spoken && words.iter().all(|word| word.len() >= 3 && part(word))
    };
    let parts: Vec<&str> = value.split(['_', '-', '.', '/', ':', '=']).collect();
    parts.len() > 1 && parts.iter().all(|p| part(p) || camel(p)) || camel(value)
}

/// What a word that is spoken has one of.
const VOWELS: [char; 6] = ['a', 'e', 'i', 'o', 'u', 'y'];

/// Runs of more than one capital. A name seldom has three, letters that were drawn have one in every eight.
fn acronyms(text: &str) -> usize {
    let runs = text.split(|c: char| !c.is_ascii_uppercase());
    runs.filter(|run| run.len() > 1).count()
}

/// Whether a text is as disordered as random ones are: 3 bits a character, where a word repeated has 2 and a random
/// hexadecimal key of 32 digits 3.6.
pub(super) fn is_random(value: &str) -> bool {
    // Issuers write their examples so that they say it.
    let example = value.contains("EXAMPLE") || value.contains(PLACEHOLDER);
    entropy(value) >= 3.0 && !example
}

/// Bits per byte by the frequencies within the value (Shannon 1948).
fn entropy(value: &str) -> f32 {
    let mut counts = [0u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let all = value.len() as f32;
    let shares = counts.iter().filter(|n| **n > 0).map(|n| *n as f32 / all);
    -shares.map(|share| share * share.log2()).sum::<f32>()
}
