//! Keys of providers: where they come from, whom they belong to, and that nobody prints them.
//!
//! A key is bound to one origin. It is looked up for an origin and given to that origin only; no other
//! part of the program can read it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::endpoint::Origin;
use crate::failure::{Failure, Refusal};

/// Where a key comes from. Written `none`, `env:NAME`, `file` or `keychain`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(try_from = "String")]
pub enum KeySource {
    /// The endpoint needs none.
    #[default]
    None,
    /// A variable of the server's process, by name.
    Environment(String),
    /// `keys.toml` beside the user's settings: `"https://host" = "key"`, readable by the user alone.
    File,
    /// The system's store: Keychain, Credential Manager, and on Linux the kernel's keyring, which lasts until
    /// the user logs out.
    Keychain,
}

impl TryFrom<String> for KeySource {
    type Error = String;

    fn try_from(text: String) -> Result<KeySource, String> {
        match text.as_str() {
            "none" => Ok(KeySource::None),
            "file" => Ok(KeySource::File),
            "keychain" => Ok(KeySource::Keychain),
            _ => match text.strip_prefix("env:") {
                Some(name) if !name.is_empty() && !name.contains(['=', '\0']) => {
                    Ok(KeySource::Environment(name.to_owned()))
                }
                // The text may be a key that was pasted here, so it is not repeated.
                _ => Err(
                    "a key is named, not written: `none`, `env:NAME`, `file` or `keychain`"
                        .to_owned(),
                ),
            },
        }
    }
}

/// Longest key, bytes: more than any provider's header may hold.
const LONGEST: usize = 8 << 10;

/// A key and the origin that it belongs to. Overwritten in memory when dropped; prints as its origin.
#[derive(Clone)]
pub struct Key {
    secret: SecretString,
    origin: Origin,
}

impl Key {
    /// Binds a key to an origin, or refuses what no header can hold.
    ///
    /// # Errors
    /// [`Refusal::Key`] when it is empty, longer than 8 KiB or not printable ASCII.
    pub fn new(secret: &str, origin: Origin) -> Result<Key, Failure> {
        let secret = secret.trim();
        if secret.is_empty()
            || secret.len() > LONGEST
            || !secret.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(no_key("it is empty or holds characters that no key has"));
        }
        Ok(Key {
            secret: SecretString::from(secret),
            origin,
        })
    }

    /// Reads a key's line, as somebody enters or pipes it.
    ///
    /// # Errors
    /// As for [`Key::new`], and [`Refusal::Key`] when nothing can be read.
    pub fn read(source: impl std::io::Read, origin: Origin) -> Result<Key, Failure> {
        use std::io::Read;
        let mut text = Zeroizing::new(Vec::with_capacity(LONGEST + 3));
        // A longer one is refused by its length.
        let mut source = source.take(LONGEST as u64 + 3);
        let read = source.read_to_end(&mut text);
        read.map_err(|_| no_key("it cannot be read"))?;
        let text = std::str::from_utf8(&text).map_err(|_| no_key("it is no text"))?;
        Key::new(text, origin)
    }

    /// A key that somebody typed; the text that held it is overwritten.
    ///
    /// # Errors
    /// As for [`Key::new`].
    pub fn entered(text: String, origin: Origin) -> Result<Key, Failure> {
        Key::new(&Zeroizing::new(text), origin)
    }

    /// Whom it belongs to.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(for {})", self.origin)
    }
}

fn no_key(said: &str) -> Failure {
    Failure::refused(Refusal::Key, said)
}

/// Looks keys up.
#[derive(Debug, Clone)]
pub struct Keys {
    /// `keys.toml`, read anew at each look-up, so that a changed key serves at once.
    file: PathBuf,
}

impl Keys {
    /// With `file` as the file of keys; it need not exist.
    #[must_use]
    pub fn new(file: PathBuf) -> Keys {
        Keys { file }
    }

    /// The key for `origin` from where the endpoint says.
    ///
    /// # Errors
    /// [`Refusal::Key`] with the reason and what to do, never with a part of the key.
    pub fn get(&self, source: &KeySource, origin: &Origin) -> Result<Option<Key>, Failure> {
        let secret = match source {
            KeySource::None => return Ok(None),
            KeySource::Environment(name) => match std::env::var(name) {
                Ok(value) => Zeroizing::new(value),
                Err(_) => return Err(no_key(&format!("the variable {name} is not set"))),
            },
            KeySource::File => self.in_file(origin)?,
            KeySource::Keychain => in_keychain(origin)?,
        };
        Key::new(&secret, origin.clone()).map(Some)
    }

    /// Puts a key into the file, in place of the one that its origin had; the file is made where there is none.
    ///
    /// # Errors
    /// [`Refusal::Key`] when the file is open to others, cannot be read as one of keys, or cannot be written;
    /// then it is as it was.
    pub fn store_in_file(&self, key: &Key) -> Result<(), Failure> {
        let mut table = self.table_if_any()?;
        table.retain(|address, _| Origin::parse(address).as_ref() != Some(&key.origin));
        table.insert(key.origin.to_string(), key.secret.clone());
        self.write(&table)
    }

    /// Takes the key of an origin out of the file. True if there was one.
    ///
    /// # Errors
    /// As for [`Keys::store_in_file`].
    pub fn remove_from_file(&self, origin: &Origin) -> Result<bool, Failure> {
        let mut table = self.table_if_any()?;
        let before = table.len();
        table.retain(|address, _| Origin::parse(address).as_ref() != Some(origin));
        let removed = table.len() < before;
        if removed {
            self.write(&table)?;
        }
        Ok(removed)
    }

    /// Whom the keys in the file belong to; of no file, nobody.
    ///
    /// # Errors
    /// [`Refusal::Key`] when the file is open to others or cannot be read as one of keys.
    pub fn in_the_file(&self) -> Result<Vec<Origin>, Failure> {
        let table = self.table_if_any()?;
        Ok(table
            .keys()
            .filter_map(|text| Origin::parse(text))
            .collect())
    }

    fn table_if_any(&self) -> Result<BTreeMap<String, SecretString>, Failure> {
        match std::fs::symlink_metadata(&self.file) {
            Ok(_) => self.table(),
            Err(_) => Ok(BTreeMap::new()),
        }
    }

    fn write(&self, table: &BTreeMap<String, SecretString>) -> Result<(), Failure> {
        let mut text = Zeroizing::new(String::new());
        for (address, secret) in table {
            // Keys are printable ASCII, so only two characters need a backslash (TOML 1.0, basic strings).
            let secret = secret
                .expose_secret()
                .replace('\\', "\\\\")
                .replace('"', "\\\"");
            let secret = Zeroizing::new(secret);
            text.push_str(&format!("{address:?} = \"{}\"\n", *secret));
        }
        self.replace(text.as_bytes()).map_err(|error| {
            no_key(&format!(
                "{} cannot be written: {error}",
                self.file.display()
            ))
        })
    }

    /// Written beside and then moved, so that a crash leaves the old file; `tempfile` makes it 0600.
    fn replace(&self, bytes: &[u8]) -> std::io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.as_file().sync_all()?;
        file.persist(&self.file)?;
        Ok(())
    }

    fn in_file(&self, origin: &Origin) -> Result<Zeroizing<String>, Failure> {
        let table = self.table()?;
        let mut own = table.iter();
        match own.find(|(address, _)| Origin::parse(address).as_ref() == Some(origin)) {
            Some((_, secret)) => Ok(Zeroizing::new(secret.expose_secret().to_owned())),
            None => Err(no_key(&format!(
                "{} has no key for {origin}",
                self.file.display()
            ))),
        }
    }

    fn table(&self) -> Result<BTreeMap<String, SecretString>, Failure> {
        let shown = self.file.display();
        private(&self.file)?;
        let text = std::fs::read_to_string(&self.file).map(Zeroizing::new);
        let text = text.map_err(|_| no_key(&format!("{shown} cannot be read")))?;
        // The parser's own message would show a line of the file.
        let broken = |_| no_key(&format!("{shown} is no table of addresses and keys"));
        toml::from_str(&text).map_err(broken)
    }
}

/// Refuses a file that others may read or that is a link.
fn private(file: &Path) -> Result<(), Failure> {
    let shown = file.display();
    let metadata =
        std::fs::symlink_metadata(file).map_err(|_| no_key(&format!("{shown} does not exist")))?;
    if !metadata.is_file() {
        return Err(no_key(&format!("{shown} is no plain file")));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(no_key(&format!(
                "{shown} can be read by others; run chmod 600 on it and change the key"
            )));
        }
    }
    Ok(())
}

/// Under which name our keys stand in the system's store.
const SERVICE: &str = "foretoken";

fn in_keychain(origin: &Origin) -> Result<Zeroizing<String>, Failure> {
    let entry = keychain_entry(origin)?;
    entry
        .get_password()
        .map(Zeroizing::new)
        .map_err(|e| match e {
            keyring_core::Error::NoEntry => {
                no_key(&format!("the system's keychain has no key for {origin}"))
            }
            // The library's messages may hold the value, so only the fact is told.
            _ => no_key("the system's keychain cannot be read"),
        })
}

/// Puts a key into the system's store, under its origin.
///
/// # Errors
/// [`Refusal::Key`] where there is no store, or it is locked.
pub fn store_in_keychain(key: &Key) -> Result<(), Failure> {
    let entry = keychain_entry(key.origin())?;
    entry
        .set_password(key.expose())
        .map_err(|_| no_key("the system's keychain cannot be written"))
}

/// Takes the key of an origin out of the system's store. True if there was one.
///
/// # Errors
/// [`Refusal::Key`] where there is no store, or it is locked.
pub fn remove_from_keychain(origin: &Origin) -> Result<bool, Failure> {
    match keychain_entry(origin)?.delete_credential() {
        Ok(()) => Ok(true),
        Err(keyring_core::Error::NoEntry) => Ok(false),
        Err(_) => Err(no_key("the system's keychain cannot be written")),
    }
}

fn keychain_entry(origin: &Origin) -> Result<keyring_core::Entry, Failure> {
    let none = |_| no_key("this system has no keychain that can be used; use `env:NAME` or `file`");
    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    return {
        let _ = origin;
        Err(none(()))
    };
    #[cfg(target_os = "linux")]
    let store = linux_keyutils_keyring_store::Store::new().map_err(none)?;
    #[cfg(target_os = "macos")]
    let store = apple_native_keyring_store::keychain::Store::new().map_err(none)?;
    #[cfg(windows)]
    let store = windows_native_keyring_store::Store::new().map_err(none)?;
    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    {
        use keyring_core::api::CredentialStoreApi;
        let entry = store.build(SERVICE, &origin.to_string(), None);
        entry.map_err(none)
    }
}

#[cfg(test)]
mod tests;
