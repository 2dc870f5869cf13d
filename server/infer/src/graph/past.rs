//! The attention state of one layer: its shape, which of its dimensions is the position, and which
//! output continues it.

use super::{Shape, is_open, refusal};
use crate::package::{Dim, PackageError, Port};

/// Type of a number in the state or in the logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32 bits.
    F32,
    /// 16 bits, half precision.
    F16,
}

impl Element {
    /// Of an input or output.
    ///
    /// # Errors
    /// `Unsupported` for any other type.
    pub(super) fn of(port: &Port) -> Result<Element, PackageError> {
        match port.element {
            1 => Ok(Element::F32),
            10 => Ok(Element::F16),
            _ => Err(PackageError::unsupported(&format!(
                "its {port} is neither f32 nor f16"
            ))),
        }
    }

    /// Of one number.
    pub fn bytes(self) -> usize {
        match self {
            Element::F32 => 4,
            Element::F16 => 2,
        }
    }
}

/// A past input with the present output that continues it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The input.
    pub input: String,
    /// The output.
    pub output: String,
    /// Of its numbers.
    pub element: Element,
    /// Its shape, with 0 at the position's place.
    pub shape: Vec<usize>,
    /// Which dimension is the position.
    pub axis: usize,
    /// Length of the past where the graph fixes it.
    fixed: Option<usize>,
    layer: usize,
    part: usize,
}

impl Past {
    /// Reads one past input.
    ///
    /// # Errors
    /// `Unsupported` where type or shape are not known.
    pub(super) fn read(
        input: &Port,
        (layer, part): (usize, usize),
        output: String,
        shape: Shape,
    ) -> Result<Past, PackageError> {
        let dims = input.shape.as_deref().unwrap_or_default();
        let dims = &filled(dims, shape);
        let axis = axis(dims).ok_or_else(|| refusal::shape(input))?;
        let size = |(at, dim): (usize, &Dim)| match dim {
            _ if at == axis => Some(0),
            Dim::Fixed(size @ 1..) => usize::try_from(*size).ok(),
            // The batch.
            _ => Some(1),
        };
        let sizes: Option<Vec<usize>> = dims.iter().enumerate().map(size).collect();
        Ok(Past {
            input: input.name.clone(),
            output,
            element: Element::of(input)?,
            shape: sizes.ok_or_else(|| refusal::shape(input))?,
            axis,
            fixed: match dims[axis] {
                Dim::Fixed(length @ 1..) => usize::try_from(length).ok(),
                _ => None,
            },
            layer,
            part,
        })
    }

    /// Its shape with so many positions.
    pub fn shape_of(&self, positions: usize) -> Vec<usize> {
        let mut shape = self.shape.clone();
        shape[self.axis] = positions;
        shape
    }

    /// Numbers of one position that lie together, and how many such stretches there are.
    pub fn stretches(&self) -> (usize, usize) {
        let inner = self.shape[self.axis + 1..].iter().product();
        let outer = self.shape[..self.axis].iter().product();
        (inner, outer)
    }

    /// Bytes of so many positions.
    pub fn bytes(&self, positions: usize) -> usize {
        self.shape_of(positions)
            .into_iter()
            .fold(self.element.bytes(), usize::saturating_mul)
    }

    /// Whether `GroupQueryAttention` may be given it as past and present: `[1, heads, positions, size]`.
    pub(super) fn can_be_shared(&self) -> bool {
        self.shape.len() == 4 && self.axis == 2
    }
}

/// The layer of a name by its template: `past.7.key` by `past.%d.key` is 7.
pub(super) fn layer_of(name: &str, template: &str) -> Option<usize> {
    let (front, behind) = template.split_once("%d")?;
    name.strip_prefix(front)?.strip_suffix(behind)?.parse().ok()
}

/// Open dimensions of `[batch, heads, positions, size]` as the model's configuration has them.
fn filled(dims: &[Dim], shape: Shape) -> Vec<Dim> {
    let mut dims = dims.to_vec();
    let fixed = |size: usize| Dim::Fixed(i64::try_from(size).unwrap_or(i64::MAX));
    if let [_, heads, _, size] = &mut dims[..] {
        if let (true, Some(known)) = (is_open(heads), shape.heads) {
            *heads = fixed(known);
        }
        if let (true, Some(known)) = (is_open(size), shape.head_size) {
            *size = fixed(known);
        }
    }
    dims
}

/// The dimension of the position: the open one that is not the batch; where none is open, the third of
/// four.
fn axis(dims: &[Dim]) -> Option<usize> {
    let open: Vec<usize> = (0..dims.len()).filter(|&at| is_open(&dims[at])).collect();
    match open[..] {
        [at] if at > 0 => Some(at),
        // The batch stands in front of it, perhaps behind a pair of key and value.
        [0, at] | [1, at] if at > 1 || dims.len() == 3 => Some(at),
        [] | [0] if dims.len() == 4 => Some(2),
        _ => None,
    }
}

/// Orders pasts by layer and part, and checks that layers run from 0 without a hole, all with the same
/// parts, each with an output that continues it.
pub(super) fn pair(pasts: &mut [Past], outputs: &[Port]) -> Result<(), PackageError> {
    pasts.sort_by_key(|past| (past.layer, past.part));
    let parts: Vec<usize> = pasts
        .iter()
        .take_while(|past| past.layer == 0)
        .map(|past| past.part)
        .collect();
    if parts.is_empty() {
        return Err(PackageError::unsupported(
            "its graph keeps no KV cache; export it with one, such as by `optimum-cli export onnx --task \
             text-generation-with-past`",
        ));
    }
    for (at, past) in pasts.iter().enumerate() {
        let expected = (at / parts.len(), parts[at % parts.len()]);
        let whole = (past.layer, past.part) == expected;
        if !whole || !outputs.iter().any(|port| port.name == past.output) {
            return Err(PackageError::unsupported(&format!(
                "its input {} has no partner",
                past.input
            )));
        }
    }
    match pasts.len() % parts.len() {
        0 => Ok(()),
        _ => Err(PackageError::unsupported(
            "its last layer lacks a part of its KV cache",
        )),
    }
}

/// The length that all pasts have where the graph fixes it.
///
/// # Errors
/// `Unsupported` where they differ, as in a sliding window: such state cannot be rewound.
pub(super) fn fixed(pasts: &[Past]) -> Result<Option<usize>, PackageError> {
    let first = pasts.first().and_then(|past| past.fixed);
    match pasts.iter().all(|past| past.fixed == first) {
        true => Ok(first),
        false => Err(PackageError::unsupported(
            "its layers differ in how many positions they keep, so their state cannot be rewound",
        )),
    }
}
