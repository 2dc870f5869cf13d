//! Where a link may lead. A click sends whatever the address holds, so an address that could carry data is shown, not live.

/// What becomes of an address that a model wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Link {
    /// It may be clicked; the host is shown beside the text.
    Live {
        /// The address, fit to stand between `(` and `)`.
        url: String,
        /// The host with its port.
        host: String,
    },
    /// On the web, but shown as text only.
    Shown(String),
    /// Leads to a program, a file, or nowhere.
    Gone,
}

/// Longest address that is live; longer ones carry something.
const LONGEST: usize = 200;

/// Judges an address. Live are `http` and `https` in plain ASCII, to a named host without user and password, without a
/// query.
pub fn judge(url: &str) -> Link {
    let low = url.to_ascii_lowercase();
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| low.starts_with(scheme));
    let Some(scheme) = scheme else {
        return Link::Gone;
    };
    let rest = &url[scheme.len()..];
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let host = &rest[..end];
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/#:@!$&'*+,;=%()".contains(&b);
    let named = !host.is_empty()
        && host.contains('.')
        && !host.to_ascii_lowercase().starts_with("xn--")
        && !host.to_ascii_lowercase().contains(".xn--")
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b));
    match named && url.len() <= LONGEST && rest.bytes().all(plain) {
        true => Link::Live {
            url: url.replace('(', "%28").replace(')', "%29"),
            host: host.to_ascii_lowercase(),
        },
        false => Link::Shown(url.to_owned()),
    }
}

/// The first bare address in a text, as some renderers would make a link of it: bytes from and to.
pub fn bare(text: &str) -> Option<std::ops::Range<usize>> {
    // From the rare sign in each of them: no text is looked at twice.
    let bytes = text.as_bytes();
    let ends_with = |at: usize, prefix: &str| {
        at >= prefix.len() && bytes[at - prefix.len()..at].eq_ignore_ascii_case(prefix.as_bytes())
    };
    let start = memchr::memchr2_iter(b'/', b'.', bytes).find_map(|at| {
        let prefixes = ["https:/", "http:/", "www"];
        let prefix = prefixes
            .into_iter()
            .find(|prefix| match prefix.ends_with('/') {
                true => {
                    bytes[at] == b'/'
                        && ends_with(at + 1, prefix)
                        && bytes.get(at + 1) == Some(&b'/')
                }
                false => bytes[at] == b'.' && ends_with(at, prefix),
            })?;
        Some(at + usize::from(bytes[at] == b'/') - prefix.len())
    })?;
    let end = text[start..]
        .find(|c: char| c.is_whitespace() || "<>\"`|\\^{}[]".contains(c))
        .map_or(text.len(), |end| start + end);
    let trimmed =
        text[start..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '*', '_', '\'']);
    Some(start..start + trimmed.len().max(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a10_only_plain_web_addresses_are_live() {
        for good in [
            "https://doc.rust-lang.org/std/vec/struct.Vec.html#method.push",
            "http://example.com",
            "https://host.example:8443/a%20b/c_(d)",
        ] {
            assert!(matches!(judge(good), Link::Live { .. }), "{good}");
        }
        for shown in [
            "https://evil.example/?q=secret",
            "https://good.example@evil.example/",
            "https://user:pw@host.example/",
            "https://еxample.com/",
            "https://xn--xample-2of.com/",
            "https://localhost",
            "https://host.example\\@evil.example",
            "https://host.example/a b",
            &format!("https://host.example/{}", "x".repeat(200)),
        ] {
            assert_eq!(judge(shown), Link::Shown(shown.to_owned()));
        }
        for gone in [
            "command:workbench.action.quit",
            "vscode://file/etc/passwd",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "src/a.rs",
            "//evil.example",
            "",
        ] {
            assert_eq!(judge(gone), Link::Gone, "{gone}");
        }
        let Link::Live { url, host } = judge("https://Host.Example:8443/c_(d)") else {
            panic!("it is live")
        };
        assert_eq!(
            (url.as_str(), host.as_str()),
            ("https://Host.Example:8443/c_%28d%29", "host.example:8443")
        );
    }

    #[test]
    fn bare_addresses_end_before_the_sentence_does() {
        let found = |text: &str| bare(text).map(|range| text[range].to_owned());
        assert_eq!(
            found("see https://a.example/b, or"),
            Some("https://a.example/b".to_owned())
        );
        assert_eq!(found("(www.a.example)."), Some("www.a.example".to_owned()));
        assert_eq!(found("no address"), None);
    }
}
