//! What a graph asks for, read from its inputs and outputs: a pure function of what the walk through
//! the file found. The graph is trusted, not the folder: inputs are recognised by name, type and shape,
//! and one that is not known is a refusal that names it.

use crate::package::{Dim, Facts, PackageError, Port};

mod past;
mod refusal;

pub use past::{Element, Past};

/// How a package's exporter names inputs and outputs. In a template `%d` stands for the layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Token ids `[1, new]`.
    pub ids: String,
    /// Ones for each position `[1, past + new]`.
    pub mask: String,
    /// Numbers of the new positions `[1, new]`.
    pub positions: String,
    /// `[1, rows, vocabulary]`.
    pub logits: String,
    /// Templates of a past input and of the present output that continues it.
    pub pasts: Vec<(String, String)>,
}

impl Default for Names {
    /// Those of Optimum and transformers.js (huggingface/optimum-onnx `exporters/onnx/base.py`).
    fn default() -> Self {
        let pair = |part: &str| {
            (
                format!("past_key_values.%d.{part}"),
                format!("present.%d.{part}"),
            )
        };
        Names {
            ids: "input_ids".into(),
            mask: "attention_mask".into(),
            positions: "position_ids".into(),
            logits: "logits".into(),
            pasts: ["key", "value", "key_value"].map(pair).to_vec(),
        }
    }
}

/// Facts of the model that a graph may leave open, from `config.json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// KV heads.
    pub heads: Option<usize>,
    /// Numbers per head and position.
    pub head_size: Option<usize>,
    /// Entries of the vocabulary as the logits have them.
    pub vocabulary: Option<usize>,
}

/// An input of whole numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// As the graph names it.
    pub name: String,
    /// i64; else i32.
    pub wide: bool,
}

/// Which rows of logits a run computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// As many as an input of this rank (0 or 1) asks for.
    Asked(Numbers, usize),
    /// The last one, always: the head was pruned.
    Last,
    /// One for each new token.
    All,
}

/// How the attention state gets from one run to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One buffer of full length is past and present of the same run.
    Shared,
    /// The present is a new tensor, longer by the new tokens.
    Concat,
}

/// What a graph asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// Token ids.
    pub ids: Numbers,
    /// Ones for past and new positions.
    pub mask: Option<Numbers>,
    /// Numbers of the new positions.
    pub positions_input: Option<Numbers>,
    /// Whether it takes `previous_ids` i64 `[1, PAD + past]`, for graphs that read the ids already run
    /// (n-gram tables, exact matches), which the cache of their attention does not tell them.
    pub previous: bool,
    /// The name of `use_cache_branch` bool `[1]`: false on the first run.
    pub branch: Option<String>,
    /// Which rows of logits a run computes.
    pub rows: Rows,
    /// The name of the logits.
    pub logits: String,
    /// Their type.
    pub logits_element: Element,
    /// Their last dimension, where the graph or the model's configuration states it.
    pub vocabulary: Option<usize>,
    /// Two per layer, key and value, or one where they are combined.
    pub pasts: Vec<Past>,
    /// How state is carried on.
    pub mode: Mode,
    /// Length of a past that is always the same.
    pub fixed_positions: Option<usize>,
    /// Most new tokens of one run behind a past, where the graph fixes them.
    pub most_new: Option<usize>,
    /// Positions of one slot.
    pub positions: usize,
}

/// i64 and i32 in TensorProto.DataType.
const I64: u64 = 7;
const I32: u64 = 6;
const BOOL: u64 = 9;

impl Graph {
    /// Reads inputs and outputs. `positions` is how many a slot is to hold where the graph does not fix
    /// them; what the rotary tables hold bounds it.
    ///
    /// # Errors
    /// `Unsupported`, naming what is not known.
    pub fn read(
        facts: &Facts,
        names: &Names,
        shape: Shape,
        positions: usize,
    ) -> Result<Graph, PackageError> {
        let mut found = Found::default();
        for input in &facts.inputs {
            found.take(input, names, shape)?;
        }
        let Some(ids) = found.ids else {
            return Err(PackageError::unsupported(&format!(
                "its graph has no {}",
                names.ids
            )));
        };
        let mut pasts = found.pasts;
        past::pair(&mut pasts, &facts.outputs)?;
        let logits = logits(facts, names)?;
        let fixed = past::fixed(&pasts)?;
        let grouped = facts.operators.contains("GroupQueryAttention");
        if fixed.is_some() && !grouped {
            return Err(PackageError::unsupported(
                "its past has a fixed length, and without GroupQueryAttention in the graph it is not \
                 known where in it a run writes",
            ));
        }
        let rotary = facts
            .rotary
            .iter()
            .filter_map(|rows| usize::try_from(*rows).ok());
        let most = rotary.min().unwrap_or(usize::MAX);
        Ok(Graph {
            ids,
            mask: found.mask,
            positions_input: found.positions,
            previous: found.previous,
            branch: found.branch,
            rows: match (found.keep, logits.fixed(1)) {
                (Some((numbers, rank)), _) => Rows::Asked(numbers, rank),
                (None, Some(1)) => Rows::Last,
                (None, _) => Rows::All,
            },
            logits: logits.name.clone(),
            logits_element: Element::of(logits)?,
            vocabulary: logits
                .fixed(2)
                .and_then(|size| usize::try_from(size).ok())
                .or(shape.vocabulary),
            mode: match grouped && pasts.iter().all(Past::can_be_shared) {
                true => Mode::Shared,
                false => Mode::Concat,
            },
            pasts,
            fixed_positions: fixed,
            most_new: found.most_new,
            positions: fixed.unwrap_or(positions).min(most),
        })
    }

    /// Bytes of one slot.
    pub fn slot_bytes(&self) -> usize {
        self.pasts
            .iter()
            .map(|past| past.bytes(self.positions))
            .fold(0, usize::saturating_add)
    }

    /// How many of the `wanted` slots fit into `bytes` of memory, where each is to hold as many positions
    /// as the manifest promises.
    ///
    /// # Errors
    /// `Unsupported` when not even one fits, or when the graph holds fewer positions than promised.
    pub fn slots(
        &self,
        wanted: usize,
        promised: usize,
        bytes: usize,
    ) -> Result<usize, PackageError> {
        if self.positions < promised {
            return Err(PackageError::unsupported(&format!(
                "its graph holds {} positions, and its manifest promises {promised}",
                self.positions
            )));
        }
        match bytes / self.slot_bytes().max(1) {
            0 => Err(PackageError::unsupported(&format!(
                "one prompt of {} positions takes {} MB of memory, and at most {} MB are given",
                self.positions,
                self.slot_bytes() >> 20,
                bytes >> 20
            ))),
            most => Ok(most.min(wanted)),
        }
    }
}

/// Memory that all KV slots may take: more than ten times what the largest model of this program's own kind
/// needs (12 layers of 2 x 64 floats, 1,536 positions, four slots: 76 MB), and far from what would
/// make a laptop swap.
pub(crate) const KV_BYTES: usize = 1 << 30;

/// What was found among the inputs.
#[derive(Default)]
struct Found {
    ids: Option<Numbers>,
    mask: Option<Numbers>,
    positions: Option<Numbers>,
    previous: bool,
    branch: Option<String>,
    keep: Option<(Numbers, usize)>,
    most_new: Option<usize>,
    pasts: Vec<Past>,
}

impl Found {
    fn take(&mut self, input: &Port, names: &Names, shape: Shape) -> Result<(), PackageError> {
        let row = || numbers(input).filter(|_| input.rank() == Some(2));
        let slot = match input.name.as_str() {
            name if name == names.ids => {
                self.most_new = input.fixed(1).and_then(|most| usize::try_from(most).ok());
                &mut self.ids
            }
            name if name == names.mask => &mut self.mask,
            name if name == names.positions => &mut self.positions,
            "previous_ids" if input.element == I64 && input.rank() == Some(2) => {
                self.previous = true;
                return Ok(());
            }
            "use_cache_branch" if input.element == BOOL => {
                self.branch = Some(input.name.clone());
                return Ok(());
            }
            "num_logits_to_keep" | "logits_to_keep" => {
                let numbers = numbers(input);
                let rank = input.rank().filter(|rank| *rank <= 1);
                let (Some(numbers), Some(rank)) = (numbers, rank) else {
                    return Err(refusal::unknown(input));
                };
                self.keep = Some((numbers, rank));
                return Ok(());
            }
            name => {
                let template = names.pasts.iter().enumerate();
                let found = template.into_iter().find_map(|(part, (past, present))| {
                    let layer = past::layer_of(name, past)?;
                    Some((layer, part, present.replace("%d", &layer.to_string())))
                });
                let Some((layer, part, output)) = found else {
                    return Err(refusal::unknown(input));
                };
                self.pasts
                    .push(Past::read(input, (layer, part), output, shape)?);
                return Ok(());
            }
        };
        *slot = Some(row().ok_or_else(|| refusal::unknown(input))?);
        Ok(())
    }
}

fn numbers(input: &Port) -> Option<Numbers> {
    matches!(input.element, I64 | I32).then(|| Numbers {
        name: input.name.clone(),
        wide: input.element == I64,
    })
}

/// The output of logits, `[batch, rows, vocabulary]`.
fn logits<'a>(facts: &'a Facts, names: &Names) -> Result<&'a Port, PackageError> {
    let logits = facts.outputs.iter().find(|port| port.name == names.logits);
    let Some(logits) = logits else {
        return Err(PackageError::unsupported("its graph has no logits"));
    };
    match logits.rank() {
        Some(3) | None => Ok(logits),
        Some(_) => Err(PackageError::unsupported(&format!(
            "its graph has the output {logits} in place of logits for each position"
        ))),
    }
}

/// Whether a dimension changes from run to run.
fn is_open(dim: &Dim) -> bool {
    matches!(dim, Dim::Named(_) | Dim::Fixed(..=0))
}

#[cfg(test)]
mod tests;
