//! The PostgreSQL server of the tests, and a database per test copied from a template.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr,
    sync::OnceLock,
};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};

use super::unique;
use crate::{Db, Options, migrate};

const WANTED: &str = "Repository tests run on PostgreSQL too. Install it (Debian, Ubuntu: `apt-get install \
    postgresql`; the tests start a server of their own) or name a server whose user may create databases: \
    LECTERN_TEST_POSTGRES_URL=postgres://user:password@host/postgres";

/// A database of one test.
pub(super) struct Database {
    pub(super) db: Db,
    name: String,
    server: PgConnectOptions,
}

impl Database {
    pub(super) async fn create() -> Self {
        let server =
            tokio::task::spawn_blocking(server).await.expect("the server is found or the test fails");
        let template = format!("lectern_template_{}", migrate::fingerprint());
        let name = format!("lectern_test_{}", unique());
        let mut admin = PgConnection::connect_with(&server)
            .await
            .unwrap_or_else(|error| panic!("PostgreSQL does not answer: {error}\n{WANTED}"));
        // One at a time: a template that is being made must not be copied.
        run(&mut admin, "select pg_advisory_lock(7266541)").await;
        if !exists(&mut admin, &template).await {
            run(&mut admin, &format!("create database {template}_new")).await;
            let options = Options { connections_max: 1 };
            let db = Db::open_postgres(server.clone().database(&format!("{template}_new")), options).await;
            let db = db.expect("a database that was just made opens");
            migrate::run(&db).await.expect("migrations run on PostgreSQL");
            db.close().await;
            run(&mut admin, &format!("alter database {template}_new rename to {template}")).await;
        }
        run(&mut admin, &format!("create database {name} template {template}")).await;
        admin.close().await.expect("an idle connection closes");
        let db = Db::open_postgres(server.clone().database(&name), Options::default()).await;
        Self { db: db.expect("a database that was just made opens"), name, server }
    }

    pub(super) async fn remove(self) {
        self.db.close().await;
        let mut admin = PgConnection::connect_with(&self.server).await.expect("PostgreSQL still answers");
        run(&mut admin, &format!("drop database {} with (force)", self.name)).await;
    }
}

async fn exists(admin: &mut PgConnection, name: &str) -> bool {
    let found = sqlx::query("select 1 from pg_database where datname = $1").bind(name);
    let found = admin.fetch_optional(found).await.expect("the list of databases can be read").is_some();
    if !found {
        // What a test process that was killed half way has left.
        run(admin, &format!("drop database if exists {name}_new with (force)")).await;
    }
    found
}

async fn run(admin: &mut PgConnection, sql: &str) {
    // Names are made of our own words, digits and underscores.
    let done = admin.execute(AssertSqlSafe(sql.to_owned())).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The server that is named, or the shared one, started when it does not run.
fn server() -> PgConnectOptions {
    #[expect(clippy::disallowed_methods, reason = "a test reads its own switch")]
    let named = std::env::var("LECTERN_TEST_POSTGRES_URL");
    if let Ok(url) = named {
        return PgConnectOptions::from_str(&url)
            .unwrap_or_else(|error| panic!("LECTERN_TEST_POSTGRES_URL: {error}"));
    }
    static SHARED: OnceLock<Shared> = OnceLock::new();
    let shared = SHARED.get_or_init(Shared::start);
    PgConnectOptions::new_without_pgpass()
        .socket(&shared.folder)
        .port(PORT)
        .username(shared.user)
        .database("postgres")
}

/// Part of the socket's file name; no TCP port is opened.
const PORT: u16 = 5432;

/// A server shared by test processes. Each holds `in-use` locked (shared) as long as it lives; a
/// shell beside the server takes that lock alone when all have gone, and then stops it.
struct Shared {
    folder: PathBuf,
    user: &'static str,
    _in_use: File,
}

impl Shared {
    fn start() -> Self {
        let root = is_root();
        let user = if root { "postgres" } else { "lectern" };
        let name = format!("lectern-test-postgres-{}", user_id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the test server can be made");
        let in_use = File::create(folder.join("in-use")).expect("a lock file can be made");
        in_use.lock_shared().expect("the lock is shared by tests");
        let starting = File::create(folder.join("starting")).expect("a lock file can be made");
        starting.lock().expect("one process at a time starts the server");
        if !folder.join("running").exists() || !answers(&folder) {
            launch(&folder, root);
        }
        drop(starting);
        Self { folder, user, _in_use: in_use }
    }
}

fn answers(folder: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(folder.join(format!(".s.PGSQL.{PORT}"))).is_ok()
}

fn launch(folder: &Path, root: bool) {
    let bin = binaries().unwrap_or_else(|| panic!("no PostgreSQL server program found\n{WANTED}"));
    if root {
        let done = Command::new("chown").arg("postgres").arg(folder).status();
        assert!(done.is_ok_and(|status| status.success()), "user postgres is missing\n{WANTED}");
    }
    let script = format!(
        r#"set -e
cd "{folder}"
{stop}
rm -rf data running server.log
as_server() {{ {switch} "$@"; }}
as_server {bin}/initdb -D data -U {user} -A trust -E UTF8 --locale=C.UTF-8 -N >log 2>&1
as_server {bin}/pg_ctl -D data -l server.log -w -t 60 -o "-c listen_addresses= -c unix_socket_directories='{folder}' \
  -c port={PORT} -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 \
  -c shared_buffers=64MB" start >>log 2>&1
touch running
"#,
        folder = folder.display(),
        stop = stop(folder, &bin, root),
        switch = switch(root),
        bin = bin.display(),
        user = if root { "postgres" } else { "lectern" },
    );
    let status = Command::new("sh").arg("-c").arg(script).stdin(Stdio::null()).status();
    if !status.as_ref().is_ok_and(|status| status.success()) {
        let read = |name| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let log = read("log") + &read("server.log");
        panic!("PostgreSQL does not start: {status:?}\n{log}\n{WANTED}");
    }
    watch(folder, &bin, root);
}

/// Leaves a shell behind that stops the server when no test process holds it any more.
fn watch(folder: &Path, bin: &Path, root: bool) {
    let script = format!(
        r#"cd "{folder}"
while sleep 3; do
  if flock -n -x in-use -c 'rm -f running; {stop}; rm -rf data log server.log'; then exit 0; fi
done
"#,
        folder = folder.display(),
        stop = stop(folder, bin, root).trim().replace('\'', r"'\''"),
    );
    let script_file = folder.join("watch.sh");
    let written = File::create(&script_file).and_then(|mut file| file.write_all(script.as_bytes()));
    written.expect("the folder of the test server can be written");
    // A session of its own, so that Ctrl-C at the tests does not end the watch before the server.
    let spawned = Command::new("setsid")
        .arg("sh")
        .arg(&script_file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    drop(spawned.expect("setsid belongs to every Linux"));
}

fn stop(folder: &Path, bin: &Path, root: bool) -> String {
    format!(
        r#"if [ -d "{folder}/data" ]; then {switch} {bin}/pg_ctl -D "{folder}/data" -m immediate stop >/dev/null 2>&1 || true; fi"#,
        folder = folder.display(),
        switch = switch(root),
        bin = bin.display(),
    )
}

/// PostgreSQL refuses to run as root.
const fn switch(root: bool) -> &'static str {
    if root { "setpriv --reuid=postgres --regid=postgres --init-groups" } else { "" }
}

/// The newest of Debian's folders, else the folder of `initdb` on the PATH.
fn binaries() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists() && bin.join("pg_ctl").exists())
        .collect();
    versions.sort();
    if let Some((_, bin)) = versions.pop() {
        return Some(bin);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|bin| bin.join("initdb").exists() && bin.join("pg_ctl").exists())
}

fn is_root() -> bool {
    user_id() == "0"
}

fn user_id() -> String {
    let output = Command::new("id").arg("-u").output().expect("`id` belongs to every Unix");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
