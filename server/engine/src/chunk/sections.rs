//! Sections: the headed parts of Markdown and reStructuredText, named by the path of their headings.

use super::{Chunk, Kind, Lines, chunk, windows};

/// Whether a file without a language is prose with headings.
pub(super) fn is_document(path: &str) -> bool {
    let end = path.rsplit('.').next().unwrap_or_default();
    end.eq_ignore_ascii_case("rst")
}

/// One chunk a section; long ones are cut.
pub(super) fn of(text: &str, lines: &Lines) -> Vec<Chunk> {
    let mut found = Vec::new();
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut from = 0;
    let mut fenced = false;
    for line in 0..=lines.count() {
        let heading = if line == lines.count() {
            None
        } else {
            let content = text[lines.bytes(&(line..line + 1))].trim_end();
            let fence = content.trim_start();
            fenced ^= fence.starts_with("```") || fence.starts_with("~~~");
            (!fenced).then(|| heading(text, lines, line)).flatten()
        };
        if heading.is_none() && line < lines.count() {
            continue;
        }
        for part in windows::cut(text, lines, from..line, &[]) {
            let mut section = chunk(Kind::Section, lines, part);
            if let Some((_, name)) = path.last() {
                section.name.clone_from(name);
                let names: Vec<&str> = path.iter().map(|(_, name)| name.as_str()).collect();
                section.qualified = names.join(" > ");
            }
            section.signature = lines.bytes(&(from..(from + 1).min(line)));
            found.push(section);
        }
        from = line;
        if let Some((level, name)) = heading {
            path.retain(|(above, _)| *above < level);
            path.push((level, name));
        }
    }
    found
}

/// `## Name` or a line underlined by `===` or `---`: level from 1, and the words.
fn heading(text: &str, lines: &Lines, line: usize) -> Option<(usize, String)> {
    let content = text[lines.bytes(&(line..line + 1))].trim_end();
    let level = content.bytes().take_while(|b| *b == b'#').count();
    if (1..=6).contains(&level) && content[level..].starts_with(' ') {
        return Some((
            level,
            shorten(content[level..].trim().trim_end_matches('#')),
        ));
    }
    let under = lines.count() > line + 1;
    let under = under.then(|| text[lines.bytes(&(line + 1..line + 2))].trim_end())?;
    let mark = under.bytes().next().filter(|mark| b"=-~^".contains(mark))?;
    let whole = under.len() >= 3 && under.bytes().all(|b| b == mark);
    let worded = content.starts_with(char::is_alphanumeric);
    (whole && worded).then(|| (if mark == b'=' { 1 } else { 2 }, shorten(content)))
}

fn shorten(name: &str) -> String {
    name.trim().chars().take(80).collect()
}
