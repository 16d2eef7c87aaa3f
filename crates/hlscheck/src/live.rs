//! Looks at a live stream over the network: follows every media playlist by blocking reloads, polls it beside
//! that, fetches what is listed and hinted, and tries what a good player never does.

mod client;
mod http1;
mod probes;
mod tls;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use runtime::clock;
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
};

pub use self::client::Trust;
use self::client::{Ask, Client, Failure};
use crate::{
    checker::{Checker, Want},
    exchange::{Exchange, Why},
    follow::Tolerance,
    report::Report,
};

/// Playlists followed at once; a longer ladder is cut off with a note.
const PLAYLISTS_MAX: usize = 24;
const PLAYLIST_BYTES_MAX: usize = 16 << 20;
const MEDIA_BYTES_MAX: usize = 64 << 20;
/// Media fetched at once.
const FETCHES_MAX: usize = 8;
/// For an answer that need not be held.
const WAIT: Duration = Duration::from_secs(10);
/// Beyond three target durations, for a held answer.
const HOLD_AIR: Duration = Duration::from_secs(8);
/// From the head of a playlist to its end.
const PLAYLIST_WHOLE: Duration = Duration::from_secs(10);
/// From the head of media to its end.
const MEDIA_WHOLE: Duration = Duration::from_secs(20);
/// Characters of a foreign address that are repeated.
const LOCATION_MAX: usize = 500;
/// Between tries while a server is away, and between answers that bring nothing new.
const PAUSE: Duration = Duration::from_millis(300);
/// A server that is away for this long does not come back while what it listed is still promised.
const AWAY_MAX: Duration = Duration::from_secs(20);

/// What to look at, and how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// A multivariant or media playlist.
    pub url: String,
    /// How long to look.
    pub length: Duration,
    /// Whose certificates are believed.
    pub trust: Trust,
    /// How much later than the letter things may come.
    pub tolerance: Tolerance,
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum CannotLook {
    /// Not an address of anything.
    #[error("{url:?} is no http or https URL: {problem}")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificates or the like.
    #[error("{0}")]
    Setup(String),
    /// No answer.
    #[error(
        "{url} cannot be reached ({problem}): is the address right, does the server run, and is nothing between?"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        problem: String,
    },
    /// A certificate that nobody vouches for.
    #[error("the certificate of {url} is not believed ({problem})")]
    Untrusted {
        /// Where.
        url: String,
        /// Why.
        problem: String,
    },
    /// An answer that is not worth reading on.
    #[error(
        "what {url} answers cannot be read ({problem}): is that a web server, and the address of a playlist?"
    )]
    Unreadable {
        /// Where.
        url: String,
        /// Why.
        problem: String,
    },
    /// An answer that sends us elsewhere.
    #[error("{url} answered {status}: it has moved to {to:?}, so look there")]
    Moved {
        /// Where.
        url: String,
        /// HTTP status.
        status: u16,
        /// What the answer names.
        to: String,
    },
    /// An answer that is no success.
    #[error("{url} answered {status}: is the address right, and is the stream on air?")]
    Refused {
        /// Where.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// An answer that is no playlist.
    #[error("{0} is no playlist: its first line is not #EXTM3U")]
    NoPlaylist(String),
}

/// What the tasks share.
struct Shared {
    checker: Mutex<Checker>,
    client: Client,
    /// Something may be wanted.
    wanted: Notify,
}

/// Looks, and reports.
///
/// # Errors
/// When there is nothing to look at; a server that goes away later is noted in the report.
pub async fn look(options: &Options) -> Result<Report, CannotLook> {
    let bad = |problem: String| CannotLook::BadUrl { url: options.url.clone(), problem };
    let url = url::Url::parse(&options.url).map_err(|error| bad(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad("it does not begin with http:// or https://".into()));
    }
    let url = String::from(url);
    let client = Client::new(&options.trust).map_err(CannotLook::Setup)?;
    let checker = Mutex::new(Checker::new(options.tolerance));
    let shared = Arc::new(Shared { checker, client, wanted: Notify::new() });
    let began = clock::now();
    let first = first_answer(&shared, &url).await?;
    let mut playlists = shared.checker().playlists_of(&first);
    if playlists.is_empty() {
        playlists.push(first);
    }
    if playlists.len() > PLAYLISTS_MAX {
        let more = playlists.len() - PLAYLISTS_MAX;
        shared.checker().note(format!("{more} more playlists were not looked at"));
        playlists.truncate(PLAYLISTS_MAX);
    }
    let mut tasks = JoinSet::new();
    for playlist in playlists {
        tasks.spawn(follow(Arc::clone(&shared), playlist.clone()));
        tasks.spawn(poll(Arc::clone(&shared), playlist.clone()));
        tasks.spawn(probes::run(Arc::clone(&shared), playlist));
    }
    tasks.spawn(fetch_all(Arc::clone(&shared)));
    let until = began + options.length;
    let ended = async {
        // The fetching task goes on for as long as anything may be wanted.
        while tasks.len() > 1 && tasks.join_next().await.is_some() {}
        clock::sleep_until(clock::now() + 2 * PAUSE).await;
    };
    tokio::select! {
        () = clock::sleep_until(until) => {}
        () = ended => shared.checker().note("the stream has ended, or is one that does not change".into()),
    }
    tasks.shutdown().await;
    let report = shared.checker().report();
    Ok(report)
}

/// The first answer; its URL after that is the one that was asked, since redirects are not followed.
async fn first_answer(shared: &Shared, url: &str) -> Result<String, CannotLook> {
    let exchange = shared.playlist(url, WAIT).await.map_err(|failure| {
        let (url, problem) = (url.to_owned(), failure.to_string());
        match failure {
            Failure::Connect(_) | Failure::Late(_) => CannotLook::Unreachable { url, problem },
            Failure::Untrusted(_) => CannotLook::Untrusted { url, problem },
            Failure::Broken(_) | Failure::Slow(_) | Failure::TooLong(_) | Failure::HeadTooLong(_) => {
                CannotLook::Unreadable { url, problem }
            }
        }
    })?;
    if !exchange.succeeded() {
        let (url, status) = (url.to_owned(), exchange.status());
        let to = exchange.http.as_ref().and_then(|http| http.header("location"));
        return Err(match to.filter(|_| (300..400).contains(&status)) {
            Some(to) => CannotLook::Moved { url, status, to: to.chars().take(LOCATION_MAX).collect() },
            None => CannotLook::Refused { url, status },
        });
    }
    let body = exchange.body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&exchange.body);
    if !body.starts_with(b"#EXTM3U") {
        return Err(CannotLook::NoPlaylist(url.to_owned()));
    }
    shared.tell(&exchange);
    Ok(url.to_owned())
}

impl Shared {
    fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock().expect("no holder of this lock panics")
    }

    async fn playlist(&self, url: &str, wait: Duration) -> Result<Exchange, Failure> {
        let (whole, limit) = (PLAYLIST_WHOLE, PLAYLIST_BYTES_MAX);
        self.client.get(&Ask { url, range: None, wait, whole, limit, gzip: true }).await
    }

    fn tell(&self, exchange: &Exchange) {
        self.checker().playlist(exchange);
        self.wanted.notify_one();
    }

    /// Asks and tells; what cannot be reached is told too, and waited for.
    async fn look(&self, url: &str, wait: Duration) -> Option<Exchange> {
        match self.playlist(url, wait).await {
            Ok(exchange) => {
                self.tell(&exchange);
                if exchange.succeeded() {
                    return Some(exchange);
                }
            }
            Err(problem) => self.checker().unreachable(url, clock::now(), &problem.to_string()),
        }
        pause(PAUSE).await;
        None
    }
}

async fn pause(length: Duration) {
    clock::sleep_until(clock::now() + length).await;
}

/// A player at the live edge: blocking reloads, every other one for a delta update.
async fn follow(shared: Arc<Shared>, url: String) {
    let mut turn = 0_u64;
    loop {
        let Some(media) = shared.checker().newest(&url) else {
            shared.look(&url, WAIT).await;
            continue;
        };
        if media.ended || !media.can_block() {
            return;
        }
        turn += 1;
        let (msn, part) = media.edge();
        let mut query = format!("_HLS_msn={msn}");
        if media.is_low_latency() {
            query.push_str(&format!("&_HLS_part={part}"));
        }
        if turn.is_multiple_of(2) && media.control("CAN-SKIP-UNTIL").is_some() {
            query.push_str("&_HLS_skip=YES");
        }
        let join = if url.contains('?') { '&' } else { '?' };
        let hold = Duration::from_secs(media.target_s.unwrap_or(0).min(60) * 3) + HOLD_AIR;
        shared.look(&format!("{url}{join}{query}"), hold).await;
        let stands = shared.checker().newest(&url).is_some_and(|now| now.edge() == (msn, part));
        if stands {
            pause(PAUSE).await;
        }
    }
}

/// A player that knows nothing of low latency.
async fn poll(shared: Arc<Shared>, url: String) {
    loop {
        let newest = shared.checker().newest(&url);
        let target = newest.as_ref().and_then(|media| media.target_s).unwrap_or(1).clamp(1, 60);
        pause(Duration::from_millis(target * 500)).await;
        shared.look(&url, WAIT).await;
        if shared
            .checker()
            .newest(&url)
            .is_some_and(|media| media.ended || media.kind.as_deref() == Some("VOD"))
        {
            return;
        }
    }
}

/// Fetches whatever is wanted, when it is.
async fn fetch_all(shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(FETCHES_MAX));
    // Hinted parts are held: they have places of their own.
    let held = Arc::new(Semaphore::new(PLAYLISTS_MAX * 2));
    let mut fetches = JoinSet::new();
    loop {
        let (want, next) = {
            let mut checker = shared.checker();
            (checker.poll_want(clock::now()), checker.next_want())
        };
        while fetches.try_join_next().is_some() {}
        let Some(want) = want else {
            tokio::select! {
                () = shared.wanted.notified() => {}
                () = clock::sleep_until_some(next) => {}
            }
            continue;
        };
        let of = Arc::clone(if want.why == Why::Hint { &held } else { &places });
        let shared = Arc::clone(&shared);
        // The place is waited for in the task: a part that is held keeps nobody else from being fetched. How many
        // tasks there can be is limited by the number of wants that the checker keeps.
        fetches.spawn(async move {
            let Ok(place) = of.acquire_owned().await else { return };
            fetch(&shared, &want).await;
            drop(place);
        });
    }
}

async fn fetch(shared: &Shared, want: &Want) {
    let began = clock::now();
    let hold = Duration::from_secs(20);
    let wait = if want.why == Why::Hint { hold } else { WAIT };
    let (whole, limit) = (MEDIA_WHOLE, MEDIA_BYTES_MAX);
    let ask = Ask { url: &want.url, range: want.range, wait, whole, limit, gzip: false };
    loop {
        let failure = match shared.client.get(&ask).await {
            Ok(exchange) => return shared.checker().media(&exchange, want.range, want.why),
            Err(failure) => failure,
        };
        if want.why == Why::Hint {
            return;
        }
        if failure.is_final() || is_over(began) {
            return shared.checker().lost(want, clock::now(), &failure.to_string());
        }
        pause(PAUSE).await;
    }
}

fn is_over(began: Instant) -> bool {
    clock::now().saturating_duration_since(began) > AWAY_MAX
}
