//! What the commits of a workspace say: the message of each, who wrote it and when, and which files it
//! changed. Read from the object database by a library; no process is started, and what a repository can
//! configure (hooks, filters, monitors, signature programs, other object stores) is never looked at.

mod words;

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretoken_engine::terms;
use gix_hash::ObjectId;
use gix_object::{CommitRef, FindExt, TreeRef};

use words::Words;

/// Commits of HEAD that are kept, newest first, merges left out.
const MOST: usize = 2_000;
/// Commits that are looked at for these: a history of merges alone ends too.
const MOST_SEEN: usize = 10_000;
/// Longest message that is kept, in bytes; longer ones carry logs.
const LONGEST: usize = 4_000;
/// A commit of more files is a sweep that says nothing of any of them.
const MOST_PATHS: usize = 64;
/// Folders inside folders deeper than this are not compared.
const DEEPEST: usize = 64;
/// Longest reference or list of references, in bytes.
const LONGEST_REFERENCES: u64 = 8 << 20;

/// One commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Commit {
    /// Its hash in hexadecimal digits.
    pub id: String,
    /// Subject and body, as their author wrote them: data of a stranger.
    pub message: String,
    /// The author's name; no address.
    pub author: Arc<str>,
    /// When it was written, in seconds since 1970.
    pub time: i64,
    /// The files that it changed, from the workspace's root, with slashes; none of a sweep over many.
    pub paths: Vec<Arc<str>>,
}

/// Commits of one workspace, newest first.
#[derive(Clone, Default)]
pub struct History {
    /// The commit that HEAD was.
    head: Option<ObjectId>,
    /// How many were wanted.
    limit: usize,
    commits: Vec<Commit>,
    /// The newest commit that changed a file.
    last: HashMap<Arc<str>, usize>,
    words: Words,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("commits", &self.commits.len())
            .finish_non_exhaustive()
    }
}

impl Commit {
    /// The first line of the message.
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

impl History {
    /// Reads the newest commits of the repository whose work tree is exactly this folder, at most `limit` and
    /// two thousand; none where there is no repository, one of another form, or `stop` says so. Of a history
    /// that is cut off, or damaged somewhere, what can be read.
    pub fn read(root: &Path, limit: usize, stop: &dyn Fn() -> bool) -> History {
        let limit = limit.min(MOST);
        let mut history = History {
            limit,
            ..History::default()
        };
        let Some((folder, head)) = head(root) else {
            return history;
        };
        let Ok(objects) = gix_odb::at(folder.join("objects"), gix_hash::Kind::Sha1) else {
            return history;
        };
        history.head = Some(head);
        let mut reader = Reader {
            objects,
            trees: HashMap::new(),
        };
        let mut known = HashSet::from([head]);
        let mut left: BinaryHeap<Waiting> = reader.commit(head).into_iter().collect();
        while let Some(commit) = left.pop() {
            if history.commits.len() == limit || known.len() > MOST_SEEN || stop() {
                break;
            }
            let fresh = commit.parents.iter().filter(|id| known.insert(**id));
            left.extend(fresh.filter_map(|id| reader.commit(*id)));
            if commit.parents.len() < 2 {
                let paths = reader.changed(&commit);
                history.push(commit, paths);
            }
        }
        history.words = Words::of(&history.commits);
        history
    }

    fn push(&mut self, commit: Waiting, paths: Vec<String>) {
        let at = self.commits.len();
        let paths: Vec<Arc<str>> = paths.into_iter().map(Arc::from).collect();
        for path in &paths {
            self.last.entry(Arc::clone(path)).or_insert(at);
        }
        self.commits.push(Commit {
            id: commit.id.to_string(),
            message: commit.message,
            author: commit.author,
            time: commit.time,
            paths,
        });
    }

    /// Whether reading so many commits of this folder would give the same.
    pub fn is_of(&self, root: &Path, limit: usize) -> bool {
        self.limit >= limit.min(MOST) && head(root).map(|(_, id)| id) == self.head
    }

    /// Newest first.
    pub fn commits(&self) -> &[Commit] {
        &self.commits
    }

    /// The commits whose messages and paths answer a question best, at most `limit`, best first, with their
    /// BM25 scores; among equals the newer. One that says only one word of several is no answer.
    pub fn search(&self, question: &str, limit: usize) -> Vec<(&Commit, f32)> {
        let query = terms::query(question);
        let found = self.words.search(&query);
        let found = found.into_iter().take(limit);
        found
            .map(|(at, score)| (&self.commits[at], score))
            .collect()
    }

    /// The newest commit that changed a file.
    pub fn last(&self, path: &str) -> Option<&Commit> {
        self.commits.get(*self.last.get(path)?)
    }

    /// How many commits ago a file was changed last; `usize::MAX` for one that none of them changed.
    pub fn age(&self, path: &str) -> usize {
        self.last.get(path).copied().unwrap_or(usize::MAX)
    }
}

/// A commit whose turn has not come; the newest comes first.
struct Waiting {
    id: ObjectId,
    tree: ObjectId,
    parents: Vec<ObjectId>,
    message: String,
    author: Arc<str>,
    time: i64,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, self.id).cmp(&(other.time, other.id))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Waiting {}

/// An entry of a folder: whether it is a folder itself, and its content.
type Entries = Arc<HashMap<String, (bool, ObjectId)>>;

struct Reader {
    objects: gix_odb::Handle,
    /// Folders by their hash: of two commits in a row most are the same.
    trees: HashMap<ObjectId, Entries>,
}

impl Reader {
    fn commit(&self, id: ObjectId) -> Option<Waiting> {
        let mut buffer = Vec::new();
        let commit: CommitRef = self.objects.find_commit(&id, &mut buffer).ok()?;
        let message = String::from_utf8_lossy(commit.message).into_owned();
        let author = commit.author().ok()?;
        Some(Waiting {
            id,
            tree: commit.tree(),
            parents: commit.parents().collect(),
            message: message[..message.floor_char_boundary(LONGEST)]
                .trim()
                .to_owned(),
            author: Arc::from(String::from_utf8_lossy(author.name).trim()),
            time: author.time().ok()?.seconds,
        })
    }

    /// The paths in which a commit differs from its parent.
    fn changed(&mut self, commit: &Waiting) -> Vec<String> {
        let parent = commit.parents.first().map(|id| self.commit(*id));
        let before = match parent {
            Some(Some(parent)) => Some(parent.tree),
            // The history is cut off here, so nobody knows.
            Some(None) => return Vec::new(),
            None => None,
        };
        let mut paths = Vec::new();
        self.differing((before, Some(commit.tree)), "", 0, &mut paths);
        if paths.len() > MOST_PATHS {
            paths.clear();
        }
        paths
    }

    fn differing(
        &mut self,
        (before, after): (Option<ObjectId>, Option<ObjectId>),
        folder: &str,
        depth: usize,
        paths: &mut Vec<String>,
    ) {
        if before == after || depth > DEEPEST || paths.len() > MOST_PATHS {
            return;
        }
        let (before, after) = (self.entries(before), self.entries(after));
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let (old, new) = (before.get(name), after.get(name));
            if old == new || paths.len() > MOST_PATHS {
                continue;
            }
            let path = match folder {
                "" => name.clone(),
                folder => format!("{folder}/{name}"),
            };
            let tree = |entry: Option<&(bool, ObjectId)>| {
                entry.filter(|(is_folder, _)| *is_folder).map(|(_, id)| *id)
            };
            let file =
                |entry: Option<&(bool, ObjectId)>| entry.is_some_and(|(is_folder, _)| !is_folder);
            if file(old) || file(new) {
                paths.push(path.clone());
            }
            if tree(old).is_some() || tree(new).is_some() {
                self.differing((tree(old), tree(new)), &path, depth + 1, paths);
            }
        }
    }

    /// A folder's entries; none of one that cannot be read.
    fn entries(&mut self, id: Option<ObjectId>) -> Entries {
        /// Folders that are remembered; a whole tree of a large repository has more.
        const REMEMBERED: usize = 4_096;
        let Some(id) = id else {
            return Entries::default();
        };
        if let Some(entries) = self.trees.get(&id) {
            return Arc::clone(entries);
        }
        let mut buffer = Vec::new();
        let tree = self.objects.find_tree(&id, &mut buffer);
        let entries = tree.map(|tree: TreeRef| {
            let entry = |entry: &gix_object::tree::EntryRef| {
                let name = std::str::from_utf8(entry.filename).ok()?.to_owned();
                Some((name, (entry.mode.is_tree(), entry.oid.to_owned())))
            };
            tree.entries.iter().filter_map(entry).collect()
        });
        let entries: Entries = Arc::new(entries.unwrap_or_default());
        if self.trees.len() >= REMEMBERED {
            self.trees.clear();
        }
        self.trees.insert(id, Arc::clone(&entries));
        entries
    }
}

/// The repository's folder in a work tree, and the commit that HEAD is.
///
/// A `.git` that is a file or a link leads out of the workspace, and so may a list of other object stores: what
/// lies there is not this workspace's. A name is looked up in the folder itself, where no `..` leads.
fn head(root: &Path) -> Option<(PathBuf, ObjectId)> {
    let folder = root.join(".git");
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|m| m.is_dir());
    let objects = folder.join("objects");
    if !is_folder(&folder) || !is_folder(&objects) || objects.join("info/alternates").exists() {
        return None;
    }
    let head = text(&folder.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref: ") else {
        return Some((folder, ObjectId::from_hex(head.trim().as_bytes()).ok()?));
    };
    let plain = name.starts_with("refs/")
        && Path::new(name)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
    if !plain {
        return None;
    }
    let loose = text(&folder.join(name)).map(|text| text.trim().to_owned());
    let packed = || {
        let all = text(&folder.join("packed-refs"))?;
        let line = all
            .lines()
            .find(|line| line.split(' ').nth(1) == Some(name))?;
        line.split(' ').next().map(str::to_owned)
    };
    let id = loose.or_else(packed)?;
    Some((folder, ObjectId::from_hex(id.as_bytes()).ok()?))
}

/// A small file's text, if it is a plain file.
fn text(path: &Path) -> Option<String> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let small = metadata.is_file() && metadata.len() <= LONGEST_REFERENCES;
    small.then(|| fs::read_to_string(path).ok()).flatten()
}

#[cfg(test)]
pub(crate) mod tests;
