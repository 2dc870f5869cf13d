//! The state of one layer's keys or values, f32 or f16, in memory that the runtime gave.

use half::f16;
use ort::memory::Allocator;
use ort::session::IoBinding;
use ort::value::{PrimitiveTensorElementType, Tensor};

use crate::graph::{Element, Past};

/// See the module's header. Of shape [`Past::shape_of`] its positions.
#[derive(Debug)]
pub(crate) enum Buffer {
    F32(Tensor<f32>),
    F16(Tensor<f16>),
}

impl Buffer {
    /// Memory for so many positions, which may hold anything.
    ///
    /// # Errors
    /// Those of the runtime: no memory.
    pub(super) fn new(allocator: &Allocator, past: &Past, positions: usize) -> ort::Result<Buffer> {
        let shape = past.shape_of(positions);
        Ok(match past.element {
            Element::F32 => Buffer::F32(Tensor::new(allocator, shape)?),
            Element::F16 => Buffer::F16(Tensor::new(allocator, shape)?),
        })
    }

    /// Fills it with zeros.
    pub(super) fn clear(&mut self) {
        match self {
            Buffer::F32(tensor) => tensor.extract_tensor_mut().1.fill(0.0),
            Buffer::F16(tensor) => tensor.extract_tensor_mut().1.fill(f16::ZERO),
        }
    }

    pub(super) fn bind_past(&self, binding: &mut IoBinding, past: &Past) -> ort::Result<()> {
        match self {
            Buffer::F32(tensor) => binding.bind_input(&past.input, tensor),
            Buffer::F16(tensor) => binding.bind_input(&past.input, tensor),
        }
    }

    pub(super) fn bind_present(&mut self, binding: &mut IoBinding, past: &Past) -> ort::Result<()> {
        match self {
            Buffer::F32(tensor) => binding.bind_output(&past.output, tensor),
            Buffer::F16(tensor) => binding.bind_output(&past.output, tensor),
        }
    }

    /// Copies the first `count` positions of `from`; either may have more.
    pub(super) fn copy_from(&mut self, from: &Buffer, past: &Past, count: usize) {
        match (self, from) {
            // Empty tensors have no memory to look at.
            _ if count == 0 => {}
            (Buffer::F32(to), Buffer::F32(from)) => copy(to, from, past, count),
            (Buffer::F16(to), Buffer::F16(from)) => copy(to, from, past, count),
            // Both are of the same input.
            _ => {}
        }
    }
}

fn copy<T: PrimitiveTensorElementType + Clone + Copy + std::fmt::Debug>(
    to: &mut Tensor<T>,
    from: &Tensor<T>,
    past: &Past,
    count: usize,
) {
    let (inner, outer) = past.stretches();
    let from = from.extract_tensor().1;
    let to = to.extract_tensor_mut().1;
    let (far, near) = (from.len() / outer.max(1), to.len() / outer.max(1));
    if far == 0 || near == 0 {
        return;
    }
    // One stretch per head: heads lie one behind the other, positions within.
    for (from, to) in from.chunks(far).zip(to.chunks_mut(near)) {
        to[..count * inner].copy_from_slice(&from[..count * inner]);
    }
}
