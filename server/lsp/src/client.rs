//! What is known of the editor on the other end: what it can show, what it waits by itself, and the
//! quirks that change an answer. Facts are read once, from `initialize`, and never change.

use std::path::PathBuf;
use std::time::Duration;

use foretoken_engine::position::Encoding;
use serde_json::Value;

use crate::config::Menu;

/// The client's own words about itself, complete: what it did not say has the cautious value.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) editor: Editor,
    /// Chosen by us from what it offers; told in every answer to `initialize`.
    pub(crate) encoding: Encoding,
    /// It advertises inline completion.
    pub(crate) inline: bool,
    /// Progress may be shown after `window/workDoneProgress/create`.
    pub(crate) work_done_progress: bool,
    /// `workspace/configuration` may be asked.
    pub(crate) configuration: bool,
    /// It can be asked to tell when the settings change.
    pub(crate) settings_watch: bool,
    /// It can be asked to tell when files change.
    pub(crate) file_watch: bool,
    /// Completion items may say that their text is inserted as it is.
    pub(crate) insert_as_is: bool,
    /// It asked for the notification `didChangeStatus`.
    pub(crate) status: bool,
    /// What of an answer to a question can be shown, and how.
    pub(crate) answers: Answers,
    /// The editor says that the user does not trust this workspace.
    pub(crate) untrusted: bool,
    pub(crate) menu: Option<Menu>,
    pub(crate) debounce: Option<Duration>,
    /// The process that ends us when it ends.
    pub(crate) process_id: Option<u32>,
    /// Absolute paths; empty for a session without a project.
    pub(crate) folders: Vec<PathBuf>,
    /// `initializationOptions` as they came, for the settings that they may hold.
    pub(crate) options: Value,
}

/// The means of a client to show an answer, to ask its user something and to change a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    /// It takes `foretoken/assist`: one of our own plugins, which draws the answer while it comes.
    pub(crate) stream: bool,
    /// `window/showDocument`.
    pub(crate) document: bool,
    /// `workspace/applyEdit`.
    pub(crate) edit: bool,
    /// An edit may name the version of the document that it is for.
    pub(crate) versions: bool,
    /// An edit may say that the user has to confirm it.
    pub(crate) confirm: bool,
}

impl Default for Facts {
    fn default() -> Facts {
        crate::proto::facts::facts(&Value::Null)
    }
}

/// The editors whose behaviour was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Editor {
    VsCode,
    Neovim,
    Helix,
    JetBrains,
    LspMode,
    Other,
}

impl Editor {
    /// By our own integrations' names first, then by the names that the programs give themselves;
    /// those vary by product and version, so a word in the name decides.
    pub(crate) fn named(name: &str) -> Editor {
        let name = name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["vscode", "visual studio code", "code-server", "vscodium"]) {
            Editor::VsCode
        } else if has(&["neovim", "nvim"]) {
            Editor::Neovim
        } else if has(&["helix"]) {
            Editor::Helix
        } else if has(&[
            "jetbrains",
            "intellij",
            "pycharm",
            "webstorm",
            "goland",
            "clion",
            "rustrover",
            "rider",
            "phpstorm",
            "rubymine",
            "android studio",
        ]) {
            Editor::JetBrains
        } else if has(&["emacs", "lsp-mode"]) {
            Editor::LspMode
        } else {
            Editor::Other
        }
    }

    /// An inline text with the line ends that the editor's buffers have. Neovim (measured), Emacs and
    /// JetBrains IDEs hold lines without their ends and write the file's own: a carriage return of
    /// ours would be drawn as `^M` and stay in the file.
    pub(crate) fn with_its_line_ends(self, text: String) -> String {
        match self {
            Editor::Neovim | Editor::LspMode | Editor::JetBrains if text.contains('\r') => {
                text.replace("\r\n", "\n").replace('\r', "\n")
            }
            _ => text,
        }
    }
}

impl Facts {
    /// Whether this client can show ghost text. lsp-mode can and does not say so.
    pub(crate) fn shows_ghost_text(&self) -> bool {
        self.inline || self.editor == Editor::LspMode
    }

    /// Whether the completion menu carries suggestions: only where ghost text cannot, because VS
    /// Code opens its menu for every server that offers one.
    pub(crate) fn wants_menu(&self, setting: Menu) -> bool {
        match self.menu.unwrap_or(setting) {
            Menu::Always => true,
            Menu::Never => false,
            Menu::Auto => !self.shows_ghost_text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editors_are_known_by_a_word_in_their_name() {
        for (name, editor) in [
            ("Visual Studio Code - Insiders", Editor::VsCode),
            ("code-server", Editor::VsCode),
            ("Neovim", Editor::Neovim),
            ("helix", Editor::Helix),
            ("IntelliJ IDEA 2026.2 Ultimate", Editor::JetBrains),
            ("emacs", Editor::LspMode),
            ("", Editor::Other),
        ] {
            assert_eq!(Editor::named(name), editor, "{name}");
        }
    }

    #[test]
    fn editors_without_line_ends_in_their_buffers_get_plain_ones() {
        let text = "a\r\nb\rc\nd";
        for editor in [Editor::Neovim, Editor::LspMode, Editor::JetBrains] {
            assert_eq!(editor.with_its_line_ends(text.to_owned()), "a\nb\nc\nd");
        }
        for editor in [Editor::VsCode, Editor::Helix, Editor::Other] {
            assert_eq!(editor.with_its_line_ends(text.to_owned()), text);
        }
    }

    #[test]
    fn the_menu_is_for_clients_without_ghost_text() {
        let mut facts = Facts::default();
        assert!(facts.wants_menu(Menu::Auto));
        facts.inline = true;
        assert!(!facts.wants_menu(Menu::Auto));
        facts.menu = Some(Menu::Always);
        assert!(facts.wants_menu(Menu::Never));
        let emacs = Facts {
            editor: Editor::LspMode,
            ..Facts::default()
        };
        assert!(!emacs.wants_menu(Menu::Auto));
    }
}
