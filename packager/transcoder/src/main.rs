//! lectern-transcoder: the only executable that speaks to libav. Makes the lower renditions of one session out of
//! packets on a pipe; also generates the demo's lecture and reads its bar code back.

mod generate;
mod jail;
mod libav;
mod slate;
mod worker;

use std::process::ExitCode;

use anyhow::Result;
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
    /// Make a slate: one message of `media::pipe` on standard input, its stills on standard output
    #[arg(long, conflicts_with = "generate")]
    slate: bool,
    /// Read raw pictures of 8-bit luma of this size from standard input and print the number, and the milliseconds, in
    /// the bar code of each; `?` when unreadable
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size, conflicts_with_all = ["generate", "slate"])]
    read_barcode: Option<(usize, usize)>,
    /// Try everything that the jail forbids, and say what it is made of here
    #[arg(long, conflicts_with_all = ["generate", "read_barcode", "slate"])]
    check_jail: bool,
    /// Enter the jail and try one forbidden thing
    #[arg(long, value_name = "NAME", hide = true, conflicts_with_all = ["generate", "read_barcode", "slate"])]
    jail_probe: Option<String>,
    /// The walls behind which it is tried
    #[arg(long, hide = true, value_enum, default_value = "all", requires = "jail_probe")]
    jail_walls: jail::Walls,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lectern-transcoder: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(name) = &arguments.jail_probe {
        return jail::probe::run(name, arguments.jail_walls);
    }
    if arguments.check_jail {
        return jail::probe::check_all();
    }
    for weakness in jail::enter(jail::Walls::All)?.warnings() {
        eprintln!("WARN {weakness}");
    }
    if let Some((width, height)) = arguments.read_barcode {
        generate::read_barcodes(width, height)?;
    } else if arguments.generate {
        generate::run(&arguments.lecture())?;
    } else if arguments.slate {
        slate::run()?;
    } else {
        worker::run()?;
    }
    Ok(ExitCode::SUCCESS)
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
