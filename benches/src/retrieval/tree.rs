//! The files of a commit as the workspace index would see them: text, of sane size, written by people.

use super::git::Git;

/// A file of the searched tree.
#[derive(Debug, Clone)]
pub struct File {
    /// From the repository's root, `/` between folders.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// Larger files are no source that anybody reads.
const MOST_BYTES: usize = 1 << 20;

/// A NUL in so many first bytes means that a file is binary.
const BINARY_HEAD: usize = 8 << 10;

/// Endings of files that programs wrote.
const WRITTEN_BY_PROGRAMS: &[&str] = &[
    ".snap",
    ".lock",
    ".svg",
    ".map",
    ".po",
    ".pot",
    ".csv",
    ".tsv",
    ".sum",
    "-lock.json",
    "-lock.yaml",
    ".min.js",
    ".min.css",
    ".jsonl",
    ".ipynb",
    ".golden",
];

/// The text files of a commit.
///
/// # Errors
/// What git says, as a sentence.
pub fn files(git: &Git, commit: &str) -> Result<Vec<File>, String> {
    let listed = git.ask(&["ls-tree", "-r", "-l", "-z", commit])?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let (ids, paths): (Vec<String>, Vec<String>) = listed.split('\0').filter_map(entry).unzip();
    let blobs = git.blobs(&ids)?;
    let texts = blobs.into_iter().map(|blob| blob.and_then(text));
    let files = paths.into_iter().zip(texts);
    Ok(files
        .filter_map(|(path, text)| Some(File { path, text: text? }))
        .collect())
}

/// Id and path of one line of `ls-tree -l`; `None` for links, submodules and what is not read.
fn entry(line: &str) -> Option<(String, String)> {
    let (head, path) = line.split_once('\t')?;
    let mut words = head.split_whitespace();
    let (mode, _, id, size) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let read = mode.starts_with("100")
        && size.parse::<usize>().is_ok_and(|size| size <= MOST_BYTES)
        && !WRITTEN_BY_PROGRAMS
            .iter()
            .any(|ending| path.ends_with(ending));
    read.then(|| (id.to_owned(), path.to_owned()))
}

fn text(bytes: Vec<u8>) -> Option<String> {
    if bytes.iter().take(BINARY_HEAD).any(|b| *b == 0) {
        return None;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_s_text_is_read() {
        let line = "100644 blob abc      12\tsrc/a b.rs";
        assert_eq!(
            entry(line),
            Some(("abc".to_owned(), "src/a b.rs".to_owned()))
        );
        for none in [
            "120000 blob abc      12\tlink",
            "160000 commit abc       -\tmodule",
            "100644 blob abc 9999999\tbig.rs",
            "100644 blob abc      12\ta/b.snap",
        ] {
            assert_eq!(entry(none), None, "{none}");
        }
        assert_eq!(text(b"a\0b".to_vec()), None);
        assert_eq!(text(vec![0xff, 0xfe]), None);
        assert_eq!(text(b"fn".to_vec()).as_deref(), Some("fn"));
    }
}
