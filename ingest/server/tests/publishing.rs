//! Publishers over loopback: our own client and `rml_rtmp` as an independent one.

#![expect(clippy::unwrap_used, reason = "helpers of a test may fail it")]

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use events::{Grant, Programme, PublicationChange, PublicationChanged, PublicationHealth, Takeover};
use ids::{CourseId, EpochId, PublicationId, SessionId};
use ingest_core::{
    flv::write,
    rtmp::client::{self, Client},
};
use ingest_server::{Config, Door, HealthSink, PublicationSink, PublishPolicy, Refusal, SecretKey, serve};
use limits::Rate;
use media::{Item, TrackKind};
use runtime::{clock, random};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, rustls};
use tokio_util::sync::CancellationToken;

/// AVCDecoderConfigurationRecord of tests/vectors/ffmpeg-5.1.9 (640x360).
const AVCC: [u8; 40] = [
    0x01, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5,
    0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x58, 0xba, 0x80, 0x01,
    0x00, 0x04, 0x68, 0xce, 0x0f, 0xc8,
];
const IDR: [u8; 6] = [0, 0, 0, 2, 0x65, 0x88];
const ASC: [u8; 2] = [0x12, 0x08];
const PATIENCE: Duration = Duration::from_secs(20);

/// A world with one course, whose key is "right".
struct World {
    takeover: Takeover,
    begun: mpsc::UnboundedSender<(Grant, mpsc::Receiver<Item>)>,
    changes: Mutex<Vec<PublicationChange>>,
    health: Mutex<Vec<PublicationHealth>>,
}

impl PublishPolicy for World {
    async fn admit(&self, key: &SecretKey, peer: IpAddr) -> Result<Grant, Refusal> {
        assert!(peer.is_loopback());
        match key.expose() {
            "right" => Ok(self.grant()),
            "early" => Err(Refusal::NotNow("The lecture begins at nine.".to_owned())),
            "slow" => std::future::pending().await,
            _ => Err(Refusal::WrongKey),
        }
    }
}

impl World {
    fn grant(&self) -> Grant {
        let course = CourseId::from_parts(1, [1; 10]);
        Grant {
            publication: PublicationId::from_parts(clock::unix_ms(), random::bytes()),
            course,
            course_title: "Algebra".to_owned(),
            programme: Programme {
                course,
                session: SessionId::from_parts(1, [2; 10]),
                epoch: EpochId::from_parts(1, [3; 10]),
                on_air: true,
            },
            takeover: self.takeover,
        }
    }
}

impl PublicationSink for World {
    fn start(&self, grant: Grant, items: mpsc::Receiver<Item>) {
        self.begun.send((grant, items)).expect("the test listens");
    }
}

impl HealthSink for World {
    fn health(&self, _: PublicationId, _: CourseId, health: PublicationHealth) {
        self.health.lock().unwrap().push(health);
    }

    fn changed(&self, change: PublicationChanged) {
        self.changes.lock().unwrap().push(change.change);
    }
}

struct House {
    address: SocketAddr,
    world: Arc<World>,
    begun: mpsc::UnboundedReceiver<(Grant, mpsc::Receiver<Item>)>,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

impl House {
    async fn open(config: Config, takeover: Takeover) -> Self {
        Self::open_with(None, config, takeover).await
    }

    async fn open_with(tls: Option<TlsAcceptor>, config: Config, takeover: Takeover) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, begun) = mpsc::unbounded_channel();
        let world =
            Arc::new(World { takeover, begun: sender, changes: Mutex::default(), health: Mutex::default() });
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve([Door { listener, tls }], config, Arc::clone(&world), stop.clone()));
        Self { address, world, begun, stop, served }
    }

    async fn publication(&mut self) -> mpsc::Receiver<Item> {
        within(self.begun.recv()).await.expect("the server runs").1
    }

    fn changes(&self) -> Vec<PublicationChange> {
        self.world.changes.lock().unwrap().clone()
    }

    async fn close(self) {
        self.stop.cancel();
        within(self.served).await.unwrap();
    }
}

/// Our client on a socket.
struct Publisher<S = TcpStream> {
    client: Client,
    stream: S,
}

impl Publisher {
    async fn connect(address: SocketAddr, key: &str) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), address, key)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Publisher<S> {
    fn over(stream: S, address: SocketAddr, key: &str) -> Self {
        let config = client::Config {
            app: "live".to_owned(),
            url: format!("rtmp://{address}/live"),
            key: SecretKey::new(key.to_owned()),
        };
        Self { client: Client::new(config, random::bytes()), stream }
    }

    /// Until the server took or ended the publication.
    async fn event(&mut self) -> client::Output {
        let mut buffer = vec![0; 4096];
        loop {
            while let Some(output) = self.client.poll_output() {
                match output {
                    client::Output::Send(bytes) => self.stream.write_all(&bytes).await.unwrap(),
                    event @ (client::Output::Publishing | client::Output::Ended { .. }) => return event,
                }
            }
            let length = within(self.stream.read(&mut buffer)).await.unwrap();
            assert!(length > 0, "the server closed without a word");
            self.client.handle_input(&buffer[..length]);
        }
    }

    async fn begin(&mut self) {
        assert_eq!(self.event().await, client::Output::Publishing);
        self.client.tag(TrackKind::Video, 0, write::video_config(&AVCC));
        self.client.tag(TrackKind::Audio, 0, write::audio_config(&ASC));
        self.flush().await;
    }

    async fn picture(&mut self, at_ms: u32) {
        self.client.tag(TrackKind::Video, at_ms, write::video(true, 0, &IDR));
        self.flush().await;
    }

    async fn flush(&mut self) {
        while let Some(output) = self.client.poll_output() {
            if let client::Output::Send(bytes) = output {
                self.stream.write_all(&bytes).await.unwrap();
            }
        }
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("the other side answers")
}

async fn next(items: &mut mpsc::Receiver<Item>) -> String {
    match within(items.recv()).await {
        Some(Item::Config(_)) => "config".to_owned(),
        Some(Item::Unit(unit)) => format!("{:?} {}", unit.track, unit.decode_at.as_ms()),
        None => "end".to_owned(),
    }
}

fn ended(event: client::Output) -> (String, String) {
    let client::Output::Ended { code, description } = event else { panic!("{event:?}") };
    (code, description)
}

#[tokio::test]
async fn a_publication_over_tls_arrives_too_and_one_without_is_let_go() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], made.signing_key.serialize_der().try_into().unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let mut house = House::open_with(Some(acceptor), Config::default(), Takeover::NewestWins).await;

    let mut plain = TcpStream::connect(house.address).await.unwrap();
    plain.write_all(&[3; 1537]).await.unwrap();
    let mut answer = Vec::new();
    let _ = within(plain.read_to_end(&mut answer)).await;
    assert!(answer.len() < 100, "an alert at most");

    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(house.address).await.unwrap();
    let connecting = TlsConnector::from(Arc::new(client)).connect("localhost".try_into().unwrap(), stream);
    let mut publisher = Publisher::over(within(connecting).await.unwrap(), house.address, "right");
    publisher.begin().await;
    publisher.picture(40).await;
    publisher.stream.flush().await.unwrap();
    let mut items = house.publication().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(next(&mut items).await);
    }
    assert_eq!(seen, ["config", "config", "Video 0"]);
    publisher.client.stop();
    publisher.flush().await;
    publisher.stream.flush().await.unwrap();
    assert_eq!(next(&mut items).await, "end");
    house.close().await;
}

#[tokio::test]
async fn a_publication_arrives_and_ends_with_a_goodbye() {
    let mut house = House::open(Config::default(), Takeover::NewestWins).await;
    let mut publisher = Publisher::connect(house.address, "right").await;
    publisher.begin().await;
    publisher.picture(500).await;
    publisher.picture(540).await;
    let mut items = house.publication().await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(next(&mut items).await);
    }
    assert_eq!(seen, ["config", "config", "Video 0", "Video 40"]);
    publisher.client.stop();
    publisher.flush().await;
    assert_eq!(next(&mut items).await, "end");
    house.close().await;
}

#[tokio::test]
async fn a_goodbye_and_a_broken_line_are_told_apart() {
    let mut house = House::open(Config::default(), Takeover::NewestWins).await;
    for (goodbye, change) in [(true, PublicationChange::Stopped), (false, PublicationChange::Dropped)] {
        let mut publisher = Publisher::connect(house.address, "right").await;
        publisher.begin().await;
        let mut items = house.publication().await;
        if goodbye {
            publisher.client.stop();
            publisher.flush().await;
        }
        drop(publisher);
        while next(&mut items).await != "end" {}
        // The end is told after the channel is closed: the listener's own end waits for that.
        let expected = [PublicationChange::Started, change];
        within(async {
            while !house.changes().ends_with(&expected) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    house.close().await;
}

#[tokio::test]
async fn a_wrong_key_is_refused_with_a_readable_reason() {
    let house = House::open(Config::default(), Takeover::NewestWins).await;
    for (key, word) in [("wrong", "not known"), ("early", "begins at nine")] {
        let mut publisher = Publisher::connect(house.address, key).await;
        let (code, description) = ended(publisher.event().await);
        assert_eq!(code, "NetStream.Publish.BadName");
        assert!(description.contains(word), "{description}");
        let mut rest = Vec::new();
        within(publisher.stream.read_to_end(&mut rest)).await.unwrap();
    }
    house.close().await;
}

#[tokio::test]
async fn a_policy_that_does_not_answer_is_not_waited_for_long() {
    let config = Config { admission_timeout: Duration::from_millis(50), ..Config::default() };
    let house = House::open(config, Takeover::NewestWins).await;
    let mut publisher = Publisher::connect(house.address, "slow").await;
    let (_, description) = ended(publisher.event().await);
    assert!(description.contains("Try again"), "{description}");
    house.close().await;
}

#[tokio::test]
async fn who_guesses_keys_waits() {
    let tarpit = Duration::from_millis(700);
    let config = Config { wrong_keys: Rate::new(2, Duration::from_secs(600)), tarpit, ..Config::default() };
    let house = House::open(config, Takeover::NewestWins).await;
    let started = clock::now();
    for _ in 0..3 {
        let mut publisher = Publisher::connect(house.address, "wrong").await;
        ended(publisher.event().await);
    }
    let guessed = clock::now();
    let mut publisher = Publisher::connect(house.address, "right").await;
    assert_eq!(publisher.event().await, client::Output::Publishing, "the right key is judged all the same");
    assert!(clock::now() - started >= tarpit, "after {:?} of guessing", guessed - started);
    house.close().await;
}

#[tokio::test]
async fn a_second_publisher_takes_over_and_the_first_is_told() {
    let mut house = House::open(Config::default(), Takeover::NewestWins).await;
    let mut first = Publisher::connect(house.address, "right").await;
    first.begin().await;
    let mut first_items = house.publication().await;
    let mut second = Publisher::connect(house.address, "right").await;
    second.begin().await;
    let mut second_items = house.publication().await;
    while next(&mut first_items).await != "end" {}
    assert_eq!(next(&mut second_items).await, "config");
    let (_, description) = ended(first.event().await);
    assert!(description.contains("took over"), "{description}");
    use PublicationChange::{Started, TakenOver};
    assert_eq!(house.changes(), [Started, TakenOver, Started]);
    let mut third = Publisher::connect(house.address, "right").await;
    let (code, _) = ended(third.event().await);
    assert_eq!(code, "NetStream.Publish.BadName", "a third within five seconds is one too many");
    second.picture(0).await;
    house.close().await;
}

#[tokio::test]
async fn a_course_that_keeps_its_first_publisher_refuses_the_second() {
    let mut house = House::open(Config::default(), Takeover::Refuse).await;
    let mut first = Publisher::connect(house.address, "right").await;
    first.begin().await;
    let mut items = house.publication().await;
    let mut second = Publisher::connect(house.address, "right").await;
    assert_eq!(ended(second.event().await).0, "NetStream.Publish.BadName");
    first.picture(0).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(next(&mut items).await);
    }
    assert_eq!(seen, ["config", "config", "Video 0"]);
    house.close().await;
}

#[tokio::test]
async fn a_server_that_stops_tells_its_publishers() {
    let mut house = House::open(Config::default(), Takeover::NewestWins).await;
    let mut publisher = Publisher::connect(house.address, "right").await;
    publisher.begin().await;
    let mut items = house.publication().await;
    house.stop.cancel();
    let (code, description) = ended(publisher.event().await);
    assert_eq!(code, "NetStream.Unpublish.Success");
    assert!(description.contains("shutting down"), "{description}");
    drop(publisher);
    while next(&mut items).await != "end" {}
    house.close().await;
}

#[tokio::test]
async fn a_packager_that_does_not_read_ends_the_publication() {
    let config = Config { items_max: 1, sink_patience: Duration::from_millis(50), ..Config::default() };
    let mut house = House::open(config, Takeover::NewestWins).await;
    let mut publisher = Publisher::connect(house.address, "right").await;
    publisher.begin().await;
    let items = house.publication().await;
    let (_, description) = ended(publisher.event().await);
    assert!(description.contains("could not keep up"), "{description}");
    drop(items);
    house.close().await;
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let config = Config { connections_per_ip_max: 2, ..Config::default() };
    let house = House::open(config, Takeover::NewestWins).await;
    let mut first = Publisher::connect(house.address, "right").await;
    assert_eq!(first.event().await, client::Output::Publishing);
    let _second = TcpStream::connect(house.address).await.unwrap();
    let mut third = TcpStream::connect(house.address).await.unwrap();
    let mut rest = Vec::new();
    let read = within(third.read_to_end(&mut rest)).await;
    assert!(rest.is_empty(), "{read:?}");
    house.close().await;
}

#[tokio::test]
async fn nobody_may_stay_without_publishing() {
    let mut config = Config::default();
    config.session.publish_deadline = Duration::from_millis(50);
    let house = House::open(config, Takeover::NewestWins).await;
    let mut stranger = TcpStream::connect(house.address).await.unwrap();
    stranger.write_all(&[3]).await.unwrap();
    let mut rest = Vec::new();
    within(stranger.read_to_end(&mut rest)).await.unwrap();
    house.close().await;
}

#[tokio::test]
async fn health_is_told_once_a_second() {
    let mut house = House::open(Config::default(), Takeover::NewestWins).await;
    let mut publisher = Publisher::connect(house.address, "right").await;
    publisher.begin().await;
    publisher.picture(0).await;
    let _items = house.publication().await;
    within(async {
        while house.world.health.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let health = house.world.health.lock().unwrap()[0].clone();
    assert_eq!((health.width, health.height, health.video_codec.as_str()), (640, 360, "avc1.42c01e"));
    house.close().await;
}

/// An independent client speaks with us: `rml_rtmp`, which OBS-like tools are built on.
mod independent {
    use rml_rtmp::{
        handshake::{Handshake, HandshakeProcessResult, PeerType},
        sessions::{
            ClientSession, ClientSessionConfig, ClientSessionEvent, ClientSessionResult, PublishRequestType,
        },
        time::RtmpTimestamp,
    };

    use super::*;

    struct Peer {
        stream: TcpStream,
        session: ClientSession,
        results: std::collections::VecDeque<ClientSessionResult>,
    }

    impl Peer {
        async fn connect(address: SocketAddr) -> Self {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut handshake = Handshake::new(PeerType::Client);
            stream.write_all(&handshake.generate_outbound_p0_and_p1().unwrap()).await.unwrap();
            let mut buffer = vec![0; 8192];
            let rest = loop {
                let length = within(stream.read(&mut buffer)).await.unwrap();
                match handshake.process_bytes(&buffer[..length]).unwrap() {
                    HandshakeProcessResult::InProgress { response_bytes } => {
                        stream.write_all(&response_bytes).await.unwrap();
                    }
                    HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                        stream.write_all(&response_bytes).await.unwrap();
                        break remaining_bytes;
                    }
                }
            };
            let (session, first) = ClientSession::new(ClientSessionConfig::new()).unwrap();
            let mut peer = Self { stream, session, results: first.into() };
            let more = peer.session.handle_input(&rest).unwrap();
            peer.results.extend(more);
            peer
        }

        async fn send(&mut self, result: ClientSessionResult) {
            if let ClientSessionResult::OutboundResponse(packet) = result {
                self.stream.write_all(&packet.bytes).await.unwrap();
            }
        }

        async fn event(&mut self) -> ClientSessionEvent {
            let mut buffer = vec![0; 8192];
            loop {
                while let Some(result) = self.results.pop_front() {
                    match result {
                        ClientSessionResult::RaisedEvent(
                            ClientSessionEvent::UnknownTransactionResultReceived { .. }
                            | ClientSessionEvent::UnhandleableAmf0Command { .. },
                        )
                        | ClientSessionResult::UnhandleableMessageReceived(_) => {}
                        ClientSessionResult::RaisedEvent(event) => return event,
                        outbound @ ClientSessionResult::OutboundResponse(_) => self.send(outbound).await,
                    }
                }
                let length = within(self.stream.read(&mut buffer)).await.unwrap();
                assert!(length > 0, "the server closed");
                self.results.extend(self.session.handle_input(&buffer[..length]).unwrap());
            }
        }
    }

    #[tokio::test]
    async fn rml_rtmp_publishes() {
        let mut house = House::open(Config::default(), Takeover::NewestWins).await;
        let mut peer = Peer::connect(house.address).await;
        let request = peer.session.request_connection("live".to_owned()).unwrap();
        peer.send(request).await;
        assert_eq!(peer.event().await, ClientSessionEvent::ConnectionRequestAccepted);
        let request = peer.session.request_publishing("right".to_owned(), PublishRequestType::Live).unwrap();
        peer.send(request).await;
        assert_eq!(peer.event().await, ClientSessionEvent::PublishRequestAccepted);
        for (at, body) in [
            (0, write::video_config(&AVCC)),
            (1000, write::video(true, 0, &IDR)),
            (1040, write::video(true, 0, &IDR)),
            (1080, write::video(true, 0, &IDR)),
        ] {
            let sent = peer.session.publish_video_data(body, RtmpTimestamp::new(at), false).unwrap();
            peer.send(sent).await;
        }
        let mut items = house.publication().await;
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(next(&mut items).await);
        }
        assert_eq!(seen, ["config", "Video 0", "Video 40", "Video 80"]);
        for result in peer.session.stop_publishing().unwrap() {
            peer.send(result).await;
        }
        assert_eq!(next(&mut items).await, "end");
        house.close().await;
    }
}
