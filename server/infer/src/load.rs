//! From options to a model that answers: package, tokenizer, library, session, slots, warm-up. Every
//! failure is an [`Unavailable`] with a sentence; nothing here panics on a broken package.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foretoken_engine::prompt::Control;
use ort::session::builder::SessionBuilder;

use crate::draft::Acceptance;
use crate::kv::Slots;
use crate::library::{self, Places};
use crate::package::{self, Package, PackageError};
use crate::session::{Graph, Running, Session};
use crate::state::{ModelInfo, Options, Source, Unavailable};
use crate::tokenizer::Tokens;

/// A prefill chunk may take this long: the longest that a more urgent job waits.
const QUANTUM: Duration = Duration::from_millis(20);
/// Below this a chunk may grow: twice as many tokens then still take less than a quantum.
const QUICK: Duration = Duration::from_millis(8);
/// Tokens of a chunk: 64 gain little over 32, and below 16 the cost per token rises steeply.
const CHUNKS: [usize; 3] = [16, 32, 64];

/// Everything one thread needs to answer.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) session: Session,
    pub(crate) slots: Slots,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) info: Arc<ModelInfo>,
    pub(crate) pace: Pace,
    pub(crate) acceptance: Acceptance,
    /// See [`Options::kv_reuse`].
    pub(crate) kv_reuse: bool,
    /// See [`Options::drafts`]; also off where reuse is not exact.
    pub(crate) drafts: bool,
}

/// How many tokens one prefill chunk takes, by how long the last ones took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    at: usize,
}

impl Pace {
    /// Begins in the middle.
    pub(crate) fn new() -> Pace {
        Pace { at: 1 }
    }

    /// Tokens of the next chunk.
    pub(crate) fn chunk(self) -> usize {
        CHUNKS[self.at]
    }

    /// Notes how long a full chunk took.
    pub(crate) fn note(&mut self, tokens: usize, took: Duration) {
        if tokens < self.chunk() {
            return;
        }
        if took > QUANTUM {
            self.at = self.at.saturating_sub(1);
        } else if took < QUICK {
            self.at = (self.at + 1).min(CHUNKS.len() - 1);
        }
    }
}

/// Told what is being done and how far it is.
pub(crate) type Report<'a> = &'a dyn Fn(&'static str, u32);

impl Model {
    /// Loads everything. `running` is where each run leaves the means to end it.
    ///
    /// # Errors
    /// A code and a sentence.
    pub(crate) fn load(
        options: &Options,
        running: Running,
        report: Report<'_>,
    ) -> Result<Model, Unavailable> {
        let started = Instant::now();
        report("reading the model", 0);
        let package = match &options.package {
            Source::Embedded => package::embedded(),
            Source::Folder(folder) => package::open(folder),
        }?;
        report("reading the tokenizer", 10);
        let tokens = Arc::new(Tokens::parse(&package.tokenizer)?);
        report("loading ONNX Runtime", 20);
        let places = Places::of_process(options.library.as_deref(), options.data_dir.as_deref());
        let (environment, found) = library::load(&places).map_err(|sentence| Unavailable {
            code: "no-library",
            sentence,
        })?;
        report("building the session", 40);
        let inner = build(&environment, options, &package).map_err(failed)?;
        let shared = package.facts.operators.contains("GroupQueryAttention");
        let graph = Graph::read(&inner, shared, package.manifest.max_positions)?;
        let session = Session::new(inner, graph, tokens.vocabulary(), running);
        let slots = Slots::new(session.inner(), session.graph(), options.slots).map_err(failed)?;
        let manifest = &package.manifest;
        let info = ModelInfo {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            sha256: manifest.hash_of(package::GRAPH)?.to_owned(),
            dialect: manifest.dialect.clone(),
            budget: manifest.budget,
            gate: manifest.gate,
            max_positions: session.graph().positions.min(manifest.max_positions),
            exact_reuse: manifest.exact_reuse,
            vocabulary: tokens.vocabulary(),
            slots: slots.len(),
            kv_bytes: slots.len() * session.graph().slot_bytes(),
            library: found.path,
            library_version: found.version,
            load: Duration::ZERO,
        };
        let mut model = Model {
            session,
            slots,
            tokens,
            info: Arc::new(info.clone()),
            pace: Pace::new(),
            acceptance: Acceptance::default(),
            kv_reuse: options.kv_reuse,
            drafts: options.drafts && info.exact_reuse,
        };
        report("warming up", 80);
        model.warm_up().map_err(failed)?;
        model.info = Arc::new(ModelInfo {
            load: started.elapsed(),
            ..info
        });
        Ok(model)
    }

    /// Runs one chunk, so that the first keystroke pays for no first-time allocation, and leaves the
    /// state of the begin token in every slot: each prompt starts with it.
    fn warm_up(&mut self) -> ort::Result<()> {
        let bos = self.tokens.control(Control::Bos).unwrap_or(0);
        let chunk = self.pace.chunk().min(self.info.max_positions);
        for at in 0..self.slots.len() {
            let slot = self.slots.slot(at);
            if at == 0 {
                self.session.run(slot, &vec![bos; chunk], 1)?;
                slot.ids.clear();
            }
            self.session.run(slot, &[bos], 1)?;
        }
        Ok(())
    }
}

/// A session with the options that a background program needs: few threads, none of them spinning.
fn build(
    environment: &ort::environment::Environment,
    options: &Options,
    package: &Package,
) -> ort::Result<ort::session::Session> {
    let mut builder = SessionBuilder::new(environment)?
        .with_intra_threads(options.threads.max(1))?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?;
    builder.commit_from_memory(&package.graph)
}

fn failed(error: ort::Error) -> Unavailable {
    Unavailable {
        code: "session-failed",
        sentence: format!(
            "The model could not be started ({}). If it is a model that you added, check it with \
             `foretoken models`; otherwise build again.",
            error.message()
        ),
    }
}

impl From<PackageError> for Unavailable {
    fn from(error: PackageError) -> Unavailable {
        Unavailable {
            code: error.code(),
            sentence: error.to_string(),
        }
    }
}
