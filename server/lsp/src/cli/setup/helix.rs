//! Helix: one server and one entry for each language. Its list of servers for a language *replaces* the
//! built-in one, so ours is appended to what Helix has by itself.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use toml::{Table, Value};

use super::Places;
use super::plan::{Content, File, Plan, Read, indented};
use crate::cli::Failure;

/// Helix's names of the languages whose syntax we know, with the servers that Helix 25.07.1 has for each
/// (`hx --health LANGUAGE`).
pub(super) const LANGUAGES: &[(&str, &[&str])] = &[
    ("rust", &["rust-analyzer"]),
    ("python", &["ty", "ruff", "jedi", "pylsp", "zuban"]),
    ("javascript", &["typescript-language-server"]),
    ("jsx", &["typescript-language-server"]),
    ("typescript", &["typescript-language-server"]),
    ("tsx", &["typescript-language-server"]),
    ("go", &["gopls", "golangci-lint-lsp"]),
    ("java", &["jdtls"]),
    ("c", &["clangd"]),
    ("cpp", &["clangd"]),
    (ANSWERS, &["marksman", "markdown-oxide", "rumdl"]),
];

/// Answers to questions are documents of this language, and a further question is one of their actions.
const ANSWERS: &str = "markdown";

const SERVER: &str = "\
[language-server.foretoken]
command = \"foretoken\"
config = { editor = \"helix\" }
";

/// An unknown feature would make Helix drop the whole file; these are known to 25.07.
const OURS: &str =
    r#"{ name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }"#;

const OURS_IN_ANSWERS: &str =
    r#"{ name = "foretoken", only-features = ["code-action", "workspace-command"] }"#;

/// What the user's file says already.
#[derive(Debug, Default)]
struct Present {
    /// Languages with a list of servers of the user's own.
    lists: BTreeSet<String>,
    server: bool,
}

/// The text for a user without settings of their own. `editors/helix/languages.toml` is this.
#[cfg(test)]
pub(super) fn languages() -> String {
    block(&Present::default())
}

pub(super) fn plan(places: &Places, read: Read<'_>) -> Result<Plan, Failure> {
    let path = places.config.join("helix/languages.toml");
    let present = match read(&path) {
        Some(text) => present(&text).map_err(|why| {
            Failure(format!(
                "{} is no TOML that can be read ({why}). Helix ignores such a file whole; put it right first.",
                path.display()
            ))
        })?,
        None => Present::default(),
    };
    let mut by_hand = format!(
        "Helix shows suggestions as the first row of its completion menu: by themselves after two letters of a \
         word, or on Ctrl-x. Add to {}:\n\n{}",
        path.display(),
        indented(&block(&present))
    );
    if !present.lists.is_empty() {
        let names: Vec<&str> = present.lists.iter().map(String::as_str).collect();
        let _ = write!(
            by_hand,
            "\nYou have lists of your own for {}. Append to `language-servers` of each:\n\n    {OURS}\n",
            names.join(", ")
        );
    }
    by_hand += "\nBuilds of 2026 ask whether a folder is trusted before they start a server. \
                `:lsp-workspace-command foretoken.status` shows that it runs.\n";
    let mut plan = Plan::new(
        "Helix",
        "Tested in Helix 25.07 by the project's own tests.",
        by_hand,
    );
    plan.files = vec![File {
        path,
        content: Content::Block {
            comment: "#",
            text: block(&present),
        },
    }];
    Ok(plan)
}

/// Reads what is the user's own; our block of an earlier run is not.
fn present(text: &str) -> Result<Present, String> {
    let mut outside = String::new();
    let mut ours = false;
    for line in text.lines() {
        ours |= line.starts_with("# >>> foretoken >>>");
        if !ours {
            outside += line;
            outside.push('\n');
        }
        ours &= !line.starts_with("# <<< foretoken <<<");
    }
    let table: Table = outside
        .parse()
        .map_err(|error: toml::de::Error| error.message().to_owned())?;
    let languages = table.get("language").and_then(Value::as_array);
    let lists = languages
        .into_iter()
        .flatten()
        .filter(|language| language.get("language-servers").is_some())
        .filter_map(|language| Some(language.get("name")?.as_str()?.to_owned()))
        .filter(|name| LANGUAGES.iter().any(|(known, _)| known == name))
        .collect();
    let server = table
        .get("language-server")
        .is_some_and(|servers| servers.get("foretoken").is_some());
    Ok(Present { lists, server })
}

fn block(present: &Present) -> String {
    let mut text = if present.server {
        String::new()
    } else {
        SERVER.to_owned()
    };
    for (name, servers) in LANGUAGES {
        if present.lists.contains(*name) {
            continue;
        }
        let ours = match *name {
            ANSWERS => OURS_IN_ANSWERS,
            _ => OURS,
        };
        let servers: Vec<String> = servers.iter().map(|server| format!("{server:?}")).collect();
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = write!(
            text,
            "{gap}[[language]]\nname = {name:?}\nlanguage-servers = [{}, {ours}]\n",
            servers.join(", ")
        );
    }
    text
}
