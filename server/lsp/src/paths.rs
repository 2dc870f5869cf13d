//! Where files of this user lie, and how they are written: owner only, complete or not at all.
//! Nothing else in the program knows a directory. Nothing is ever written into a workspace.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The directories of this program and its user, absolute; none needs to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `config.toml`.
    pub config: PathBuf,
    /// Added models and an added ONNX Runtime.
    pub data: PathBuf,
    /// Safe to delete at any time.
    pub cache: PathBuf,
    /// Logs and what else belongs to this machine.
    pub state: PathBuf,
    /// The user's home directory, what `~` stands for.
    pub home: PathBuf,
}

impl Paths {
    /// The directories of the current user by the platform's convention (XDG on Linux); `None` where
    /// the user has no home directory, and then nothing is read or written.
    pub fn find() -> Option<Paths> {
        let project = directories::ProjectDirs::from("", "", "foretoken")?;
        let user = directories::BaseDirs::new()?;
        Some(Paths {
            config: project.config_dir().to_owned(),
            data: project.data_dir().to_owned(),
            cache: project.cache_dir().to_owned(),
            // macOS and Windows know no state directory.
            state: project
                .state_dir()
                .unwrap_or_else(|| project.data_local_dir())
                .to_owned(),
            home: user.home_dir().to_owned(),
        })
    }

    /// The same four below one folder, for tests and portable installations.
    pub fn under(root: &Path) -> Paths {
        Paths {
            config: root.join("config"),
            data: root.join("data"),
            cache: root.join("cache"),
            state: root.join("state"),
            home: root.to_owned(),
        }
    }

    /// The user's configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The file of keys, where an endpoint's key is kept in one.
    pub fn keys_file(&self) -> PathBuf {
        self.config.join("keys.toml")
    }

    /// What remote answers cost and how they came about, an SQLite file.
    pub fn books(&self) -> PathBuf {
        self.state.join("books.sqlite")
    }

    /// What the user notes of how code should be written, for questions.
    pub fn notes(&self) -> PathBuf {
        self.state.join("notes.txt")
    }

    /// Where counts of sessions lie, a file for each.
    pub fn metrics(&self) -> PathBuf {
        self.state.join("metrics")
    }

    /// How remote models answered fixed questions.
    pub fn canaries(&self) -> PathBuf {
        self.state.join("canaries.json")
    }

    /// Random bits that tell this installation from others, drawn when they are first asked for; empty where they cannot be kept, and
    /// then all experiments give the same arm. No part of them says whose they are.
    pub fn installation(&self) -> Vec<u8> {
        let path = self.state.join("installation");
        let known = || std::fs::read(&path).ok().filter(|bits| bits.len() == 32);
        if let Some(bits) = known() {
            return bits;
        }
        let mut bits = [0; 32];
        if getrandom::fill(&mut bits).is_err() {
            return Vec::new();
        }
        // Of two processes that begin at once one wins: the file is made by a link, which is refused where there is one.
        let name = u32::from_be_bytes([bits[0], bits[1], bits[2], bits[3]]);
        let drawn = path.with_file_name(format!(".installation.{name:08x}"));
        let linked = write(&drawn, &bits).and_then(|()| std::fs::hard_link(&drawn, &path));
        let _ = std::fs::remove_file(&drawn);
        if let Err(error) = linked
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            tracing::warn!(%error, "the installation's bits cannot be kept");
        }
        known().unwrap_or_default()
    }

    /// Where error reports wait, a file for each.
    pub fn reports(&self) -> PathBuf {
        self.state.join("reports")
    }

    /// Where log files lie, one per process.
    pub fn logs(&self) -> PathBuf {
        self.state.join("log")
    }

    /// The directories with the name of their kind.
    pub fn named(&self) -> [(&'static str, &Path); 4] {
        [
            ("config", &self.config),
            ("data", &self.data),
            ("cache", &self.cache),
            ("state", &self.state),
        ]
    }
}

/// Makes a directory with its parents and closes it to other users.
pub fn create_dir(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    // The parents too: the XDG specification wants them so when a program makes them.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    tighten(path).map(drop)
}

/// Creates or empties a file that only its owner may read, in a directory closed likewise.
pub fn create_file(path: &Path) -> io::Result<std::fs::File> {
    if let Some(parent) = path.parent() {
        create_dir(parent)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // The mode above is not applied to a file that was there before.
    tighten(path)?;
    Ok(file)
}

/// Replaces a file as a whole: a reader sees the old content or the new, never a part.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let temporary = path.with_file_name(format!(
        ".{}.{}",
        name.to_string_lossy(),
        std::process::id()
    ));
    let mut file = create_file(&temporary)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    drop(file);
    let renamed = written.and_then(|()| std::fs::rename(&temporary, path));
    if renamed.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    renamed
}

/// The mode of a file or directory if others than its owner may use it; `None` also where it does
/// not exist or the platform has no modes.
pub fn open_to_others(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Takes away what others may do; true when there was something to take.
pub fn tighten(path: &Path) -> io::Result<bool> {
    let Some(mode) = open_to_others(path) else {
        return Ok(false);
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o700))?;
    }
    let _ = mode;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file.toml");
        write(&path, b"old and longer").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        let names: Vec<_> = std::fs::read_dir(folder.path().join("a/b"))
            .unwrap()
            .collect();
        assert_eq!(names.len(), 1);
        for made in ["a", "a/b", "a/b/file.toml"] {
            assert_eq!(open_to_others(&folder.path().join(made)), None, "{made}");
        }
        assert!(write(Path::new("/"), b"x").is_err());
    }

    #[test]
    fn an_installation_has_one_set_of_bits_whoever_asks_first() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let ask = || paths.installation();
        let all: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(all.iter().all(|bits| bits.len() == 32 && *bits == all[0]));
        assert_eq!(open_to_others(&paths.state.join("installation")), None);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Paths::under(other.path()).installation(), all[0]);
    }

    #[test]
    fn a_write_that_fails_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("there");
        std::fs::create_dir_all(path.join("full")).unwrap();
        assert!(write(&path, b"x").is_err());
        assert!(path.join("full").exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn modes_are_closed_whatever_they_were() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("d");
        std::fs::create_dir(&directory).unwrap();
        let file = directory.join("f");
        std::fs::write(&file, "").unwrap();
        for (path, mode) in [(&directory, 0o777), (&file, 0o664)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(open_to_others(path), Some(mode));
        }
        create_file(&file).unwrap();
        assert_eq!(
            (open_to_others(&directory), open_to_others(&file)),
            (None, None)
        );
        assert!(!tighten(&file).unwrap());
    }

    #[test]
    fn each_directory_is_our_own() {
        let paths = Paths::under(Path::new("/home/ada"));
        let mut all: Vec<&Path> = paths.named().iter().map(|(_, path)| *path).collect();
        all.dedup();
        assert_eq!(all.len(), 4);
        assert!(paths.logs().starts_with(&paths.state));
        assert!(paths.config_file().starts_with(&paths.config));
    }
}
