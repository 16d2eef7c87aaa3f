//! H.264 with length prefixes in, pictures out: one for each packet, with its time stamp and its cut.

use std::{collections::BTreeSet, ptr, sync::Arc};

use ffmpeg_next::{Error, Packet, codec, decoder, ffi, frame};
use media::{VideoConfig, h264};

use super::PIXELS_MAX;

/// The most pictures a stream is trusted to reorder on the word of its time stamps alone.
const REORDER_MAX: i64 = 4;

/// A decoded picture.
pub(crate) struct Picture {
    /// Its pixels.
    pub frame: Arc<frame::Video>,
    /// The presentation time of its packet.
    pub pts: i64,
    /// Its packet was flagged: every rung makes an IDR of it.
    pub cut: bool,
}

/// A decoder of one H.264 stream. A packet of which nothing can be made gives the picture before it once more, so that
/// what is made of the pictures has neither holes nor missing cuts; the next keyframe mends all.
pub(crate) struct Decoder {
    inner: decoder::Video,
    nal_length_size: u8,
    frame_ticks: i64,
    /// Presentation times of the packets whose pictures have not come out yet.
    awaited: BTreeSet<i64>,
    cuts: BTreeSet<i64>,
    newest: Option<(i64, Arc<frame::Video>)>,
    broken: u64,
}

impl Decoder {
    /// A decoder for the stream that `config` describes; `frame_ticks` is the usual distance of its pictures.
    pub(crate) fn new(config: &VideoConfig, frame_ticks: i64) -> Result<Self, Error> {
        let codec = decoder::find(codec::Id::H264).ok_or(Error::DecoderNotFound)?;
        let mut context = codec::Context::new_with_codec(codec);
        // One thread: a second one for frames would hold a picture back, and a 1080p picture takes some 5 ms.
        context.set_threading(codec::threading::Config { count: 1, ..codec::threading::Config::default() });
        // SAFETY: the context was allocated just above and is not open yet.
        unsafe { describe(context.as_mut_ptr(), &config.avcc)? };
        let inner = context.decoder().open_as(codec)?.video()?;
        Ok(Self {
            inner,
            nal_length_size: config.nal_length_size,
            frame_ticks: frame_ticks.max(1),
            awaited: BTreeSet::new(),
            cuts: BTreeSet::new(),
            newest: None,
            broken: 0,
        })
    }

    /// Takes the next packet in decoding order and gives the pictures that are complete with it, in order of
    /// presentation.
    pub(crate) fn decode(&mut self, packet: &media::pipe::Packet, pictures: &mut Vec<Picture>) {
        if self.newest.as_ref().is_none_or(|(newest, _)| packet.pts > *newest) {
            self.awaited.insert(packet.pts);
        }
        if packet.cut {
            self.cuts.insert(packet.pts);
        }
        if packet.key {
            self.expect_reordering(packet.pts.saturating_sub(packet.dts));
        }
        if self.send(packet).is_err() {
            self.broken += 1;
        }
        self.receive(pictures);
        // One more than the decoder holds back, in case it has just learnt that it must hold back one more.
        let held = self.reordering() + 1;
        while self.awaited.len() > held {
            let lost = *self.awaited.first().expect("not empty, since it is longer than another length");
            self.give_up(lost, pictures);
        }
    }

    /// Gives out what reordering still holds. The next packet must be a keyframe.
    pub(crate) fn flush(&mut self, pictures: &mut Vec<Picture>) {
        if self.inner.send_eof().is_ok() {
            self.receive(pictures);
        }
        self.inner.flush();
        while let Some(&lost) = self.awaited.first() {
            self.give_up(lost, pictures);
        }
    }

    /// Packets so far that could not be decoded at all.
    pub(crate) fn broken(&self) -> u64 {
        self.broken
    }

    fn send(&mut self, packet: &media::pipe::Packet) -> Result<(), Error> {
        // Bombs are kept from libav altogether, though it has limits of its own.
        if packet.payload.is_empty() || h264::vet(&packet.payload, self.nal_length_size).is_err() {
            return Err(Error::InvalidData);
        }
        let mut av_packet = Packet::copy(&packet.payload);
        av_packet.set_pts(Some(packet.pts));
        av_packet.set_dts(Some(packet.dts));
        if packet.key {
            av_packet.set_flags(codec::packet::Flags::KEY);
        }
        self.inner.send_packet(&av_packet)
    }

    fn receive(&mut self, pictures: &mut Vec<Picture>) {
        loop {
            let mut frame = frame::Video::empty();
            // "Nothing yet", "no more" and "broken" all end the round; only a picture goes on.
            if self.inner.receive_frame(&mut frame).is_err() {
                return;
            }
            // A picture that libav made up for a lost one, or that comes after its place was filled, has no place.
            let Some(pts) = frame.pts().filter(|pts| self.awaited.contains(pts)) else { continue };
            while let Some(&lost) = self.awaited.range(..pts).next() {
                self.give_up(lost, pictures);
            }
            self.give(pts, Arc::new(frame), pictures);
        }
    }

    /// Nothing will come for `pts`.
    fn give_up(&mut self, pts: i64, pictures: &mut Vec<Picture>) {
        match &self.newest {
            Some((_, frame)) => self.give(pts, Arc::clone(frame), pictures),
            // Before the first keyframe there is nothing to show; its cut passes to the first picture.
            None => {
                self.awaited.remove(&pts);
            }
        }
    }

    fn give(&mut self, pts: i64, frame: Arc<frame::Video>, pictures: &mut Vec<Picture>) {
        self.awaited.remove(&pts);
        self.newest = Some((pts, Arc::clone(&frame)));
        let later = self.cuts.split_off(&pts.saturating_add(1));
        let cut = !std::mem::replace(&mut self.cuts, later).is_empty();
        pictures.push(Picture { frame, pts, cut });
    }

    /// Pictures that the decoder holds back to put them in order.
    fn reordering(&self) -> usize {
        // SAFETY: reads a number of an open context that no other thread uses.
        usize::try_from(unsafe { (*self.inner.as_ptr()).has_b_frames }).unwrap_or(0)
    }

    /// Many encoders do not say in the SPS how far they reorder, and libav then loses the first pictures while it
    /// finds out. A keyframe's composition offset tells.
    fn expect_reordering(&mut self, offset_ticks: i64) {
        let pictures = offset_ticks.saturating_add(self.frame_ticks / 2) / self.frame_ticks;
        let pictures = i32::try_from(pictures.clamp(0, REORDER_MAX)).expect("clamped to a few");
        // SAFETY: the context is open and no other thread uses it; libav reads the field at each picture and only
        // ever raises it itself.
        unsafe {
            let context = self.inner.as_mut_ptr();
            (*context).has_b_frames = (*context).has_b_frames.max(pictures);
        }
    }
}

/// Gives an unopened context the stream's description and the limits it is held to.
///
/// # Safety
/// `context` must be allocated, not open, and without extradata.
unsafe fn describe(context: *mut ffi::AVCodecContext, avcc: &[u8]) -> Result<(), Error> {
    let padding = usize::try_from(ffi::AV_INPUT_BUFFER_PADDING_SIZE).expect("a small positive constant");
    let size = i32::try_from(avcc.len()).map_err(|_| Error::InvalidData)?;
    // SAFETY: av_mallocz gives `len + padding` zeroed bytes or null, which is checked; the context frees them.
    unsafe {
        let extradata = ffi::av_mallocz(avcc.len() + padding).cast::<u8>();
        if extradata.is_null() {
            return Err(Error::Other { errno: libc::ENOMEM });
        }
        ptr::copy_nonoverlapping(avcc.as_ptr(), extradata, avcc.len());
        (*context).extradata = extradata;
        (*context).extradata_size = size;
        (*context).pkt_timebase = super::encoder::SESSION_TIME_BASE.into();
        (*context).max_pixels = i64::from(PIXELS_MAX);
    }
    Ok(())
}
