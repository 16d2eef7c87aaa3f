//! Bytes from strangers for every parser of the house. A target takes any bytes whatever; it panics when a parser
//! does, or when one breaks its word: what it has read must be written and read again as the same.
//!
//! The same targets run in three ways: over the corpus in `tests/fuzz/corpus` and some thousand changes of it in
//! `make test`; for minutes each, with a mutator of our own on the stable compiler, in `make fuzz`; and guided by
//! coverage where cargo-fuzz and a nightly compiler are installed (`tests/fuzz`).

mod crafted;
mod mutate;
mod peers;
mod stored;
mod viewers;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub use crafted::{Input, corpus as crafted_corpus};
pub use mutate::Mutator;

/// A parser, or a few that read the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Also its folder in the corpus.
    pub name: &'static str,
    /// Reads the bytes. May panic: that is what is looked for.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "handshake", run: peers::handshake },
    Target { name: "chunk", run: peers::chunk },
    Target { name: "amf0", run: peers::amf0 },
    Target { name: "amf3", run: peers::amf3 },
    Target { name: "rtmp_session", run: peers::rtmp_session },
    Target { name: "flv", run: peers::flv },
    Target { name: "parameter_sets", run: peers::parameter_sets },
    Target { name: "audio_config", run: peers::audio_config },
    Target { name: "playlist_query", run: viewers::playlist_query },
    Target { name: "token_path", run: viewers::token_path },
    Target { name: "request_headers", run: viewers::request_headers },
    Target { name: "pipe", run: stored::pipe },
    Target { name: "journal", run: stored::journal },
    Target { name: "playlist", run: stored::playlist },
    Target { name: "boxes", run: stored::boxes },
];

/// Runs a target by name; what cargo-fuzz calls.
///
/// # Panics
/// When there is no such target, or the target found something.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    (target.run)(bytes);
}

/// The folder with a folder for each target.
///
/// # Panics
/// Never: the crate lies beside it.
#[must_use]
pub fn corpus_folder() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("tests/hostile lies in tests").join("fuzz/corpus")
}

/// What is kept for a target, in the order of the files' names.
///
/// # Errors
/// When the folder cannot be read.
pub fn corpus(name: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(corpus_folder().join(name))? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.push((file, fs::read(path)?));
    }
    found.sort();
    Ok(found)
}
