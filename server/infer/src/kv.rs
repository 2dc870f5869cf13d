//! KV slots: the attention state of the prompts seen last, each in buffers of full length that are
//! bound once as past and present of the same run. What a slot holds is a list of ids; rewinding is
//! shortening that list, because the next run passes a shorter mask and overwrites what lies behind.

use ort::memory::Allocator;
use ort::session::{IoBinding, Session};
use ort::value::Tensor;

use crate::job::Class;
use crate::session::Graph;

/// Ids that every run computes anew at least. One row alone takes other float kernels than two or more
/// (ONNX Runtime 1.31, x86), whose sums differ in the last bits; with two, every way to the same ids
/// gives the same bits.
pub(crate) const LEFT: usize = 2;
/// Ids that are run sooner than copied from another slot.
const SCRAPS: usize = 8;

/// One slot.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Holds the buffers below as inputs and outputs; ids, mask and logits are bound anew each run.
    pub(crate) binding: IoBinding,
    /// Key and value of each layer, `[1, kv heads, max positions, head size]`. Owned here for the
    /// life of the binding: the runtime does not own what is bound.
    buffers: Vec<Tensor<f32>>,
    /// Ids whose state is valid: position `i` of every buffer belongs to `ids[i]`.
    pub(crate) ids: Vec<u32>,
    /// When it was last used, in runs.
    used: u64,
}

/// All slots of one session.
#[derive(Debug)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    clock: u64,
    /// Floats per position and buffer, and the positions of a buffer.
    head_size: usize,
    positions: usize,
}

impl Slots {
    /// Allocates `count` slots (at least one) of `graph.positions`, filled with zeros.
    ///
    /// # Errors
    /// Those of the runtime: no memory, or a graph that refuses the binding.
    pub(crate) fn new(session: &Session, graph: &Graph, count: usize) -> ort::Result<Slots> {
        let slots = (0..count.max(1))
            .map(|_| Slot::new(session, graph))
            .collect::<ort::Result<Vec<Slot>>>()?;
        Ok(Slots {
            slots,
            clock: 0,
            head_size: graph.head_size,
            positions: graph.positions,
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// One of them.
    pub(crate) fn slot(&mut self, at: usize) -> &mut Slot {
        &mut self.slots[at]
    }

    /// The slot to run `ids` in, rewound to what they have in common, but for the last two. A slot
    /// that holds most of them is taken as it is; otherwise the one used longest ago gives way and gets
    /// a copy of the best prefix, so that a jump does not cost the place before it. What runs in the
    /// background takes a slot only if that loses next to nothing: the place where someone types stays.
    pub(crate) fn acquire(&mut self, ids: &[u32], class: Class) -> usize {
        let common: Vec<usize> = self.slots.iter().map(|slot| slot.common(ids)).collect();
        // The latest slot wins a tie, so that one place keeps one slot.
        let best = (0..self.slots.len())
            .max_by_key(|&at| (common[at], self.slots[at].used))
            .unwrap_or(0);
        let oldest = self.oldest();
        let lost = self.slots[best].ids.len() - common[best];
        let keeps = match class.is_foreground() {
            true => common[best] * 2 >= ids.len() || lost == 0,
            false => lost <= SCRAPS,
        };
        let at = if keeps { best } else { oldest };
        if common[best] > common[at] + SCRAPS {
            self.copy(best, at, common[best]);
        }
        let kept = self.slots[at]
            .common(ids)
            .min(ids.len().saturating_sub(LEFT));
        self.rewind(at, kept);
        at
    }

    /// Empties every slot: for runs that may reuse nothing.
    pub(crate) fn forget(&mut self) {
        for slot in &mut self.slots {
            slot.ids.clear();
        }
    }

    fn oldest(&self) -> usize {
        (0..self.slots.len())
            .min_by_key(|&at| self.slots[at].used)
            .unwrap_or(0)
    }

    fn rewind(&mut self, at: usize, kept: usize) {
        self.clock += 1;
        let slot = &mut self.slots[at];
        slot.used = self.clock;
        slot.ids.truncate(kept);
    }

    /// Copies the first `count` positions of one slot into another.
    fn copy(&mut self, from: usize, to: usize, count: usize) {
        let stride = self.positions * self.head_size;
        let length = count * self.head_size;
        let Ok([source, target]) = self.slots.get_disjoint_mut([from, to]) else {
            return;
        };
        for (source, target) in source.buffers.iter().zip(&mut target.buffers) {
            let source = source.extract_tensor().1;
            let target = target.extract_tensor_mut().1;
            // One stretch per head: heads lie one behind the other, positions within.
            for (source, target) in source.chunks(stride).zip(target.chunks_mut(stride)) {
                target[..length].copy_from_slice(&source[..length]);
            }
        }
        target.ids.clear();
        target.ids.extend_from_slice(&source.ids[..count]);
    }
}

impl Slot {
    fn new(session: &Session, graph: &Graph) -> ort::Result<Slot> {
        let mut binding = session.create_binding()?;
        let shape = [1, graph.heads, graph.positions, graph.head_size];
        let mut buffers = Vec::with_capacity(graph.layers.len());
        for pair in &graph.layers {
            let mut tensor = Tensor::<f32>::new(&Allocator::default(), shape)?;
            // Fresh memory may hold anything, and 0 · NaN is NaN.
            tensor.extract_tensor_mut().1.fill(0.0);
            binding.bind_input(&pair.past, &tensor)?;
            binding.bind_output(&pair.present, &mut tensor)?;
            buffers.push(tensor);
        }
        Ok(Slot {
            binding,
            buffers,
            ids: Vec::new(),
            used: 0,
        })
    }

    /// Ids at the front that this slot holds already.
    fn common(&self, ids: &[u32]) -> usize {
        self.ids
            .iter()
            .zip(ids)
            .take_while(|(held, asked)| held == asked)
            .count()
    }
}
