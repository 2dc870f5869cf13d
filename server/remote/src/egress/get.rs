//! Asking for a file: a GET without a body, a key or anything else of the user's. What is asked for and
//! what is made of the answer is the caller's business (`download.rs`); no redirect is followed here.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{self, HeaderMap, HeaderValue};
use url::Url;

use super::{Egress, Way, of_network, text_of, told};
use crate::endpoint::{Origin, Proxy};
use crate::failure::{Failure, Kind, Limit, Refusal};

/// How a server of files is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// As with an endpoint; loopback is always direct.
    pub proxy: Proxy,
    /// PEM file of the only authorities to trust, instead of the system's.
    pub authorities: Option<PathBuf>,
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// Until the head of the answer, and between two pieces of its body.
    pub silence: Duration,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its address; http only on loopback.
    pub url: &'a Url,
    /// The first byte wanted; 0 asks for the whole.
    pub from: u64,
    /// What the server called the version that the first bytes are of. With `from` 0 the answer 304 says
    /// that it still is this one; with a later byte another version comes whole.
    pub version: Option<&'a str>,
}

/// An answer that has begun, whatever its status.
pub struct Arriving {
    response: Response,
    silence: Duration,
}

impl fmt::Debug for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arriving({})", self.response.status())
    }
}

impl Egress {
    /// Asks for a file and waits for the head of the answer.
    ///
    /// # Errors
    /// [`Kind::Refused`] for an address that may not be asked, else what the network said. Any status is an
    /// answer.
    pub async fn get(&self, wanted: Wanted<'_>, route: &Route) -> Result<Arriving, Failure> {
        let origin =
            Origin::of(wanted.url).ok_or_else(|| Failure::refused(Refusal::Address, ""))?;
        if !origin.is_tls() && !origin.is_loopback() {
            return Err(Failure::refused(Refusal::PlainHttp, ""));
        }
        let client = self.client(Way {
            origin,
            proxy: route.proxy.clone(),
            authorities: route.authorities.clone(),
            connect: route.connect,
        })?;
        let request = client.get(wanted.url.clone()).headers(headers(wanted));
        Arriving::of(request, route.silence).await
    }
}

fn headers(wanted: Wanted<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(header::ACCEPT, "*/*");
    // What is hashed and counted are the file's own bytes.
    put(header::ACCEPT_ENCODING, "identity");
    if wanted.from > 0 {
        put(header::RANGE, &format!("bytes={}-", wanted.from));
    }
    match wanted.version {
        Some(version) if wanted.from > 0 => put(header::IF_RANGE, version),
        Some(version) if version.ends_with('"') => put(header::IF_NONE_MATCH, version),
        Some(version) => put(header::IF_MODIFIED_SINCE, version),
        None => {}
    }
    headers
}

impl Arriving {
    /// Sends a request and waits for the head of its answer, no longer than `silence`.
    pub(super) async fn of(
        request: reqwest::RequestBuilder,
        silence: Duration,
    ) -> Result<Arriving, Failure> {
        match tokio::time::timeout(silence, request.send()).await {
            Ok(Ok(response)) => Ok(Arriving { response, silence }),
            Ok(Err(error)) => Err(of_network(error, true)),
            Err(_) => Err(Failure::new(Kind::Timeout(Limit::FirstText), "")),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// A header's value, by its name in lower case; `None` also where it is no text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Bytes of the body, as far as the head tells.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        text_of(&self.response, header::CONTENT_LENGTH)?
            .parse()
            .ok()
    }

    /// The next bytes of the body; `None` at its end.
    ///
    /// # Errors
    /// [`Kind::Cut`] when the connection broke, also before as many bytes as the head promised;
    /// [`Kind::Timeout`] when nothing came for too long.
    pub async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Failure> {
        match tokio::time::timeout(self.silence, self.response.chunk()).await {
            Ok(chunk) => {
                chunk.map_err(|error| Failure::new(Kind::Cut, &told(&error.without_url())))
            }
            Err(_) => Err(Failure::new(Kind::Timeout(Limit::Between), "")),
        }
    }
}
