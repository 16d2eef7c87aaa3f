//! The files of an epoch. Everything here blocks; callers run it off the async threads.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, IoSlice, Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use ids::{EpochId, SessionId};

use crate::{
    Extent, Kind, Stored,
    faults::{Fault, Faults, Step},
    index::is_rendition_name,
};

const JOURNAL: &str = "journal";
const PREVIEW_MARK: &str = "preview";
const MEDIA_SUFFIX: &str = ".cmaf";
/// A journal of a 180-minute session has some 10 MiB; more is none of ours.
const JOURNAL_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Journals set aside in one epoch; with more, something is wrong that no restart mends.
const ASIDE_MAX: u32 = 1000;
/// The system takes at most 1024 slices in one call.
const SLICES_MAX: usize = 256;

/// Where an epoch's files are.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) epoch: EpochId,
    faults: Option<Arc<dyn Faults>>,
}

impl Folder {
    pub(crate) fn new(
        root: &Path,
        session: SessionId,
        epoch: EpochId,
        faults: Option<Arc<dyn Faults>>,
    ) -> Self {
        let path = root.join("media").join(session.to_string()).join(epoch.to_string());
        Self { path, epoch, faults }
    }

    fn meet(&self, step: Step<'_>) -> Result<(), Fault> {
        self.faults.as_ref().map_or(Ok(()), |faults| faults.meet(step))
    }

    fn pass(&self, step: Step<'_>) -> io::Result<()> {
        self.meet(step).map_err(|fault| fault.error)
    }

    pub(crate) fn make(&self, kind: Kind) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        match kind {
            Kind::Public => Ok(()),
            Kind::Preview => File::create(self.path.join(PREVIEW_MARK)).map(drop),
        }
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        if !self.path.join(JOURNAL).exists() {
            return None;
        }
        let preview = self.path.join(PREVIEW_MARK).exists();
        Some(if preview { Kind::Preview } else { Kind::Public })
    }

    pub(crate) fn read_journal(&self) -> io::Result<Option<Bytes>> {
        let path = self.path.join(JOURNAL);
        self.pass(Step::Read(&path))?;
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(JOURNAL_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(Some(bytes.into()))
    }

    /// A journal that nobody could go on with is evidence, and what it names may be saved by hand: it is kept
    /// under another name.
    fn set_journal_aside(&self) -> io::Result<()> {
        let journal = self.path.join(JOURNAL);
        match fs::metadata(&journal) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Ok(found) if found.len() == 0 => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
        let mut names = (1..=ASIDE_MAX).map(|n| self.path.join(format!("{JOURNAL}.aside-{n}")));
        let free = names.find(|name| !name.exists()).ok_or(ErrorKind::AlreadyExists)?;
        self.pass(Step::Rename(&journal))?;
        fs::rename(&journal, free)
    }

    pub(crate) fn lengths(&self) -> io::Result<BTreeMap<String, u64>> {
        let mut lengths = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(rendition) = name.to_str().and_then(|name| name.strip_suffix(MEDIA_SUFFIX)) else {
                continue;
            };
            lengths.insert(rendition.to_owned(), entry.metadata()?.len());
        }
        Ok(lengths)
    }

    pub(crate) fn delete(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // Other epochs may still be in the session's folder; it goes with the last of them.
        if let Some(session) = self.path.parent() {
            let _ = fs::remove_dir(session);
        }
        Ok(())
    }

    pub(crate) fn open_media(&self, rendition: &str) -> io::Result<File> {
        let path = self.media_path(rendition);
        self.pass(Step::Read(&path))?;
        File::open(path)
    }

    fn media_path(&self, rendition: &str) -> PathBuf {
        debug_assert!(is_rendition_name(rendition), "names are checked when they enter the index");
        self.path.join(format!("{rendition}{MEDIA_SUFFIX}"))
    }
}

/// Every epoch below `root`.
pub(crate) fn epochs(root: &Path) -> io::Result<Vec<Stored>> {
    let mut found = Vec::new();
    for (session, folder) in folders::<SessionId>(&root.join("media"))? {
        for (epoch, path) in folders::<EpochId>(&folder)? {
            let folder = Folder { path, epoch, faults: None };
            let Some(kind) = folder.kind() else { continue };
            let last_written = fs::metadata(folder.path.join(JOURNAL))?.modified()?;
            found.push(Stored { session, epoch, kind, last_written });
        }
    }
    found.sort_by_key(|stored| (stored.session, stored.epoch));
    Ok(found)
}

fn folders<Id: std::str::FromStr>(path: &Path) -> io::Result<Vec<(Id, PathBuf)>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(id) = id.filter(|_| entry.path().is_dir()) {
            found.push((id, entry.path()));
        }
    }
    Ok(found)
}

/// The files of an epoch, open for writing.
#[derive(Debug)]
pub(crate) struct Files {
    folder: Folder,
    kind: Kind,
    journal: Option<File>,
    journal_bytes: u64,
    /// The journal was cut to where it is gone on with.
    cut: bool,
    media: BTreeMap<String, File>,
}

impl Files {
    /// Opens nothing yet: a disk that fails now may be well later.
    pub(crate) fn new(folder: Folder, kind: Kind, journal_bytes: u64) -> Self {
        Self { folder, kind, journal: None, journal_bytes, cut: false, media: BTreeMap::new() }
    }

    /// Writes media at its place. May be repeated after an error: the place is fixed.
    pub(crate) fn write_media(&mut self, rendition: &str, offset: u64, chunks: &[Bytes]) -> io::Result<()> {
        let path = self.folder.media_path(rendition);
        if !self.media.contains_key(rendition) {
            let file = self.open(&path)?;
            self.media.insert(rendition.to_owned(), file);
        }
        let file = self.media.get_mut(rendition).expect("opened just above");
        write_at(&self.folder, &path, file, offset, chunks)
    }

    /// Appends records to the journal. After an error nothing counts as appended, and the next call writes
    /// over what is left of this one.
    pub(crate) fn append_journal(&mut self, records: &[Bytes]) -> io::Result<()> {
        let path = self.folder.path.join(JOURNAL);
        if self.journal.is_none() {
            if self.journal_bytes == 0 && !self.cut {
                self.folder.set_journal_aside()?;
            }
            let file = self.open(&path)?;
            if !self.cut {
                file.set_len(self.journal_bytes)?;
                self.cut = true;
            }
            self.journal = Some(file);
        }
        let file = self.journal.as_mut().expect("opened just above");
        write_at(&self.folder, &path, file, self.journal_bytes, records)?;
        self.journal_bytes += records.iter().map(|record| record.len() as u64).sum::<u64>();
        Ok(())
    }

    /// The disk has lost what it was given last: the journal's newest `bytes` are appended anew, and files are
    /// opened anew, since an error is told to a file's holder but once.
    pub(crate) fn take_back(&mut self, bytes: u64) {
        self.journal_bytes = self.journal_bytes.saturating_sub(bytes);
        self.journal = None;
        self.media.clear();
    }

    /// Handles for [`Unsynced::force`], media before the journal that names it.
    pub(crate) fn unsynced(&self) -> io::Result<Unsynced> {
        let media = self.media.iter().map(|(name, file)| (self.folder.media_path(name), file));
        let journal = self.journal.iter().map(|file| (self.folder.path.join(JOURNAL), file));
        let files = media.chain(journal).map(|(path, file)| Ok((path, file.try_clone()?)));
        Ok(Unsynced { folder: self.folder.clone(), files: files.collect::<io::Result<_>>()? })
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.folder.pass(Step::Open(path))?;
        self.folder.make(self.kind)?;
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
        // Without this a new file's name may be gone after a power cut though its bytes were forced out.
        File::open(&self.folder.path)?.sync_all()?;
        Ok(file)
    }
}

/// Files that were written to.
#[derive(Debug)]
pub(crate) struct Unsynced {
    folder: Folder,
    files: Vec<(PathBuf, File)>,
}

impl Unsynced {
    /// Forces what was written to the disk.
    pub(crate) fn force(&self) -> io::Result<()> {
        self.files.iter().try_for_each(|(path, file)| {
            self.folder.pass(Step::Sync(path))?;
            file.sync_data()
        })
    }
}

fn write_at(folder: &Folder, path: &Path, file: &mut File, offset: u64, chunks: &[Bytes]) -> io::Result<()> {
    let bytes = chunks.iter().map(|chunk| chunk.len() as u64).sum();
    file.seek(SeekFrom::Start(offset))?;
    match folder.meet(Step::Write(path, bytes)) {
        Ok(()) => chunks.chunks(SLICES_MAX).try_for_each(|chunks| write_all(file, chunks)),
        Err(Fault { written, error }) => {
            let all = chunks.concat();
            let torn = usize::try_from(written).unwrap_or(usize::MAX).min(all.len());
            file.write_all(&all[..torn])?;
            Err(error)
        }
    }
}

/// Reads ranges of a rendition's file; neighbours in one go.
pub(crate) fn read(file: &File, extents: &[Extent]) -> io::Result<Vec<Bytes>> {
    extents
        .iter()
        .map(|extent| {
            let len = usize::try_from(extent.len).map_err(|_| ErrorKind::InvalidData)?;
            let mut bytes = BytesMut::zeroed(len);
            file.read_exact_at(&mut bytes, extent.offset)?;
            Ok(bytes.freeze())
        })
        .collect()
}

fn write_all(file: &mut File, chunks: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
    let mut rest = slices.as_mut_slice();
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
