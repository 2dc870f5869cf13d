//! One model session: which inputs the graph has, and one run of it. The graph is trusted, not the
//! folder: inputs are recognised by name, type and shape, and one that is not known is a refusal
//! that names it. Nothing borrowed is ever bound: a borrowed tensor as an input of a binding
//! deadlocks in this version of the crate, and a bound value does not own its memory.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ort::memory::Allocator;
use ort::session::{NoSelectedOutputs, RunOptions};
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};

use crate::kv::Slot;
use crate::package::PackageError;

/// What a graph asks for, read from the session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Graph {
    /// Whether it takes `attention_mask` i64 `[1, past + new]`.
    mask: bool,
    /// Whether it takes `position_ids` i64 `[1, new]`.
    positions_input: bool,
    /// Whether it takes `previous_ids` i64 `[1, PAD + past]`, for graphs that read the ids already run
    /// (n-gram tables, exact matches), which the cache of their attention does not tell them.
    previous: bool,
    /// How it is told which rows of logits to compute.
    rows: Rows,
    /// Two per layer, key and value.
    pub(crate) layers: Vec<Pair>,
    /// KV heads.
    pub(crate) heads: usize,
    /// Floats per head and position.
    pub(crate) head_size: usize,
    /// Positions of one buffer.
    pub(crate) positions: usize,
}

/// A past input with the present output that continues it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) past: String,
    pub(crate) present: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// `num_logits_to_keep` i64 of this rank (0 or 1).
    Asked(usize),
    /// Always as many as new tokens.
    All,
}

impl Graph {
    /// Reads inputs and outputs. `shared` says whether the graph may be given one buffer as past and
    /// present (a `GroupQueryAttention` node); `positions` is used where the past has no fixed length.
    ///
    /// # Errors
    /// `Unsupported`, naming what is not known.
    pub(crate) fn read(
        session: &ort::session::Session,
        shared: bool,
        positions: usize,
    ) -> Result<Graph, PackageError> {
        let mut graph = Graph {
            mask: false,
            positions_input: false,
            previous: false,
            rows: Rows::All,
            layers: Vec::new(),
            heads: 0,
            head_size: 0,
            positions,
        };
        let mut has_ids = false;
        let mut pasts: Vec<(usize, bool, String)> = Vec::new();
        for input in session.inputs() {
            match (input.name(), shape_of(input)) {
                ("input_ids", Some((TensorElementType::Int64, [_, _]))) => has_ids = true,
                ("attention_mask", Some((TensorElementType::Int64, [_, _]))) => graph.mask = true,
                ("position_ids", Some((TensorElementType::Int64, [_, _]))) => {
                    graph.positions_input = true;
                }
                ("previous_ids", Some((TensorElementType::Int64, [_, _]))) => graph.previous = true,
                ("num_logits_to_keep", Some((TensorElementType::Int64, shape)))
                    if shape.len() <= 1 =>
                {
                    graph.rows = Rows::Asked(shape.len());
                }
                (name, Some((TensorElementType::Float32, [_, heads, length, size]))) => {
                    let Some((layer, value)) = past_of(name) else {
                        return Err(unknown(input));
                    };
                    graph.take_past(input, [*heads, *length, *size], shared)?;
                    pasts.push((layer, value, name.to_owned()));
                }
                _ => return Err(unknown(input)),
            }
        }
        if !has_ids {
            return Err(PackageError::unsupported("its graph has no input_ids"));
        }
        graph.pair(session, pasts)?;
        Ok(graph)
    }

    /// Checks one past input against the others and notes its shape.
    fn take_past(
        &mut self,
        input: &Outlet,
        [heads, length, size]: [i64; 3],
        shared: bool,
    ) -> Result<(), PackageError> {
        let (Ok(heads), Ok(size)) = (usize::try_from(heads), usize::try_from(size)) else {
            return Err(PackageError::unsupported(&format!(
                "its input {} leaves heads or head size open",
                describe(input)
            )));
        };
        if self.heads != 0 && (self.heads, self.head_size) != (heads, size) {
            return Err(PackageError::unsupported(
                "its layers differ in heads or head size",
            ));
        }
        (self.heads, self.head_size) = (heads, size);
        match usize::try_from(length) {
            // A fixed past is a buffer of that length by construction.
            Ok(fixed) if fixed > 0 => self.positions = fixed,
            _ if shared => {}
            _ => {
                return Err(PackageError::unsupported(
                    "its attention needs past and present in different buffers (no GroupQueryAttention \
                     in the graph)",
                ));
            }
        }
        Ok(())
    }

    /// Pairs each past with its present; layers must run from 0 without a hole, keys and values alike.
    fn pair(
        &mut self,
        session: &ort::session::Session,
        mut pasts: Vec<(usize, bool, String)>,
    ) -> Result<(), PackageError> {
        pasts.sort();
        let outputs: Vec<&str> = session.outputs().iter().map(Outlet::name).collect();
        for (at, (layer, value, past)) in pasts.iter().enumerate() {
            let part = if *value { "value" } else { "key" };
            let present = format!("present.{layer}.{part}");
            if (*layer, *value) != (at / 2, at % 2 == 1) || !outputs.contains(&present.as_str()) {
                return Err(PackageError::unsupported(&format!(
                    "its input {past} has no partner"
                )));
            }
            self.layers.push(Pair {
                past: past.clone(),
                present,
            });
        }
        if self.layers.is_empty() || !self.layers.len().is_multiple_of(2) {
            return Err(PackageError::unsupported("its graph keeps no KV cache"));
        }
        match outputs.contains(&LOGITS) {
            true => Ok(()),
            false => Err(PackageError::unsupported("its graph has no logits")),
        }
    }

    /// Bytes of one slot.
    pub(crate) fn slot_bytes(&self) -> usize {
        let buffer = [self.heads, self.positions, self.head_size, size_of::<f32>()];
        buffer
            .into_iter()
            .fold(self.layers.len(), usize::saturating_mul)
    }

    /// How many of the `wanted` slots fit into [`KV_BYTES`], where each is to hold as many positions
    /// as the manifest promises.
    ///
    /// # Errors
    /// `Unsupported` when not even one fits, or when the graph holds fewer positions than promised.
    pub(crate) fn slots(&self, wanted: usize, promised: usize) -> Result<usize, PackageError> {
        if self.positions < promised {
            return Err(PackageError::unsupported(&format!(
                "its graph holds {} positions, and its manifest promises {promised}",
                self.positions
            )));
        }
        match KV_BYTES / self.slot_bytes().max(1) {
            0 => Err(PackageError::unsupported(&format!(
                "one prompt of {} positions takes {} MB of memory, and at most {} MB are given",
                self.positions,
                self.slot_bytes() >> 20,
                KV_BYTES >> 20
            ))),
            most => Ok(most.min(wanted)),
        }
    }
}

/// Memory that all KV slots may take: more than ten times what the largest model of this program's own kind
/// needs (12 layers of 2 x 64 floats, 1,536 positions, four slots: 76 MB), and far from what would
/// make a laptop swap.
const KV_BYTES: usize = 1 << 30;

const LOGITS: &str = "logits";

/// The run that is under way, so that a shutdown can end it between two kernels.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Mutex<Option<Arc<RunOptions<NoSelectedOutputs>>>>>);

impl Running {
    /// Ends the run under way, if there is one; it then fails with "terminated".
    pub(crate) fn terminate(&self) {
        if let Some(options) = self.place().as_ref() {
            // Without it the run ends by itself some milliseconds later.
            let _ = options.terminate();
        }
    }

    /// Options for the next run, which [`Running::terminate`] ends from now on.
    fn begin(&self) -> ort::Result<Arc<RunOptions<NoSelectedOutputs>>> {
        let options = Arc::new(RunOptions::new()?);
        *self.place() = Some(Arc::clone(&options));
        Ok(options)
    }

    fn end(&self) {
        *self.place() = None;
    }

    fn place(&self) -> MutexGuard<'_, Option<Arc<RunOptions<NoSelectedOutputs>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running")
    }
}

/// A session with what one run needs besides a slot.
#[derive(Debug)]
pub(crate) struct Session {
    inner: ort::session::Session,
    graph: Graph,
    vocabulary: usize,
    /// `[1, rows, vocabulary]` for each number of rows seen; an output whose shape changes must be
    /// bound anew, so each shape keeps its own.
    logits: Vec<Option<Tensor<f32>>>,
    running: Running,
}

impl Session {
    /// Wraps a session whose graph was read.
    pub(crate) fn new(
        inner: ort::session::Session,
        graph: Graph,
        vocabulary: usize,
        running: Running,
    ) -> Session {
        Session {
            inner,
            graph,
            vocabulary,
            logits: Vec::new(),
            running,
        }
    }

    /// The runtime's session, to allocate slots for.
    pub(crate) fn inner(&self) -> &ort::session::Session {
        &self.inner
    }

    /// What the graph asks for.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Runs `new` ids behind what `slot` holds, appends them to it, and returns the logits of the
    /// last `rows` of them, `[rows, vocabulary]`, row after row. On an error the slot is unchanged.
    ///
    /// # Errors
    /// Those of the runtime, among them "terminated".
    pub(crate) fn run(&mut self, slot: &mut Slot, new: &[u32], rows: usize) -> ort::Result<&[f32]> {
        let count = new.len();
        let past = slot.ids.len();
        let rows = rows.clamp(1, count.max(1));
        if count == 0 || past + count > self.graph.positions {
            return Err(ort::Error::new(format!(
                "{count} tokens behind {past} do not fit {} positions",
                self.graph.positions
            )));
        }
        self.bind(slot, new, rows)?;
        let computed = match self.graph.rows {
            Rows::Asked(_) => rows,
            Rows::All => count,
        };
        if self.logits.len() <= computed {
            self.logits.resize_with(computed + 1, || None);
        }
        let logits = match &mut self.logits[computed] {
            Some(logits) => logits,
            none => none.insert(Tensor::new(
                &Allocator::default(),
                [1, computed, self.vocabulary],
            )?),
        };
        slot.binding.bind_output(LOGITS, &mut *logits)?;
        let options = self.running.begin()?;
        let result = self
            .inner
            .run_binding_with_options(&slot.binding, &options)
            .map(drop);
        self.running.end();
        result?;
        slot.ids.extend_from_slice(new);
        let values = logits.extract_tensor().1;
        Ok(&values[(computed - rows) * self.vocabulary..])
    }

    /// Binds what changes from run to run, as owned tensors.
    fn bind(&self, slot: &mut Slot, new: &[u32], rows: usize) -> ort::Result<()> {
        let count = new.len();
        let past = slot.ids.len();
        let ids: Vec<i64> = new.iter().map(|&id| i64::from(id)).collect();
        slot.binding
            .bind_input("input_ids", &Tensor::from_array(([1, count], ids))?)?;
        if self.graph.mask {
            let mask = vec![1_i64; past + count];
            slot.binding.bind_input(
                "attention_mask",
                &Tensor::from_array(([1, past + count], mask))?,
            )?;
        }
        if self.graph.positions_input {
            let positions: Vec<i64> = (past..past + count).map(wide).collect();
            slot.binding.bind_input(
                "position_ids",
                &Tensor::from_array(([1, count], positions))?,
            )?;
        }
        if self.graph.previous {
            let ids = previous(&slot.ids);
            slot.binding
                .bind_input("previous_ids", &Tensor::from_array(([1, ids.len()], ids))?)?;
        }
        if let Rows::Asked(rank) = self.graph.rows {
            let shape = vec![1_i64; rank];
            slot.binding.bind_input(
                "num_logits_to_keep",
                &Tensor::from_array((shape, vec![wide(rows)]))?,
            )?;
        }
        Ok(())
    }
}

/// Zeros in front of `previous_ids`, so that a graph may look back from the first token without asking.
const PAD: usize = 16;

/// The ids already run, behind the zeros.
fn previous(run: &[u32]) -> Vec<i64> {
    let mut ids = vec![0; PAD];
    ids.extend(run.iter().map(|&id| i64::from(id)));
    ids
}

fn wide(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// `past_key_values.7.value` -> (7, true).
fn past_of(name: &str) -> Option<(usize, bool)> {
    let (layer, part) = name.strip_prefix("past_key_values.")?.split_once('.')?;
    let value = match part {
        "key" => false,
        "value" => true,
        _ => return None,
    };
    Some((layer.parse().ok()?, value))
}

fn shape_of(outlet: &Outlet) -> Option<(TensorElementType, &[i64])> {
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => Some((*ty, &shape[..])),
        _ => None,
    }
}

fn describe(outlet: &Outlet) -> String {
    format!("{} ({})", outlet.name(), outlet.dtype())
}

fn unknown(outlet: &Outlet) -> PackageError {
    PackageError::unsupported(&format!("its graph has the input {}", describe(outlet)))
}

#[cfg(test)]
mod tests {
    use super::{Graph, KV_BYTES, PAD, Pair, Rows, previous};

    fn graph(layers: usize, positions: usize) -> Graph {
        let pair = Pair {
            past: "past".into(),
            present: "present".into(),
        };
        Graph {
            mask: true,
            positions_input: false,
            previous: false,
            rows: Rows::All,
            layers: vec![pair; layers * 2],
            heads: 2,
            head_size: 64,
            positions,
        }
    }

    #[test]
    fn previous_ids_stand_behind_zeros() {
        assert_eq!(previous(&[]), [0; PAD]);
        assert_eq!(previous(&[7, 8])[PAD - 1..], [0, 7, 8]);
    }

    #[test]
    fn slots_are_as_many_as_fit_into_memory() {
        assert_eq!(graph(12, 1536).slot_bytes(), 18_874_368);
        assert_eq!(graph(12, 1536).slots(4, 1536), Ok(4));
        assert_eq!(graph(12, 1536).slots(1, 512), Ok(1));
        let large = graph(12, 1 << 15);
        let fit = large.slots(9, 1 << 15).expect("some fit");
        assert_eq!(fit, KV_BYTES / large.slot_bytes());
        assert!((1..9).contains(&fit));
    }

    #[test]
    fn a_graph_that_takes_all_memory_or_holds_too_little_is_refused() {
        for positions in [1 << 20, usize::MAX] {
            let refusal = graph(12, positions).slots(4, 1536).expect_err("too large");
            assert!(refusal.to_string().contains("MB of memory"), "{refusal}");
        }
        let refusal = graph(12, 256).slots(4, 512).expect_err("too few");
        assert_eq!(
            refusal.to_string(),
            "This model cannot be used: its graph holds 256 positions, and its manifest promises 512."
        );
    }
}
