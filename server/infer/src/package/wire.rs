//! A walk through the protobuf of an ONNX graph, before the runtime reads it: which operators it
//! uses, which domains, and which other files it names. Only lengths are followed, so that any bytes
//! end in facts or in a refusal. Field numbers: onnx/onnx `onnx/onnx.proto`.

use std::collections::BTreeSet;

use super::PackageError;

/// Graphs within graphs; real models have two or three levels.
const DEPTH: usize = 32;
/// Operator domains whose kernels come with the runtime itself.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];
/// Operators that name further files.
const REFUSED: [&str; 1] = ["EPContext"];

/// What a graph uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Names of all operators, subgraphs and functions included.
    pub operators: BTreeSet<String>,
    /// Weights that lie in other files.
    pub external: Vec<External>,
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
}

/// Walks a `ModelProto`.
///
/// # Errors
/// `Unreadable` when the bytes are no such message, `Forbidden` when an operator or its domain is
/// not allowed.
pub(super) fn walk(bytes: &[u8]) -> Result<Facts, PackageError> {
    let mut facts = Facts::default();
    let mut has_graph = false;
    for field in Fields::of(bytes) {
        match field? {
            (7, Value::Bytes(graph)) => {
                has_graph = true;
                walk_graph(graph, &mut facts, 0)?;
            }
            // FunctionProto: node 7, domain 10.
            (25, Value::Bytes(function)) => {
                for field in Fields::of(function) {
                    match field? {
                        (7, Value::Bytes(node)) => walk_node(node, &mut facts, 1)?,
                        (10, Value::Bytes(domain)) => check_domain(domain)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    match has_graph && !facts.operators.is_empty() {
        true => Ok(facts),
        false => Err(broken("it holds no graph")),
    }
}

/// GraphProto: node 1, initializer 5, sparse_initializer 15.
fn walk_graph(bytes: &[u8], facts: &mut Facts, depth: usize) -> Result<(), PackageError> {
    if depth > DEPTH {
        return Err(broken("its graphs are nested too deep"));
    }
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Bytes(node)) => walk_node(node, facts, depth + 1)?,
            (5, Value::Bytes(tensor)) => walk_tensor(tensor, facts)?,
            (15, Value::Bytes(sparse)) => walk_sparse(sparse, facts)?,
            _ => {}
        }
    }
    Ok(())
}

/// NodeProto: op_type 4, attribute 5, domain 7.
fn walk_node(bytes: &[u8], facts: &mut Facts, depth: usize) -> Result<(), PackageError> {
    for field in Fields::of(bytes) {
        match field? {
            (4, Value::Bytes(name)) => {
                let name = text(name)?;
                if REFUSED.contains(&name) {
                    return Err(PackageError::Forbidden {
                        what: format!("its graph has a node {name}, which loads other files"),
                    });
                }
                if !facts.operators.contains(name) {
                    facts.operators.insert(name.into());
                }
            }
            (5, Value::Bytes(attribute)) => walk_attribute(attribute, facts, depth)?,
            (7, Value::Bytes(domain)) => check_domain(domain)?,
            _ => {}
        }
    }
    Ok(())
}

/// AttributeProto: t 5, g 6, tensors 10, graphs 11, sparse_tensor 22, sparse_tensors 23.
fn walk_attribute(bytes: &[u8], facts: &mut Facts, depth: usize) -> Result<(), PackageError> {
    for field in Fields::of(bytes) {
        match field? {
            (5 | 10, Value::Bytes(tensor)) => walk_tensor(tensor, facts)?,
            (6 | 11, Value::Bytes(graph)) => walk_graph(graph, facts, depth + 1)?,
            (22 | 23, Value::Bytes(sparse)) => walk_sparse(sparse, facts)?,
            _ => {}
        }
    }
    Ok(())
}

/// SparseTensorProto: values 1, indices 2.
fn walk_sparse(bytes: &[u8], facts: &mut Facts) -> Result<(), PackageError> {
    for field in Fields::of(bytes) {
        if let (1 | 2, Value::Bytes(tensor)) = field? {
            walk_tensor(tensor, facts)?;
        }
    }
    Ok(())
}

/// TensorProto: external_data 13, data_location 14 (1 is EXTERNAL).
fn walk_tensor(bytes: &[u8], facts: &mut Facts) -> Result<(), PackageError> {
    let mut external = External::default();
    let mut named = false;
    for field in Fields::of(bytes) {
        match field? {
            (13, Value::Bytes(entry)) => {
                named = true;
                walk_entry(entry, &mut external)?;
            }
            (14, Value::Number(1)) => named = true,
            _ => {}
        }
    }
    if named {
        facts.external.push(external);
    }
    Ok(())
}

/// StringStringEntryProto: key 1, value 2.
fn walk_entry(bytes: &[u8], external: &mut External) -> Result<(), PackageError> {
    let (mut key, mut value) = ("", "");
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Bytes(bytes)) => key = text(bytes)?,
            (2, Value::Bytes(bytes)) => value = text(bytes)?,
            _ => {}
        }
    }
    let number = || {
        value
            .parse()
            .map_err(|_| broken("it states a place of its weights that is no number"))
    };
    match key {
        "location" => external.location = value.into(),
        "offset" => external.offset = number()?,
        "length" => external.length = Some(number()?),
        _ => {}
    }
    Ok(())
}

fn check_domain(bytes: &[u8]) -> Result<(), PackageError> {
    let domain = text(bytes)?;
    match DOMAINS.contains(&domain) {
        true => Ok(()),
        false => Err(PackageError::Forbidden {
            what: format!("its graph uses operators of the domain {domain:?}"),
        }),
    }
}

fn text(bytes: &[u8]) -> Result<&str, PackageError> {
    std::str::from_utf8(bytes).map_err(|_| broken("a name in it is not UTF-8"))
}

fn broken(reason: &str) -> PackageError {
    PackageError::unreadable(super::GRAPH, reason)
}

/// One field's content; fixed-width numbers are of no interest here and stay unread.
enum Value<'a> {
    Number(u64),
    Fixed,
    Bytes(&'a [u8]),
}

/// The fields of one message, in order; ends after the first error.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8]) -> Fields<'a> {
        Fields { rest: bytes }
    }

    /// Base-128, least significant group first, at most ten bytes.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(count).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let count = self.varint()?;
                Value::Bytes(self.take(count)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), PackageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match self.field() {
            Some(field) => Some(Ok(field)),
            None => {
                self.rest = &[];
                Some(Err(broken("it ends in the middle, or is no ONNX graph")))
            }
        }
    }
}
