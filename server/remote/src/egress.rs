//! The one file that opens sockets. What goes out is checked here in a fixed order, and nothing that comes
//! back is believed before it has been looked at.
//!
//! Order: address and scheme, the key's origin, consent and level, a last look for secrets in the final
//! bytes; then the caller reserves money; then the request is sent. [`Egress::check`] makes a [`Cleared`]
//! request and only that can be sent.
//!
//! Redirects are errors: following one would hand the body and key headers to whoever the first server
//! names. Compressed answers are errors too, so that nothing is ever unpacked. Dropping an [`Incoming`]
//! closes its connection.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Request, Response, redirect};
use secrecy::ExposeSecret;

use crate::endpoint::{Endpoint, Origin, Proxy, Target};
use crate::failure::{Failure, Kind, Limit, Refusal, RetryAfter, plain};
use crate::keys::Key;
use crate::wire::{self, Wire};

mod gate;
mod get;
mod post;
mod secrets;

use gate::last_look;
pub use gate::{Allow, FindSecret, Gate};
pub use get::{Arriving, Route, Wanted};
pub use post::Posted;
use secrets::Secrets;

/// A request that has yet to be checked.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Where to.
    pub endpoint: &'a Endpoint,
    /// For this origin or none.
    pub key: Option<&'a Key>,
    /// The final bytes.
    pub body: String,
    /// Besides those of the endpoint; names and values are ours.
    pub headers: Vec<(&'static str, String)>,
    /// Until the connection stands, TLS included.
    pub connect: Duration,
}

/// A request that passed every check and waits to be sent.
pub struct Cleared {
    client: Client,
    request: Request,
    origin: Origin,
    secrets: Secrets,
}

impl fmt::Debug for Cleared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cleared(for {})", self.origin)
    }
}

/// What an answer is made of, by its content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Server-sent events.
    Events,
    /// One JSON body.
    Whole,
}

/// An answer that has begun.
pub struct Incoming {
    response: Response,
    shape: Shape,
    secrets: Secrets,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({:?})", self.shape)
    }
}

/// The clients, one for each origin and way there, so that connections are reused.
#[derive(Debug, Default)]
pub struct Egress {
    clients: Mutex<HashMap<Way, Client>>,
}

/// What a client depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Way {
    origin: Origin,
    proxy: Proxy,
    authorities: Option<std::path::PathBuf>,
    connect: Duration,
}

impl Egress {
    /// Checks a request in the order of this file's header. Opens nothing.
    ///
    /// # Errors
    /// [`Kind::Refused`] with the first check that failed; [`Kind::Tls`] where the trusted authorities cannot
    /// be loaded.
    pub fn check(&self, outgoing: Outgoing<'_>, gate: &Gate) -> Result<Cleared, Failure> {
        let Target { url, origin } = outgoing.endpoint.target()?;
        if let Some(key) = outgoing.key
            && *key.origin() != origin
        {
            return Err(Failure::refused(Refusal::Origin, ""));
        }
        (gate.allow)(outgoing.endpoint, &origin)
            .map_err(|refusal| Failure::refused(refusal, ""))?;
        last_look(&outgoing.body, gate)?;
        let client = self.client(Way {
            origin: origin.clone(),
            proxy: outgoing.endpoint.proxy.clone(),
            authorities: outgoing.endpoint.ca_file.clone(),
            connect: outgoing.connect,
        })?;
        let headers = headers(&outgoing)?;
        let secrets = Secrets::of(&outgoing);
        let request = client.post(url).headers(headers).body(outgoing.body);
        let request = request
            .build()
            .map_err(|e| Failure::refused(Refusal::Address, &told(&e.without_url())))?;
        Ok(Cleared {
            client,
            request,
            origin,
            secrets,
        })
    }

    fn client(&self, way: Way) -> Result<Client, Failure> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&way) {
            return Ok(client.clone());
        }
        let client = build(&way)?;
        // Addresses come from the user's file, so there are few; a file edited all day must not grow this.
        if clients.len() >= 32 {
            clients.clear();
        }
        clients.insert(way, client.clone());
        Ok(client)
    }
}

fn build(way: &Way) -> Result<Client, Failure> {
    // Fails when it was done before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("foretoken/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .https_only(way.origin.is_tls())
        .connect_timeout(way.connect)
        // Two assists run at once, so two connections wait for the next.
        .pool_max_idle_per_host(2);
    let direct = way.origin.is_loopback();
    builder = match &way.proxy {
        Proxy::Environment if !direct => builder,
        Proxy::Url(url) if !direct => {
            let proxy = reqwest::Proxy::all(url)
                .map_err(|_| Failure::refused(Refusal::Address, "its proxy is no address"))?;
            builder.no_proxy().proxy(proxy)
        }
        _ => builder.no_proxy(),
    };
    if let Some(file) = &way.authorities {
        let refuse = || {
            Failure::new(
                Kind::Tls,
                &format!("the authorities in {} cannot be read", file.display()),
            )
        };
        let pem = std::fs::read(file).map_err(|_| refuse())?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|_| refuse())?;
        if certificates.is_empty() {
            return Err(refuse());
        }
        builder = builder.tls_certs_only(certificates);
    }
    builder
        .build()
        .map_err(|e| Failure::new(Kind::Tls, &told(&e.without_url())))
}

fn headers(outgoing: &Outgoing<'_>) -> Result<HeaderMap, Failure> {
    let endpoint = outgoing.endpoint;
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::ACCEPT,
        HeaderValue::from_static("text/event-stream, application/json"),
    );
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    if endpoint.wire == Wire::Anthropic {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    for (name, value) in &outgoing.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(*name, value);
        }
    }
    for (name, value) in &endpoint.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value.expose_secret());
        let (Ok(name), Ok(mut value)) = (name, value) else {
            return Err(Failure::refused(
                Refusal::Key,
                "one of its own headers is none",
            ));
        };
        // Where the body goes and how long it is follows from the request.
        if [
            header::HOST,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::CONNECTION,
        ]
        .contains(&name)
        {
            return Err(Failure::refused(
                Refusal::Key,
                &format!("{name} is no header to set"),
            ));
        }
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if let Some(key) = outgoing.key {
        let (name, value) = match endpoint.wire {
            Wire::OpenAi => (header::AUTHORIZATION, format!("Bearer {}", key.expose())),
            Wire::Anthropic => (
                HeaderName::from_static("x-api-key"),
                key.expose().to_owned(),
            ),
        };
        let value = HeaderValue::from_str(&value);
        let mut value =
            value.map_err(|_| Failure::refused(Refusal::Key, "it cannot be sent in a header"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

impl Cleared {
    /// Whom it goes to.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Sends it and waits for the head of an answer that a model may have written. `now` is seconds since
    /// 1970, for dates in headers.
    ///
    /// # Errors
    /// Whatever the network or a status of 300 and above says; never a redirect that was followed.
    pub async fn send(self, now: u64) -> Result<Incoming, Failure> {
        let response = self
            .client
            .execute(self.request)
            .await
            .map_err(|e| of_network(e, true))?;
        let status = response.status().as_u16();
        if (300..400).contains(&status) {
            let said = self.secrets.scrub(redirected(&response));
            return Err(Failure {
                status: Some(status),
                ..Failure::new(Kind::Redirect, &said)
            });
        }
        let retry_after =
            text_of(&response, header::RETRY_AFTER).and_then(|h| RetryAfter::parse(h, now));
        let encoded = text_of(&response, header::CONTENT_ENCODING)
            .is_some_and(|e| !e.eq_ignore_ascii_case("identity"));
        if encoded {
            let failure = Failure::new(
                Kind::Protocol,
                "the answer is compressed, which was not asked for",
            );
            return Err(Failure {
                status: Some(status),
                ..failure
            });
        }
        if status >= 400 {
            let body = self.secrets.scrub(error_body(response).await);
            return Err(Failure {
                retry_after,
                ..wire::of_status(status, &body)
            });
        }
        let kind = text_of(&response, header::CONTENT_TYPE)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let shape = match kind.split(';').next().unwrap_or_default().trim() {
            "text/event-stream" => Shape::Events,
            json if json == "application/json" || json.ends_with("+json") => Shape::Whole,
            _ => {
                let said = format!("{} sent {}", self.origin.host(), self.secrets.scrub(kind));
                let failure = Failure::new(Kind::NotAModel, &said);
                return Err(Failure {
                    status: Some(status),
                    ..failure
                });
            }
        };
        Ok(Incoming {
            response,
            shape,
            secrets: self.secrets,
        })
    }
}

impl Incoming {
    /// How to read it.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// A header that names the model group, where a gateway sends one.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.response.headers().get(name)?.to_str().ok()?;
        Some(plain(&self.scrub(value.to_owned())))
    }

    /// Puts the next bytes behind `bytes`; `false` at the end of the body.
    ///
    /// # Errors
    /// [`Kind::Cut`] when the connection broke.
    pub async fn chunk(&mut self, bytes: &mut Vec<u8>) -> Result<bool, Failure> {
        match self.response.chunk().await {
            Ok(Some(chunk)) => {
                bytes.extend_from_slice(&chunk);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) => Err(of_network(error, false)),
        }
    }

    /// Text of the answer without the key and the endpoint's own headers, should it repeat them.
    #[must_use]
    pub fn scrub(&self, text: String) -> String {
        self.secrets.scrub(text)
    }
}

/// Long enough for any message; a longer one is cut there.
const ERROR_BODY_MAX: usize = 64 << 10;
/// An error's head is here already; its body need not be waited for.
const ERROR_BODY_WAIT: Duration = Duration::from_secs(1);

async fn error_body(mut response: Response) -> String {
    let mut body = Vec::new();
    let read = async {
        while body.len() < ERROR_BODY_MAX {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                _ => break,
            }
        }
    };
    // What has come by then is all that is told.
    let _ = tokio::time::timeout(ERROR_BODY_WAIT, read).await;
    body.truncate(ERROR_BODY_MAX);
    String::from_utf8_lossy(&body).into_owned()
}

/// Whose address a redirect names; its path may hold anything.
fn redirected(response: &Response) -> String {
    let to = text_of(response, header::LOCATION).and_then(Origin::parse);
    to.map(|origin| format!("to {origin}")).unwrap_or_default()
}

fn text_of(response: &Response, name: HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// Before the head of the answer the request may not have arrived; after it the answer broke off.
fn of_network(error: reqwest::Error, sending: bool) -> Failure {
    let error = error.without_url();
    let kind = if chain(&error).any(|e| e.is::<rustls::Error>() || wraps_tls(e)) {
        Kind::Tls
    } else if sending && error.is_timeout() {
        Kind::Timeout(Limit::Connect)
    } else if error.is_connect() {
        Kind::Connect
    } else {
        Kind::Cut
    };
    Failure::new(kind, &told(&error))
}

/// An I/O error hides what it holds from the chain of sources, and may hold another one.
fn wraps_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    let inner = io.and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| inner.is::<rustls::Error>() || wraps_tls(inner))
}

fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |e| e.source())
}

/// The innermost cause: the outer ones say "error sending request".
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    chain(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}
