//! Who may depend on whom, on the resolved graph (docs/ARCHITECTURE.md, "Rooms").

use crate::workspace::{OurCrate, report, workspace};

const ROOMS: [&str; 5] = ["ingest", "packager", "origin", "chat", "control-api"];

/// What a core may name of ours: nouns, which are pure themselves.
const NOUNS: [&str; 5] = ["ids", "media", "hls", "events", "access"];

/// Crates of `crates/` that do IO; all others there are pure.
const TOOLS: [&str; 5] = ["store", "db", "runtime", "rtc", "hlscheck"];

/// Linked into a pure crate, any of these would mean that it can wait, log, draw or open something.
const WORLDLY: [&str; 22] = [
    "aws-sdk-s3",
    "axum",
    "ffmpeg-next",
    "getrandom",
    "hyper",
    "hyper-util",
    "lettre",
    "metrics-exporter-prometheus",
    "mio",
    "rand",
    "redis",
    "reqwest",
    "retina",
    "rustls",
    "socket2",
    "sqlx",
    "sqlx-core",
    "str0m",
    "tokio",
    "tokio-util",
    "tower",
    "tracing-subscriber",
];

/// The only crates that may know two rooms: one joins them, one simulates their cores, one feeds their parsers junk.
const JOINERS: [&str; 3] = ["lectern", "sim", "hostile"];

fn room(of: &OurCrate) -> Option<&'static str> {
    ROOMS.into_iter().find(|room| of.folder == *room || of.folder.starts_with(&format!("{room}/")))
}

fn is_pure(of: &OurCrate) -> bool {
    of.folder.ends_with("/core") || (of.folder.starts_with("crates/") && !TOOLS.contains(&&*of.name))
}

#[test]
fn no_room_depends_on_a_room() {
    let ours = &workspace().ours;
    let mut complaints = Vec::new();
    for from in ours.values() {
        let Some(home) = room(from) else { continue };
        for to in from.names_ours.iter().map(|name| &ours[name]) {
            if room(to).is_some_and(|other| other != home) {
                complaints
                    .push(format!("{} ({}) depends on {} ({})", from.name, from.folder, to.name, to.folder));
            }
        }
    }
    report(
        &complaints,
        "State the need as a trait or a channel of the room's own; lectern/src/wiring implements it.",
    );
}

#[test]
fn only_the_executable_and_the_simulation_know_two_rooms() {
    let ours = &workspace().ours;
    let mut complaints = Vec::new();
    for from in ours.values().filter(|from| !JOINERS.contains(&&*from.name) && room(from).is_none()) {
        for to in from.names_ours.iter().map(|name| &ours[name]).filter(|to| room(to).is_some()) {
            complaints.push(format!("{} ({}) depends on the room crate {}", from.name, from.folder, to.name));
        }
    }
    report(
        &complaints,
        "Crates under crates/ and tests know no room. Move the shared noun into crates/ instead.",
    );
}

#[test]
fn a_core_cannot_wait_log_draw_or_open_anything() {
    let mut complaints = Vec::new();
    for pure in workspace().ours.values().filter(|of| is_pure(of)) {
        for worldly in WORLDLY.iter().filter(|name| pure.linked.contains(**name)) {
            complaints.push(format!("{} ({}) links {worldly}", pure.name, pure.folder));
        }
    }
    report(
        &complaints,
        "Cores and nouns are pure: time, randomness and bytes come in, outputs go out. Do the IO in the room's server.",
    );
}

#[test]
fn a_core_names_nouns_alone() {
    let mut complaints = Vec::new();
    for core in workspace().ours.values().filter(|of| of.folder.ends_with("/core")) {
        for other in core.linked.iter().filter(|name| workspace().ours.contains_key(*name)) {
            if !NOUNS.contains(&&**other) {
                complaints.push(format!("{} depends on {other}", core.name));
            }
        }
    }
    report(&complaints, &format!("A core may name {NOUNS:?}; tools belong to the room's server."));
}

#[test]
fn libav_is_linked_by_the_transcoder_alone_and_nobody_links_the_transcoder() {
    let mut complaints = Vec::new();
    for from in workspace().ours.values() {
        if from.names_ours.contains("packager-transcoder") {
            complaints.push(format!("{} depends on packager-transcoder", from.name));
        }
        if from.name != "packager-transcoder" && from.linked.iter().any(|name| name.starts_with("ffmpeg")) {
            complaints.push(format!("{} links FFmpeg", from.name));
        }
    }
    let transcoder = &workspace().ours["packager-transcoder"];
    for other in transcoder.names_ours.iter().filter(|name| !["media", "ids"].contains(&&***name)) {
        complaints.push(format!("packager-transcoder depends on {other}"));
    }
    report(
        &complaints,
        "lectern-transcoder is started as a process and spoken to through media::pipe; its crash must cost no lecture.",
    );
}

#[test]
fn end_to_end_tests_meet_the_executable_over_the_network_only() {
    let e2e = &workspace().ours["e2e"];
    let complaints: Vec<_> = e2e.names_ours.iter().map(|name| format!("e2e depends on {name}")).collect();
    report(
        &complaints,
        "What the test shares with the server it cannot check. Speak HTTP and RTMP to the real executable.",
    );
}

#[test]
fn our_crates_build_nothing_at_the_bottom_that_knows_the_top() {
    let mut complaints = Vec::new();
    for from in workspace().ours.values().filter(|from| from.name != "lectern") {
        if from.names_ours.contains("lectern") {
            complaints.push(format!("{} depends on lectern", from.name));
        }
    }
    report(&complaints, "Nothing depends on the executable.");
}
