//! Peers that mean no good, a few hundred at a time, from addresses of their own on loopback.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    runtime,
    time::{sleep, timeout},
};

/// Addresses 127.0.0.2 to 127.0.0.9.
const ADDRESSES: u8 = 8;
/// Of each form from each address at once.
const EACH: usize = 3;
/// A peer that is left alone gives up after this long, and comes again.
const HELD: Duration = Duration::from_secs(4);
/// Between two visits of one peer.
const PAUSE: Duration = Duration::from_millis(50);

/// A siege that goes on until it is ended.
pub struct Siege {
    stop: Arc<AtomicBool>,
    visits: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Siege {
    /// Begins: every form of RTMP and of HTTP, three peers of each from each of eight addresses.
    /// `watched` is the path of a playlist that a viewer may fetch, for those who read slowly.
    ///
    /// # Errors
    /// When threads cannot be had.
    pub fn begin(rtmp: SocketAddr, http: SocketAddr, watched: &str) -> Result<Self> {
        let (stop, visits) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut forms: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
        forms.extend(rtmp_forms().into_iter().map(|bytes| (rtmp, bytes)));
        forms.extend(http_forms(watched).into_iter().map(|bytes| (http, bytes)));
        let runtime = runtime::Builder::new_current_thread().enable_all().build().context("a runtime")?;
        let (told, counted) = (Arc::clone(&stop), Arc::clone(&visits));
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let mut peers = tokio::task::JoinSet::new();
                for (address, bytes) in forms {
                    for host in 0..ADDRESSES {
                        for _ in 0..EACH {
                            let (stop, visits) = (Arc::clone(&told), Arc::clone(&counted));
                            peers.spawn(besiege(address, host + 2, bytes.clone(), stop, visits));
                        }
                    }
                }
                while peers.join_next().await.is_some() {}
            });
        });
        Ok(Self { stop, visits, thread: Some(thread) })
    }

    /// How many connections were made so far.
    #[must_use]
    pub fn visits(&self) -> u64 {
        self.visits.load(Ordering::Relaxed)
    }
}

impl Drop for Siege {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A siege that panicked has failed the test by not besieging: `visits` tells.
            let _ended = thread.join();
        }
    }
}

async fn besiege(
    address: SocketAddr,
    host: u8,
    bytes: Vec<u8>,
    stop: Arc<AtomicBool>,
    visits: Arc<AtomicU64>,
) {
    while !stop.load(Ordering::Relaxed) {
        if let Ok(stream) = connect(address, host).await {
            visits.fetch_add(1, Ordering::Relaxed);
            // Cut off is what it deserves.
            let _cut = timeout(HELD, visit(stream, &bytes, &stop)).await;
        }
        sleep(PAUSE).await;
    }
}

async fn connect(address: SocketAddr, host: u8) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)))?;
    socket.connect(address).await
}

/// Says its piece, at last by single bytes, then reads a little now and then until it is cut off.
async fn visit(mut stream: TcpStream, bytes: &[u8], stop: &AtomicBool) -> std::io::Result<()> {
    let (most, rest) = bytes.split_at(bytes.len().saturating_sub(3));
    stream.write_all(most).await?;
    for byte in rest {
        sleep(Duration::from_millis(200)).await;
        stream.write_u8(*byte).await?;
    }
    let mut buffer = [0; 64];
    while !stop.load(Ordering::Relaxed) && stream.read(&mut buffer).await? > 0 {
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// What encoders would never send.
fn rtmp_forms() -> Vec<Vec<u8>> {
    let greeting = [vec![3], vec![0; 1536], vec![0; 1536]].concat();
    let after_greeting = |bytes: &[u8]| [greeting.as_slice(), bytes].concat();
    // Type 0 chunk headers: timestamp, length, message type, stream.
    let header = |chunk_stream: u8, length: [u8; 3], kind: u8| {
        [[chunk_stream, 0, 0, 0].as_slice(), &length, &[kind, 1, 0, 0, 0]].concat()
    };
    let control = |kind: u8, value: u32| [header(2, [0, 0, 4], kind), value.to_be_bytes().to_vec()].concat();
    let command = |body: &[u8]| {
        [header(3, [0, 0, u8::try_from(body.len()).unwrap_or(u8::MAX)], 20), body.to_vec()].concat()
    };
    let connect = b"\x02\0\x07connect\0\x3f\xf0\0\0\0\0\0\0\x03\0\x03app\x02\0\x04live\0\0\x09";
    let publish = b"\x02\0\x07publish\0\x40\0\0\0\0\0\0\0\x05\x02\0\x07lk_junk";
    let unfinished: Vec<u8> =
        (4..63).flat_map(|id| [header(id, [0xff; 3], 9), vec![0; 128]].concat()).collect();
    vec![
        // Silence, silence in the handshake, junk, another protocol.
        Vec::new(),
        greeting[..700].to_vec(),
        vec![0xff; 9000],
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        // Chunk sizes of nothing and of everything, a window of a byte.
        after_greeting(&[control(1, 0), control(1, 0x7fff_ffff), control(5, 1), command(connect)].concat()),
        // Sixteen megabytes on every chunk stream, none of them finished.
        after_greeting(&unfinished),
        // Arrays inside each other.
        after_greeting(&command(&[0x0a, 0, 0, 0, 1].repeat(50))),
        // Bytes by the thousand of which each is a chunk's header.
        after_greeting(
            &[control(1, 1), [header(4, [0, 0xff, 0xff], 8), vec![0xc4; 20_000]].concat()].concat(),
        ),
        // A key that is not one.
        after_greeting(&[command(connect), command(publish)].concat()),
    ]
}

/// What browsers would never send.
fn http_forms(watched: &str) -> Vec<Vec<u8>> {
    let ranges: String = (0..1000).map(|at| format!("{at}-{at},")).collect();
    let get = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n").into_bytes();
    vec![
        Vec::new(),
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_vec(),
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500000\r\n\r\n{".to_vec(),
        get(&format!("/{}", "x".repeat(60_000)), ""),
        get("/", &"X: y\r\n".repeat(5_000)),
        get(watched, &format!("Range: bytes={ranges}0-0\r\n")),
        // The same again and again on one connection, unread.
        get(watched, "").repeat(200),
        get("/p/%2e%2e/%2e%2e/etc/passwd", ""),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
        vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
    ]
}
