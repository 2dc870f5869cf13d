//! What can go wrong with a remote call, by what a caller does about it, and the sentence that says it.
//!
//! A provider's own words are *said* text: plain, short, without control characters and without the key.
//! They may be shown to the user and are never put into a prompt.

use std::time::Duration;

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Decides what happens next.
    pub kind: Kind,
    /// HTTP status, where there was one.
    pub status: Option<u16>,
    /// When the provider wants to be asked again.
    pub retry_after: Option<RetryAfter>,
    /// What the provider or the network said. Plain text, at most [`SAID_MAX`] characters.
    pub said: String,
}

/// How long a [`Failure::said`] may be, in characters: two lines of a message box.
pub const SAID_MAX: usize = 300;

/// The classes of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The provider's budget for this key is used up. Pauses the endpoint.
    Budget,
    /// The prompt is longer than the model's window.
    ContextWindow,
    /// The provider's filter refused.
    ContentFilter,
    /// The key is missing, wrong or not allowed. Pauses the endpoint.
    Auth,
    /// Too many requests. Parks the endpoint.
    RateLimited,
    /// The provider has no capacity now.
    Overloaded,
    /// The provider, or one of our own limits, gave up.
    Timeout(Limit),
    /// Something answered that is no model: a login page. Pauses the endpoint.
    NotAModel,
    /// A redirect, which is never followed.
    Redirect,
    /// The certificate or the handshake was refused.
    Tls,
    /// No connection came about.
    Connect,
    /// A status of 500 and above without a better name.
    Server,
    /// A status of 400 and above without a better name: the request itself is at fault.
    Request,
    /// The answer broke the wire format.
    Protocol,
    /// The answer was longer than allowed.
    TooLong,
    /// The answer ended before its end.
    Cut,
    /// We did not send: see [`Refusal`].
    Refused(Refusal),
}

impl Kind {
    /// A word of a closed set for each, without what was said.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Kind::Budget => "budget",
            Kind::ContextWindow => "context-window",
            Kind::ContentFilter => "content-filter",
            Kind::Auth => "auth",
            Kind::RateLimited => "rate-limited",
            Kind::Overloaded => "overloaded",
            Kind::Timeout(_) => "timeout",
            Kind::NotAModel => "not-a-model",
            Kind::Redirect => "redirect",
            Kind::Tls => "tls",
            Kind::Connect => "connect",
            Kind::Server => "server",
            Kind::Request => "request",
            Kind::Protocol => "protocol",
            Kind::TooLong => "too-long",
            Kind::Cut => "cut",
            Kind::Refused(_) => "refused",
        }
    }
}

/// Which clock ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Until the connection stands.
    Connect,
    /// Until the first text.
    FirstText,
    /// Between two chunks.
    Between,
    /// From the request to the last byte.
    Total,
    /// The provider's own clock (408, 504).
    Theirs,
}

/// Why nothing left this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The endpoint's address is no http or https URL with a host.
    Address,
    /// Plain http to another machine.
    PlainHttp,
    /// The key belongs to another origin.
    Origin,
    /// The user did not consent to this endpoint in this workspace.
    Consent,
    /// The content may not go to an endpoint of this class.
    Level,
    /// What may be sent is laid down otherwise than when the question was made.
    Rules,
    /// A secret stands in the final body.
    Secret,
    /// No key, where one is needed, or its file is open to others.
    Key,
    /// The user's own budget is used up.
    Budget,
    /// The ledger cannot be written, so nothing that costs may be sent.
    Ledger,
    /// Two assists run and four wait.
    Busy,
    /// The endpoint is paused, parked or its breaker is open.
    Unavailable,
}

/// What a Retry-After header said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

/// Longer waits are clamped to this: a header must not switch an endpoint off for a day.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

impl RetryAfter {
    /// Reads the header: seconds or an HTTP date (RFC 9110, section 10.2.3), `now` in seconds since 1970.
    /// Garbage is no header; a date that has passed is zero; more than [`RETRY_AFTER_MAX`] is that.
    #[must_use]
    pub fn parse(header: &str, now: u64) -> Option<RetryAfter> {
        let header = header.trim();
        let seconds = if !header.is_empty() && header.bytes().all(|b| b.is_ascii_digit()) {
            // More digits than a number holds are a long wait, not garbage.
            header.parse().unwrap_or(u64::MAX)
        } else {
            let date = httpdate::parse_http_date(header).ok()?;
            let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
            since.as_secs().saturating_sub(now)
        };
        Some(RetryAfter(
            Duration::from_secs(seconds).min(RETRY_AFTER_MAX),
        ))
    }
}

impl Failure {
    /// Without a status and with our own words or none.
    #[must_use]
    pub fn new(kind: Kind, said: &str) -> Failure {
        Failure {
            kind,
            status: None,
            retry_after: None,
            said: plain(said),
        }
    }

    /// Nothing was sent.
    #[must_use]
    pub fn refused(refusal: Refusal, said: &str) -> Failure {
        Failure::new(Kind::Refused(refusal), said)
    }

    /// Whether the same request may be sent to the same endpoint again, before any text has come.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(
            self.kind,
            Kind::RateLimited
                | Kind::Overloaded
                | Kind::Server
                | Kind::Connect
                | Kind::Cut
                | Kind::Timeout(Limit::Connect | Limit::Theirs)
        )
    }

    /// Whether it says something about the endpoint's health. A wrong key, a used-up budget and a bad request
    /// do not.
    #[must_use]
    pub fn counts_for_breaker(&self) -> bool {
        matches!(
            self.kind,
            Kind::Overloaded
                | Kind::Timeout(_)
                | Kind::Connect
                | Kind::Tls
                | Kind::Server
                | Kind::Protocol
                | Kind::Cut
                | Kind::TooLong
        )
    }

    /// Whether the endpoint stays silent until the user changes something.
    #[must_use]
    pub fn pauses(&self) -> bool {
        matches!(self.kind, Kind::Budget | Kind::Auth | Kind::NotAModel)
    }

    /// One sentence that a user can act on, about the endpoint called `name`.
    #[must_use]
    pub fn sentence(&self, name: &str) -> String {
        let mut text = match self.kind {
            Kind::Budget => format!(
                "{name} says that the budget of this key is used up; it is paused until the key or the day changes"
            ),
            Kind::ContextWindow => format!(
                "the question is too long for the model of {name}; select less and ask again"
            ),
            Kind::ContentFilter => format!("the filter of {name} refused this request"),
            Kind::Auth => {
                format!("{name} did not accept the key; it is paused until the key changes")
            }
            Kind::RateLimited => self.rate_sentence(name),
            Kind::Overloaded => format!("{name} is overloaded; ask again in a moment"),
            Kind::Timeout(limit) => self.time_sentence(name, limit),
            Kind::NotAModel => format!(
                "{name} answered with a page instead of a model's answer (a login?); it is paused until its address or the network changes"
            ),
            Kind::Redirect => format!(
                "{name} redirects to another address, which is never followed; enter the final address"
            ),
            Kind::Tls => format!("the connection to {name} is not safe, so nothing was sent"),
            Kind::Connect => format!("{name} cannot be reached; check the network and the address"),
            Kind::Server => format!("{name} failed; ask again in a moment"),
            Kind::Request => format!(
                "{name} refused the request; check the model's name and the endpoint's settings"
            ),
            Kind::Protocol => {
                format!("the answer of {name} cannot be read; check the endpoint's wire format")
            }
            Kind::TooLong => format!("the answer of {name} passed a limit and was cut there"),
            Kind::Cut => format!("the answer of {name} broke off"),
            Kind::Refused(refusal) => refusal.sentence(name),
        };
        if let Some(status) = self.status {
            text.push_str(&format!(" (status {status})"));
        }
        if !self.said.is_empty() {
            text.push_str(&format!(": {}", self.said));
        }
        text
    }

    fn rate_sentence(&self, name: &str) -> String {
        match self.retry_after {
            Some(RetryAfter(wait)) => format!(
                "{name} limits how often it may be asked; it can be asked again in {} s",
                wait.as_secs().max(1)
            ),
            None => format!("{name} limits how often it may be asked; ask again in a moment"),
        }
    }

    fn time_sentence(&self, name: &str, limit: Limit) -> String {
        match limit {
            Limit::Connect => format!("{name} did not accept a connection in time"),
            Limit::FirstText => format!("{name} did not begin its answer in time"),
            Limit::Between => format!("the answer of {name} stopped"),
            Limit::Total => format!("the answer of {name} took too long"),
            Limit::Theirs => format!("{name} gave up waiting for its model"),
        }
    }
}

impl Refusal {
    fn sentence(self, name: &str) -> String {
        match self {
            Refusal::Address => {
                format!("the address of {name} is no http or https address with a host")
            }
            Refusal::PlainHttp => {
                format!("{name} has a plain http address on another machine; use https")
            }
            Refusal::Origin => format!(
                "the key of {name} was entered for another address; enter it again for this one"
            ),
            Refusal::Consent => format!("you have not agreed that this workspace asks {name}"),
            Refusal::Level => format!("this content may not be sent to {name}"),
            Refusal::Rules => {
                "the rules of the workspace have changed since you asked, so nothing was sent; ask again".to_owned()
            }
            Refusal::Secret => format!(
                "something like a secret stood in the request, so it was not sent to {name}"
            ),
            Refusal::Key => format!("{name} needs a key and none can be used"),
            Refusal::Budget => format!("{name} was not asked, to keep to your budget"),
            Refusal::Ledger => format!("the ledger cannot be written, so {name} was not asked"),
            Refusal::Busy => {
                "two questions are being answered and four wait; ask again when one is done"
                    .to_owned()
            }
            Refusal::Unavailable => format!("{name} is not asked at the moment"),
        }
    }
}

/// Foreign text as one plain line: no control, bidirectional or invisible characters, at most [`SAID_MAX`].
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut blank = false;
    // A long text is looked at as far as it can be shown.
    for c in text.chars().take(8 * SAID_MAX) {
        if c.is_whitespace() || c.is_control() {
            blank = !plain.is_empty();
            continue;
        }
        if invisible(c) {
            continue;
        }
        if std::mem::take(&mut blank) {
            plain.push(' ');
        }
        plain.push(c);
    }
    match plain.char_indices().nth(SAID_MAX) {
        Some((at, _)) => format!("{}…", &plain[..at]),
        None => plain,
    }
}

/// Zero-width, bidirectional and tag characters (Unicode general category Cf and the tag block).
fn invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{AD}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_seconds_dates_and_garbage() {
        // 1994-11-06 08:49:37, the date of RFC 9110's examples.
        let now = 784_111_777;
        let read = |header: &str| RetryAfter::parse(header, now).map(|r| r.0.as_secs());
        assert_eq!(read("20"), Some(20));
        assert_eq!(read(" 0 "), Some(0));
        assert_eq!(read("3600"), Some(3600));
        assert_eq!(read("86400"), Some(3600), "clamped to an hour");
        assert_eq!(read("99999999999999999999999"), Some(3600));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(
            read("Sun, 06 Nov 1994 08:00:00 GMT"),
            Some(0),
            "a date that has passed"
        );
        for garbage in ["", "soon", "-5", "1.5", "1e3", "NaN", "20s", "٣"] {
            assert_eq!(read(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn foreign_words_become_one_plain_line() {
        assert_eq!(
            plain("  two\n\twords \u{1b}[31mred\u{7}"),
            "two words [31mred"
        );
        assert_eq!(plain("a\u{202E}b\u{E0041}c\u{200B}d"), "abcd");
        assert_eq!(plain(&"x".repeat(5_000)).chars().count(), SAID_MAX + 1);
        assert_eq!(plain("Grüße, 世界"), "Grüße, 世界");
    }
}
