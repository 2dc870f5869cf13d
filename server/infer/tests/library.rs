//! Finding ONNX Runtime: order, reasons, and libraries that are none. The too old one is built here by
//! the Rust compiler at hand: a library whose whole content is the entry point with an old version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use foretoken_infer::library::{self, Places, VERSION, advice, find};

/// The only place of the search.
fn at(path: impl Into<PathBuf>) -> Places {
    Places {
        variable: Some(path.into()),
        ..Places::default()
    }
}

fn reason(places: &Places) -> String {
    let passed = find(places).expect_err("nothing serves");
    passed
        .into_iter()
        .map(|passed| passed.reason)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn an_empty_search_gives_advice() {
    let passed = find(&Places::default()).expect_err("nowhere to look");
    assert!(passed.is_empty());
    let text = advice(&passed);
    assert!(
        text.contains(&format!("pip install onnxruntime=={VERSION}")),
        "{text}"
    );
}

#[test]
fn what_is_no_library_is_passed_over_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(reason(&at(folder.path().join("missing.so"))), "not there");
    assert_eq!(reason(&at(folder.path())), "not there");
    assert_eq!(reason(&at("libonnxruntime.so")), "not an absolute path");
    let garbage = folder.path().join("garbage.so");
    fs::write(&garbage, b"not a library at all").expect("write");
    assert!(reason(&at(&garbage)).starts_with("the system cannot load it"));
    let passed = find(&at(&garbage)).expect_err("garbage");
    assert!(advice(&passed).contains("garbage.so"), "the user named it");
}

#[test]
fn a_library_of_something_else_is_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = build(folder.path(), "other", "");
    assert_eq!(reason(&at(other)), "it is a library, but not ONNX Runtime");
}

#[test]
fn a_too_old_library_is_passed_over_and_the_next_one_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let version = |text: &str, name: &str| {
        build(
            folder.path(),
            name,
            &format!(
                "#[repr(C)] pub struct Base(extern \"C\" fn(u32) -> *const u8, extern \"C\" fn() -> *const u8);\n\
                 extern \"C\" fn api(_: u32) -> *const u8 {{ std::ptr::null() }}\n\
                 extern \"C\" fn version() -> *const u8 {{ c\"{text}\".as_ptr().cast() }}\n\
                 static BASE: Base = Base(api, version);\n\
                 #[unsafe(no_mangle)] pub extern \"C\" fn OrtGetApiBase() -> *const Base {{ &BASE }}\n"
            ),
        )
    };
    let old = version("1.17.3", "old");
    assert!(reason(&at(&old)).starts_with("version 1.17.3, and at least 1."));
    let odd = version("two", "odd");
    assert!(reason(&at(&odd)).contains("calls itself version \"two\""));
    let new = version("1.999.0", "new");
    let found = find(&Places {
        variable: Some(old.clone()),
        setting: Some(new.clone()),
        ..Places::default()
    })
    .expect("the second serves");
    assert_eq!((found.path, found.version.as_str()), (new, "1.999.0"));
    assert_eq!(found.passed.len(), 1);
    assert_eq!(found.passed[0].path, old);
}

#[test]
fn named_places_come_before_found_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let places = Places {
        variable: Some("/nowhere/variable".into()),
        setting: Some("/nowhere/setting".into()),
        dylib_path: Some("/nowhere/dylib".into()),
        executable: Some("/nowhere/bin".into()),
        data_dir: Some(folder.path().to_owned()),
        system: false,
    };
    for version in ["1.9.0", "1.10.0", "notes"] {
        fs::create_dir_all(folder.path().join("onnxruntime").join(version)).expect("a folder");
    }
    let passed = find(&places).expect_err("nothing there");
    let order: Vec<&str> = passed.iter().map(|passed| passed.place).collect();
    assert_eq!(
        order,
        [
            "FORETOKEN_ONNXRUNTIME",
            "runtime.onnxruntime of the settings",
            "ORT_DYLIB_PATH",
            "beside the program",
            "beside the program",
            "data directory",
            "data directory",
            "data directory",
        ]
    );
    let folders: Vec<&Path> = passed[5..]
        .iter()
        .filter_map(|p| p.path.file_name().map(Path::new))
        .collect();
    assert_eq!(folders, [VERSION, "1.10.0", "1.9.0"].map(Path::new));
}

#[test]
fn this_machine() {
    match find(&Places::of_process(None, None)) {
        Ok(found) => {
            assert!(found.path.is_absolute());
            println!("ONNX Runtime {} at {}", found.version, found.path.display());
        }
        Err(passed) => println!("SKIP: {}", library::advice(&passed)),
    }
}

/// Compiles a small library.
#[expect(
    clippy::disallowed_methods,
    reason = "only a compiler can make the old library that this test needs"
)]
fn build(folder: &Path, name: &str, source: &str) -> PathBuf {
    let input = folder.join(format!("{name}.rs"));
    fs::write(&input, source).expect("write");
    let output = folder.join(format!("{name}.so"));
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "cdylib",
            "-Copt-level=0",
            "-o",
        ])
        .arg(&output)
        .arg(&input)
        .status()
        .expect("the compiler that built this test");
    assert!(status.success());
    output
}
