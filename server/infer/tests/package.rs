//! Packages in a folder: what is missing, damaged, foreign or harmful is refused with a sentence, and
//! never by a panic. The graphs here are a few hand-written bytes of protobuf.

use std::fs;
use std::path::Path;

use foretoken_infer::package::{self, PackageError};
use foretoken_infer::{Infer, Options, Source, State, Unavailable};
use proptest::prelude::*;

#[path = "support/protobuf.rs"]
mod protobuf;

use protobuf::{external, field, folder, good, model, node, ports};

fn error(folder: &Path) -> PackageError {
    package::open(folder).expect_err("a refusal")
}

#[test]
fn a_whole_package_is_read() {
    let folder = folder(&good(), b"{}", |manifest| manifest);
    let package = package::open(folder.path()).expect("whole");
    assert_eq!(package.manifest.name, "test");
    assert_eq!(package.manifest.budget.prefix, 32);
    assert_eq!(package.manifest.gate.show, 0.5);
    assert_eq!(package.manifest.gate.word.b, 1.0);
    assert!(package.facts.operators.contains("GroupQueryAttention"));
}

#[test]
fn the_gate_may_have_one_curve_or_two() {
    let two = "gate = { line = { a = 1.0, b = 2.0, c = 3.0 }, word = { a = 4, b = 5, c = 6 }, show = 0.6 }\n";
    let read = |gate: &str| {
        let folder = folder(&good(), b"{}", |manifest| manifest + gate);
        package::open(folder.path()).expect("whole").manifest.gate
    };
    let gate = read(two);
    assert_eq!((gate.line.a, gate.word.c, gate.show), (1.0, 6.0, 0.6));
    let gate = read("gate = { a = -1.0, b = 0.5, c = 0.25, show = 0.7 }\n");
    assert_eq!((gate.line.a, gate.word.a, gate.show), (-1.0, -1.0, 0.7));
}

#[test]
fn pieces_help_unless_the_package_says_otherwise() {
    let read = |pieces: &str| {
        let fim = format!("dialect = \"foretoken\"{pieces}");
        let change = |manifest: String| manifest.replace("dialect = \"foretoken\"", &fim);
        let folder = folder(&good(), b"{}", change);
        package::open(folder.path()).expect("whole").manifest.pieces
    };
    assert!(read(""));
    assert!(read(", pieces = true"));
    assert!(!read(", pieces = false"));
}

#[test]
fn missing_files_are_named() {
    for name in ["model.onnx", "tokenizer.json"] {
        let folder = folder(&good(), b"{}", |manifest| manifest);
        fs::remove_file(folder.path().join(name)).expect("there");
        let error = error(folder.path());
        assert_eq!(error.code(), "no-package");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_folder_without_a_manifest_is_judged_by_its_graph() {
    let folder = folder(&good(), b"{}", |manifest| manifest);
    fs::remove_file(folder.path().join("manifest.toml")).expect("there");
    let refusal = error(folder.path());
    assert_eq!(refusal.code(), "unsupported-model");
    assert!(refusal.to_string().contains("no input_ids"), "{refusal}");
    fs::remove_file(folder.path().join("model.onnx")).expect("there");
    assert!(error(folder.path()).to_string().contains("no .onnx file"));
    let nowhere = error(Path::new("/nowhere"));
    assert_eq!(nowhere.code(), "no-package", "{nowhere}");
    assert!(nowhere.to_string().contains("/nowhere"), "{nowhere}");
}

#[test]
fn a_changed_or_truncated_file_is_noticed() {
    for name in ["model.onnx", "tokenizer.json"] {
        let folder = folder(&good(), b"{ }", |manifest| manifest);
        let path = folder.path().join(name);
        let mut bytes = fs::read(&path).expect("there");
        bytes.pop();
        fs::write(&path, bytes).expect("write");
        assert_eq!(
            error(folder.path()),
            PackageError::WrongHash { file: name.into() }
        );
    }
}

#[test]
fn a_truncated_graph_with_a_fitting_hash_is_noticed_too() {
    let whole = good();
    for end in 0..whole.len() {
        let folder = folder(&whole[..end], b"{}", |manifest| manifest);
        let error = error(folder.path());
        assert_eq!(error.code(), "bad-package", "{end}: {error}");
    }
}

#[test]
fn a_file_over_its_limit_is_not_read() {
    let folder = folder(&good(), b"{}", |manifest| manifest);
    let path = folder.path().join("tokenizer.json");
    let file = fs::File::options().write(true).open(path).expect("there");
    file.set_len((64 << 20) + 1).expect("a sparse file");
    match error(folder.path()) {
        PackageError::TooLarge { bytes, limit, .. } => {
            assert_eq!((bytes, limit), ((64 << 20) + 1, 64 << 20));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn manifests_that_cannot_be_served_say_why() {
    let check = |from: &str, to: &str, code: &str, part: &str| {
        let folder = folder(&good(), b"{}", |manifest| {
            assert!(manifest.contains(from), "{from}");
            manifest.replace(from, to)
        });
        let error = error(folder.path());
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    check(
        "generate\" }",
        "embed\" }",
        "unsupported-model",
        "\"embed\"",
    );
    check("format = 1", "format = 2", "unsupported-model", "format 2");
    check(
        "\"foretoken\"",
        "\"volapuk\"",
        "unsupported-model",
        "\"volapuk\"",
    );
    check(
        "max_positions = 64",
        "max_positions = 63",
        "unsupported-model",
        "63 positions",
    );
    check(
        "max_positions = 64",
        "max_positions = 999999999",
        "unsupported-model",
        "999999999",
    );
    check("prefix = 32", "prefix = -1", "bad-package", "manifest.toml");
    check(
        "files = {",
        "files = { x = {} }\nold = {",
        "bad-package",
        "manifest.toml",
    );
    check(
        "\"model.onnx\" =",
        "\"other.onnx\" =",
        "bad-package",
        "no hash of model.onnx",
    );
}

#[test]
fn graphs_that_reach_out_are_forbidden() {
    let nested = |node: &[u8]| {
        // If -> then_branch -> the node.
        let branch = field(5, &field(6, &field(1, node)));
        [field(4, b"If"), branch].concat()
    };
    let refused = [
        (node("EPContext", "com.microsoft"), "EPContext"),
        (node("Anything", "my.domain"), "my.domain"),
        (nested(&node("EPContext", "")), "EPContext"),
        (nested(&nested(&node("X", "evil"))), "evil"),
    ];
    for (node, part) in refused {
        let folder = folder(&model(&[field(1, &node)]), b"{}", |manifest| manifest);
        let error = error(folder.path());
        assert_eq!(error.code(), "bad-package", "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    // A function of the model counts as well.
    let function = field(25, &field(7, &node("X", "evil")));
    let graph = [good(), function].concat();
    assert!(
        error(folder(&graph, b"{}", |m| m).path())
            .to_string()
            .contains("evil")
    );
}

#[test]
fn weights_outside_the_folder_are_refused_wherever_they_hide() {
    let op = field(1, &node("MatMul", ""));
    let outside = ["/etc/passwd", "../x", "a/b", "a\\b", "C:x", "", ".."];
    for location in outside {
        let graph = model(&[op.clone(), field(5, &external(location))]);
        let error = error(folder(&graph, b"{}", |m| m).path());
        assert!(
            matches!(error, PackageError::Forbidden { .. }),
            "{location:?}: {error}"
        );
    }
    let bare = model(&[op.clone(), field(5, &external("model.onnx.data"))]);
    let refusal = error(folder(&bare, b"{}", |m| m).path());
    assert_eq!(
        refusal.code(),
        "no-package",
        "it would be read if it were there"
    );
    assert!(refusal.to_string().contains("model.onnx.data"), "{refusal}");
    // Sparse initialisers, attributes, subgraphs.
    let attribute = field(5, &field(5, &external("/x")));
    for graph in [
        model(&[op.clone(), field(15, &field(1, &external("/x")))]),
        model(&[op, field(1, &[field(4, b"Constant"), attribute].concat())]),
    ] {
        let error = error(folder(&graph, b"{}", |m| m).path());
        assert!(matches!(error, PackageError::Forbidden { .. }), "{error}");
    }
}

#[test]
fn deep_nesting_ends_in_a_refusal() {
    let mut inner = node("Add", "");
    for _ in 0..200 {
        inner = [field(4, b"If"), field(5, &field(6, &field(1, &inner)))].concat();
    }
    let error = error(folder(&model(&[field(1, &inner)]), b"{}", |m| m).path());
    assert!(error.to_string().contains("too deep"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_package_or_a_refusal(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = folder(&bytes, b"{}", |manifest| manifest);
        // Nothing but "no panic" is asked of random bytes.
        let _ = package::open(folder.path());
    }

    #[test]
    fn any_flipped_byte_ends_in_a_package_or_a_refusal(at in 0_usize..40, to in any::<u8>()) {
        let mut bytes = good();
        let at = at % bytes.len();
        bytes[at] = to;
        let folder = folder(&bytes, b"{}", |manifest| manifest);
        let _ = package::open(folder.path());
    }
}

/// The state in which a worker ends that is given such a package; `None` without model or library.
#[expect(clippy::print_stdout, reason = "a skipped test must be seen")]
fn refusal(graph: &[u8]) -> Option<Unavailable> {
    let Ok(embedded) = package::embedded() else {
        println!("SKIP: no model in this build, so no tokenizer");
        return None;
    };
    let folder = folder(graph, &embedded.tokenizer, |manifest| manifest);
    let (tell, told) = std::sync::mpsc::channel();
    let infer = Infer::start(
        Options {
            package: Source::Folder(folder.path().to_owned()),
            ..Options::default()
        },
        Box::new(move |state| {
            // The test may be over.
            let _ = tell.send(state);
        }),
    );
    let unavailable = loop {
        match told.recv().expect("a state") {
            State::Loading { .. } => {}
            State::Unavailable(why) => break why,
            State::Ready(info) => panic!("{info:?}"),
        }
    };
    assert!(
        infer.count("fn main() {}\n") > 2,
        "tokens are counted all the same"
    );
    infer.shutdown();
    if unavailable.code == "no-library" {
        println!("SKIP: {unavailable}");
        return None;
    }
    Some(unavailable)
}

/// A valid graph that copies one input to one output, both f32 `[1]`.
fn identity(input: &str) -> Vec<u8> {
    let shape = field(2, &field(1, &[1 << 3, 1]));
    let tensor = field(2, &field(1, &[vec![1 << 3, 1], shape].concat()));
    let value = |name: &str| [field(1, name.as_bytes()), tensor.clone()].concat();
    let node = [
        field(1, input.as_bytes()),
        field(2, b"out"),
        field(4, b"Identity"),
    ]
    .concat();
    let graph = [
        field(1, &node),
        field(2, b"test"),
        field(11, &value(input)),
        field(12, &value("out")),
    ]
    .concat();
    [vec![1 << 3, 8], field(8, &[2 << 3, 17]), field(7, &graph)].concat()
}

#[test]
fn a_graph_of_another_layout_is_refused_by_what_it_asks_for() {
    if let Some(why) = refusal(&identity("past_conv.0")) {
        assert_eq!(why.code, "unsupported-model");
        assert!(
            why.sentence
                .contains("cannot be rewound to an earlier place of the text; its graph has the input past_conv.0"),
            "{why}"
        );
    }
}

/// A graph that passes the walk and that the runtime cannot read.
#[test]
fn a_graph_that_the_runtime_refuses_is_a_sentence() {
    let graph = model(&[
        field(1, &node("GroupQueryAttention", "com.microsoft")),
        ports(),
    ]);
    if let Some(why) = refusal(&graph) {
        assert_eq!(why.code, "session-failed", "{why}");
    }
}

#[test]
fn without_a_tokenizer_tokens_are_estimated() {
    let infer = Infer::start(
        Options {
            package: Source::Folder("/nowhere".into()),
            ..Options::default()
        },
        Box::new(|_| {}),
    );
    assert_eq!(infer.count(""), 0);
    assert_eq!(infer.count("let a = 1;"), 4);
    // Three bytes each, and any of them may be a token.
    assert_eq!(infer.count("\u{6f22}\u{5b57}"), 6);
    infer.shutdown();
}

#[test]
fn the_embedded_package_is_the_one_its_manifest_names() {
    match package::verify(&Source::Embedded) {
        Ok(manifest) => assert_eq!(manifest.fim.dialect, "foretoken"),
        Err(PackageError::NotEmbedded) => println!("SKIP: no model in this build"),
        Err(error) => panic!("{error}"),
    }
}
