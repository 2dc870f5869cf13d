//! The models of this user: packages that were added, each in a folder of its own in the data directory, and which one is used where
//! the settings name none. Paths of models come from here and from the user's own settings, never from a workspace.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use foretoken_grammars::Language;
use foretoken_infer::Source;
use foretoken_infer::package::Manifest;
use serde::{Deserialize, Serialize};

use crate::paths::{self, Paths};

pub mod fetch;

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
    /// The same by language, where it is another one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    languages: BTreeMap<String, String>,
}

/// What the user chose, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// For everything that has none of its own.
    pub default: Source,
    /// By language.
    pub languages: BTreeMap<Language, Source>,
}

impl Default for Chosen {
    fn default() -> Chosen {
        Chosen {
            default: Source::Embedded,
            languages: BTreeMap::new(),
        }
    }
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

    /// What is used where the settings name nothing. A choice that cannot be read is none; one that is gone
    /// still names a folder, so that loading it says what is wrong.
    pub fn chosen(&self) -> Chosen {
        let choice = self.choice();
        let source = |id: &str| -> Option<Source> {
            let is_name = id.bytes().all(|byte| byte.is_ascii_alphanumeric());
            match id {
                "" => Some(Source::Embedded),
                id => is_name.then(|| Source::Folder(self.folder.join(id))),
            }
        };
        let languages = choice.languages.iter().filter_map(|(language, id)| {
            let known = Language::ALL.iter().find(|known| known.id() == language);
            Some((*known?, source(id)?))
        });
        Chosen {
            default: source(&choice.default).unwrap_or(Source::Embedded),
            languages: languages.collect(),
        }
    }

    fn choice(&self) -> Choice {
        let text = fs::read_to_string(self.folder.join(CHOICE)).unwrap_or_default();
        toml::from_str(&text).unwrap_or_default()
    }

    /// Uses this one from now on, or the embedded one; everywhere or in one language.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn choose(&self, added: Option<&Added>, language: Option<Language>) -> io::Result<()> {
        let id = added.map(|added| added.id.clone()).unwrap_or_default();
        let mut choice = self.choice();
        match language {
            None => choice.default = id,
            Some(language) => drop(choice.languages.insert(language.id().to_owned(), id)),
        }
        self.write(&choice)
    }

    /// Lets a language have the default again; true when it had another one.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn unchoose(&self, language: Language) -> io::Result<bool> {
        let mut choice = self.choice();
        match choice.languages.remove(language.id()) {
            None => Ok(false),
            Some(_) => self.write(&choice).map(|()| true),
        }
    }

    fn write(&self, choice: &Choice) -> io::Result<()> {
        let text = toml::to_string(choice).map_err(io::Error::other)?;
        paths::write(&self.folder.join(CHOICE), text.as_bytes())
    }

    /// Removes one. Where it was the default, the embedded one is; where a language had it, the default.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, added: &Added) -> io::Result<()> {
        let mut choice = self.choice();
        let count = choice.languages.len();
        choice.languages.retain(|_, id| *id != added.id);
        let was_default = choice.default == added.id;
        if was_default || choice.languages.len() < count {
            if was_default {
                choice.default.clear();
            }
            self.write(&choice)?;
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
        assert_eq!(models.chosen(), Chosen::default());
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
        models.choose(Some(&found), None).unwrap();
        models.choose(Some(&found), Some(Language::Go)).unwrap();
        let source = Source::Folder(found.folder.clone());
        let chosen = Chosen {
            default: source.clone(),
            languages: BTreeMap::from([(Language::Go, source)]),
        };
        assert_eq!(models.chosen(), chosen);
        models.remove(&found).unwrap();
        assert_eq!(models.chosen(), Chosen::default());
        assert!(models.list().unwrap().is_empty());
        assert!(models.folder().join("notes.txt").exists());
    }

    #[test]
    fn a_language_may_have_its_own_and_give_it_back() {
        let (_folder, models) = models();
        broken(&models, "abcdef0123456789");
        let found = models.find("abcdef").unwrap();
        models.choose(Some(&found), None).unwrap();
        models.choose(None, Some(Language::Rust)).unwrap();
        let chosen = models.chosen();
        assert_eq!(chosen.default, Source::Folder(found.folder.clone()));
        assert_eq!(chosen.languages[&Language::Rust], Source::Embedded);
        assert!(models.unchoose(Language::Rust).unwrap());
        assert!(!models.unchoose(Language::Rust).unwrap());
        assert!(models.chosen().languages.is_empty());
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
            "[languages]\nrust = \"../x\"\nklingon = \"abcdef\"",
            "{",
        ] {
            fs::write(models.folder().join(CHOICE), text).unwrap();
            assert_eq!(models.chosen(), Chosen::default(), "{text}");
        }
    }
}
