//! Where a model is asked: an endpoint as the user's own file describes it, and its *origin*, the part of
//! an address that keys and consent are bound to.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use foretoken_engine::privacy::Reach;
use foretoken_engine::route::{NanoUsd, Price, Tier};
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::{Host, Url};

use crate::failure::{Failure, Refusal};
use crate::keys::KeySource;
use crate::wire::{Dialect, Wire};

/// A provider's address with all that is needed to ask it. Comes from the user's file or the process's
/// environment, never from a workspace or an editor.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// The user's name for it; stands in every sentence about it.
    #[serde(default)]
    pub name: String,
    /// What it speaks.
    #[serde(default)]
    pub wire: Wire,
    /// Up to and without `chat/completions` or `messages`; `/v1` is added where the path is empty. A query, such
    /// as a version, is kept.
    pub base_url: String,
    /// Which content may go there. Declared, never inferred: a proxy on this machine usually forwards to the outside.
    #[serde(default, deserialize_with = "class")]
    pub class: Reach,
    /// What it serves.
    #[serde(default)]
    pub models: Vec<Model>,
    /// Where its key comes from.
    #[serde(default)]
    pub key: KeySource,
    /// Where it computes, for region pins.
    pub region: Option<String>,
    /// Sent with every request; treated as secret as the key.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// Deviations of its server.
    #[serde(default)]
    pub dialect: Dialect,
    /// How it is reached.
    #[serde(default)]
    pub proxy: Proxy,
    /// PEM file of the only authorities to trust here, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// For models that think before they speak: overrides the class's limit until the first text, in ms.
    pub first_text_ms: Option<u64>,
    /// A LiteLLM proxy: gets the tag `feature:<task>`, and names its group in a header.
    #[serde(default)]
    pub litellm: bool,
}

/// How an endpoint is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Proxy {
    /// Directly, whatever the environment says.
    #[default]
    None,
    /// As `HTTPS_PROXY` and its like of the server's process say.
    Environment,
    /// Through this address.
    Url(String),
}

/// A model of an endpoint.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Model {
    /// As the endpoint names it.
    pub name: String,
    /// `small`, `medium` or `large`: what the router matches with the question.
    #[serde(default = "medium", deserialize_with = "tier")]
    pub tier: Tier,
    /// Tokens of prompt and answer together.
    #[serde(default = "window")]
    pub window: u64,
    /// Without a price the model is not asked while a budget is set. Written in US dollars for a million tokens.
    #[serde(default, deserialize_with = "price")]
    pub price: Option<Price>,
    /// It can call tools. Others are offered none.
    #[serde(default)]
    pub tools: bool,
}

fn window() -> u64 {
    // The smallest window among the models offered for chat today is no smaller.
    32_768
}

fn medium() -> Tier {
    Tier::Medium
}

fn class<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Reach, D::Error> {
    let written = String::deserialize(deserializer)?;
    let unknown = || D::Error::custom("`class` is `public`, `in-house` or `local`");
    Reach::from_code(&written).ok_or_else(unknown)
}

fn tier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tier, D::Error> {
    let written = String::deserialize(deserializer)?;
    let unknown = || D::Error::custom("`tier` is `small`, `medium` or `large`");
    Tier::from_code(&written).ok_or_else(unknown)
}

fn price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Price>, D::Error> {
    let written = Option::<WrittenPrice>::deserialize(deserializer)?;
    let read = written.map(Price::try_from).transpose();
    read.map_err(D::Error::custom)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenPrice {
    input: f64,
    cached: Option<f64>,
    output: f64,
}

impl TryFrom<WrittenPrice> for Price {
    type Error = String;

    fn try_from(written: WrittenPrice) -> Result<Price, String> {
        let nano = |usd: f64| {
            // Above any price, and far below where a float loses nano-USD.
            if (0.0..=1e6).contains(&usd) {
                Ok(NanoUsd((usd * 1e9).round() as u64))
            } else {
                Err(format!("a price of {usd} USD per million tokens"))
            }
        };
        Ok(Price {
            input: nano(written.input)?,
            cached_input: nano(written.cached.unwrap_or(written.input))?,
            output: nano(written.output)?,
        })
    }
}

impl Endpoint {
    /// The address that requests go to, and its origin.
    ///
    /// # Errors
    /// [`Refusal::Address`] for anything but an http or https address with a host and without user and
    /// password, [`Refusal::PlainHttp`] for http to another machine.
    pub fn target(&self) -> Result<Target, Failure> {
        let refuse = |refusal, said: &str| Err(Failure::refused(refusal, said));
        let Ok(mut url) = Url::parse(self.base_url.trim()) else {
            return refuse(Refusal::Address, "");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(Refusal::Address, "it holds a user name");
        }
        let Some(origin) = Origin::of(&url) else {
            return refuse(Refusal::Address, "");
        };
        if !origin.tls && !origin.is_loopback() {
            return refuse(Refusal::PlainHttp, "");
        }
        // The dot would make another name of the same host, for TLS too.
        if url.set_host(Some(&origin.host)).is_err() {
            return refuse(Refusal::Address, "");
        }
        url.set_fragment(None);
        let base = match url.path().trim_end_matches('/') {
            "" => "/v1".to_owned(),
            path => path.to_owned(),
        };
        url.set_path(&format!("{base}/{}", self.wire.path()));
        Ok(Target { url, origin })
    }

    /// The model of that name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|m| m.name == name)
    }

    /// The user's own limit until the first text.
    #[must_use]
    pub fn first_text(&self) -> Option<Duration> {
        self.first_text_ms.map(Duration::from_millis)
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The whole address.
    pub url: Url,
    /// Whom it belongs to.
    pub origin: Origin,
}

/// Scheme, host and port: what a key belongs to and what a user consents to. The host is lower-case,
/// IDNA-encoded and without a trailing dot, so that two spellings of one origin are equal and two look-alikes
/// are not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    tls: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an address; `None` without a host, a port or a scheme that we speak.
    #[must_use]
    pub fn of(url: &Url) -> Option<Origin> {
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = url.host_str()?.trim_end_matches('.').to_lowercase();
        if host.is_empty() {
            return None;
        }
        Some(Origin {
            tls,
            host,
            port: url.port_or_known_default()?,
        })
    }

    /// The origin in a text such as `https://api.example.com`, whatever path follows.
    #[must_use]
    pub fn parse(text: &str) -> Option<Origin> {
        Origin::of(&Url::parse(text.trim()).ok()?)
    }

    /// The host, as a user may read it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// 127.0.0.0/8, ::1 or `localhost`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match Host::parse(&self.host) {
            Ok(Host::Ipv4(address)) => address.is_loopback(),
            Ok(Host::Ipv6(address)) => address.is_loopback(),
            Ok(Host::Domain(name)) => name == "localhost",
            Err(_) => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let usual = if self.tls { 443 } else { 80 };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

#[cfg(test)]
mod tests;
