//! The packager's shell: takes publications in, lets `packager_core` cut them, writes what it says to
//! memory, disk and the transcoder's pipe, and announces it afterwards. Decides nothing about media.
//!
//! [`Packager`] is the handle. One programme task owns each timeline that is on air or in preview; it may
//! own a transcoder process. Finished timelines are opened from their journal when somebody asks.

mod archive;
mod config;
mod facts;
mod feed;
mod packager;
mod previews;
mod programme_task;
mod publication;
mod publish;
mod recover;
mod rungs;
mod slate_maker;
mod standing;
mod timeline;
mod transcoder_process;

pub use crate::{
    config::Config,
    facts::{ProgrammeHealth, ProgrammeSink, ProgrammeState, ProgrammeStatus},
    feed::{EpochFeed, Renditions},
    packager::Packager,
};

#[cfg(test)]
mod tests;
