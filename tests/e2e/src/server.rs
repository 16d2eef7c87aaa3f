//! The real executable with a data folder and ports of its own.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    api::Api,
    http::Http,
    machine::{self, Alone, eventually},
    secrets,
};

/// How long a start may take on a busy machine, in the unoptimised build.
const START: Duration = Duration::from_secs(30);
/// How long an end may take.
const END: Duration = Duration::from_secs(15);

/// A running `lectern demo`; ended with the value.
pub struct Server {
    child: Option<Child>,
    /// Kept open: a process whose output nobody reads must not trip over it.
    output: Option<BufReader<ChildStdout>>,
    /// What it printed with `--json`.
    demo: Value,
    http_port: u16,
    https_port: u16,
    rtmp_port: u16,
    options: Options,
    folder: TempDir,
    _alone: Alone,
}

/// How it is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// With the generated lecture.
    pub publisher: bool,
    /// With HTTPS beside HTTP, for the name `localhost`.
    pub https: bool,
    /// More environment.
    pub environment: Vec<(String, String)>,
    /// Its data folder is a disk of its own of so many MiB, in a mount namespace of its own. Needs root.
    pub disk_mib: Option<u32>,
}

impl Server {
    /// Starts `lectern demo --no-publisher`.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start() -> Result<Self> {
        Self::start_with(Options::default())
    }

    /// Starts `lectern demo`.
    ///
    /// # Errors
    /// When it does not come up; the end of its log stands in the message.
    pub fn start_with(options: Options) -> Result<Self> {
        let alone = Alone::on_this_machine()?;
        let folder = tempfile::Builder::new().prefix("lectern-e2e-").tempdir()?;
        let mut server = Self {
            child: None,
            output: None,
            demo: Value::Null,
            http_port: machine::free_port()?,
            https_port: machine::free_port()?,
            rtmp_port: machine::free_port()?,
            options,
            folder,
            _alone: alone,
        };
        if server.options.https {
            server.make_certificate()?;
        }
        server.launch()?;
        Ok(server)
    }

    /// HTTP to it.
    #[must_use]
    pub fn http(&self) -> Http {
        Http::of(&self.url("")).expect("our own URL begins with http://")
    }

    /// A URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http_port)
    }

    /// A URL of a path over HTTPS.
    #[must_use]
    pub fn https_url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.https_port)
    }

    /// The certificate (PEM) that whoever speaks HTTPS with it must believe.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Where publishers connect; the stream key is another path segment.
    #[must_use]
    pub fn rtmp_url(&self) -> String {
        format!("rtmp://127.0.0.1:{}/live", self.rtmp_port)
    }

    /// A text field of what it printed.
    ///
    /// # Errors
    /// When it is not there.
    pub fn demo(&self, field: &str) -> Result<&str> {
        self.demo[field]
            .as_str()
            .with_context(|| format!("`lectern demo --json` names {field}: {}", self.demo))
    }

    /// The API as one of the seeded users: `admin`, `instructor` or `student`.
    ///
    /// # Errors
    /// When there is none, or he cannot log in.
    pub fn log_in(&self, role: &str) -> Result<Api> {
        let (email, password) = self.user(role)?;
        Api::log_in(self.http(), &email, &password)
    }

    /// E-mail address and password of a seeded user.
    ///
    /// # Errors
    /// When there is none of that role.
    pub fn user(&self, role: &str) -> Result<(String, String)> {
        let users = self.demo["users"].as_array().context("`lectern demo --json` names users")?;
        let alias = if role == "instructor" { "teacher" } else { role };
        let user = users.iter().find(|user| user["role"] == role || user["role"] == alias);
        let user =
            user.with_context(|| format!("`lectern demo --json` names a user of role {role}: {users:?}"))?;
        let text =
            |field: &str| user[field].as_str().map(str::to_owned).context("a user has e-mail and password");
        Ok((text("email")?, text("password")?))
    }

    /// Its process.
    ///
    /// # Panics
    /// When it was ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// The transcoders it has started.
    ///
    /// # Errors
    /// When processes cannot be listed.
    pub fn transcoders(&self) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            // A process may end while we look.
            let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            let Some((before, after)) = stat.rsplit_once(')') else { continue };
            let parent = after.split_whitespace().nth(1).and_then(|parent| parent.parse::<u32>().ok());
            // The kernel keeps fifteen letters of a name.
            if parent == Some(self.pid()) && before.contains("(lectern-transc") {
                found.push(pid);
            }
        }
        Ok(found)
    }

    /// Ends it as an operator does, by SIGTERM, and waits.
    ///
    /// # Errors
    /// When it does not end in time, or not well.
    pub fn stop(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server runs")?;
        signal(child.id(), "TERM")?;
        let status =
            eventually("the server ends after SIGTERM", END, || child.try_wait()?.context("it still runs"));
        if status.is_err() {
            child.kill()?;
            child.wait()?;
        }
        let status = status?;
        ensure!(status.success(), "the server ended with {status} after SIGTERM\n{}", self.log_end());
        Ok(())
    }

    /// Sends SIGTERM again and again until it has ended, in order or not.
    ///
    /// # Errors
    /// When it does not end within five seconds.
    pub fn stop_at_once(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server runs")?;
        let ended = eventually("the server ends after SIGTERMs", Duration::from_secs(5), || {
            // It may have ended in between.
            let _gone = signal(child.id(), "TERM");
            child.try_wait()?.context("it still runs")
        });
        if ended.is_err() {
            child.kill()?;
            child.wait()?;
        }
        let status = ended?;
        ensure!([Some(0), Some(3)].contains(&status.code()), "the server ended with {status}");
        Ok(())
    }

    /// Ends it as a power cut does.
    ///
    /// # Errors
    /// When it had ended by itself.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server runs")?;
        if let Some(status) = child.try_wait()? {
            bail!("the server had ended with {status}\n{}", self.log_end());
        }
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Starts it again and kills it after so long, whatever it does then; returns when that was.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn kill_while_it_starts(&mut self, after: Duration) -> Result<Instant> {
        ensure!(self.child.is_none(), "the server still runs");
        let mut child = self.command()?.spawn().context("start lectern")?;
        std::thread::sleep(after);
        child.kill()?;
        let killed = Instant::now();
        child.wait()?;
        Ok(killed)
    }

    /// Starts it again over the same data and ports.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "the server still runs");
        self.launch()
    }

    /// Starts it again at another time of day: `hours` from now, by libfaketime. Deadlines run as ever.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_again_later(&mut self, hours: u32) -> Result<()> {
        let library = fake_clock()?.to_string_lossy().into_owned();
        for (name, value) in [
            ("LD_PRELOAD", library),
            ("FAKETIME", format!("+{hours}h")),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ] {
            self.options.environment.push((name.to_owned(), value));
        }
        self.start_again()
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs a shell command where it sees its own disk.
    ///
    /// # Errors
    /// When it fails.
    pub fn beside_it(&self, command: &str) -> Result<()> {
        let said = Command::new("nsenter")
            .args(["--mount", "--target", &self.pid().to_string(), "sh", "-c", command])
            .output()?;
        ensure!(said.status.success(), "{command}: {}", String::from_utf8_lossy(&said.stderr));
        Ok(())
    }

    /// May this test give a server a disk of its own? If not, why.
    ///
    /// # Errors
    /// When nobody can tell.
    pub fn may_have_a_disk() -> Result<std::result::Result<(), String>> {
        let tried =
            Command::new("unshare").args(["--mount", "sh", "-c", "mount -t tmpfs lectern /mnt"]).output()?;
        let why = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
        Ok(if tried.status.success() { Ok(()) } else { Err(why) })
    }

    /// All it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn command(&self) -> Result<Command> {
        let log = File::options().create(true).append(true).open(self.log_path())?;
        let executable = machine::executable("lectern")?;
        let mut command = match self.options.disk_mib {
            None => Command::new(executable),
            Some(mib) => {
                std::fs::create_dir_all(self.data())?;
                let mount = "mount -t tmpfs -o size=$0 lectern \"$1\" && shift && exec \"$@\"";
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", mount, &format!("{mib}m")]);
                command.arg(self.data()).arg(executable);
                command
            }
        };
        command.args(["demo", "--json"]);
        if !self.options.publisher {
            command.arg("--no-publisher");
        }
        if self.options.https {
            command
                .env("LECTERN_TLS_CERT", self.certificate())
                .env("LECTERN_TLS_KEY", self.certificate_key())
                .env("LECTERN_HTTPS_ADDR", format!("127.0.0.1:{}", self.https_port));
        }
        command
            .current_dir(self.folder.path())
            .env("LECTERN_DATA_DIR", self.data())
            .env("LECTERN_HTTP_ADDR", format!("127.0.0.1:{}", self.http_port))
            .env("LECTERN_RTMP_ADDR", format!("127.0.0.1:{}", self.rtmp_port))
            .env("LECTERN_METRICS_ADDR", format!("127.0.0.1:{}", machine::free_port()?))
            .env("LECTERN_LOG", "info")
            .envs(self.options.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        Ok(command)
    }

    fn certificate_key(&self) -> PathBuf {
        self.folder.path().join("certificate.key")
    }

    fn make_certificate(&self) -> Result<()> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
        std::fs::write(self.certificate(), certificate.pem())?;
        std::fs::write(self.certificate_key(), key.serialize_pem())?;
        Ok(())
    }

    fn launch(&mut self) -> Result<()> {
        let mut child = self.command()?.spawn().context("start lectern")?;
        let stdout = child.stdout.take().expect("standard output is a pipe");
        self.child = Some(child);
        let mut line = String::new();
        let mut output = BufReader::new(stdout);
        output.read_line(&mut line)?;
        self.output = Some(output);
        self.demo = serde_json::from_str(&line).with_context(|| {
            format!("`lectern demo --json` prints one JSON line: {line:?}\n{}", self.log_end())
        })?;
        eventually("the server is ready", START, || self.http().get("/readyz")?.expect(200)).map(drop)
    }

    /// Secrets that it was given, or has told us.
    fn planted(&self) -> Vec<String> {
        let users = self.demo["users"].as_array().into_iter().flatten().map(|user| &user["password"]);
        let told = users.chain([&self.demo["stream_key"]]).filter_map(Value::as_str).map(str::to_owned);
        let given = self.options.environment.iter().filter(|(name, _)| name.contains("SECRET"));
        let kept = std::fs::read_to_string(self.data().join("secret.key"));
        told.chain(given.map(|(_, value)| value.clone()))
            .chain(kept.ok().map(|key| key.trim().to_owned()))
            .collect()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Its transcoders end when their pipe does.
            let _ended = child.kill();
            let _status = child.wait();
        }
        // Whatever was tried, no log may tell a secret.
        let found = secrets::found_in(&self.log(), &self.planted());
        if !std::thread::panicking() {
            assert!(found.is_empty(), "the server logged {found:?}");
        }
        if std::thread::panicking() || std::env::var_os("LECTERN_E2E_LOG").is_some() {
            println!("--- the server's log ends with\n{}", self.log_end());
        }
    }
}

/// Debian's libfaketime, whatever the machine's architecture.
fn fake_clock() -> Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib")?.flatten().map(|entry| entry.path().join("faketime"));
    let mut found = folders.map(|folder| folder.join("libfaketime.so.1")).filter(|path| path.is_file());
    found.next().context("libfaketime is missing: run `setup/install test` (package faketime)")
}

/// Sends a signal by name.
///
/// # Errors
/// When there is no such process.
pub fn signal(pid: u32, name: &str) -> Result<()> {
    let status = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status()?;
    ensure!(status.success(), "kill -{name} {pid}: {status}");
    Ok(())
}

/// Processor time that a process has used, user and system, in seconds.
///
/// # Errors
/// When there is no such process.
pub fn cpu_s(pid: u32) -> Result<f64> {
    // proc(5): utime and stime are fields 14 and 15, in hundredths on every Linux we run on.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, after) = stat.rsplit_once(')').context("a name in parentheses")?;
    let fields: Vec<_> = after.split_whitespace().collect();
    let ticks: u32 = fields[11].parse::<u32>()? + fields[12].parse::<u32>()?;
    Ok(f64::from(ticks) / 100.0)
}

/// Memory that a process has, in MiB.
///
/// # Errors
/// When there is no such process.
pub fn resident_mib(pid: u32) -> Result<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a process has memory")?;
    let kib: u32 = line.split_whitespace().next().context("a number")?.parse()?;
    Ok(kib / 1024)
}

/// Is there such a process, and not just its remains?
#[must_use]
pub fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}
