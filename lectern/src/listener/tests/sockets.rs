//! The listener on real sockets: TLS, its protocols, and many readers at once.

use std::sync::Arc;

use runtime::shutdown::Shutdown;
use rustls::{ClientConfig, pki_types::ServerName};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    super::{Listener, Places},
    *,
};
use crate::tls::{HANDSHAKE_MAX, Tls, tests::Pair};

struct House {
    address: SocketAddr,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

impl House {
    fn open(limits: Limits, pair: Option<&Pair>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let tls = pair.map(|pair| {
            Tls::load(pair.write(folder.path())).and_then(|tls| tls.for_http()).expect("a good pair")
        });
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = Listener::bind(any, "TEST", limits, &Places::new(&limits), tls).expect("a free port");
        let (address, shutdown) = (listener.address(), Shutdown::new());
        let serving = tokio::spawn(listener.serve(service(), shutdown.clone(), 5 * S));
        Self { address, shutdown, serving, _folder: folder }
    }

    async fn connect(&self) -> TcpStream {
        within(TcpStream::connect(self.address)).await.expect("the listener accepts")
    }

    async fn connect_tls(&self, client: ClientConfig) -> TlsStream<TcpStream> {
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = self.connect().await;
        within(TlsConnector::from(Arc::new(client)).connect(name, stream)).await.expect("TLS")
    }

    async fn close(self) {
        self.shutdown.cancel();
        within(self.serving).await.expect("the listener ends");
    }
}

async fn get_once(
    stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin),
    path: &str,
) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    within(stream.write_all(request.as_bytes())).await.expect("the server reads");
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn over_tls_a_peer_gets_the_protocol_it_names_and_http_1_where_it_names_none() {
    let pair = Pair::new();
    let house = House::open(Limits::default(), Some(&pair));
    for protocols in [&[][..], &[b"http/1.1".as_slice()]] {
        let mut stream = house.connect_tls(pair.client(protocols)).await;
        assert!(get_once(&mut stream, "/small").await.ends_with("small"));
    }
    let stream = house.connect_tls(pair.client(&[b"h2", b"http/1.1"])).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut requests, connection) = within(h2::client::handshake(stream)).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let request = http::Request::get("https://localhost/large").body(()).expect("a request");
    let (response, _) = requests.send_request(request, true).expect("sent");
    let mut body = within(response).await.expect("an answer").into_body();
    let mut taken = 0;
    while let Some(data) = within(body.data()).await {
        let data = data.expect("data");
        taken += data.len();
        body.flow_control().release_capacity(data.len()).expect("taken");
    }
    assert_eq!(taken, LARGE);
    drop((requests, body));
    within(connection).await.expect("no panic").expect("a clean end");
    house.close().await;
}

#[tokio::test]
async fn whoever_speaks_no_tls_is_let_go_and_others_are_served() {
    let pair = Pair::new();
    let house = House::open(Limits::default(), Some(&pair));
    for junk in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff], &[0; 4096]] {
        let mut stream = house.connect().await;
        within(stream.write_all(junk)).await.expect("sent");
        within(stream.shutdown()).await.expect("half closed");
        let mut rest = Vec::new();
        let _ = within(stream.read_to_end(&mut rest)).await;
        assert!(rest.len() < 100, "an alert at most: {rest:02x?}");
    }
    let mut stream = house.connect_tls(pair.client(&[])).await;
    assert!(get_once(&mut stream, "/small").await.ends_with("small"));
    house.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_not_made_is_given_up_after_ten_seconds() {
    let pair = Pair::new();
    let house = House::open(Limits::default(), Some(&pair));
    let mut stream = house.connect().await;
    stream.write_all(&[0x16, 3, 1]).await.expect("sent");
    let start = clock::now();
    let mut rest = Vec::new();
    let _ = within(stream.read_to_end(&mut rest)).await;
    assert!(clock::now() - start >= HANDSHAKE_MAX);
    house.close().await;
}

#[tokio::test]
async fn one_address_cannot_take_every_place() {
    let house = House::open(Limits { connections_per_ip_max: 3, ..Limits::default() }, None);
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = house.connect().await;
        // Answered, so it has its place for certain.
        within(stream.write_all(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n")).await.expect("sent");
        within(stream.read_u8()).await.expect("an answer");
        held.push(stream);
    }
    let mut refused = house.connect().await;
    let _ = refused.write_all(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut rest = Vec::new();
    let _ = within(refused.read_to_end(&mut rest)).await;
    assert!(rest.is_empty(), "closed without a word");
    let neighbour = TcpSocket::new_v4().expect("a socket");
    neighbour.bind(SocketAddr::from(([127, 0, 0, 2], 0))).expect("another loopback address");
    let mut stream = within(neighbour.connect(house.address)).await.expect("accepted");
    assert!(get_once(&mut stream, "/small").await.ends_with("small"), "another address is served");
    drop(held);
    house.close().await;
}

/// Five hundred readers ask for a megabyte and take nothing. What the server holds for them is bounded by
/// what the system keeps of each connection, whatever was asked for.
#[tokio::test]
async fn five_hundred_slow_readers_are_held_at_arms_length_and_others_are_served() {
    const READERS: u8 = 250;
    let house = House::open(Limits::default(), None);
    let mut slow = Vec::new();
    for host in [3, 4] {
        for _ in 0..READERS {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_recv_buffer_size(4096).expect("a small window");
            socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).expect("a loopback address");
            let mut stream = within(socket.connect(house.address)).await.expect("accepted");
            within(stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")).await.expect("sent");
            slow.push(stream);
        }
    }
    for stream in &slow {
        within(stream.readable()).await.expect("each is being answered");
    }
    for _ in 0..20 {
        let mut stream = house.connect().await;
        assert_eq!(get_once(&mut stream, "/large").await.matches('\u{7}').count(), LARGE);
    }
    // What a slow one can still take while the server stands still was in the system's buffers. This thread is the
    // server's too, so it stands while we read without awaiting.
    let mut stream = slow.pop().expect("a slow reader").into_std().expect("a socket");
    stream.set_nonblocking(false).expect("a socket that waits");
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("but not for ever");
    let mut rest = Vec::new();
    let ended = std::io::Read::read_to_end(&mut stream, &mut rest);
    assert!(ended.is_err(), "the answer did not end with {} bytes", rest.len());
    assert!(rest.len() < 700 << 10, "{} bytes lay in buffers", rest.len());
    drop((stream, slow));
    house.close().await;
}
