//! Hunks of a history: what `git log -p -U0` prints, read by the counts in its headers.
//!
//! A *hunk* here is a place where lines were added and none removed, the only kind of change of which
//! one knows what was typed. The content is never mistaken for a header, because each header says how
//! many lines follow it.

/// Lines added at one place of one file by one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// Hexadecimal id of the commit that added them.
    pub commit: String,
    /// The file, relative to the repository, with `/`.
    pub path: String,
    /// Number of the first of the lines in the commit's file, from 0.
    pub line: usize,
    /// The lines without their ends.
    pub lines: Vec<String>,
    /// The commit made the file.
    pub new_file: bool,
}

/// The mark before each commit's id; a byte that stands in no line of text.
pub const MARK: char = '\u{0}';

/// All hunks of a log of the format `%x00%H`, in its order. What is not understood is passed over.
#[must_use]
pub fn parse(log: &str) -> Vec<Hunk> {
    let mut found = Vec::new();
    let (mut commit, mut path, mut new_file) = ("", None, false);
    let mut lines = log.lines();
    while let Some(line) = lines.next() {
        if let Some(id) = line.strip_prefix(MARK) {
            (commit, path) = (id, None);
        } else if line.starts_with("diff --git ") {
            (path, new_file) = (None, false);
        } else if line == "--- /dev/null" {
            new_file = true;
        } else if let Some(name) = line.strip_prefix("+++ b/") {
            // A name with odd characters stands in quotes and is left out; git ends a name with blanks
            // by a tab.
            path = Some(name.trim_end_matches('\t'));
        } else if let Some(header) = line.strip_prefix("@@ -") {
            let Some((removed, first, added)) = counts(header) else {
                continue;
            };
            for _ in 0..removed {
                skip_end_mark(&mut lines);
            }
            let mut text = Vec::with_capacity(added);
            for _ in 0..added {
                let content = lines.next().unwrap_or_default();
                text.push(content.strip_prefix('+').unwrap_or(content).to_owned());
            }
            if let (Some(path), 0, 1..) = (path, removed, added) {
                found.push(Hunk {
                    commit: commit.to_owned(),
                    path: path.to_owned(),
                    line: first.saturating_sub(1),
                    lines: text,
                    new_file,
                });
            }
        }
    }
    found
}

/// A removed line, and where the old file has no line end at its end, git's remark about that.
fn skip_end_mark(lines: &mut std::str::Lines<'_>) {
    lines.next();
    let mut ahead = lines.clone();
    if ahead.next().is_some_and(|line| line.starts_with("\\ ")) {
        *lines = ahead;
    }
}

/// Of `a[,b] +c[,d] @@ …`: lines removed, first line added, lines added.
fn counts(header: &str) -> Option<(usize, usize, usize)> {
    let (old, rest) = header.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let removed = old.split_once(',').map_or(Some(1), |(_, n)| n.parse().ok());
    let (first, added) = match new.split_once(',') {
        Some((first, added)) => (first.parse().ok()?, added.parse().ok()?),
        None => (new.parse().ok()?, 1),
    };
    Some((removed?, first, added))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
\u{0}aaa

diff --git a/src/a.rs b/src/a.rs
index 1..2 100644
--- a/src/a.rs
+++ b/src/a.rs
@@ -3,0 +4,2 @@ fn f() {
+    let a = 1;
+++ b/no.header
@@ -9 +11 @@ fn g() {
-old
\\ No newline at end of file
+new
@@ -20,2 +21,0 @@
-x
-y
diff --git a/b.py b/b.py
new file mode 100644
--- /dev/null
+++ b/b.py
@@ -0,0 +1 @@
+import os
\u{0}bbb

diff --git a/b.py b/b.py
--- a/b.py
+++ b/b.py
@@ -1,0 +2 @@ import os
+import sys
";

    #[test]
    fn only_places_where_lines_were_added_and_none_removed() {
        let hunks = parse(LOG);
        let seen: Vec<_> = hunks
            .iter()
            .map(|h| (h.commit.as_str(), h.path.as_str(), h.line, h.new_file))
            .collect();
        assert_eq!(
            seen,
            [
                ("aaa", "src/a.rs", 3, false),
                ("aaa", "b.py", 0, true),
                ("bbb", "b.py", 1, false),
            ]
        );
        assert_eq!(hunks[0].lines, ["    let a = 1;", "++ b/no.header"]);
        assert_eq!(hunks[2].lines, ["import sys"]);
    }

    #[test]
    fn a_log_that_is_cut_short_does_no_harm() {
        for end in 0..LOG.len() {
            let _ = parse(&LOG[..end]);
        }
    }
}
