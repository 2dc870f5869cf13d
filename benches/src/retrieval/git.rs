//! Questions to a repository's object database. Git is asked and never told to change anything, so a bare
//! mirror serves as well as a checkout.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use foretoken_tests::process;

/// A repository on this machine.
#[derive(Debug, Clone)]
pub struct Git {
    folder: PathBuf,
}

impl Git {
    /// The repository in a folder: a work tree or a bare one.
    #[must_use]
    pub fn at(folder: &Path) -> Git {
        Git {
            folder: folder.to_owned(),
        }
    }

    /// What git prints for these words.
    ///
    /// # Errors
    /// What git says, as a sentence.
    pub fn ask(&self, words: &[&str]) -> Result<Vec<u8>, String> {
        let output = self.command(words).stdin(Stdio::null()).output();
        self.answer(output.map_err(|e| format!("git cannot be started: {e}"))?)
    }

    /// The contents of blobs in the order of their ids; `None` for what is absent, as the largest files of
    /// a partial copy are.
    ///
    /// # Errors
    /// What git says, as a sentence.
    pub fn blobs(&self, ids: &[String]) -> Result<Vec<Option<Vec<u8>>>, String> {
        let mut child = self
            .command(&["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("git cannot be started: {e}"))?;
        let input = child.stdin.take();
        let asked = ids.join("\n") + "\n";
        // Written beside the reading: both pipes are shorter than what goes through them.
        let writer = std::thread::spawn(move || match input {
            Some(mut input) => input.write_all(asked.as_bytes()),
            None => Ok(()),
        });
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        let written = writer.join().map_err(|_| "git's input broke".to_owned())?;
        written.map_err(|e| format!("git does not read: {e}"))?;
        split(&self.answer(output)?, ids.len())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = process::program("git");
        command
            .args(["-c", "core.quotePath=false", "-C"])
            .arg(&self.folder)
            .args(words);
        // A partial copy must not reach for a network that it does not need.
        command.env("GIT_NO_LAZY_FETCH", "1");
        command
    }

    fn answer(&self, output: std::process::Output) -> Result<Vec<u8>, String> {
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or("it says nothing");
        Err(format!("{}: git: {said}", self.folder.display()))
    }
}

/// Takes `cat-file --batch` apart: `<id> blob <size>`, the bytes, a line's end; or `<id> missing`.
fn split(mut answer: &[u8], count: usize) -> Result<Vec<Option<Vec<u8>>>, String> {
    let mut blobs = Vec::with_capacity(count);
    while blobs.len() < count {
        let end = answer.iter().position(|b| *b == b'\n');
        let (head, rest) = answer.split_at(end.ok_or("git's answer ends early")?);
        let head = String::from_utf8_lossy(head);
        let Some(size) = head.split(' ').nth(2).and_then(|n| n.parse::<usize>().ok()) else {
            blobs.push(None);
            answer = &rest[1..];
            continue;
        };
        let bytes = rest.get(1..=size).ok_or("git's answer ends early")?;
        blobs.push(Some(bytes.to_vec()));
        answer = rest.get(size + 2..).unwrap_or_default();
    }
    Ok(blobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_taken_apart() {
        let answer = b"aa blob 3\na\nb\nbb missing\ncc blob 0\n\n";
        let blobs = split(answer, 3).unwrap();
        assert_eq!(
            blobs,
            [Some(b"a\nb".to_vec()), None, Some(Vec::new())],
            "a line's end inside a blob is part of it"
        );
        assert!(split(b"aa blob 9\nshort\n", 1).is_err());
        assert!(split(b"", 1).is_err());
    }
}
