//! deny.toml, read without cargo-deny: licences, bans and sources of everything in the resolved graph.

use std::{collections::BTreeSet, fs};

use crate::workspace::{report, root, workspace};

fn deny(table: &str) -> toml::Table {
    let text = fs::read_to_string(root().join("deny.toml")).expect("deny.toml lies in the root");
    let deny: toml::Table = text.parse().expect("deny.toml is TOML");
    deny[table].as_table().expect("a section of deny.toml is a table").clone()
}

fn strings(table: &toml::Table, key: &str) -> BTreeSet<String> {
    let list = table[key].as_array().expect("a list").iter();
    list.map(|entry| entry.as_str().expect("a string").to_owned()).collect()
}

#[test]
fn every_licence_is_one_we_allow() {
    let allowed = strings(&deny("licenses"), "allow");
    let mut complaints = Vec::new();
    for foreign in &workspace().foreign {
        let license = foreign.license.as_deref().unwrap_or("");
        if !satisfied(license, &allowed) {
            complaints.push(format!("{} {}: {license:?}", foreign.name, foreign.version));
        }
    }
    report(
        &complaints,
        "Do without the crate, or add its licence to deny.toml with the reason why it may be there.",
    );
}

#[test]
fn no_banned_crate_is_in_the_graph() {
    let mut complaints = Vec::new();
    for ban in deny("bans")["deny"].as_array().expect("a list of bans") {
        let name = ban["name"].as_str().expect("a ban names a crate");
        let wrapped = ban.get("wrappers").is_some();
        if !wrapped && workspace().foreign.iter().any(|foreign| foreign.name == name) {
            complaints.push(format!("{name}: {}", ban["reason"].as_str().unwrap_or("banned")));
        }
    }
    report(&complaints, "`cargo tree -i NAME` shows who brings it; switch off that feature.");
}

#[test]
fn everything_comes_from_crates_io() {
    let allowed = strings(&deny("sources"), "allow-registry");
    let foreign = workspace().foreign.iter();
    let complaints: Vec<_> = foreign
        .filter(|foreign| !allowed.iter().any(|registry| foreign.source == format!("registry+{registry}")))
        .map(|foreign| format!("{} {} from {}", foreign.name, foreign.version, foreign.source))
        .collect();
    report(&complaints, "Depend on a released version.");
}

/// Can a licence expression (SPDX, and the older `A/B`) be met by the allowed ones?
fn satisfied(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().collect::<Vec<_>>().into_iter().peekable();
    let met = any(&mut words, allowed);
    met && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::vec::IntoIter<&'a str>>;

fn any(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    match words.next() {
        Some("(") => {
            let met = any(words, allowed);
            met && words.next() == Some(")")
        }
        Some(license) => {
            // An exception only widens what the licence grants.
            if words.next_if_eq(&"WITH").is_some() {
                words.next();
            }
            allowed.contains(license)
        }
        None => false,
    }
}

#[test]
fn licence_expressions_are_read() {
    let allowed: BTreeSet<String> = ["MIT", "ISC", "Apache-2.0"].map(str::to_owned).into();
    for met in
        ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND ISC", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(satisfied(met, &allowed), "{met}");
    }
    for unmet in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT MIT"] {
        assert!(!satisfied(unmet, &allowed), "{unmet}");
    }
}
