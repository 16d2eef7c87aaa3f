//! The handshake (RTMP 1.0 section 5.2), plain form. A digest in C1 is tolerated and not answered:
//! publishers then fall back to the plain form, as the zero version in S1 tells them to.

use thiserror::Error;

/// C1, C2, S1 and S2 are this long, in bytes.
const BLOCK_BYTES: usize = 1536;
/// The version in C0 and S0: plain RTMP.
const VERSION: u8 = 3;

/// The peer does not speak RTMP.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("RTMP version {0} where 3 is spoken")]
pub struct Error(pub u8);

/// One side of a handshake; it is fed bytes and says what to send.
#[derive(Debug)]
pub struct Handshake {
    role: Role,
    nonce: [u8; 32],
    received: Vec<u8>,
    state: State,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Role {
    Server,
    Client,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum State {
    /// Version and the first block of the peer are still to come.
    Opening,
    /// Our echo was sent; this many bytes of the peer's echo are still to come.
    Echo(usize),
    Done,
}

impl Handshake {
    /// The side that was called. `nonce` fills S1: any bytes that differ between connections.
    #[must_use]
    pub const fn server(nonce: [u8; 32]) -> Self {
        Self { role: Role::Server, nonce, received: Vec::new(), state: State::Opening }
    }

    /// The side that calls, and C0 with C1, which it sends first.
    #[must_use]
    pub fn client(nonce: [u8; 32]) -> (Self, Vec<u8>) {
        let client = Self { role: Role::Client, nonce, received: Vec::new(), state: State::Opening };
        let opening = client.opening();
        (client, opening)
    }

    /// Both sides have greeted each other.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes from `input` what belongs to the handshake, and answers with bytes to send (often none).
    ///
    /// # Errors
    /// When the first byte is not the version 3. (The specification would have a server answer 3 to
    /// any other; what comes with another is in practice not RTMP.)
    pub fn handle_input(&mut self, input: &mut &[u8]) -> Result<Vec<u8>, Error> {
        let mut answer = Vec::new();
        if self.state == State::Opening {
            let wanted = (1 + BLOCK_BYTES - self.received.len()).min(input.len());
            let (taken, rest) = input.split_at(wanted);
            self.received.extend_from_slice(taken);
            *input = rest;
            match self.received.first() {
                Some(&VERSION) | None => {}
                Some(&other) => return Err(Error(other)),
            }
            if self.received.len() == 1 + BLOCK_BYTES {
                if self.role == Role::Server {
                    answer = self.opening();
                }
                // S2 and C2 are the peer's own block sent back (5.2.4).
                answer.extend_from_slice(&self.received[1..]);
                self.received = Vec::new();
                self.state = State::Echo(BLOCK_BYTES);
            }
        }
        if let State::Echo(left) = self.state {
            let skipped = left.min(input.len());
            *input = &input[skipped..];
            // What the echo holds is not compared: real publishers send all kinds of things.
            self.state = if skipped == left { State::Done } else { State::Echo(left - skipped) };
        }
        Ok(answer)
    }

    /// Version and own block: time and version zero, then the nonce over and over.
    fn opening(&self) -> Vec<u8> {
        let mut opening = Vec::with_capacity(1 + 2 * BLOCK_BYTES);
        opening.push(VERSION);
        opening.extend_from_slice(&[0; 8]);
        opening.extend(self.nonce.iter().cycle().take(BLOCK_BYTES - 8));
        opening
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_meet_however_the_bytes_are_split() {
        for step in [1, 7, 1536, 1537, 4000] {
            let (mut client, mut to_server) = Handshake::client([1; 32]);
            let mut server = Handshake::server([2; 32]);
            let mut to_client = Vec::new();
            while !(client.is_done() && server.is_done()) {
                assert!(!(to_server.is_empty() && to_client.is_empty()), "one of them waits in vain");
                for mut bytes in std::mem::take(&mut to_server).chunks(step) {
                    to_client.extend(server.handle_input(&mut bytes).unwrap());
                    assert!(bytes.is_empty());
                }
                for mut bytes in std::mem::take(&mut to_client).chunks(step) {
                    to_server.extend(client.handle_input(&mut bytes).unwrap());
                }
            }
        }
    }

    #[test]
    fn what_follows_the_handshake_is_left_alone() {
        let mut server = Handshake::server([0; 32]);
        let mut bytes = vec![3];
        bytes.extend([9; 2 * BLOCK_BYTES]);
        bytes.extend(b"next");
        let mut input = bytes.as_slice();
        let answer = server.handle_input(&mut input).unwrap();
        assert_eq!(answer.len(), 1 + 2 * BLOCK_BYTES);
        assert_eq!(answer[1 + BLOCK_BYTES..], [9; BLOCK_BYTES]);
        assert!(server.is_done());
        assert_eq!(input, b"next");
    }

    #[test]
    fn another_protocol_is_refused_at_its_first_byte() {
        assert_eq!(
            Handshake::server([0; 32]).handle_input(&mut b"GET / HTTP/1.1".as_slice()),
            Err(Error(b'G'))
        );
        assert_eq!(Handshake::server([0; 32]).handle_input(&mut [6u8].as_slice()), Err(Error(6)));
    }
}
