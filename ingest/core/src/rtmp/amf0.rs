//! AMF 0 values, both ways, within a budget: depth, nodes and bytes are limited before memory is taken.

use bytes::{BufMut, BytesMut};

use super::{amf::Source, amf3};

pub use super::amf::{BYTES_MAX, DEPTH_MAX, Error, NODES_MAX, Value};

mod marker {
    pub(super) const NUMBER: u8 = 0x00;
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const STRING: u8 = 0x02;
    pub(super) const OBJECT: u8 = 0x03;
    pub(super) const NULL: u8 = 0x05;
    pub(super) const UNDEFINED: u8 = 0x06;
    pub(super) const REFERENCE: u8 = 0x07;
    pub(super) const ECMA_ARRAY: u8 = 0x08;
    pub(super) const OBJECT_END: u8 = 0x09;
    pub(super) const STRICT_ARRAY: u8 = 0x0a;
    pub(super) const DATE: u8 = 0x0b;
    pub(super) const LONG_STRING: u8 = 0x0c;
    pub(super) const UNSUPPORTED: u8 = 0x0d;
    pub(super) const XML: u8 = 0x0f;
    pub(super) const TYPED_OBJECT: u8 = 0x10;
    /// The value behind it is one of AMF 3.
    pub(super) const AVMPLUS: u8 = 0x11;
}

/// Reads all values of a message.
///
/// # Errors
/// When they end early, are over a limit, or have a type of another age.
pub fn read_all(bytes: &[u8]) -> Result<Vec<Value>, Error> {
    let mut reader = Reader { source: Source::new(bytes)?, references: amf3::References::default() };
    let mut values = Vec::new();
    while !reader.source.is_empty() {
        values.push(reader.value(0)?);
    }
    Ok(values)
}

/// Appends a value.
pub fn write(out: &mut BytesMut, value: &Value) {
    match value {
        Value::Number(number) => {
            out.put_u8(marker::NUMBER);
            out.put_f64(*number);
        }
        Value::Boolean(truth) => out.put_slice(&[marker::BOOLEAN, u8::from(*truth)]),
        Value::String(text) => match u16::try_from(text.len()) {
            Ok(length) => {
                out.put_u8(marker::STRING);
                out.put_u16(length);
                out.put_slice(text.as_bytes());
            }
            Err(_) => {
                out.put_u8(marker::LONG_STRING);
                out.put_u32(u32::try_from(text.len()).expect("we write no texts of 4 GiB"));
                out.put_slice(text.as_bytes());
            }
        },
        Value::Object(properties) => {
            out.put_u8(marker::OBJECT);
            for (name, value) in properties {
                out.put_u16(u16::try_from(name.len()).expect("our property names are short"));
                out.put_slice(name.as_bytes());
                write(out, value);
            }
            out.put_slice(&[0, 0, marker::OBJECT_END]);
        }
        Value::Array(entries) => {
            out.put_u8(marker::STRICT_ARRAY);
            out.put_u32(u32::try_from(entries.len()).expect("we write no such arrays"));
            for entry in entries {
                write(out, entry);
            }
        }
        Value::Date(ms) => {
            out.put_u8(marker::DATE);
            out.put_f64(*ms);
            out.put_i16(0);
        }
        Value::Null => out.put_u8(marker::NULL),
        Value::Undefined => out.put_u8(marker::UNDEFINED),
    }
}

struct Reader<'a> {
    source: Source<'a>,
    /// Of the AMF 3 values in between: one table for the whole message.
    references: amf3::References,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        self.source.begin_value(depth)?;
        match self.source.byte()? {
            marker::NUMBER => self.source.double().map(Value::Number),
            marker::BOOLEAN => Ok(Value::Boolean(self.source.byte()? != 0)),
            marker::STRING => self.short_text().map(Value::String),
            marker::OBJECT => self.properties(depth),
            marker::NULL => Ok(Value::Null),
            marker::UNDEFINED | marker::UNSUPPORTED => Ok(Value::Undefined),
            marker::REFERENCE => self.source.take(2).map(|_| Value::Undefined),
            marker::ECMA_ARRAY => {
                // The count is a hint that some publishers get wrong; the end marker decides.
                self.source.take(4)?;
                self.properties(depth)
            }
            marker::STRICT_ARRAY => self.entries(depth),
            marker::DATE => {
                let date = self.source.double()?;
                self.source.take(2)?;
                Ok(Value::Date(date))
            }
            marker::LONG_STRING | marker::XML => {
                let length = u32::from_be_bytes(self.source.array()?);
                self.source.text(usize::try_from(length).unwrap_or(usize::MAX)).map(Value::String)
            }
            marker::TYPED_OBJECT => {
                self.short_text()?;
                self.properties(depth)
            }
            marker::AVMPLUS => amf3::read_value(&mut self.source, &mut self.references, depth + 1),
            other => Err(Error::Type(other)),
        }
    }

    fn properties(&mut self, depth: usize) -> Result<Value, Error> {
        let mut properties = Vec::new();
        loop {
            let name = self.short_text()?;
            if name.is_empty() && self.source.peek() == Some(marker::OBJECT_END) {
                self.source.byte()?;
                return Ok(Value::Object(properties));
            }
            properties.push((name, self.value(depth + 1)?));
        }
    }

    fn entries(&mut self, depth: usize) -> Result<Value, Error> {
        let count = u32::from_be_bytes(self.source.array()?);
        let mut entries = Vec::new();
        // Not reserved ahead: a count costs the peer four bytes, an entry one at least.
        for _ in 0..count {
            entries.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(entries))
    }

    fn short_text(&mut self) -> Result<String, Error> {
        let length = u16::from_be_bytes(self.source.array()?);
        self.source.text(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: &Value) -> BytesMut {
        let mut out = BytesMut::new();
        write(&mut out, value);
        out
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            (-1e9..1e9f64).prop_map(Value::Number),
            any::<bool>().prop_map(Value::Boolean),
            ".{0,12}".prop_map(Value::String),
            Just(Value::Null),
            Just(Value::Undefined),
            (0.0..1e13f64).prop_map(Value::Date),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(("[a-z]{1,6}", inner.clone()), 0..5).prop_map(Value::Object),
                proptest::collection::vec(inner, 0..5).prop_map(Value::Array),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in values()) {
            prop_assert_eq!(read_all(&written(&value)), Ok(vec![value]));
        }

        #[test]
        fn no_bytes_whatever_reach_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_all(&bytes);
        }
    }

    #[test]
    fn an_ecma_array_ends_where_it_ends_whatever_its_count_says() {
        let mut bytes = vec![8, 0xff, 0xff, 0xff, 0xff, 0, 1, b'a', 5, 0, 0, 9];
        assert_eq!(read_all(&bytes), Ok(vec![Value::object([("a", Value::Null)])]));
        bytes.truncate(9);
        assert_eq!(read_all(&bytes), Err(Error::Truncated { missing: 2 }));
    }

    #[test]
    fn a_long_string_is_written_with_its_own_marker() {
        let text = Value::String("x".repeat(65_000) + "é");
        assert_eq!(written(&text)[0], marker::STRING);
        let text = Value::String("x".repeat(65_536));
        assert_eq!(written(&text)[0], marker::LONG_STRING);
    }

    #[test]
    fn bombs_are_refused_before_they_cost_anything() {
        assert_eq!(read_all(&[marker::STRICT_ARRAY, 0, 0, 0, 1].repeat(17)), Err(Error::TooDeep));
        let mut wide = vec![marker::STRICT_ARRAY, 0xff, 0xff, 0xff, 0xff];
        wide.extend([marker::NULL; 2000]);
        assert_eq!(read_all(&wide), Err(Error::TooManyNodes));
        assert_eq!(read_all(&[marker::NULL; 1001]), Err(Error::TooManyNodes));
        assert_eq!(read_all(&vec![0; BYTES_MAX + 1]), Err(Error::TooLong(BYTES_MAX + 1)));
        let long = [marker::LONG_STRING, 0xff, 0xff, 0xff, 0xff, b'x'];
        assert!(matches!(read_all(&long), Err(Error::Truncated { .. })));
        assert_eq!(read_all(&[0x0e, 0x0a]), Err(Error::Type(0x0e)));
    }
}
