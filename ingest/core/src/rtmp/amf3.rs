//! AMF 3 values, read only (Adobe, "Action Message Format -- AMF 3", 2013), within AMF 0's budget. Encoders
//! built on Flash send them; we always answer in AMF 0, which `connect` tells them.
//!
//! Texts and classes may be sent by reference, and are looked up. References to objects are read as
//! undefined, as in AMF 0: nothing that publishing needs is sent so, and a tree that may contain itself is a
//! trap for whoever walks it.

#[cfg(test)]
mod tests;

use super::amf::Source;
pub use super::amf::{BYTES_MAX, DEPTH_MAX, Error, NODES_MAX, Value};

mod marker {
    pub(super) const UNDEFINED: u8 = 0x00;
    pub(super) const NULL: u8 = 0x01;
    pub(super) const FALSE: u8 = 0x02;
    pub(super) const TRUE: u8 = 0x03;
    pub(super) const INTEGER: u8 = 0x04;
    pub(super) const DOUBLE: u8 = 0x05;
    pub(super) const STRING: u8 = 0x06;
    pub(super) const XML_DOCUMENT: u8 = 0x07;
    pub(super) const DATE: u8 = 0x08;
    pub(super) const ARRAY: u8 = 0x09;
    pub(super) const OBJECT: u8 = 0x0a;
    pub(super) const XML: u8 = 0x0b;
    pub(super) const BYTE_ARRAY: u8 = 0x0c;
    pub(super) const VECTOR_INT: u8 = 0x0d;
    pub(super) const VECTOR_UINT: u8 = 0x0e;
    pub(super) const VECTOR_DOUBLE: u8 = 0x0f;
    pub(super) const VECTOR_OBJECT: u8 = 0x10;
    pub(super) const DICTIONARY: u8 = 0x11;
}

/// Flex classes that write themselves as one value.
const WRAPPERS: [&str; 3] =
    ["flex.messaging.io.ArrayCollection", "flex.messaging.io.ArrayList", "flex.messaging.io.ObjectProxy"];

/// Texts and classes of one message that later values may point at, in their order.
#[derive(Debug, Default)]
pub(super) struct References {
    texts: Vec<String>,
    classes: Vec<Class>,
}

/// The form of an object ("traits").
#[derive(Debug, Default)]
struct Class {
    name: String,
    members: Vec<String>,
    /// Further properties follow, with their names.
    dynamic: bool,
    externalizable: bool,
}

/// What the lowest bit of a header says.
enum Header {
    /// It was sent before, at this place.
    Reference(usize),
    /// It follows, in this length or count.
    Inline(usize),
}

/// Reads all values of a message. Byte arrays are skipped and read as undefined; arrays that have names as
/// well as places, and dictionaries, become objects.
///
/// # Errors
/// When they end early, are over a limit, point at nothing, or have no such type.
pub fn read_all(bytes: &[u8]) -> Result<Vec<Value>, Error> {
    let (mut source, mut references) = (Source::new(bytes)?, References::default());
    let mut values = Vec::new();
    while !source.is_empty() {
        values.push(read_value(&mut source, &mut references, 0)?);
    }
    Ok(values)
}

/// Reads one value that stands inside `depth` others.
pub(super) fn read_value(
    source: &mut Source<'_>,
    references: &mut References,
    depth: usize,
) -> Result<Value, Error> {
    Reader { source, references }.value(depth)
}

struct Reader<'r, 'a> {
    source: &'r mut Source<'a>,
    references: &'r mut References,
}

impl Reader<'_, '_> {
    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        self.source.begin_value(depth)?;
        match self.source.byte()? {
            marker::UNDEFINED => Ok(Value::Undefined),
            marker::NULL => Ok(Value::Null),
            marker::FALSE => Ok(Value::Boolean(false)),
            marker::TRUE => Ok(Value::Boolean(true)),
            // 3.6: 29 bits, the uppermost of which is the sign.
            marker::INTEGER => Ok(Value::Number(f64::from((self.u29()?.cast_signed() << 3) >> 3))),
            marker::DOUBLE => self.source.double().map(Value::Number),
            marker::STRING => self.text().map(Value::String),
            marker::XML_DOCUMENT | marker::XML => {
                self.inline(|reader, length| reader.source.text(length).map(Value::String))
            }
            marker::DATE => self.inline(|reader, _| reader.source.double().map(Value::Date)),
            marker::ARRAY => self.inline(|reader, count| reader.array(count, depth)),
            marker::OBJECT => self.object(depth),
            marker::BYTE_ARRAY => {
                self.inline(|reader, length| reader.source.take(length).map(|_| Value::Undefined))
            }
            marker::VECTOR_INT => {
                self.vector(|source| source.array().map(|bytes| f64::from(i32::from_be_bytes(bytes))))
            }
            marker::VECTOR_UINT => {
                self.vector(|source| source.array().map(|bytes| f64::from(u32::from_be_bytes(bytes))))
            }
            marker::VECTOR_DOUBLE => self.vector(|source| source.double()),
            marker::VECTOR_OBJECT => self.inline(|reader, count| {
                reader.source.byte()?;
                reader.text()?;
                reader.entries(count, depth).map(Value::Array)
            }),
            marker::DICTIONARY => self.inline(|reader, count| reader.dictionary(count, depth)),
            other => Err(Error::Amf3Type(other)),
        }
    }

    /// A value that may have been sent before; then it is read as undefined.
    fn inline(
        &mut self,
        read: impl FnOnce(&mut Self, usize) -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        match self.header()? {
            Header::Reference(_) => Ok(Value::Undefined),
            Header::Inline(length) => read(self, length),
        }
    }

    /// 3.11: entries with names, an empty name, entries with places.
    fn array(&mut self, count: usize, depth: usize) -> Result<Value, Error> {
        let mut properties = self.named(depth)?;
        let entries = self.entries(count, depth)?;
        if properties.is_empty() {
            return Ok(Value::Array(entries));
        }
        properties.extend(entries.into_iter().enumerate().map(|(at, entry)| (at.to_string(), entry)));
        Ok(Value::Object(properties))
    }

    /// 3.12: the class, the values of its members, and perhaps more with their names.
    fn object(&mut self, depth: usize) -> Result<Value, Error> {
        let header = self.u29()?;
        if header & 1 == 0 {
            return Ok(Value::Undefined);
        }
        let at = if header & 2 == 0 { usize_of(header >> 2) } else { self.class(header)? };
        let class = self.references.classes.get(at).ok_or(Error::Reference(at))?;
        if class.externalizable {
            if !WRAPPERS.contains(&class.name.as_str()) {
                return Err(Error::Externalizable);
            }
            return self.value(depth + 1);
        }
        let (members, dynamic) = (class.members.len(), class.dynamic);
        let mut properties = Vec::new();
        for member in 0..members {
            // The class may stand for many objects: its names are paid for with each.
            let name = &self.references.classes[at].members[member];
            self.source.repeat_text(name)?;
            let name = name.clone();
            properties.push((name, self.value(depth + 1)?));
        }
        if dynamic {
            properties.extend(self.named(depth)?);
        }
        Ok(Value::Object(properties))
    }

    /// A class that comes for the first time; answers its place.
    fn class(&mut self, header: u32) -> Result<usize, Error> {
        let externalizable = header & 4 != 0;
        let mut class =
            Class { externalizable, dynamic: header & 8 != 0, name: self.text()?, members: Vec::new() };
        let members = if externalizable { 0 } else { usize_of(header >> 4) };
        // Not reserved ahead: each name costs the peer a byte.
        for _ in 0..members {
            self.source.begin_value(0)?;
            class.members.push(self.text()?);
        }
        self.references.classes.push(class);
        Ok(self.references.classes.len() - 1)
    }

    /// Keys that are no texts have no name under which anybody could ask for them.
    fn dictionary(&mut self, count: usize, depth: usize) -> Result<Value, Error> {
        self.source.byte()?;
        let mut properties = Vec::new();
        for _ in 0..count {
            let (key, value) = (self.value(depth + 1)?, self.value(depth + 1)?);
            if let Value::String(key) = key {
                properties.push((key, value));
            }
        }
        Ok(Value::Object(properties))
    }

    fn vector(&mut self, entry: impl Fn(&mut Source<'_>) -> Result<f64, Error>) -> Result<Value, Error> {
        self.inline(|reader, count| {
            reader.source.byte()?;
            let mut entries = Vec::new();
            for _ in 0..count {
                reader.source.begin_value(0)?;
                entries.push(Value::Number(entry(reader.source)?));
            }
            Ok(Value::Array(entries))
        })
    }

    fn entries(&mut self, count: usize, depth: usize) -> Result<Vec<Value>, Error> {
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(self.value(depth + 1)?);
        }
        Ok(entries)
    }

    /// Names and values, up to the empty name.
    fn named(&mut self, depth: usize) -> Result<Vec<(String, Value)>, Error> {
        let mut properties = Vec::new();
        loop {
            let name = self.text()?;
            if name.is_empty() {
                return Ok(properties);
            }
            properties.push((name, self.value(depth + 1)?));
        }
    }

    /// 3.8 and 1.3.2: the empty text is never sent by reference, and never pointed at.
    fn text(&mut self) -> Result<String, Error> {
        let text = match self.header()? {
            Header::Reference(at) => {
                let text = self.references.texts.get(at).ok_or(Error::Reference(at))?;
                self.source.repeat_text(text)?;
                text.clone()
            }
            Header::Inline(length) => {
                let text = self.source.text(length)?;
                if length > 0 {
                    self.references.texts.push(text.clone());
                }
                text
            }
        };
        Ok(text)
    }

    fn header(&mut self) -> Result<Header, Error> {
        let header = self.u29()?;
        let rest = usize_of(header >> 1);
        Ok(if header & 1 == 0 { Header::Reference(rest) } else { Header::Inline(rest) })
    }

    /// 1.3.1: seven bits a byte while the uppermost is set, all eight of the fourth.
    fn u29(&mut self) -> Result<u32, Error> {
        let mut number = 0;
        for _ in 0..3 {
            let byte = self.source.byte()?;
            number = (number << 7) | u32::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Ok((number << 8) | u32::from(self.source.byte()?))
    }
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).expect("29 bits fit a usize")
}
