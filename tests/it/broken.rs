//! A model or a library that is missing, damaged or too old: one calm sentence that says what to do, and
//! typing goes on with the look-up model.

use std::path::{Path, PathBuf};
use std::process::Command;

use foretoken_tests::persona::Persona;
use foretoken_tests::process::{Home, binary, library, program, root};
use foretoken_tests::trace::Entry;
use serde_json::{Value, json};

const URI: &str = "file:///project/src/lib.rs";
const LINE: &str = "    registry.register_handler(name, handler);\n";

/// A copy of the embedded package below `home`, to be damaged.
fn package(home: &Home) -> PathBuf {
    for name in ["manifest.toml", "model.onnx", "tokenizer.json"] {
        let bytes = std::fs::read(root().join("models/complete").join(name))
            .expect("the model is in the repository");
        home.write(&format!("package/{name}"), bytes);
    }
    home.path().join("package")
}

/// What `complete` and the server say with this environment: the reason, and that suggestions still come.
async fn refused(home: &Home, environment: &[(&str, &Path)], code: &str) -> String {
    // Neovim's plugin is told by the status, which it shows; an editor without it by a message.
    let sentence = refused_in("neovim", home, environment, code).await;
    assert_eq!(
        refused_in("lsp-mode", home, environment, code).await,
        sentence
    );
    sentence
}

async fn refused_in(
    editor: &str,
    home: &Home,
    environment: &[(&str, &Path)],
    code: &str,
) -> String {
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, path)| (*name, path.as_os_str()))
        .collect();
    let persona = Persona::named(editor);
    let (way, other) = match persona.initialize["initializationOptions"]["status"] == true {
        true => ("didChangeStatus", "window/showMessage"),
        false => ("window/showMessage", "didChangeStatus"),
    };
    let mut session = home.serve(persona, &environment);
    session.initialize().await;
    let state = session.model_settled().await;
    assert_eq!(state["state"], "unavailable", "{state}");
    assert_eq!(state["code"], code, "{state}");
    let sentence = state["message"].as_str().unwrap().to_owned();
    session
        .wait_for(0, "the sentence", |m| {
            m["method"] == way
                && m["params"]["message"]
                    .as_str()
                    .is_some_and(|t| t.contains(&sentence))
        })
        .await;

    session
        .open(URI, "rust", &format!("fn main() {{\n{}", LINE.repeat(8)))
        .await;
    let end = session.text(URI).len();
    session.change(URI, end, end, "    registry.reg").await;
    let answer = session.invoke(URI, end + 16).await.result().await;
    assert_eq!(
        answer["items"][0]["insertText"], "ister_handler(name, handler);",
        "{answer}"
    );
    let entries = session.trace().entries();
    let told = |method: &str| {
        let by = |e: &&Entry| {
            let message = e.message["params"]["message"].as_str();
            e.method() == Some(method) && message.is_some_and(|text| text.contains(&sentence))
        };
        entries.iter().filter(by).count()
    };
    // A status is a state, which may be said again; a message is on the screen.
    assert!(
        told(way) == 1 || way == "didChangeStatus",
        "it is told once"
    );
    assert_eq!(told(other), 0, "it is told in one way");
    session.finish().await;
    sentence
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_package_is_named() {
    let home = Home::default();
    let missing = home.path().join("nowhere");
    let sentence = refused(&home, &[("FORETOKEN_MODEL_FOLDER", &missing)], "no-package").await;
    assert!(sentence.contains("nowhere"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_model_is_refused_by_its_hash() {
    let home = Home::default();
    let folder = package(&home);
    let bytes = std::fs::read(folder.join("model.onnx")).unwrap();
    std::fs::write(folder.join("model.onnx"), &bytes[..bytes.len() / 2]).unwrap();
    let sentence = refused(&home, &[("FORETOKEN_MODEL_FOLDER", &folder)], "bad-package").await;
    assert!(sentence.contains("model.onnx"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a23_one_changed_byte_is_a_wrong_hash() {
    let home = Home::default();
    let folder = package(&home);
    let mut bytes = std::fs::read(folder.join("tokenizer.json")).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    std::fs::write(folder.join("tokenizer.json"), bytes).unwrap();
    let sentence = refused(&home, &[("FORETOKEN_MODEL_FOLDER", &folder)], "bad-package").await;
    assert!(sentence.contains("tokenizer.json"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_that_is_no_manifest_is_refused() {
    for text in ["", "package = 7\n", "\0\0\0", "[[["] {
        let home = Home::default();
        let folder = package(&home);
        std::fs::write(folder.join("manifest.toml"), text).unwrap();
        refused(&home, &[("FORETOKEN_MODEL_FOLDER", &folder)], "bad-package").await;
    }
}

/// The program alone in a folder, with a home in which there is nothing: what a copied binary sees.
/// `None` where the system itself has a library, which then is found, rightly.
fn alone(home: &Home) -> Option<PathBuf> {
    let copy = home.path().join("bin/foretoken");
    std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
    std::fs::copy(binary(), &copy).unwrap();
    if library().is_some_and(|path| path.starts_with("/usr") || path.starts_with("/opt")) {
        println!("SKIP: this system has an ONNX Runtime of its own");
        return None;
    }
    Some(copy)
}

fn doctor(home: &Home, program_path: &Path, library: Option<&Path>) -> (i32, String) {
    let template = home.command(&[]);
    let mut command: Command = program(program_path);
    command.arg("doctor").env_clear().current_dir(home.path());
    command.envs(
        template
            .get_envs()
            .filter_map(|(name, value)| value.map(|value| (name, value))),
    );
    command.env_remove("ORT_DYLIB_PATH");
    if let Some(library) = library {
        command.env("FORETOKEN_ONNXRUNTIME", library);
    }
    let output = command.output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn a_missing_library_says_how_to_get_it() {
    let home = Home::default();
    let Some(program_path) = alone(&home) else {
        return;
    };
    let (code, text) = doctor(
        &home,
        &program_path,
        Some(Path::new("/nonexistent/libonnxruntime.so")),
    );
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("ONNX Runtime") && text.contains("/nonexistent/libonnxruntime.so"),
        "{text}"
    );
}

/// A library of the right shape and an old version, and one that is no library at all.
#[test]
fn an_old_library_is_passed_over_by_its_version() {
    let home = Home::default();
    let Some(program_path) = alone(&home) else {
        return;
    };
    let source = home.write(
        "old.c",
        "typedef struct { const void *(*api)(unsigned); const char *(*version)(void); } Base;\n\
         static const void *api(unsigned v) { (void)v; return 0; }\n\
         static const char *version(void) { return \"1.10.0\"; }\n\
         static const Base base = { api, version };\n\
         const Base *OrtGetApiBase(void) { return &base; }\n",
    );
    let old = home.path().join("libonnxruntime.so");
    let compiled = program("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&old)
        .arg(&source)
        .status();
    if !compiled.is_ok_and(|status| status.success()) {
        return println!("SKIP: there is no C compiler named cc");
    }
    let (code, text) = doctor(&home, &program_path, Some(&old));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("1.10.0"), "{text}");

    let noise = home.write("noise/libonnxruntime.so", b"\x7fELF and then nothing");
    let (code, text) = doctor(&home, &program_path, Some(&noise));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("noise"), "{text}");
}

/// The settings file of a user with a mistake in it: said, and everything else holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_settings_file_is_reported_and_harms_nothing() {
    for text in [
        "completion = 7\n",
        "[[[",
        "[completion]\nenabled = \"perhaps\"\n",
        "[completion]\nnonsense = 1\n",
    ] {
        let home = Home::default();
        home.write(".config/foretoken/config.toml", text);
        let mut session = home.serve(Persona::named("vscode"), &[]);
        session.initialize().await;
        session
            .wait_for(0, "the problem", |m: &Value| {
                m["method"] == "window/showMessage"
                    && m["params"]["message"]
                        .as_str()
                        .is_some_and(|t| t.contains("config.toml"))
            })
            .await;
        session.open(URI, "rust", "fn main() {\n    ").await;
        let answer = session.invoke(URI, 16).await.result().await;
        assert!(answer["items"].is_array(), "{}", json!(answer));
        session.finish().await;
    }
}
