//! A client that follows one rendition at the live edge as the rules ask: blocking reloads, every part at first
//! sight, every finished segment, and nothing taken on trust.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    http::{Http, Response},
    playlist::{Media, Multivariant},
    rules,
};

/// One rendition as it was seen.
pub struct Rendition {
    http: Http,
    /// Its playlist's path, token included.
    pub path: String,
    /// The newest playlist.
    pub list: Media,
    /// Bytes by URI, as the playlist writes it: init, parts and segments.
    pub objects: BTreeMap<String, Vec<u8>>,
    /// Each segment ever listed as finished: number, URI, URI of its init; gaps are left out.
    pub segments: BTreeMap<u64, (String, String)>,
    /// Media sequence numbers that were listed as gaps.
    pub gaps: Vec<u64>,
    /// Rules that were broken.
    pub broken: Vec<String>,
    /// The longest time between two changes of the playlist.
    pub stillest: Duration,
    changed_at: Instant,
}

/// The paths of a multivariant playlist's renditions, by the name of their folder.
///
/// # Errors
/// When it cannot be fetched or read.
pub fn renditions(http: &Http, path: &str) -> Result<BTreeMap<String, String>> {
    let list = Multivariant::parse(http.get(path)?.expect(200)?.text()?)?;
    let audio = list.media.iter().filter_map(|media| media.get("URI"));
    let mut found = BTreeMap::new();
    for uri in list.variants.iter().map(|(_, uri)| uri.as_str()).chain(audio) {
        let name = uri.rsplit('/').nth(1).with_context(|| format!("{uri} lies in a rendition's folder"))?;
        found.insert(name.to_owned(), resolve(path, uri));
    }
    Ok(found)
}

/// A relative URI against the path of the playlist that contains it.
#[must_use]
pub fn resolve(base: &str, uri: &str) -> String {
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut segments: Vec<&str> = folder.split('/').collect();
    for step in uri.split('/') {
        match step {
            ".." => drop(segments.pop()),
            "." => {}
            name => segments.push(name),
        }
    }
    segments.join("/")
}

impl Rendition {
    /// Begins with the playlist as it is now.
    ///
    /// # Errors
    /// When it cannot be fetched or read.
    pub fn open(http: &Http, path: &str) -> Result<Self> {
        let list = Media::parse(answer(http, path)?.text()?)?;
        let mut rendition = Self {
            http: http.clone(),
            path: path.to_owned(),
            list: Media::default(),
            objects: BTreeMap::new(),
            segments: BTreeMap::new(),
            gaps: Vec::new(),
            broken: rules::alone(&list),
            stillest: Duration::ZERO,
            changed_at: Instant::now(),
        };
        rendition.take(list)?;
        Ok(rendition)
    }

    /// One blocking reload: waits for the next part, and fetches what is new.
    ///
    /// # Errors
    /// When the server does not answer as it must; broken rules are only noted.
    pub fn reload(&mut self) -> Result<()> {
        ensure!(!self.list.ended, "nothing follows ENDLIST");
        let (msn, part) = self.list.next();
        let path = format!("{}?_HLS_msn={msn}&_HLS_part={part}", self.path);
        let response = self.http.get(&path)?;
        if response.status == 503 {
            bail!("no part {msn}.{part} came within three target durations");
        }
        let response = checked(response, &path)?;
        let list = Media::parse(response.text()?)?;
        self.broken.extend(rules::alone(&list));
        self.broken.extend(rules::change(&self.list, &list));
        if !list.ended && list.newest() < Some((msn, part)) {
            self.broken.push(format!("6.2.5.2: asked for {msn}.{part} and got {:?}", list.newest()));
        }
        self.stillest = self.stillest.max(self.changed_at.elapsed());
        self.changed_at = Instant::now();
        self.take(list)
    }

    /// Reloads until `done`, or until ENDLIST.
    ///
    /// # Errors
    /// When that takes longer than `limit`, or a reload fails.
    pub fn follow(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + limit;
        while !done(self) && !self.list.ended {
            ensure!(
                Instant::now() < deadline,
                "{}: not within {limit:?}; newest {:?}",
                self.path,
                self.list.newest()
            );
            self.reload()?;
        }
        Ok(())
    }

    /// All finished segments in order, each run of one init as a file's bytes.
    ///
    /// # Errors
    /// When one was listed but never fetched.
    pub fn runs(&self) -> Result<Vec<Vec<u8>>> {
        let mut runs: Vec<Vec<u8>> = Vec::new();
        let mut init = None;
        for (segment, map) in self.segments.values() {
            if init != Some(map) {
                init = Some(map);
                runs.push(self.object(map)?.to_vec());
            }
            let run = runs.last_mut().context("a run begins with its init")?;
            run.extend(self.object(segment)?);
        }
        Ok(runs)
    }

    /// Fetches once more all that was ever fetched and is still listed, and compares.
    ///
    /// # Errors
    /// When something is gone or differs.
    pub fn unchanged(&self) -> Result<()> {
        for segment in self.list.all() {
            let whole = (!segment.gap && !segment.uri.is_empty()).then_some(&segment.uri);
            let parts = segment.parts.iter().filter(|part| !part.gap).map(|part| &part.uri);
            for uri in whole.into_iter().chain(segment.map.as_ref()).chain(parts) {
                let path = resolve(&self.path, uri);
                let now = checked(self.http.get(&path)?, &path)?.body;
                let before = self.objects.get(uri).with_context(|| format!("{uri} was fetched"))?;
                ensure!(
                    now == *before,
                    "{uri} had {} bytes and has others now ({})",
                    before.len(),
                    now.len()
                );
            }
        }
        Ok(())
    }

    /// Each finished segment by itself, with its init before it.
    ///
    /// # Errors
    /// When one was listed but never fetched.
    pub fn files(&self) -> Result<Vec<(u64, Vec<u8>)>> {
        let each = self
            .segments
            .iter()
            .map(|(msn, (segment, map))| Ok((*msn, [self.object(map)?, self.object(segment)?].concat())));
        each.collect()
    }

    fn object(&self, uri: &str) -> Result<&[u8]> {
        Ok(self.objects.get(uri).with_context(|| format!("{uri} was fetched"))?)
    }

    fn take(&mut self, list: Media) -> Result<()> {
        self.list = list;
        let listed: Vec<_> = self.list.all().cloned().collect();
        for segment in listed {
            let map = segment.map.clone().context("a segment has an init")?;
            if segment.gap || segment.parts.iter().all(|part| part.gap) && !segment.parts.is_empty() {
                if !segment.uri.is_empty() && !self.gaps.contains(&segment.msn) {
                    self.gaps.push(segment.msn);
                }
                if segment.gap {
                    continue;
                }
            }
            self.fetch(&map)?;
            for part in segment.parts.iter().filter(|part| !part.gap) {
                self.fetch(&part.uri)?;
            }
            if segment.uri.is_empty() || self.segments.contains_key(&segment.msn) {
                continue;
            }
            self.fetch(&segment.uri)?;
            let media = segment.parts.iter().filter(|part| !part.gap);
            let parts: Vec<_> =
                media.filter_map(|part| self.objects.get(&part.uri)).flatten().copied().collect();
            if !segment.parts.is_empty() && parts != self.objects[&segment.uri] {
                self.broken.push(format!("3.2: segment {} is not exactly its parts' bytes", segment.msn));
            }
            self.segments.insert(segment.msn, (segment.uri, map));
        }
        Ok(())
    }

    fn fetch(&mut self, uri: &str) -> Result<()> {
        if self.objects.contains_key(uri) {
            return Ok(());
        }
        let path = resolve(&self.path, uri);
        let response = checked(self.http.get(&path)?, &path)?;
        if response.body.is_empty() {
            self.broken.push(format!("{uri} has no bytes"));
        }
        self.objects.insert(uri.to_owned(), response.body);
        Ok(())
    }
}

fn answer(http: &Http, path: &str) -> Result<Response> {
    checked(http.get(path)?, path)
}

fn checked(response: Response, path: &str) -> Result<Response> {
    let response = response.expect(200).with_context(|| path.to_owned())?;
    let wanted = match path.split('?').next().and_then(|path| path.rsplit('.').next()) {
        Some("m3u8") => "application/vnd.apple.mpegurl",
        Some("mp4") => "video/mp4",
        _ => return Ok(response),
    };
    let found = response.header("content-type").unwrap_or("");
    ensure!(found == wanted || found == wanted.replace("video", "audio"), "{path}: content type {found:?}");
    Ok(response)
}
