//! The one place that speaks to libav: decoding, scaling and encoding as safe nouns. Knows nothing of pipes or plans.

pub(crate) mod aac;
pub(crate) mod bitstream;
mod decoder;
mod encoder;
mod scaler;

pub(crate) use decoder::{Decoder, Picture};
pub(crate) use encoder::{Colour, Effort, Encoder, Settings, Unit};
use ffmpeg_next::{ffi, frame};
pub(crate) use scaler::Scaler;

/// The largest picture taken in or made, in pixels.
pub(crate) const PIXELS_MAX: u32 = 4096 * 2304;
/// The largest single allocation libav may make.
const ALLOCATION_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Readies libav: limits its allocations and keeps it from writing to the log on its own, since what it would say is
/// up to the sender of the media.
pub(crate) fn init() -> Result<(), ffmpeg_next::Error> {
    ffmpeg_next::init()?;
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Fatal);
    // SAFETY: a plain setter of a process-wide number.
    unsafe { ffi::av_max_alloc(ALLOCATION_BYTES_MAX) };
    Ok(())
}

/// A second handle to the same pixels with properties (time stamp, kind) of its own.
fn share(frame: &frame::Video) -> Result<frame::Video, ffmpeg_next::Error> {
    let mut shared = frame::Video::empty();
    // SAFETY: `shared` is a fresh frame without buffers, as av_frame_ref demands; `frame` is live and reference
    // counted, since it came from a decoder or from av_frame_get_buffer.
    let code = unsafe { ffi::av_frame_ref(shared.as_mut_ptr(), frame.as_ptr()) };
    if code < 0 { Err(ffmpeg_next::Error::from(code)) } else { Ok(shared) }
}
