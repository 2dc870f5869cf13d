//! Where in a folder the graph lies: what each exporter calls its files, and which of several variants a
//! processor runs best. A pure function of the names that are there.

use std::fmt;

use super::PackageError;

/// How a package is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Optimum: `model.onnx` with one graph for all steps.
    Single,
    /// Older Optimum: `decoder_model_merged.onnx`, two graphs behind a switch.
    Merged,
    /// transformers.js: variants in `onnx/`.
    Variants,
    /// onnxruntime-genai: names in `genai_config.json`.
    Genai,
    /// A past of fixed length, in whichever of the above.
    Static,
}

impl Layout {
    /// As manifests spell it.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Single => "A",
            Layout::Merged => "B-merged",
            Layout::Variants => "C",
            Layout::Genai => "D",
            Layout::Static => "E",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Single => "one graph (Optimum)",
            Layout::Merged => "a merged decoder (older Optimum)",
            Layout::Variants => "variants in onnx/ (transformers.js)",
            Layout::Genai => "genai_config.json (onnxruntime-genai)",
            Layout::Static => "a past of fixed length",
        })
    }
}

/// Endings of transformers.js's variants, best first for a processor: weights in blocks of four bits,
/// then unrounded; then whole tensors of eight bits, whose rows depend on their neighbours. Those of
/// half precision are for other devices.
const VARIANTS: [&str; 6] = ["_q4", "", "_int8", "_uint8", "_quantized", "_bnb4"];
/// What a graph's file is called before that ending.
const STEMS: [&str; 2] = ["model", "decoder_model_merged"];

/// Names that the graph's file may have, in the order in which [`choose`] prefers them.
pub(super) fn usual() -> Vec<String> {
    let mut names = Vec::new();
    for folder in ["onnx/", ""] {
        for stem in STEMS {
            let variants = VARIANTS.iter();
            names.extend(variants.map(|variant| format!("{folder}{stem}{variant}.onnx")));
        }
    }
    names
}

/// The graph's file among the `.onnx` names of a folder and of its `onnx/`, with the layout.
///
/// # Errors
/// `Unsupported` with what is there instead.
pub(super) fn choose(
    root: &[String],
    onnx: &[String],
    genai: Option<&str>,
) -> Result<(String, Layout), PackageError> {
    if let Some(file) = genai {
        return Ok((file.to_owned(), Layout::Genai));
    }
    for (folder, names) in [("onnx/", onnx), ("", root)] {
        for stem in STEMS {
            let found = VARIANTS.iter().find_map(|variant| {
                let name = format!("{stem}{variant}.onnx");
                names.contains(&name).then_some(name)
            });
            if let Some(name) = found {
                let layout = match (folder, stem) {
                    ("onnx/", _) => Layout::Variants,
                    (_, "model") => Layout::Single,
                    _ => Layout::Merged,
                };
                return Ok((format!("{folder}{name}"), layout));
            }
        }
    }
    let all = || root.iter().chain(onnx);
    let has = |part: &str| all().any(|name| name.starts_with(part));
    if has("encoder_model") {
        return Err(PackageError::unsupported(
            "it is an encoder-decoder model, and only models of one part are run",
        ));
    }
    if has("decoder_with_past_model") {
        return Err(PackageError::unsupported(
            "it is a pair of graphs, which would take the memory twice; export it again with a current \
             `optimum-cli export onnx --task text-generation-with-past`, which makes one",
        ));
    }
    match (root, onnx) {
        ([only], []) => Ok((only.clone(), Layout::Single)),
        ([], [only]) => Ok((format!("onnx/{only}"), Layout::Variants)),
        ([], []) => Err(PackageError::unsupported("its folder holds no .onnx file")),
        _ => {
            let names: Vec<&str> = all().map(String::as_str).take(8).collect();
            Err(PackageError::unsupported(&format!(
                "none of its graphs ({}) is one for a processor; name one in manifest.toml",
                names.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, choose};

    fn chosen(root: &[&str], onnx: &[&str]) -> Result<(String, Layout), String> {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        choose(&names(root), &names(onnx), None).map_err(|error| error.to_string())
    }

    #[test]
    fn each_exporter_is_known_by_its_files() {
        let is = |root: &[&str], onnx: &[&str], file: &str, layout| {
            assert_eq!(chosen(root, onnx), Ok((file.to_owned(), layout)));
        };
        is(&["model.onnx"], &[], "model.onnx", Layout::Single);
        is(
            &["decoder_model.onnx", "decoder_model_merged.onnx"],
            &[],
            "decoder_model_merged.onnx",
            Layout::Merged,
        );
        is(
            &[],
            &["model.onnx", "model_q4.onnx", "model_q4f16.onnx"],
            "onnx/model_q4.onnx",
            Layout::Variants,
        );
        is(
            &[],
            &["model.onnx", "model_quantized.onnx"],
            "onnx/model.onnx",
            Layout::Variants,
        );
        is(
            &[],
            &["decoder_model_merged_quantized.onnx"],
            "onnx/decoder_model_merged_quantized.onnx",
            Layout::Variants,
        );
        is(&["qwen-int4.onnx"], &[], "qwen-int4.onnx", Layout::Single);
        let genai = choose(&["model.onnx".into()], &[], Some("decoder.onnx"));
        assert_eq!(genai, Ok(("decoder.onnx".into(), Layout::Genai)));
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        let says = |root: &[&str], onnx: &[&str], part: &str| {
            let error = chosen(root, onnx).expect_err(part);
            assert!(error.contains(part), "{error}");
        };
        says(&[], &[], "no .onnx file");
        says(
            &["encoder_model.onnx", "decoder_model.onnx"],
            &[],
            "encoder-decoder",
        );
        says(
            &["decoder_model.onnx", "decoder_with_past_model.onnx"],
            &[],
            "pair of graphs",
        );
        says(
            &[],
            &["model_fp16.onnx", "model_q4f16.onnx"],
            "model_fp16.onnx",
        );
    }
}
