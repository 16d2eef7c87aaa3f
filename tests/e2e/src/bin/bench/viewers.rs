//! Low-latency viewers as players are: each holds a reload of picture and of sound, and fetches each part at once, eight
//! requests a second in all. One pilot a rendition reads playlists; the others ask for what he asks for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use e2e::{
    follow::{renditions, resolve},
    machine::eventually,
    playlist::Media,
    publisher::Publisher,
    server::{Options, Server},
};
use tokio::{sync::watch, task::JoinSet, time::Instant};

use crate::{
    clips, ingest,
    load::Connection,
    meter::{Meter, resident_mib},
    report::percentile,
};

const VIEWERS: u32 = 1000;
const WARM_UP: Duration = Duration::from_secs(4);
const MEASURED: Duration = Duration::from_secs(15);
const WAITERS: usize = 2000;
/// A viewer session may hold twelve requests.
const TOKENS: usize = 250;
const ROUNDS: usize = 5;

/// What the pilot knows.
#[derive(Clone, Default, Debug)]
struct Edge {
    /// What comes next: media sequence number and part.
    next: (u64, u64),
    /// The newest part's name.
    part: String,
}

/// A rendition: its playlist's path under each token, and where its edge is.
struct Watched {
    paths: Vec<Arc<str>>,
    edge: watch::Receiver<Edge>,
}

/// Runs and prints both: a thousand viewers, then two thousand who wait for one part.
pub(crate) fn run() -> Result<()> {
    let server = Server::start_with(for_many())?;
    let teacher = server.log_in("admin")?;
    let lecture = teacher.go_live("Bench")?;
    let _publisher = Publisher::for_ever(&clips::lecture_720p30()?, &server.rtmp_url(), &lecture.key)?;
    eventually("the lecture is playable", Duration::from_secs(20), || teacher.playback(&lecture.session))?;
    let tokens = (0..TOKENS).map(|_| teacher.playback(&lecture.session)).collect::<Result<Vec<_>>>()?;
    // The live window: what CDNs and most players ask for.
    let tokens = tokens
        .iter()
        .map(|path| renditions(&server.http(), &path.replace("/dvr/", "/")))
        .collect::<Result<Vec<_>>>()?;
    let paths = |name: &str| -> Result<Vec<Arc<str>>> {
        let path = |of: &BTreeMap<String, String>| of.get(name).map(|path| Arc::from(path.as_str()));
        tokens.iter().map(path).collect::<Option<_>>().with_context(|| format!("there is {name}"))
    };
    let authority = server.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut pilots = JoinSet::new();
        let mut edges = Vec::new();
        for name in ["source", "audio"] {
            let paths = paths(name)?;
            let (tell, edge) = watch::channel(Edge::default());
            pilots.spawn(pilot(authority.clone(), paths[0].to_string(), tell));
            edges.push(Watched { paths, edge });
        }
        a_thousand(&authority, &edges, server.pid()).await?;
        two_thousand(&authority, &edges[0]).await
    })
}

async fn a_thousand(authority: &str, edges: &[Watched], pid: u32) -> Result<()> {
    println!("## {VIEWERS} low-latency viewers, picture and sound, 8 requests/s each");
    let until = Instant::now() + WARM_UP + MEASURED;
    let mut viewers = JoinSet::new();
    for n in 0..usize::try_from(VIEWERS)? {
        for Watched { paths, edge } in edges {
            let path = Arc::clone(&paths[n % paths.len()]);
            viewers.spawn(viewer(authority.to_owned(), path, edge.clone(), until));
        }
    }
    tokio::time::sleep(WARM_UP).await;
    let meter = Meter::of(pid)?;
    let resident = resident_mib(pid)?;
    let mut firsts = Vec::new();
    let mut requests = 0;
    let measured_from = std::time::Instant::now();
    let mut used = None;
    while let Some(ended) = viewers.join_next().await {
        if used.is_none() {
            used = Some(meter.used()?);
        }
        let seen = ended??;
        requests += seen.iter().filter(|(at, _)| *at >= measured_from).count();
        firsts.extend(seen.iter().filter(|(at, _)| *at >= measured_from).map(|(_, ms)| *ms));
    }
    let used = used.context("there were viewers")?;
    let share = used.cpu_s() / used.wall_s;
    #[expect(clippy::cast_precision_loss, reason = "some ten thousand")]
    let per_second = 2.0 * requests as f64 / used.wall_s;
    println!(
        "   {per_second:.0} requests/s served with {share:.2} cores: {:.0} viewers a core; {:.0} µs a request; {resident:.0} MiB",
        f64::from(VIEWERS) / share,
        share / per_second * 1e6
    );
    println!(
        "   a part's first byte: p50 {:.1} ms, p99 {:.1} ms (the viewers share the server's cores)",
        percentile(&mut firsts, 0.5),
        percentile(&mut firsts, 0.99)
    );
    Ok(())
}

async fn two_thousand(authority: &str, Watched { paths, edge }: &Watched) -> Result<()> {
    println!("## {WAITERS} viewers held on one part");
    let mut connections = Vec::with_capacity(WAITERS);
    for _ in 0..WAITERS {
        connections.push(Connection::open(authority).await?);
    }
    for _ in 0..ROUNDS {
        let mut edge = edge.clone();
        edge.borrow_and_update();
        edge.changed().await?;
        let (msn, part) = edge.borrow().next;
        // Two parts ahead: time enough for all to be held before it comes.
        let mut held = JoinSet::new();
        for (n, mut connection) in connections.drain(..).enumerate() {
            let path = &paths[n % paths.len()];
            let asked = format!("{path}?_HLS_msn={msn}&_HLS_part={}&_HLS_skip=YES", part + 1);
            held.spawn(async move {
                let answer = connection.get(&asked, true).await?;
                ensure!(answer.status == 200, "status {}", answer.status);
                let at = answer.at;
                Ok((connection, at))
            });
        }
        let mut arrivals = Vec::with_capacity(WAITERS);
        while let Some(ended) = held.join_next().await {
            let (connection, at) = ended??;
            connections.push(connection);
            arrivals.push(at);
        }
        let first = *arrivals.iter().min().context("there are waiters")?;
        let mut after: Vec<f64> = arrivals.iter().map(|at| (*at - first).as_secs_f64() * 1e3).collect();
        println!(
            "   after the first: p50 {:.1} ms, p99 {:.1} ms, last {:.1} ms",
            percentile(&mut after, 0.5),
            percentile(&mut after, 0.99),
            percentile(&mut after, 1.0)
        );
    }
    Ok(())
}

/// Reads the playlist for all.
async fn pilot(authority: String, path: String, tell: watch::Sender<Edge>) -> Result<()> {
    let mut connection = Connection::open(&authority).await?;
    let mut query = path.clone();
    loop {
        let answer = connection.get(&query, false).await?;
        ensure!(answer.status == 200, "{query}: status {}", answer.status);
        let list = Media::parse(std::str::from_utf8(answer.body)?)?;
        let newest = list.open.iter().chain(list.segments.last()).find_map(|segment| segment.parts.last());
        let part = newest.map_or_else(String::new, |part| part.uri.clone());
        let next = list.next();
        tell.send_replace(Edge { next, part });
        query = format!("{path}?_HLS_msn={}&_HLS_part={}", next.0, next.1);
    }
}

/// One rendition of one viewer; answers when each part was there and how long its first byte took, in milliseconds.
async fn viewer(
    authority: String,
    path: Arc<str>,
    mut edge: watch::Receiver<Edge>,
    until: Instant,
) -> Result<Vec<(std::time::Instant, f64)>> {
    let mut playlist = Connection::open(&authority).await?;
    let mut media = Connection::open(&authority).await?;
    let mut seen = Vec::new();
    edge.changed().await?;
    while Instant::now() < until {
        let (msn, part) = edge.borrow_and_update().next;
        let query = format!("{path}?_HLS_msn={msn}&_HLS_part={part}&_HLS_skip=YES");
        let answer = playlist.get(&query, true).await?;
        ensure!(answer.status == 200, "{query}: status {}", answer.status);
        // The pilot read the same playlist; he says what the part is called.
        while edge.borrow_and_update().next == (msn, part) {
            edge.changed().await?;
        }
        let part = resolve(&path, &edge.borrow().part);
        let answer = media.get(&part, false).await?;
        ensure!(answer.status == 200, "{part}: status {}", answer.status);
        seen.push((answer.at, answer.first_byte.as_secs_f64() * 1e3));
    }
    Ok(seen)
}

/// One publication and thousands of connections from one address.
pub(crate) fn for_many() -> Options {
    let mut options = ingest::without_rungs();
    for name in ["LECTERN_HTTP_CONNECTIONS_MAX", "LECTERN_HTTP_CONNECTIONS_PER_IP_MAX"] {
        options.environment.push((name.to_owned(), "12000".to_owned()));
    }
    options
}
