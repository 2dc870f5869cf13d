//! Files that a user asked to have from a server of theirs: whole or not at all, going on where an earlier
//! attempt was cut, and never with bytes of two versions in one file. What a file must be is not known here;
//! the caller compares hashes. Nothing is asked for unless a person typed the command for it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::egress::{Arriving, Egress, Route, Wanted};
use crate::endpoint::Origin;
use crate::failure::{Failure, Kind, Limit, Refusal, RetryAfter};

mod note;
mod range;

use note::Note;
use range::Stretch;

/// Attempts in a row that may bring not one byte.
const ATTEMPTS: u32 = 5;
/// Redirects in a row; browsers allow 20, servers of files need one or two.
const HOPS: usize = 5;

/// A folder on a server.
#[derive(Debug)]
pub struct Remote {
    base: Url,
    origin: Origin,
    route: Route,
    egress: Egress,
    /// Before the second attempt; twice as long before each further one.
    pub pause: Duration,
}

/// One file of it, and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// Relative to the folder, with `/` between its parts.
    pub name: &'a str,
    /// Where it lies once it is whole.
    pub into: &'a Path,
    /// A folder for what is not whole yet and for notes about versions.
    pub unfinished: &'a Path,
    /// Most bytes.
    pub most: u64,
    /// The caller compares a hash, so that a file which is whole needs no second look at the server.
    pub hashed: bool,
}

/// What a person who waits may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// So many bytes are here, of so many where the server says.
    Has { bytes: u64, of: Option<u64> },
    /// The server hands us on to another origin, which is asked instead.
    Elsewhere(Origin),
    /// The file is another one than that which was begun; it is fetched from its first byte.
    Anew,
    /// It broke off and is tried again.
    Again(Failure),
}

/// How a file came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetched {
    /// Its size.
    pub bytes: u64,
    /// Of them, from an earlier attempt.
    pub kept: u64,
}

/// Why a file did not come. [`fmt::Display`] is the end of a sentence that begins with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The server has none of this name.
    Absent,
    /// It has more bytes than may come.
    TooLarge { bytes: Option<u64>, most: u64 },
    /// A page for people came, such as a login.
    Page,
    /// It kept changing.
    Unsteady,
    /// The server does not give it; its status.
    Denied(u16),
    /// The server or the way to it.
    Failed(Failure),
    /// It cannot be written here.
    Disk(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Absent => f.write_str("is not there (status 404)"),
            Problem::TooLarge {
                bytes: Some(bytes),
                most,
            } => {
                write!(f, "has {bytes} bytes, and at most {most} are taken")
            }
            Problem::TooLarge { bytes: None, most } => {
                write!(f, "has more than the {most} bytes that are taken")
            }
            Problem::Page => f.write_str("did not come: a web page came instead (a login?)"),
            Problem::Denied(status) => {
                write!(f, "is not given to everybody who asks (status {status})")
            }
            Problem::Unsteady => f.write_str("changes while it is fetched; try again later"),
            Problem::Failed(failure) => {
                write!(f, "did not come: {}", failure.sentence("the server"))
            }
            Problem::Disk(said) => write!(f, "cannot be written: {said}"),
        }
    }
}

/// Why one attempt ended.
enum Ended {
    /// The next may go better.
    Again(Failure),
    /// What is here is of another version and is thrown away.
    Other,
    For(Problem),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Ended {
        Ended::For(Problem::Disk(error.to_string()))
    }
}

impl Remote {
    /// The folder at this address.
    ///
    /// # Errors
    /// [`Refusal::Address`] for anything but an http or https address with a host, without user, password,
    /// query and fragment; [`Refusal::PlainHttp`] for http to another machine.
    pub fn new(address: &str, route: Route) -> Result<Remote, Failure> {
        let (base, origin) = folder(address)?;
        Ok(Remote {
            base,
            origin,
            route,
            egress: Egress::default(),
            pause: Duration::from_secs(1),
        })
    }

    /// Whom it belongs to.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Fetches one file.
    ///
    /// # Errors
    /// [`Problem`]; what came so far is kept for the next call where that may be of use.
    pub async fn fetch(
        &self,
        piece: &Piece<'_>,
        tell: &mut dyn FnMut(Step),
    ) -> Result<Fetched, Problem> {
        let (mut fruitless, mut anew) = (0, 0);
        loop {
            let before = note::size(&piece.part());
            let ended = match self.attempt(piece, tell).await {
                Ok(fetched) => return Ok(fetched),
                Err(ended) => ended,
            };
            match ended {
                Ended::For(problem) => return Err(problem),
                Ended::Other => {
                    anew += 1;
                    if anew > ATTEMPTS {
                        return Err(Problem::Unsteady);
                    }
                    piece.forget();
                    tell(Step::Anew);
                }
                Ended::Again(failure) => {
                    fruitless = match note::size(&piece.part()) > before {
                        true => 1,
                        false => fruitless + 1,
                    };
                    if fruitless > ATTEMPTS {
                        return Err(Problem::Failed(failure));
                    }
                    let wait = self.pause * 2_u32.pow(fruitless - 1);
                    let asked = failure.retry_after.map_or(Duration::ZERO, |after| after.0);
                    tell(Step::Again(failure));
                    tokio::time::sleep(wait.max(asked.min(60 * self.pause))).await;
                }
            }
        }
    }

    async fn attempt(
        &self,
        piece: &Piece<'_>,
        tell: &mut dyn FnMut(Step),
    ) -> Result<Fetched, Ended> {
        let url = self.address(piece.name)?;
        let note = Note::read(&piece.note()).filter(|note| note.address == url.as_str());
        let done = note
            .as_ref()
            .filter(|note| note.whole && piece.into.is_file());
        let here = Fetched {
            bytes: note::size(piece.into),
            kept: note::size(piece.into),
        };
        if done.is_some() && piece.hashed {
            return Ok(here);
        }
        let version = note.as_ref().and_then(|note| note.version.as_deref());
        let from = match (done, version) {
            (None, Some(_)) => note::size(&piece.part()),
            _ => 0,
        };
        let version = version.filter(|_| from > 0 || done.is_some());
        let arriving = self.follow(url.clone(), from, version, tell).await?;
        match arriving.status() {
            200 | 206 => check_body(&arriving)?,
            304 if done.is_some() => return Ok(here),
            404 | 410 => return Err(Ended::For(Problem::Absent)),
            // What is here is longer than the file, or just as long.
            416 if from > 0 => return Err(Ended::Other),
            status => return Err(of_status(status, &arriving)),
        }
        let came = Note {
            address: url.into(),
            version: version_of(&arriving),
            total: None,
            whole: false,
        };
        let (from, note) = match arriving.status() {
            206 => (from, resumed(&arriving, from, note.as_ref(), came)?),
            _ => {
                if from > 0 {
                    tell(Step::Anew);
                }
                let total = arriving.length();
                (0, Note { total, ..came })
            }
        };
        if note.total.is_some_and(|total| total > piece.most) {
            let (bytes, most) = (note.total, piece.most);
            return Err(Ended::For(Problem::TooLarge { bytes, most }));
        }
        let bytes = receive(arriving, piece, (from, &note), tell).await?;
        fs::rename(piece.part(), piece.into)?;
        Note {
            whole: true,
            ..note
        }
        .write(&piece.note())?;
        Ok(Fetched { bytes, kept: from })
    }

    /// Asks, and asks whom the answer names, as far as that may be.
    async fn follow(
        &self,
        mut url: Url,
        from: u64,
        version: Option<&str>,
        tell: &mut dyn FnMut(Step),
    ) -> Result<Arriving, Ended> {
        let mut origin = self.origin.clone();
        for _ in 0..=HOPS {
            let wanted = Wanted {
                url: &url,
                from,
                version,
            };
            let arriving = self.egress.get(wanted, &self.route).await.map_err(of_way)?;
            if !matches!(arriving.status(), 301 | 302 | 303 | 307 | 308) {
                return Ok(arriving);
            }
            let refuse = |said: &str| {
                let failure = Failure::refused(Refusal::Address, said);
                Ended::For(Problem::Failed(failure))
            };
            let location = arriving.header("location");
            let next = location.and_then(|location| url.join(location).ok());
            let Some((next, to)) = next.and_then(|next| Some((next.clone(), Origin::of(&next)?)))
            else {
                return Err(refuse("it redirects to no address"));
            };
            // Who begins safely or elsewhere must not be led to plain text or to this machine's own servers.
            if (origin.is_tls() && !to.is_tls()) || (to.is_loopback() && !origin.is_loopback()) {
                return Err(refuse(&format!("it redirects to {to}")));
            }
            if to != origin {
                tell(Step::Elsewhere(to.clone()));
            }
            (url, origin) = (next, to);
        }
        let failure = Failure::new(Kind::Redirect, "there is no end of it");
        Err(Ended::For(Problem::Failed(failure)))
    }

    fn address(&self, name: &str) -> Result<Url, Ended> {
        let mut url = self.base.clone();
        let refuse = || Ended::For(Problem::Failed(Failure::refused(Refusal::Address, "")));
        let is_name = |part: &str| !matches!(part, "" | "." | "..");
        if !name.split('/').all(is_name) {
            return Err(refuse());
        }
        url.path_segments_mut()
            .map_err(|()| refuse())?
            .pop_if_empty()
            .extend(name.split('/'));
        Ok(url)
    }
}

impl Piece<'_> {
    fn beside(&self, ending: &str) -> PathBuf {
        let flat = self.name.replace('/', "%2F");
        self.unfinished.join(format!("{flat}{ending}"))
    }

    fn part(&self) -> PathBuf {
        self.beside(".part")
    }

    fn note(&self) -> PathBuf {
        self.beside(".note")
    }

    /// Throws away what is here of the file, whole or not.
    pub fn forget(&self) {
        for path in [&*self.part(), &*self.note(), self.into] {
            // What is not there is gone; what cannot be removed cannot be written either, which is told.
            let _ = fs::remove_file(path);
        }
    }
}

/// An address of a folder with its origin.
///
/// # Errors
/// As [`Remote::new`].
pub fn folder(address: &str) -> Result<(Url, Origin), Failure> {
    let refuse = |said: &str| Failure::refused(Refusal::Address, said);
    let url = Url::parse(address.trim()).map_err(|_| refuse(""))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("it holds a user name"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("a folder's address has neither ? nor #"));
    }
    let origin = Origin::of(&url).ok_or_else(|| refuse(""))?;
    match origin.is_tls() || origin.is_loopback() {
        true => Ok((url, origin)),
        false => Err(Failure::refused(Refusal::PlainHttp, "")),
    }
}

/// What stands behind the bytes that are here, if it does.
fn resumed(
    arriving: &Arriving,
    from: u64,
    known: Option<&Note>,
    came: Note,
) -> Result<Note, Ended> {
    let stretch = arriving.header("content-range").and_then(Stretch::parse);
    let Some(stretch) = stretch.filter(|stretch| stretch.first == from && from > 0) else {
        return Err(Ended::Other);
    };
    let total = known.and_then(|note| note.total);
    let same = known.is_some_and(|note| came.version.is_none() || note.version == came.version);
    if !same || total.is_some_and(|total| stretch.total != total) {
        return Err(Ended::Other);
    }
    let version = known.and_then(|note| note.version.clone());
    let total = Some(stretch.total);
    Ok(Note {
        version,
        total,
        ..came
    })
}

/// Writes the body behind the `from` bytes that are here; their number in the end.
async fn receive(
    mut arriving: Arriving,
    piece: &Piece<'_>,
    (from, note): (u64, &Note),
    tell: &mut dyn FnMut(Step),
) -> Result<u64, Ended> {
    fs::create_dir_all(piece.unfinished)?;
    if let Some(folder) = piece.into.parent() {
        fs::create_dir_all(folder)?;
    }
    note.write(&piece.note())?;
    let mut file = match from {
        0 => File::create(piece.part())?,
        _ => File::options().append(true).open(piece.part())?,
    };
    let mut bytes = from;
    tell(Step::Has {
        bytes,
        of: note.total,
    });
    loop {
        let chunk = match arriving.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(failure) => {
                file.sync_data()?;
                return Err(Ended::Again(failure));
            }
        };
        bytes += chunk.as_ref().len() as u64;
        if bytes > note.total.unwrap_or(piece.most) {
            piece.forget();
            let most = note.total.unwrap_or(piece.most);
            return Err(Ended::For(Problem::TooLarge { bytes: None, most }));
        }
        file.write_all(chunk.as_ref())?;
        tell(Step::Has {
            bytes,
            of: note.total,
        });
    }
    file.sync_all()?;
    match note.total.is_none_or(|total| total == bytes) {
        true => Ok(bytes),
        false => Err(Ended::Again(Failure::new(Kind::Cut, ""))),
    }
}

/// Whether the body can be the file.
fn check_body(arriving: &Arriving) -> Result<(), Ended> {
    let encoding = arriving.header("content-encoding").unwrap_or("identity");
    if !encoding.eq_ignore_ascii_case("identity") {
        let said = "it is compressed, which was not asked for";
        let failure = Failure::new(Kind::Protocol, said);
        return Err(Ended::For(Problem::Failed(failure)));
    }
    let kind = arriving.header("content-type").unwrap_or_default();
    match kind
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("text/html")
    {
        true => Err(Ended::For(Problem::Page)),
        false => Ok(()),
    }
}

/// What names the version well enough to go on with it: a strong ETag, else the time of the last change
/// (RFC 9110, section 13.1.5).
fn version_of(arriving: &Arriving) -> Option<String> {
    let strong = |tag: &&str| tag.starts_with('"') && tag.len() > 1 && tag.ends_with('"');
    let tag = arriving.header("etag").filter(strong);
    let date = || {
        let date = arriving.header("last-modified")?;
        httpdate::parse_http_date(date).is_ok().then_some(date)
    };
    tag.or_else(date).map(str::to_owned)
}

fn of_status(status: u16, arriving: &Arriving) -> Ended {
    let kind = match status {
        408 | 504 => Kind::Timeout(Limit::Theirs),
        429 => Kind::RateLimited,
        500.. => Kind::Server,
        _ => return Ended::For(Problem::Denied(status)),
    };
    let after = arriving.header("retry-after");
    Ended::Again(Failure {
        status: Some(status),
        // Seconds only: a date is seldom right and never needed, since the wait is bounded.
        retry_after: after.and_then(|text| RetryAfter::parse(text, u64::MAX)),
        ..Failure::new(kind, "")
    })
}

fn of_way(failure: Failure) -> Ended {
    match failure.retryable() || matches!(failure.kind, Kind::Timeout(_)) {
        true => Ended::Again(failure),
        false => Ended::For(Problem::Failed(failure)),
    }
}
