//! What an editor tells: documents that change and close, files that are saved, appear and go.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use foretoken_engine::document::Tree;

use super::look::{Found, cut, look};
use super::{Workspace, lock};
use crate::overlay::{Buffer, Layer};
use crate::record::{Record, Stamp};
use crate::walk;

impl Workspace {
    /// An open document has this text now, which stands before the file's own until it is
    /// [closed](Self::closed). False where the file is none of the workspace's, or must not be read.
    /// Costs a parse, unless the `tree` of this very text is at hand: not for the thread that somebody types on.
    pub fn changed(&self, path: &Path, text: &str, tree: Option<&Tree>) -> bool {
        let Some(relative) = self.relative(path).filter(|_| self.finds(path)) else {
            return false;
        };
        let before = self.layer(&relative);
        let layer = match cut(&relative, text, tree) {
            Ok(chunks) => Layer::Rows(Buffer::new(
                Arc::new(Record {
                    path: Arc::from(relative.as_str()),
                    stamp: Stamp::default(),
                    hash: *blake3::hash(text.as_bytes()).as_bytes(),
                    length: text.len() as u64,
                    skip: String::new(),
                    chunks,
                }),
                Arc::from(text),
                true,
                rows_of(before.as_deref()),
            )),
            Err(_) => Layer::Gone,
        };
        self.set_layer(&relative, Some(layer));
        true
    }

    /// A document was closed: the file counts again, as the disk has it.
    pub fn closed(&self, path: &Path) {
        if let Some(relative) = self.relative(path) {
            self.set_layer(&relative, None);
            self.saved(path);
        }
    }

    /// A file was written, made, renamed or removed: it is read again now, and written to the index at
    /// the next [fold](Self::fold). Answers how many files wait for that.
    pub fn saved(&self, path: &Path) -> usize {
        let Some(relative) = self.relative(path) else {
            return lock(&self.pending).len();
        };
        let seen = self.seen();
        let open = |path: &str| match seen.overlay.get(path).map(|layer| &**layer) {
            Some(Layer::Rows(buffer)) => buffer.text.is_some(),
            _ => false,
        };
        // A folder that went takes with it what lay in it.
        let inside = format!("{relative}/");
        let gone = seen
            .view
            .paths
            .keys()
            .filter(|path| path.starts_with(&inside));
        for path in gone.filter(|path| !self.root.join(&***path).exists()) {
            self.set_layer(path, Some(Layer::Gone));
            lock(&self.pending).insert(path.to_string());
        }
        let known = seen.view.file(&relative);
        let layer = match self.finds(path) {
            false => known.map(|_| Layer::Gone),
            true => match look(&self.root, &relative, known, SystemTime::now()) {
                Found::Same | Found::Restamped(_) => None,
                Found::Gone => known.map(|_| Layer::Gone),
                Found::New(record, _) if !record.skip.is_empty() => known.map(|_| Layer::Gone),
                Found::New(record, text) => Some(Layer::Rows(Buffer::new(
                    Arc::new(record),
                    Arc::from(text),
                    false,
                    rows_of(seen.overlay.get(&*relative).map(|layer| &**layer)),
                ))),
            },
        };
        if !open(&relative) {
            self.set_layer(&relative, layer);
        }
        let mut pending = lock(&self.pending);
        pending.insert(relative);
        pending.len()
    }

    fn layer(&self, relative: &str) -> Option<Arc<Layer>> {
        self.seen().overlay.get(relative).cloned()
    }

    /// Whether the rules of the workspace let this file be read.
    fn finds(&self, path: &Path) -> bool {
        let rules = self.rules();
        let real = self.relative(path).map(|relative| self.root.join(relative));
        real.is_some_and(|path| {
            fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file())
                && walk::finds(&self.root, &*rules, &path).unwrap_or(false)
        })
    }

    /// A path below the root as the index names it. The root may be spelt as the editor does, through a
    /// link; below it links are followed by nobody.
    pub fn relative(&self, path: &Path) -> Option<String> {
        let below = match path.strip_prefix(&self.root) {
            Ok(below) => below.to_owned(),
            Err(_) => {
                let folder = path.ancestors().find(|folder| {
                    fs::canonicalize(folder).is_ok_and(|folder| folder == self.root)
                })?;
                path.strip_prefix(folder).ok()?.to_owned()
            }
        };
        let relative = below.to_str()?.to_owned();
        let plain = below
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        (plain && !relative.is_empty()).then(|| match cfg!(windows) {
            true => relative.replace('\\', "/"),
            false => relative,
        })
    }
}

fn rows_of(layer: Option<&Layer>) -> Option<&Buffer> {
    match layer {
        Some(Layer::Rows(buffer)) => Some(buffer),
        Some(Layer::Gone) | None => None,
    }
}
