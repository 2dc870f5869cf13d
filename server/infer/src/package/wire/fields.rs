//! The protobuf wire format: the fields of one message, each with its place in the file. Only lengths
//! are followed, so that any bytes end in fields or in one error. Source: protobuf.dev, "Encoding".

use super::broken;
use crate::package::PackageError;

/// A part of the file and where it begins there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

/// One field's content; fixed-width numbers are of no interest here and stay unread.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// A varint, and where its bytes lie.
    Number(u64, Span<'a>),
    Fixed(Span<'a>),
    Bytes(Span<'a>),
}

/// The fields of one message, in order; ends after the first error.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn of(span: Span<'a>) -> Fields<'a> {
        Fields {
            rest: span.bytes,
            at: span.at,
        }
    }

    /// Base-128, least significant group first, at most ten bytes.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?.bytes[0];
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, count: u64) -> Option<Span<'a>> {
        let count = usize::try_from(count).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        let taken = Span { bytes, at: self.at };
        self.rest = rest;
        self.at += count;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => {
                let (rest, at) = (self.rest, self.at);
                let number = self.varint()?;
                let bytes = &rest[..self.at - at];
                Value::Number(number, Span { bytes, at })
            }
            1 => Value::Fixed(self.take(8)?),
            2 => {
                let count = self.varint()?;
                Value::Bytes(self.take(count)?)
            }
            5 => Value::Fixed(self.take(4)?),
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

/// The numbers of a repeated integer field, packed or one by one, appended to `into`; more than `most`
/// are an error.
pub(super) fn integers(
    value: Value<'_>,
    most: usize,
    into: &mut Vec<i64>,
) -> Result<(), PackageError> {
    match value {
        Value::Number(number, _) => into.push(number.cast_signed()),
        Value::Bytes(span) => {
            let mut fields = Fields::of(span);
            while !fields.rest.is_empty() {
                let number = fields.varint();
                let number = number.ok_or_else(|| broken("a list of numbers in it is cut off"))?;
                into.push(number.cast_signed());
                if into.len() > most {
                    break;
                }
            }
        }
        Value::Fixed(_) => {}
    }
    match into.len() <= most {
        true => Ok(()),
        false => Err(broken("a list of numbers in it is too long")),
    }
}

pub(super) fn text(span: Span<'_>) -> Result<&str, PackageError> {
    std::str::from_utf8(span.bytes).map_err(|_| broken("a name in it is not UTF-8"))
}
