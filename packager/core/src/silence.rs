//! Silent AAC-LC frames, for sound that is absent. Constants; encodes nothing.

use std::sync::Arc;

use bytes::Bytes;
use media::AudioConfig;

/// One channel: a single_channel_element with nothing in it (ISO/IEC 14496-3 4.4.2.1).
const MONO: &[u8] = &[0x00, 0xc8, 0x00, 0x80, 0x23, 0x80];
/// Two channels: a channel_pair_element with nothing in it.
const STEREO: &[u8] = &[0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80];

/// What a publication without sound is given: AAC-LC, 48 kHz, stereo.
pub(crate) fn config() -> Arc<AudioConfig> {
    Arc::new(AudioConfig {
        asc: Bytes::from_static(&[0x11, 0x90]),
        sample_rate: 48_000,
        channels: 2,
        samples_per_frame: 1024,
        codec: "mp4a.40.2".to_owned(),
    })
}

/// A silent frame that a decoder of this configuration takes; none where we know none.
pub(crate) fn frame(config: &AudioConfig) -> Option<Bytes> {
    if config.codec != "mp4a.40.2" || config.samples_per_frame != 1024 {
        return None;
    }
    match config.channels {
        1 => Some(Bytes::from_static(MONO)),
        2 => Some(Bytes::from_static(STEREO)),
        _ => None,
    }
}
