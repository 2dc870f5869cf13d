//! A real Neovim: the driver in `tests/neovim/` types, reads the screen, accepts, asks, and compares buffers; below
//! are the ways to install the plugin, and the screen itself. Needs Neovim 0.12; says `SKIP` where there is none.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Stdio;

use foretoken_grammars::Language;
use foretoken_infer::library::{self, Places};
use foretoken_tests::editors::{self, Editor};
use foretoken_tests::litellm::Litellm;
use foretoken_tests::process::{Home, binary, root};

mod packages;
mod screen;

/// The editor, or `None` after saying why not.
fn neovim() -> Option<Editor> {
    match editors::neovim() {
        Ok(neovim) => {
            say(&format!("neovim {}", neovim.version));
            Some(neovim)
        }
        Err(why) if editors::required("neovim") => panic!("{why}"),
        Err(why) => {
            say(&format!("SKIP neovim: {why}"));
            None
        }
    }
}

#[test]
fn ghost_text_in_a_real_neovim() {
    let Some(neovim) = neovim() else { return };
    let home = Home::default();
    let folder = root().join("tests/neovim");
    let mut driver = editors::program(&neovim.program);
    driver
        .arg("-l")
        .arg(folder.join("driver.lua"))
        .arg(&neovim.program)
        .arg(binary())
        .arg(root().join("editors/neovim"))
        .current_dir(home.path())
        .env("HOME", home.path())
        // Whatever they leave behind goes with the home.
        .env("TMPDIR", home.path())
        .stdin(Stdio::null());
    for name in ["CONFIG", "DATA", "STATE", "CACHE"] {
        driver.env_remove(format!("XDG_{name}_HOME"));
    }
    // The private home hides the library that the build put into the user's data directory.
    if let Ok(found) = library::find(&Places::of_process(None, None)) {
        driver.env("FORETOKEN_ONNXRUNTIME", found.path);
    }
    // Its questions about code go through the real gateway too, where that can be had.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gateway = match runtime.block_on(Litellm::start()) {
        Ok(gateway) => Some(gateway),
        Err(why) => {
            say(&format!("SKIP litellm behind neovim: {}", why.trim()));
            None
        }
    };
    if let Some(gateway) = &gateway {
        driver.env("FORETOKEN_TEST_GATEWAY", gateway.port().to_string());
    }
    let output = driver.output().expect("a Neovim that was found starts");
    assert!(
        output.status.success(),
        "\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The plugin attaches to the file types that suggestions have rules for, and to no other: prose and settings
/// are completed as plain text only by whoever asks for it.
#[test]
fn the_plugin_lists_the_languages_of_the_server() {
    let path = root().join("editors/neovim/lsp/foretoken.lua");
    let config = std::fs::read_to_string(&path).unwrap();
    let (_, after) = config
        .split_once("filetypes = {")
        .expect("the config lists file types");
    let (list, _) = after.split_once('}').expect("the list ends");
    let listed: BTreeSet<&str> = list.split('\'').skip(1).step_by(2).collect();
    let known: BTreeSet<&str> = Language::ALL
        .iter()
        .filter(|language| language.has_scopes())
        .flat_map(|language| language.lsp_ids())
        .copied()
        .collect();
    assert_eq!(listed, known, "{}", path.display());
}

/// Written past the capture of the test harness, so that a skipped editor is seen.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
