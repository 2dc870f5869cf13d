//! Looks for the model package in the repository, compares its hashes with its manifest, and tells
//! the crate where it lies. Without it the program is built without a model and says so when started.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::sha256;

const FILES: [&str; 2] = ["model.onnx", "tokenizer.json"];

/// Sets `cfg(embedded_model)` and the variable `EMBEDDED_MODEL` if the package is whole.
pub(crate) fn embed() {
    println!("cargo:rustc-check-cfg=cfg(embedded_model)");
    if env::var_os("CARGO_FEATURE_EMBEDDED_MODEL").is_none() {
        return;
    }
    let Some(folder) = folder() else {
        println!("cargo:warning=there is no folder models/complete; this build holds no model");
        return;
    };
    println!("cargo:rerun-if-changed={}", folder.display());
    match check(&folder) {
        Ok(()) => {
            println!("cargo:rustc-cfg=embedded_model");
            println!("cargo:rustc-env=EMBEDDED_MODEL={}", folder.display());
        }
        Err(reason) => println!(
            "cargo:warning=the model in {} is not compiled in: {reason}",
            folder.display()
        ),
    }
}

fn folder() -> Option<PathBuf> {
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    // Not `canonicalize`: on Windows its paths allow no `/`, which the crate puts before a file's name.
    let folder = own.ancestors().nth(2)?.join("models").join("complete");
    folder.is_dir().then_some(folder)
}

/// Every file must be the one that the manifest was written for.
fn check(folder: &Path) -> Result<(), String> {
    let read = |name: &str| {
        fs::read(folder.join(name)).map_err(|error| format!("{name} cannot be read ({error})"))
    };
    let manifest = String::from_utf8(read("manifest.toml")?)
        .map_err(|_| "manifest.toml is not UTF-8".to_owned())?;
    let manifest: toml::Table = manifest
        .parse()
        .map_err(|error| format!("manifest.toml cannot be read ({error})"))?;
    for name in FILES {
        let stated = manifest
            .get("files")
            .and_then(|files| files.get(name)?.as_str())
            .ok_or_else(|| format!("manifest.toml states no hash of {name}"))?;
        if stated != sha256(&read(name)?) {
            return Err(format!("{name} is not the file that manifest.toml names"));
        }
    }
    Ok(())
}
