//! Which endpoints may be sent text of which project: the user's answers, one file, written only when
//! the user gives one. It is parsed apart from all settings and fails closed: a file that cannot be
//! read allows nothing. No other layer can add a consent.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::paths::{self, Paths};

/// Longest file that is read, bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// One answer "yes".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The project's folder, canonical.
    pub project: PathBuf,
    /// Where text of it may go: scheme, host and port, as `http://127.0.0.1:4000`. A new address under
    /// an old name is another place.
    pub origin: String,
}

/// One "yes" to keeping questions about a project with their answers, for `foretoken export`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    /// The project's folder, canonical.
    pub project: PathBuf,
    /// Under which licence its text is, as the user says; goes along with every example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

/// The answers on record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    consents: Vec<Consent>,
    examples: Vec<Examples>,
}

/// The form of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    consent: Vec<Consent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    examples: Vec<Examples>,
}

impl Trust {
    /// The answers in the user's state directory; no file is no consent.
    ///
    /// # Errors
    /// A sentence where the file is there and cannot be used; then nothing is allowed.
    pub fn load(paths: &Paths) -> Result<Trust, String> {
        let path = file(paths);
        let shown = path.display();
        let text = match read(&path) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Trust::default()),
            Err(error) => {
                return Err(format!(
                    "The consents in {shown} cannot be read ({error}), so nothing is sent anywhere."
                ));
            }
        };
        match toml::from_str::<File>(&text) {
            Ok(file) => Ok(Trust {
                consents: file.consent,
                examples: file.examples,
            }),
            Err(error) => Err(format!(
                "The consents in {shown} are ignored ({}), so nothing is sent anywhere; correct or \
                 delete the file.",
                error.message()
            )),
        }
    }

    /// Whether text of this project may go to this origin.
    pub fn allows(&self, project: &Path, origin: &str) -> bool {
        let project = canonical(project);
        let given = |consent: &Consent| consent.project == project && consent.origin == origin;
        self.consents.iter().any(given)
    }

    /// All that was allowed, in the order in which it was.
    pub fn consents(&self) -> &[Consent] {
        &self.consents
    }

    /// Records a "yes" and writes the file. What others recorded meanwhile is kept.
    ///
    /// # Errors
    /// The file cannot be written, or the one that is there cannot be used.
    pub fn allow(paths: &Paths, project: &Path, origin: &str) -> Result<Trust, String> {
        let mut trust = Trust::load(paths)?;
        let consent = Consent {
            project: canonical(project),
            origin: origin.to_owned(),
        };
        if !trust.consents.contains(&consent) {
            trust.consents.push(consent);
            trust.write(paths)?;
        }
        Ok(trust)
    }

    /// Takes back what was allowed for a project, or for one origin of it. True if there was something.
    ///
    /// # Errors
    /// As for [`Trust::allow`].
    pub fn revoke(paths: &Paths, project: &Path, origin: Option<&str>) -> Result<bool, String> {
        let mut trust = Trust::load(paths)?;
        let project = canonical(project);
        let before = trust.consents.len();
        trust.consents.retain(|consent| {
            consent.project != project || origin.is_some_and(|origin| consent.origin != origin)
        });
        let changed = trust.consents.len() < before;
        if changed {
            trust.write(paths)?;
        }
        Ok(changed)
    }

    /// The "yes" to keeping questions about this project, if there is one.
    pub fn examples(&self, project: &Path) -> Option<&Examples> {
        if self.examples.is_empty() {
            return None;
        }
        let project = canonical(project);
        self.examples.iter().find(|kept| kept.project == project)
    }

    /// Records that questions about a project may be kept with their answers; the licence replaces an older one.
    ///
    /// # Errors
    /// As for [`Trust::allow`].
    pub fn keep_examples(
        paths: &Paths,
        project: &Path,
        licence: Option<String>,
    ) -> Result<(), String> {
        let mut trust = Trust::load(paths)?;
        let project = canonical(project);
        trust.examples.retain(|kept| kept.project != project);
        trust.examples.push(Examples { project, licence });
        trust.write(paths)
    }

    /// Takes that back. True if there was something.
    ///
    /// # Errors
    /// As for [`Trust::allow`].
    pub fn keep_no_examples(paths: &Paths, project: &Path) -> Result<bool, String> {
        let mut trust = Trust::load(paths)?;
        let (project, before) = (canonical(project), trust.examples.len());
        trust.examples.retain(|kept| kept.project != project);
        let changed = trust.examples.len() < before;
        if changed {
            trust.write(paths)?;
        }
        Ok(changed)
    }

    fn write(&self, paths: &Paths) -> Result<(), String> {
        let file = File {
            consent: self.consents.clone(),
            examples: self.examples.clone(),
        };
        let path = self::file(paths);
        let text = toml::to_string(&file).map_err(|error| error.to_string())?;
        paths::write(&path, text.as_bytes())
            .map_err(|error| format!("{} cannot be written: {error}.", path.display()))
    }
}

/// Where the answers lie.
pub fn file(paths: &Paths) -> PathBuf {
    paths.state.join("trust.toml")
}

/// One spelling of a folder. One that does not exist is compared as it is written.
fn canonical(project: &Path) -> PathBuf {
    std::fs::canonicalize(project).unwrap_or_else(|_| project.to_owned())
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(metadata) if !metadata.is_file() || metadata.len() > MAX_FILE => {
            Err(io::Error::other("it is no regular file of usual size"))
        }
        Ok(_) => std::fs::read_to_string(path).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUSE: &str = "https://models.example";

    #[test]
    fn a_consent_is_for_one_project_and_one_origin_and_can_be_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::under(&folder.path().join("user"));
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::create_dir_all(&one).unwrap();
        std::fs::create_dir_all(&two).unwrap();
        assert!(!Trust::load(&paths).unwrap().allows(&one, HOUSE));
        Trust::allow(&paths, &one, HOUSE).unwrap();
        Trust::allow(&paths, &one, HOUSE).unwrap();
        Trust::allow(&paths, &one.join("../one"), "http://127.0.0.1:4000").unwrap();
        let trust = Trust::load(&paths).unwrap();
        assert_eq!(trust.consents().len(), 2);
        assert!(trust.allows(&one.join("."), HOUSE));
        assert!(!trust.allows(&two, HOUSE) && !trust.allows(&one, "http://models.example"));
        assert_eq!(paths::open_to_others(&file(&paths)), None);
        assert!(Trust::revoke(&paths, &one, Some(HOUSE)).unwrap());
        assert!(!Trust::revoke(&paths, &one, Some(HOUSE)).unwrap());
        assert!(
            Trust::load(&paths)
                .unwrap()
                .allows(&one, "http://127.0.0.1:4000")
        );
        assert!(Trust::revoke(&paths, &one, None).unwrap());
        assert_eq!(Trust::load(&paths).unwrap(), Trust::default());
    }

    #[test]
    fn keeping_examples_is_a_word_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::under(&folder.path().join("user"));
        let project = folder.path().join("one");
        std::fs::create_dir_all(&project).unwrap();
        Trust::allow(&paths, &project, HOUSE).unwrap();
        assert_eq!(Trust::load(&paths).unwrap().examples(&project), None);
        Trust::keep_examples(&paths, &project, None).unwrap();
        Trust::keep_examples(&paths, &project.join("."), Some("MIT".to_owned())).unwrap();
        let trust = Trust::load(&paths).unwrap();
        let licence = trust.examples(&project).unwrap().licence.as_deref();
        assert_eq!((licence, trust.examples.len()), (Some("MIT"), 1));
        assert!(trust.allows(&project, HOUSE));
        assert_eq!(trust.examples(folder.path()), None);
        assert!(Trust::revoke(&paths, &project, None).unwrap());
        assert!(Trust::load(&paths).unwrap().examples(&project).is_some());
        assert!(Trust::keep_no_examples(&paths, &project).unwrap());
        assert!(!Trust::keep_no_examples(&paths, &project).unwrap());
        assert_eq!(Trust::load(&paths).unwrap(), Trust::default());
    }

    #[test]
    fn a_file_that_is_wrong_anywhere_allows_nothing_and_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::under(folder.path());
        for text in [
            "[[consent]]\nproject = \"/p\"\norigin = \"https://a\"\n[[consent]]\nproject = 3\norigin = \"x\"\n",
            "[[consent]]\nproject = \"/p\"\norigin = \"https://a\"\neverywhere = true\n",
            "[[consents]]\n",
            "\u{0}",
        ] {
            paths::write(&file(&paths), text.as_bytes()).unwrap();
            let sentence = Trust::load(&paths).unwrap_err();
            assert!(sentence.contains("nothing is sent"), "{sentence}");
            assert!(Trust::allow(&paths, Path::new("/p"), "https://b").is_err());
            assert_eq!(std::fs::read_to_string(file(&paths)).unwrap(), text);
        }
    }
}
