//! A model's folder from a server of the user's: which files, in which order, and what each must be. The files
//! lie in a folder of ours that is no model until all of them are there; a fetch that was cut goes on there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use foretoken_infer::package::{self, MANIFEST, parts};
use foretoken_remote::download::{Piece, Problem, Remote, Step};
use sha2::{Digest, Sha256};

use super::Models;

/// A list of hashes that some servers have beside their files; the form of `sha256sum`.
const SUMS: &str = "SHA256SUMS";
/// Of that list.
const SUMS_BYTES: u64 = 1 << 20;

/// What the user says about hashes: by file, and the graph's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// Of the graph, whatever it is called.
    pub graph: Option<String>,
    /// Of files by name.
    pub files: BTreeMap<String, String>,
}

/// A folder that is whole.
#[derive(Debug)]
pub struct Fetched {
    /// With the files and nothing else.
    pub folder: PathBuf,
    /// Files of which nobody had said the hash, with the one that they have.
    pub unproven: Vec<(String, String)>,
    /// Nobody else fetches into it as long as this is open.
    _lock: File,
}

/// Told what happens to which file.
pub type Tell<'a> = &'a mut dyn FnMut(&str, Step);

/// Fetches what makes up the model at this address; `address` names the folder in which an earlier attempt
/// left what it had.
///
/// # Errors
/// A sentence.
pub async fn fetch(
    models: &Models,
    (remote, address): (&Remote, &str),
    hashes: &Hashes,
    tell: Tell<'_>,
) -> Result<Fetched, String> {
    let work = work_folder(models, address);
    let unwritable = |error| format!("{} cannot be written: {error}.", work.display());
    let folder = work.join("files");
    fs::create_dir_all(&folder).map_err(unwritable)?;
    let lock = File::create(work.join("lock")).map_err(unwritable)?;
    if lock.try_lock().is_err() {
        return Err("Another `foretoken models add` fetches this model already.".to_owned());
    }
    let mut fetch = Fetch {
        remote,
        folder: folder.clone(),
        unfinished: work.join("parts"),
        known: hashes.files.clone(),
        unproven: Vec::new(),
    };
    fetch.all(hashes.graph.as_deref(), tell).await?;
    Ok(Fetched {
        folder,
        unproven: fetch.unproven,
        _lock: lock,
    })
}

/// Where the files of this address are gathered.
fn work_folder(models: &Models, address: &str) -> PathBuf {
    let digest = Sha256::digest(address.trim_end_matches('/').as_bytes());
    let short: String = digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    models.folder().join(format!(".fetched-{short}"))
}

/// Removes what was gathered.
///
/// # Errors
/// Those of the system.
pub fn forget(models: &Models, address: &str) -> std::io::Result<()> {
    fs::remove_dir_all(work_folder(models, address))
}

struct Fetch<'a> {
    remote: &'a Remote,
    folder: PathBuf,
    unfinished: PathBuf,
    /// Hashes by name, the user's first.
    known: BTreeMap<String, String>,
    unproven: Vec<(String, String)>,
}

impl Fetch<'_> {
    async fn all(&mut self, graph: Option<&str>, tell: Tell<'_>) -> Result<(), String> {
        self.optional(MANIFEST, tell).await?;
        if let Some(manifest) = parts::manifest(&self.folder).map_err(|e| e.to_string())? {
            for (name, hash) in &manifest.files {
                let known = self.known.entry(name.clone());
                known.or_insert_with(|| hash.clone());
            }
            self.state_graph(&manifest.graph, graph);
            for name in manifest.files.keys() {
                self.required(name, tell).await?;
            }
            return Ok(());
        }
        let listed = self.sums(tell).await?;
        for name in parts::descriptions() {
            self.optional(name, tell).await?;
        }
        self.required(package::TOKENIZER, tell).await?;
        let found = self.graph(&listed, graph, tell).await?;
        let weights = parts::weights(&self.folder, &found);
        for name in weights.map_err(|error| error.to_string())? {
            self.required(&name, tell).await?;
        }
        Ok(())
    }

    /// Names and hashes of the server's own list, if it has one.
    async fn sums(&mut self, tell: Tell<'_>) -> Result<Vec<String>, String> {
        if !self.optional(SUMS, tell).await? {
            return Ok(Vec::new());
        }
        let path = self.folder.join(SUMS);
        let text = fs::read_to_string(&path).map_err(|error| format!("{SUMS}: {error}."))?;
        let mut names = Vec::new();
        for (hash, name) in text.lines().filter_map(sum) {
            self.known.entry(name.to_owned()).or_insert(hash);
            names.push(name.to_owned());
        }
        Ok(names)
    }

    /// The first of the usual graphs that is there, or the one that is listed.
    async fn graph(
        &mut self,
        listed: &[String],
        hash: Option<&str>,
        tell: Tell<'_>,
    ) -> Result<String, String> {
        let mut names = parts::graphs(&self.folder).map_err(|error| error.to_string())?;
        if !listed.is_empty() && !names.iter().any(|name| listed.contains(name)) {
            let graphs = listed.iter().filter(|name| name.ends_with(".onnx"));
            names.extend(graphs.cloned());
        }
        for name in &names {
            self.state_graph(name, hash);
            if self.optional(name, tell).await? {
                return Ok(name.clone());
            }
            if hash.is_some() {
                self.known.remove(name);
            }
        }
        Err(format!(
            "The server has no graph of any usual name ({}, …). Write a {SUMS} or a {MANIFEST} beside it.",
            names[..names.len().min(3)].join(", ")
        ))
    }

    fn state_graph(&mut self, name: &str, hash: Option<&str>) {
        if let Some(hash) = hash {
            self.known.insert(name.to_owned(), hash.to_owned());
        }
    }

    async fn required(&mut self, name: &str, tell: Tell<'_>) -> Result<(), String> {
        match self.optional(name, tell).await? {
            true => Ok(()),
            false => Err(format!("{name} {}.", Problem::Absent)),
        }
    }

    /// Fetches a file and compares its hash; false where there is none of that name.
    async fn optional(&mut self, name: &str, tell: Tell<'_>) -> Result<bool, String> {
        let into = self.folder.join(name);
        let expected = self.known.get(name).cloned();
        let piece = Piece {
            name,
            into: &into,
            unfinished: &self.unfinished,
            most: match name {
                SUMS => SUMS_BYTES,
                name => parts::most_bytes(name),
            },
            hashed: expected.is_some(),
        };
        for last in [false, true] {
            match self
                .remote
                .fetch(&piece, &mut |step| tell(name, step))
                .await
            {
                Ok(_) => {}
                Err(Problem::Absent) => {
                    piece.forget();
                    return Ok(false);
                }
                Err(problem) => return Err(format!("{name} {problem}.")),
            }
            let found = parts::sha256(&self.folder, name).map_err(|error| error.to_string())?;
            match &expected {
                Some(expected) if *expected == found => return Ok(true),
                None => {
                    if name != SUMS {
                        self.unproven.push((name.to_owned(), found));
                    }
                    return Ok(true);
                }
                // Bytes of an earlier attempt may be to blame; all of it is asked for once more.
                Some(_) if !last => {
                    piece.forget();
                    tell(name, Step::Anew);
                }
                Some(expected) => {
                    piece.forget();
                    return Err(format!(
                        "{name} is not the file that it should be: its SHA-256 is {found}, not {expected}."
                    ));
                }
            }
        }
        Ok(false)
    }
}

/// A line of `sha256sum`: hash and name. A name that leads elsewhere is none.
fn sum(line: &str) -> Option<(String, &str)> {
    let (hash, name) = line.trim_end().split_once([' ', '\t'])?;
    let name = name.trim_start().trim_start_matches('*');
    let name = name.strip_prefix("./").unwrap_or(name);
    let plain = Path::new(name)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    let fits = plain && !name.is_empty() && is_sha256(hash);
    fits.then(|| (hash.to_ascii_lowercase(), name))
}

/// Whether this is a SHA-256 in hexadecimal digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_sha256sum_are_read() {
        let hash = "AB".repeat(32);
        let lower = hash.to_ascii_lowercase();
        let read = |name: &str| {
            let line = format!("{hash} {name}");
            sum(&line).map(|(hash, name)| (hash, name.to_owned()))
        };
        for (written, name) in [
            (" model.onnx", "model.onnx"),
            ("*model.onnx\r", "model.onnx"),
            (" ./onnx/model_q4.onnx", "onnx/model_q4.onnx"),
        ] {
            assert_eq!(read(written), Some((lower.clone(), name.to_owned())));
        }
        for bad in ["", " ../x", " /etc/passwd", " a/../../b"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(sum("abc  model.onnx"), None);
    }
}
