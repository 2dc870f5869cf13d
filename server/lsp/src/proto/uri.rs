//! URIs of documents as paths. Only the local part is looked at; nothing is fetched or opened.

use std::path::Path;

/// The path in a `file:` URI with its percent codes resolved; the part after the scheme of any
/// other URI, which still names the language by its ending.
pub(crate) fn path_of(uri: &str) -> String {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let path = match rest.strip_prefix("//") {
        // An authority stands before the first slash.
        Some(after) => after.find('/').map_or("", |slash| &after[slash..]),
        None => rest,
    };
    let decoded = percent_decoded(path);
    // `/C:/x` is how a drive is written in a URI.
    match decoded.as_bytes() {
        [b'/', drive, b':', ..] if drive.is_ascii_alphabetic() => decoded[1..].to_owned(),
        _ => decoded,
    }
}

/// Resolves percent codes (RFC 3986, 2.1). A code that is none stays as it is, and bytes that are no
/// UTF-8 become U+FFFD: the path is shown and matched, never opened.
fn percent_decoded(text: &str) -> String {
    let hex = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = match bytes[at..] {
            [b'%', high, low, ..] => hex(high).zip(hex(low)),
            _ => None,
        };
        match code {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The `file:` URI of an absolute path: every byte but the unreserved ones (RFC 3986, 2.3) and the
/// slashes is a percent code.
pub(crate) fn of_path(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let mut uri = String::from(if text.starts_with('/') {
        "file://"
    } else {
        // A drive.
        "file:///"
    });
    for byte in text.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(byte as char),
            byte if byte.is_ascii_alphanumeric() => uri.push(byte as char),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_scheme_and_percent_codes() {
        assert_eq!(path_of("file:///home/a%20b/%C3%A4.rs"), "/home/a b/ä.rs");
        assert_eq!(path_of("file:///c%3A/x/y.py"), "c:/x/y.py");
        assert_eq!(path_of("untitled:Untitled-1"), "Untitled-1");
        assert_eq!(path_of("vscode-remote://host/w/a.go"), "/w/a.go");
        assert_eq!(path_of("file:///50%"), "/50%");
        assert_eq!(path_of(""), "");
    }

    #[test]
    fn a_path_comes_back_from_its_uri() {
        for path in ["/home/a b/ä.rs", "/50%/#x?y.py", "/tmp/line\nbreak", "/"] {
            let uri = of_path(Path::new(path));
            assert!(uri.starts_with("file:///") && uri.is_ascii(), "{uri}");
            assert_eq!(path_of(&uri), path);
        }
        assert_eq!(of_path(Path::new("C:\\x y")), "file:///C%3A/x%20y");
    }
}
