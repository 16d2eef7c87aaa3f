//! The server's side of one connection: from the handshake to the last picture. Does no IO and reads no
//! clock; every input must be followed by draining [`Session::poll_output`].

mod config;
mod output;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use output::{CloseReason, Output, ProtocolError};

use std::{collections::VecDeque, time::Instant};

use bytes::{Bytes, BytesMut};

use super::{
    SecretKey,
    amf0::Value,
    chunk::{Limits, Message, Reader, Writer},
    command::{self, Command, Level, info},
    handshake::Handshake,
    message::{self, Event, kind},
};
use crate::flv::{Demuxer, Refusal, Sample};

/// Message streams that one connection may create.
const STREAMS_MAX: u32 = 8;
/// Longest stream key that is passed on; ours have some 60 characters.
const KEY_BYTES_MAX: usize = 256;
/// Input that is kept while the key is judged. The shell does not read meanwhile, so this is one read.
const HELD_BYTES_MAX: usize = 1 << 20;

/// One publisher's connection.
#[derive(Debug)]
pub struct Session {
    config: Config,
    handshake: Handshake,
    reader: Reader,
    writer: Writer,
    state: State,
    demuxer: Demuxer,
    streams_created: u32,
    /// Input behind a `publish` that is not answered yet.
    held: BytesMut,
    deadline: Option<(Deadline, Instant)>,
    received_bytes: u64,
    acknowledged_bytes: u64,
    /// After so many bytes the publisher wants to hear that they came.
    ack_window_bytes: u64,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Handshake, or before `connect`.
    Greeting,
    /// Connected to our application.
    Connected,
    /// `publish` was read on this message stream; the key is being judged.
    Judged { stream: u32 },
    /// Media flows on this message stream.
    Publishing { stream: u32 },
    /// Nothing is read or sent any more.
    Closed,
}

/// What ends a connection by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deadline {
    /// A stranger must have said `publish` by then.
    Publish,
    /// A publisher must have sent media by then.
    Silence,
}

impl Session {
    /// A connection that was just accepted. `nonce`: random bytes for the handshake.
    #[must_use]
    pub fn new(config: Config, nonce: [u8; 32], now: Instant) -> Self {
        Self {
            handshake: Handshake::server(nonce),
            reader: Reader::new(Limits::BEFORE_ADMISSION),
            writer: Writer::new(),
            state: State::Greeting,
            demuxer: Demuxer::new(),
            streams_created: 0,
            held: BytesMut::new(),
            deadline: Some((Deadline::Publish, now + config.publish_deadline)),
            received_bytes: 0,
            acknowledged_bytes: 0,
            ack_window_bytes: u64::from(config.window_bytes),
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Bytes from the publisher. While [`Session::wants_input`] says no they are only kept.
    pub fn handle_input(&mut self, input: &[u8], now: Instant) {
        match self.state {
            State::Closed => return,
            State::Judged { .. } => return self.hold(input),
            State::Greeting | State::Connected | State::Publishing { .. } => {}
        }
        self.process(input, now);
        self.acknowledge();
    }

    /// The publisher closed his side of the connection.
    pub fn handle_end_of_input(&mut self) {
        self.finish(CloseReason::PeerClosed);
    }

    /// The time [`Session::poll_timeout`] named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some((deadline, _)) = self.deadline.filter(|(_, at)| *at <= now) else { return };
        match deadline {
            Deadline::Publish => self.finish(CloseReason::NeverPublished),
            Deadline::Silence => self.finish(CloseReason::Silent),
        }
    }

    /// The key of [`Output::Admit`] was right.
    pub fn admitted(&mut self, now: Instant) {
        let State::Judged { stream } = self.state else { return };
        self.state = State::Publishing { stream };
        self.deadline = Some((Deadline::Silence, now + self.config.silence));
        self.reader.set_limits(Limits::ADMITTED);
        self.demuxer = Demuxer::new();
        self.send(&Event::StreamBegin(stream).message());
        let start =
            Command::on_status(Level::Status, "NetStream.Publish.Start", "The publication has begun.");
        self.send(&start.message(stream));
        let held = std::mem::take(&mut self.held);
        self.process(&held, now);
        self.acknowledge();
    }

    /// The publication is not taken; `description` is for the person at the encoder.
    pub fn refused(&mut self, code: &'static str, description: &str) {
        let State::Judged { stream } = self.state else { return };
        self.send(&Command::on_status(Level::Error, code, description).message(stream));
        self.finish(CloseReason::Refused { code, description: description.to_owned() });
    }

    /// The server ends the connection: the publisher is told, as far as RTMP has words for it.
    pub fn close(&mut self, reason: CloseReason) {
        let stream = match self.state {
            State::Publishing { stream } | State::Judged { stream } => Some(stream),
            State::Greeting | State::Connected => None,
            State::Closed => return,
        };
        if let Some(stream) = stream {
            let code = "NetStream.Unpublish.Success";
            let status = Command::on_status(Level::Status, code, &reason.to_string());
            self.send(&status.message(stream));
        }
        if stream.is_some() || self.state == State::Connected {
            let code = "NetConnection.Connect.Closed";
            let status = Command::on_status(Level::Status, code, &reason.to_string());
            self.send(&status.message(0));
        }
        self.finish(reason);
    }

    /// What is to be done, in order; `None` when there is nothing (more).
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Session::handle_timeout`] wants to be called, unless something happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline.map(|(_, at)| at)
    }

    /// Whether reading on makes sense: not while a key is judged, nor after the end.
    #[must_use]
    pub const fn wants_input(&self) -> bool {
        match self.state {
            State::Greeting | State::Connected | State::Publishing { .. } => true,
            State::Judged { .. } | State::Closed => false,
        }
    }

    fn hold(&mut self, input: &[u8]) {
        if self.held.len() + input.len() > HELD_BYTES_MAX {
            return self.finish(CloseReason::Protocol(ProtocolError::Impatient));
        }
        self.held.extend_from_slice(input);
    }

    fn process(&mut self, mut input: &[u8], now: Instant) {
        let before = input.len();
        let outcome = self.process_messages(&mut input, now);
        let used = before - input.len();
        self.received_bytes += u64::try_from(used).unwrap_or(u64::MAX);
        if let Err(error) = outcome {
            return self.finish(CloseReason::Protocol(error));
        }
        if matches!(self.state, State::Judged { .. }) {
            self.hold(input);
        }
    }

    fn process_messages(&mut self, input: &mut &[u8], now: Instant) -> Result<(), ProtocolError> {
        if !self.handshake.is_done() {
            let answer = self.handshake.handle_input(input)?;
            if !answer.is_empty() {
                self.outputs.push_back(Output::Send(answer.into()));
            }
            if !self.handshake.is_done() {
                return Ok(());
            }
        }
        while self.wants_input() {
            let Some(message) = self.reader.read(input)? else { break };
            self.handle_message(&message, now)?;
        }
        Ok(())
    }

    fn handle_message(&mut self, message: &Message, now: Instant) -> Result<(), ProtocolError> {
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
                // A window of nothing is no window.
                if let Some(bytes) = number().filter(|bytes| *bytes > 0) {
                    self.ack_window_bytes = u64::from(bytes);
                }
            }
            kind::USER_CONTROL => {
                if let Some(Event::PingRequest(time)) = Event::read(&message.payload) {
                    self.send(&Event::PingResponse(time).message());
                }
            }
            kind::COMMAND | kind::COMMAND_AMF3 => self.handle_command(message, now)?,
            kind::DATA | kind::DATA_AMF3 => self.handle_data(message),
            kind::AUDIO | kind::VIDEO => self.handle_media(message, now),
            kind::AGGREGATE => {
                for part in message::split_aggregate(message) {
                    self.handle_media(&part, now);
                }
            }
            // Acknowledgements and bandwidth are advice; shared objects are not for a live class.
            _ => {}
        }
        Ok(())
    }

    fn handle_media(&mut self, message: &Message, now: Instant) {
        let State::Publishing { .. } = self.state else { return };
        let sample = match message.kind {
            kind::AUDIO => self.demuxer.audio(message.timestamp_ms, &message.payload),
            kind::VIDEO => self.demuxer.video(message.timestamp_ms, &message.payload),
            _ => return,
        };
        self.deadline = Some((Deadline::Silence, now + self.config.silence));
        match sample {
            Ok(Sample::Nothing) => {}
            Ok(sample) => self.outputs.push_back(Output::Media(sample)),
            Err(refusal) => self.refuse_media(&refusal),
        }
    }

    fn refuse_media(&mut self, refusal: &Refusal) {
        let State::Publishing { stream } = self.state else { return };
        let (code, description) = ("NetStream.Publish.Rejected", refusal.to_string());
        self.send(&Command::on_status(Level::Error, code, &description).message(stream));
        self.finish(CloseReason::Refused { code, description });
    }

    fn handle_data(&mut self, message: &Message) {
        let State::Publishing { .. } = self.state else { return };
        // Notes that cannot be read are notes that nobody misses.
        let Ok(values) = command::read_values(message.kind, &message.payload) else { return };
        if let Some(properties) = command::metadata(&values) {
            self.demuxer.metadata(properties);
        }
    }

    fn handle_command(&mut self, message: &Message, now: Instant) -> Result<(), ProtocolError> {
        let command = Command::read(message.kind, &message.payload)?;
        let before_connect = self.state == State::Greeting;
        match command.name.as_str() {
            "connect" if before_connect => self.connect(&command),
            _ if before_connect => return Err(ProtocolError::NotConnected),
            "createStream" => self.create_stream(&command),
            "releaseStream" | "FCPublish" => self.prepare(&command),
            "publish" => self.publish(&command, message.stream),
            "deleteStream" | "closeStream" | "FCUnpublish" => self.unpublish(&command, now),
            "_checkbw" | "getStreamLength" => self.answer(&command, Value::Null),
            "play" | "play2" => {
                let description = "This server takes publications; lectures are watched over HLS.";
                let status = Command::on_status(Level::Error, "NetStream.Play.Failed", description);
                self.send(&status.message(message.stream));
            }
            "" | "_result" | "_error" | "onStatus" | "onBWDone" => {}
            _ => self.unknown_call(&command),
        }
        Ok(())
    }

    fn connect(&mut self, command: &Command) {
        let argument = command.values.first();
        let text = |name| argument.and_then(|value| value.property(name)).and_then(Value::as_str);
        let app = text("app").unwrap_or_default();
        // OBS and ffmpeg pass on what the user typed, with slashes and queries.
        let bare = app.split('?').next().unwrap_or_default().trim_matches('/');
        if bare != self.config.app {
            let description = format!(
                "There is no application \"{}\" here: set the server to rtmp://HOST/{}",
                bare.escape_default(),
                self.config.app
            );
            let information = info(Level::Error, "NetConnection.Connect.InvalidApp", &description);
            let error = Command::new("_error", command.transaction, vec![Value::Null, information]);
            self.send(&error.message(0));
            let code = "NetConnection.Connect.InvalidApp";
            return self.finish(CloseReason::Refused { code, description });
        }
        self.state = State::Connected;
        self.send(&message::number(kind::WINDOW_SIZE, self.config.window_bytes));
        self.send(&message::peer_bandwidth(self.config.window_bytes));
        self.send(&message::number(kind::SET_CHUNK_SIZE, self.config.chunk_bytes));
        self.writer.set_chunk_bytes(self.config.chunk_bytes);
        let properties = Value::object([
            ("fmsVer", "FMS/3,0,1,123".into()),
            ("capabilities", 31.0.into()),
            ("mode", 1.0.into()),
        ]);
        let mut information = info(Level::Status, "NetConnection.Connect.Success", "Connected.");
        if let Value::Object(entries) = &mut information {
            // Whoever asked for AMF 3 (3) is told that he hears AMF 0; he may go on sending either.
            entries.push(("objectEncoding".to_owned(), 0.0.into()));
        }
        self.send(&Command::new("_result", command.transaction, vec![properties, information]).message(0));
    }

    fn create_stream(&mut self, command: &Command) {
        if self.streams_created >= STREAMS_MAX {
            return self.unknown_call(command);
        }
        self.streams_created += 1;
        self.answer(command, f64::from(self.streams_created).into());
    }

    /// `releaseStream` and `FCPublish` announce a `publish`; nothing depends on them.
    fn prepare(&mut self, command: &Command) {
        self.answer(command, Value::Undefined);
        if command.name == "FCPublish" {
            let information = info(Level::Status, "NetStream.Publish.Start", "Ready to publish.");
            self.send(&Command::new("onFCPublish", 0.0, vec![Value::Null, information]).message(0));
        }
    }

    fn publish(&mut self, command: &Command, stream: u32) {
        let bad =
            |description: &str| Command::on_status(Level::Error, "NetStream.Publish.BadName", description);
        if self.state != State::Connected {
            let status = bad("This connection is publishing already.");
            return self.send(&status.message(stream));
        }
        let name = command.text_argument().unwrap_or_default();
        let key = name.split('?').next().unwrap_or_default();
        self.state = State::Judged { stream };
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return self
                .refused("NetStream.Publish.BadName", "Set the stream key in the encoder: this is none.");
        }
        self.deadline = None;
        self.outputs.push_back(Output::Admit(SecretKey::new(key.to_owned())));
    }

    fn unpublish(&mut self, command: &Command, now: Instant) {
        let publishing = self.state;
        if let State::Publishing { .. } = publishing {
            // Before the answers: an encoder that says goodbye may be gone by then.
            self.outputs.push_back(Output::Stopped);
            self.state = State::Connected;
            self.deadline = Some((Deadline::Publish, now + self.config.publish_deadline));
        }
        if command.transaction != 0.0 && command.name == "FCUnpublish" {
            self.answer(command, Value::Undefined);
        }
        if let State::Publishing { stream } = publishing {
            let code = "NetStream.Unpublish.Success";
            let status = Command::on_status(Level::Status, code, "The publication has ended.");
            self.send(&status.message(stream));
        }
    }

    fn unknown_call(&mut self, command: &Command) {
        if command.transaction == 0.0 {
            return;
        }
        let information = info(Level::Error, "NetConnection.Call.Failed", "There is no such method here.");
        self.send(&Command::new("_error", command.transaction, vec![Value::Null, information]).message(0));
    }

    fn answer(&mut self, command: &Command, value: Value) {
        self.send(&Command::new("_result", command.transaction, vec![Value::Null, value]).message(0));
    }

    /// 5.4.3: "The client or the server MUST send an acknowledgment to the peer after receiving bytes
    /// equal to the window size." One for all that an input brought, however small the window.
    fn acknowledge(&mut self) {
        let open = self.handshake.is_done() && self.state != State::Closed;
        if !open || self.received_bytes - self.acknowledged_bytes < self.ack_window_bytes {
            return;
        }
        self.acknowledged_bytes = self.received_bytes;
        let [.., a, b, c, d] = self.received_bytes.to_be_bytes();
        self.send(&message::number(kind::ACKNOWLEDGEMENT, u32::from_be_bytes([a, b, c, d])));
    }

    fn send(&mut self, message: &Message) {
        let mut bytes = BytesMut::new();
        self.writer.write(&mut bytes, message);
        self.outputs.push_back(Output::Send(Bytes::from(bytes)));
    }

    fn finish(&mut self, reason: CloseReason) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.deadline = None;
        self.held = BytesMut::new();
        self.outputs.push_back(Output::Close(reason));
    }
}
