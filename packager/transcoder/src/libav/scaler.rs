//! From one picture size to another, into planar 4:2:0 with square pixels.

use ffmpeg_next::{
    Error,
    format::Pixel,
    frame,
    software::scaling::{self, Flags},
};

/// A scaler to one size. Takes pictures of any size and format, also changing ones.
pub(crate) struct Scaler {
    width: u32,
    height: u32,
    context: Option<scaling::Context>,
}

impl Scaler {
    /// A scaler to `width` × `height`.
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Self { width, height, context: None }
    }

    /// Would a picture pass unchanged?
    pub(crate) fn is_idle(&self, frame: &frame::Video) -> bool {
        (frame.width(), frame.height(), frame.format()) == (self.width, self.height, Pixel::YUV420P)
    }

    /// The picture in the scaler's size.
    pub(crate) fn scale(&mut self, frame: &frame::Video) -> Result<frame::Video, Error> {
        let (format, width, height) = (frame.format(), frame.width(), frame.height());
        let fits = |context: &scaling::Context| {
            let input = context.input();
            (input.format, input.width, input.height) == (format, width, height)
        };
        if !self.context.as_ref().is_some_and(fits) {
            self.context = Some(scaling::Context::get(
                format,
                width,
                height,
                Pixel::YUV420P,
                self.width,
                self.height,
                Flags::BICUBIC,
            )?);
        }
        let context = self.context.as_mut().expect("made just above");
        let mut scaled = frame::Video::new(Pixel::YUV420P, self.width, self.height);
        // SAFETY: reads one pointer of a live frame.
        if unsafe { scaled.is_empty() } {
            return Err(Error::Other { errno: libc::ENOMEM });
        }
        context.run(frame, &mut scaled)?;
        Ok(scaled)
    }
}

// SAFETY: an SwsContext is bound to no thread, and a Scaler is used by one thread at a time.
unsafe impl Send for Scaler {}
