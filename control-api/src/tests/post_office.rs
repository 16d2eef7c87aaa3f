//! A mail server that keeps what it gets, and can be told to misbehave. Real SMTP, on loopback.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

/// How the mail server treats the next letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    /// 550 to the recipient.
    NoSuchUser,
    /// 451 to the recipient.
    TryLater,
    /// 535 to every password.
    WrongPassword,
    /// 452 to the text.
    Full,
    /// Takes the text and hangs up.
    HangsUp,
    /// Says nothing more once it is told the recipient.
    SilentBefore,
    /// Says nothing more once it has the text.
    SilentAfter,
}

/// A letter as it came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) recipient: String,
    pub(super) text: String,
}

impl Received {
    /// The text with quoted-printable undone (RFC 2045 section 6.7).
    pub(super) fn plain(&self) -> String {
        let joined = self.text.replace("=\r\n", "");
        let bytes = joined.as_bytes();
        let (mut out, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let code = (bytes[at] == b'=').then(|| joined.get(at + 1..at + 3)).flatten();
            match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
                Some(byte) => {
                    out.push(byte);
                    at += 3;
                }
                None => {
                    out.push(bytes[at]);
                    at += 1;
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// The secret of the link in it.
    pub(super) fn token(&self) -> String {
        let plain = self.plain();
        let (_, after) = plain.split_once("?token=").unwrap();
        after.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect()
    }
}

pub(super) struct PostOffice {
    pub(super) port: u16,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

struct State {
    mood: Mutex<Mood>,
    received: Mutex<Vec<Received>>,
    commands: Mutex<Vec<String>>,
    /// Rung when it falls silent.
    silent: Notify,
}

impl PostOffice {
    pub(super) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            mood: Mutex::new(Mood::Good),
            received: Mutex::default(),
            commands: Mutex::default(),
            silent: Notify::new(),
        });
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&state);
        tasks.spawn(async move {
            let mut visits = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                visits.spawn(async move {
                    let _ = serve(stream, &state).await;
                });
            }
        });
        Self { port, state, _tasks: tasks }
    }

    /// What the control plane is told of it.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("EMAIL_HOST", "127.0.0.1".into()),
            ("EMAIL_PORT", self.port.to_string()),
            ("EMAIL_USE_TLS", "false".into()),
            ("EMAIL_HOST_USER", "lectern".into()),
            ("EMAIL_HOST_PASSWORD", "planted-smtp-secret".into()),
            ("DEFAULT_FROM_EMAIL", "School <no-reply@school.example>".into()),
            ("LECTERN_LOGINS_PER_MINUTE", "1000".into()),
        ]
    }

    pub(super) fn is(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    /// What came since the last time.
    pub(super) fn received(&self) -> Vec<Received> {
        std::mem::take(&mut self.state.received.lock().unwrap())
    }

    /// Which commands were sent since the last time.
    pub(super) fn commands(&self) -> Vec<String> {
        std::mem::take(&mut self.state.commands.lock().unwrap())
    }

    pub(super) async fn falls_silent(&self) {
        self.state.silent.notified().await;
    }
}

async fn serve(stream: TcpStream, state: &State) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut recipient = String::new();
    writer.write_all(b"220 post.example ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let mood = *state.mood.lock().unwrap();
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        state.commands.lock().unwrap().push(verb.clone());
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-post.example\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",
            "AUTH" if mood == Mood::WrongPassword => b"535 5.7.8 who are you\r\n",
            "AUTH" => b"235 2.7.0 welcome\r\n",
            "RCPT" => {
                recipient = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                match mood {
                    Mood::NoSuchUser => b"550 5.1.1 no such user\r\n",
                    Mood::TryLater => b"451 4.7.1 try later\r\n",
                    Mood::SilentBefore => {
                        state.silent.notify_one();
                        std::future::pending().await
                    }
                    Mood::Good | Mood::WrongPassword | Mood::Full | Mood::HangsUp | Mood::SilentAfter => {
                        b"250 2.1.5 ok\r\n"
                    }
                }
            }
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push_str("\r\n");
                }
                let letter = Received { recipient: recipient.clone(), text };
                match mood {
                    Mood::Full => b"452 4.3.1 mailbox full\r\n",
                    Mood::HangsUp => {
                        state.received.lock().unwrap().push(letter);
                        return Ok(());
                    }
                    Mood::SilentAfter => {
                        state.received.lock().unwrap().push(letter);
                        state.silent.notify_one();
                        std::future::pending().await
                    }
                    Mood::Good
                    | Mood::NoSuchUser
                    | Mood::TryLater
                    | Mood::WrongPassword
                    | Mood::SilentBefore => {
                        state.received.lock().unwrap().push(letter);
                        b"250 2.0.0 queued as 17\r\n"
                    }
                }
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        writer.write_all(answer).await?;
    }
    Ok(())
}
