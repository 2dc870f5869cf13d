//! What a folder holds, without running it: layout, graph, dialect, limits, and a manifest that says
//! so. Nothing here loads ONNX Runtime or writes a file.

use std::collections::BTreeMap;
use std::path::Path;

use foretoken_engine::prompt::Budget;
use foretoken_engine::prompt::dialect::{self, Detected};
use foretoken_engine::suggestion::{Gate, Logistic};

use super::config::{self, Configs};
use super::{
    Fim, GRAPH_BYTES, Golden, Kind, Layout, MANIFEST, Manifest, PackageError, TOKENIZER,
    TOKENIZER_BYTES, external_files, files, layout, memory, read_manifest, wire,
};
use crate::graph::{Graph, KV_BYTES, Mode, Names, Rows, Shape};
use crate::tokenizer::{self, Speech, Tokens};

/// Positions of a slot, prompt and answer together, however many a model was trained for: more context
/// than that is read too slowly for somebody who types.
const MOST_POSITIONS: usize = 2_048;
/// Positions without which there is no useful prompt.
const LEAST_POSITIONS: usize = 128;

/// What was found.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What a manifest would say before anything was measured; a manifest that was there already keeps
    /// its word on prompt format, budget and gate.
    pub manifest: Manifest,
    /// How the folder is laid out.
    pub layout: Layout,
    /// What the graph asks for.
    pub graph: Graph,
    /// The files that belong to the model, hashed.
    pub files: Vec<FileFact>,
    /// Prompt formats to try, the likeliest first, and why.
    pub detected: Detected,
    /// Whether the prompt format was written down by somebody, in a manifest or by
    /// [`Inspection::speak`]; then no trial changes it.
    pub is_told: bool,
    /// `model_type` of the configuration.
    pub model_type: Option<String>,
    /// Sentences about what will be slower or less exact than it could be.
    pub notes: Vec<String>,
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFact {
    /// Relative to the folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Looks at a folder.
///
/// # Errors
/// One sentence that says what it is that cannot be used, and where there is one, the way to change it.
pub fn inspect(folder: &Path) -> Result<Inspection, PackageError> {
    if let Err(error) = folder.read_dir() {
        return Err(PackageError::Missing {
            file: folder.display().to_string(),
            reason: error.to_string(),
        });
    }
    let told = match files::exists(folder, MANIFEST) {
        true => Some(read_manifest(folder)?),
        false => None,
    };
    let configs = config::read(folder)?;
    if configs.is_encoder_decoder {
        return Err(PackageError::unsupported(
            "it is an encoder-decoder model, and only models of one part are run",
        ));
    }
    let (file, layout) = match &told {
        Some(told) => (told.graph.clone(), Layout::Single),
        None => find_graph(folder, &configs)?,
    };
    let bytes = files::open(folder, &file, GRAPH_BYTES)?.read()?;
    let facts = wire::walk(&bytes)?;
    let names = match &told {
        Some(told) => told.names.clone(),
        None => configs.names(),
    };
    let most = configs
        .positions
        .unwrap_or(MOST_POSITIONS)
        .min(MOST_POSITIONS);
    let mut graph = Graph::read(&facts, &names, configs.shape, most)?;
    fit(&mut graph)?;

    let tokenizer = files::open(folder, TOKENIZER, TOKENIZER_BYTES)?.read()?;
    let told_fim = told.as_ref().map(|told| told.fim.clone());
    let (detected, fim) = spoken(&tokenizer, &configs, told_fim)?;
    let mut found = vec![
        fact(&file, bytes.len(), files::sha256(&bytes)),
        fact(TOKENIZER, tokenizer.len(), files::sha256(&tokenizer)),
    ];
    for weights in external_files(folder, &file, &facts)? {
        found.push(FileFact {
            name: weights.path,
            bytes: weights.file.bytes,
            sha256: weights.file.sha256()?,
        });
    }
    let layout = match &graph {
        graph if graph.fixed_positions.is_some() => Layout::Static,
        graph if graph.branch.is_some() => Layout::Merged,
        _ => layout,
    };
    let is_told = told.is_some();
    let manifest = Manifest {
        files: hashes(&found),
        graph: file,
        layout: layout.name().into(),
        names,
        shape: configs.shape,
        budget: budget(graph.positions, fim.dialect == dialect::OWN),
        max_positions: graph.positions,
        fim,
        ..untold(name_of(folder))
    };
    let manifest = told.map_or(manifest.clone(), |told| manifest.with(told));
    manifest.check_supported()?;
    Ok(Inspection {
        manifest,
        layout,
        notes: notes(&graph, &facts),
        graph,
        files: found,
        detected,
        is_told,
        model_type: configs.kind,
    })
}

/// Prompt formats by the vocabulary, and the one to use: what somebody wrote down, or the likeliest. The
/// tokenizer is made ready once, so that one that cannot be used is refused here.
fn spoken(
    json: &[u8],
    configs: &Configs,
    told: Option<Fim>,
) -> Result<(Detected, Fim), PackageError> {
    let inner = tokenizer::open(json)?;
    let has = |token: &str| inner.token_to_id(token).is_some();
    let detected = dialect::detect(&has, configs.kind.as_deref());
    let likeliest = &detected.candidates[0];
    let fim = told.unwrap_or_else(|| Fim {
        dialect: likeliest.name.clone().into_owned(),
        order: (!likeliest.is_own()).then_some(likeliest.order),
        bos: configs.bos.clone().filter(|bos| bos.is_empty() || has(bos)),
        eos: configs.eos.clone(),
        ..Fim::default()
    });
    let speech = Speech::of(&fim, &inner)?;
    Tokens::new(inner, &speech)?;
    Ok((detected, fim))
}

fn fact(name: &str, bytes: usize, sha256: String) -> FileFact {
    FileFact {
        name: name.to_owned(),
        bytes: bytes as u64,
        sha256,
    }
}

fn hashes(files: &[FileFact]) -> BTreeMap<String, String> {
    let hash = |fact: &FileFact| (fact.name.clone(), fact.sha256.clone());
    files.iter().map(hash).collect()
}

/// What is said of a package that says nothing of itself.
fn untold(name: String) -> Manifest {
    Manifest {
        name,
        version: "1".into(),
        kind: Kind::Generate,
        licence: String::new(),
        files: BTreeMap::new(),
        graph: String::new(),
        layout: String::new(),
        names: Names::default(),
        shape: Shape::default(),
        fim: Fim::default(),
        budget: Budget::default(),
        gate: GATE,
        max_positions: 0,
        pieces: true,
        exact_reuse: false,
        rerun: 1,
        accuracy_level: None,
        golden: Golden::default(),
    }
}

impl Manifest {
    /// With what somebody wrote down and no look at the files can tell.
    fn with(self, told: Manifest) -> Manifest {
        Manifest {
            files: self.files,
            names: self.names,
            shape: self.shape,
            max_positions: told.max_positions.min(self.max_positions),
            exact_reuse: false,
            rerun: 1,
            ..told
        }
    }
}

impl Inspection {
    /// The same with a prompt format that the user names, which wins over what was detected. Whether the
    /// vocabulary has its tokens is seen when the model is loaded.
    #[must_use]
    pub fn speak(mut self, fim: Fim) -> Inspection {
        self.manifest.fim = Fim {
            bos: fim.bos.or(self.manifest.fim.bos),
            eos: [fim.eos, self.manifest.fim.eos].concat(),
            ..fim
        };
        self.is_told = true;
        self
    }
}

/// A start value until a model was calibrated: the embedded model's curves, which ask for a sum of
/// log-probabilities of about -1 over a line.
const GATE: Gate = Gate {
    line: Logistic {
        a: 1.09,
        b: 1.37,
        c: -0.04,
    },
    word: Logistic {
        a: 0.6,
        b: 0.86,
        c: -0.05,
    },
    show: 0.4,
};

fn find_graph(folder: &Path, configs: &Configs) -> Result<(String, Layout), PackageError> {
    let genai = configs.genai.as_ref().map(|(_, file)| file.as_str());
    let root = files::ending_with(folder, ".onnx");
    let onnx = files::ending_with(&folder.join("onnx"), ".onnx");
    layout::choose(&root, &onnx, genai).map_err(|error| {
        let weights = [".safetensors", ".gguf", ".bin", ".pt", ".pth", ".pkl"];
        let other = weights.iter().flat_map(|ending| files::ending_with(folder, ending));
        match (root.is_empty() && onnx.is_empty(), other.into_iter().next()) {
            (true, Some(other)) => PackageError::unsupported(&format!(
                "its folder holds {other} and no .onnx file; export it first, such as by `optimum-cli \
                 export onnx --task text-generation-with-past`"
            )),
            _ => error,
        }
    })
}

/// Takes as many positions as memory allows for at least one slot.
fn fit(graph: &mut Graph) -> Result<(), PackageError> {
    let available = memory::available().map_or(KV_BYTES, |bytes| {
        usize::try_from(bytes / 4).unwrap_or(KV_BYTES).min(KV_BYTES)
    });
    if graph.fixed_positions.is_none() {
        let each = (graph.slot_bytes() / graph.positions.max(1)).max(1);
        graph.positions = graph.positions.min(available / each);
    }
    graph.slots(
        1,
        LEAST_POSITIONS.min(graph.fixed_positions.unwrap_or(usize::MAX)),
        available,
    )?;
    Ok(())
}

/// Tokens per part: an eighth to the suffix, a quarter to pieces, half to the prefix.
pub(crate) fn budget(positions: usize, own_format: bool) -> Budget {
    let generate = (positions / 16).clamp(8, 64);
    let file = (positions / 32).clamp(8, 48);
    let left = positions.saturating_sub(generate + file);
    let tail = if own_format { left / 64 } else { 0 };
    Budget {
        file,
        context: left / 4,
        suffix: left / 8,
        prefix: left / 2,
        tail,
        generate,
    }
}

/// The folder's name, which is all that a package without a manifest says of itself.
fn name_of(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = whole
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "model".into())
}

fn notes(graph: &Graph, facts: &wire::Facts) -> Vec<String> {
    let mut notes = Vec::new();
    if graph.rows == Rows::Last {
        notes.push("Its graph gives logits of the last token only, so no drafts are verified; an export without `prune_lm_head` decodes faster.".into());
    }
    if graph.mode == Mode::Concat {
        notes.push("Its graph has no GroupQueryAttention, so each step copies the attention state; onnxruntime-genai's builder makes one that does not.".into());
    }
    let whole = ["DynamicQuantizeLinear", "DynamicQuantizeMatMul"];
    if whole
        .iter()
        .any(|operator| facts.operators.contains(*operator))
    {
        notes.push("Its activations are rounded with one scale for a whole tensor, so a token depends on its neighbours: reuse is not exact and there are no drafts. Weights in blocks of four or eight bits (MatMulNBits) have no such effect.".into());
    }
    notes
}
