//! The generated lecture, sent over real RTMP through the front door like any encoder's.

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use ingest_core::rtmp::{
    SecretKey,
    client::{Client, Config, Output},
};
use media::{
    AccessUnit, Item, MediaTime, TrackConfig, TrackKind, aac, h264,
    pipe::{Decoder, FromGenerator},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Connecting and being let in take no longer than this on loopback.
const ADMISSION_MAX: Duration = Duration::from_secs(10);
/// The generator gives a picture every 40 ms; silence this long means that it is broken.
const GENERATOR_SILENCE_MAX: Duration = Duration::from_secs(10);

/// How a publication of the generated lecture ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// We were told to stop.
    Stopped,
    /// Another encoder took the stage, or the server closed it.
    Displaced,
}

/// Publishes until told to stop or displaced.
///
/// # Errors
/// When the generator or the connection fails.
pub(super) async fn publish(
    transcoder: &Path,
    server: SocketAddr,
    key: &str,
    stop: &CancellationToken,
) -> Result<End> {
    let mut generator = start_generator(transcoder)?;
    let frames = generator.stdout.take().context("the generator has a standard output")?;
    let mut stream =
        TcpStream::connect(server).await.with_context(|| format!("connect to rtmp://{server}"))?;
    stream.set_nodelay(true).context("set TCP_NODELAY")?;
    let config = Config {
        app: "live".to_owned(),
        url: format!("rtmp://{server}/live"),
        key: SecretKey::new(key.to_owned()),
    };
    let mut client = Client::new(config, runtime::random::bytes());
    timeout(ADMISSION_MAX, be_admitted(&mut client, &mut stream))
        .await
        .context("the server did not let the generated lecture in within ten seconds")??;
    let end = pump(&mut client, &mut stream, frames, stop).await;
    // A generator that does not end by itself is killed when dropped.
    drop(generator);
    end
}

fn start_generator(transcoder: &Path) -> Result<Child> {
    Command::new(transcoder)
        .args(["--generate", "--realtime"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        // Ctrl-C at the terminal is for the server, which ends the generator when it is through.
        .process_group(0)
        .spawn()
        .with_context(|| {
            format!(
                "start {}: it is built together with lectern; set LECTERN_TRANSCODER if it lies elsewhere",
                transcoder.display()
            )
        })
}

async fn be_admitted(client: &mut Client, stream: &mut TcpStream) -> Result<()> {
    let mut buffer = vec![0; 4096];
    loop {
        if let Some(end) = drain(client, stream).await? {
            bail!("the server refused the generated lecture: {end}");
        }
        if client.is_publishing() {
            return Ok(());
        }
        let count = stream.read(&mut buffer).await.context("read from the server")?;
        if count == 0 {
            bail!("the server closed the connection");
        }
        client.handle_input(&buffer[..count]);
    }
}

async fn pump(
    client: &mut Client,
    stream: &mut TcpStream,
    mut frames: ChildStdout,
    stop: &CancellationToken,
) -> Result<End> {
    let mut decoder = Decoder::<FromGenerator>::new();
    let mut buffer = vec![0; 4096];
    loop {
        tokio::select! {
            () = stop.cancelled() => {
                client.stop();
                drain(client, stream).await?;
                return Ok(End::Stopped);
            }
            read = timeout(GENERATOR_SILENCE_MAX, frames.read_buf(decoder.buffer())) => {
                let count = read.context("the generator fell silent")?.context("read from the generator")?;
                if count == 0 {
                    bail!("the generator ended by itself");
                }
                while let Some(frame) = decoder.poll().context("read the generator's frames")? {
                    send(client, frame)?;
                }
            }
            read = stream.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return Ok(End::Displaced),
                Ok(count) => client.handle_input(&buffer[..count]),
            },
        }
        if drain(client, stream).await?.is_some() {
            return Ok(End::Displaced);
        }
    }
}

fn send(client: &mut Client, frame: FromGenerator) -> Result<()> {
    let start = MediaTime::session(0);
    match item(frame)? {
        Item::Config(TrackConfig::Video(config)) => client.video_config(&config, start),
        Item::Config(TrackConfig::Audio(config)) => client.audio_config(&config, start),
        Item::Unit(unit) => client.unit(&unit),
    }
    Ok(())
}

fn item(frame: FromGenerator) -> Result<Item> {
    Ok(match frame {
        FromGenerator::TrackConfig { track: TrackKind::Video, record } => {
            Item::Config(TrackConfig::Video(h264::parse_avcc(record).context("the generator's avcC")?.into()))
        }
        FromGenerator::TrackConfig { track: TrackKind::Audio, record } => {
            Item::Config(TrackConfig::Audio(aac::parse_asc(record).context("the generator's ASC")?.into()))
        }
        FromGenerator::Packet(packet) => Item::Unit(AccessUnit {
            track: packet.track,
            decode_at: MediaTime::session(packet.dts),
            present_at: MediaTime::session(packet.pts),
            key: packet.key,
            payload: packet.payload,
        }),
    })
}

/// Sends what is to be sent; a reason when the server has ended the publication.
async fn drain(client: &mut Client, stream: &mut TcpStream) -> Result<Option<String>> {
    while let Some(output) = client.poll_output() {
        match output {
            Output::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return Ok(Some("the connection broke".to_owned()));
                }
            }
            Output::Publishing => {}
            Output::Ended { code, description } => return Ok(Some(format!("{code} {description}"))),
        }
    }
    Ok(None)
}
