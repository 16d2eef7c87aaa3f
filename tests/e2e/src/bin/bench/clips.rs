//! What the benches publish: encoded once by ffmpeg and kept.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Result, ensure};
use e2e::machine::scratch;

/// A minute of 1280 × 720, 30 frames a second, 2 Mb/s, a keyframe every two seconds, AAC of 128 kb/s.
pub(crate) fn lecture_720p30() -> Result<PathBuf> {
    made("bench-720p30-2000k.mp4", "1280x720", 2000, 60, 60)
}

/// Twenty seconds of 1920 × 1080, 30 frames a second, 6 Mb/s: busy pictures, the dear case of a ladder.
pub(crate) fn busy_1080p30() -> Result<PathBuf> {
    made("bench-1080p30-6000k.mp4", "1920x1080", 6000, 20, 60)
}

/// The same lecture with a keyframe every four seconds: segments of one megabyte.
pub(crate) fn segments_of_a_megabyte() -> Result<PathBuf> {
    made("bench-720p30-2000k-4s.mp4", "1280x720", 2000, 60, 120)
}

fn made(name: &str, size: &str, kbps: u32, seconds: u32, keyframe_frames: u32) -> Result<PathBuf> {
    let path = scratch()?.join(name);
    if path.exists() {
        return Ok(path);
    }
    let making = path.with_extension("making.mp4");
    let rate = format!("{kbps}k");
    let status = Command::new("ffmpeg")
        .args(["-y", "-nostdin", "-v", "error"])
        .args(["-f", "lavfi", "-i", &format!("testsrc2=s={size}:r=30")])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"])
        .args(["-t", &seconds.to_string(), "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"])
        .args(["-b:v", &rate, "-minrate", &rate, "-maxrate", &rate, "-bufsize", &rate])
        .args(["-x264-params", &format!("nal-hrd=cbr:bframes=0:keyint={keyframe_frames}:scenecut=0")])
        .args(["-c:a", "aac", "-b:a", "128k", "-ac", "2"])
        .arg(&making)
        .status()?;
    ensure!(status.success(), "ffmpeg could not make {name}: {status}");
    fs::rename(&making, &path)?;
    Ok(path)
}
