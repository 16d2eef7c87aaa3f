//! docker/, as far as it can be checked without an engine.

use std::{fs, process::Command};

use crate::workspace::{report, root};

fn dockerfile() -> String {
    // A backslash at a line's end continues it.
    let text = fs::read_to_string(root().join("docker/Dockerfile")).expect("docker/Dockerfile is there");
    text.replace("\\\n", " ")
}

fn instructions(word: &str) -> Vec<Vec<String>> {
    let own = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    dockerfile().lines().map(own).filter(|line| line.first().is_some_and(|first| first == word)).collect()
}

#[test]
fn what_the_image_copies_is_in_the_repository() {
    let mut complaints = Vec::new();
    for copy in instructions("COPY") {
        if copy.iter().any(|word| word.starts_with("--from=")) {
            continue;
        }
        let paths: Vec<_> = copy[1..].iter().filter(|word| !word.starts_with("--")).collect();
        let (_, sources) = paths.split_last().expect("COPY names a source and a target");
        for source in sources.iter().filter(|source| !root().join(source).exists()) {
            complaints.push(format!("COPY {source}"));
        }
    }
    report(&complaints, "docker/Dockerfile is built from the repository's root.");
}

#[test]
fn what_the_image_copies_from_a_stage_that_stage_exists() {
    let stages: Vec<_> = instructions("FROM")
        .iter()
        .filter_map(|from| from.iter().position(|word| word == "AS").map(|at| from[at + 1].clone()))
        .collect();
    let mut complaints = Vec::new();
    for copy in instructions("COPY") {
        let from = copy.iter().find_map(|word| word.strip_prefix("--from=").map(str::to_owned));
        if let Some(stage) = from.filter(|stage| !stages.contains(stage)) {
            complaints.push(format!("COPY --from={stage}"));
        }
    }
    report(&complaints, &format!("docker/Dockerfile has the stages {stages:?}."));
}

#[test]
fn the_image_needs_real_packages() {
    // Names differ between releases; the image is bookworm, so they are looked up there alone.
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !release.contains("VERSION_CODENAME=bookworm") {
        println!("not looked at: this is no Debian 12");
        return;
    }
    let mut complaints = Vec::new();
    for run in instructions("RUN") {
        let Some(at) = run.windows(2).position(|pair| pair == ["apt-get", "install"]) else { continue };
        let packages =
            run[at + 2..].iter().take_while(|word| *word != "&&").filter(|word| !word.starts_with('-'));
        for package in packages {
            // apt-cache is slow, and most of them are here with their -dev packages.
            let asked = [("dpkg-query", "-W"), ("apt-cache", "show")];
            let known = asked.iter().any(|(program, option)| {
                let answer = Command::new(program).args([option, package.as_str()]).output();
                answer.is_ok_and(|answer| answer.status.success())
            });
            if !known {
                complaints.push(package.clone());
            }
        }
    }
    report(&complaints, "apt-cache knows no such package in Debian 12 (after `apt-get update`).");
}

#[test]
fn ports_and_users_are_those_that_are_promised() {
    let ports: Vec<_> = instructions("EXPOSE").into_iter().flat_map(|expose| expose[1..].to_vec()).collect();
    assert_eq!(ports, ["8080", "1935"], "docs name 8080 (HTTP) and 1935 (RTMP)");
    let compose =
        fs::read_to_string(root().join("docker/compose.yaml")).expect("docker/compose.yaml is there");
    for port in ["8080:8080", "1935:1935"] {
        assert!(compose.contains(&format!("\"{port}\"")), "docker/compose.yaml publishes {port}");
    }
    let user = instructions("USER").pop().expect("the image names a user");
    assert_ne!(user[1], "root", "the server does not run as root");
    assert!(dockerfile().contains("HEALTHCHECK"), "the image says how to tell that it is well");
}
