//! Inputs and outputs of a graph: name, element type and shape.

use std::fmt;

use super::fields::{Fields, Span, Value, text};
use crate::package::PackageError;

/// One input or output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// As the graph names it.
    pub name: String,
    /// TensorProto.DataType; 0 where the graph states none or it is no tensor.
    pub element: u64,
    /// `None` where the graph states no shape.
    pub shape: Option<Vec<Dim>>,
}

/// One dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Always this.
    Fixed(i64),
    /// A name that stands for a number of each run; possibly empty.
    Named(String),
}

impl Port {
    /// ValueInfoProto: name 1, type 2.
    pub(super) fn read(span: Span<'_>) -> Result<Port, PackageError> {
        let mut port = Port::default();
        for field in Fields::of(span) {
            match field? {
                (1, Value::Bytes(name)) => port.name = text(name)?.into(),
                // TypeProto: tensor_type 1.
                (2, Value::Bytes(kind)) => {
                    for field in Fields::of(kind) {
                        if let (1, Value::Bytes(tensor)) = field? {
                            port.read_tensor(tensor)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(port)
    }

    /// TypeProto.Tensor: elem_type 1, shape 2; TensorShapeProto: dim 1; its Dimension: dim_value 1,
    /// dim_param 2.
    fn read_tensor(&mut self, span: Span<'_>) -> Result<(), PackageError> {
        for field in Fields::of(span) {
            match field? {
                (1, Value::Number(element, _)) => self.element = element,
                (2, Value::Bytes(shape)) => {
                    let shape_of = self.shape.get_or_insert_default();
                    for field in Fields::of(shape) {
                        let (1, Value::Bytes(dim)) = field? else {
                            continue;
                        };
                        let mut read = Dim::Named(String::new());
                        for field in Fields::of(dim) {
                            match field? {
                                (1, Value::Number(size, _)) => {
                                    read = Dim::Fixed(size.cast_signed())
                                }
                                (2, Value::Bytes(name)) => read = Dim::Named(text(name)?.into()),
                                _ => {}
                            }
                        }
                        shape_of.push(read);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The size of a dimension that is always the same.
    pub fn fixed(&self, axis: usize) -> Option<i64> {
        match self.shape.as_ref()?.get(axis)? {
            Dim::Fixed(size) => Some(*size),
            Dim::Named(_) => None,
        }
    }

    /// How many dimensions it has, where that is stated.
    pub fn rank(&self) -> Option<usize> {
        self.shape.as_ref().map(Vec::len)
    }
}

impl fmt::Display for Port {
    /// `name (i64 [batch, 1])`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.name, element_name(self.element))?;
        if let Some(shape) = &self.shape {
            let dims: Vec<String> = shape
                .iter()
                .map(|dim| match dim {
                    Dim::Fixed(size) => size.to_string(),
                    Dim::Named(name) if name.is_empty() => "?".into(),
                    Dim::Named(name) => name.clone(),
                })
                .collect();
            write!(f, " [{}]", dims.join(", "))?;
        }
        f.write_str(")")
    }
}

fn element_name(element: u64) -> &'static str {
    match element {
        1 => "f32",
        2 => "u8",
        3 => "i8",
        6 => "i32",
        7 => "i64",
        9 => "bool",
        10 => "f16",
        11 => "f64",
        16 => "bf16",
        _ => "another type",
    }
}
