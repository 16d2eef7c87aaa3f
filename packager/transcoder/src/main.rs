//! lectern-transcoder: the only executable that speaks to libav. Makes the lower renditions of one session out of
//! packets on a pipe; also generates the demo's lecture and reads its bar code back.

mod generate;
mod libav;
mod sandbox;
mod worker;

use std::process::ExitCode;

use clap::Parser;
use media::pipe::FrameRate;

/// Makes the lower renditions of one session: frames of `media::pipe` on standard input, and on standard output.
#[derive(Parser)]
#[command(name = "lectern-transcoder", version)]
struct Arguments {
    /// Write a generated lecture to standard output instead
    #[arg(long)]
    generate: bool,
    /// Width of the lecture in pixels
    #[arg(long, default_value_t = 1280, requires = "generate")]
    width: u32,
    /// Height of the lecture in pixels
    #[arg(long, default_value_t = 720, requires = "generate")]
    height: u32,
    /// Pictures a second; 29.97 and its relatives are taken for the fractions they stand for
    #[arg(long, default_value_t = 30.0, requires = "generate")]
    fps: f64,
    /// Seconds from keyframe to keyframe
    #[arg(long, default_value_t = 2.0, requires = "generate")]
    gop_seconds: f64,
    /// Bit rate of the picture in kbit/s
    #[arg(long, default_value_t = 2500, requires = "generate")]
    bitrate: u32,
    /// At the pace of the clock (the default)
    #[arg(long, requires = "generate")]
    realtime: bool,
    /// As fast as it goes; the clock in the picture then runs with the media
    #[arg(long, requires = "generate", conflicts_with = "realtime")]
    unpaced: bool,
    /// End after this many seconds of media
    #[arg(long, requires = "generate")]
    seconds: Option<f64>,
    /// Read raw pictures of 8-bit luma of this size from standard input and print the number, and the milliseconds, in
    /// the bar code of each; `?` when unreadable
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size, conflicts_with = "generate")]
    read_barcode: Option<(usize, usize)>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = if let Some((width, height)) = arguments.read_barcode {
        generate::read_barcodes(width, height)
    } else if arguments.generate {
        generate::run(&arguments.lecture())
    } else {
        worker::run()
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lectern-transcoder: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn lecture(&self) -> generate::Lecture {
        generate::Lecture {
            width: self.width,
            height: self.height,
            frame_rate: FrameRate::nearest(self.fps),
            gop_seconds: self.gop_seconds,
            bitrate_kbps: self.bitrate,
            realtime: !self.unpaced,
            seconds: self.seconds.map(|seconds| seconds.clamp(0.0, 1e9)),
        }
    }
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let parts =
        text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    parts.ok_or_else(|| format!("{text} is not WIDTHxHEIGHT"))
}
