//! The command line.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use runtime::config::Lookup;

/// Live classes: RTMP in, low-latency HLS out, with the courses, sessions and enrolments around it.
#[derive(Parser, Debug)]
#[command(name = "lectern", version, about, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// Settings that every command understands. Each has an environment name and a key in lectern.toml too.
#[derive(Args, Debug, Default)]
pub(crate) struct Shared {
    /// Settings file; keys are the names of the environment settings.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for database, recordings and generated secrets (LECTERN_DATA_DIR) [default: ./data].
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Address of pages, API and media (LECTERN_HTTP_ADDR) [default: 0.0.0.0:8080].
    #[arg(long, global = true, value_name = "ADDR")]
    http_addr: Option<String>,
    /// Address for encoders (LECTERN_RTMP_ADDR) [default: 0.0.0.0:1935].
    #[arg(long, global = true, value_name = "ADDR")]
    rtmp_addr: Option<String>,
    /// Address of the Prometheus metrics (LECTERN_METRICS_ADDR) [default: 127.0.0.1:9090].
    #[arg(long, global = true, value_name = "ADDR")]
    metrics_addr: Option<String>,
    /// What this process does (LECTERN_ROLES) [default: media,origin,control,worker].
    #[arg(long, global = true, value_name = "ROLES")]
    roles: Option<String>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Runs the server.
    Serve,
    /// Runs the server on loopback with a course, people and a generated lecture, to look at.
    Demo(Demo),
    /// Brings the database's tables up to date.
    Migrate,
    /// Manages accounts.
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Shows letters, above all those that wait because no mail server is set.
    Mail {
        #[command(subcommand)]
        command: MailCommand,
    },
    /// Looks whether everything the server needs is there, and says what to do where it is not.
    Doctor,
    /// Asks the running server whether it is ready; for container health checks.
    Health,
    /// Shows or checks the settings.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Looks at a live playlist, ours or anybody's, and judges it by the rules of HLS.
    Hlscheck(Hlscheck),
    /// Prints the OpenAPI document of the API.
    Openapi,
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Prints one JSON line with addresses and log-ins instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Leaves the stage to your own encoder.
    #[arg(long)]
    pub(crate) no_publisher: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Hlscheck {
    /// A multivariant or media playlist: http:// or https://.
    pub(crate) url: String,
    /// How long to look.
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// How many milliseconds later than the specification says a part may come: jitter of encoder and network.
    #[arg(long, default_value_t = 250, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub(crate) part_late_ms: u64,
    /// Believes certificates that these ones (PEM) have signed, instead of the usual authorities.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,
    /// Believes every certificate.
    #[arg(long)]
    pub(crate) insecure: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum UserCommand {
    /// Makes an account; asks for the password unless --password-stdin is given.
    Create {
        /// E-mail address; also the log-in name.
        #[arg(long)]
        email: String,
        /// What the person may do.
        #[arg(long, value_enum)]
        role: Role,
        /// Name that others see [default: the part of the e-mail address before the @].
        #[arg(long)]
        name: Option<String>,
        /// Reads the password from standard input's first line.
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum MailCommand {
    /// The newest hundred letters: id, status, what about, to whom.
    List {
        /// Those of this status alone: queued, held, offered, sent, refused, doubtful or expired.
        #[arg(long)]
        status: Option<String>,
    },
    /// Prints a letter with the link in it. Whoever has the link can use it.
    Show {
        /// From `lectern mail list`, or from the server's log.
        id: String,
    },
    /// Connects to the mail server and logs in, sending nothing.
    Check,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// Reads every setting and says what is wrong.
    Check,
    /// Prints every setting in force, without secrets.
    Print,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    Admin,
    #[value(alias = "teacher")]
    Instructor,
    Student,
}

impl Shared {
    /// Command line over environment over `lectern.toml` (`--config`, else `LECTERN_CONFIG`, else the
    /// one in the working folder if there is one).
    pub(crate) fn lookup(&self) -> Result<Lookup> {
        let given = [
            ("LECTERN_DATA_DIR", &self.data_dir),
            ("LECTERN_HTTP_ADDR", &self.http_addr),
            ("LECTERN_RTMP_ADDR", &self.rtmp_addr),
            ("LECTERN_METRICS_ADDR", &self.metrics_addr),
            ("LECTERN_ROLES", &self.roles),
        ];
        let mut flags = BTreeMap::new();
        for (name, value) in given {
            if let Some(value) = value {
                flags.insert(name.to_owned(), value.clone());
            }
        }
        let nearer = Lookup::from_map(flags).over(Lookup::environment());
        let named = self.config.clone().or_else(|| nearer.text("LECTERN_CONFIG").map(PathBuf::from));
        match named {
            Some(path) => Ok(nearer.over(Lookup::file(&path)?)),
            None => {
                let usual = PathBuf::from("lectern.toml");
                if usual.is_file() { Ok(nearer.over(Lookup::file(&usual)?)) } else { Ok(nearer) }
            }
        }
    }
}
