//! A walk through the protobuf of an ONNX graph, before the runtime reads it: which operators it
//! uses, which domains, which inputs and outputs it has, and which other files it names. Field
//! numbers: onnx/onnx `onnx/onnx.proto`.

use std::collections::{BTreeMap, BTreeSet};

use super::PackageError;

mod fields;
mod port;
mod tensor;

use fields::{Fields, Span, Value, text};
pub use port::{Dim, Port};

/// Graphs within graphs; real models have two or three levels.
const DEPTH: usize = 32;
/// Operator domains whose kernels come with the runtime itself.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];
/// Operators that no decoder needs and that could do harm, with what they do.
const REFUSED: [(&str, &str); 2] = [
    ("EPContext", "loads other files"),
    ("Loop", "could run for ever"),
];
/// Operators whose output has the shape that their constant input spells, with that input's place.
const SHAPED: [(&str, usize); 3] = [("ConstantOfShape", 0), ("Expand", 1), ("Tile", 1)];
/// Elements of one tensor that a constant may ask for: a causal mask of 16,384 positions.
const MOST_ELEMENTS: i64 = 1 << 28;

/// What a graph uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Names of all operators, subgraphs and functions included.
    pub operators: BTreeSet<String>,
    /// Weights that lie in other files.
    pub external: Vec<External>,
    /// What a run must be given.
    pub inputs: Vec<Port>,
    /// What a run gives.
    pub outputs: Vec<Port>,
    /// First dimension of each table of rotary embeddings (`cos_cache` and the like): positions.
    pub rotary: Vec<i64>,
    /// Where the one-byte values of all `accuracy_level` attributes lie in the file, with the value.
    pub accuracy: Vec<(usize, u8)>,
}

/// One tensor whose data lies in another file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct External {
    /// The file, as the graph names it.
    pub location: String,
    /// First byte.
    pub offset: u64,
    /// Bytes; `None` to the end of the file.
    pub length: Option<u64>,
    /// Bytes that the tensor's shape and type take.
    pub bytes: u64,
}

impl External {
    /// Whether the location is a bare file name.
    ///
    /// # Errors
    /// `Forbidden` for anything that could leave the package's folder.
    pub fn check_name(&self) -> Result<(), PackageError> {
        let name = &self.location;
        let bare = !name.is_empty()
            && name != "."
            && name != ".."
            && !name.contains(['/', '\\', ':', '\0']);
        match bare {
            true => Ok(()),
            false => Err(PackageError::Forbidden {
                what: format!("it names a file outside its own folder ({name:?})"),
            }),
        }
    }

    /// Whether the stretch lies within a file of so many bytes.
    ///
    /// # Errors
    /// `Unreadable` where it does not.
    pub fn check_stretch(&self, file_bytes: u64) -> Result<(), PackageError> {
        match self.offset.checked_add(self.bytes) {
            Some(end) if end <= file_bytes => Ok(()),
            _ => Err(PackageError::unreadable(
                &self.location,
                &format!(
                    "the graph wants {} bytes from byte {} on, and it has {file_bytes}",
                    self.bytes, self.offset
                ),
            )),
        }
    }
}

/// Walks a `ModelProto`.
///
/// # Errors
/// `Unreadable` when the bytes are no such message or claim more than they hold, `Forbidden` when an
/// operator or its domain is not allowed.
pub(super) fn walk(bytes: &[u8]) -> Result<Facts, PackageError> {
    check_kind(bytes)?;
    let mut facts = Facts::default();
    let mut has_graph = false;
    for field in Fields::of(Span { bytes, at: 0 }) {
        match field? {
            (7, Value::Bytes(graph)) => {
                has_graph = true;
                walk_graph(graph, &mut facts, 0)?;
            }
            // TrainingInfoProto: initialization 1, algorithm 2.
            (20, Value::Bytes(training)) => {
                for field in Fields::of(training) {
                    if let (1 | 2, Value::Bytes(graph)) = field? {
                        walk_graph(graph, &mut facts, 1)?;
                    }
                }
            }
            (25, Value::Bytes(function)) => walk_function(function, &mut facts)?,
            _ => {}
        }
    }
    match has_graph && !facts.operators.is_empty() {
        true => Ok(facts),
        false => Err(broken("it holds no graph")),
    }
}

/// Names what is often taken for a graph: pickles and archives of PyTorch can run code when they are
/// loaded by others, and are never opened here.
fn check_kind(bytes: &[u8]) -> Result<(), PackageError> {
    let is = match bytes {
        [0x80, 2..=5, ..] => "a Python pickle",
        [b'P', b'K', 3, 4, ..] => "an archive, such as a PyTorch checkpoint",
        [b'G', b'G', b'U', b'F', ..] => "a GGUF file",
        [_, _, _, _, _, _, _, 0, b'{', ..] => "a safetensors file",
        _ => return Ok(()),
    };
    Err(broken(&format!("it is {is}, not an ONNX graph")))
}

/// FunctionProto: node 7, domain 10, attribute_proto 11.
fn walk_function(span: Span<'_>, facts: &mut Facts) -> Result<(), PackageError> {
    for field in Fields::of(span) {
        match field? {
            (7, Value::Bytes(node)) => {
                walk_node(node, facts, 1)?;
            }
            (10, Value::Bytes(domain)) => check_domain(domain)?,
            (11, Value::Bytes(attribute)) => {
                walk_attribute(attribute, facts, 1)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// GraphProto: node 1, initializer 5, input 11, output 12, sparse_initializer 15. The ports of the
/// outermost graph are kept; inputs with an initializer are weights (IR versions before 4).
fn walk_graph(span: Span<'_>, facts: &mut Facts, depth: usize) -> Result<(), PackageError> {
    if depth > DEPTH {
        return Err(broken("its graphs are nested too deep"));
    }
    let mut constants: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let mut weights: BTreeSet<&str> = BTreeSet::new();
    let mut nodes = Vec::new();
    for field in Fields::of(span) {
        match field? {
            (1, Value::Bytes(node)) => {
                let node = walk_node(node, facts, depth + 1)?;
                if let (Some(integers), Some(output)) = (node.integers, node.output) {
                    constants.insert(output, integers);
                }
                if let Some(shape) = node.shape {
                    nodes.push(shape);
                }
            }
            (5, Value::Bytes(tensor)) => {
                let tensor = tensor::walk(tensor, facts)?;
                let rotary = ["cos_cache", "cos_cached"]
                    .iter()
                    .any(|part| tensor.name.contains(part));
                if let (true, Some(&rows)) = (rotary, tensor.dims.first()) {
                    facts.rotary.push(rows);
                }
                weights.insert(tensor.name);
                if let Some(integers) = tensor.integers {
                    constants.insert(tensor.name, integers);
                }
            }
            (11, Value::Bytes(port)) if depth == 0 => facts.inputs.push(Port::read(port)?),
            (12, Value::Bytes(port)) if depth == 0 => facts.outputs.push(Port::read(port)?),
            (15, Value::Bytes(sparse)) => walk_sparse(sparse, facts)?,
            _ => {}
        }
    }
    if depth == 0 {
        facts
            .inputs
            .retain(|port| !weights.contains(port.name.as_str()));
    }
    let mut shapes = nodes.iter().filter_map(|name| constants.get(name));
    shapes.try_for_each(|shape| check_shape(shape))
}

/// Whether a tensor of this shape may be made. Zero and -1 stand for dimensions taken from elsewhere.
fn check_shape(shape: &[i64]) -> Result<(), PackageError> {
    let elements = shape.iter().filter(|dim| **dim > 0);
    let elements = elements.fold(1_i64, |product, dim| product.saturating_mul(*dim));
    match elements <= MOST_ELEMENTS {
        true => Ok(()),
        false => Err(broken(&format!("it makes a tensor of shape {shape:?}"))),
    }
}

/// What is kept of a node.
#[derive(Default)]
struct Node<'a> {
    output: Option<&'a str>,
    /// The numbers of a constant.
    integers: Option<Vec<i64>>,
    /// The name of the input that spells the shape of what it makes.
    shape: Option<&'a str>,
}

/// NodeProto: input 1, output 2, op_type 4, attribute 5, domain 7.
fn walk_node<'a>(
    span: Span<'a>,
    facts: &mut Facts,
    depth: usize,
) -> Result<Node<'a>, PackageError> {
    let mut node = Node::default();
    let mut inputs = [""; 2];
    let mut count = 0;
    let mut operator = "";
    for field in Fields::of(span) {
        match field? {
            (1, Value::Bytes(name)) => {
                if let Some(input) = inputs.get_mut(count) {
                    *input = text(name)?;
                }
                count += 1;
            }
            (2, Value::Bytes(name)) if node.output.is_none() => node.output = Some(text(name)?),
            (4, Value::Bytes(name)) => operator = text(name)?,
            (5, Value::Bytes(attribute)) => {
                let integers = walk_attribute(attribute, facts, depth)?;
                node.integers = node.integers.or(integers);
            }
            (7, Value::Bytes(domain)) => check_domain(domain)?,
            _ => {}
        }
    }
    if let Some((_, what)) = REFUSED.iter().find(|(name, _)| *name == operator) {
        return Err(PackageError::Forbidden {
            what: format!("its graph has a node {operator}, which {what}"),
        });
    }
    if !operator.is_empty() && !facts.operators.contains(operator) {
        facts.operators.insert(operator.into());
    }
    if operator != "Constant" {
        node.integers = None;
    }
    let shaped = SHAPED.iter().find(|(name, _)| *name == operator);
    node.shape = shaped.map(|(_, at)| inputs[*at]);
    Ok(node)
}

/// AttributeProto: name 1, i 3, t 5, g 6, tensors 10, graphs 11, sparse_tensor 22, sparse_tensors 23.
/// Gives the numbers of a short tensor.
fn walk_attribute(
    span: Span<'_>,
    facts: &mut Facts,
    depth: usize,
) -> Result<Option<Vec<i64>>, PackageError> {
    let mut name = "";
    let mut number = None;
    let mut integers = None;
    for field in Fields::of(span) {
        match field? {
            (1, Value::Bytes(bytes)) => name = text(bytes)?,
            (3, Value::Number(value, place)) => number = Some((value, place)),
            (5 | 10, Value::Bytes(tensor)) => integers = tensor::walk(tensor, facts)?.integers,
            (6 | 11, Value::Bytes(graph)) => walk_graph(graph, facts, depth + 1)?,
            (22 | 23, Value::Bytes(sparse)) => walk_sparse(sparse, facts)?,
            _ => {}
        }
    }
    if let (ACCURACY, Some((value @ 0..=0x7F, place))) = (name, number) {
        facts.accuracy.push((place.at, value as u8));
    }
    Ok(integers)
}

/// The attribute of `MatMulNBits` that lets it round activations to int8.
const ACCURACY: &str = "accuracy_level";

/// SparseTensorProto: values 1, indices 2, dims 3, to which the runtime unpacks it.
fn walk_sparse(span: Span<'_>, facts: &mut Facts) -> Result<(), PackageError> {
    let mut dims = Vec::new();
    for field in Fields::of(span) {
        match field? {
            (1 | 2, Value::Bytes(tensor)) => {
                tensor::walk(tensor, facts)?;
            }
            (3, value) => fields::integers(value, tensor::RANK, &mut dims)?,
            _ => {}
        }
    }
    check_shape(&dims)
}

fn check_domain(span: Span<'_>) -> Result<(), PackageError> {
    let domain = text(span)?;
    match DOMAINS.contains(&domain) {
        true => Ok(()),
        false => Err(PackageError::Forbidden {
            what: format!("its graph uses operators of the domain {domain:?}"),
        }),
    }
}

fn broken(reason: &str) -> PackageError {
    PackageError::unreadable("The graph", reason)
}
