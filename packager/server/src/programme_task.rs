//! One timeline's task: waits, hands one input to the core, drains it. Owns the core, the way out and the
//! transcoder; decides nothing about media.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use events::Programme;
use media::Item;
use packager_core::{
    epoch::{Output, Transcode},
    journal::Record,
};
use runtime::clock;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    EpochFeed,
    packager::Shared,
    publication::Publication,
    rungs::Rungs,
    slate_maker::{Made, SlateMaker},
    standing::Standing,
    timeline::{self, OpenAs, Opened, Timeline},
    transcoder_process::Event,
};

/// Items handed to the core before it is drained.
const ITEMS_AT_ONCE: usize = 64;
/// A publication that sends no keyframe moves to the public timeline anyway after so long.
const MOVE_WITHIN: Duration = Duration::from_secs(10);
/// A forgotten preview ends so long after its reconnect window.
const PREVIEW_RESERVE: Duration = Duration::from_secs(60);

/// What a programme's task is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// A publication begins, in place of the one there may be.
    Publish(Publication),
    /// The publication goes there at its next keyframe, and this programme ends.
    MoveTo(Inbox),
    /// Go on with what is on disk, and say when that is done.
    Resume(oneshot::Sender<()>),
    /// ENDLIST.
    End,
}

/// The way to a programme's task.
pub(crate) type Inbox = mpsc::Sender<Command>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    /// The publisher has been away for the reconnect window.
    PublisherAway,
    /// No keyframe came for a publication that is to move.
    MoveAnyway,
    /// A lost transcoder is to be replaced.
    TranscoderBack,
}

struct Task {
    shared: Arc<Shared>,
    programme: Programme,
    feed_slot: watch::Sender<Option<EpochFeed>>,
    /// There from the first publication, or the journal, on.
    timeline: Option<Timeline>,
    publication: Option<Publication>,
    move_to: Option<Inbox>,
    rungs: Rungs,
    slate: SlateMaker,
    deadlines: BTreeMap<Deadline, Instant>,
    standing: Standing,
}

/// A programme's life: until it is ended, or the process is.
pub(crate) async fn run(
    shared: Arc<Shared>,
    programme: Programme,
    mut inbox: mpsc::Receiver<Command>,
    feed_slot: watch::Sender<Option<EpochFeed>>,
) {
    metrics::gauge!("lectern_packager_programmes").increment(1.0);
    let stop = shared.shutdown.token().clone();
    let mut task = Task::new(shared, programme, feed_slot);
    let mut items = Vec::with_capacity(ITEMS_AT_ONCE);
    task.tell_sink();
    while !task.standing.ended {
        let wake_at = task.wake_at();
        tokio::select! {
            () = stop.cancelled() => break,
            Some(command) = inbox.recv() => task.handle_command(command).await,
            count = receive(&mut task.publication, &mut items) => task.handle_items(count, &mut items).await,
            event = task.rungs.transcoder.next() => task.handle_transcoder(event),
            made = task.slate.next() => task.handle_slate(made),
            () = clock::sleep_until_some(wake_at) => task.handle_timeout().await,
        }
        task.drain().await;
    }
    task.close().await;
    metrics::gauge!("lectern_packager_programmes").decrement(1.0);
}

async fn receive(publication: &mut Option<Publication>, items: &mut Vec<Item>) -> usize {
    match publication {
        Some(publication) => publication.receive(items, ITEMS_AT_ONCE).await,
        None => std::future::pending().await,
    }
}

impl Task {
    fn new(shared: Arc<Shared>, programme: Programme, feed_slot: watch::Sender<Option<EpochFeed>>) -> Self {
        let config = &shared.config;
        let rungs = Rungs::new(config.transcoder.clone(), config.transcoder_silence_max);
        let slate = SlateMaker::new(config.transcoder.clone());
        Self {
            shared,
            programme,
            feed_slot,
            timeline: None,
            publication: None,
            move_to: None,
            rungs,
            slate,
            deadlines: BTreeMap::new(),
            standing: Standing::default(),
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let core = self.timeline.as_ref().and_then(|timeline| timeline.epoch.poll_timeout());
        self.deadlines.values().copied().chain(core).min()
    }

    async fn handle_command(&mut self, command: Command) {
        match command {
            Command::Publish(publication) => self.begin_publication(publication).await,
            Command::MoveTo(target) => self.move_soon(target),
            Command::Resume(done) => {
                self.open_timeline(OpenAs::Journal).await;
                // The playlists must be there when the caller goes on.
                self.drain().await;
                let _ = done.send(());
            }
            // It ends with the move; now it would take the publication with it.
            Command::End if self.move_to.is_some() => {}
            Command::End => {
                self.open_timeline(OpenAs::Journal).await;
                self.end();
            }
        }
    }

    async fn handle_items(&mut self, count: usize, items: &mut Vec<Item>) {
        if count == 0 {
            return self.end_publication();
        }
        let mut rest = items.drain(..);
        while let Some(item) = rest.next() {
            if self.moves_at(&item) {
                return self.move_now(std::iter::once(item).chain(rest)).await;
            }
            self.item(item);
        }
    }

    fn handle_transcoder(&mut self, first: Event) {
        let mut next = Some(first);
        let mut left = ITEMS_AT_ONCE;
        while let Some(event) = next.take() {
            match (event, &mut self.timeline) {
                (Event::Item { rung, item }, Some(timeline)) => {
                    timeline.epoch.rung_unit(&rung, item, clock::now());
                }
                (Event::Item { .. }, None) => {}
                (Event::Lost { reason }, _) => return self.lose_transcoder(&reason),
            }
            left -= 1;
            if left > 0 {
                next = self.rungs.transcoder.try_next();
            }
        }
    }

    fn handle_slate(&mut self, made: Made) {
        if let Some(timeline) = &mut self.timeline {
            timeline.epoch.slate_made(made, clock::now());
        }
    }

    async fn handle_timeout(&mut self) {
        let now = clock::now();
        for deadline in self.take_due(now) {
            match deadline {
                Deadline::PublisherAway if self.programme.on_air => self.standing.interrupted = true,
                Deadline::PublisherAway => self.end(),
                Deadline::MoveAnyway => self.move_now(std::iter::empty()).await,
                Deadline::TranscoderBack => {
                    if let Some(timeline) = &mut self.timeline {
                        timeline.epoch.transcoder_lost(now);
                    }
                }
            }
        }
        if let Some(timeline) = &mut self.timeline
            && timeline.epoch.poll_timeout().is_some_and(|at| at <= now)
        {
            timeline.epoch.timeout(now);
        }
    }

    async fn begin_publication(&mut self, publication: Publication) {
        let id = publication.id;
        self.open_timeline(OpenAs::JournalOrNew).await;
        // The journal's first record is the core's.
        self.drain().await;
        let Some(timeline) = &mut self.timeline else {
            let epoch = self.programme.epoch;
            return tracing::warn!(publication.id = %id, "publication {id} came to epoch {epoch}, which has ended");
        };
        if self.slate.title_is(&publication.title) {
            timeline.outlet.record(&Record::Title(publication.title.clone()));
        }
        timeline.epoch.publication_started(clock::now());
        self.publication = Some(publication);
        self.deadlines.remove(&Deadline::PublisherAway);
        self.standing.interrupted = false;
    }

    fn item(&mut self, item: Item) {
        if let Some(publication) = &mut self.publication {
            publication.remember(&item);
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.epoch.item(item, clock::now());
        }
    }

    fn end_publication(&mut self) {
        self.publication = None;
        let now = clock::now();
        if let Some(timeline) = &mut self.timeline {
            timeline.epoch.publication_ended(now);
        }
        if self.move_to.take().is_some() {
            return self.end();
        }
        self.deadlines.insert(Deadline::PublisherAway, now + self.patience());
    }

    /// How long the publisher may be away. A preview is then ended, should nobody else have done so.
    fn patience(&self) -> Duration {
        let reserve = if self.programme.on_air { Duration::ZERO } else { PREVIEW_RESERVE };
        self.shared.config.reconnect_window + reserve
    }

    fn move_soon(&mut self, target: Inbox) {
        if self.publication.is_none() {
            return self.end();
        }
        self.move_to = Some(target);
        self.deadlines.insert(Deadline::MoveAnyway, clock::now() + MOVE_WITHIN);
    }

    fn moves_at(&self, item: &Item) -> bool {
        let may_move = |publication: &Publication| publication.may_move_at(item);
        self.move_to.is_some() && self.publication.as_ref().is_some_and(may_move)
    }

    /// Hands the publication on and ends this programme.
    async fn move_now(&mut self, rest: impl Iterator<Item = Item>) {
        let (Some(target), Some(publication)) = (self.move_to.take(), self.publication.take()) else {
            return;
        };
        let id = publication.id;
        if target.send(Command::Publish(publication.restart_with(rest))).await.is_err() {
            tracing::warn!(publication.id = %id, "public timeline was gone before publication {id} could move to it");
        }
        self.deadlines.remove(&Deadline::MoveAnyway);
        self.end();
    }

    fn end(&mut self) {
        match &mut self.timeline {
            Some(timeline) => timeline.epoch.end(clock::now()),
            None => self.standing.ended = true,
        }
    }

    fn lose_transcoder(&mut self, reason: &str) {
        let now = clock::now();
        let wait = self.rungs.lost(now);
        let epoch = self.programme.epoch;
        tracing::warn!(epoch.id = %epoch, "transcoder of epoch {epoch} is lost: {reason}; the next starts in {wait:?}");
        self.deadlines.insert(Deadline::TranscoderBack, now + wait);
    }

    fn take_due(&mut self, now: Instant) -> Vec<Deadline> {
        let due = self.deadlines.iter().filter(|(_, at)| **at <= now);
        let due: Vec<Deadline> = due.map(|(deadline, _)| *deadline).collect();
        self.deadlines.retain(|deadline, _| !due.contains(deadline));
        due
    }

    /// Does what the core says, then tells readers.
    async fn drain(&mut self) {
        while let Some(output) = self.timeline.as_mut().and_then(|timeline| timeline.epoch.poll_output()) {
            self.perform(output);
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.outlet.announce().await;
            timeline.epoch.set_recording(timeline.outlet.has_room());
            if timeline.outlet.is_degraded() {
                self.standing.degraded(clock::now());
            }
        }
        self.tell_sink();
    }

    fn perform(&mut self, output: Output) {
        let Some(Timeline { outlet, .. }) = &mut self.timeline else { return };
        match output {
            Output::Init { rendition, n, bytes } => outlet.init(&rendition, n, bytes),
            Output::Part { rendition, msn, index, bytes, length: _, offset } => {
                outlet.part(rendition, msn, index, offset, bytes);
            }
            Output::SegmentDone { rendition, msn } => outlet.segment_done(&rendition, msn),
            Output::Journal(record) => outlet.record(&record),
            Output::Window(window) => outlet.window(window),
            Output::Multivariant(multivariant) => outlet.multivariant(multivariant),
            Output::Transcode(transcode) => {
                if matches!(transcode, Transcode::Start { .. } | Transcode::Stop) {
                    self.deadlines.remove(&Deadline::TranscoderBack);
                }
                if self.rungs.perform(transcode, clock::now()).is_err() {
                    self.lose_transcoder("it does not read its packets");
                }
            }
            Output::Slate(wanted) => self.slate.want(wanted),
            Output::Health(warnings) => self.standing.warnings = warnings,
            Output::Ended => self.standing.ended = true,
        }
    }

    fn tell_sink(&mut self) {
        let open = self.timeline.as_ref().map(|timeline| timeline.outlet.is_playable());
        let sink = self.shared.sink.as_ref();
        self.standing.tell(sink, self.programme, open, self.rungs.names(), clock::now());
    }

    async fn open_timeline(&mut self, open_as: OpenAs) {
        if self.timeline.is_some() {
            return;
        }
        let timeline = match timeline::open(&self.shared, self.programme, open_as).await {
            Opened::New(timeline) => timeline,
            Opened::Recovered(timeline) => {
                self.deadlines.insert(Deadline::PublisherAway, clock::now() + self.patience());
                timeline
            }
            Opened::Ended => return self.standing.ended = true,
            Opened::Nothing => return,
        };
        if let Some(title) = &timeline.title {
            self.slate.title_is(title);
        }
        self.feed_slot.send_replace(Some(timeline.outlet.feed()));
        self.timeline = Some(timeline);
    }

    /// Finishes the open part and everything that waits for the disk.
    async fn close(mut self) {
        if let Some(timeline) = self.timeline.as_mut().filter(|_| !self.standing.ended) {
            timeline.epoch.publication_ended(clock::now());
            self.drain().await;
        }
        self.slate.stop().await;
        self.rungs.stop().await;
        self.standing.close();
        let programme = self.programme;
        if let Some(Timeline { outlet, .. }) = self.timeline {
            if self.standing.ended {
                self.shared.archives.insert(programme.session, programme.epoch, outlet.feed());
            }
            outlet.close().await;
        }
        if self.standing.ended {
            self.shared.finished(programme);
        }
    }
}
