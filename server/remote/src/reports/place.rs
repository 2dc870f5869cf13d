//! Where in the source something happened, in a form that says nothing of the machine that it was built on.

use std::fmt;

/// A line of our own source, or the name of somebody else's crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Is);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Is {
    Own(String, u32),
    Crate(String),
    Elsewhere,
}

/// The folders of our crates; the compiler names files of a workspace relative to its root.
const OURS: [&str; 4] = ["server/", "grammars/", "tests/", "benches/"];

/// What comes with the compiler.
const STANDARD: [&str; 5] = ["core", "std", "alloc", "test", "proc_macro"];

impl Place {
    /// Of a file as the compiler names it.
    #[must_use]
    pub fn of(file: &str, line: u32) -> Place {
        let file = file.replace('\\', "/");
        if is_ours(&file) {
            return Place(Is::Own(file, line));
        }
        let dependency = file
            .split_once("/registry/src/")
            .and_then(|(_, rest)| rest.split('/').nth(1));
        if let Some(name) = dependency.filter(|name| is_name(name)) {
            return Place(Is::Crate(name.to_owned()));
        }
        let standard = file.split_once("/library/");
        let standard = standard.and_then(|(_, rest)| rest.split('/').next());
        match standard.filter(|name| STANDARD.contains(name)) {
            Some(name) => Place(Is::Crate(name.to_owned())),
            None => Place(Is::Elsewhere),
        }
    }

    /// File and line where they are ours.
    #[must_use]
    pub fn own(&self) -> Option<(&str, u32)> {
        match &self.0 {
            Is::Own(file, line) => Some((file, *line)),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Is::Own(file, line) => write!(f, "{file}:{line}"),
            Is::Crate(name) => f.write_str(name),
            Is::Elsewhere => f.write_str("elsewhere"),
        }
    }
}

fn is_ours(file: &str) -> bool {
    let below = OURS.iter().any(|folder| file.starts_with(folder));
    below && file.ends_with(".rs") && file.len() <= 128 && file.split('/').all(is_name)
}

fn is_name(part: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+');
    (1..=64).contains(&part.len()) && !part.starts_with('.') && part.bytes().all(fits)
}
