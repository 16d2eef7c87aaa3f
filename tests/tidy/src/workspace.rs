//! What the tests look at: the resolved dependency graph and the files of the repository.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// One crate of ours.
pub(crate) struct OurCrate {
    pub(crate) name: String,
    /// Its folder, relative to the repository: `packager/core`.
    pub(crate) folder: String,
    /// Our crates it names, development dependencies included.
    pub(crate) names_ours: BTreeSet<String>,
    /// Every crate that is linked into it: normal and build dependencies, all the way down.
    pub(crate) linked: BTreeSet<String>,
}

/// Somebody else's crate.
pub(crate) struct Foreign {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) source: String,
}

pub(crate) struct Workspace {
    pub(crate) ours: BTreeMap<String, OurCrate>,
    pub(crate) foreign: Vec<Foreign>,
}

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("tests/tidy lies two folders below the root").to_path_buf()
}

/// The resolved graph, read once.
pub(crate) fn workspace() -> &'static Workspace {
    static ONCE: OnceLock<Workspace> = OnceLock::new();
    ONCE.get_or_init(read)
}

/// All Rust files of ours, by their path relative to the root, in order.
pub(crate) fn rust_files() -> &'static BTreeMap<String, String> {
    static ONCE: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    ONCE.get_or_init(|| {
        let mut files = BTreeMap::new();
        walk(&root(), &mut |path| {
            if path.extension().is_some_and(|extension| extension == "rs") {
                files.insert(relative(path), fs::read_to_string(path).expect("a source file is text"));
            }
        });
        files
    })
}

/// Calls `visit` for every file below `folder` that is not built, fetched or hidden.
pub(crate) fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder's entries can be read").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().expect("a listed entry has a name").to_string_lossy().into_owned();
        if name.starts_with('.') || ["target", "node_modules", "dist", "data", "shots"].contains(&&*name) {
            continue;
        }
        if path.is_dir() { walk(&path, visit) } else { visit(&path) }
    }
}

/// A path as it is written in messages.
pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

/// Fails with all complaints at once, and what to do about them.
pub(crate) fn report(complaints: &[String], cure: &str) {
    assert!(complaints.is_empty(), "\n  {}\n\n{cure}\n", complaints.join("\n  "));
}

fn read() -> Workspace {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--offline".into(), "--locked".into(), "--filter-platform".into(), host()])
        .exec()
        .expect("`cargo metadata --offline --locked` answers once the workspace has been built");
    let packages: BTreeMap<_, &Package> = metadata.packages.iter().map(|found| (&found.id, found)).collect();
    let resolve = metadata.resolve.as_ref().expect("cargo resolves dependencies unless told not to");
    let mut normal: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for node in &resolve.nodes {
        let linked = node.deps.iter().filter(|dependency| {
            dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development)
        });
        normal.insert(&node.id, linked.map(|dependency| &dependency.pkg).collect());
    }
    let members: BTreeSet<_> = metadata.workspace_members.iter().collect();
    let our_names: BTreeSet<String> =
        members.iter().map(|member| packages[*member].name.to_string()).collect();

    let mut ours = BTreeMap::new();
    for member in members {
        let package = packages[member];
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
        let mut linked = BTreeSet::new();
        let mut todo = normal[member].clone();
        while let Some(next) = todo.pop() {
            if linked.insert(packages[next].name.to_string()) {
                todo.extend(&normal[next]);
            }
        }
        let names = package.dependencies.iter().map(|dependency| dependency.name.clone());
        ours.insert(
            package.name.to_string(),
            OurCrate {
                name: package.name.to_string(),
                folder: relative(folder.as_std_path()),
                names_ours: names.filter(|name| our_names.contains(name)).collect(),
                linked,
            },
        );
    }
    let foreign = metadata.packages.iter().filter_map(|package| {
        Some(Foreign {
            name: package.name.to_string(),
            version: package.version.to_string(),
            license: package.license.clone(),
            source: package.source.as_ref()?.repr.clone(),
        })
    });
    Workspace { ours, foreign: foreign.collect() }
}

fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc is there, or this would not run");
    let text = String::from_utf8(output.stdout).expect("rustc prints UTF-8");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("`rustc -vV` names its host").to_owned()
}
