//! A server of files: what `faultd` answers where a model's folder is asked for. It knows ranges and versions as
//! real servers do, and does on demand what they do on their worst day.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::faultd::{Maker, Script, Seen, Step};

/// The files by their names, and what goes wrong.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<String, (Vec<u8>, u32)>,
    faults: Vec<(String, Fault)>,
}

/// One thing that goes wrong, once, with the file that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends after so many bytes of the body.
    CutAfter(usize),
    /// The head promises so many bytes more than come.
    Promises(usize),
    /// The head says that the body has so many bytes.
    Says(u64),
    /// This status, with an empty body.
    Status(u16),
    /// A page for people.
    Page,
    /// On to this address.
    Redirect(String),
    /// The stretch that was asked for is not the one that comes.
    OtherStretch,
}

impl Files {
    /// Puts a file there, or another one in its place.
    pub fn put(&self, name: &str, content: &[u8]) {
        let mut inner = self.lock();
        let version = inner.files.get(name).map_or(0, |(_, version)| version + 1);
        inner
            .files
            .insert(name.to_owned(), (content.to_vec(), version));
    }

    /// Lets the next request for this file meet a fault; several come in their order.
    pub fn fault(&self, name: &str, fault: Fault) {
        self.lock().faults.push((name.to_owned(), fault));
    }

    /// What the server answers, to all requests.
    #[must_use]
    pub fn script(&self) -> Script {
        let files = self.clone();
        let make = move |seen: &Seen| files.answer(seen);
        vec![Step::Made(Maker(Arc::new(make))), Step::Close]
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, seen: &Seen) -> Vec<u8> {
        let path = seen.head.split(' ').nth(1).unwrap_or_default();
        // Below any folder.
        let mut inner = self.lock();
        let Some(name) = inner
            .files
            .keys()
            .find(|name| path.ends_with(&format!("/{name}")))
            .cloned()
        else {
            return head(404, "Not Found", &[], 0);
        };
        let at = inner.faults.iter().position(|(of, _)| *of == name);
        let fault = at.map(|at| inner.faults.remove(at).1);
        let (content, version) = &inner.files[&name];
        let tag = format!("\"v{version}\"");
        match &fault {
            Some(Fault::Status(status)) => return head(*status, "No", &[], 0),
            Some(Fault::Redirect(to)) => return head(302, "Found", &[("Location", to)], 0),
            Some(Fault::Page) => {
                let page = "<html>Who are you?</html>";
                let headers = [("Content-Type", "text/html; charset=utf-8")];
                let mut bytes = head(200, "OK", &headers, page.len() as u64);
                bytes.extend_from_slice(page.as_bytes());
                return bytes;
            }
            _ => {}
        }
        if seen.header("if-none-match") == Some(&tag) {
            return head(304, "Not Modified", &[("ETag", &tag)], 0);
        }
        let from = seen.header("range").and_then(|range| {
            let from = range.strip_prefix("bytes=")?.strip_suffix('-')?;
            from.parse::<usize>().ok()
        });
        let same = seen.header("if-range").is_none_or(|wanted| wanted == tag);
        let from = from.filter(|_| same).unwrap_or(0);
        if from > 0 && from >= content.len() {
            return head(416, "Range Not Satisfiable", &[], 0);
        }
        let told = from + usize::from(fault == Some(Fault::OtherStretch));
        let range = format!("bytes {told}-{}/{}", content.len() - 1, content.len());
        let body = &content[from..];
        let length = match fault {
            Some(Fault::Promises(more)) => (body.len() + more) as u64,
            Some(Fault::Says(length)) => length,
            _ => body.len() as u64,
        };
        let mut bytes = match from {
            0 => head(200, "OK", &[("ETag", &tag)], length),
            _ => {
                let headers = [("ETag", tag.as_str()), ("Content-Range", &range)];
                head(206, "Partial Content", &headers, length)
            }
        };
        let end = match fault {
            Some(Fault::CutAfter(after)) => after.min(body.len()),
            _ => body.len(),
        };
        bytes.extend_from_slice(&body[..end]);
        bytes
    }
}

fn head(status: u16, word: &str, headers: &[(&str, &str)], length: u64) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} {word}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("Content-Length: {length}\r\n\r\n");
    text.into_bytes()
}
