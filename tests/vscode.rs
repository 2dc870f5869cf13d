//! Foretoken in a real VS Code: the package is built from its sources, installed from its file, and the
//! driver in `tests/vscode/` types, reads the screen, accepts, and compares files. Alone in its binary,
//! because a browser on two cores disturbs whoever measures time. Says `SKIP` where no editor was fetched.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use foretoken_tests::editors;
use foretoken_tests::process::{binary, library, root};

#[test]
fn ghost_text_in_a_real_vscode() {
    let editor = match editors::vscode() {
        Ok(editor) => editor,
        Err(why) if editors::required("vscode") => panic!("{why}"),
        Err(why) => return say(&format!("SKIP vscode: {why}")),
    };
    if library().is_none() {
        assert!(
            !editors::required("vscode"),
            "there is no ONNX Runtime to package"
        );
        return say("SKIP vscode: there is no ONNX Runtime to package");
    }
    say(&format!("vscode {}", editor.version));
    let sources = root().join("editors/vscode");
    npm(&["run", "check"], &sources);
    npm(&["run", "build"], &sources);
    npm(&["test"], &sources);
    let out = tempfile::tempdir().unwrap();
    node(
        &sources,
        &[
            "package.mjs",
            "--server",
            text(binary()),
            "--out",
            text(out.path()),
        ],
    );
    let package = std::fs::read_dir(out.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "vsix"))
        .expect("the package was built");
    let mut arguments = vec![
        "run.mjs",
        "--editor",
        text(&editor.program),
        "--package",
        text(&package),
        "--faultd",
        env!("CARGO_BIN_EXE_faultd"),
    ];
    // The pictures in the documents are these screens.
    let pictures = root().join("editors/pictures/vscode");
    if std::env::var_os("FORETOKEN_BLESS").is_some() {
        arguments.extend(["--pictures", text(&pictures)]);
    }
    node(&root().join("tests/vscode"), &arguments);
    if std::env::var_os("FORETOKEN_BLESS").is_some() {
        // The first steps of the package show two of them.
        for picture in ["ghost.png", "accepted.png"] {
            std::fs::copy(pictures.join(picture), sources.join("media").join(picture)).unwrap();
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of this repository is text")
}

fn npm(arguments: &[&str], folder: &Path) {
    run("npm", arguments, folder);
}

fn node(folder: &Path, arguments: &[&str]) {
    run("node", arguments, folder);
}

/// Runs a tool to its end; a failure shows all that it said.
fn run(tool: &str, arguments: &[&str], folder: &Path) {
    let mut command = editors::program(tool);
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    if let Some(library) = library() {
        command.env("ORT_DYLIB_PATH", library);
    }
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{tool}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{tool} {arguments:?}:\n{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    if let Some(last) = said.lines().last() {
        say(&format!("{tool} {}: {last}", arguments[0]));
    }
}

/// Written past the capture of the test harness, so that a skipped editor is seen.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
