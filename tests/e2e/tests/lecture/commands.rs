//! What an operator types.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use e2e::{
    api::Api,
    http::Http,
    machine::{Alone, eventually, executable, free_port},
    server::signal,
};
use serde_json::json;

const A_WHILE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse battery";

/// A running `lectern serve`; ended with the value.
struct Served {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}

#[test]
fn a_new_server_offers_its_first_account_once_and_ends_when_told() -> Result<()> {
    let _alone = Alone::on_this_machine()?;
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    ensure!(!lectern(folder.path(), port).arg("health").output()?.status.success(), "nothing runs yet");
    let mut served = serve(folder.path(), port)?;
    let http = Http::of(&format!("http://127.0.0.1:{port}"))?;
    eventually("the server is ready", A_WHILE, || http.get("/readyz")?.expect(200))?;
    let health = lectern(folder.path(), port).arg("health").output()?;
    ensure!(health.status.success(), "lectern health: {health:?}");

    let mut said = String::new();
    let link = loop {
        let mut line = String::new();
        ensure!(served.output.read_line(&mut line)? > 0, "a set-up link is printed: {said}");
        said.push_str(&line);
        if let Some(at) = line.find("/setup?token=") {
            break line[at..].trim().to_owned();
        }
    };
    http.get(&link)?.expect(200)?;
    let token = link.split_once('=').context("a token ends the link")?.1;
    let admin =
        json!({ "token": token, "email": "head@school.example", "password": PASSWORD, "full_name": "Head" });
    let set_up = || -> Result<u16> {
        let request =
            http.request("POST", "/api/v1/setup").body("application/json", serde_json::to_vec(&admin)?);
        Ok(request.send()?.status)
    };
    let status = set_up()?;
    ensure!((200..300).contains(&status), "set-up answers {status}");
    ensure!(set_up()? >= 400, "the link works once");
    Api::log_in(http.clone(), "head@school.example", PASSWORD)?;

    let mut create = lectern(folder.path(), port)
        .args([
            "user",
            "create",
            "--email",
            "teacher@school.example",
            "--role",
            "instructor",
            "--password-stdin",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    create.stdin.take().context("a pipe")?.write_all(format!("{PASSWORD}\n").as_bytes())?;
    ensure!(create.wait()?.success(), "lectern user create");
    Api::log_in(http.clone(), "teacher@school.example", PASSWORD)?.get("/courses")?;

    let printed = lectern(folder.path(), port).args(["config", "print"]).output()?;
    let secret = std::fs::read_to_string(folder.path().join("secret.key"))?;
    let printed = String::from_utf8(printed.stdout)?;
    ensure!(printed.contains(&port.to_string()), "lectern config print: {printed}");
    ensure!(!printed.contains(secret.trim()), "the secret key stands in what is printed");

    signal(served.child.id(), "TERM")?;
    let status =
        eventually("the server ends", A_WHILE, || served.child.try_wait()?.context("it still runs"))?;
    ensure!(status.success(), "the server ended with {status}");
    Ok(())
}

#[test]
fn the_document_of_the_api_is_the_one_that_is_served() -> Result<()> {
    let _alone = Alone::on_this_machine()?;
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    let printed = lectern(folder.path(), port).arg("openapi").output()?;
    let printed: serde_json::Value = serde_json::from_slice(&printed.stdout)?;
    let _served = serve(folder.path(), port)?;
    let http = Http::of(&format!("http://127.0.0.1:{port}"))?;
    eventually("the server is ready", A_WHILE, || http.get("/readyz")?.expect(200))?;
    let served: serde_json::Value =
        serde_json::from_slice(&http.get("/api/openapi.json")?.expect(200)?.body)?;
    ensure!(printed == served, "lectern openapi prints what /api/openapi.json answers");
    http.get("/api/docs")?.expect(200)?;
    Ok(())
}

fn serve(data: &Path, port: u16) -> Result<Served> {
    let mut child =
        lectern(data, port).arg("serve").stdout(Stdio::piped()).spawn().context("start lectern")?;
    let output = BufReader::new(child.stdout.take().context("standard output is a pipe")?);
    Ok(Served { child, output })
}

fn lectern(data: &Path, port: u16) -> Command {
    let mut command = Command::new(executable("lectern").expect("lectern is built"));
    command
        .current_dir(data)
        .env("LECTERN_DATA_DIR", data)
        .env("LECTERN_HTTP_ADDR", format!("127.0.0.1:{port}"))
        .env("LECTERN_RTMP_ADDR", "127.0.0.1:0")
        .env("LECTERN_METRICS_ADDR", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}
