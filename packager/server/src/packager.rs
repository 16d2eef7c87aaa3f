//! The handle on all programmes: finds or starts the task that a fact is meant for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use events::{Ended, Grant, Programme, WentLive};
use ids::{CourseId, EpochId, SessionId};
use media::Item;
use runtime::shutdown::Shutdown;
use store::Store;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    Config, EpochFeed, ProgrammeSink,
    archive::Archives,
    previews,
    programme_task::{self, Command, Inbox},
    publication::Publication,
};

/// Commands that wait for a programme's task. They come a few an hour; a full inbox means that the task
/// hangs, and the command is dropped with an error in the log.
const INBOX_COMMANDS_MAX: usize = 32;
/// How long a shutdown waits for the programmes to write their ends.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(10);

/// All programmes of this process. Cheap to clone.
#[derive(Clone)]
pub struct Packager {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) sink: Arc<dyn ProgrammeSink>,
    pub(crate) shutdown: Shutdown,
    pub(crate) archives: Archives,
    programmes: Mutex<Programmes>,
}

#[derive(Default)]
struct Programmes {
    running: BTreeMap<(SessionId, EpochId), Running>,
    /// Where publications of a course go whose grant was made before it went live.
    on_air: BTreeMap<CourseId, Programme>,
}

struct Running {
    programme: Programme,
    inbox: Inbox,
    feed: watch::Receiver<Option<EpochFeed>>,
}

impl Packager {
    /// A packager whose tasks end with `shutdown`, for which the caller hands over a child of its own.
    /// Call it within a tokio runtime.
    #[must_use]
    pub fn new(config: Config, store: Store, sink: Arc<dyn ProgrammeSink>, shutdown: Shutdown) -> Self {
        describe_metrics();
        let archives = Archives::new(store.clone());
        let programmes = Mutex::default();
        let shared = Arc::new(Shared { config, store, sink, shutdown, archives, programmes });
        shared.shutdown.spawn(previews::sweep(Arc::clone(&shared)));
        Self { shared }
    }

    /// Takes a publication in. It goes on until the sender is dropped; the receiver is dropped when another
    /// publication takes its place, or its programme has ended.
    pub fn publish(&self, grant: &Grant, items: mpsc::Receiver<Item>) {
        let programme = self.shared.programme_for(grant);
        tracing::info!(
            publication.id = %grant.publication, epoch.id = %programme.epoch,
            "publication {} goes to epoch {}", grant.publication, programme.epoch
        );
        let publication = Publication::new(grant.publication, grant.course_title.clone(), items);
        self.shared.tell(programme, Command::Publish(publication));
    }

    /// A session's public timeline was opened: the course's publication moves there at its next keyframe,
    /// and the preview it comes from ends.
    pub fn went_live(&self, event: WentLive) {
        let programme = event.programme;
        let target = self.shared.inbox(programme);
        let previews = {
            let mut programmes = self.shared.programmes();
            programmes.on_air.insert(programme.course, programme);
            programmes.previews_of(programme.course)
        };
        for preview in previews {
            self.shared.tell(preview, Command::MoveTo(target.clone()));
        }
    }

    /// A timeline was closed for good, running or not: ENDLIST.
    pub fn ended(&self, event: Ended) {
        let programme = event.programme;
        self.shared.programmes().forget_on_air(programme);
        self.shared.tell(programme, Command::End);
    }

    /// Goes on with a timeline after a restart: returns when its playlists are there again. One that had
    /// nothing on disk waits for its publisher.
    pub async fn resume(&self, programme: Programme) {
        if programme.on_air {
            self.shared.programmes().on_air.insert(programme.course, programme);
        }
        let (done, resumed) = oneshot::channel();
        self.shared.tell(programme, Command::Resume(done));
        let _ = resumed.await;
    }

    /// What there is to serve of an epoch: one on air or in preview, or one that has ended and is read from
    /// its journal. None when there is none of that name, when nothing was published into it yet, and when
    /// its journal goes on but nobody has resumed it.
    pub async fn open(&self, session: SessionId, epoch: EpochId) -> Option<EpochFeed> {
        if let Some(running) = self.shared.feed(session, epoch) {
            return running;
        }
        self.shared.archives.open(session, epoch).await
    }

    /// Ends in order: open parts are finished and written, journals forced to the disk. Nothing is ended for
    /// its players: [`Packager::resume`] goes on with it.
    pub async fn shutdown(&self) {
        if let Err(left) = self.shared.shutdown.finish(SHUTDOWN_WITHIN).await {
            tracing::error!("{left} programmes did not end within {SHUTDOWN_WITHIN:?}");
        }
    }
}

impl Shared {
    pub(crate) fn is_running(&self, session: SessionId, epoch: EpochId) -> bool {
        self.programmes().running.contains_key(&(session, epoch))
    }

    /// A programme's task is through.
    pub(crate) fn finished(&self, programme: Programme) {
        let mut programmes = self.programmes();
        programmes.running.remove(&key(programme));
        programmes.forget_on_air(programme);
    }

    fn programme_for(&self, grant: &Grant) -> Programme {
        let mut programmes = self.programmes();
        if grant.programme.on_air {
            programmes.on_air.insert(grant.course, grant.programme);
        }
        programmes.on_air.get(&grant.course).copied().unwrap_or(grant.programme)
    }

    fn tell(self: &Arc<Self>, programme: Programme, command: Command) {
        if let Err(error) = self.inbox(programme).try_send(command) {
            let epoch = programme.epoch;
            tracing::error!(epoch.id = %epoch, "epoch {epoch} takes no commands: {error}");
        }
    }

    /// The way to a programme's task, which is started when there is none.
    fn inbox(self: &Arc<Self>, programme: Programme) -> Inbox {
        let mut programmes = self.programmes();
        let start = || {
            let (inbox, commands) = mpsc::channel(INBOX_COMMANDS_MAX);
            let (feed_slot, feed) = watch::channel(None);
            self.shutdown.spawn(programme_task::run(Arc::clone(self), programme, commands, feed_slot));
            Running { programme, inbox, feed }
        };
        // A task that panicked left its inbox closed: the next one goes on from the journal.
        programmes.running.retain(|_, running| !running.inbox.is_closed());
        programmes.running.entry(key(programme)).or_insert_with(start).inbox.clone()
    }

    /// The outer option: does it run?
    fn feed(&self, session: SessionId, epoch: EpochId) -> Option<Option<EpochFeed>> {
        self.programmes().running.get(&(session, epoch)).map(|running| running.feed.borrow().clone())
    }

    fn programmes(&self) -> MutexGuard<'_, Programmes> {
        self.programmes.lock().expect("no holder of this lock panics")
    }
}

impl Programmes {
    fn previews_of(&self, course: CourseId) -> Vec<Programme> {
        let programmes = self.running.values().map(|running| running.programme);
        programmes.filter(|programme| programme.course == course && !programme.on_air).collect()
    }

    fn forget_on_air(&mut self, programme: Programme) {
        if self.on_air.get(&programme.course).is_some_and(|on_air| key(*on_air) == key(programme)) {
            self.on_air.remove(&programme.course);
        }
    }
}

fn key(programme: Programme) -> (SessionId, EpochId) {
    (programme.session, programme.epoch)
}

fn describe_metrics() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!("lectern_packager_parts_total", "Parts of media written.");
    describe_counter!(
        "lectern_packager_parts_unrecorded_total",
        "Parts that only the live view has: the disk has taken nothing for so long that memory is full."
    );
    describe_counter!("lectern_packager_segments_total", "Segments finished, over all renditions.");
    describe_counter!("lectern_packager_bytes_total", Unit::Bytes, "Media written, boxes included.");
    describe_histogram!(
        "lectern_packager_part_write_seconds",
        Unit::Seconds,
        "How long announcements waited for the disk."
    );
    describe_gauge!("lectern_packager_programmes", "Timelines on air or in preview.");
    describe_gauge!("lectern_packager_recordings_degraded", "Timelines whose disk is behind or failing.");
    describe_gauge!("lectern_transcoder_rungs", "Rungs being made now.");
    describe_counter!("lectern_transcoder_restarts_total", "Transcoders replaced after a crash or hang.");
    describe_counter!("lectern_slate_failures_total", "Runs that were to make a slate and did not.");
    describe_counter!("lectern_transcoder_rungs_dropped_total", "Rungs dropped: slower than real time.");
}
