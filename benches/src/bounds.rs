//! The bounds of one model on one machine: how fast its weights can be read, and how fast its matrix
//! products run in the same ONNX Runtime when nothing stands between them. The products are a graph of
//! our own with the model's own shapes, written here by hand as the few protobuf fields that it needs
//! (onnx/onnx `onnx/onnx.proto`).

use std::collections::{HashMap, HashSet};
use std::path::Path;

use foretoken_infer::library::loaded;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::Tensor;

/// What is read of a model's graph: the matrices of its products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    matrices: Vec<Matrix>,
}

/// One matrix of weights, rows by columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Matrix {
    rows: usize,
    columns: usize,
    bytes: usize,
}

impl Graph {
    /// Reads the file of a graph.
    ///
    /// # Errors
    /// A file that cannot be read or holds no product with weights.
    pub fn read(path: &Path) -> Result<Graph, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Graph::of(&bytes)
            .ok_or_else(|| format!("{}: holds no product with weights", path.display()))
    }

    fn of(model: &[u8]) -> Option<Graph> {
        let graph = fields(model).find(|field| field.number == 7)?.bytes;
        let mut used = HashSet::new();
        let mut turned = Vec::new();
        let mut matrices = HashMap::new();
        for field in fields(graph) {
            match field.number {
                1 => {
                    used.extend(product_inputs(field.bytes));
                    turned.extend(transposed(field.bytes));
                }
                5 => matrices.extend(matrix(field.bytes)),
                _ => {}
            }
        }
        // A table that is both looked up and multiplied with is kept once; the runtime turns it at load.
        for (from, to) in turned {
            if let Some(matrix) = matrices.get(&from).copied() {
                let (rows, columns) = (matrix.columns, matrix.rows);
                matrices.insert(
                    to,
                    Matrix {
                        rows,
                        columns,
                        ..matrix
                    },
                );
            }
        }
        matrices.retain(|name, _| used.contains(name));
        let mut named: Vec<(String, Matrix)> = matrices.into_iter().collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let matrices: Vec<Matrix> = named.into_iter().map(|(_, matrix)| matrix).collect();
        (!matrices.is_empty()).then_some(Graph { matrices })
    }

    /// Bytes of weights that one token reads.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        self.matrices.iter().map(|matrix| matrix.bytes).sum()
    }

    /// Products of two numbers that one token takes, the last row of logits among them.
    #[must_use]
    pub fn products(&self) -> usize {
        self.matrices
            .iter()
            .map(|matrix| matrix.rows * matrix.columns)
            .sum()
    }
}

/// Names of a node's inputs, if it is a matrix product.
fn product_inputs(node: &[u8]) -> Vec<String> {
    let operator = fields(node).find(|field| field.number == 4);
    let is_product = operator.is_some_and(|field| {
        matches!(
            field.bytes,
            b"MatMul"
                | b"MatMulInteger"
                | b"MatMulIntegerToFloat"
                | b"DynamicQuantizeMatMul"
                | b"Gemm"
        )
    });
    let inputs = fields(node).filter(|field| is_product && field.number == 1);
    inputs.map(|field| field.text()).collect()
}

/// Names of input and output of a node that turns a matrix.
fn transposed(node: &[u8]) -> Option<(String, String)> {
    let name = |number| fields(node).find(|field| field.number == number);
    let turns = name(4)?.bytes == b"Transpose";
    turns.then_some((name(1)?.text(), name(2)?.text()))
}

/// Name and shape of an initializer with two dimensions.
fn matrix(tensor: &[u8]) -> Option<(String, Matrix)> {
    let mut dims: Vec<usize> = Vec::new();
    let (mut name, mut bytes) = (String::new(), 0);
    for field in fields(tensor) {
        match field.number {
            // One by one, or packed.
            1 if field.bytes.is_empty() => dims.push(usize::try_from(field.value).ok()?),
            1 => dims.extend(varints(field.bytes)),
            8 => name = field.text(),
            9 => bytes = field.bytes.len(),
            _ => {}
        }
    }
    let [rows, columns] = dims[..] else {
        return None;
    };
    let matrix = Matrix {
        rows,
        columns,
        bytes,
    };
    Some((name, matrix))
}

/// One field of a protobuf message; `bytes` is empty for a number.
struct Field<'a> {
    number: u64,
    value: u64,
    bytes: &'a [u8],
}

impl Field<'_> {
    fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes).into_owned()
    }
}

fn fields(mut message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    std::iter::from_fn(move || {
        let tag = varint(&mut message)?;
        let (value, bytes) = match tag & 7 {
            0 => (varint(&mut message)?, &[][..]),
            1 => (0, message.split_off(..8)?),
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                (0, message.split_off(..length)?)
            }
            5 => (0, message.split_off(..4)?),
            _ => return None,
        };
        Some(Field {
            number: tag >> 3,
            value,
            bytes,
        })
    })
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn varints(mut bytes: &[u8]) -> Vec<usize> {
    std::iter::from_fn(|| usize::try_from(varint(&mut bytes)?).ok()).collect()
}

/// The model's products alone, for so many tokens at once.
#[derive(Debug)]
pub struct Products {
    session: Session,
    inputs: Vec<(String, Vec<i64>, Vec<u8>)>,
}

impl Products {
    /// Builds the graph and loads it into the library that the model runs in, which must have been started.
    ///
    /// # Errors
    /// Those of the runtime, as a sentence.
    pub fn new(graph: &Graph, tokens: usize) -> Result<Products, String> {
        let sentence = |error: ort::Error| error.to_string();
        let environment = loaded().ok_or("no model runs in this process")?;
        let session = SessionBuilder::new(&environment)
            .and_then(|builder| Ok(builder.with_intra_threads(1)?))
            .and_then(|builder| Ok(builder.with_intra_op_spinning(false)?))
            .and_then(|mut builder| builder.commit_from_memory(&written(graph)))
            .map_err(sentence)?;
        let mut inputs: Vec<(String, Vec<i64>, Vec<u8>)> = Vec::new();
        for matrix in &graph.matrices {
            let name = format!("x{}", matrix.rows);
            if inputs.iter().all(|(known, ..)| *known != name) {
                let shape = [tokens, matrix.rows].map(|size| i64::try_from(size).unwrap_or(1));
                // Rows of no pattern, so that nothing is skipped.
                let values = (0..tokens * matrix.rows).map(|at| (at * 7919 % 251) as u8);
                inputs.push((name, shape.to_vec(), values.collect()));
            }
        }
        Ok(Products { session, inputs })
    }

    /// Runs all of them once.
    ///
    /// # Errors
    /// Those of the runtime, as a sentence.
    pub fn run(&mut self) -> Result<(), String> {
        let tensors: Result<Vec<(String, Tensor<u8>)>, ort::Error> = self
            .inputs
            .iter()
            .map(|(name, shape, values)| {
                let tensor = Tensor::from_array((shape.clone(), values.clone()))?;
                Ok((name.clone(), tensor))
            })
            .collect();
        let tensors = tensors.map_err(|error| error.to_string())?;
        self.session
            .run(tensors)
            .map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Reads all of `bytes`.
pub fn read(bytes: &[u8]) {
    let (words, _) = std::hint::black_box(bytes).as_chunks::<64>();
    let mut sums = [0_u8; 64];
    for word in words {
        for (sum, &byte) in sums.iter_mut().zip(word) {
            *sum ^= byte;
        }
    }
    std::hint::black_box(sums);
}

/// The graph of the products: one node for each matrix, whose weights are of no pattern.
fn written(graph: &Graph) -> Vec<u8> {
    let mut body = Vec::new();
    let mut inputs = HashSet::new();
    for (at, matrix) in graph.matrices.iter().enumerate() {
        let (input, output) = (format!("x{}", matrix.rows), format!("y{at}"));
        let names = [
            format!("w{at}"),
            "one".to_owned(),
            format!("s{at}"),
            "zero".to_owned(),
        ];
        let mut node = Vec::new();
        put(&mut node, 1, input.as_bytes());
        for name in &names {
            put(&mut node, 1, name.as_bytes());
        }
        put(&mut node, 2, output.as_bytes());
        put(&mut node, 4, b"MatMulIntegerToFloat");
        put(&mut node, 7, b"com.microsoft");
        put(&mut body, 1, &node);
        let values: Vec<u8> = (0..matrix.rows * matrix.columns)
            .map(|at| (at * 7919 % 253) as u8)
            .collect();
        put(
            &mut body,
            5,
            &tensor(&names[0], &[matrix.rows, matrix.columns], 3, &values),
        );
        let scales = 1e-3_f32.to_le_bytes().repeat(matrix.columns);
        put(
            &mut body,
            5,
            &tensor(&names[2], &[matrix.columns], 1, &scales),
        );
        if inputs.insert(input.clone()) {
            put(&mut body, 11, &value(&input, 2, matrix.rows));
        }
        put(&mut body, 12, &value(&output, 1, matrix.columns));
    }
    put(&mut body, 2, b"products");
    put(
        &mut body,
        5,
        &tensor("one", &[1], 1, &1.0_f32.to_le_bytes()),
    );
    put(&mut body, 5, &tensor("zero", &[1], 2, &[128]));
    let mut model = Vec::new();
    put_number(&mut model, 1, 8);
    put(&mut model, 7, &body);
    for (domain, version) in [("", 17), ("com.microsoft", 1)] {
        let mut set = Vec::new();
        put(&mut set, 1, domain.as_bytes());
        put_number(&mut set, 2, version);
        put(&mut model, 8, &set);
    }
    model
}

/// An initializer; `kind` is of `TensorProto.DataType` (1 float, 2 u8, 3 i8).
fn tensor(name: &str, dims: &[usize], kind: u64, values: &[u8]) -> Vec<u8> {
    let mut tensor = Vec::new();
    for &dim in dims {
        put_number(&mut tensor, 1, dim as u64);
    }
    put_number(&mut tensor, 2, kind);
    put(&mut tensor, 8, name.as_bytes());
    put(&mut tensor, 9, values);
    tensor
}

/// An input or output of any number of rows.
fn value(name: &str, kind: u64, columns: usize) -> Vec<u8> {
    let (mut rows, mut width) = (Vec::new(), Vec::new());
    put(&mut rows, 2, b"rows");
    put_number(&mut width, 1, columns as u64);
    let mut shape = Vec::new();
    put(&mut shape, 1, &rows);
    put(&mut shape, 1, &width);
    let mut tensor = Vec::new();
    put_number(&mut tensor, 1, kind);
    put(&mut tensor, 2, &shape);
    let mut of = Vec::new();
    put(&mut of, 1, &tensor);
    let mut value = Vec::new();
    put(&mut value, 1, name.as_bytes());
    put(&mut value, 2, &of);
    value
}

fn put(message: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(message, number << 3 | 2);
    put_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn put_number(message: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(message, number << 3);
    put_varint(message, value);
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let matrix = |rows, columns| Matrix {
            rows,
            columns,
            bytes: rows * columns,
        };
        let graph = Graph {
            matrices: vec![matrix(8, 300), matrix(300, 8)],
        };
        let read = Graph::of(&written(&graph)).unwrap();
        assert_eq!(read, graph);
        assert_eq!((read.weight_bytes(), read.products()), (4800, 4800));
        assert_eq!(Graph::of(b""), None);
        assert_eq!(Graph::of(&[0x3A, 0xFF]), None);
    }
}
