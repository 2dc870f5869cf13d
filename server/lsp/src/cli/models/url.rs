//! `foretoken models add URL`: a model's files from a place that the user's own settings name, with what a
//! person who waits wants to see.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use foretoken_remote::download::{Remote, Step};
use foretoken_remote::egress::Route;

use super::super::{Context, Failure, runtime};
use crate::models::Models;
use crate::models::fetch::{self, Fetched, Hashes, is_sha256};

/// Until a connection stands. Value of the remote models' deep limits.
const CONNECT: Duration = Duration::from_secs(10);
/// Without a byte the connection counts as broken.
const SILENCE: Duration = Duration::from_secs(30);
/// How often the line of a progress is drawn: more often cannot be read.
const DRAW: Duration = Duration::from_millis(100);
/// Cells of the bar.
const CELLS: u64 = 24;

/// Whether this is an address and no folder.
pub(super) fn is_url(place: &str) -> bool {
    place.contains("://")
}

/// What a model from this address is called: its folder, or of `…/NAME/resolve/REVISION` the name.
pub(super) fn name_of(url: &str) -> Option<String> {
    let (_, path) = url.split_once("://")?;
    let (_, path) = path.trim_end_matches('/').split_once('/')?;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let last = match parts[..] {
        [.., name, "resolve" | "raw", _revision] => name,
        _ => parts.last()?,
    };
    Some(last.to_owned())
}

/// Reads `[FILE=]HEX` of each `--sha256`.
pub(super) fn hashes(told: &[String]) -> Result<Hashes, Failure> {
    let mut hashes = Hashes::default();
    for text in told {
        let (file, hash) = match text.rsplit_once('=') {
            Some((file, hash)) => (Some(file), hash),
            None => (None, text.as_str()),
        };
        if !is_sha256(hash) {
            return Err(Failure(format!(
                "{hash:?} is no SHA-256; it has 64 hexadecimal digits."
            )));
        }
        let hash = hash.to_ascii_lowercase();
        match file {
            Some(file) => drop(hashes.files.insert(file.to_owned(), hash)),
            None => hashes.graph = Some(hash),
        }
    }
    Ok(hashes)
}

/// Fetches the files; they lie in the folder that comes back until they are a model.
pub(super) fn fetch(
    context: &Context,
    models: &Models,
    (url, hashes): (&str, &Hashes),
    err: &mut dyn Write,
) -> Result<Fetched, Failure> {
    let Some(source) = context.settings.model.sources.covering(url) else {
        return Err(Failure(format!(
            "Nothing is fetched from a place that your config.toml does not name. If you trust it, write \
             there:\n[model]\nsources = [{url:?}]"
        )));
    };
    let route = Route {
        proxy: source.proxy.clone(),
        authorities: source.ca_file.clone(),
        connect: CONNECT,
        silence: SILENCE,
    };
    let remote = Remote::new(url, route).map_err(|why| Failure(why.sentence("the source")))?;
    writeln!(err, "foretoken: fetching from {}", remote.origin())?;
    let mut bar = Bar::new(err);
    let fetched = runtime()?.block_on(fetch::fetch(
        models,
        (&remote, url),
        hashes,
        &mut |name, step| bar.tell(name, &step),
    ));
    bar.end();
    let fetched = fetched.map_err(|sentence| {
        Failure(format!(
            "{sentence} What has come is kept; the same command goes on from there."
        ))
    })?;
    for (name, hash) in &fetched.unproven {
        writeln!(
            err,
            "foretoken: nobody said what {name} must be; its SHA-256 is {hash}"
        )?;
    }
    Ok(fetched)
}

/// One line for the file that comes; where nobody looks, one line for each that has come.
struct Bar<'a> {
    err: &'a mut dyn Write,
    is_terminal: bool,
    drawn: Option<Instant>,
    /// Name, bytes, and of how many.
    at: Option<(String, u64, Option<u64>)>,
    /// How the origins were told of already.
    told: Vec<String>,
}

impl<'a> Bar<'a> {
    fn new(err: &'a mut dyn Write) -> Bar<'a> {
        Bar {
            err,
            is_terminal: std::io::stderr().is_terminal(),
            drawn: None,
            at: None,
            told: Vec::new(),
        }
    }

    // A line that cannot be written is no reason to stop: the files are what counts.
    fn tell(&mut self, name: &str, step: &Step) {
        match step {
            Step::Has { bytes, of } => {
                if self.at.as_ref().is_some_and(|(at, ..)| at != name) {
                    self.end();
                }
                let ends = of.is_some_and(|of| of == *bytes);
                self.at = Some((name.to_owned(), *bytes, *of));
                let due = self.drawn.is_none_or(|at| at.elapsed() >= DRAW);
                if self.is_terminal && (due || ends) {
                    self.drawn = Some(Instant::now());
                    let _ = write!(self.err, "\r\x1b[K{}", line(name, *bytes, *of));
                    let _ = self.err.flush();
                }
            }
            Step::Elsewhere(origin) => {
                let origin = origin.to_string();
                if !self.told.contains(&origin) {
                    self.say(&format!(
                        "the server hands on to {origin}, which is asked instead"
                    ));
                    self.told.push(origin);
                }
            }
            Step::Anew => self.say(&format!(
                "{name} is another file than the one begun; from its start"
            )),
            Step::Again(failure) => self.say(&format!(
                "{name}: {}; trying again",
                failure.sentence("the server")
            )),
        }
    }

    fn say(&mut self, sentence: &str) {
        if self.is_terminal && self.drawn.take().is_some() {
            let _ = write!(self.err, "\r\x1b[K");
        }
        let _ = writeln!(self.err, "foretoken: {sentence}");
    }

    /// The file's line stays as it is.
    fn end(&mut self) {
        if let Some((name, bytes, of)) = self.at.take() {
            let back = if self.is_terminal { "\r\x1b[K" } else { "" };
            let _ = writeln!(self.err, "{back}{}", line(&name, bytes, of));
        }
        self.drawn = None;
    }
}

fn line(name: &str, bytes: u64, of: Option<u64>) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    match of.filter(|of| *of > 0) {
        None => format!("{name}  {:.1} MB", megabytes(bytes)),
        Some(of) => {
            let full = (bytes.saturating_mul(CELLS) / of).min(CELLS);
            let full = usize::try_from(full).unwrap_or(0);
            let empty = usize::try_from(CELLS).unwrap_or(0) - full;
            format!(
                "{name}  [{}{}] {:.1} of {:.1} MB",
                "#".repeat(full),
                ".".repeat(empty),
                megabytes(bytes),
                megabytes(of)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_called_as_its_folder_is() {
        let name = |url| name_of(url).unwrap_or_default();
        assert_eq!(name("https://a.example/org/coder/resolve/main/"), "coder");
        assert_eq!(name("https://a.example/models/coder-int4"), "coder-int4");
        assert_eq!(name("https://a.example/"), "");
        assert_eq!(name("https://a.example"), "");
    }

    #[test]
    fn hashes_belong_to_the_graph_or_to_a_file() {
        let hex = "Ab".repeat(32);
        let read = hashes(&[hex.clone(), format!("manifest.toml={hex}")]).unwrap();
        let lower = hex.to_ascii_lowercase();
        assert_eq!(read.graph.as_ref(), Some(&lower));
        assert_eq!(read.files["manifest.toml"], lower);
        assert!(hashes(&["abc".to_owned()]).is_err());
    }

    #[test]
    fn a_line_shows_how_far_it_is() {
        assert_eq!(
            line("model.onnx", 3_000_000, Some(4_000_000)),
            "model.onnx  [##################......] 3.0 of 4.0 MB"
        );
        assert_eq!(line("a", 0, Some(0)), "a  0.0 MB");
        assert_eq!(
            line("a", 9, Some(3)),
            format!("a  [{}] 0.0 of 0.0 MB", "#".repeat(24))
        );
    }
}
