//! From an epoch's journal: its records, and where its bytes lie.

use std::collections::BTreeMap;

use bytes::Bytes;
use ids::{EpochId, SessionId};
use packager_core::journal::{Reader, Record};
use store::{Extent, Index, Store};

/// An epoch as it stands on disk.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) records: Vec<Record>,
    /// How much of the journal holds whole records.
    pub(crate) journal_bytes: u64,
    /// How long the renditions' files are.
    pub(crate) file_bytes: BTreeMap<String, u64>,
}

impl Recovered {
    /// Reads an epoch; none when there is none on disk.
    pub(crate) async fn read(
        store: &Store,
        session: SessionId,
        epoch: EpochId,
    ) -> Result<Option<Self>, store::Error> {
        let Some(journal) = store.journal(session, epoch).await? else { return Ok(None) };
        let file_bytes = store.lengths(session, epoch).await?;
        // A long epoch has more than a hundred thousand records.
        let parse = tokio::task::spawn_blocking(move || Self::parse(&journal, file_bytes));
        Ok(parse.await.ok())
    }

    fn parse(journal: &Bytes, file_bytes: BTreeMap<String, u64>) -> Self {
        let mut reader = Reader::new(journal);
        let records: Vec<Record> = reader.by_ref().collect();
        let (torn, damaged) = (journal.len() - reader.valid_bytes(), reader.damaged_bytes());
        if torn > 0 {
            tracing::warn!("journal has a torn tail of {torn} bytes; it is cut off");
        }
        if damaged > 0 {
            tracing::error!(
                "journal has {damaged} damaged bytes amid whole records; what they told of is listed as gaps: \
                 look at the disk"
            );
        }
        Self { records, journal_bytes: reader.valid_bytes() as u64, file_bytes }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.records.iter().any(|record| matches!(record, Record::End))
    }

    /// The course's title, as a publisher told it last.
    pub(crate) fn title(&self) -> Option<&str> {
        self.records.iter().rev().find_map(|record| {
            let Record::Title(title) = record else { return None };
            Some(title.as_str())
        })
    }

    pub(crate) fn length_of(&self, rendition: &str) -> u64 {
        self.file_bytes.get(rendition).copied().unwrap_or(0)
    }

    /// Where everything lies. Parts that are not wholly in their file are left out, and segments that have a
    /// hole can be had in parts alone: the core lists them as gaps.
    pub(crate) fn index(&self) -> Result<Index, store::Error> {
        let mut index = Index::default();
        let mut open: BTreeMap<&str, Open> = BTreeMap::new();
        for record in &self.records {
            match record {
                Record::Init { rendition, n, bytes, .. } => index.init(rendition, *n, bytes.clone())?,
                Record::Segment { rendition, msn, .. } => {
                    // The end of the one before may be among the records that are lost.
                    let before = open.insert(rendition, Open { msn: *msn, parts: 0, whole: true });
                    finish(&mut index, rendition, before);
                }
                Record::Part { rendition, msn, index: part, gap, offset, length, .. } => {
                    if open.get(rendition.as_str()).is_none_or(|segment| segment.msn < *msn) {
                        let before = open.insert(rendition, Open { msn: *msn, parts: 0, whole: true });
                        finish(&mut index, rendition, before);
                    }
                    let there = !*gap && offset.saturating_add(*length) <= self.length_of(rendition);
                    if let Some(segment) = open.get_mut(rendition.as_str()).filter(|found| found.msn == *msn)
                    {
                        segment.whole &= there && segment.parts == *part;
                        segment.parts = part.saturating_add(1);
                    }
                    if there {
                        let extent = Extent { offset: *offset, len: *length };
                        index.part(rendition, *msn, *part, extent)?;
                    }
                }
                Record::SegmentEnd { rendition, msn } => {
                    if open.get(rendition.as_str()).is_some_and(|segment| segment.msn == *msn) {
                        finish(&mut index, rendition, open.remove(rendition.as_str()));
                    }
                }
                Record::End => {
                    for (rendition, segment) in std::mem::take(&mut open) {
                        finish(&mut index, rendition, Some(segment));
                    }
                }
                Record::Epoch { .. }
                | Record::PdtAnchor { .. }
                | Record::Multivariant(_)
                | Record::Title(_)
                | Record::Reserve { .. } => {}
            }
        }
        Ok(index)
    }
}

/// A segment whose parts are being read.
#[derive(Debug)]
struct Open {
    msn: u64,
    /// Index of the next part.
    parts: u32,
    /// None of them is missing.
    whole: bool,
}

fn finish(index: &mut Index, rendition: &str, segment: Option<Open>) {
    if let Some(segment) = segment.filter(|segment| segment.whole && segment.parts > 0) {
        index.finish(rendition, segment.msn);
    }
}
