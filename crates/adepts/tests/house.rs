//! The rules of the house that can be checked, and the pages that state them.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use adepts::models;

/// The longest that a file may be.
const LINES: usize = 400;
/// Files that may be longer, with a reason each. There is none.
const LONGER: &[(&str, &str)] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn page(name: &str) -> String {
    text(&root().join(name))
}

/// Files below a folder whose name has this ending, without what is built.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<PathBuf> {
    files(&root().join("crates"), ".rs")
}

/// The path from the root, as a message names it.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The manifests of the crates, by name.
fn manifests() -> BTreeMap<String, toml::Table> {
    let mut found = BTreeMap::new();
    for path in files(&root().join("crates"), "Cargo.toml") {
        let manifest: toml::Table = text(&path).parse().unwrap();
        found.insert(manifest["package"]["name"].as_str().unwrap().to_owned(), manifest);
    }
    found
}

/// All tables of this name in a manifest, those of targets too.
fn tables<'a>(manifest: &'a toml::Table, name: &str) -> Vec<&'a toml::Table> {
    let of_targets = manifest.get("target").and_then(toml::Value::as_table);
    let of_targets = of_targets.into_iter().flat_map(|targets| targets.values()).filter_map(toml::Value::as_table);
    std::iter::once(manifest).chain(of_targets).filter_map(|table| table.get(name)?.as_table()).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The table of crates: a crate, and what it may depend on.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let page = page("ARCHITECTURE.md");
    let rows = page.lines().filter(|line| line.starts_with("| `adepts"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [name, _, may] = cells.as_slice() else { panic!("three cells: {row}") };
        let name = quoted(name).next().unwrap().to_owned();
        (name, quoted(may).map(str::to_owned).collect())
    })
    .collect()
}

#[test]
fn arrows_between_crates_are_those_of_the_table() {
    let (arrows, manifests) = (arrows(), manifests());
    assert_eq!(arrows.keys().collect::<Vec<_>>(), manifests.keys().collect::<Vec<_>>(), "crates in ARCHITECTURE.md");
    for (name, manifest) in &manifests {
        for kind in ["dependencies", "build-dependencies"] {
            for dependency in tables(manifest, kind).into_iter().flat_map(toml::Table::keys) {
                let ours = manifests.contains_key(dependency);
                assert!(!ours || arrows[name].contains(dependency), "{name} must not depend on {dependency}");
            }
        }
    }
}

#[test]
fn arrows_only_point_down() {
    let mut left = arrows();
    while !left.is_empty() {
        let before = left.len();
        let names: BTreeSet<String> = left.keys().cloned().collect();
        left.retain(|_, may| !may.is_disjoint(&names));
        assert!(left.len() < before, "a circle: {left:?}");
    }
}

#[test]
fn the_workspace_sets_versions_features_and_lints() {
    for (name, manifest) in manifests() {
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{name}: [lints] workspace = true");
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (dependency, value) in tables(&manifest, kind).into_iter().flatten() {
                let shared = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(shared, "{name}: `{dependency}.workspace = true`");
                let ours = dependency.starts_with("adepts");
                assert!(
                    ours || value.get("features").is_none(),
                    "{name}: features of {dependency} belong to the workspace"
                );
                assert!(dependency != "anyhow" || name == "adepts-cli", "{name}: errors of a library have a type");
            }
        }
    }
}

#[test]
fn no_file_is_long() {
    for path in sources() {
        let (name, lines) = (shown(&path), text(&path).lines().count());
        let excused = LONGER.iter().any(|(longer, _)| *longer == name);
        assert!(lines <= LINES || excused, "{name} has {lines} lines, at most {LINES} are allowed: split it");
    }
}

#[test]
fn unsafe_stands_in_one_crate() {
    // In two parts, so that this file does not contain it.
    let keyword = concat!("un", "safe");
    for path in sources().iter().filter(|path| !shown(path).starts_with("crates/adepts-ops/")) {
        for (number, line) in text(path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let mut words = code.split(|c: char| !c.is_alphanumeric() && !"_-".contains(c));
            assert!(!words.any(|word| word == keyword), "{}, line {}: {line}", shown(path), number + 1);
        }
    }
}

#[test]
fn every_experiment_file_is_readable() {
    let folder = |name: &str| (name == "ADEPTS_DATA").then(|| "data".to_owned());
    let files = files(&root().join("experiments"), ".toml");
    assert!(!files.is_empty());
    for path in files {
        let experiment = adepts::any::AnyExperiment::open(&path, &[], &folder).unwrap_or_else(|e| panic!("{e}"));
        let built = match experiment {
            adepts::any::AnyExperiment::History(experiment) => experiment.recipe().is_ok(),
            adepts::any::AnyExperiment::Tabular(experiment) => experiment.recipe().is_ok(),
        };
        assert!(built, "{}", path.display());
    }
}

#[test]
fn the_pages_name_every_model_and_every_verb() {
    let readme = page("README.md");
    for name in models::names() {
        assert!(readme.contains(&format!("| `{name}` |")), "README.md has no row for the model {name}");
    }
    let changes = page("CHANGELOG.md");
    for path in files(&root().join("crates/adepts-cli/src/verbs"), ".rs") {
        let verb = path.file_stem().unwrap().to_string_lossy().replace('_', "-");
        let told = verb == "mod" || changes.contains(&format!("`{verb}`"));
        assert!(told, "CHANGELOG.md does not name the verb {verb}");
    }
}

#[test]
fn links_and_paths_in_the_pages_lead_somewhere() {
    let root = root();
    let mut pages: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    pages.extend(files(&root.join("docs"), ".md"));
    for page in pages {
        let (text, beside) = (text(&page), page.parent().unwrap());
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or_default();
            assert!(beside.join(file).exists(), "{}: no {link}", shown(&page));
        }
        let plain = |path: &&str| path.chars().all(|c| c.is_alphanumeric() || "/-_.".contains(c));
        let named = |path: &&str| path.starts_with("crates/") && !path.contains("NAME");
        for path in quoted(&text).filter(named).filter(plain) {
            assert!(root.join(path).exists(), "{}: no {path}", shown(&page));
        }
    }
}

/// Words that a reader would have to translate, with what to write instead. See docs/style.md.
const STRANGE: &[(&str, &str)] = &[
    ("told", "printed, reported, found"),
    ("tells", "shows, describes"),
    ("anew", "again"),
    ("beside", "next to, as well as"),
    ("whom", "who, which users"),
    ("apart", "separately"),
    ("stands", "is"),
    ("goes by", "uses"),
    ("whoever", "anyone who"),
    ("vouches", "is recorded"),
];

/// The texts in quotes of a source file, without those of its tests and its comments.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let (mut found, mut rest) = (Vec::new(), source);
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (before, from) = rest.split_at(at);
        if from.starts_with("//") {
            rest = from.split_once('\n').map_or("", |(_, below)| below);
        } else if from.starts_with('"') && before.ends_with('#') {
            // Raw text holds settings and not sentences.
            rest = from[1..].split_once("\"#").map_or("", |(_, behind)| behind);
        } else if let Some(text) = from.strip_prefix('"') {
            let mut escaped = false;
            let end = text.find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            let end = end.unwrap_or(text.len());
            found.push(text[..end].to_owned());
            rest = text.get(end + 1..).unwrap_or_default();
        } else {
            // A character in quotes, or a lifetime.
            let character = from.char_indices().nth(2).filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
            rest = &from[if from.starts_with("'\\\"'") { 4 } else { character.unwrap_or(1) }..];
        }
    }
    found
}

/// The strange words of a text, with what to write instead.
fn strange(text: &str) -> Vec<String> {
    let found = STRANGE.iter().filter(|(word, _)| {
        text.match_indices(word).any(|(at, _)| {
            let open = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '{' || c == '}');
            open(text[..at].chars().next_back()) && open(text[at + word.len()..].chars().next())
        })
    });
    found.map(|(word, instead)| format!("`{word}` ({instead})")).collect()
}

#[test]
fn what_users_read_is_plain_english() {
    let mut wrong = Vec::new();
    let sources = sources().into_iter().filter(|path| path.to_string_lossy().contains("/src/"));
    for path in sources.filter(|path| !path.ends_with("tests.rs")) {
        let texts = literals(&text(&path)).into_iter().filter(|text| text.contains(' '));
        wrong.extend(texts.filter_map(|text| {
            let words = strange(&text);
            (!words.is_empty()).then(|| format!("{}: {}: {text}", shown(&path), words.join(", ")))
        }));
    }
    for path in files(&root().join("crates/adepts-cli/tests/cli/snapshots"), ".snap") {
        wrong.extend(strange(&text(&path)).into_iter().map(|words| format!("{}: {words}", shown(&path))));
    }
    for line in page("README.md").lines() {
        wrong.extend(strange(line).into_iter().map(|words| format!("README.md: {words}: {line}")));
    }
    assert!(wrong.is_empty(), "say it in the field's words (docs/style.md):\n{}", wrong.join("\n"));
}

#[test]
fn words_are_found_in_texts_and_nowhere_else() {
    let source = r##"// it is told here
let a = '"'; let b = "is \"told\" anew"; let c = r#"stands"#; fn f<'a>() {}
#[cfg(test)]
mod tests { const A: &str = "beside"; }"##;
    assert_eq!(literals(source), [r#"is \"told\" anew"#]);
    assert_eq!(strange("{told} and retold, standstill"), [""; 0]);
    assert_eq!(strange("it is told."), ["`told` (printed, reported, found)"]);
}
