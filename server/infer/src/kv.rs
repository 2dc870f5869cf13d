//! KV slots: the attention state of the prompts seen last. What a slot holds is a list of ids. Where a
//! graph allows it the state lies in buffers of full length, bound once as past and present of the same
//! run: rewinding is shortening the list, because the next run passes a shorter mask and overwrites
//! what lies behind. Elsewhere each run makes new buffers, and rewinding copies what is kept.

use std::sync::Arc;

use ort::memory::Allocator;
use ort::session::{IoBinding, Session};

use crate::graph::{Graph, Mode};
use crate::job::Class;

mod buffer;

use buffer::Buffer;

/// Ids that every run computes anew at least, where reuse is exact. One row alone takes other float
/// kernels than two or more (ONNX Runtime 1.31, x86), whose sums differ in the last bits; with two,
/// every way to the same ids gives the same bits.
pub(crate) const LEFT: usize = 2;
/// Ids that are run sooner than copied from another slot.
const SCRAPS: usize = 8;

/// One slot.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Holds the buffers below as inputs and outputs; ids, mask and logits are bound anew each run.
    pub(crate) binding: IoBinding,
    /// State of each past input, of all positions or of those held. Owned here for the life of the
    /// binding: the runtime does not own what is bound.
    buffers: Vec<Buffer>,
    /// Positions in the buffers, where they grow with each run.
    held: usize,
    /// What the run under way writes, there.
    next: Vec<Buffer>,
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
    graph: Arc<Graph>,
    /// Ids that every run computes anew at least.
    left: usize,
    /// Whether the processor can read the buffers.
    host: bool,
}

impl Slots {
    /// Allocates `count` slots (at least one) of `graph.positions`, filled with zeros, in the memory of
    /// `place`; `None` is the processor's.
    ///
    /// # Errors
    /// Those of the runtime: no memory, or a graph that refuses the binding.
    pub(crate) fn new(
        session: &Session,
        graph: &Arc<Graph>,
        count: usize,
        place: Option<&Allocator>,
    ) -> ort::Result<Slots> {
        let slots = (0..count.max(1))
            .map(|_| Slot::new(session, graph, place))
            .collect::<ort::Result<Vec<Slot>>>()?;
        Ok(Slots {
            slots,
            clock: 0,
            graph: Arc::clone(graph),
            left: LEFT,
            host: place.is_none(),
        })
    }

    /// Says how many ids every run computes anew at least: [`LEFT`] where reuse is exact, else one.
    pub(crate) fn leave(&mut self, left: usize) {
        self.left = left.max(1);
    }

    /// Ids that every run computes anew at least.
    pub(crate) fn left(&self) -> usize {
        self.left
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
        if self.host && common[best] > common[at] + SCRAPS {
            self.copy(best, at, common[best]);
        }
        let kept = self.slots[at]
            .common(ids)
            .min(ids.len().saturating_sub(self.left));
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

    /// Copies the first `count` positions of one slot into another. Where there is no memory for it the
    /// other is left empty, and its ids are run.
    fn copy(&mut self, from: usize, to: usize, count: usize) {
        let Ok([source, target]) = self.slots.get_disjoint_mut([from, to]) else {
            return;
        };
        target.ids.clear();
        if self.graph.mode == Mode::Concat {
            let Ok(fresh) = Slot::buffers(&self.graph, count, &Allocator::default()) else {
                return;
            };
            (target.buffers, target.held) = (fresh, count);
        }
        let pairs = source.buffers.iter().zip(&mut target.buffers);
        for ((source, target), past) in pairs.zip(&self.graph.pasts) {
            target.copy_from(source, past, count);
        }
        target.ids.extend_from_slice(&source.ids[..count]);
    }
}

impl Slot {
    fn new(session: &Session, graph: &Graph, place: Option<&Allocator>) -> ort::Result<Slot> {
        let mut slot = Slot {
            binding: session.create_binding()?,
            buffers: Vec::new(),
            held: 0,
            next: Vec::new(),
            ids: Vec::new(),
            used: 0,
        };
        match graph.mode {
            Mode::Shared => {
                let processor = Allocator::default();
                let allocator = place.unwrap_or(&processor);
                slot.buffers = Slot::buffers(graph, graph.positions, allocator)?;
                for (buffer, past) in slot.buffers.iter_mut().zip(&graph.pasts) {
                    if place.is_none() {
                        // Fresh memory may hold anything, and 0 · NaN is NaN.
                        buffer.clear();
                    }
                    buffer.bind_past(&mut slot.binding, past)?;
                    buffer.bind_present(&mut slot.binding, past)?;
                }
            }
            Mode::Concat => slot.buffers = Slot::buffers(graph, 0, &Allocator::default())?,
        }
        Ok(slot)
    }

    fn buffers(graph: &Graph, positions: usize, allocator: &Allocator) -> ort::Result<Vec<Buffer>> {
        let pasts = graph.pasts.iter();
        pasts
            .map(|past| Buffer::new(allocator, past, positions))
            .collect()
    }

    /// Makes room for `count` new ids and binds past and present, where they change from run to run.
    pub(crate) fn begin(&mut self, graph: &Graph, count: usize) -> ort::Result<()> {
        if graph.mode == Mode::Shared {
            return Ok(());
        }
        let kept = self.ids.len();
        let allocator = Allocator::default();
        if kept < self.held {
            let mut fewer = Slot::buffers(graph, kept, &allocator)?;
            let pairs = self.buffers.iter().zip(&mut fewer);
            for ((from, to), past) in pairs.zip(&graph.pasts) {
                to.copy_from(from, past, kept);
            }
            (self.buffers, self.held) = (fewer, kept);
        }
        self.next = Slot::buffers(graph, kept + count, &allocator)?;
        let pairs = self.buffers.iter().zip(&mut self.next);
        for ((past_state, present), past) in pairs.zip(&graph.pasts) {
            past_state.bind_past(&mut self.binding, past)?;
            present.bind_present(&mut self.binding, past)?;
        }
        Ok(())
    }

    /// Takes over what a run has written.
    pub(crate) fn commit(&mut self, graph: &Graph, new: &[u32]) {
        self.ids.extend_from_slice(new);
        if graph.mode == Mode::Concat {
            self.buffers = std::mem::take(&mut self.next);
            self.held = self.ids.len();
        }
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
