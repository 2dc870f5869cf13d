//! What an editor needs: files with their content, and what only a person can do. A *plan* changes
//! nothing; `write` carries it out.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Editor, Places, helix, jetbrains};
use crate::cli::Failure;

/// A file's present text; `None` where it is not there.
pub(super) type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// See the module's header.
#[derive(Debug)]
pub(super) struct Plan {
    /// The editor as it calls itself.
    pub(super) name: &'static str,
    /// What was seen to work, honestly.
    state: &'static str,
    /// What to do by hand, complete.
    by_hand: String,
    pub(super) files: Vec<File>,
    /// What remains to be done when the files are written.
    pub(super) after: String,
}

/// One file of a plan.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) content: Content,
}

/// What becomes of the file.
#[derive(Debug)]
pub(super) enum Content {
    /// It is ours from the first line to the last.
    Whole(String),
    /// A part of a user's file, between two marks that begin with the language's comment sign.
    Block { comment: &'static str, text: String },
}

/// Neovim's plugin, by its path below the plugin's folder.
pub(super) const NEOVIM: &[(&str, &str)] = &[
    (
        "doc/foretoken.txt",
        include_str!("../../../../../editors/neovim/doc/foretoken.txt"),
    ),
    (
        "lsp/foretoken.lua",
        include_str!("../../../../../editors/neovim/lsp/foretoken.lua"),
    ),
    (
        "lua/foretoken/answer.lua",
        include_str!("../../../../../editors/neovim/lua/foretoken/answer.lua"),
    ),
    (
        "lua/foretoken/health.lua",
        include_str!("../../../../../editors/neovim/lua/foretoken/health.lua"),
    ),
    (
        "lua/foretoken/init.lua",
        include_str!("../../../../../editors/neovim/lua/foretoken/init.lua"),
    ),
    (
        "lua/foretoken/inline.lua",
        include_str!("../../../../../editors/neovim/lua/foretoken/inline.lua"),
    ),
    (
        "lua/foretoken/menu.lua",
        include_str!("../../../../../editors/neovim/lua/foretoken/menu.lua"),
    ),
    (
        "lua/foretoken/status.lua",
        include_str!("../../../../../editors/neovim/lua/foretoken/status.lua"),
    ),
    (
        "plugin/foretoken.lua",
        include_str!("../../../../../editors/neovim/plugin/foretoken.lua"),
    ),
];

const EMACS: &str = include_str!("../../../../../editors/emacs/foretoken.el");
const KAKOUNE: &str = include_str!("../../../../../editors/kakoune/foretoken.kak");
const SUBLIME: &str = include_str!("../../../../../editors/sublime/LSP.sublime-settings");

/// The plan for an editor, given what its files hold now.
///
/// # Errors
/// A file of the user's cannot be understood, so nothing is put into it.
pub(super) fn of(editor: Editor, places: &Places, read: Read<'_>) -> Result<Plan, Failure> {
    Ok(match editor {
        Editor::VsCode => vscode(),
        Editor::Neovim => neovim(places),
        Editor::Helix => helix::plan(places, read)?,
        Editor::JetBrains => jetbrains::plan(places),
        Editor::Emacs => in_a_block(
            "Emacs",
            places.home.join(".emacs.d/init.el"),
            (";;", EMACS),
            "Not tried yet. Ghost text needs lsp-mode 10; eglot has none.",
        ),
        Editor::Zed => zed(),
        Editor::Sublime => sublime(),
        Editor::Kakoune => in_a_block(
            "Kakoune",
            places.config.join("kak/kakrc"),
            ("#", KAKOUNE),
            "Not tried yet. Suggestions appear in the completion menu.",
        ),
    })
}

impl Plan {
    /// A plan whose files are written, then the editor is started anew.
    pub(super) fn new(name: &'static str, state: &'static str, by_hand: String) -> Plan {
        Plan {
            name,
            state,
            by_hand,
            files: Vec::new(),
            after: format!("Start {name} anew and open a source file."),
        }
    }
}

fn vscode() -> Plan {
    Plan::new(
        "VS Code",
        "Tested in VS Code 1.100.3 by the project's own tests.",
        "The extension is one file that holds this program too. In the folder editors/vscode of the sources:\n\
         \n    npm ci && npm run package\n    code --install-extension foretoken-*.vsix\n\
         \nWhere the extension was built without a program, set foretoken.path in the user settings.\n"
            .to_owned(),
    )
}

fn neovim(places: &Places) -> Plan {
    let site = if cfg!(windows) {
        "nvim-data/site"
    } else {
        "nvim/site"
    };
    let folder = places
        .data
        .join(site)
        .join("pack/foretoken/start/foretoken");
    let mut plan = Plan::new(
        "Neovim",
        "Ghost text is tested in Neovim 0.12; 0.11 has the completion menu.",
        "With lazy.nvim, where DIR is the folder editors/neovim of the sources:\n\
         \n    { dir = 'DIR', name = 'foretoken', opts = {} }\n\
         \nWithout a plugin manager, `foretoken setup neovim --write` puts the plugin among your packages. \
         It starts by itself; `vim.g.foretoken = false` in your init.lua stops that.\n"
            .to_owned(),
    );
    plan.files = whole(&folder, NEOVIM);
    plan.after = "Run :helptags ALL once, then :checkhealth foretoken.".to_owned();
    plan
}

fn zed() -> Plan {
    Plan::new(
        "Zed",
        "Not tried.",
        "Zed starts language servers through extensions only, and there is none for Foretoken: its settings \
         alone cannot name a new server. Nothing can be set up yet.\n"
            .to_owned(),
    )
}

fn sublime() -> Plan {
    Plan::new(
        "Sublime Text",
        "Not tried yet. Suggestions appear in the completion menu.",
        format!(
            "Install the package LSP, choose Preferences > Package Settings > LSP > Settings, and merge this \
             into the right side:\n\n{}",
            indented(SUBLIME)
        ),
    )
}

/// An editor whose user file takes a block.
fn in_a_block(
    name: &'static str,
    path: PathBuf,
    (comment, text): (&'static str, &str),
    state: &'static str,
) -> Plan {
    let mut plan = Plan::new(
        name,
        state,
        format!("Add to {}:\n\n{}", path.display(), indented(text)),
    );
    plan.files = vec![File {
        path,
        content: Content::Block {
            comment,
            text: text.to_owned(),
        },
    }];
    plan
}

/// Files below a folder of our own.
pub(super) fn whole(folder: &Path, files: &[(&str, &str)]) -> Vec<File> {
    let file = |&(path, text): &(&str, &str)| File {
        path: folder.join(path),
        content: Content::Whole(text.to_owned()),
    };
    files.iter().map(file).collect()
}

/// A text as an example, four columns in.
pub(super) fn indented(text: &str) -> String {
    text.lines()
        .map(|line| match line {
            "" => "\n".to_owned(),
            line => format!("    {line}\n"),
        })
        .collect()
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}\n\n{}", self.name, self.state, self.by_hand)?;
        if self.files.is_empty() {
            return Ok(());
        }
        writeln!(f, "With --write:")?;
        for file in &self.files {
            let how = match &file.content {
                Content::Whole(_) => "whole",
                Content::Block { .. } => "a block between two marks; the rest stays",
            };
            writeln!(f, "  {} ({how})", file.path.display())?;
        }
        Ok(())
    }
}
