//! What lies where: renditions, their initialisation sections, segments and parts. Does no IO.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::Error;

/// Something a player can fetch of a rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// `init-{n}.mp4`.
    Init(u32),
    /// `{msn}.m4s`: all parts of a finished segment.
    Segment(u64),
    /// `{msn}.{index}.m4s`: one part, before and after its segment is finished.
    Part(u64, u32),
}

/// A range of bytes of a rendition's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Extent {
    /// The first byte.
    pub offset: u64,
    /// How many.
    pub len: u64,
}

/// Where the objects of an epoch lie in its files, by rendition.
#[derive(Debug, Default)]
pub struct Index {
    pub(crate) renditions: BTreeMap<String, Rendition>,
}

#[derive(Debug, Default)]
pub(crate) struct Rendition {
    pub(crate) inits: BTreeMap<u32, Piece>,
    pub(crate) segments: BTreeMap<u64, Segment>,
    /// Segments before this one need not stay in memory.
    keep_from_msn: u64,
    /// Segments before this one were let go already.
    released_to_msn: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Segment {
    pub(crate) parts: BTreeMap<u32, Piece>,
    pub(crate) finished: bool,
}

/// An initialisation section or a part.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) extent: Extent,
    pub(crate) memory: Option<Vec<Bytes>>,
    pub(crate) on_disk: bool,
}

impl Index {
    /// An initialisation section. Small, needed as long as the epoch is, hence always in memory; on disk it
    /// stands in the journal.
    ///
    /// # Errors
    /// When the name cannot be a rendition's.
    pub fn init(&mut self, rendition: &str, n: u32, bytes: Bytes) -> Result<(), Error> {
        let extent = Extent { offset: 0, len: bytes.len() as u64 };
        self.insert(rendition, Object::Init(n), Piece { extent, memory: Some(vec![bytes]), on_disk: false })
    }

    /// A part that is on disk.
    ///
    /// # Errors
    /// When the name cannot be a rendition's.
    pub fn part(&mut self, rendition: &str, msn: u64, index: u32, extent: Extent) -> Result<(), Error> {
        self.insert(rendition, Object::Part(msn, index), Piece { extent, memory: None, on_disk: true })
    }

    /// All parts of the segment were named: it may be fetched as a whole.
    pub fn finish(&mut self, rendition: &str, msn: u64) {
        if let Some(segment) = self.segment_mut(rendition, msn) {
            segment.finished = true;
        }
    }

    pub(crate) fn insert(&mut self, rendition: &str, object: Object, piece: Piece) -> Result<(), Error> {
        if !is_rendition_name(rendition) {
            return Err(Error::RenditionName(rendition.to_owned()));
        }
        let rendition = self.renditions.entry(rendition.to_owned()).or_default();
        match object {
            Object::Init(n) => rendition.inits.insert(n, piece),
            Object::Part(msn, index) => rendition.segments.entry(msn).or_default().parts.insert(index, piece),
            Object::Segment(_) => unreachable!("a segment is stored as its parts"),
        };
        Ok(())
    }

    /// The pieces an object consists of, in order; none when it is not there as a whole.
    pub(crate) fn pieces(&self, rendition: &str, object: Object) -> Option<Vec<&Piece>> {
        let rendition = self.renditions.get(rendition)?;
        let pieces: Vec<&Piece> = match object {
            Object::Init(n) => vec![rendition.inits.get(&n)?],
            Object::Part(msn, index) => vec![rendition.segments.get(&msn)?.parts.get(&index)?],
            Object::Segment(msn) => {
                let segment = rendition.segments.get(&msn).filter(|segment| segment.finished)?;
                segment.parts.values().collect()
            }
        };
        let whole = !pieces.is_empty() && pieces.iter().all(|piece| !piece.is_lost());
        whole.then_some(pieces)
    }

    /// It is on disk; what nobody needs in memory any more leaves it.
    pub(crate) fn written(&mut self, rendition: &str, object: Object) {
        let Some(rendition) = self.renditions.get_mut(rendition) else { return };
        let Object::Part(msn, index) = object else { return };
        let Some(segment) = rendition.segments.get_mut(&msn) else { return };
        let Some(piece) = segment.parts.get_mut(&index) else { return };
        piece.on_disk = true;
        if msn < rendition.keep_from_msn {
            piece.memory = None;
        }
    }

    /// Nothing more comes, and no window moves on: what is on disk leaves memory as soon as it is; what is not
    /// stays, since it is listed.
    pub(crate) fn release_all(&mut self) {
        for rendition in self.renditions.values_mut() {
            rendition.keep_from_msn = u64::MAX;
            let pieces = rendition.segments.values_mut().flat_map(|segment| segment.parts.values_mut());
            pieces.filter(|piece| piece.on_disk).for_each(|piece| piece.memory = None);
        }
    }

    /// Lets segments before `msn` leave memory. `queued` tells which of those not on disk still wait for it.
    pub(crate) fn release_before(&mut self, name: &str, msn: u64, queued: impl Fn(Object) -> bool) {
        let Some(rendition) = self.renditions.get_mut(name) else { return };
        rendition.keep_from_msn = rendition.keep_from_msn.max(msn);
        let from = rendition.released_to_msn;
        if from >= msn {
            return;
        }
        for (&number, segment) in rendition.segments.range_mut(from..msn) {
            for (&index, piece) in &mut segment.parts {
                if piece.on_disk || !queued(Object::Part(number, index)) {
                    piece.memory = None;
                }
            }
        }
        rendition.released_to_msn = msn;
    }

    pub(crate) fn segment_mut(&mut self, rendition: &str, msn: u64) -> Option<&mut Segment> {
        self.renditions.get_mut(rendition)?.segments.get_mut(&msn)
    }

    /// Bytes held in memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let held = |piece: &Piece| if piece.memory.is_some() { piece.extent.len } else { 0 };
        self.renditions.values().flat_map(Rendition::pieces).map(held).sum()
    }
}

impl Rendition {
    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.inits.values().chain(self.segments.values().flat_map(|segment| segment.parts.values()))
    }
}

impl Piece {
    fn is_lost(&self) -> bool {
        self.memory.is_none() && !self.on_disk
    }
}

/// What may stand in a file name: short, lower case, no dots.
pub(crate) fn is_rendition_name(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=32).contains(&name.len()) && name.bytes().all(plain)
}
