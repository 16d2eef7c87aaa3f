//! Commands and data messages (RTMP 1.0 section 7): a name, a transaction, values.

use bytes::{Bytes, BytesMut};

use super::{
    amf0::{self, Value},
    amf3,
    chunk::Message,
    message::{chunk_stream, kind},
};

/// A remote call, or an answer to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What is called; `_result` and `_error` answer.
    pub name: String,
    /// Which call an answer belongs to; zero expects none.
    pub transaction: f64,
    /// The command object (or null) and the arguments.
    pub values: Vec<Value>,
}

impl Command {
    /// A command from its parts.
    #[must_use]
    pub fn new(name: &str, transaction: f64, values: Vec<Value>) -> Self {
        Self { name: name.to_owned(), transaction, values }
    }

    /// `onStatus` (7.2.2): how a stream does.
    #[must_use]
    pub fn on_status(level: Level, code: &str, description: &str) -> Self {
        Self::new("onStatus", 0.0, vec![Value::Null, info(level, code, description)])
    }

    /// Reads the body of a command message.
    ///
    /// # Errors
    /// When its values cannot be read.
    pub fn read(message_kind: u8, payload: &[u8]) -> Result<Self, amf0::Error> {
        let mut values = read_values(message_kind, payload)?.into_iter();
        let name = values.next().as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let transaction = values.next().as_ref().and_then(Value::as_number).unwrap_or_default();
        Ok(Self { name, transaction, values: values.collect() })
    }

    /// As a message on a message stream (zero: the connection).
    #[must_use]
    pub fn message(&self, stream: u32) -> Message {
        let mut body = BytesMut::new();
        amf0::write(&mut body, &Value::from(self.name.as_str()));
        amf0::write(&mut body, &Value::Number(self.transaction));
        for value in &self.values {
            amf0::write(&mut body, value);
        }
        let chunk_stream = if stream == 0 { chunk_stream::COMMAND } else { chunk_stream::STREAM };
        Message { chunk_stream, timestamp_ms: 0, kind: kind::COMMAND, stream, payload: body.freeze() }
    }

    /// The first argument behind the command object, as text.
    #[must_use]
    pub fn text_argument(&self) -> Option<&str> {
        self.values.get(1).and_then(Value::as_str)
    }
}

/// How bad a status is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All is well.
    Status,
    /// The publisher must stop.
    Error,
}

/// An information object.
#[must_use]
pub fn info(level: Level, code: &str, description: &str) -> Value {
    let level = match level {
        Level::Status => "status",
        Level::Error => "error",
    };
    Value::object([("level", level.into()), ("code", code.into()), ("description", description.into())])
}

/// The values of a command or data message. In AMF 3 clothes (types 15 and 17) a format byte stands before
/// them: 0 for AMF 0 values, each of which may change over to AMF 3; 3 for AMF 3 values throughout. Where
/// it is left out the values are AMF 0.
///
/// # Errors
/// When a value cannot be read.
pub fn read_values(message_kind: u8, payload: &[u8]) -> Result<Vec<Value>, amf0::Error> {
    let dressed = matches!(message_kind, kind::COMMAND_AMF3 | kind::DATA_AMF3);
    match payload {
        [0, rest @ ..] if dressed => amf0::read_all(rest),
        // No command and no note begins with an AMF 0 object, which has the same marker.
        [3, rest @ ..] if dressed => amf3::read_all(rest),
        all => amf0::read_all(all),
    }
}

/// The properties of the `onMetaData` that a publisher sends, also behind `@setDataFrame`.
#[must_use]
pub fn metadata(values: &[Value]) -> Option<&Value> {
    match values {
        [name, set, value, ..]
            if name.as_str() == Some("@setDataFrame") && set.as_str() == Some("onMetaData") =>
        {
            Some(value)
        }
        [name, value, ..] if name.as_str() == Some("onMetaData") => Some(value),
        _ => None,
    }
}

/// The body of a data message.
#[must_use]
pub fn data(values: &[Value]) -> Bytes {
    let mut body = BytesMut::new();
    for value in values {
        amf0::write(&mut body, value);
    }
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_back_in_either_clothes() {
        let command = Command::new("publish", 5.0, vec![Value::Null, "name".into(), "live".into()]);
        let message = command.message(1);
        assert_eq!(Command::read(kind::COMMAND, &message.payload).unwrap(), command);
        let mut dressed = vec![0];
        dressed.extend(&message.payload);
        assert_eq!(Command::read(kind::COMMAND_AMF3, &dressed).unwrap(), command);
        assert_eq!(Command::read(kind::COMMAND_AMF3, &message.payload).unwrap(), command);
    }

    #[test]
    fn an_empty_body_is_a_command_without_name() {
        let command = Command::read(kind::COMMAND, &[]).unwrap();
        assert_eq!((command.name.as_str(), command.transaction), ("", 0.0));
        assert_eq!(Command::read(kind::COMMAND_AMF3, &[]).unwrap().name, "");
    }

    #[test]
    fn metadata_is_found_in_both_forms() {
        let properties = Value::object([("framerate", 30.0.into())]);
        let wrapped = ["@setDataFrame".into(), "onMetaData".into(), properties.clone()];
        assert_eq!(metadata(&wrapped), Some(&properties));
        assert_eq!(metadata(&["onMetaData".into(), properties.clone()]), Some(&properties));
        assert_eq!(metadata(&["onCuePoint".into(), properties]), None);
    }
}
