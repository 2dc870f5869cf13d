//! Models that lie on a server: fetched by the built program from a real one on loopback, which cuts, lies and
//! changes its mind. The packages are the tiny exports of `tests/models`.

use std::path::{Path, PathBuf};

use foretoken_tests::faultd::Faultd;
use foretoken_tests::files::{Fault, Files};
use foretoken_tests::process::{Home, library, root, skip};
use sha2::{Digest, Sha256};

/// A server with a model's files, and a user whose settings name it.
struct Desk {
    home: Home,
    files: Files,
    server: Faultd,
}

/// Exit code, stdout and stderr.
type Came = (Option<i32>, String, String);

impl Desk {
    async fn new(package: &str) -> Desk {
        let files = Files::default();
        let folder = root().join("tests/models").join(package);
        for name in names(&folder) {
            files.put(&name, &std::fs::read(folder.join(&name)).unwrap());
        }
        let server = Faultd::start(vec![files.script()]).await;
        let home = Home::default();
        let source = format!("[model]\nsources = [\"http://{}/\"]\n", server.address());
        home.write(".config/foretoken/config.toml", source);
        Desk {
            home,
            files,
            server,
        }
    }

    /// `models add` of this server's folder, with more arguments.
    async fn add(&self, more: &[&str]) -> Came {
        let url = format!("http://{}/org/tiny/resolve/main", self.server.address());
        let arguments = [&["models", "add", url.as_str()], more].concat();
        let mut command = self.home.command(&arguments);
        command.stdin(std::process::Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.unwrap().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    fn models(&self) -> PathBuf {
        self.home.path().join(".local/share/foretoken/models")
    }

    /// The folders of packages that there are.
    fn packages(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.models()).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.join("manifest.toml").is_file())
            .collect()
    }

    fn asked(&self) -> Vec<String> {
        let requests = self.server.requests();
        let path = |head: &str| head.split(' ').nth(1).unwrap_or_default().to_owned();
        requests.iter().map(|seen| path(&seen.head)).collect()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => names.extend(
                self::names(&entry.path())
                    .iter()
                    .map(|file| format!("{name}/{file}")),
            ),
            false if name == "expected.json" => {}
            false => names.push(name),
        }
    }
    names
}

fn sha256(path: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_of_each_layout_is_fetched_tried_and_used() {
    if library().is_none() {
        return skip("there is no ONNX Runtime");
    }
    // One graph, variants in a folder, weights beside the graph.
    for package in ["qwen-a", "mellum-c", "deepseek-d"] {
        let desk = Desk::new(package).await;
        let (code, out, err) = desk.add(&["--default"]).await;
        assert_eq!(code, Some(0), "{package}: {out}{err}");
        assert!(out.contains("added      tiny ("), "{package}: {out}");
        assert!(
            err.contains("nobody said what tokenizer.json must be"),
            "{err}"
        );
        let [folder] = &desk.packages()[..] else {
            panic!("{package}: {:?}", desk.packages())
        };
        let output = desk.home.run(&["models", "verify", "tiny"]);
        assert_eq!(output.status.code(), Some(0));
        let left = std::fs::read_dir(desk.models()).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "the package and the choice: {left:?}");
        assert!(
            !folder.join("config.json").exists(),
            "only what the manifest names"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_costs_nothing_that_has_come() {
    let desk = Desk::new("qwen-a").await;
    desk.files.fault("model.onnx", Fault::CutAfter(300_000));
    let (code, out, err) = desk.add(&["--dry-run"]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(
        err.contains("model.onnx: the answer of the server broke off"),
        "{err}"
    );
    let resumed = desk.server.requests();
    let resumed = resumed.iter().filter_map(|seen| seen.header("range"));
    assert_eq!(resumed.collect::<Vec<_>>(), ["bytes=300000-"]);
    assert!(desk.packages().is_empty(), "a look adds nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_another_hash_is_refused_and_nothing_is_added() {
    let desk = Desk::new("qwen-a").await;
    let right = sha256(&root().join("tests/models/qwen-a/model.onnx"));
    let (code, out, err) = desk.add(&["--dry-run", "--sha256", &right]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!err.contains("what model.onnx must be"), "{err}");

    let wrong = "0".repeat(64);
    let (code, out, err) = desk.add(&["--sha256", &wrong]).await;
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    assert!(
        err.contains("model.onnx is not the file that it should be"),
        "{err}"
    );

    // The server's own list counts too.
    desk.files.put(
        "SHA256SUMS",
        format!("{wrong}  tokenizer.json\n").as_bytes(),
    );
    let (code, _, err) = desk.add(&[]).await;
    assert_eq!(code, Some(2));
    assert!(
        err.contains("tokenizer.json is not the file that it should be"),
        "{err}"
    );
    assert!(desk.packages().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_says_which_files_there_are_and_what_they_must_be() {
    if library().is_none() {
        return skip("there is no ONNX Runtime");
    }
    let desk = Desk::new("qwen-a").await;
    let (code, _, err) = desk.add(&["--name", "first"]).await;
    assert_eq!(code, Some(0), "{err}");
    let manifest = std::fs::read(desk.packages()[0].join("manifest.toml")).unwrap();
    let text = String::from_utf8(manifest).unwrap();
    desk.files.put("manifest.toml", text.as_bytes());
    let before = desk.asked().len();
    let (code, out, err) = desk.add(&["--dry-run"]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("model      first"), "{out}");
    let asked = desk.asked().split_off(before);
    assert_eq!(asked.len(), 3, "manifest, graph, tokenizer: {asked:?}");

    // A name that leads out of the folder is asked for nowhere and written nowhere.
    let hostile = text.replace("\"tokenizer.json\"", "\"../../escaped.json\"");
    assert_ne!(hostile, text);
    desk.files.put("manifest.toml", hostile.as_bytes());
    let (code, _, err) = desk.add(&["--dry-run"]).await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("outside its own folder"), "{err}");
    assert!(desk.asked().iter().all(|path| !path.contains("escaped")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_model_is_told_with_a_sentence() {
    let desk = Desk::new("qwen-a").await;
    desk.files.fault("tokenizer.json", Fault::Page);
    let (code, _, err) = desk.add(&[]).await;
    assert_eq!(code, Some(2));
    assert!(
        err.contains("tokenizer.json did not come: a web page came instead"),
        "{err}"
    );

    let empty = Desk::new("qwen-a").await;
    let nothing = Files::default();
    let server = Faultd::start(vec![nothing.script()]).await;
    let source = format!("[model]\nsources = [\"http://{}\"]\n", server.address());
    empty.home.write(".config/foretoken/config.toml", source);
    let desk = Desk { server, ..empty };
    let (code, _, err) = desk.add(&[]).await;
    assert_eq!(code, Some(2));
    assert!(
        err.contains("tokenizer.json is not there (status 404)"),
        "{err}"
    );
    assert!(desk.packages().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_fetched_from_a_place_that_the_users_settings_do_not_name() {
    let desk = Desk::new("qwen-a").await;
    desk.home.write(".config/foretoken/config.toml", "");
    let (code, out, err) = desk.add(&[]).await;
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("sources = [\"http://127.0.0.1:"), "{err}");
    assert_eq!(desk.server.connections(), 0);
    // Nor may a workspace name it.
    let source = format!(
        "[model]\nsources = [\"http://{}/\"]\n",
        desk.server.address()
    );
    desk.home.write(".foretoken.toml", source);
    assert_eq!(desk.add(&[]).await.0, Some(2));
    assert_eq!(desk.server.connections(), 0);
}
