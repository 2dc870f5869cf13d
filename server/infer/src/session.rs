//! One model session and one run of it. Nothing borrowed is ever bound: a borrowed tensor as an input
//! of a binding deadlocks in this version of the crate, and a bound value does not own its memory.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use half::f16;
use ort::memory::Allocator;
use ort::session::{IoBinding, NoSelectedOutputs, RunOptions};
use ort::value::Tensor;

use crate::graph::{Element, Graph, Numbers, Rows};
use crate::kv::Slot;

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

/// Bytes of logits that are kept for the next run of as many rows.
const KEPT_LOGITS: usize = 64 << 20;

/// A session with what one run needs besides a slot.
#[derive(Debug)]
pub(crate) struct Session {
    inner: ort::session::Session,
    graph: Arc<Graph>,
    vocabulary: usize,
    /// `[1, rows, vocabulary]` for each number of rows seen; an output whose shape changes must be
    /// bound anew, so each shape keeps its own.
    logits: Vec<Option<Logits>>,
    kept: usize,
    /// Logits of half precision, widened.
    wide: Vec<f32>,
    running: Running,
}

#[derive(Debug)]
enum Logits {
    F32(Tensor<f32>),
    F16(Tensor<f16>),
}

impl Logits {
    fn new(element: Element, shape: [usize; 3]) -> ort::Result<Logits> {
        let allocator = Allocator::default();
        Ok(match element {
            Element::F32 => Logits::F32(Tensor::new(&allocator, shape)?),
            Element::F16 => Logits::F16(Tensor::new(&allocator, shape)?),
        })
    }

    fn bind(&mut self, binding: &mut IoBinding, name: &str) -> ort::Result<()> {
        match self {
            Logits::F32(tensor) => binding.bind_output(name, tensor),
            Logits::F16(tensor) => binding.bind_output(name, tensor),
        }
    }
}

impl Session {
    /// Wraps a session whose graph was read.
    pub(crate) fn new(
        inner: ort::session::Session,
        graph: Arc<Graph>,
        vocabulary: usize,
        running: Running,
    ) -> Session {
        Session {
            inner,
            vocabulary: graph.vocabulary.unwrap_or(vocabulary),
            graph,
            logits: Vec::new(),
            kept: 0,
            wide: Vec::new(),
            running,
        }
    }

    /// The runtime's session, to allocate slots for.
    pub(crate) fn inner(&self) -> &ort::session::Session {
        &self.inner
    }

    /// What the graph asks for.
    pub(crate) fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// Logits of one row; may be more than the tokenizer has entries.
    pub(crate) fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Most ids of one run behind what `slot` holds.
    pub(crate) fn most_new(&self) -> usize {
        self.graph.most_new.unwrap_or(usize::MAX)
    }

    /// Runs `new` ids behind what `slot` holds, appends them to it, and returns the logits of the
    /// last `rows` of them, `[rows, vocabulary]`, row after row; one row where the graph gives no more.
    /// On an error the slot is unchanged.
    ///
    /// # Errors
    /// Those of the runtime, among them "terminated".
    pub(crate) fn run(&mut self, slot: &mut Slot, new: &[u32], rows: usize) -> ort::Result<&[f32]> {
        let count = new.len();
        let past = slot.ids.len();
        if count == 0 || past + count > self.graph.positions {
            return Err(ort::Error::new(format!(
                "{count} tokens behind {past} do not fit {} positions",
                self.graph.positions
            )));
        }
        let (rows, computed) = match self.graph.rows {
            Rows::Asked(..) => (rows.clamp(1, count), rows.clamp(1, count)),
            Rows::Last => (1, 1),
            Rows::All => (rows.clamp(1, count), count),
        };
        slot.begin(&self.graph, count)?;
        self.bind(slot, new, rows)?;
        self.bind_logits(slot, computed)?;
        let options = self.running.begin()?;
        let result = self
            .inner
            .run_binding_with_options(&slot.binding, &options)
            .map(drop);
        self.running.end();
        result?;
        slot.commit(&self.graph, new);
        let from = (computed - rows) * self.vocabulary;
        match self.logits[computed].as_ref() {
            Some(Logits::F32(tensor)) => Ok(&tensor.extract_tensor().1[from..]),
            Some(Logits::F16(tensor)) => {
                let values = tensor.extract_tensor().1[from..].iter();
                self.wide.clear();
                self.wide.extend(values.map(|value| value.to_f32()));
                Ok(&self.wide)
            }
            None => Ok(&[]),
        }
    }

    fn bind_logits(&mut self, slot: &mut Slot, computed: usize) -> ort::Result<()> {
        if self.logits.len() <= computed {
            self.logits.resize_with(computed + 1, || None);
        }
        if self.logits[computed].is_none() {
            let element = self.graph.logits_element;
            let bytes = computed * self.vocabulary * element.bytes();
            // Of a large vocabulary each number of rows takes megabytes.
            if self.kept + bytes > KEPT_LOGITS {
                self.logits.iter_mut().for_each(|logits| *logits = None);
                self.kept = 0;
            }
            self.kept += bytes;
            self.logits[computed] = Some(Logits::new(element, [1, computed, self.vocabulary])?);
        }
        match &mut self.logits[computed] {
            Some(logits) => logits.bind(&mut slot.binding, &self.graph.logits),
            None => Ok(()),
        }
    }

    /// Binds what changes from run to run, as owned tensors.
    fn bind(&self, slot: &mut Slot, new: &[u32], rows: usize) -> ort::Result<()> {
        let count = new.len();
        let past = slot.ids.len();
        let graph = &self.graph;
        let ids: Vec<i64> = new.iter().map(|&id| i64::from(id)).collect();
        let binding = &mut slot.binding;
        bind_numbers(binding, &graph.ids, [1, count], ids)?;
        if let Some(mask) = &graph.mask {
            bind_numbers(binding, mask, [1, past + count], vec![1; past + count])?;
        }
        if let Some(numbers) = &graph.positions_input {
            let positions = (past..past + count).map(wide).collect();
            bind_numbers(binding, numbers, [1, count], positions)?;
        }
        if graph.previous {
            let ids = previous(&slot.ids);
            binding.bind_input("previous_ids", &Tensor::from_array(([1, ids.len()], ids))?)?;
        }
        if let Some(branch) = &graph.branch {
            binding.bind_input(branch, &Tensor::from_array(([1], vec![past > 0]))?)?;
        }
        if let Rows::Asked(numbers, rank) = &graph.rows {
            bind_numbers(binding, numbers, vec![1; *rank], vec![wide(rows)])?;
        }
        Ok(())
    }
}

/// Binds whole numbers in the width that the graph wants.
fn bind_numbers(
    binding: &mut IoBinding,
    numbers: &Numbers,
    shape: impl Into<Vec<usize>>,
    values: Vec<i64>,
) -> ort::Result<()> {
    let shape: Vec<usize> = shape.into();
    if numbers.wide {
        return binding.bind_input(&numbers.name, &Tensor::from_array((shape, values))?);
    }
    // Ids and positions are far below 2^31.
    let narrow = values
        .into_iter()
        .map(|value| i32::try_from(value).unwrap_or(i32::MAX));
    let narrow: Vec<i32> = narrow.collect();
    binding.bind_input(&numbers.name, &Tensor::from_array((shape, narrow))?)
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

#[cfg(test)]
mod tests {
    use super::{PAD, previous};

    #[test]
    fn previous_ids_stand_behind_zeros() {
        assert_eq!(previous(&[]), [0; PAD]);
        assert_eq!(previous(&[7, 8])[PAD - 1..], [0, 7, 8]);
    }
}
