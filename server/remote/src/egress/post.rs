//! Handing a report over: a POST of bytes that hold nothing of a document, whose body is made elsewhere
//! (`reports.rs`). No redirect is followed, and of the answer only status and headers are looked at.

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::{Arriving, Egress, Route, Way};
use crate::endpoint::Origin;
use crate::failure::{Failure, Refusal};

/// What is handed over, and to whom.
#[derive(Debug, Clone)]
pub struct Posted<'a> {
    /// Its address; http only on loopback.
    pub url: &'a Url,
    /// Of the body.
    pub content_type: &'static str,
    /// One header that says who sends, by a name in lower case.
    pub sender: (&'static str, String),
    /// The bytes.
    pub body: Vec<u8>,
}

impl Egress {
    /// Hands it over and waits for the head of the answer.
    ///
    /// # Errors
    /// As [`Egress::get`]. Any status is an answer.
    pub async fn post(&self, posted: Posted<'_>, route: &Route) -> Result<Arriving, Failure> {
        let origin =
            Origin::of(posted.url).ok_or_else(|| Failure::refused(Refusal::Address, ""))?;
        if !origin.is_tls() && !origin.is_loopback() {
            return Err(Failure::refused(Refusal::PlainHttp, ""));
        }
        let client = self.client(Way {
            origin,
            proxy: route.proxy.clone(),
            authorities: route.authorities.clone(),
            connect: route.connect,
        })?;
        let request = client
            .post(posted.url.clone())
            .headers(headers(&posted)?)
            .body(posted.body);
        Arriving::of(request, route.silence).await
    }
}

fn headers(posted: &Posted<'_>) -> Result<HeaderMap, Failure> {
    let (name, value) = &posted.sender;
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Failure::refused(Refusal::Key, "it cannot be sent in a header"))?;
    value.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(posted.content_type),
    );
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    headers.insert(HeaderName::from_static(name), value);
    Ok(headers)
}
