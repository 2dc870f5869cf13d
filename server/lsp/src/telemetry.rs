//! Where log lines go: warnings to stderr, and what the user's filter names to one file per process.
//! Never stdout, which is the protocol's. Lines carry ids, counts, durations and reasons; the text
//! of a document, a prompt or a suggestion is never logged, not even by a panic.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

pub use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::paths::{self, Paths};

/// Size at which a log file is moved aside, bytes. With the one before it a process keeps twice this.
const MAX_FILE: u64 = 5 * 1024 * 1024;

/// How many files of earlier processes stay.
const KEPT: usize = 10;

/// Starts logging for the whole process; to be called once, by the binary. `least` is what stderr
/// shows: warnings of a server, errors of a command, which tells its troubles itself. The answer is a
/// sentence for the user where the log file cannot be had; the program goes on without it.
pub fn start(least: LevelFilter, filter: Option<&str>, paths: Option<&Paths>) -> Option<String> {
    let (file, problem) = match filter.map(|filter| file_layer(filter, paths)) {
        Some(Ok(file)) => (Some(file), None),
        Some(Err(sentence)) => (None, Some(sentence)),
        None => (None, None),
    };
    let stderr = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .without_time()
        .with_filter(least.and(filter_fn(is_ours)));
    // A second start, as in a test, keeps the first.
    let _ = tracing_subscriber::registry()
        .with(file)
        .with(stderr)
        .try_init();
    std::panic::set_hook(Box::new(log_panic));
    problem
}

/// Whether an event comes from our own crates or ONNX Runtime, which see to it that no text is logged.
/// Others do log it: a tokenizer each step of its work, a JSON parser what it could not read.
fn is_ours(metadata: &tracing::Metadata<'_>) -> bool {
    ["foretoken", "onnxruntime", "ort"].iter().any(|name| {
        let rest = metadata.target().strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', ':']))
    })
}

/// A panic by its place, and by its message only where that is a literal: a computed one may quote
/// the text of a document (slicing a string does).
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let message = info
        .payload()
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("(withheld)");
    crate::reports::note_panic(info);
    let thread = std::thread::current();
    tracing::error!(
        place,
        message,
        thread = thread.name().unwrap_or("?"),
        "a task panicked"
    );
}

type Boxed<S> = Box<dyn Layer<S> + Send + Sync>;

/// The file layer, or a sentence about why there is none.
fn file_layer<S>(filter: &str, paths: Option<&Paths>) -> Result<Boxed<S>, String>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        format!(
            "The log filter {filter:?} is not valid ({error}); try \"info\". No log is written."
        )
    })?;
    let paths = paths.ok_or("There is no home directory, so no log is written.")?;
    let file = LogFile::create(&paths.logs())
        .map_err(|error| format!("No log is written to {}: {error}.", paths.logs().display()))?;
    Ok(fmt::layer()
        .with_writer(Writer(Mutex::new(file)))
        .with_ansi(false)
        .with_filter(filter.and(filter_fn(is_ours)))
        .boxed())
}

/// The log file of this process.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: File,
    written: u64,
}

impl LogFile {
    /// A new file named by start time and process, after the oldest ones were removed.
    fn create(directory: &Path) -> io::Result<LogFile> {
        paths::create_dir(directory)?;
        remove_oldest(directory);
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let name = format!("foretoken-{}-{}.log", since.as_secs(), std::process::id());
        let path = directory.join(name);
        Ok(LogFile {
            file: paths::create_file(&path)?,
            path,
            written: 0,
        })
    }

    /// Moves a full file aside, over the one that was moved before. Where that cannot be done (a
    /// platform that forbids it for open files) the file is emptied, so that it stays bounded.
    fn roll(&mut self) -> io::Result<()> {
        let _ = std::fs::rename(&self.path, self.path.with_extension("old.log"));
        self.file = paths::create_file(&self.path)?;
        self.written = 0;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written >= MAX_FILE {
            self.roll()?;
        }
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Leaves the newest files; the names begin with the start time, so they sort by age.
fn remove_oldest(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    let mut logs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    logs.sort();
    let surplus = logs.len().saturating_sub(KEPT - 1);
    for path in &logs[..surplus] {
        // A file of another user or one just removed by a sibling is no trouble of ours.
        let _ = std::fs::remove_file(path);
    }
}

/// Hands the one file to whoever logs. A lock suffices: a line is one short write.
struct Writer(Mutex<LogFile>);

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Line<'a>(std::sync::MutexGuard<'a, LogFile>);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_file_is_private_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("log");
        let mut file = LogFile::create(&logs).unwrap();
        assert_eq!(paths::open_to_others(&file.path), None);
        assert_eq!(paths::open_to_others(&logs), None);
        let line = [b'x'; 64 * 1024];
        for _ in 0..200 {
            file.write_all(&line).unwrap();
        }
        let sizes: Vec<u64> = std::fs::read_dir(&logs)
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .collect();
        assert_eq!(sizes.len(), 2);
        assert!(
            sizes
                .iter()
                .all(|size| *size <= MAX_FILE + line.len() as u64),
            "{sizes:?}"
        );
    }

    #[test]
    fn the_newest_files_of_earlier_processes_stay() {
        let folder = tempfile::tempdir().unwrap();
        for start in 100..120 {
            let name = format!("foretoken-{start}-1.log");
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        let file = LogFile::create(folder.path()).unwrap();
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), KEPT + 1, "{names:?}");
        assert_eq!(names[0], "foretoken-111-1.log");
        assert!(file.path.exists());
        assert!(names.contains(&"notes.txt".to_owned()));
    }

    #[test]
    fn only_our_own_crates_reach_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::under(folder.path());
        let file = file_layer("trace", Some(&paths)).unwrap();
        let subscriber = tracing_subscriber::registry().with(file);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "foretoken::main_loop", "kept: a");
            tracing::trace!(target: "foretoken_infer::worker", "kept: b");
            tracing::warn!(target: "onnxruntime", "kept: c");
            tracing::error!(target: "tokenizers::tokenizer", "let canary = 1;");
            tracing::error!(target: "tower_lsp_server", "let canary = 2;");
            tracing::error!(target: "order", "let canary = 3;");
        });
        let entry = std::fs::read_dir(paths.logs())
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        assert_eq!(text.matches("kept: ").count(), 3, "{text}");
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn a_filter_that_makes_no_sense_and_a_home_that_is_none_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::under(folder.path());
        let sentence = |filter: &str, paths: Option<&Paths>| {
            file_layer::<tracing_subscriber::Registry>(filter, paths)
                .map(drop)
                .unwrap_err()
        };
        assert!(sentence("a=b=c", Some(&paths)).contains("is not valid"));
        assert!(sentence("info", None).contains("no home directory"));
        std::fs::write(&paths.state, "").unwrap();
        assert!(sentence("info", Some(&paths)).starts_with("No log is written to"));
    }
}
