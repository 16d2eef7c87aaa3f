//! What may stand in a source file, and in which.

use std::{fs, path::Path};

use crate::workspace::{report, root, rust_files, walk, workspace};

/// Where wall and monotonic clocks are read.
const CLOCKS: [&str; 2] = [
    "crates/runtime/src/clock.rs",
    // A process of its own that links nothing of `runtime`: the generated lecture shows the time.
    "packager/transcoder/src/generate/clock.rs",
];

/// Where randomness is drawn.
const RANDOM: &str = "crates/runtime/src/random.rs";

/// The layer that hands SQL to the database, and vouches for it.
const DB: &str = "crates/db/src/";

#[test]
fn only_the_clock_module_reads_a_clock() {
    let readers = [
        "Instant::now(",
        "SystemTime::now(",
        "Utc::now(",
        "Local::now(",
        "Uuid::now_v7(",
        ".elapsed()",
        "UNIX_EPOCH.elapsed",
    ];
    let complaints = findings(&readers, |file| CLOCKS.contains(&file));
    report(
        &complaints,
        "Take `now` as an argument, or call runtime::clock in a shell. A test moves time by itself.",
    );
}

#[test]
fn only_the_random_module_draws_randomness() {
    let drawers = ["getrandom::", "rand::", "OsRng", "thread_rng", "SystemRandom", "Uuid::new_v4("];
    let complaints = findings(&drawers, |file| file == RANDOM);
    report(
        &complaints,
        "Draw with runtime::random in a shell and hand the bytes to the core, so that a seed repeats a run.",
    );
}

#[test]
fn unsafe_stands_in_the_transcoder_alone() {
    let forms = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait"];
    let complaints = findings(&forms, |file| file.starts_with("packager/transcoder/"));
    report(&complaints, "Only the crate that speaks to libav may use `unsafe`.");
}

#[test]
fn sql_is_never_put_together_from_text() {
    let mut complaints = findings(&["AssertSqlSafe("], |file| file.starts_with(DB));
    for (file, text) in rust_files() {
        for (at, _) in text.match_indices("format!(") {
            let call = balanced(&text[at + "format!".len()..]).to_lowercase();
            let sql =
                [("select ", " from "), ("insert into ", ""), ("update ", " set "), ("delete from ", "")];
            if file.starts_with("tests/tidy/")
                || !sql.iter().any(|(a, b)| call.contains(a) && call.contains(b))
            {
                continue;
            }
            complaints.push(format!("{file}:{}: SQL in format!", line_of(text, at)));
        }
    }
    report(
        &complaints,
        "Write SQL as one literal with parameters; what varies is a parameter or one of several whole statements.",
    );
}

#[test]
fn nothing_is_named_for_being_left_over() {
    const NAMES: [&str; 9] =
        ["common", "util", "utils", "base", "helper", "helpers", "types", "misc", "shared"];
    let mut complaints = Vec::new();
    for our in workspace().ours.values() {
        if NAMES.iter().any(|name| our.name == *name || our.name.split('-').any(|word| word == *name)) {
            complaints.push(format!("crate {} ({})", our.name, our.folder));
        }
    }
    for file in rust_files().keys() {
        let path = Path::new(file);
        let folders = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
        let stem = path.file_stem().expect("a source file has a name").to_string_lossy().into_owned();
        if folders.chain([stem]).any(|word| NAMES.contains(&&*word)) {
            complaints.push(file.clone());
        }
    }
    report(
        &complaints,
        "Name a module for what it does; if nothing comes to mind, its parts belong to those who use them.",
    );
}

#[test]
fn every_crate_has_lints() {
    let mut complaints = Vec::new();
    for our in workspace().ours.values() {
        let path = root().join(&our.folder).join("Cargo.toml");
        let manifest: toml::Table =
            fs::read_to_string(&path).expect("a member has a manifest").parse().expect("a manifest is TOML");
        let lints = manifest.get("lints").and_then(toml::Value::as_table);
        let inherited =
            lints.is_some_and(|lints| lints.get("workspace").is_some_and(|on| on.as_bool() == Some(true)));
        // `unsafe_code = "forbid"` cannot be relaxed by one crate, so this one repeats the others.
        let repeated =
            our.name == "packager-transcoder" && lints.is_some_and(|lints| lints.contains_key("clippy"));
        if !inherited && !repeated {
            complaints.push(format!("{}/Cargo.toml", our.folder));
        }
    }
    report(&complaints, "Add:\n[lints]\nworkspace = true");
}

#[test]
fn every_manifest_belongs_to_the_workspace() {
    let folders: Vec<_> = workspace().ours.values().map(|our| our.folder.clone()).collect();
    let mut complaints = Vec::new();
    walk(&root(), &mut |path| {
        if path.file_name().is_some_and(|name| name == "Cargo.toml") {
            let folder = crate::workspace::relative(path.parent().expect("a file lies in a folder"));
            // Fuzzing needs its own workspace: its flags are not ours.
            if folder != root().to_string_lossy()
                && !folder.is_empty()
                && folder != "tests/fuzz"
                && !folders.contains(&folder)
            {
                complaints.push(format!("{folder}/Cargo.toml"));
            }
        }
    });
    report(&complaints, "Add the folder to `members` in Cargo.toml, or remove it.");
}

#[test]
fn the_longest_files_and_functions_are_shown() {
    let ours = || rust_files().iter().filter(|(file, _)| !is_test(file));
    let mut files: Vec<_> = ours().map(|(file, text)| (code(text).lines().count(), file)).collect();
    files.sort_by(|a, b| b.cmp(a));
    println!("longest files, without their tests (150 lines are pleasant, 400 seldom needed):");
    files.iter().take(10).for_each(|(lines, file)| println!("  {lines:5}  {file}"));

    let mut functions: Vec<_> = ours().flat_map(|(file, text)| functions(file, code(text))).collect();
    functions.sort_by(|a, b| b.cmp(a));
    println!("longest functions (a screen is about 60 lines):");
    functions.iter().take(10).for_each(|(lines, name)| println!("  {lines:5}  {name}"));
}

/// Where any of `needles` stands in code that is neither a test, a comment, nor excused.
fn findings(needles: &[&str], excused: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in rust_files() {
        if excused(file) || is_test(file) {
            continue;
        }
        for (number, line) in code(text).lines().enumerate() {
            let bare = line.split("//").next().unwrap_or("");
            for needle in needles.iter().filter(|needle| has_word(bare, needle)) {
                found.push(format!("{file}:{}: {needle}", number + 1));
            }
        }
    }
    found
}

/// `needle` in `line`, not as the tail of a longer word.
fn has_word(line: &str, needle: &str) -> bool {
    line.match_indices(needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !needle.starts_with(char::is_alphanumeric) || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn is_test(file: &str) -> bool {
    ["/tests/", "/examples/", "/benches/"].iter().any(|folder| file.contains(folder))
        || file.starts_with("tests/")
        || file.ends_with("/tests.rs")
}

/// A file without its tests, which stand last.
fn code(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

/// From an opening parenthesis to the one that closes it; quotes are taken at their word.
fn balanced(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth <= 1 => return &text[..at],
            ')' => depth -= 1,
            _ => {}
        }
    }
    text
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].lines().count()
}

/// Length and name of each function, by rustfmt's habit of closing it in the column it began in.
fn functions(file: &str, text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some((_, after)) = line.split_once("fn ").filter(|(before, _)| {
            before.trim().split(' ').all(|word| {
                ["", "pub", "pub(crate)", "pub(super)", "async", "const", "unsafe"].contains(&word)
            })
        }) else {
            continue;
        };
        if line.ends_with(';') {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        let Some(length) = lines[first..].iter().position(|line| *line == close) else { continue };
        let name = after.split(['(', '<']).next().unwrap_or(after);
        found.push((length + 1, format!("{name} ({file}:{})", first + 1)));
    }
    found
}
