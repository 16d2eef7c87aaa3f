//! A multivariant playlist: rules 4 to 6 and 25 to 27, and what it says of its media playlists.

use std::collections::BTreeMap;

use crate::{
    attributes::{self, Attributes, Form},
    report::{Sink, quote},
    rule::Level,
    text::Line,
};

/// More than any ladder that is worth checking.
const PLAYLISTS_MAX: usize = 200;

/// A variant.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) attributes: Attributes,
    /// Resolved.
    pub(crate) url: String,
}

/// What a multivariant playlist says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Multivariant {
    pub(crate) variants: Vec<Variant>,
    /// EXT-X-MEDIA: attributes, and where its playlist lies.
    pub(crate) media: Vec<(Attributes, Option<String>)>,
}

impl Multivariant {
    /// Media playlists other than I-frame ones, each once, in the order of their mention.
    pub(crate) fn playlists(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let all = self.variants.iter().map(|variant| &variant.url);
        for url in all.chain(self.media.iter().filter_map(|(_, url)| url.as_ref())) {
            if !found.contains(url) && found.len() < PLAYLISTS_MAX {
                found.push(url.clone());
            }
        }
        found
    }

    /// Variants that play the playlist at `url`: as their own, or out of one of their groups.
    pub(crate) fn variants_with<'a>(&'a self, url: &'a str) -> impl Iterator<Item = &'a Variant> {
        let groups: Vec<(&str, &str)> = self
            .media
            .iter()
            .filter(|(_, at)| at.as_deref() == Some(url))
            .filter_map(|(media, _)| Some((media.get("TYPE")?, media.get("GROUP-ID")?)))
            .collect();
        self.variants.iter().filter(move |variant| {
            variant.url == url
                || groups.iter().any(|(kind, group)| variant.attributes.get(kind) == Some(group))
        })
    }

    /// Playlists of the groups that a variant names.
    pub(crate) fn groups_of<'a>(&'a self, variant: &'a Variant) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.media.iter().filter_map(|(media, url)| {
            let (kind, group) = (media.get("TYPE")?, media.get("GROUP-ID")?);
            (variant.attributes.get(kind) == Some(group)).then_some((kind, url.as_deref()?))
        })
    }
}

/// Reads one; `resolve` makes URLs of URIs.
pub(crate) fn parse(
    lines: &[Line<'_>],
    resolve: impl Fn(&str) -> Option<String>,
    sink: &mut Sink,
) -> Multivariant {
    let mut found = Multivariant::default();
    let mut expects: Option<Attributes> = None;
    let mut seen: Vec<&str> = Vec::new();
    let mut version = None;
    let mut define = false;
    for line in lines {
        match line {
            Line::Tag { name, value } => {
                if *name != "EXTM3U" && expects.take().is_some() {
                    sink.check(25, false, || "EXT-X-STREAM-INF without a URI on the next line".into());
                }
                let text = value.unwrap_or_default();
                let once =
                    ["EXT-X-VERSION", "EXT-X-INDEPENDENT-SEGMENTS", "EXT-X-START", "EXT-X-CONTENT-STEERING"];
                if once.contains(name) {
                    let rule = if *name == "EXT-X-VERSION" { 4 } else { 6 };
                    sink.check(rule, !seen.contains(name), || {
                        format!("{name} stands once, and is there twice")
                    });
                    seen.push(name);
                }
                match *name {
                    "EXT-X-VERSION" => version = attributes::integer(text),
                    "EXT-X-DEFINE" => define = true,
                    "EXT-X-STREAM-INF" => expects = Some(attributes::parse(name, text, sink)),
                    "EXT-X-MEDIA" => {
                        let media = attributes::parse(name, text, sink);
                        let url = media.get("URI").and_then(&resolve);
                        found.media.push((media, url));
                    }
                    "EXT-X-I-FRAME-STREAM-INF" => {
                        let inf = attributes::parse(name, text, sink);
                        sink.check(
                            25,
                            inf.integer("BANDWIDTH").is_some() && inf.get("URI").is_some(),
                            || "EXT-X-I-FRAME-STREAM-INF needs BANDWIDTH and URI".into(),
                        );
                    }
                    _ => {
                        let foreign = is_of_media(name);
                        sink.check(6, !foreign, || {
                            format!("{name} belongs into a media playlist, not into this")
                        });
                    }
                }
            }
            Line::Uri(uri) => {
                let Some(attributes) = expects.take() else {
                    sink.check(25, false, || format!("{} follows no EXT-X-STREAM-INF", quote(uri)));
                    continue;
                };
                if let Some(url) = resolve(uri) {
                    found.variants.push(Variant { attributes, url });
                }
            }
        }
    }
    sink.check(25, expects.is_none(), || "EXT-X-STREAM-INF without a URI after it".into());
    sink.check(4, !define || version.unwrap_or(1) >= 8, || "EXT-X-DEFINE needs EXT-X-VERSION 8".into());
    variants(&found, sink);
    groups(&found, sink);
    found
}

fn is_of_media(name: &str) -> bool {
    matches!(
        name,
        "EXTINF"
            | "EXT-X-BYTERANGE"
            | "EXT-X-DISCONTINUITY"
            | "EXT-X-KEY"
            | "EXT-X-MAP"
            | "EXT-X-PROGRAM-DATE-TIME"
            | "EXT-X-GAP"
            | "EXT-X-BITRATE"
            | "EXT-X-PART"
            | "EXT-X-TARGETDURATION"
            | "EXT-X-MEDIA-SEQUENCE"
            | "EXT-X-DISCONTINUITY-SEQUENCE"
            | "EXT-X-ENDLIST"
            | "EXT-X-PLAYLIST-TYPE"
            | "EXT-X-I-FRAMES-ONLY"
            | "EXT-X-PART-INF"
            | "EXT-X-SERVER-CONTROL"
            | "EXT-X-DATERANGE"
            | "EXT-X-SKIP"
            | "EXT-X-PRELOAD-HINT"
            | "EXT-X-RENDITION-REPORT"
    )
}

fn variants(of: &Multivariant, sink: &mut Sink) {
    for variant in &of.variants {
        let inf = &variant.attributes;
        let name = || quote(&variant.url);
        sink.check(25, inf.integer("BANDWIDTH").is_some_and(|bits| bits > 0), || {
            format!("the variant {} has no BANDWIDTH", name())
        });
        sink.check_as(25, Level::Should, inf.get("CODECS").is_some(), || {
            format!("the variant {} has no CODECS", name())
        });
        if inf.get("CODECS").is_some_and(has_video) {
            let described = inf.get("RESOLUTION").is_some() && inf.get("FRAME-RATE").is_some();
            sink.check_as(25, Level::Should, described, || {
                format!("the variant {} has video and not both RESOLUTION and FRAME-RATE", name())
            });
        }
        for kind in ["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"] {
            let named = inf.iter().find(|one| one.name == kind);
            let Some(named) = named.filter(|one| one.form == Form::Quoted) else { continue };
            let exists = of.media.iter().any(|(media, _)| {
                media.get("TYPE") == Some(kind) && media.get("GROUP-ID") == Some(&named.value)
            });
            sink.check(26, exists, || {
                format!("{kind}={} names no EXT-X-MEDIA of that TYPE", quote(&named.value))
            });
        }
    }
}

fn groups(of: &Multivariant, sink: &mut Sink) {
    let mut groups: BTreeMap<(&str, &str), Vec<&Attributes>> = BTreeMap::new();
    for (media, _) in &of.media {
        let (Some(kind), Some(group)) = (media.get("TYPE"), media.get("GROUP-ID")) else {
            sink.check(27, false, || "EXT-X-MEDIA needs TYPE and GROUP-ID".into());
            continue;
        };
        sink.check(27, media.get("NAME").is_some(), || {
            format!("EXT-X-MEDIA of group {} needs a NAME", quote(group))
        });
        let selected = !media.is_yes("DEFAULT") || media.get("AUTOSELECT").is_none_or(|value| value == "YES");
        sink.check(27, selected, || {
            format!("EXT-X-MEDIA of group {}: DEFAULT=YES with AUTOSELECT=NO", quote(group))
        });
        let captions = kind == "CLOSED-CAPTIONS";
        sink.check(27, !captions || media.get("URI").is_none(), || {
            "EXT-X-MEDIA of captions has no URI".into()
        });
        sink.check(27, !captions || media.get("INSTREAM-ID").is_some(), || {
            "EXT-X-MEDIA of captions needs INSTREAM-ID".into()
        });
        groups.entry((kind, group)).or_default().push(media);
    }
    for ((kind, group), members) in groups {
        let defaults = members.iter().filter(|media| media.is_yes("DEFAULT")).count();
        sink.check(27, defaults <= 1, || {
            format!("the {kind} group {} has {defaults} defaults", quote(group))
        });
        let names: Vec<_> = members.iter().filter_map(|media| media.get("NAME")).collect();
        let twice = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
        sink.check(27, twice.is_none(), || {
            format!(
                "the {kind} group {} has two members with NAME={}",
                quote(group),
                quote(twice.map_or("", |(_, name)| name))
            )
        });
    }
}

/// Does a CODECS value name a video format?
pub(crate) fn has_video(codecs: &str) -> bool {
    codecs.split(',').any(|codec| {
        let kind = codec.trim().split('.').next().unwrap_or_default();
        matches!(kind, "avc1" | "avc3" | "hvc1" | "hev1" | "dvh1" | "dvhe" | "av01" | "vp09" | "vp08")
    })
}
