//! The slate: a still with the course's title, for where nothing of the publisher's comes. One message on standard
//! input says what to make; the stills' pictures go to standard output, and the process ends.

mod letters;
mod picture;

use std::io::Read;

use anyhow::{Context, Result, ensure};
use media::pipe::{Decoder, FrameRate, FromWorker, Slate, Still};

use crate::{generate, libav, worker};

/// Pictures a second; each but the first repeats it.
const FRAME_RATE: FrameRate = FrameRate { numerator: 10, denominator: 1 };
/// Session ticks from picture to picture.
const FRAME_TICKS: i64 = 9_000;
/// Pictures of a group: half a second and one to spare.
const GROUP_PICTURES: i64 = 6;
/// Groups, since IDRs that follow one another must differ.
const GROUPS: i64 = 2;
/// What one message may take.
const INPUT_BYTES_MAX: u64 = 64 * 1024;
/// Least width and height that can be encoded.
const SIZE_MIN: u32 = 16;

/// Makes one slate.
///
/// # Errors
/// When the message is none, or asks for what cannot be made. It has been written as [`FromWorker::Fatal`] too.
pub(crate) fn run() -> Result<()> {
    libav::init().context("initialise libav")?;
    let mut output = worker::stdout().context("open the output pipe")?;
    let result = read().and_then(|slate| {
        for still in &slate.stills {
            make(&slate.title, still, &mut |message| worker::put(&mut output, &message))
                .with_context(|| format!("still for {}", still.name))?;
        }
        Ok(())
    });
    if let Err(error) = &result {
        worker::put(&mut output, &FromWorker::Fatal { message: format!("{error:#}") })?;
    }
    result
}

fn read() -> Result<Slate> {
    let mut input = Vec::new();
    std::io::stdin().lock().take(INPUT_BYTES_MAX).read_to_end(&mut input).context("read the pipe")?;
    let mut decoder = Decoder::<Slate>::new();
    decoder.push(&input);
    let slate = decoder.poll().context("read the pipe")?.context("the pipe ended inside the message")?;
    ensure!(!decoder.is_midway(), "more than one message");
    Ok(slate)
}

fn make(title: &str, still: &Still, put: &mut impl FnMut(FromWorker) -> Result<()>) -> Result<()> {
    // Pictures of 4:2:0 have even sides; a row or column less is not seen.
    let (width, height) = (still.width & !1, still.height & !1);
    ensure!(width >= SIZE_MIN && height >= SIZE_MIN, "{width}x{height} is too small");
    ensure!(
        u64::from(width) * u64::from(height) <= libav::PIXELS_MAX.into(),
        "{width}x{height} is too large"
    );
    let kbps = bitrate_kbps(width, height);
    let mut encoder = libav::Encoder::new(&libav::Settings {
        width,
        height,
        frame_rate: FRAME_RATE,
        bitrate_kbps: kbps,
        maxrate_kbps: kbps,
        buffer_kbit: kbps,
        colour: libav::Colour::BT709,
        effort: libav::Effort::Still,
    })
    .context("open x264")?;
    let rung = still.name.clone();
    put(FromWorker::RungConfig { rung: rung.clone(), avcc: encoder.avcc() })?;
    let frame = generate::to_frame(&picture::draw(title, width as usize, height as usize))?;
    for number in 0..GROUPS * GROUP_PICTURES {
        let unit = encoder.encode(&frame, number * FRAME_TICKS, number % GROUP_PICTURES == 0)?;
        let libav::Unit { pts, key, payload } = unit.context("x264 held a picture back")?;
        put(FromWorker::RungUnit { rung: rung.clone(), pts, dts: pts, key, payload })?;
    }
    Ok(())
}

/// Enough for the first picture to be clean: 1 Mbit/s at 640 × 360, in proportion to the sides.
fn bitrate_kbps(width: u32, height: u32) -> u32 {
    ((width + height) * 1_000 / (640 + 360)).clamp(100, 20_000)
}
