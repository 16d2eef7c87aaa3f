//! The publisher's side of one connection: connect, publish, send, say goodbye. Does no IO; every call
//! must be followed by draining [`Client::poll_output`].

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use media::{AccessUnit, AudioConfig, MediaTime, TrackKind, VideoConfig};

use super::{
    SecretKey,
    amf0::{self, Value},
    chunk::{self, Limits, Message, Reader, Writer},
    command::{self, Command},
    handshake::{self, Handshake},
    message::{self, Event, chunk_stream, kind},
};
use crate::flv;

/// Chunks that the client sends, in bytes: a picture then costs few headers.
const CHUNK_BYTES: u32 = 60_000;

/// Where to publish.
#[derive(Clone, Debug)]
pub struct Config {
    /// The application, `live` in `rtmp://HOST/live`.
    pub app: String,
    /// The whole URL without the key.
    pub url: String,
    /// The stream key.
    pub key: SecretKey,
}

/// What is to be done, or has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// These bytes go to the server.
    Send(Bytes),
    /// The server took the publication: media may be sent.
    Publishing,
    /// The server ended or refused it. Nothing follows.
    Ended {
        /// Status code, such as `NetStream.Publish.BadName`; empty for a protocol error.
        code: String,
        /// For a person.
        description: String,
    },
}

/// One publication from the publisher's side.
#[derive(Debug)]
pub struct Client {
    config: Config,
    handshake: Handshake,
    reader: Reader,
    writer: Writer,
    state: State,
    received_bytes: u64,
    acknowledged_bytes: u64,
    ack_window_bytes: u64,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Connecting,
    Creating,
    Asking { stream: u32 },
    Publishing { stream: u32 },
    Ended,
}

/// Transactions of the calls whose answers matter.
const CONNECT: f64 = 1.0;
const CREATE_STREAM: f64 = 4.0;

impl Client {
    /// Begins a connection. `nonce`: random bytes for the handshake.
    #[must_use]
    pub fn new(config: Config, nonce: [u8; 32]) -> Self {
        let (handshake, opening) = Handshake::client(nonce);
        Self {
            config,
            handshake,
            reader: Reader::new(Limits::BEFORE_ADMISSION),
            writer: Writer::new(),
            state: State::Greeting,
            received_bytes: 0,
            acknowledged_bytes: 0,
            ack_window_bytes: u64::MAX,
            outputs: VecDeque::from([Output::Send(opening.into())]),
        }
    }

    /// Bytes from the server.
    pub fn handle_input(&mut self, mut input: &[u8]) {
        self.received_bytes += u64::try_from(input.len()).unwrap_or(u64::MAX);
        if let Err(description) = self.process(&mut input) {
            self.end(String::new(), description);
        }
        if self.state != State::Ended
            && self.received_bytes - self.acknowledged_bytes >= self.ack_window_bytes
        {
            self.acknowledged_bytes = self.received_bytes;
            let [.., a, b, c, d] = self.received_bytes.to_be_bytes();
            self.send(&message::number(kind::ACKNOWLEDGEMENT, u32::from_be_bytes([a, b, c, d])));
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The server took the publication and it has not ended.
    #[must_use]
    pub const fn is_publishing(&self) -> bool {
        matches!(self.state, State::Publishing { .. })
    }

    /// Sends `onMetaData`. Like all that follows: ignored unless publishing.
    pub fn metadata(&mut self, properties: Value) {
        let payload = command::data(&["@setDataFrame".into(), "onMetaData".into(), properties]);
        self.media(kind::DATA, chunk_stream::AUDIO, 0, payload);
    }

    /// Sends the configuration of the pictures.
    pub fn video_config(&mut self, config: &VideoConfig, at: MediaTime) {
        let payload = flv::write::video_config(&config.avcc);
        self.media(kind::VIDEO, chunk_stream::VIDEO, wrapped_ms(at), payload);
    }

    /// Sends the configuration of the sound.
    pub fn audio_config(&mut self, config: &AudioConfig, at: MediaTime) {
        let payload = flv::write::audio_config(&config.asc);
        self.media(kind::AUDIO, chunk_stream::AUDIO, wrapped_ms(at), payload);
    }

    /// Sends a picture or a frame of sound. Times are rounded to milliseconds, as RTMP has them.
    pub fn unit(&mut self, unit: &AccessUnit) {
        let timestamp_ms = wrapped_ms(unit.decode_at);
        match unit.track {
            TrackKind::Audio => {
                let payload = flv::write::audio(&unit.payload);
                self.media(kind::AUDIO, chunk_stream::AUDIO, timestamp_ms, payload);
            }
            TrackKind::Video => {
                let offset_ms = unit.present_at.as_ms() - unit.decode_at.as_ms();
                let offset_ms = i32::try_from(offset_ms).unwrap_or_default();
                let payload = flv::write::video(unit.key, offset_ms, &unit.payload);
                self.media(kind::VIDEO, chunk_stream::VIDEO, timestamp_ms, payload);
            }
        }
    }

    /// Sends a tag body as it is.
    pub fn tag(&mut self, track: TrackKind, timestamp_ms: u32, body: Bytes) {
        let (kind, chunk_stream) = match track {
            TrackKind::Audio => (kind::AUDIO, chunk_stream::AUDIO),
            TrackKind::Video => (kind::VIDEO, chunk_stream::VIDEO),
        };
        self.media(kind, chunk_stream, timestamp_ms, body);
    }

    /// Says goodbye: the server knows that the publication was meant to end.
    pub fn stop(&mut self) {
        let State::Publishing { stream } = self.state else { return };
        self.call("FCUnpublish", 6.0, vec![Value::Null, self.config.key.expose().into()]);
        self.call("deleteStream", 7.0, vec![Value::Null, f64::from(stream).into()]);
        self.state = State::Ended;
    }

    fn process(&mut self, input: &mut &[u8]) -> Result<(), String> {
        if !self.handshake.is_done() {
            let answer =
                self.handshake.handle_input(input).map_err(|error: handshake::Error| error.to_string())?;
            if !answer.is_empty() {
                self.outputs.push_back(Output::Send(answer.into()));
            }
            if !self.handshake.is_done() {
                return Ok(());
            }
            self.connect();
        }
        while self.state != State::Ended {
            let message = self.reader.read(input).map_err(|error: chunk::Error| error.to_string())?;
            let Some(message) = message else { break };
            self.handle_message(&message).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn connect(&mut self) {
        self.state = State::Connecting;
        self.send(&message::number(kind::SET_CHUNK_SIZE, CHUNK_BYTES));
        self.writer.set_chunk_bytes(CHUNK_BYTES);
        let target = Value::object([
            ("app", self.config.app.as_str().into()),
            ("type", "nonprivate".into()),
            ("flashVer", "FMLE/3.0 (compatible; lectern)".into()),
            ("tcUrl", self.config.url.as_str().into()),
        ]);
        self.call("connect", CONNECT, vec![target]);
    }

    fn handle_message(&mut self, message: &Message) -> Result<(), amf0::Error> {
        let number = || message::read_number(&message.payload);
        match message.kind {
            kind::SET_CHUNK_SIZE => {
                if let Some(bytes) = number() {
                    self.reader.set_chunk_bytes(bytes);
                }
            }
            kind::ABORT => {
                if let Some(chunk_stream) = number() {
                    self.reader.abort(chunk_stream);
                }
            }
            kind::WINDOW_SIZE => {
                if let Some(bytes) = number().filter(|bytes| *bytes > 0) {
                    self.ack_window_bytes = u64::from(bytes);
                }
            }
            kind::PEER_BANDWIDTH => {
                if let Some(bytes) = number() {
                    self.send(&message::number(kind::WINDOW_SIZE, bytes));
                }
            }
            kind::USER_CONTROL => {
                if let Some(Event::PingRequest(time)) = Event::read(&message.payload) {
                    self.send(&Event::PingResponse(time).message());
                }
            }
            kind::COMMAND | kind::COMMAND_AMF3 => {
                self.handle_command(&Command::read(message.kind, &message.payload)?);
            }
            _ => {}
        }
        Ok(())
    }

    fn handle_command(&mut self, command: &Command) {
        let information = command.values.get(1);
        let text = |name| {
            let text = information.and_then(|value| value.property(name)).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        match (command.name.as_str(), self.state) {
            ("_result", State::Connecting) if command.transaction == CONNECT => self.create_stream(),
            ("_result", State::Creating) if command.transaction == CREATE_STREAM => {
                let stream = information.and_then(Value::as_number).unwrap_or(1.0);
                self.publish(stream);
            }
            ("_error", State::Connecting | State::Creating)
                if [CONNECT, CREATE_STREAM].contains(&command.transaction) =>
            {
                self.end(text("code"), text("description"));
            }
            ("onStatus", _) => {
                let code = text("code");
                match (code.as_str(), self.state) {
                    ("NetStream.Publish.Start", State::Asking { stream }) => {
                        self.state = State::Publishing { stream };
                        self.outputs.push_back(Output::Publishing);
                    }
                    ("NetConnection.Connect.Closed" | "NetStream.Unpublish.Success", _) => {
                        self.end(code, text("description"));
                    }
                    _ if text("level") == "error" => self.end(code, text("description")),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn create_stream(&mut self) {
        self.state = State::Creating;
        let key = self.config.key.expose().to_owned();
        self.call("releaseStream", 2.0, vec![Value::Null, key.as_str().into()]);
        self.call("FCPublish", 3.0, vec![Value::Null, key.as_str().into()]);
        self.call("createStream", CREATE_STREAM, vec![Value::Null]);
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float to int saturates")]
    fn publish(&mut self, stream: f64) {
        let stream = stream as u32;
        self.state = State::Asking { stream };
        let values = vec![Value::Null, self.config.key.expose().into(), "live".into()];
        self.send(&Command::new("publish", 5.0, values).message(stream));
    }

    fn call(&mut self, name: &str, transaction: f64, values: Vec<Value>) {
        self.send(&Command::new(name, transaction, values).message(0));
    }

    fn media(&mut self, kind: u8, chunk_stream: u32, timestamp_ms: u32, payload: Bytes) {
        let State::Publishing { stream } = self.state else { return };
        self.send(&Message { chunk_stream, timestamp_ms, kind, stream, payload });
    }

    fn send(&mut self, message: &Message) {
        let mut bytes = BytesMut::new();
        self.writer.write(&mut bytes, message);
        self.outputs.push_back(Output::Send(bytes.freeze()));
    }

    fn end(&mut self, code: String, description: String) {
        if self.state == State::Ended {
            return;
        }
        self.state = State::Ended;
        self.outputs.push_back(Output::Ended { code, description });
    }
}

/// Milliseconds as RTMP counts them: 32 bits, wrapping.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "RTMP time wraps")]
fn wrapped_ms(at: MediaTime) -> u32 {
    at.as_ms() as u32
}
