//! Packages made to do harm, by the rows A21 to A23 of the attacks that the project keeps track of: each
//! is refused with one sentence, before the runtime sees it, and what was there before stays.

use std::fs;
use std::path::Path;

use foretoken_infer::package::{self, PackageError};

#[path = "support/protobuf.rs"]
mod protobuf;

use protobuf::{
    external, external_data, field, folder, good, model, node, number, ports, sha256, shape,
};

/// The one sentence of a refusal.
fn refused(folder: &Path) -> String {
    let error = package::open(folder).expect_err("a refusal");
    let sentence = error.to_string();
    assert!(
        sentence.ends_with('.') && !sentence.contains('\n'),
        "{sentence}"
    );
    sentence
}

fn refused_graph(graph: &[u8], part: &str) {
    let sentence = refused(folder(graph, b"{}", |manifest| manifest).path());
    assert!(sentence.contains(part), "{sentence}");
}

fn operator() -> Vec<u8> {
    field(1, &node("MatMul", ""))
}

/// A package whose weights lie in `model.onnx.data`, which `make` puts there.
fn with_weights(make: impl Fn(&Path)) -> tempfile::TempDir {
    let graph = model(&[operator(), field(5, &external("model.onnx.data"))]);
    let hash = format!("\"model.onnx.data\" = \"{}\", ", sha256(b"good"));
    let folder = folder(&graph, b"{}", |manifest| {
        manifest.replace("files = { ", &format!("files = {{ {hash}"))
    });
    make(&folder.path().join("model.onnx.data"));
    folder
}

fn write(path: &Path, content: &[u8]) {
    fs::write(path, content).expect("write");
}

#[test]
fn a21_weights_beside_the_graph_are_read_and_hashed() {
    let folder = with_weights(|path| write(path, b"good"));
    let package = package::open(folder.path()).expect("harmless");
    assert_eq!(package.external[0].0, "model.onnx.data");
    assert_eq!(&*package.external[0].1, b"good");
    let folder = with_weights(|path| write(path, b"evil"));
    assert!(refused(folder.path()).contains("not the file that the package's manifest"));
}

#[test]
fn a21_a_location_is_a_bare_name() {
    for location in [
        "../secret",
        "/etc/passwd",
        "sub/weights",
        "..",
        ".",
        "",
        "c:\\x",
        "a\\..\\b",
        // The runtime's own mark for an address in its memory.
        "*/_ORT_MEM_ADDR_/*",
    ] {
        let graph = model(&[operator(), field(5, &external(location))]);
        refused_graph(&graph, "outside its own folder");
    }
}

#[cfg(unix)]
#[test]
fn a21_links_that_lead_out_of_the_folder_are_refused() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let secret = elsewhere.path().join("secret");
    write(&secret, b"good");
    let link = |path: &Path| std::os::unix::fs::symlink(&secret, path).expect("a link");
    assert!(refused(with_weights(link).path()).contains("a link to a place outside"));
    let hard = |path: &Path| fs::hard_link(&secret, path).expect("a hard link");
    assert!(refused(with_weights(hard).path()).contains("a hard link"));
    // The files that a manifest names, too.
    for name in ["tokenizer.json", "model.onnx", "manifest.toml"] {
        let folder = folder(&good(), b"{}", |manifest| manifest);
        let path = folder.path().join(name);
        let content = fs::read(&path).expect("there");
        write(&secret, &content);
        fs::remove_file(&path).expect("there");
        std::os::unix::fs::symlink(&secret, &path).expect("a link");
        assert!(
            refused(folder.path()).contains("a link to a place outside"),
            "{name}"
        );
    }
    // Within the folder a link is as good as a file.
    let inside = with_weights(|path| {
        let real = path.with_file_name("blob");
        write(&real, b"good");
        std::os::unix::fs::symlink(real, path).expect("a link");
    });
    package::open(inside.path()).expect("harmless");
}

#[cfg(unix)]
#[test]
fn a21_a_pipe_or_a_folder_in_place_of_weights_holds_nobody() {
    let folder = with_weights(|path| fs::create_dir(path).expect("a folder"));
    assert!(refused(folder.path()).contains("not a plain file"));
}

#[test]
fn a21_a_stretch_must_lie_within_its_file() {
    let tensor = |entries: &[(&str, &str)]| {
        let entries = [&[("location", "model.onnx.data")], entries].concat();
        let tensor = [shape(&[2]), external_data(&entries)].concat();
        let graph = model(&[operator(), field(5, &tensor)]);
        let folder = folder(&graph, b"{}", |manifest| manifest);
        write(&folder.path().join("model.onnx.data"), &[0; 16]);
        refused(folder.path())
    };
    assert!(tensor(&[("offset", "12")]).contains("wants 8 bytes from byte 12 on"));
    assert!(tensor(&[("offset", "18446744073709551615")]).contains("and it has 16"));
    assert!(tensor(&[("length", "7")]).contains("takes 8 bytes, and 7 are there"));
    assert!(tensor(&[("offset", "-1")]).contains("is no number"));
    // Well within the file, but of no hash that anybody stated.
    assert!(tensor(&[("offset", "8")]).contains("no hash of model.onnx.data"));
}

#[test]
fn a22_unknown_domains_and_further_files_are_refused_wherever_they_stand() {
    let evil = node("Anything", "evil.example");
    let nested = |node: &[u8]| [field(4, b"If"), field(5, &field(6, &field(1, node)))].concat();
    let listed = |node: &[u8]| [field(4, b"Scan"), field(5, &field(11, &field(1, node)))].concat();
    let function = field(25, &field(7, &evil));
    let default = field(25, &field(11, &field(6, &field(1, &evil))));
    let training = field(20, &field(2, &field(1, &evil)));
    for graph in [
        model(&[field(1, &evil)]),
        model(&[field(1, &nested(&evil))]),
        model(&[field(1, &listed(&nested(&evil)))]),
        [good(), function].concat(),
        [good(), default].concat(),
        [good(), training].concat(),
        [good(), field(25, &field(10, b"evil.example"))].concat(),
    ] {
        refused_graph(&graph, "evil.example");
    }
    refused_graph(
        &model(&[field(1, &nested(&node("EPContext", "com.microsoft")))]),
        "EPContext",
    );
}

#[test]
fn a22_a_loop_that_could_run_for_ever_is_refused() {
    refused_graph(&model(&[field(1, &node("Loop", ""))]), "could run for ever");
}

#[test]
fn a22_a_claim_that_no_bytes_cover_is_refused() {
    const HUGE: u64 = 1_000_000_000_000;
    let tensor = |tensor: Vec<u8>| model(&[operator(), field(5, &tensor)]);
    refused_graph(
        &tensor(shape(&[HUGE])),
        "takes 4000000000000 bytes, and 0 are there",
    );
    refused_graph(
        &tensor(shape(&[1 << 40, 1 << 40, 1 << 40])),
        "bytes, and 0 are there",
    );
    let raw = [shape(&[HUGE]), field(9, &[0; 64])].concat();
    refused_graph(&tensor(raw), "and 64 are there");
    let listed = [shape(&[HUGE]), field(4, &[0; 64])].concat();
    refused_graph(&tensor(listed), "and 64 are there");
    let negative = [number(1, u64::MAX), number(2, 1)].concat();
    refused_graph(&tensor(negative), "negative size");
    refused_graph(&tensor(number(2, 99)), "type that is not known");
    let outside = [shape(&[HUGE]), external_data(&[("location", "w")])].concat();
    let folder = folder(&tensor(outside), b"{}", |manifest| manifest);
    write(&folder.path().join("w"), &[0; 64]);
    assert!(refused(folder.path()).contains("wants 4000000000000 bytes"));
    // Unpacked, a sparse tensor is as large as it says.
    let sparse = field(15, &[field(1, &shape(&[0])), number(3, HUGE)].concat());
    refused_graph(&model(&[operator(), sparse]), "makes a tensor of shape");
}

#[test]
fn a22_a_constant_that_asks_for_terabytes_is_refused() {
    let dims = [number(1, 2), number(2, 7), field(8, b"shape")].concat();
    let values = field(
        9,
        &[1_000_000_i64.to_le_bytes(), 1_000_000_i64.to_le_bytes()].concat(),
    );
    let initializer = field(5, &[dims.clone(), values.clone()].concat());
    let fill = |operator: &[u8], inputs: &[&[u8]]| {
        let inputs: Vec<Vec<u8>> = inputs.iter().map(|name| field(1, name)).collect();
        field(
            1,
            &[inputs.concat(), field(2, b"out"), field(4, operator)].concat(),
        )
    };
    let of_shape = fill(b"ConstantOfShape", &[b"shape"]);
    refused_graph(
        &model(&[of_shape.clone(), initializer.clone()]),
        "[1000000, 1000000]",
    );
    refused_graph(
        &model(&[fill(b"Expand", &[b"x", b"shape"]), initializer]),
        "[1000000, 1000000]",
    );
    let constant = [
        field(2, b"shape"),
        field(4, b"Constant"),
        field(
            5,
            &[field(1, b"value"), field(5, &[dims, values].concat())].concat(),
        ),
    ];
    refused_graph(
        &model(&[field(1, &constant.concat()), of_shape]),
        "[1000000, 1000000]",
    );
}

#[test]
fn a22_a_past_that_takes_all_memory_is_refused_before_it_is_allocated() {
    let past = [1, 2, 1_000_000_000_000, 16];
    let part = |name: &str, number: u8| field(number, &protobuf::port(name, 1, &past));
    let graph = model(&[
        field(1, &node("GroupQueryAttention", "com.microsoft")),
        field(11, &protobuf::port("input_ids", 7, &[0, 0])),
        part("past_key_values.0.key", 11),
        part("past_key_values.0.value", 11),
        field(12, &protobuf::port("logits", 1, &[0, 0, 300])),
        part("present.0.key", 12),
        part("present.0.value", 12),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("model.onnx"), &graph);
    let error = package::inspect(folder.path()).expect_err("too large");
    assert!(error.to_string().contains("MB of memory"), "{error}");
}

#[test]
fn a22_every_truncation_is_refused() {
    let raw = [shape(&[2]), field(9, &[0; 8])].concat();
    let whole = model(&[operator(), ports(), field(5, &raw)]);
    for end in 0..whole.len() {
        let folder = folder(&whole[..end], b"{}", |manifest| manifest);
        refused(folder.path());
    }
    package::open(folder(&whole, b"{}", |m| m).path()).expect("whole");
}

#[test]
fn a23_what_is_no_graph_is_named() {
    for (bytes, part) in [
        (
            &b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x05posix"[..],
            "a Python pickle",
        ),
        (b"PK\x03\x04archive/data.pkl", "PyTorch checkpoint"),
        (b"GGUF\x03\0\0\0", "a GGUF file"),
        (
            b"\x40\0\0\0\0\0\0\0{\"__metadata__\":{}}",
            "a safetensors file",
        ),
    ] {
        refused_graph(bytes, part);
    }
    // A folder of nothing but pickles is told what to do.
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("pytorch_model.bin"), b"PK\x03\x04");
    let error = package::inspect(folder.path()).expect_err("no graph");
    assert!(error.to_string().contains("pytorch_model.bin"), "{error}");
    assert!(error.to_string().contains("optimum-cli"), "{error}");
}

/// A folder without a manifest, with this tokenizer beside a graph that passes.
fn with_tokenizer(json: &[u8]) -> PackageError {
    let folder = tempfile::tempdir().expect("a folder");
    write(
        &folder.path().join("model.onnx"),
        &model(&[operator(), ports()]),
    );
    write(&folder.path().join("tokenizer.json"), json);
    package::inspect(folder.path()).expect_err("a refusal")
}

#[test]
fn a23_hostile_tokenizers_are_refused() {
    let of = |pre: &str, model: &str| {
        format!(
            "{{\"version\": \"1.0\", \"added_tokens\": [], \"normalizer\": null, \"pre_tokenizer\": {pre}, \
             \"post_processor\": null, \"decoder\": {{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \
             \"trim_offsets\": false, \"use_regex\": false}}, \"model\": {model}}}"
        )
    };
    let bpe = |vocab: &str| format!("{{\"type\": \"BPE\", \"vocab\": {vocab}, \"merges\": []}}");
    let slow = "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\\\\s+)+$\"}, \"behavior\": \"Isolated\", \"invert\": false}";
    let check = |json: String, part: &str| {
        let error = with_tokenizer(json.as_bytes());
        assert!(error.to_string().contains(part), "{error}");
    };
    check(of(slow, &bpe("{}")), "could take for ever");
    check(
        of("null", &bpe("{\"a\": 4294967295}")),
        "entry numbered 4294967295",
    );
    check(of("null", &bpe("{\"a\": 0}")), "no token for the byte");
    check(of("null", &bpe("{\"a\": -1}")), "tokenizer.json is damaged");
    check("[".repeat(1 << 20), "tokenizer.json is damaged");
    check("{\"a\":".repeat(1 << 18), "tokenizer.json is damaged");
    check("\u{80}\u{4}pickle".into(), "tokenizer.json is damaged");
    check(String::new(), "tokenizer.json is damaged");
}

#[test]
fn a23_the_hash_of_what_is_loaded_decides() {
    // The file changes after somebody looked at it, with the same size and time.
    let folder = folder(&good(), b"{\"a\": 1}", |manifest| manifest);
    let checked = package::verify(&foretoken_infer::Source::Folder(folder.path().into()));
    checked.expect("good so far");
    write(&folder.path().join("tokenizer.json"), b"{\"a\": 2}");
    assert!(refused(folder.path()).contains("not the file that the package's manifest"));
}

#[test]
fn a23_a_package_that_changed_is_not_added_and_what_was_there_stays() {
    let source = folder(&good(), b"{}", |manifest| manifest);
    let manifest = package::open(source.path()).expect("whole").manifest;
    let models = tempfile::tempdir().expect("a folder");
    let added = package::add(source.path(), &manifest, models.path()).expect("added");
    let again = package::add(source.path(), &manifest, models.path()).expect("there already");
    assert_eq!(added, again);
    package::open(&added).expect("a copy is a package");
    // Exchanged between the inspection and the copy.
    write(
        &source.path().join("model.onnx"),
        &[good(), vec![0]].concat(),
    );
    let other = package::Manifest {
        version: "2".into(),
        ..manifest
    };
    let error = package::add(source.path(), &other, models.path()).expect_err("exchanged");
    assert_eq!(
        error,
        PackageError::WrongHash {
            file: "model.onnx".into()
        }
    );
    let left: Vec<_> = fs::read_dir(models.path()).expect("there").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    package::open(&added).expect("what was there stays");
}

#[test]
fn a23_a_manifest_names_no_file_outside_its_folder() {
    let outside = "\"../escape\" = \"00\", ";
    let source = folder(&good(), b"{}", |manifest| {
        manifest.replace("files = { ", &format!("files = {{ {outside}"))
    });
    let models = tempfile::tempdir().expect("a folder");
    let manifest = package::open(source.path())
        .expect("not yet copied")
        .manifest;
    let error = package::add(source.path(), &manifest, models.path()).expect_err("a way out");
    assert!(
        error.to_string().contains("outside its own folder"),
        "{error}"
    );
    let graph = "graph = { file = \"/etc/passwd\", ";
    let source = folder(&good(), b"{}", |manifest| {
        manifest.replace("graph = { ", graph)
    });
    assert!(refused(source.path()).contains("outside its own folder"));
}
