//! Places in real checkouts with the files that somebody would have open beside them.
//!
//! A place is a cursor inside a line whose rest is cut out of the file; that rest is the truth. Its
//! neighbours are files of the same checkout: those it imports from first, then those of its folder.
//! Which ones, is a matter of the seed alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretoken_engine::context::Facts;
use foretoken_engine::document::Document;
use foretoken_grammars::Language;

/// Bytes of a file that is looked at: real source, neither a stub nor generated.
const SIZES: std::ops::RangeInclusive<u64> = 800..=120_000;
/// Folders that are not the project's own source.
const FOREIGN: [&str; 6] = [
    "node_modules",
    "vendor",
    "third_party",
    "target",
    "dist",
    "build",
];
/// Characters of truth at least; less is a closing bracket.
const LEAST_TRUTH: usize = 4;
/// Bytes before the cursor at least, so that there is something to go by.
const LEAST_PREFIX: usize = 400;

/// One checkout, its files read and parsed once.
#[derive(Debug)]
pub struct Checkout {
    /// Its folder's name.
    pub name: String,
    files: Vec<Arc<Facts>>,
}

/// One place.
#[derive(Debug)]
pub struct Place {
    /// The checkout's name.
    pub checkout: String,
    /// The file without the truth.
    pub document: Document,
    /// The cursor, bytes.
    pub byte: usize,
    /// What stood there, to the end of the line.
    pub truth: String,
    /// The files that are open too.
    pub neighbours: Vec<Arc<Facts>>,
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): small, seeded, the same everywhere.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    /// Another order, each as likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

impl Checkout {
    /// Reads a checkout's source files, at most `limit` of them, spread evenly.
    ///
    /// # Errors
    /// A folder that cannot be read, or holds no source.
    pub fn read(root: &Path, limit: usize) -> Result<Checkout, String> {
        let mut paths = Vec::new();
        walk(root, &mut paths).map_err(|e| format!("{}: {e}", root.display()))?;
        paths.sort();
        let step = paths.len().div_ceil(limit).max(1);
        let files: Vec<Arc<Facts>> = paths
            .iter()
            .step_by(step)
            .filter_map(|path| {
                let text = std::fs::read_to_string(path).ok()?;
                let shown = path
                    .strip_prefix(root)
                    .ok()?
                    .to_string_lossy()
                    .replace('\\', "/");
                let mut document = Document::open(&shown, Language::from_path(&shown)?, 1, &text);
                document.reparse(&mut || false);
                Some(Arc::new(Facts::of(&document)))
            })
            .collect();
        let name = root
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match files.is_empty() {
            true => Err(format!("{}: holds no source files", root.display())),
            false => Ok(Checkout { name, files }),
        }
    }

    /// Its files.
    #[must_use]
    pub fn files(&self) -> &[Arc<Facts>] {
        &self.files
    }

    /// A place with up to `count` neighbours; `None` where this draw found none.
    pub fn place(&self, random: &mut Random, count: usize) -> Option<Place> {
        let file = &self.files[random.below(self.files.len())];
        let whole = file.document();
        let text = whole.rope().to_string();
        let (byte, truth) = cursor(&text, whole.language(), random)?;
        let rest = &text[byte + truth.len()..];
        let cut = format!("{}{rest}", &text[..byte]);
        let mut document = Document::open(whole.path(), whole.language(), 1, &cut);
        document.reparse(&mut || false);
        Some(Place {
            checkout: self.name.clone(),
            neighbours: self.neighbours(file, random, count),
            document,
            byte,
            truth,
        })
    }

    fn neighbours(&self, file: &Arc<Facts>, random: &mut Random, count: usize) -> Vec<Arc<Facts>> {
        let folder = |facts: &Facts| {
            let path = facts.document().path();
            path.rsplit_once('/')
                .map_or("", |(folder, _)| folder)
                .to_owned()
        };
        let here = folder(file);
        // 0: imported, 1: of the same folder.
        let mut ranked: BTreeMap<usize, Vec<&Arc<Facts>>> = BTreeMap::new();
        for other in self.files.iter().filter(|other| !Arc::ptr_eq(other, file)) {
            let rank = match () {
                () if !file.is_akin(other) => continue,
                () if file.imports_from(other) => 0,
                () if folder(other) == here => 1,
                () => continue,
            };
            ranked.entry(rank).or_default().push(other);
        }
        let mut found = Vec::new();
        for (rank, mut others) in ranked {
            random.shuffle(&mut others);
            // Not everything that is imported is open.
            let most = if rank == 0 { count.div_ceil(2) } else { count };
            found.extend(
                others
                    .into_iter()
                    .take(most.min(count - found.len()))
                    .cloned(),
            );
        }
        found
    }
}

/// A cursor inside a line, and the rest of the line.
fn cursor(text: &str, language: Language, random: &mut Random) -> Option<(usize, String)> {
    let comment = language.syntax().line_comment.unwrap_or("//");
    let somewhere = text.floor_char_boundary(random.below(text.len()));
    let begin = text[..somewhere].rfind('\n').map_or(0, |at| at + 1);
    let line = text[begin..].lines().next()?.trim_end();
    let indent = line.len() - line.trim_start().len();
    let code = &line[indent..];
    let passed = [
        "import", "from", "use ", "#include", "package", "*", "/*", comment,
    ];
    if passed.iter().any(|start| code.starts_with(start)) || !code.is_ascii() {
        return None;
    }
    let room = code.len().checked_sub(LEAST_TRUTH)?;
    let at = begin + indent + random.below(room + 1);
    let truth = text[at..begin + line.len()].to_owned();
    (at >= LEAST_PREFIX && truth.trim().len() >= LEAST_TRUTH).then_some((at, truth))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let name = name.to_string_lossy();
        if name.starts_with('.') || FOREIGN.contains(&&*name) {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), found)?;
        } else if kind.is_file()
            && Language::from_path(&name).is_some_and(Language::has_scopes)
            && SIZES.contains(&entry.metadata()?.len())
        {
            found.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_places_and_imports_come_first() {
        let folder = tempfile::tempdir().unwrap();
        let body: String = (0..40)
            .map(|n| format!("def name_{n}(value):\n    return compute(value, {n})\n\n"))
            .collect();
        for (name, head) in [
            ("pkg/a.py", "from lib.models import load\n"),
            ("lib/models.py", ""),
            ("lib/far.py", ""),
            ("pkg/b.py", ""),
            ("node_modules/x.py", ""),
            ("pkg/notes.txt", ""),
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("{head}{body}")).unwrap();
        }
        let checkout = Checkout::read(folder.path(), 100).unwrap();
        assert_eq!(checkout.files().len(), 4);
        let draw = |seed| {
            let mut random = Random(seed);
            let places = (0..400).filter_map(|_| checkout.place(&mut random, 2));
            places.collect::<Vec<_>>()
        };
        let (places, again) = (draw(7), draw(7));
        assert!(!places.is_empty());
        for (place, same) in places.iter().zip(&again) {
            assert_eq!((place.byte, &place.truth), (same.byte, &same.truth));
            let text = place.document.rope().to_string();
            assert!(!text[place.byte..].starts_with(&place.truth));
            if place.document.path() == "pkg/a.py" {
                let paths: Vec<_> = place
                    .neighbours
                    .iter()
                    .map(|n| n.document().path())
                    .collect();
                assert_eq!(paths, ["lib/models.py", "pkg/b.py"]);
            }
        }
        assert!(
            places
                .iter()
                .any(|place| place.document.path() == "pkg/a.py")
        );
    }
}
