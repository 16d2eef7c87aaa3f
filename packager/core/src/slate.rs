//! The slate: a still picture that stands where nothing of the publisher's comes. Holds what the transcoder made
//! of it; encodes nothing.

use std::sync::Arc;

use bytes::Bytes;
use media::{VideoConfig, h264};

use crate::epoch::Name;

/// How often the still is repeated within a part, in session ticks (0.1 s).
const REPEAT: i64 = 9_000;

/// A still that is to be made for a rendition, in its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The rendition.
    pub rendition: Name,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// A still as one rendition shows it: two groups of pictures that look alike. Each begins with an IDR and goes on
/// with pictures that change nothing; a group may be left after any of its pictures. There are two because
/// IDRs that follow one another must differ in `idr_pic_id` (ITU-T H.264 7.4.3).
#[derive(Clone, Debug, PartialEq)]
pub struct Still {
    config: Arc<VideoConfig>,
    groups: [Vec<Bytes>; 2],
}

impl Still {
    /// From encoded pictures, NAL units with length prefixes. None when one of the groups is empty.
    #[must_use]
    pub fn new(config: Arc<VideoConfig>, groups: [Vec<Bytes>; 2]) -> Option<Self> {
        groups.iter().all(|group| !group.is_empty()).then_some(Self { config, groups })
    }

    /// Its init segment, for a rendition whose own is `beside`: it says the same profile and level, so that the
    /// CODECS of the rendition name both.
    pub(crate) fn init(&self, beside: Option<&Bytes>) -> Bytes {
        let own = beside.and_then(|init| crate::fmp4::body(init, b"avcC"));
        let claimed = own.and_then(|own| h264::parse_avcc(h264::claim(&self.config.avcc, &own)?).ok());
        crate::fmp4::video_init(claimed.as_ref().unwrap_or(&self.config), crate::epoch::SESSION_TICKS)
    }

    /// The samples of a part of `length` session ticks: payload, IDR or not, duration. The payloads are shared,
    /// however often they are shown.
    pub(crate) fn part(&self, second: bool, length: i64) -> Vec<(Bytes, bool, i64)> {
        let group = &self.groups[usize::from(second)];
        let most = i64::try_from(group.len()).unwrap_or(i64::MAX);
        let count = (length / REPEAT).clamp(1, most);
        let each = length / count;
        let samples = (0..count).zip(group);
        samples
            .map(|(index, payload)| {
                let last = index == count - 1;
                (payload.clone(), index == 0, if last { length - each * index } else { each })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn still() -> Still {
        let avcc = [1, 66, 0, 30, 0xff, 0xe0, 0];
        let config = VideoConfig {
            avcc: Bytes::copy_from_slice(&avcc),
            width: 64,
            height: 48,
            sample_aspect: (1, 1),
            frame_rate: None,
            codec: "avc1.42001e".to_owned(),
            nal_length_size: 4,
        };
        let group = |n: u8| (0..6).map(|at| Bytes::copy_from_slice(&[n, at])).collect();
        Still::new(Arc::new(config), [group(1), group(2)]).unwrap()
    }

    #[test]
    fn a_part_of_any_length_is_filled_to_the_tick() {
        let still = still();
        for length in [1, 2, 900, 8_999, 9_000, 26_123, 45_000, 48_600] {
            let part = still.part(length % 2 == 0, length);
            assert_eq!(part.iter().map(|(.., duration)| duration).sum::<i64>(), length);
            assert!(part.iter().all(|(.., duration)| *duration > 0), "{length}: {part:?}");
            assert!(part[0].1 && part[1..].iter().all(|(_, key, _)| !key));
        }
        assert_eq!(still.part(false, 45_000).len(), 5);
    }

    #[test]
    fn what_is_shown_again_is_shared() {
        let still = still();
        assert_eq!(still.part(false, 45_000)[0].0.as_ptr(), still.part(false, 9_000)[0].0.as_ptr());
        assert_ne!(still.part(false, 45_000)[0].0, still.part(true, 45_000)[0].0);
    }

    #[test]
    fn a_still_without_pictures_is_none() {
        let still = still();
        assert!(Still::new(still.config, [Vec::new(), vec![Bytes::from_static(b"idr")]]).is_none());
    }
}
