//! The documents are whole: links lead somewhere, decisions are numbered and complete, words are defined once.

use std::{collections::BTreeMap, fs, path::Path};

use crate::workspace::{relative, report, root, walk};

fn markdown() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    walk(&root(), &mut |path| {
        if path.extension().is_some_and(|extension| extension == "md") {
            files.insert(relative(path), fs::read_to_string(path).expect("a document is text"));
        }
    });
    files
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut complaints = Vec::new();
    for (file, text) in markdown() {
        let folder = root().join(&file).parent().map(Path::to_path_buf).expect("a file lies in a folder");
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split([')', ' ', '#']).next().unwrap_or("");
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !folder.join(target).exists() {
                complaints.push(format!("{file}: {target}"));
            }
        }
    }
    report(&complaints, "Mend the link, or write what it promises.");
}

#[test]
fn decisions_are_numbered_without_holes_and_say_all_five_things() {
    let mut names: Vec<String> = fs::read_dir(root().join("docs/decisions"))
        .expect("docs/decisions is there")
        .map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    let mut complaints = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if !name.starts_with(&format!("{:04}-", index + 1)) {
            complaints.push(format!("docs/decisions/{name} is the {}. by name", index + 1));
        }
        let text = fs::read_to_string(root().join("docs/decisions").join(name)).expect("a record is text");
        for section in ["Status", "Context", "Decision", "Alternatives considered", "Consequences"] {
            if !text.contains(&format!("\n## {section}\n")) {
                complaints.push(format!("docs/decisions/{name} has no section `## {section}`"));
            }
        }
        if !text.starts_with(&format!("# {}. ", index + 1)) {
            complaints.push(format!("docs/decisions/{name} does not begin with `# {}. Title`", index + 1));
        }
    }
    report(
        &complaints,
        "A record is one page, numbered in order, and never rewritten: a new one supersedes it.",
    );
}

#[test]
fn the_glossary_defines_each_word_once_and_in_order() {
    let text = fs::read_to_string(root().join("docs/GLOSSARY.md")).expect("docs/GLOSSARY.md is there");
    let words: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("**")?.split_once("**"))
        .map(|(word, _)| word.to_lowercase())
        .collect();
    assert!(words.len() >= 20, "docs/GLOSSARY.md: a definition is a line that begins with **word**");
    let complaints: Vec<_> = words
        .windows(2)
        .filter(|pair| pair[0] >= pair[1])
        .map(|pair| format!("{:?} stands before {:?}", pair[0], pair[1]))
        .collect();
    report(&complaints, "One word for one thing, in alphabetical order.");
}
