//! From an epoch's journal: its records, and where its bytes lie.

use std::collections::{BTreeMap, BTreeSet};

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
        if reader.valid_bytes() < journal.len() {
            let torn = journal.len() - reader.valid_bytes();
            tracing::warn!("journal has a torn tail of {torn} bytes; it is cut off");
        }
        Self { records, journal_bytes: reader.valid_bytes() as u64, file_bytes }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.records.iter().any(|record| matches!(record, Record::End))
    }

    pub(crate) fn length_of(&self, rendition: &str) -> u64 {
        self.file_bytes.get(rendition).copied().unwrap_or(0)
    }

    /// Where everything lies. Parts that are not wholly in their file are left out, and segments that have a
    /// hole can be had in parts alone: the core lists them as gaps.
    pub(crate) fn index(&self) -> Result<Index, store::Error> {
        let mut index = Index::default();
        let mut holed = BTreeSet::new();
        for record in &self.records {
            match record {
                Record::Init { rendition, n, bytes, .. } => index.init(rendition, *n, bytes.clone())?,
                Record::Part { rendition, msn, index: part, gap, offset, length, .. } => {
                    let end = offset.saturating_add(*length);
                    if *gap || end > self.length_of(rendition) {
                        holed.insert((rendition, *msn));
                    } else {
                        let extent = Extent { offset: *offset, len: *length };
                        index.part(rendition, *msn, *part, extent)?;
                    }
                }
                Record::SegmentEnd { rendition, msn } if holed.contains(&(rendition, *msn)) => {}
                Record::SegmentEnd { rendition, msn } => index.finish(rendition, *msn),
                Record::Epoch { .. }
                | Record::PdtAnchor { .. }
                | Record::Multivariant(_)
                | Record::Segment { .. }
                | Record::Reserve { .. }
                | Record::End => {}
            }
        }
        Ok(index)
    }
}
