//! From options to a model that answers: package, tokenizer, library, session, slots, warm-up. Every
//! failure is an [`Unavailable`] with a sentence; nothing here panics on a broken package.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use foretoken_engine::prompt::Control;
use ort::session::builder::SessionBuilder;

use crate::cost::StepCost;
use crate::draft::{Acceptance, Known};
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
        let started = Instant::now();
        report("reading the model", 0);
        let package = match &options.package {
            Source::Embedded => package::embedded(),
            Source::Folder(folder) => package::open(folder),
        }?;
        report("reading the tokenizer", 10);
        let tokens = match tokens.get() {
            Some(tokens) => Arc::clone(tokens),
            None => {
                let parsed = Arc::new(Tokens::parse(&package.tokenizer)?);
                Arc::clone(tokens.get_or_init(|| parsed))
            }
        };
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
        let slots = graph.slots(options.slots, package.manifest.max_positions)?;
        let session = Session::new(inner, graph, tokens.vocabulary(), running);
        let slots = Slots::new(session.inner(), session.graph(), slots).map_err(failed)?;
        let manifest = &package.manifest;
        let info = ModelInfo {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            sha256: manifest.hash_of(package::GRAPH)?.to_owned(),
            dialect: manifest.dialect.clone(),
            budget: manifest.budget,
            gate: manifest.gate,
            max_positions: manifest.max_positions,
            pieces: manifest.pieces,
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
            cost: StepCost::default(),
            drafted: Known::default(),
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
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = SessionBuilder::new(environment)?
        .with_intra_threads(options.threads.clamp(1, cores))?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?;
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
