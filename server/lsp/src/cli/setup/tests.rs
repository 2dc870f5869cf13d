//! What `foretoken setup` shows and writes, file by file. `UPDATE_EXPECT=1` fills the texts in;
//! `FORETOKEN_BLESS=1` writes the generated files of `editors/` anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use expect_test::{Expect, expect};
use foretoken_grammars::Language;
use serde_json::Value;

use super::plan::Content;
use super::{Editor, Places, found, generated, helix, jetbrains, plan, write};
use crate::cli::Failure;

fn places(home: &Path) -> Places {
    Places {
        config: home.join(".config"),
        data: home.join(".local/share"),
        home: home.to_owned(),
    }
}

/// What is shown for an editor where `file` holds this text.
fn shown(editor: Editor, file: Option<&str>) -> String {
    let read = |_: &Path| file.map(str::to_owned);
    match plan::of(editor, &places(Path::new("/home/u")), &read) {
        Ok(plan) => plan.to_string(),
        Err(Failure(sentence)) => sentence,
    }
}

fn check(editor: Editor, file: Option<&str>, expected: Expect) {
    expected.assert_eq(&shown(editor, file));
}

/// Runs a plan in a home of its own; the answer says what was printed and whether it was done.
fn written(editor: Editor, home: &Path, agrees: bool) -> (Result<bool, String>, String, usize) {
    let plan = plan::of(editor, &places(home), &write::read)
        .map_err(|Failure(why)| why)
        .unwrap();
    let (mut out, mut asked) = (Vec::new(), 0);
    let done = write::all(&plan, &mut out, &mut |_| {
        asked += 1;
        Ok(agrees)
    });
    let out = String::from_utf8(out)
        .unwrap()
        .replace(&home.display().to_string(), "~");
    (done.map_err(|Failure(why)| why), out, asked)
}

#[test]
fn vscode() {
    check(
        Editor::VsCode,
        None,
        expect![[r#"
        VS Code: Tested in VS Code 1.100.3 by the project's own tests.

        The extension is one file that holds this program too. In the folder editors/vscode of the sources:

            npm ci && npm run package
            code --install-extension foretoken-*.vsix

        Where the extension was built without a program, set foretoken.path in the user settings.

    "#]],
    );
}

#[test]
fn neovim() {
    check(
        Editor::Neovim,
        None,
        expect![[r#"
            Neovim: Ghost text is tested in Neovim 0.12; 0.11 has the completion menu.

            With lazy.nvim, where DIR is the folder editors/neovim of the sources:

                { dir = 'DIR', name = 'foretoken', opts = {} }

            Without a plugin manager, `foretoken setup neovim --write` puts the plugin among your packages. It starts by itself; `vim.g.foretoken = false` in your init.lua stops that.

            With --write:
              /home/u/.local/share/nvim/site/pack/foretoken/start/foretoken/doc/foretoken.txt (whole)
              /home/u/.local/share/nvim/site/pack/foretoken/start/foretoken/lsp/foretoken.lua (whole)
              /home/u/.local/share/nvim/site/pack/foretoken/start/foretoken/lua/foretoken/answer.lua (whole)
              /home/u/.local/share/nvim/site/pack/foretoken/start/foretoken/lua/foretoken/health.lua (whole)
              /home/u/.local/share/nvim/site/pack/foretoken/start/foretoken/lua/foretoken/init.lua (whole)
              /home/u/.local/share/nvim/site/pack/foretoken/start/foretoken/lua/foretoken/inline.lua (whole)
              /home/u/.local/share/nvim/site/pack/foretoken/start/foretoken/lua/foretoken/menu.lua (whole)
              /home/u/.local/share/nvim/site/pack/foretoken/start/foretoken/lua/foretoken/status.lua (whole)
              /home/u/.local/share/nvim/site/pack/foretoken/start/foretoken/plugin/foretoken.lua (whole)
        "#]],
    );
}

/// A file that the program does not carry is missing from every plugin that `setup` writes.
#[test]
fn the_program_carries_the_whole_plugin_of_neovim() {
    fn below(folder: &Path, base: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, base, found);
            } else {
                found.push(path.strip_prefix(base).unwrap().display().to_string());
            }
        }
    }
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../editors/neovim");
    let mut there = Vec::new();
    below(&base, &base, &mut there);
    // What keeps made files out of the repository, and the file that Neovim makes of the help.
    there.retain(|file| file != ".gitignore" && file != "doc/tags");
    there.sort();
    let carried: Vec<&str> = plan::NEOVIM.iter().map(|(file, _)| *file).collect();
    assert_eq!(carried, there);
}

#[test]
fn helix() {
    check(
        Editor::Helix,
        None,
        expect![[r#"
        Helix: Tested in Helix 25.07 by the project's own tests.

        Helix shows suggestions as the first row of its completion menu: by themselves after two letters of a word, or on Ctrl-x. Add to /home/u/.config/helix/languages.toml:

            [language-server.foretoken]
            command = "foretoken"
            config = { editor = "helix" }

            [[language]]
            name = "rust"
            language-servers = ["rust-analyzer", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]

            [[language]]
            name = "python"
            language-servers = ["ty", "ruff", "jedi", "pylsp", "zuban", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]

            [[language]]
            name = "javascript"
            language-servers = ["typescript-language-server", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]

            [[language]]
            name = "jsx"
            language-servers = ["typescript-language-server", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]

            [[language]]
            name = "typescript"
            language-servers = ["typescript-language-server", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]

            [[language]]
            name = "tsx"
            language-servers = ["typescript-language-server", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]

            [[language]]
            name = "go"
            language-servers = ["gopls", "golangci-lint-lsp", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]

            [[language]]
            name = "java"
            language-servers = ["jdtls", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]

            [[language]]
            name = "c"
            language-servers = ["clangd", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]

            [[language]]
            name = "cpp"
            language-servers = ["clangd", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]

            [[language]]
            name = "markdown"
            language-servers = ["marksman", "markdown-oxide", "rumdl", { name = "foretoken", only-features = ["code-action", "workspace-command"] }]

        Builds of 2026 ask whether a folder is trusted before they start a server. `:lsp-workspace-command foretoken.status` shows that it runs.

        With --write:
          /home/u/.config/helix/languages.toml (a block between two marks; the rest stays)
    "#]],
    );
}

#[test]
fn jetbrains() {
    check(
        Editor::JetBrains,
        None,
        expect![[r#"
            JetBrains IDEs: The folder and the server are tested against LSP4IJ's rules, not in an IDE.

            `foretoken setup jetbrains --write` writes the template. Install the plugin LSP4IJ (0.20.0 or newer). Then Settings > Languages & Frameworks > Language Servers > plus sign > Template > Import from custom template, and choose /home/u/.local/share/foretoken/jetbrains/foretoken

            With --write:
              /home/u/.local/share/foretoken/jetbrains/foretoken/README.md (whole)
              /home/u/.local/share/foretoken/jetbrains/foretoken/clientSettings.json (whole)
              /home/u/.local/share/foretoken/jetbrains/foretoken/initializationOptions.json (whole)
              /home/u/.local/share/foretoken/jetbrains/foretoken/installer.json (whole)
              /home/u/.local/share/foretoken/jetbrains/foretoken/settings.json (whole)
              /home/u/.local/share/foretoken/jetbrains/foretoken/settings.schema.json (whole)
              /home/u/.local/share/foretoken/jetbrains/foretoken/template.json (whole)
        "#]],
    );
}

#[test]
fn emacs() {
    check(
        Editor::Emacs,
        None,
        expect![[r#"
        Emacs: Not tried yet. Ghost text needs lsp-mode 10; eglot has none.

        Add to /home/u/.emacs.d/init.el:

            ;; Foretoken beside the language's own server. Needs Emacs 30 and lsp-mode 10.
            (with-eval-after-load 'lsp-mode
              (lsp-register-client
               (make-lsp-client
                :new-connection (lsp-stdio-connection '("foretoken"))
                :major-modes '(rust-mode rust-ts-mode python-mode python-ts-mode js-mode js-ts-mode
                               typescript-mode typescript-ts-mode tsx-ts-mode go-mode go-ts-mode
                               java-mode java-ts-mode c-mode c-ts-mode c++-mode c++-ts-mode)
                :initialization-options '(:editor "lsp-mode")
                :add-on? t
                :server-id 'foretoken))
              ;; Two seconds, the value that lsp-mode comes with, is longer than the server needs.
              (setq lsp-inline-completion-idle-delay 0.2)
              (add-hook 'lsp-mode-hook #'lsp-inline-completion-mode))

        With --write:
          /home/u/.emacs.d/init.el (a block between two marks; the rest stays)
    "#]],
    );
}

#[test]
fn zed() {
    check(
        Editor::Zed,
        None,
        expect![[r#"
        Zed: Not tried.

        Zed starts language servers through extensions only, and there is none for Foretoken: its settings alone cannot name a new server. Nothing can be set up yet.

    "#]],
    );
}

#[test]
fn sublime() {
    check(
        Editor::Sublime,
        None,
        expect![[r#"
        Sublime Text: Not tried yet. Suggestions appear in the completion menu.

        Install the package LSP, choose Preferences > Package Settings > LSP > Settings, and merge this into the right side:

            {
              "clients": {
                "foretoken": {
                  "enabled": true,
                  "command": ["foretoken"],
                  "selector": "source.rust | source.python | source.js | source.jsx | source.ts | source.tsx | source.go | source.java | source.c | source.c++",
                  "initializationOptions": { "editor": "sublime" }
                }
              }
            }

    "#]],
    );
}

#[test]
fn kakoune() {
    check(
        Editor::Kakoune,
        None,
        expect![[r#"
        Kakoune: Not tried yet. Suggestions appear in the completion menu.

        Add to /home/u/.config/kak/kakrc:

            # Foretoken beside the language's own server, in the completion menu. Needs kakoune-lsp 18.
            hook -group foretoken global BufSetOption filetype=(?:rust|python|javascript|typescript|go|java|c|cpp) %{
                set-option -add buffer lsp_servers %{
                    [foretoken]
                    root_globs = [".git", ".hg"]
                    command = "foretoken"
                }
            }

        With --write:
          /home/u/.config/kak/kakrc (a block between two marks; the rest stays)
    "#]],
    );
}

#[test]
fn a_list_of_the_users_own_is_left_to_the_user() {
    let mine = "[[language]]\nname = \"rust\"\nlanguage-servers = [\"mine\"]\n\n[[language]]\nname = \"go\"\nindent = { tab-width = 2, unit = \" \" }\n";
    let text = shown(Editor::Helix, Some(mine));
    assert!(text.contains("lists of your own for rust."), "{text}");
    assert!(!text.contains("name = \"rust\""), "{text}");
    // Only the list is replaced, so other settings of the language do no harm.
    assert!(text.contains("name = \"go\""), "{text}");
    let server = "[language-server.foretoken]\ncommand = \"/opt/foretoken\"\n";
    assert!(!shown(Editor::Helix, Some(server)).contains("[language-server.foretoken]"));
    check(
        Editor::Helix,
        Some("[[language"),
        expect![
            "/home/u/.config/helix/languages.toml is no TOML that can be read (unclosed array table, expected `]]`). Helix ignores such a file whole; put it right first."
        ],
    );
}

#[test]
fn what_is_written_is_complete_and_repeating_it_changes_nothing() {
    for &editor in Editor::value_variants() {
        let home = tempfile::tempdir().unwrap();
        let plan = plan::of(editor, &places(home.path()), &write::read)
            .map_err(|Failure(why)| why)
            .unwrap();
        let (done, first, asked) = written(editor, home.path(), false);
        assert_eq!((done, asked), (Ok(true), 0), "{editor:?}");
        assert_eq!(
            first.matches(" written").count(),
            plan.files.len(),
            "{editor:?}: {first}"
        );
        let (done, second, asked) = written(editor, home.path(), false);
        assert_eq!((done, asked), (Ok(true), 0), "{editor:?}");
        assert_eq!(
            second.matches(" is up to date").count(),
            plan.files.len(),
            "{editor:?}: {second}"
        );
        // Nothing but the files: no temporary one stays.
        assert_eq!(files(home.path()).len(), plan.files.len(), "{editor:?}");
    }
}

#[test]
fn a_users_text_changes_in_one_place_and_only_after_a_yes() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".config/helix/languages.toml");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mine = "# mine\n[[language]]\nname = \"zig\"\nauto-format = true";
    std::fs::write(&path, mine).unwrap();
    let (done, shown, asked) = written(Editor::Helix, home.path(), false);
    assert_eq!((done, asked), (Ok(false), 1));
    assert!(
        shown.contains("Nothing was written.") && shown.contains("+ [language-server.foretoken]"),
        "{shown}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), mine);

    assert_eq!(written(Editor::Helix, home.path(), true).0, Ok(true));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with(&format!("{mine}\n\n# >>> foretoken >>>")),
        "{text}"
    );

    // What the user adds behind the block stays, and a changed block is renewed.
    let more = format!(
        "{}\n# more\n",
        text.replace("\"rust-analyzer\"", "\"other\"")
    );
    std::fs::write(&path, &more).unwrap();
    let (done, shown, asked) = written(Editor::Helix, home.path(), true);
    assert_eq!((done, asked), (Ok(true), 1));
    expect![[r#"
        --- ~/.config/helix/languages.toml, as it is
        +++ as it will be
          [[language]]
          name = "rust"
        - language-servers = ["other", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]
        + language-servers = ["rust-analyzer", { name = "foretoken", only-features = ["completion", "code-action", "workspace-command"] }]
  
          [[language]]
        ~/.config/helix/languages.toml written
    "#]].assert_eq(&shown);
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        format!("{text}\n# more\n")
    );
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_a_mode_a_mode() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let home = tempfile::tempdir().unwrap();
    let (dotfiles, kak) = (
        home.path().join("dotfiles"),
        home.path().join(".config/kak"),
    );
    std::fs::create_dir_all(&dotfiles).unwrap();
    std::fs::create_dir_all(&kak).unwrap();
    std::fs::write(dotfiles.join("kakrc"), "# mine\n").unwrap();
    std::fs::set_permissions(dotfiles.join("kakrc"), PermissionsExt::from_mode(0o640)).unwrap();
    symlink(dotfiles.join("kakrc"), kak.join("kakrc")).unwrap();
    assert_eq!(written(Editor::Kakoune, home.path(), true).0, Ok(true));
    assert!(kak.join("kakrc").symlink_metadata().unwrap().is_symlink());
    let mode = std::fs::metadata(dotfiles.join("kakrc"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(
        std::fs::read_to_string(dotfiles.join("kakrc"))
            .unwrap()
            .contains("[foretoken]")
    );
}

#[test]
fn one_mark_without_the_other_is_for_the_user_to_put_right() {
    let block = Content::Block {
        comment: "#",
        text: "new".to_owned(),
    };
    let apply = |before: Option<&str>| {
        write::applied(Path::new("/f"), before, &block).map_err(|Failure(why)| why)
    };
    let whole = apply(None).unwrap();
    for (before, after) in [
        ("", whole.clone()),
        ("  \n", whole.clone()),
        ("a\n", format!("a\n\n{whole}")),
        ("a", format!("a\n\n{whole}")),
        (
            &format!("a\n{}b\r\n", whole.replace("new", "old\nolder")),
            format!("a\n{whole}b\r\n"),
        ),
    ] {
        assert_eq!(apply(Some(before)), Ok(after), "{before:?}");
    }
    let (begin, end) = whole.split_once("new\n").unwrap();
    for odd in [
        begin.to_owned(),
        end.to_owned(),
        format!("{end}{begin}"),
        format!("{whole}{whole}"),
    ] {
        assert!(
            apply(Some(&odd))
                .unwrap_err()
                .contains("one pair of the marks"),
            "{odd}"
        );
    }
}

#[test]
fn a_file_that_is_no_text_is_not_replaced() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".config/kak/kakrc");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, [0xff, 0xfe, 0]).unwrap();
    assert!(written(Editor::Kakoune, home.path(), true).0.is_err());
    assert_eq!(std::fs::read(&path).unwrap(), [0xff, 0xfe, 0]);
}

/// Every language that suggestions have rules for, by one of Helix's names; jsx is JavaScript to us.
#[test]
fn helix_knows_every_language() {
    for language in Language::ALL
        .iter()
        .filter(|language| language.has_scopes())
    {
        let known = helix::LANGUAGES.iter().any(|(name, servers)| {
            let same = Language::from_lsp_id(name) == Some(*language);
            same && !servers.is_empty()
        });
        assert!(known, "{language:?} has no row in helix::LANGUAGES");
    }
    let text = helix::languages();
    assert!(text.parse::<toml::Table>().is_ok(), "{text}");
    // One entry a language: Helix would take the last of two.
    assert_eq!(text.matches("[[language]]").count(), helix::LANGUAGES.len());
}

#[test]
fn the_generated_files_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../editors");
    let json = |value: Value| format!("{value:#}\n");
    for (name, text) in [
        ("helix/languages.toml", helix::languages()),
        (
            "jetbrains/foretoken/template.json",
            json(generated::template()),
        ),
        (
            "jetbrains/foretoken/settings.schema.json",
            json(generated::schema()),
        ),
    ] {
        let path = folder.join(name);
        if std::env::var_os("FORETOKEN_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(
            std::fs::read_to_string(&path).unwrap_or_default() == text,
            "run the test again with FORETOKEN_BLESS=1 and commit {}",
            path.display()
        );
    }
}

/// By what LSP4IJ reads and refuses (`LanguageServerTemplateManager`, `ServerTemplateJsonDeserializer` and
/// `jsonSchema/` of redhat-developer/lsp4ij, June 2026).
#[test]
fn the_jetbrains_template_keeps_the_rules_of_lsp4ij() {
    let files: BTreeMap<&str, &str> = jetbrains::FILES.iter().copied().collect();
    let parse = |name: &str| -> Value {
        serde_json::from_str(files[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let known = [
        "README.md",
        "clientSettings.json",
        "experimental.json",
        "initializationOptions.json",
        "installer.json",
        "settings.json",
        "settings.schema.json",
        "template.json",
        "workspaceFolders.json",
    ];
    for name in files.keys() {
        assert!(known.contains(name), "{name} is not read");
    }
    let template = parse("template.json");
    // Without programArgs the import ends in a null pointer.
    let program = template["programArgs"].as_object().expect("required");
    assert!(program["default"].is_string() && program["windows"].is_string());
    assert!(template["id"].is_string() && template["name"].is_string());
    let mappings = template["fileTypeMappings"].as_array().unwrap();
    assert!(!mappings.is_empty());
    for mapping in mappings {
        assert!(mapping["languageId"].is_string(), "{mapping}");
        let file_type = mapping["fileType"]
            .as_object()
            .expect("required, with a name or patterns");
        let patterns = file_type.get("patterns").and_then(Value::as_array);
        assert!(file_type.contains_key("name") || patterns.is_some_and(|list| !list.is_empty()));
    }
    let client = parse("clientSettings.json");
    let allowed = [
        "caseSensitive",
        "lineCommentPrefix",
        "blockCommentPrefix",
        "blockCommentSuffix",
        "statementTerminatorCharacters",
        "uriSupport",
        "completion",
    ];
    for key in client.as_object().unwrap().keys() {
        assert!(allowed.contains(&key.as_str()), "{key}");
    }
    let installer = parse("installer.json");
    assert_eq!(installer["id"], template["id"]);
    assert!(installer["check"]["exec"]["command"]["default"].is_string());
    assert_eq!(parse("initializationOptions.json")["editor"], "jetbrains");
    // What the server answers for `workspace/configuration` of our section is an object.
    assert!(parse("settings.json")["foretoken"].is_object());
    let schema = parse("settings.schema.json");
    assert!(schema["properties"]["foretoken"]["properties"]["completion"].is_object());
    assert!(
        !files["settings.schema.json"].contains("onnxruntime"),
        "no editor may set it"
    );
}

#[cfg(unix)]
#[test]
fn editors_are_found_by_name_and_never_started() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = |name: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(
            &path,
            format!("#!/bin/sh\ntouch {}/started\n", folder.path().display()),
        )
        .unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    };
    program("hx", 0o755);
    program("helix", 0o755);
    program("nvim", 0o755);
    program("emacs", 0o644);
    std::fs::create_dir(folder.path().join("zed")).unwrap();
    let found: Vec<&str> = found::on(folder.path().as_os_str())
        .iter()
        .map(|found| found.name)
        .collect();
    assert_eq!(found, ["Neovim", "Helix"]);
    assert!(!folder.path().join("started").exists());
    assert_eq!(found::on("relative:".as_ref()), []);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
