//! The ways to install the plugin, each as its own documents tell it, in a home of its own.

use std::path::Path;
use std::process::Stdio;

use foretoken_tests::editors::{self, Editor, fetched};
use foretoken_tests::process::{Home, binary, root};

use super::{neovim, say};

/// What a Neovim prints that has loaded its plugins, with the user's files in this home.
fn printed(neovim: &Editor, home: &Home, lua: &str) -> String {
    let mut nvim = editors::program(&neovim.program);
    let print = format!("lua io.write({lua})");
    nvim.args(["--headless", "-i", "NONE", "-c", &print, "-c", "quitall!"])
        .current_dir(home.path())
        .env("HOME", home.path())
        .stdin(Stdio::null());
    for name in ["CONFIG", "DATA", "STATE", "CACHE"] {
        nvim.env_remove(format!("XDG_{name}_HOME"));
    }
    let output = nvim.output().expect("a Neovim that was found starts");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Loaded, with its config, and complete: the part that draws answers is needed late.
const WHOLE: &str = "tostring(vim.g.loaded_foretoken), ' ', vim.lsp.config.foretoken.init_options.editor, ' ', \
                     type(require('foretoken.answer').focus)";

#[test]
fn what_setup_wrote_is_a_package_with_its_help() {
    let Some(neovim) = neovim() else { return };
    let home = Home::default();
    let output = home.run(&["setup", "neovim", "--write"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(printed(&neovim, &home, WHOLE), "true neovim function");
    // Each subject of the help is found.
    let help = std::fs::read_to_string(root().join("editors/neovim/doc/foretoken.txt")).unwrap();
    let subjects: Vec<&str> = help
        .split_whitespace()
        .filter_map(|word| word.strip_prefix('*')?.strip_suffix('*'))
        .collect();
    assert!(subjects.len() >= 8, "{subjects:?}");
    for subject in subjects {
        let find = format!(
            "(function() vim.cmd('helptags ALL') vim.cmd.help('{subject}') \
             return vim.fn.expand('%:t') .. ' ' .. vim.fn.expand('<cword>') end)()"
        );
        let found = printed(&neovim, &home, &find);
        assert!(found.starts_with("foretoken.txt "), "{subject}: {found}");
    }
}

/// Neovim's own package manager takes repositories whole; the plugin is a folder of ours.
#[test]
fn vim_pack_installs_a_checkout() {
    let Some(neovim) = neovim() else { return };
    let home = Home::default();
    let origin = home.path().join("origin");
    copy(
        &root().join("editors/neovim"),
        &origin.join("editors/neovim"),
    );
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "."],
        &[
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@localhost",
            "commit",
            "--quiet",
            "-m",
            "t",
        ],
    ] {
        let mut git = editors::program("git");
        git.args(arguments)
            .current_dir(&origin)
            .env("HOME", home.path());
        match git.output() {
            Ok(output) => assert!(output.status.success(), "git {arguments:?}"),
            Err(error) => return say(&format!("SKIP vim.pack: git: {error}")),
        }
    }
    let init = format!(
        "vim.pack.add({{ {{ src = 'file://{}', name = 'foretoken' }} }}, {{\n  confirm = false,\n  \
         load = function(plugin)\n    vim.opt.runtimepath:prepend(plugin.path .. '/editors/neovim')\n  end,\n}})\n",
        origin.display()
    );
    home.write(".config/nvim/init.lua", init);
    let said = printed(&neovim, &home, WHOLE);
    assert!(said.starts_with("true neovim function"), "{said}");
}

/// With the real lazy.nvim, where somebody has put one: `git clone` it into `target/editors/lazy.nvim`.
#[test]
fn lazy_nvim_loads_the_folder_with_its_options() {
    let Some(neovim) = neovim() else { return };
    let lazy = fetched("lazy.nvim");
    if !lazy.join("lua/lazy").exists() {
        assert!(
            !editors::required("lazy.nvim"),
            "{} is missing",
            lazy.display()
        );
        return say(&format!("SKIP lazy.nvim: {} is missing", lazy.display()));
    }
    let home = Home::default();
    let init = format!(
        "vim.opt.runtimepath:prepend('{}')\nrequire('lazy').setup({{\n  \
         {{ dir = '{}', name = 'foretoken', opts = {{ tab = true, cmd = {{ '{}' }} }} }},\n}}, \
         {{ rocks = {{ enabled = false }} }})\n",
        lazy.display(),
        root().join("editors/neovim").display(),
        binary().display()
    );
    home.write(".config/nvim/init.lua", init);
    let options =
        "tostring(require('foretoken').options().tab), ' ', vim.lsp.config.foretoken.cmd[1], ' ', ";
    let said = printed(&neovim, &home, &format!("{options}{WHOLE}"));
    assert_eq!(
        said,
        format!("true {} true neovim function", binary().display())
    );
}

/// A folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}
