//! What ffmpeg says: every rendition decodes without a word, and no frame is lost or doubled. Skipped where
//! there is no ffmpeg.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]
#![expect(clippy::wildcard_enum_match_arm, reason = "one kind of record is looked for")]

mod support;

use std::{fs, path::Path, process::Command, time::Duration};

use bytes::Bytes;
use media::{AccessUnit, Item, MediaTime, TrackConfig, TrackKind};
use packager_core::{epoch::Config, journal};
use support::World;

fn ffmpeg(arguments: &[&str]) -> Option<(bool, String)> {
    let output = Command::new(arguments[0]).args(&arguments[1..]).output().ok()?;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), text))
}

/// The tags of an FLV file that ffmpeg wrote, as ingest would pass them on.
fn read_flv(path: &Path) -> Vec<(Duration, Item)> {
    let file = Bytes::from(fs::read(path).unwrap());
    let mut items = Vec::new();
    let mut at = 13;
    while at + 11 < file.len() {
        let size = u32::from_be_bytes([0, file[at + 1], file[at + 2], file[at + 3]]) as usize;
        let ms = i64::from(u32::from_be_bytes([file[at + 7], file[at + 4], file[at + 5], file[at + 6]]));
        let kind = file[at];
        let body = file.slice(at + 11..at + 11 + size);
        at += 11 + size + 4;
        let sent = Duration::from_millis(ms as u64);
        let decode_at = MediaTime::from_ms(ms);
        match kind {
            9 if body[1] == 0 => {
                let config = media::h264::parse_avcc(body.slice(5..)).unwrap();
                items.push((sent, Item::Config(TrackConfig::Video(config.into()))));
            }
            9 if body[1] == 1 => {
                let composition = i32::from_be_bytes([body[2], body[3], body[4], 0]) >> 8;
                items.push((
                    sent,
                    Item::Unit(AccessUnit {
                        track: TrackKind::Video,
                        decode_at,
                        present_at: decode_at.plus(MediaTime::from_ms(i64::from(composition))),
                        key: body[0] >> 4 == 1,
                        payload: body.slice(5..),
                    }),
                ));
            }
            8 if body[1] == 0 => {
                let config = media::aac::parse_asc(body.slice(2..)).unwrap();
                items.push((sent, Item::Config(TrackConfig::Audio(config.into()))));
            }
            8 => items.push((
                sent,
                Item::Unit(AccessUnit {
                    track: TrackKind::Audio,
                    decode_at,
                    present_at: decode_at,
                    key: true,
                    payload: body.slice(2..),
                }),
            )),
            _ => {}
        }
    }
    items
}

fn inits(world: &World, rendition: &str) -> Vec<Bytes> {
    journal::Reader::new(&world.journal)
        .filter_map(|record| match record {
            journal::Record::Init { rendition: name, bytes, .. } if name == rendition => Some(bytes),
            _ => None,
        })
        .collect()
}

fn decoded_frames(world: &World, rendition: &str, directory: &Path) -> usize {
    let init = &inits(world, rendition)[0];
    let mut file = init.to_vec();
    file.extend_from_slice(&world.files[rendition]);
    let path = directory.join(format!("{rendition}.mp4"));
    fs::write(&path, file).unwrap();
    let path = path.to_str().unwrap();
    let (ok, text) = ffmpeg(&["ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null", "-"]).unwrap();
    assert!(ok && text.is_empty(), "{rendition}: {text}");
    let (_, text) = ffmpeg(&[
        "ffprobe",
        "-v",
        "error",
        "-count_frames",
        "-show_entries",
        "stream=nb_read_frames",
        "-of",
        "csv=p=0",
        path,
    ])
    .unwrap();
    text.trim().trim_end_matches(',').parse().unwrap()
}

#[test]
fn every_frame_of_a_real_encoder_is_decoded() {
    if ffmpeg(&["ffmpeg", "-version"]).is_none() {
        return;
    }
    for (name, options) in [
        ("plain", &["-bf", "0", "-r", "30", "-g", "60"][..]),
        ("b-frames", &["-bf", "3", "-b_strategy", "0", "-r", "25", "-g", "50"][..]),
        ("ntsc", &["-bf", "2", "-r", "30000/1001", "-g", "60"][..]),
    ] {
        let directory = std::env::temp_dir().join(format!("packager-core-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("in.flv");
        let mut arguments = vec!["ffmpeg", "-y", "-v", "error"];
        arguments.extend(
            "-f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=sample_rate=44100 -t 13".split(' '),
        );
        arguments.extend(
            "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -sc_threshold 0 -c:a aac -ac 2".split(' '),
        );
        arguments.extend(options);
        arguments.extend(["-f", "flv", path.to_str().unwrap()]);
        let (ok, text) = ffmpeg(&arguments).unwrap();
        assert!(ok, "{text}");

        let items = read_flv(&path);
        let mut world = World::new(Config::default());
        let from = world.now;
        world.start();
        let (mut pictures, mut sounds) = (0, 0);
        for (at, item) in items {
            match &item {
                Item::Unit(unit) if unit.track == TrackKind::Video => pictures += 1,
                Item::Unit(_) => sounds += 1,
                Item::Config(_) => {}
            }
            world.item(item, from + at);
        }
        world.stop();
        world.end();
        world.check_renditions();
        assert_eq!(decoded_frames(&world, "source", &directory), pictures, "{name}");
        let heard = decoded_frames(&world, "audio", &directory);
        assert!((sounds - 5..=sounds).contains(&heard), "{name}: {heard} of {sounds}");
        fs::remove_dir_all(&directory).unwrap();
    }
}

#[test]
fn made_silence_decodes() {
    if ffmpeg(&["ffmpeg", "-version"]).is_none() {
        return;
    }
    let directory = std::env::temp_dir().join(format!("packager-core-silence-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let mut world = World::new(Config::default());
    support::Publisher { audio: None, ..support::Publisher::default() }
        .publish(&mut world, Duration::from_secs(10));
    world.stop();
    world.end();
    assert!(decoded_frames(&world, "audio", &directory) > 400);
    fs::remove_dir_all(&directory).unwrap();
}
