//! Tensors of a graph: what each claims to hold against what is there. A few bytes may claim a shape
//! of terabytes, and the runtime would try to allocate it; so a claim must be covered by bytes in the
//! graph, or name a stretch of a file that is held to it later.

use super::fields::{Fields, Span, Value, integers, text};
use super::{External, Facts, broken};
use crate::package::PackageError;

/// Dimensions of one tensor; real ones have at most six.
pub(super) const RANK: usize = 32;
/// Tensors in other files; the largest models have some thousands.
const EXTERNALS: usize = 1 << 17;
/// Numbers of a constant that is remembered: shapes and indices.
const SMALL: usize = 16;

/// One tensor, as far as it is of interest.
#[derive(Debug, Default)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) dims: Vec<i64>,
    /// Its values where it is a short list of i64.
    pub(super) integers: Option<Vec<i64>>,
}

/// TensorProto: dims 1, data_type 2, float_data 4, int32_data 5, string_data 6, int64_data 7, name 8,
/// raw_data 9, double_data 10, uint64_data 11, external_data 13, data_location 14 (1 is EXTERNAL).
pub(super) fn walk<'a>(span: Span<'a>, facts: &mut Facts) -> Result<Tensor<'a>, PackageError> {
    let mut tensor = Tensor::default();
    let mut external = External::default();
    let (mut named, mut kind) = (false, 0);
    // Bytes of raw data, and of the typed lists.
    let (mut raw, mut listed) = (None::<Span<'_>>, 0_u64);
    let mut list = Vec::new();
    for field in Fields::of(span) {
        match field? {
            (1, value) => integers(value, RANK, &mut tensor.dims)?,
            (2, Value::Number(number, _)) => kind = number,
            (7, value) => {
                listed += length(value);
                if list.len() <= SMALL {
                    // A longer list is only not remembered.
                    let _ = integers(value, SMALL, &mut list);
                }
            }
            (4 | 5 | 6 | 10 | 11, value) => listed += length(value),
            (8, Value::Bytes(name)) => tensor.name = text(name)?,
            (9, Value::Bytes(bytes)) => raw = Some(bytes),
            (13, Value::Bytes(entry)) => {
                named = true;
                walk_entry(entry, &mut external)?;
            }
            (14, Value::Number(1, _)) => named = true,
            _ => {}
        }
    }
    let claimed = claimed(&tensor, kind)?;
    if named {
        external.bytes = claimed;
        if external.length.is_some_and(|length| length != claimed) {
            return Err(mismatch(&tensor, claimed, external.length.unwrap_or(0)));
        }
        facts.external.push(external);
        if facts.external.len() > EXTERNALS {
            return Err(broken("it has too many tensors in other files"));
        }
        return Ok(tensor);
    }
    // In a list each number takes a byte at least; texts have no size of their own.
    let covered = match raw {
        Some(raw) => raw.bytes.len() as u64 == claimed,
        None => claimed <= listed.saturating_mul(16) || kind == STRING,
    };
    if !covered {
        let there = raw.map_or(listed, |raw| raw.bytes.len() as u64);
        return Err(mismatch(&tensor, claimed, there));
    }
    if kind == INT64 {
        tensor.integers = match raw {
            Some(raw) if raw.bytes.len() <= SMALL * 8 => {
                let (numbers, _) = raw.bytes.as_chunks::<8>();
                Some(
                    numbers
                        .iter()
                        .map(|bytes| i64::from_le_bytes(*bytes))
                        .collect(),
                )
            }
            None if list.len() <= SMALL => Some(list),
            _ => None,
        };
    }
    Ok(tensor)
}

const INT64: u64 = 7;
const STRING: u64 = 8;

/// Bits of one element (onnx/onnx `onnx.proto`, TensorProto.DataType).
fn bits(kind: u64) -> Option<u64> {
    Some(match kind {
        1 | 6 | 12 => 32,
        2 | 3 | 9 | 17..=20 | 24 => 8,
        4 | 5 | 10 | 16 => 16,
        INT64 | 11 | 13 | 14 => 64,
        15 => 128,
        21..=23 => 4,
        25 | 26 => 2,
        STRING => 0,
        _ => return None,
    })
}

/// Bytes that a tensor of this shape takes.
fn claimed(tensor: &Tensor<'_>, kind: u64) -> Result<u64, PackageError> {
    let bits = bits(kind).ok_or_else(|| broken("a tensor in it has a type that is not known"))?;
    let mut elements = 1_u64;
    for &dim in &tensor.dims {
        let dim = u64::try_from(dim).map_err(|_| broken("a tensor in it has a negative size"))?;
        elements = elements.saturating_mul(dim);
    }
    Ok(elements.saturating_mul(bits).div_ceil(8))
}

fn mismatch(tensor: &Tensor<'_>, claimed: u64, there: u64) -> PackageError {
    broken(&format!(
        "its tensor {:?} of shape {:?} takes {claimed} bytes, and {there} are there",
        tensor.name, tensor.dims
    ))
}

/// Bytes of a field of numbers, packed or one.
fn length(value: Value<'_>) -> u64 {
    match value {
        Value::Number(_, span) | Value::Fixed(span) | Value::Bytes(span) => span.bytes.len() as u64,
    }
}

/// StringStringEntryProto: key 1, value 2.
fn walk_entry(span: Span<'_>, external: &mut External) -> Result<(), PackageError> {
    let (mut key, mut value) = ("", "");
    for field in Fields::of(span) {
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
