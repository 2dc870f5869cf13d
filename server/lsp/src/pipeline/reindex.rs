//! The indexes of a session's folders, kept fresh behind the editor's back by two threads of their own:
//! one brings files to the disk and may take its time, the other puts what was just typed or saved before
//! them, so that it is found within a moment. Whoever tells of a change only leaves it here.

mod setup;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use foretoken_engine::document::Document;
use foretoken_grammars::Language;
use foretoken_index::{Error, Hit, Progress, Rules, Work, Workspace};
use foretoken_infer::library::Places;
use foretoken_remote::reports::What;

use crate::config::Encoders as Chosen;
use crate::encoders::{EMBEDDING, Encoders};
use crate::reports;

pub use setup::{Report, Setup};

/// A document's words are taken anew this often at most, while somebody types in it.
const TYPED: Duration = Duration::from_millis(150);
/// Saved files are written to the disk after this much quiet, or once there are so many.
const QUIET: Duration = Duration::from_secs(2);
const MANY: usize = 64;
/// More files saved at once, as a build or a checkout does it, are found by a walk.
const FLOOD: usize = 256;
/// Told no more often than this.
const TELL: Duration = Duration::from_millis(250);

/// Files whose change may make other files part of the index, or none any more.
const RULES: &[&str] = &[".gitignore", ".ignore", ".foretoken.toml"];

/// The handle; clones are the same indexer. Dropping the last does not end it: [`Indexer::stop`] does.
#[derive(Clone)]
pub struct Indexer(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// Something was typed, closed or saved.
    layers: Condvar,
    /// Something is to be written or walked.
    writer: Condvar,
    workspaces: Mutex<Vec<Arc<Workspace>>>,
    stop: AtomicBool,
    told: Box<dyn Fn(Report) + Send + Sync>,
}

#[derive(Default)]
struct Queue {
    changed: BTreeMap<PathBuf, Document>,
    closed: BTreeSet<PathBuf>,
    saved: BTreeSet<PathBuf>,
    /// The folders are open, so that there is something to put layers on.
    opened: bool,
    /// All files are to be looked at.
    walk: bool,
    /// Files wait to be written, since the last of them came.
    waiting: usize,
    quiet: Option<Instant>,
}

impl fmt::Debug for Indexer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexer")
            .field("workspaces", &*lock(&self.0.workspaces))
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Indexer {
    /// Opens the indexes of these folders and brings them up to date, on threads of its own that yield
    /// to everybody else.
    pub fn start(setup: Setup) -> Indexer {
        let Setup {
            folders,
            cache,
            home,
            rules,
            encoders: (chosen, places),
            told,
        } = setup;
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            layers: Condvar::new(),
            writer: Condvar::new(),
            workspaces: Mutex::default(),
            stop: AtomicBool::new(false),
            told,
        });
        let writer = Arc::clone(&shared);
        spawn("foretoken-index", move || {
            writer.open(&folders, &home, &cache, &rules);
            let mut encoders = (chosen != Chosen::default()).then_some((chosen, places));
            writer.write(&mut encoders);
        });
        let layers = Arc::clone(&shared);
        spawn("foretoken-layers", move || layers.layer());
        Indexer(shared)
    }

    /// Ends its threads as soon as the file that they hold is done; does not wait for them. What was not
    /// written is found again at the next start.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
        // The lock, so that nobody misses it between looking and waiting.
        let queue = lock(&self.0.queue);
        self.0.layers.notify_all();
        self.0.writer.notify_all();
        drop(queue);
    }

    /// A document was opened or changed.
    pub fn changed(&self, path: &Path, document: Document) {
        let mut queue = lock(&self.0.queue);
        queue.changed.insert(path.to_owned(), document);
        self.0.layers.notify_one();
    }

    /// A document was closed.
    pub fn closed(&self, path: &Path) {
        let mut queue = lock(&self.0.queue);
        queue.changed.remove(path);
        queue.closed.insert(path.to_owned());
        self.0.layers.notify_one();
    }

    /// Files were written, made or removed.
    pub fn saved(&self, paths: impl IntoIterator<Item = PathBuf>) {
        let mut queue = lock(&self.0.queue);
        queue.saved.extend(paths);
        self.0.layers.notify_one();
    }

    /// Other rules from now on.
    pub fn set_rules(&self, rules: &Rules) {
        for workspace in self.workspaces() {
            workspace.set_rules(Arc::clone(rules));
        }
        lock(&self.0.queue).walk = true;
        self.0.writer.notify_one();
    }

    /// The indexes that are open.
    pub fn workspaces(&self) -> Vec<Arc<Workspace>> {
        self.0.workspaces()
    }

    /// The chunks that answer a question best, with the folders that they are in: of the folder that
    /// holds `near`, else of all. Waits for no writing; costs a millisecond or a few.
    pub fn search(&self, question: &str, limit: usize, near: Option<&Path>) -> Vec<(PathBuf, Hit)> {
        let mut workspaces = self.workspaces();
        let holds = |workspace: &Arc<Workspace>| {
            near.is_some_and(|near| near.starts_with(workspace.root()))
        };
        if workspaces.iter().any(holds) {
            workspaces.retain(holds);
        }
        let mut found = Vec::new();
        for workspace in workspaces {
            match workspace.search(question, limit, &|_| true) {
                Ok(answer) => {
                    let root = workspace.root();
                    found.extend(answer.hits.into_iter().map(|hit| (root.to_owned(), hit)));
                }
                Err(error) => tracing::warn!(%error, "a search failed"),
            }
        }
        found.sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score));
        found.truncate(limit);
        found
    }
}

/// A thread that gives way to all others where the system lets it.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    let spawned = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // On Linux this is the thread's own, and its children's.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::nice(10);
            work();
        });
    if let Err(error) = spawned {
        tracing::error!(%error, "a thread of the index cannot be started");
    }
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn open(&self, folders: &[PathBuf], home: &Path, cache: &Path, rules: &Rules) {
        for folder in folders {
            let open = || Workspace::open(folder, Some(home), Some(cache), Arc::clone(rules));
            match open() {
                Ok(workspace) => lock(&self.workspaces).push(Arc::new(workspace)),
                Err(error) => self.fail(folder, &error),
            }
        }
        let mut queue = lock(&self.queue);
        queue.opened = true;
        queue.walk = true;
        self.layers.notify_one();
    }

    /// The thread that writes: a walk when one is wanted, else the files that were saved.
    fn write(&self, encoders: &mut Option<(Chosen, Places)>) {
        while let Some(walk) = self.wait_for_writing() {
            for workspace in self.workspaces() {
                let done = match walk {
                    true => self.refresh(&workspace),
                    false => workspace.fold(),
                };
                if walk {
                    workspace.read_history(&|| self.stopped());
                }
                workspace.save_vectors();
                if let Err(error) = done {
                    self.fail(workspace.root(), &error);
                } else if walk && !self.stopped() {
                    (self.told)(Report::Ready);
                }
            }
            // Words first: they need nothing that takes its time to be read.
            if let Some((chosen, places)) = encoders.take() {
                let (encoders, problems) = Encoders::load(&chosen, &places);
                for workspace in self.workspaces().iter() {
                    encoders.attach(workspace, EMBEDDING);
                }
                (self.told)(Report::Encoders(problems));
            }
        }
    }

    fn workspaces(&self) -> Vec<Arc<Workspace>> {
        lock(&self.workspaces).clone()
    }

    /// Whether to walk; `None` at the end.
    fn wait_for_writing(&self) -> Option<bool> {
        let mut queue = lock(&self.queue);
        loop {
            if self.stopped() {
                return None;
            }
            if std::mem::take(&mut queue.walk) {
                (queue.waiting, queue.quiet) = (0, None);
                return Some(true);
            }
            let left = queue
                .quiet
                .map(|since| QUIET.saturating_sub(since.elapsed()));
            match left {
                Some(left) if left.is_zero() || queue.waiting >= MANY => {
                    (queue.waiting, queue.quiet) = (0, None);
                    return Some(false);
                }
                Some(left) => {
                    let waited = self.writer.wait_timeout(queue, left);
                    queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => {
                    let waited = self.writer.wait(queue);
                    queue = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn refresh(&self, workspace: &Workspace) -> Result<(), Error> {
        let last = Mutex::new(Instant::now());
        let told = |Progress { done, of }: Progress| {
            if let Ok(mut last) = last.try_lock()
                && last.elapsed() >= TELL
            {
                *last = Instant::now();
                (self.told)(Report::Reading { done, of });
            }
        };
        let work = Work {
            threads: 1,
            rebuild: false,
            told: &told,
            stop: &|| self.stopped(),
        };
        workspace.refresh(work).map(drop)
    }

    /// The thread that puts layers: what was typed, not too often, and what was closed and saved.
    fn layer(&self) {
        let mut typed: HashMap<PathBuf, Instant> = HashMap::new();
        let mut heads: HashMap<PathBuf, Option<SystemTime>> = HashMap::new();
        while let Some(batch) = self.wait_for_layers(&mut typed) {
            let workspaces = lock(&self.workspaces).clone();
            for (path, document) in &batch.changed {
                let text = document.rope().to_string();
                // A tree that is older than the text, or of another language than the index takes the
                // file for, would cut it wrongly.
                let fits = !document.parse_pending()
                    && path.to_str().and_then(Language::from_path) == Some(document.language());
                let tree = document.tree().filter(|_| fits);
                let _ = workspaces.iter().any(|w| w.changed(path, &text, tree));
            }
            for path in &batch.closed {
                typed.remove(path);
                workspaces.iter().for_each(|w| w.closed(path));
            }
            let mut waiting = 0;
            let flood = batch.saved.len() > FLOOD;
            for path in batch.saved.iter().filter(|_| !flood) {
                let most = workspaces.iter().map(|w| w.saved(path)).max();
                waiting = waiting.max(most.unwrap_or_default());
            }
            let name =
                |path: &PathBuf| path.file_name().and_then(|n| n.to_str().map(str::to_owned));
            let ruled = batch
                .saved
                .iter()
                .filter_map(name)
                .any(|n| RULES.contains(&&*n));
            let switched = workspaces.iter().any(|w| switched(w.root(), &mut heads));
            let mut queue = lock(&self.queue);
            queue.walk |= ruled || switched || flood;
            if waiting > 0 || !batch.closed.is_empty() {
                queue.waiting = waiting;
                queue.quiet = Some(Instant::now());
            }
            self.writer.notify_one();
        }
    }

    /// What is due; `None` at the end.
    fn wait_for_layers(&self, typed: &mut HashMap<PathBuf, Instant>) -> Option<Queue> {
        let mut queue = lock(&self.queue);
        loop {
            if self.stopped() {
                return None;
            }
            let left = |path: &PathBuf| match typed.get(path) {
                Some(last) => TYPED.saturating_sub(last.elapsed()),
                None => Duration::ZERO,
            };
            let soonest = queue.changed.keys().map(left).min();
            let told = !queue.closed.is_empty() || !queue.saved.is_empty();
            if queue.opened && (told || soonest == Some(Duration::ZERO)) {
                let due: Vec<PathBuf> = queue
                    .changed
                    .keys()
                    .filter(|path| left(path).is_zero())
                    .cloned()
                    .collect();
                let now = Instant::now();
                let take = |path: PathBuf| {
                    let document = queue.changed.remove(&path)?;
                    typed.insert(path.clone(), now);
                    Some((path, document))
                };
                return Some(Queue {
                    changed: due.into_iter().filter_map(take).collect(),
                    closed: std::mem::take(&mut queue.closed),
                    saved: std::mem::take(&mut queue.saved),
                    ..Queue::default()
                });
            }
            queue = match soonest.filter(|_| queue.opened) {
                Some(soonest) => {
                    let waited = self.layers.wait_timeout(queue, soonest);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.layers.wait(queue);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    fn fail(&self, folder: &Path, error: &Error) {
        tracing::warn!(%error, folder = %folder.display(), "an index failed");
        // The other failures are those of the user's files.
        if let Error::Words(_) = error {
            reports::note(What::Index("words"), Some("commit"));
        }
        (self.told)(Report::Failed(format!("There is no fresh index: {error}.")));
    }
}

/// Whether another branch was checked out since the last look: most files may be others then.
fn switched(root: &Path, heads: &mut HashMap<PathBuf, Option<SystemTime>>) -> bool {
    let head = std::fs::metadata(root.join(".git/HEAD"));
    let time = head.and_then(|metadata| metadata.modified()).ok();
    heads
        .insert(root.to_owned(), time)
        .is_some_and(|before| before != time)
}

#[cfg(test)]
mod tests;
