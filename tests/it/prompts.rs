//! The command line and the language server ask the model the same: the same place of the same file gives
//! the same prompt, byte for byte, so that `foretoken complete` explains what an editor shows.

use std::fmt::Write as _;

use foretoken_tests::persona::Persona;
use foretoken_tests::process::{Home, library, skip};
use serde_json::{Value, json};

/// SHA-256 of the prompt by the command line, started in `folder` with this name of the file.
fn by_command(home: &Home, folder: &str, place: &str) -> Value {
    let output = home
        .command(&["complete", place, "--json"])
        .current_dir(home.path().join(folder))
        .output()
        .unwrap();
    let object: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    object["promptSha256"].clone()
}

/// The same by the server of an editor that has `project` open.
async fn by_server(home: &Home, file: &str, text: &str, byte: usize) -> Value {
    let uri = |path: &str| format!("file://{}", home.path().join(path).display());
    let mut persona = Persona::named("vscode");
    let folder = json!([{"uri": uri("project"), "name": "project"}]);
    persona.initialize["workspaceFolders"] = folder;
    persona.initialize["rootUri"] = uri("project").into();
    let mut session = home.serve(persona, &[]);
    session.initialize().await;
    let state = session.model_settled().await;
    assert_eq!(state["state"], "ready", "{state}");
    let uri = uri(file);
    session.open(&uri, "python", text).await;
    session.invoke(&uri, byte).await.result().await;
    let report = session.report(&uri).await;
    session.finish().await;
    report["promptSha256"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_has_one_prompt_whoever_asks() {
    if library().is_none() {
        return skip("there is no ONNX Runtime here");
    }
    let line = "        self.counts[word] = ";
    let short = format!("class Counter:\n    def add(self, word):\n{line}\n");
    // Over the size up to which a file is parsed at once, with other line ends and other alphabets.
    let mut long = String::from("# größer 😀\r\n");
    for number in 0..2_000 {
        let _ = writeln!(long, "value_{number} = compute({number}, 'größe')\r");
    }
    let middle = long.lines().count();
    let _ = write!(
        long,
        "class Counter:\r\n    def add(self, word):\r\n{line}\r\n"
    );
    for number in 0..2_000 {
        let _ = writeln!(long, "other_{number} = compute({number}, 'größe')\r");
    }
    let home = Home::default();
    home.write("project/.git/HEAD", "");
    let long_name = [("", "project/src/long.py")];
    let short_names = [
        ("", "project/src/short.py"),
        ("project/src", "short.py"),
        ("project/src", "../src/short.py"),
    ];
    for (file, text, line_number, names) in [
        ("project/src/short.py", &short, 3, &short_names[..]),
        ("project/src/long.py", &long, middle + 3, &long_name),
    ] {
        home.write(file, text);
        let byte = text.find(line).unwrap() + line.len();
        let place = format!("{line_number}:{}", line.len() + 1);
        let served = by_server(&home, file, text, byte).await;
        assert!(served.is_string(), "{file}: the model was not asked");
        for (folder, name) in names {
            let printed = by_command(&home, folder, &format!("{name}:{place}"));
            assert_eq!(printed, served, "{name} in {folder:?}");
        }
    }
}
