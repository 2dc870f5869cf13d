//! Error reports in the protocol of Sentry, which other servers speak too (Bugsink, GlitchTip): what a *report*
//! is made of, and how it is handed over. Nothing here knows when one is made; no user has any unless a DSN is set.
//!
//! A report is built from an allow list: every field of [`Event`] is a number, a word of a closed set, a literal
//! of our own source or a place in it. Never give it a text that was computed at run time.
//!
//! Sources: Sentry's developer documentation, "Envelopes" (form, address), "Authentication" (`X-Sentry-Auth`),
//! "Event Payloads", "Rate Limiting"; `sdk.settings.infer_ip` keeps its server from noting the sender's address.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::egress::{Arriving, Egress, Posted, Route};
use crate::endpoint::Origin;
use crate::failure::{Failure, Kind, RetryAfter};

mod place;
#[cfg(test)]
mod tests;

pub use place::Place;

/// Where reports go: `https://KEY@HOST/PROJECT`. The key is public by Sentry's own word; it only lets hand over.
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn {
    written: String,
    address: Url,
    origin: Origin,
    key: String,
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dsn({})", self.origin)
    }
}

impl Dsn {
    /// Reads one.
    ///
    /// # Errors
    /// The end of a sentence that begins with "it": no http or https address with a host, http to another
    /// machine, no key, a secret behind the key (an older form), no project, or anything behind the project.
    pub fn parse(text: &str) -> Result<Dsn, &'static str> {
        let written = text.trim();
        let url = Url::parse(written).map_err(|_| "is no address")?;
        let origin = Origin::of(&url).ok_or("is no http or https address with a host")?;
        if !origin.is_tls() && !origin.is_loopback() {
            return Err("has a plain http address on another machine; use https");
        }
        if url.password().is_some() {
            return Err("holds a secret behind its key; take the form without one");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("goes on behind its project");
        }
        let key = url.username().to_owned();
        if !is_word(&key) {
            return Err("has no key before its host, as in https://KEY@HOST/PROJECT");
        }
        let path = url.path().trim_end_matches('/');
        let (below, project) = path.rsplit_once('/').unwrap_or_default();
        let plain = |part: &str| part.is_empty() || is_word(part);
        if !is_word(project) || !below.split('/').all(plain) {
            return Err("has no project behind its host, as in https://KEY@HOST/PROJECT");
        }
        let mut address = url.clone();
        address.set_path(&format!("{below}/api/{project}/envelope/"));
        let cleared = address.set_username("");
        cleared
            .and_then(|()| address.set_host(Some(origin.host())).map_err(drop))
            .map_err(|()| "is no address")?;
        Ok(Dsn {
            written: written.to_owned(),
            address,
            origin,
            key,
        })
    }

    /// As the user wrote it.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whom reports go to.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The address that takes envelopes.
    #[must_use]
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// The header that says who sends.
    #[must_use]
    pub fn auth(&self) -> String {
        format!(
            "Sentry sentry_version=7, sentry_client=foretoken/{}, sentry_key={}",
            env!("CARGO_PKG_VERSION"),
            self.key
        )
    }
}

/// What happened, by closed sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Something of ours panicked. With the message only where it is a literal of the source.
    Panic(Option<&'static str>),
    /// A model that should run does not, by the code of `foretoken-infer`.
    Model(&'static str),
    /// The index failed, by the part that did.
    Index(&'static str),
    /// A remote model's endpoint and we did not understand each other.
    Endpoint(Kind),
    /// Somebody tries whether reports arrive.
    Test,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            What::Panic(_) => "panic",
            What::Model(_) => "model failed",
            What::Index(_) => "index failed",
            What::Endpoint(_) => "endpoint failed",
            What::Test => "test",
        }
    }

    /// A literal or a code, in at most [`VALUE_MAX`] characters of one line.
    fn value(self) -> String {
        let text = match self {
            What::Panic(literal) => literal.unwrap_or("(withheld)"),
            What::Model(code) | What::Index(code) => code,
            What::Endpoint(kind) => kind.code(),
            What::Test => "A test of the error reports.",
        };
        let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        plain.take(VALUE_MAX).collect()
    }
}

/// No message of ours is longer.
const VALUE_MAX: usize = 200;

/// One occurrence with where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// What happened.
    pub what: What,
    /// Where in the source.
    pub place: Option<Place>,
    /// The thread's name; one that is not ours is left out.
    pub thread: Option<String>,
    /// The task or stage, a literal.
    pub stage: Option<&'static str>,
}

/// What is known of this process: versions only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The model that runs, where it is the embedded one; else `other`.
    pub model: Option<String>,
    /// Of ONNX Runtime.
    pub runtime: Option<String>,
}

/// A report: all that is ever written or sent of an occurrence. Its fields can only be filled here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    event_id: String,
    timestamp: u64,
    platform: String,
    level: String,
    release: String,
    sdk: Sdk,
    exception: Exceptions,
    tags: Tags,
    fingerprint: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sdk {
    name: String,
    version: String,
    settings: SdkSettings,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SdkSettings {
    infer_ip: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    values: Vec<Exception>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    r#type: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stacktrace: Option<Stacktrace>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stacktrace {
    frames: Vec<Frame>,
}

/// The one place that we know to be ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    filename: String,
    lineno: u32,
    in_app: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tags {
    os: String,
    arch: String,
    /// How often it happened until the report was last written.
    count: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    onnxruntime: Option<String>,
}

#[derive(Serialize)]
struct EnvelopeHeader<'a> {
    event_id: &'a str,
}

#[derive(Serialize)]
struct ItemHeader {
    r#type: &'static str,
    length: usize,
}

impl Event {
    /// The report of an occurrence; `id` is random, `now` seconds since 1970.
    #[must_use]
    pub fn new(occurrence: &Occurrence, about: &About, mut id: [u8; 16], now: u64) -> Event {
        let what = occurrence.what;
        // The marks of a random UUID, RFC 9562, section 5.4.
        id[6] = id[6] & 0x0f | 0x40;
        id[8] = id[8] & 0x3f | 0x80;
        let value = what.value();
        let place = occurrence.place.as_ref().map(ToString::to_string);
        let own = occurrence.place.as_ref().and_then(Place::own);
        let frames = own.map(|(file, line)| Frame {
            filename: file.to_owned(),
            lineno: line,
            in_app: true,
        });
        let (name, version) = ("foretoken", env!("CARGO_PKG_VERSION"));
        let level = match what {
            What::Test => "info",
            _ => "error",
        };
        let fingerprint = [what.name().to_owned(), value.clone()];
        Event {
            event_id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            timestamp: now,
            platform: "other".to_owned(),
            level: level.to_owned(),
            release: format!("{name}@{version}"),
            sdk: Sdk {
                name: name.to_owned(),
                version: version.to_owned(),
                settings: SdkSettings {
                    infer_ip: "never".to_owned(),
                },
            },
            fingerprint: fingerprint.into_iter().chain(place.clone()).collect(),
            exception: Exceptions {
                values: vec![Exception {
                    r#type: what.name().to_owned(),
                    value,
                    stacktrace: frames.map(|frame| Stacktrace {
                        frames: vec![frame],
                    }),
                }],
            },
            tags: Tags {
                os: std::env::consts::OS.to_owned(),
                arch: std::env::consts::ARCH.to_owned(),
                count: "1".to_owned(),
                place,
                thread: occurrence.thread.clone().filter(|name| is_ours(name)),
                stage: occurrence.stage.map(str::to_owned),
                model: about.model.clone().filter(|text| is_version(text)),
                onnxruntime: about.runtime.clone().filter(|text| is_version(text)),
            },
        }
    }

    /// The same that happened so often.
    #[must_use]
    pub fn counted(mut self, count: u64) -> Event {
        self.tags.count = count.to_string();
        self
    }

    /// 32 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.event_id
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.timestamp
    }

    /// What makes two reports one: type, value and place.
    #[must_use]
    pub fn same(&self) -> &[String] {
        &self.fingerprint
    }

    /// One line of JSON, as it is kept and sent.
    #[must_use]
    pub fn payload(&self) -> String {
        // Texts and numbers only, which cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What was kept; `None` for anything that no version of this form wrote.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Event> {
        let event: Event = serde_json::from_slice(payload).ok()?;
        let is_id = event.event_id.len() == 32
            && event.event_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then_some(event)
    }

    /// Precisely the bytes that are sent: header, item header and payload, a line each.
    #[must_use]
    pub fn envelope(&self) -> Vec<u8> {
        let payload = self.payload();
        let header = EnvelopeHeader {
            event_id: &self.event_id,
        };
        let item = ItemHeader {
            r#type: "event",
            length: payload.len(),
        };
        let line = |text: serde_json::Result<String>| text.unwrap_or_default();
        let (header, item) = (
            line(serde_json::to_string(&header)),
            line(serde_json::to_string(&item)),
        );
        format!("{header}\n{item}\n{payload}\n").into_bytes()
    }
}

/// Letters, digits, `-` and `_`, at most 64.
fn is_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// Our own threads, tokio's, and the first.
fn is_ours(thread: &str) -> bool {
    let own = thread.starts_with("foretoken-") && is_word(thread);
    own || matches!(thread, "main" | "tokio-rt-worker" | "tokio-runtime-worker")
}

/// A short name with a version, without anything that a path or an address has.
fn is_version(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b' ');
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// Why a report was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// It may be tried again after this long.
    Later(Failure, Duration),
    /// It will never be.
    Never(Failure),
}

/// Without a word of the server's about when.
const SOON: Duration = Duration::from_secs(60);
/// Where the user has to change something first.
const LONG: Duration = Duration::from_secs(3600);

/// Hands one report over. `now` is seconds since 1970.
///
/// # Errors
/// [`NotTaken::Never`] where the server refuses its form or size, else [`NotTaken::Later`]: the network, a limit
/// (as long as `Retry-After` or `X-Sentry-Rate-Limits` says, an hour at most), a key that is not accepted.
pub async fn send(
    egress: &Egress,
    (dsn, route): (&Dsn, &Route),
    event: &Event,
    now: u64,
) -> Result<(), NotTaken> {
    let posted = Posted {
        url: dsn.address(),
        content_type: "application/x-sentry-envelope",
        sender: ("x-sentry-auth", dsn.auth()),
        body: event.envelope(),
    };
    let arriving = match egress.post(posted, route).await {
        Ok(arriving) => arriving,
        Err(failure) if matches!(failure.kind, Kind::Refused(_)) => {
            return Err(NotTaken::Later(failure, LONG));
        }
        Err(failure) => return Err(NotTaken::Later(failure, SOON)),
    };
    let status = arriving.status();
    let failed = |kind| Failure {
        status: Some(status),
        ..Failure::new(kind, "")
    };
    let asked = asked_to_wait(&arriving, now);
    match status {
        200..=299 => Ok(()),
        300..=399 => Err(NotTaken::Later(failed(Kind::Redirect), LONG)),
        400 | 413 | 415 | 422 => Err(NotTaken::Never(failed(Kind::Request))),
        401 | 403 => Err(NotTaken::Later(failed(Kind::Auth), LONG)),
        429 => {
            let failure = Failure {
                retry_after: asked.map(RetryAfter),
                ..failed(Kind::RateLimited)
            };
            Err(NotTaken::Later(failure, asked.unwrap_or(SOON)))
        }
        500.. => Err(NotTaken::Later(failed(Kind::Server), asked.unwrap_or(SOON))),
        _ => Err(NotTaken::Later(failed(Kind::Request), LONG)),
    }
}

/// What the server says about when to come again, at least a second.
fn asked_to_wait(arriving: &Arriving, now: u64) -> Option<Duration> {
    let standard = arriving.header("retry-after");
    let standard = standard.and_then(|text| RetryAfter::parse(text, now));
    let own = || {
        // `60:error;transaction:organization, 2700:…`: only what concerns errors or everything.
        let all = arriving.header("x-sentry-rate-limits")?;
        let ours = all.split(',').filter_map(|limit| {
            let mut parts = limit.trim().split(':');
            let seconds = parts.next()?;
            let concerns = parts.next().unwrap_or_default();
            let is_ours = concerns.is_empty()
                || concerns
                    .split(';')
                    .any(|c| matches!(c, "error" | "default"));
            RetryAfter::parse(seconds, now).filter(|_| is_ours)
        });
        ours.max_by_key(|after| after.0)
    };
    let after = own().or(standard)?;
    Some(after.0.max(Duration::from_secs(1)))
}
