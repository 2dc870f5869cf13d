//! The models of this user: packages that were added, each in a folder of its own in the data directory, and which one is used where
//! the settings name none. Paths of models come from here and from the user's own settings, never from a workspace.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use foretoken_infer::package::Manifest;
use serde::{Deserialize, Serialize};

use crate::paths::{self, Paths};

/// What the embedded model is called where one is named.
pub const EMBEDDED: &str = "embedded";

/// Which of them is used; in the models' folder.
const CHOICE: &str = "choice.toml";

/// In each package.
const MANIFEST: &str = "manifest.toml";

/// A longer one was not written by us.
const MOST_BYTES: u64 = 1024 * 1024;

/// The models' folder.
#[derive(Clone, Debug)]
pub struct Models {
    folder: PathBuf,
}

/// One that was added.
#[derive(Clone, Debug)]
pub struct Added {
    /// Its folder's name: the beginning of a hash over its manifest.
    pub id: String,
    pub folder: PathBuf,
    /// What it says of itself; the sentence where that cannot be read.
    pub manifest: Result<Manifest, String>,
    /// Of all its files.
    pub bytes: u64,
}

/// Why a name leads to no model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// None has this name; the names that there are.
    None(Vec<String>),
    /// Several have; their ids.
    Several(Vec<String>),
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Choice {
    /// An id; empty for the embedded one.
    default: String,
}

impl Added {
    /// As its manifest calls it, else its id.
    pub fn name(&self) -> &str {
        self.manifest
            .as_ref()
            .map_or(self.id.as_str(), |manifest| &manifest.name)
    }
}

impl Models {
    /// Those of these directories.
    pub fn of(paths: &Paths) -> Models {
        Models {
            folder: paths.data.join("models"),
        }
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All of them, by id. What is no package is left out.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn list(&self) -> io::Result<Vec<Added>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found: Vec<Added> = entries
            .filter_map(|entry| added(&entry.ok()?.path()))
            .collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// The one of this name, or whose id begins so.
    ///
    /// # Errors
    /// [`Unknown`], also where the folder cannot be read.
    pub fn find(&self, name: &str) -> Result<Added, Unknown> {
        let all = self.list().unwrap_or_default();
        let is =
            |added: &&Added| added.name() == name || name.len() >= 4 && added.id.starts_with(name);
        let found: Vec<&Added> = all.iter().filter(is).collect();
        match found[..] {
            [one] => Ok(one.clone()),
            [] => Err(Unknown::None(
                all.iter().map(|added| added.name().to_owned()).collect(),
            )),
            _ => Err(Unknown::Several(
                found.iter().map(|added| added.id.clone()).collect(),
            )),
        }
    }

    /// The folder of the one that is used where the settings name none; `None` for the embedded one. A choice that cannot be read, or
    /// that is gone, still names a folder, so that loading it says what is wrong.
    pub fn chosen(&self) -> Option<PathBuf> {
        let text = fs::read_to_string(self.folder.join(CHOICE)).ok()?;
        let id = toml::from_str::<Choice>(&text).ok()?.default;
        let is_name = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_name.then(|| self.folder.join(id))
    }

    /// Uses this one from now on, or the embedded one.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn choose(&self, added: Option<&Added>) -> io::Result<()> {
        let choice = Choice {
            default: added.map(|added| added.id.clone()).unwrap_or_default(),
        };
        let text = toml::to_string(&choice).map_err(io::Error::other)?;
        paths::write(&self.folder.join(CHOICE), text.as_bytes())
    }

    /// Removes one. Where it was the one in use, the embedded one is.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, added: &Added) -> io::Result<()> {
        if self.chosen().is_some_and(|folder| folder == added.folder) {
            self.choose(None)?;
        }
        // Out of sight first: a package with half of its files would be listed.
        let gone = self.folder.join(format!(".removed-{}", added.id));
        fs::rename(&added.folder, &gone)?;
        fs::remove_dir_all(&gone)
    }
}

fn added(folder: &Path) -> Option<Added> {
    let id = folder.file_name()?.to_str()?.to_owned();
    let path = folder.join(MANIFEST);
    if id.starts_with('.') || !path.is_file() {
        return None;
    }
    let read = || {
        if fs::metadata(&path)
            .map_err(|error| error.to_string())?
            .len()
            > MOST_BYTES
        {
            return Err("its manifest is too long".to_owned());
        }
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        Manifest::parse(&text).map_err(|error| error.to_string())
    };
    let manifest = read();
    let bytes = manifest.as_ref().map_or(0, |manifest| {
        let sizes = manifest
            .files
            .keys()
            .map(|name| fs::metadata(folder.join(name)));
        sizes.filter_map(|data| Some(data.ok()?.len())).sum()
    });
    Some(Added {
        id,
        folder: folder.to_owned(),
        manifest,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models() -> (tempfile::TempDir, Models) {
        let folder = tempfile::tempdir().unwrap();
        let models = Models::of(&Paths::under(folder.path()));
        (folder, models)
    }

    fn broken(models: &Models, id: &str) {
        let folder = models.folder().join(id);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(MANIFEST), "no manifest").unwrap();
    }

    #[test]
    fn without_a_folder_there_is_none_and_the_embedded_one_is_used() {
        let (_folder, models) = models();
        assert!(models.list().unwrap().is_empty());
        assert_eq!(models.chosen(), None);
        assert_eq!(models.find("x").unwrap_err(), Unknown::None(Vec::new()));
    }

    #[test]
    fn a_broken_one_is_listed_so_that_it_can_be_removed() {
        let (_folder, models) = models();
        broken(&models, "abcdef0123456789");
        fs::create_dir_all(models.folder().join(".unfinished")).unwrap();
        fs::write(models.folder().join("notes.txt"), "of somebody else").unwrap();
        let all = models.list().unwrap();
        assert_eq!(all.len(), 1);
        assert!(all[0].manifest.is_err());
        let found = models.find("abcdef").unwrap();
        models.choose(Some(&found)).unwrap();
        assert_eq!(models.chosen(), Some(found.folder.clone()));
        models.remove(&found).unwrap();
        assert_eq!(models.chosen(), None);
        assert!(models.list().unwrap().is_empty());
        assert!(models.folder().join("notes.txt").exists());
    }

    #[test]
    fn ids_that_begin_alike_are_told_apart() {
        let (_folder, models) = models();
        broken(&models, "abcdef0123456789");
        broken(&models, "abcdff0123456789");
        let several = Unknown::Several(vec!["abcdef0123456789".into(), "abcdff0123456789".into()]);
        assert_eq!(models.find("abcd").unwrap_err(), several);
        assert_eq!(models.find("abcdf").unwrap().id, "abcdff0123456789");
    }

    #[test]
    fn a_choice_that_leads_elsewhere_is_none() {
        let (_folder, models) = models();
        fs::create_dir_all(models.folder()).unwrap();
        for text in [
            "default = \"../../x\"",
            "default = \"/etc\"",
            "default = 3",
            "{",
        ] {
            fs::write(models.folder().join(CHOICE), text).unwrap();
            assert_eq!(models.chosen(), None, "{text}");
        }
    }
}
