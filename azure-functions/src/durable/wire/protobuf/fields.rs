//! The fields of a message, one after the other: nothing is copied, and no tree is built.

use chrono::{DateTime, Utc};

/// A field's value, as far as its wire type says what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    /// A text, a message, or bytes.
    Bytes(&'a [u8]),
    /// A number of four or eight bytes.
    Fixed,
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it ends within a field")]
    Cut,
    #[error("it has a number of more than 64 bits")]
    TooLarge,
    #[error("it has a field of the unknown wire type {0}")]
    WireType(u8),
    #[error("it has a field of another wire type than its number says")]
    Mistyped,
    #[error("it has a field without a number")]
    NoNumber,
    #[error("it has a text that is not UTF-8")]
    NotUtf8,
    #[error("it has a time that is out of range")]
    Time,
}

/// Reads the fields of a message, in the order in which they were written.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Malformed>;

    // Called for every field of a long history; as a function of its own, it hands each result over through memory.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    #[inline(always)]
    fn field(&mut self) -> Result<(u64, Value<'a>), Malformed> {
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 {
            return Err(Malformed::NoNumber);
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).map_err(|_| Malformed::Cut)?)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            // Groups are of the first protobuf: no message of this protocol has one.
            other => return Err(Malformed::WireType(other.to_le_bytes()[0])),
        };
        Ok((number, value))
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Cut)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Tags and lengths nearly always take one byte.
    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match self.0 {
            [byte @ ..0x80, rest @ ..] => {
                self.0 = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for (index, byte) in self.0.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                return Err(Malformed::TooLarge);
            }
            number |= bits << (7 * index);
            if byte & 0x80 == 0 {
                self.0 = &self.0[index + 1..];
                return Ok(number);
            }
        }
        Err(if self.0.len() < 10 {
            Malformed::Cut
        } else {
            Malformed::TooLarge
        })
    }
}

impl<'a> Value<'a> {
    /// A message or text; of another wire type it is nothing.
    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Value::Bytes(bytes) => bytes,
            Value::Varint(_) | Value::Fixed => &[],
        }
    }

    /// As [`bytes`](Self::bytes); of another wire type it is an error.
    pub(super) fn strict_bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Varint(_) | Value::Fixed => Err(Malformed::Mistyped),
        }
    }

    /// A text; of another wire type it is an error.
    pub(super) fn strict_text(self) -> Result<&'a str, Malformed> {
        text(self.strict_bytes()?)
    }

    /// The text of a `google.protobuf.StringValue`, if it has one: where the message repeats, its fields merge. Of another wire type it
    /// is an error.
    pub(super) fn strict_wrapped_text(self) -> Result<Option<&'a str>, Malformed> {
        let mut found = None;
        for field in Fields(self.strict_bytes()?) {
            if let (1, value) = field? {
                found = Some(value.strict_text()?);
            }
        }
        Ok(found)
    }

    pub(super) fn text(self) -> Result<&'a str, Malformed> {
        text(self.bytes())
    }

    /// The text of a `google.protobuf.StringValue`.
    pub(super) fn wrapped_text(self) -> Result<&'a str, Malformed> {
        let mut found = "";
        for field in Fields(self.bytes()) {
            if let (1, value) = field? {
                found = value.text()?;
            }
        }
        Ok(found)
    }

    /// A `google.protobuf.Timestamp`.
    pub(super) fn instant(self) -> Result<DateTime<Utc>, Malformed> {
        let (mut seconds, mut nanos) = (0, 0);
        for field in Fields(self.bytes()) {
            match field? {
                (1, value) => seconds = value.number(),
                (2, value) => nanos = value.number(),
                _ => {}
            }
        }
        let nanos = u32::try_from(nanos).map_err(|_| Malformed::Time)?;
        DateTime::from_timestamp(seconds, nanos).ok_or(Malformed::Time)
    }

    /// An `int32` or `int64`.
    pub(super) fn number(self) -> i64 {
        match self {
            Value::Varint(number) => number.cast_signed(),
            Value::Bytes(_) | Value::Fixed => 0,
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(u64, Value<'_>)>, Malformed> {
        Fields(bytes).collect()
    }

    #[test]
    fn fields_come_in_their_order_with_what_their_wire_type_says() {
        let bytes = b"\x08\x96\x01\x12\x02hi\x19\0\0\0\0\0\0\0\0\x25\0\0\0\0";
        let expected = vec![
            (1, Value::Varint(150)),
            (2, Value::Bytes(b"hi")),
            (3, Value::Fixed),
            (4, Value::Fixed),
        ];
        assert_eq!(read(bytes), Ok(expected));
    }

    #[test]
    fn negative_numbers_take_ten_bytes() {
        let bytes = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(read(bytes).unwrap()[0].1.number(), -1);
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for (bytes, error) in [
            (b"\x08".as_slice(), Malformed::Cut),
            (b"\x12\x05hi", Malformed::Cut),
            (b"\x19\0\0", Malformed::Cut),
            (b"\x00\x01", Malformed::NoNumber),
            (b"\x0b", Malformed::WireType(3)),
            (b"\x0f", Malformed::WireType(7)),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", Malformed::TooLarge),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Malformed::TooLarge),
            (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", Malformed::Cut),
        ] {
            assert_eq!(read(bytes), Err(error), "{bytes:?}");
        }
        assert_eq!(Value::Bytes(b"\xff").text(), Err(Malformed::NotUtf8));
    }

    #[test]
    fn a_time_out_of_range_is_an_error() {
        assert_eq!(
            Value::Bytes(b"\x08\x01").instant(),
            Ok(DateTime::from_timestamp(1, 0).unwrap())
        );
        let negative_nanos = Value::Bytes(b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
        assert_eq!(negative_nanos.instant(), Err(Malformed::Time));
        let far = Value::Bytes(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
        assert_eq!(far.instant(), Err(Malformed::Time));
    }
}
