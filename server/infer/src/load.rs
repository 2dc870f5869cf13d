//! From options to a model that answers: package, tokenizer, library, session, slots, warm-up. Every
//! failure is an [`Unavailable`] with a sentence; nothing here panics on a broken package.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ort::ep::ExecutionProviderDispatch;
use ort::session::builder::SessionBuilder;

use crate::cost::StepCost;
use crate::device::Device;
use crate::draft::{Acceptance, Known};
use crate::graph::{Graph, KV_BYTES, Rows};
use crate::kv::Slots;
use crate::library::{self, Found, Places};
use crate::package::{self, Manifest, Package, PackageError};
use crate::session::{Running, Session};
use crate::state::{ModelInfo, Options, Source, Unavailable};
use crate::tokenizer::{self, Speech, Tokens};

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
    pub(crate) cost: StepCost,
    /// Texts in which drafts were looked for last.
    pub(crate) drafted: Known,
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

/// What a load shares with those who wait for it.
pub(crate) struct Loading<'a> {
    /// Where each run leaves the means to end it.
    pub(crate) running: Running,
    /// Gets the tokenizer as soon as it is read.
    pub(crate) tokens: &'a OnceLock<Arc<Tokens>>,
    pub(crate) report: Report<'a>,
}

impl Loading<'_> {
    /// The tokenizer of an earlier load, or that of the package.
    fn tokens(&self, package: &Package) -> Result<Arc<Tokens>, PackageError> {
        if let Some(tokens) = self.tokens.get() {
            return Ok(Arc::clone(tokens));
        }
        let inner = tokenizer::open(&package.tokenizer)?;
        let speech = Speech::of(&package.manifest.fim, &inner)?;
        let parsed = Arc::new(Tokens::new(inner, &speech)?);
        Ok(Arc::clone(self.tokens.get_or_init(|| parsed)))
    }
}

/// Told what is being done and how far it is.
pub(crate) type Report<'a> = &'a dyn Fn(&'static str, u32);

impl Model {
    /// Loads everything. `running` is where each run leaves the means to end it; `tokens` gets the
    /// tokenizer as soon as it is read, so that prompts can be measured while the rest is loaded.
    ///
    /// # Errors
    /// A code and a sentence.
    pub(crate) fn load(
        options: &Options,
        running: Running,
        tokens: &OnceLock<Arc<Tokens>>,
        report: Report<'_>,
    ) -> Result<Model, Unavailable> {
        report("reading the model", 0);
        let package = match &options.package {
            Source::Embedded => package::embedded(),
            Source::Folder(folder) => package::open(folder),
        }?;
        let loading = Loading {
            running,
            tokens,
            report,
        };
        Model::of_package(options, &package, &loading)
    }

    /// The same for a package that was read.
    ///
    /// # Errors
    /// A code and a sentence.
    pub(crate) fn of_package(
        options: &Options,
        package: &Package,
        loading: &Loading<'_>,
    ) -> Result<Model, Unavailable> {
        let started = Instant::now();
        let report = loading.report;
        report("reading the tokenizer", 10);
        let tokens = loading.tokens(package)?;
        report("loading ONNX Runtime", 20);
        let places = Places::of_process(options.library.as_deref(), options.data_dir.as_deref());
        let (environment, found) = library::load(&places).map_err(|sentence| Unavailable {
            code: "no-library",
            sentence,
        })?;
        report("building the session", 40);
        let manifest = &package.manifest;
        let graph = Graph::read(
            &package.facts,
            &manifest.names,
            manifest.shape,
            manifest.max_positions,
        )?;
        let count = graph.slots(options.slots, manifest.max_positions, KV_BYTES)?;
        let built = build(&environment, options, package, graph.slot_bytes() * count);
        let (inner, device, fallback) = built.map_err(failed)?;
        let place = device.place(&inner).map_err(failed)?;
        let running = loading.running.clone();
        let session = Session::new(inner, Arc::new(graph), tokens.vocabulary(), running);
        let slots = Slots::new(session.inner(), session.graph(), count, place.as_ref());
        let mut slots = slots.map_err(failed)?;
        slots.leave(manifest.rerun);
        let info = ModelInfo {
            vocabulary: session.vocabulary(),
            slots: slots.len(),
            kv_bytes: slots.len() * session.graph().slot_bytes(),
            device,
            fallback,
            ..info(manifest, &tokens, found)
        };
        // A draft is verified by several rows of logits at once.
        let rows = session.graph().rows != Rows::Last && session.most_new() > 1;
        let mut model = Model {
            session,
            slots,
            tokens,
            info: Arc::new(info.clone()),
            pace: Pace::new(),
            acceptance: Acceptance::default(),
            cost: StepCost::default(),
            drafted: Known::default(),
            kv_reuse: options.kv_reuse,
            drafts: options.drafts && info.exact_reuse && rows,
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
        let bos = self.tokens.begin().unwrap_or(0);
        let chunk = self
            .pace
            .chunk()
            .min(self.info.max_positions)
            .min(self.session.most_new());
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

/// What is known of a model before its session is built.
fn info(manifest: &Manifest, tokens: &Tokens, found: Found) -> ModelInfo {
    ModelInfo {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        sha256: manifest.graph_hash().to_owned(),
        dialect: tokens.format().name.clone().into_owned(),
        format: Arc::clone(tokens.format()),
        budget: manifest.budget,
        gate: manifest.gate,
        max_positions: manifest.max_positions,
        pieces: manifest.pieces,
        exact_reuse: manifest.exact_reuse,
        vocabulary: tokens.vocabulary(),
        slots: 0,
        kv_bytes: 0,
        device: Device::Cpu,
        fallback: None,
        library: found.path,
        library_version: found.version,
        load: Duration::ZERO,
    }
}

/// Memory of a device beside weights and state: what one step computes with.
const STEP_BYTES: usize = 512 << 20;

/// A session with the options that a background program needs: few threads, none of them spinning; with
/// the device that it runs on, and why it is not the one asked for.
fn build(
    environment: &ort::environment::Environment,
    options: &Options,
    package: &Package,
    kv_bytes: usize,
) -> ort::Result<(ort::session::Session, Device, Option<String>)> {
    let weights = package.external.iter().map(|(_, content)| content.len());
    let bytes = weights.sum::<usize>() + package.graph.len() + kv_bytes + STEP_BYTES;
    let wanted = options.device;
    let provider = wanted.provider(bytes);
    let error = match (wanted, provider) {
        (Device::Cpu, _) => None,
        (_, None) => Some("this program was built without it".to_owned()),
        (_, Some(provider)) => match build_on(environment, options, package, &[provider]) {
            Ok(session) => return Ok((session, wanted, None)),
            Err(error) => Some(error.message().to_owned()),
        },
    };
    let fallback = error.map(|error| {
        let sentence = format!(
            "The device {} could not be used ({error}); the model runs on the processor.",
            wanted.name()
        );
        tracing::warn!("{sentence}");
        sentence
    });
    let session = build_on(environment, options, package, &[])?;
    Ok((session, Device::Cpu, fallback))
}

fn build_on(
    environment: &ort::environment::Environment,
    options: &Options,
    package: &Package,
    providers: &[ExecutionProviderDispatch],
) -> ort::Result<ort::session::Session> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = SessionBuilder::new(environment)?
        .with_execution_providers(providers)?
        .with_intra_threads(options.threads.clamp(1, cores))?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?;
    for (name, content) in &package.external {
        builder = builder.with_external_initializer_file_in_memory(name, Arc::clone(content))?;
    }
    builder.commit_from_memory(&package.graph)
}

fn failed(error: ort::Error) -> Unavailable {
    Unavailable {
        code: "session-failed",
        sentence: format!(
            "The model could not be started ({}). If it is a model that you added, use another one; \
             `foretoken doctor` says what else may be wrong.",
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

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::time::Duration;

    use super::{CHUNKS, Model, Pace, QUANTUM, QUICK};
    use crate::job::Class;
    use crate::package;
    use crate::session::Running;
    use crate::state::Options;

    /// The embedded model, or `None` with a visible line.
    fn embedded() -> Option<Model> {
        match Model::load(
            &Options::default(),
            Running::default(),
            &OnceLock::new(),
            &|_, _| {},
        ) {
            Ok(model) => Some(model),
            Err(why) => {
                crate::tokenizer::tests::skip(&why);
                assert!(matches!(why.code, "no-library" | "no-package"), "{why}");
                None
            }
        }
    }

    #[test]
    fn the_runtime_computes_what_the_trainer_computed() {
        let Some(mut model) = embedded() else { return };
        let golden = package::embedded().expect("loaded above").manifest.golden;
        let count = golden.ids.len();
        assert!(count > 16 && golden.top1.len() == count && golden.logits.len() >= 8);
        model.slots.forget();
        let slot = model.slots.slot(0);
        let logits = model.session.run(slot, &golden.ids, count).expect("a run");
        let rows: Vec<&[f32]> = logits.chunks_exact(model.info.vocabulary).collect();
        assert_eq!(rows.len(), count);
        let top = |row: &[f32]| crate::sample::pick(row, None).expect("numbers").0;
        let equal = rows
            .iter()
            .zip(&golden.top1)
            .filter(|(row, expected)| top(row) == **expected)
            .count();
        // Another CPU may round a value the other way. Between the trainer's network and this graph, which differ
        // in rounding only, that moved single logits by up to 0.86 and 2 % of the tops (measured at export).
        assert!(equal * 100 >= count * 95, "{equal} of {count} rows agree");
        for (found, expected) in rows[count - 1].iter().zip(&golden.logits) {
            assert!((found - expected).abs() < 1.0, "{found} {expected}");
        }
    }

    #[test]
    fn rewinding_overwriting_and_copying_leave_no_trace() {
        let Some(mut model) = embedded() else { return };
        let ids = package::embedded()
            .expect("loaded above")
            .manifest
            .golden
            .ids;
        let half = ids.len() * 3 / 5;
        let run = |model: &mut Model, at: usize, new: &[u32]| -> Vec<f32> {
            let slot = model.slots.slot(at);
            model.session.run(slot, new, 1).expect("a run").to_vec()
        };
        model.slots.forget();
        let at = model.slots.acquire(&ids, Class::Request);
        let whole = run(&mut model, at, &ids);
        // Other ids behind the half, then the old ones again: the slot is rewound in place.
        let mut other = ids[..half].to_vec();
        other.extend([300, 301, 302, 303]);
        assert_eq!(model.slots.acquire(&other, Class::Request), at);
        assert_eq!(model.slots.slot(at).ids.len(), half);
        run(&mut model, at, &other[half..]);
        assert_eq!(model.slots.acquire(&ids, Class::Request), at);
        assert_eq!(model.slots.slot(at).ids.len(), half);
        assert_eq!(run(&mut model, at, &ids[half..]), whole);
        // A prompt that shares little: another slot gets a copy, and this one is left as it is.
        let mut far = ids[..half / 2].to_vec();
        far.extend(300..300 + u32::try_from(ids.len()).expect("small"));
        let copy = model.slots.acquire(&far, Class::Request);
        assert_ne!(copy, at);
        assert_eq!(model.slots.slot(copy).ids, ids[..half / 2]);
        let rest = ids[half / 2..].to_vec();
        assert_eq!(run(&mut model, copy, &rest), whole);
        assert_eq!(model.slots.slot(at).ids, ids);
    }

    #[test]
    fn background_work_leaves_the_active_slot_alone() {
        let Some(mut model) = embedded() else { return };
        let ids: Vec<u32> = (0..40).map(|at| 100 + at).collect();
        model.slots.forget();
        let active = model.slots.acquire(&ids, Class::Request);
        model
            .session
            .run(model.slots.slot(active), &ids, 1)
            .expect("a run");
        // Three quarters in common: a request rewinds the slot, a warm-up copies it.
        let mut changed = ids[..30].to_vec();
        changed.extend(500..510);
        let spare = model.slots.acquire(&changed, Class::Warm);
        assert_ne!(spare, active);
        assert_eq!(model.slots.slot(spare).ids, ids[..30]);
        assert_eq!(model.slots.slot(active).ids, ids);
        // Behind the answer just given there is nothing to lose.
        let behind = [&ids[..], &[600, 601, 602]].concat();
        assert_eq!(model.slots.acquire(&behind, Class::Prefetch), active);
        model
            .session
            .run(model.slots.slot(active), &[600, 601, 602], 1)
            .expect("a run");
        assert_eq!(model.slots.acquire(&ids, Class::Request), active);
    }

    #[test]
    fn a_run_that_does_not_fit_leaves_the_slot_as_it_was() {
        let Some(mut model) = embedded() else { return };
        let positions = model.session.graph().positions;
        model.slots.forget();
        let slot = model.slots.slot(0);
        model.session.run(slot, &[0, 60, 61], 1).expect("fits");
        assert!(model.session.run(slot, &vec![60; positions], 1).is_err());
        assert!(model.session.run(slot, &[], 1).is_err());
        assert_eq!(slot.ids, [0, 60, 61]);
    }

    #[test]
    fn chunks_follow_the_time_they_take() {
        let mut pace = Pace::new();
        assert_eq!(pace.chunk(), 32);
        pace.note(32, QUANTUM * 2);
        assert_eq!(pace.chunk(), 16);
        pace.note(16, QUANTUM * 2);
        assert_eq!(pace.chunk(), 16);
        for _ in 0..3 {
            pace.note(pace.chunk(), QUICK / 2);
        }
        assert_eq!(pace.chunk(), *CHUNKS.last().expect("some"));
        pace.note(3, Duration::from_secs(1));
        assert_eq!(pace.chunk(), 64, "a part of a chunk says nothing");
        pace.note(64, QUANTUM / 2);
        assert_eq!(pace.chunk(), 64);
    }
}
