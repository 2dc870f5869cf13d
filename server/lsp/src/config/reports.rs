//! Where error reports go, in the section `reports` of the user file: nowhere unless it names a DSN. No editor and
//! no workspace has a say, since whoever names the address gets the reports.

use std::path::PathBuf;

use foretoken_remote::endpoint::{Origin, Proxy};
use foretoken_remote::reports::Dsn;

/// Where reports go, and how it is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// `None` makes none.
    pub dsn: Option<Dsn>,
    /// The way there; loopback is always direct.
    pub proxy: Proxy,
    /// PEM file of the only authorities to trust there, instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl Reports {
    /// The proxy in the form of the settings.
    pub fn proxy_shown(&self) -> &str {
        match &self.proxy {
            Proxy::None => "none",
            Proxy::Environment => "environment",
            Proxy::Url(url) => url,
        }
    }
}

/// A proxy as the settings write it; `None` for what is none.
pub fn proxy(written: &str) -> Option<Proxy> {
    match written {
        "none" => Some(Proxy::None),
        "environment" => Some(Proxy::Environment),
        url => Origin::parse(url).map(|_| Proxy::Url(url.to_owned())),
    }
}
