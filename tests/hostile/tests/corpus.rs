//! The corpus, and changes of it, through every target. What a fuzzer has found once stays in the corpus.

use std::{collections::BTreeSet, fs};

use hostile::{Mutator, TARGETS, Target, corpus, corpus_folder};

/// Changed inputs for each target; the same in each run.
const CHANGED: u64 = 4_000;
/// Longer input finds the same slower.
const BYTES_MAX: usize = 16 * 1024;
const CORPUS_BYTES_MAX: u64 = 1 << 20;

fn target(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    let kept = corpus(name).expect("a target has a corpus");
    assert!(kept.len() >= 3, "{name} has {} inputs", kept.len());
    let inputs: Vec<Vec<u8>> = kept.into_iter().map(|(_, bytes)| bytes).collect();
    for bytes in &inputs {
        (target.run)(bytes);
    }
    for seed in 0..CHANGED {
        (target.run)(&Mutator::new(seed).next(&inputs, BYTES_MAX));
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                target(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_replayed_and_can_be_fuzzed() {
            let replayed = BTreeSet::from([$(stringify!($name)),*]);
            let all: BTreeSet<_> = TARGETS.iter().map(|Target { name, .. }| *name).collect();
            assert_eq!(replayed, all);
            let folder = corpus_folder().parent().unwrap().join("fuzz_targets");
            let fuzzed: BTreeSet<String> = fs::read_dir(folder).unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            assert_eq!(fuzzed, all.iter().map(|&name| name.to_owned()).collect());
        }
    };
}

targets! {
    handshake chunk amf0 amf3 rtmp_session flv parameter_sets audio_config
    playlist_query token_path request_headers
    pipe journal playlist boxes
}

#[test]
fn the_corpus_stays_small() {
    let folders = TARGETS.iter().map(|target| corpus_folder().join(target.name));
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < CORPUS_BYTES_MAX, "{bytes} bytes");
}
