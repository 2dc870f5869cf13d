//! Which files a package is made of, for whoever has to get them one by one from a place that cannot be
//! listed: a manifest names them all, and without one a file says which come next. Nothing is fetched here.

use std::path::Path;

use super::{
    GRAPH_BYTES, MANIFEST, MANIFEST_BYTES, Manifest, PackageError, TOKENIZER, TOKENIZER_BYTES,
    config, files, layout, memory, read_manifest, wire,
};

/// Files that a package may have and that say what else it has or how it is used. Each may be missing.
pub fn descriptions() -> &'static [&'static str] {
    &config::NAMES
}

/// The manifest of a folder, if there is one. Every name in it leads to a place inside the folder.
///
/// # Errors
/// `Unreadable` for one that is none, `Forbidden` for a name that leads elsewhere.
pub fn manifest(folder: &Path) -> Result<Option<Manifest>, PackageError> {
    if !files::exists(folder, MANIFEST) {
        return Ok(None);
    }
    let manifest = read_manifest(folder)?;
    for name in manifest.files.keys() {
        files::check_inside(name)?;
    }
    Ok(Some(manifest))
}

/// Names that the graph may have in a folder that holds the [`descriptions`], best first.
///
/// # Errors
/// As for a configuration that cannot be read; `Forbidden` where it names a graph elsewhere.
pub fn graphs(folder: &Path) -> Result<Vec<String>, PackageError> {
    match config::read(folder)?.genai {
        Some((_, name)) => {
            files::check_inside(&name)?;
            Ok(vec![name])
        }
        None => Ok(layout::usual()),
    }
}

/// The files beside a graph that hold its weights, each once.
///
/// # Errors
/// As for a graph that cannot be used, and for weights that it wants from elsewhere.
pub fn weights(folder: &Path, graph: &str) -> Result<Vec<String>, PackageError> {
    let bytes = files::open(folder, graph, GRAPH_BYTES)?.read()?;
    let mut names: Vec<String> = Vec::new();
    for external in wire::walk(&bytes)?.external {
        external.check_name()?;
        let name = format!("{}{}", files::folder_of(graph), external.location);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Most bytes that a file of this name may have: what is read of it, and of weights what this machine has
/// memory for.
pub fn most_bytes(name: &str) -> u64 {
    match name {
        MANIFEST => MANIFEST_BYTES,
        TOKENIZER => TOKENIZER_BYTES,
        name if config::NAMES.contains(&name) => config::CONFIG_BYTES,
        name if name.ends_with(".onnx") => GRAPH_BYTES,
        _ => memory::available().unwrap_or(u64::MAX),
    }
}

/// SHA-256 of a file of the folder, 64 lower-case hexadecimal digits.
///
/// # Errors
/// `Missing` where it cannot be read, `Forbidden` for a name that leads elsewhere.
pub fn sha256(folder: &Path, name: &str) -> Result<String, PackageError> {
    files::open(folder, name, u64::MAX)?.sha256()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_graph_for_a_processor_is_asked_for_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = graphs(folder.path()).expect("no configuration is none");
        assert_eq!(names[..2], ["onnx/model_q4.onnx", "onnx/model.onnx"]);
        assert!(names.contains(&"decoder_model_merged.onnx".to_owned()));
    }

    #[test]
    fn a_configuration_or_manifest_that_leads_elsewhere_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        let genai = |file: &str| format!(r#"{{"model": {{"decoder": {{"filename": "{file}"}}}}}}"#);
        write("genai_config.json", &genai("decoder.onnx"));
        assert_eq!(graphs(folder.path()), Ok(vec!["decoder.onnx".to_owned()]));
        for bad in ["../x.onnx", "/etc/x.onnx", "a\\\\b.onnx", ""] {
            write("genai_config.json", &genai(bad));
            let refused = graphs(folder.path());
            assert!(
                matches!(refused, Err(PackageError::Forbidden { .. })),
                "{bad}: {refused:?}"
            );
        }
    }
}
