//! No circle of imports between the modules of a crate.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Crates that are still allowed to have circles. Remove a crate from here once it has none.
const CIRCLES_ALLOWED: &[&str] = &["adepts-data"];

/// The text of each module by its path from the crate root, such as `tabular::read`; the root has the empty path.
type Sources = BTreeMap<String, String>;
/// The modules that each module uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Adds the modules of a folder.
fn read(folder: &Path, parent: &str, sources: &mut Sources) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let child = if parent.is_empty() { stem.clone() } else { format!("{parent}::{stem}") };
        if path.is_dir() {
            read(&path, &child, sources);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let own = stem == "mod" || (parent.is_empty() && ["lib", "main"].contains(&&*stem));
            let text = fs::read_to_string(&path).unwrap();
            sources.entry(if own { parent.to_owned() } else { child }).or_default().push_str(&text);
        }
    }
}

/// The code without comments and unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The paths of a `use` without its keyword: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split_whitespace().next().unwrap_or_default();
        paths.push(format!("{prefix}{path}"));
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    expand(&prefix, &inner[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// All paths in the code that begin with `crate`, `super` or `self`.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = &code[..at];
            // The middle of a longer word or path.
            if before.ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c)) {
                continue;
            }
            if before.trim_end().ends_with(" use") || before.trim_end().ends_with("\nuse") || before.trim() == "use" {
                expand("", code[at..].split(';').next().unwrap_or_default(), &mut found);
            } else {
                let end = code[at..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
                found.push(code[at..end.map_or(code.len(), |end| at + end)].to_owned());
            }
        }
    }
    found
}

/// The longest beginning of the path that is a module; the crate root is the empty one.
fn module(from: &str, path: &str, sources: &Sources) -> String {
    let mut base: Vec<&str> = from.split("::").filter(|part| !part.is_empty()).collect();
    for part in path.split("::").map(str::trim) {
        match part {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            "self" | "" => {}
            name => base.push(name),
        }
    }
    while !sources.contains_key(&base.join("::")) && base.pop().is_some() {}
    base.join("::")
}

fn graph(sources: &Sources) -> Graph {
    let used = |(name, text): (&String, &String)| {
        let all = paths(&code(text)).into_iter().map(|path| module(name, &path, sources));
        (name.clone(), all.filter(|used| used != name && !used.is_empty()).collect())
    };
    sources.iter().map(used).collect()
}

/// A shortest circle of the graph, its first module at the end once more.
fn circle(graph: &Graph) -> Option<Vec<String>> {
    graph.keys().filter_map(|start| way_back(graph, start)).min_by_key(Vec::len)
}

/// The shortest way from a module to itself.
fn way_back(graph: &Graph, start: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.to_owned()]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in graph.get(way.last()?).into_iter().flatten() {
                let way = || way.iter().chain([next]).cloned().collect();
                if next == start {
                    return Some(way());
                }
                if seen.insert(next.clone()) {
                    longer.push(way());
                }
            }
        }
        ways = longer;
    }
    None
}

#[test]
fn modules_have_no_circle_of_imports() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut checked = 0;
    for entry in fs::read_dir(crates).unwrap() {
        let (path, name) = entry.map(|e| (e.path().join("src"), e.file_name())).unwrap();
        let name = name.to_string_lossy();
        if !path.is_dir() || CIRCLES_ALLOWED.contains(&&*name) {
            continue;
        }
        let mut sources = Sources::new();
        read(&path, "", &mut sources);
        if let Some(circle) = circle(&graph(&sources)) {
            panic!("{name}: modules use each other in a circle: {}; move what both need down", circle.join(" → "));
        }
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn a_circle_is_found_and_named_in_order() {
    let of = |c: &str| {
        let texts = [
            ("", "mod a;"),
            ("a", "use crate::{b::{self, Other as _}, Root};\n// use crate::d::X;"),
            ("b", "use super::c::deep::Thing;\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
            ("c", "pub use self::deep::Thing;"),
            ("c::deep", c),
            ("d", "use crate::a::A;"),
        ];
        let sources = texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        circle(&graph(&sources)).map(|circle| circle.join(" → "))
    };
    assert_eq!(of("fn f() {}"), None);
    assert_eq!(of("fn f() -> crate::a::A {}").as_deref(), Some("a → b → c::deep → a"));
    assert_eq!(of("use super::C;").as_deref(), Some("c → c::deep → c"));
}
