//! What AMF 0 and AMF 3 have in common: values, and a source of bytes with a budget. Depth, values, bytes
//! and text are limited before memory is taken.

use thiserror::Error;

/// Objects and arrays inside each other.
pub const DEPTH_MAX: usize = 16;
/// Values in one message, properties, array entries and the member names of AMF 3 classes included.
pub const NODES_MAX: usize = 1000;
/// Bytes of one message's values.
pub const BYTES_MAX: usize = 64 << 10;

/// Why values could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// The message ends inside a value.
    #[error("AMF value ends {missing} bytes early")]
    Truncated {
        /// How many bytes are missing.
        missing: usize,
    },
    /// Deeper than [`DEPTH_MAX`].
    #[error("AMF values are nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// More than [`NODES_MAX`] values.
    #[error("more than {NODES_MAX} AMF values")]
    TooManyNodes,
    /// More than [`BYTES_MAX`] bytes, or as many in texts that references repeat.
    #[error("AMF values of {0} bytes are over {BYTES_MAX}")]
    TooLong(usize),
    /// A type that RTMP publishers do not send (movie clips, record sets).
    #[error("AMF 0 type {0:#04x} is not supported")]
    Type(u8),
    /// No such type in AMF 3.
    #[error("AMF 3 type {0:#04x} does not exist")]
    Amf3Type(u8),
    /// An AMF 3 reference to a text or class that did not come before.
    #[error("AMF 3 reference {0} points at nothing")]
    Reference(usize),
    /// An AMF 3 object that writes itself in a form which only its class knows.
    #[error("AMF 3 class has a form of its own")]
    Externalizable,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Every number is a double.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Text; what is no UTF-8 is replaced. Long strings and XML documents too.
    String(String),
    /// Properties in their order. ECMA arrays and typed objects too.
    Object(Vec<(String, Self)>),
    /// Entries of a strict array.
    Array(Vec<Self>),
    /// Milliseconds since 1970.
    Date(f64),
    /// Null.
    Null,
    /// Undefined, unsupported, and references to earlier objects.
    Undefined,
}

impl Value {
    /// An object from names and values.
    pub fn object<'a>(properties: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Object(properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// A property by its name, if this is an object that has it.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Self> {
        let Self::Object(properties) = self else { return None };
        properties.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

/// What is left of a message, and of what it may cost.
#[derive(Debug)]
pub(super) struct Source<'a> {
    rest: &'a [u8],
    nodes: usize,
    text_bytes: usize,
}

impl<'a> Source<'a> {
    /// All of a message's values.
    pub(super) const fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > BYTES_MAX {
            return Err(Error::TooLong(bytes.len()));
        }
        Ok(Self { rest: bytes, nodes: 0, text_bytes: 0 })
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte, which stays.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// A value begins, inside so many others.
    pub(super) const fn begin_value(&mut self, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_MAX {
            return Err(Error::TooDeep);
        }
        self.nodes += 1;
        if self.nodes > NODES_MAX { Err(Error::TooManyNodes) } else { Ok(()) }
    }

    /// A text is copied that may have cost the peer no more than a reference.
    pub(super) const fn repeat_text(&mut self, text: &str) -> Result<(), Error> {
        self.text_bytes += text.len();
        if self.text_bytes > BYTES_MAX { Err(Error::TooLong(self.text_bytes)) } else { Ok(()) }
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn double(&mut self) -> Result<f64, Error> {
        self.array().map(f64::from_be_bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let missing = N.saturating_sub(self.rest.len());
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or(Error::Truncated { missing })?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let missing = length.saturating_sub(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Error::Truncated { missing })?;
        self.rest = rest;
        Ok(taken)
    }

    /// UTF-8 of a length; what is none is replaced.
    pub(super) fn text(&mut self, length: usize) -> Result<String, Error> {
        self.take(length).map(|text| String::from_utf8_lossy(text).into_owned())
    }
}
