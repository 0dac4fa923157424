//! A run folder is never trusted: whatever is wrong with it is a named error or changes no answer.

#![expect(clippy::disallowed_methods, reason = "files are damaged on purpose")]

use std::fs;
use std::path::Path;

use adepts::eval::read_per_user;
use adepts::history::record::Record;
use adepts::{Error, HistoryRun, RunError};
use serde_json::Value;

use crate::support::{RUNS, bits, copied, files, scores, trained};

/// What answers do not depend on.
const BESIDE: [&str; 3] = ["epochs.jsonl", "per_user.parquet", "report.json"];

/// What only answers need; `answers.rs` damages it.
const ANSWERS: [&str; 5] = [
    "answers/groups.json",
    "answers/histories.parquet",
    "answers/items.parquet",
    "answers/seen.parquet",
    "answers/users.parquet",
];

/// A learner with all that there can be, and a closed form.
fn subjects() -> [&'static Path; 2] {
    ["tall", "itemknn"].map(|name| trained(name).folder.as_path())
}

/// Opens a damaged run in all ways; whatever opens answers as the whole one.
fn is_refused_or_the_same(folder: &Path, expected: &[u32], what: &str) -> bool {
    // Reports read these without the model; they may refuse, but not panic.
    let record = Record::open(folder).and_then(|record| record.data());
    let _either = record.map(|data| read_per_user(&folder.join(adepts::files::PER_USER), &data.users));
    match HistoryRun::open(folder) {
        Err(error) => {
            assert!(!error.to_string().is_empty(), "{what}");
            true
        }
        Ok(run) => {
            assert!(bits(&scores(&run)) == expected, "{what}: other scores");
            false
        }
    }
}

/// Damages every file of a run at several places, and says which damage was not noticed.
fn damaged(folder: &Path, damage: impl Fn(&[u8], usize) -> Vec<u8>, places: usize) -> Vec<String> {
    let expected = bits(&scores(&HistoryRun::open(folder).unwrap()));
    let copy = copied(folder);
    let mut unnoticed = Vec::new();
    for file in files(folder) {
        let (path, whole) = (copy.path().join(&file), fs::read(folder.join(&file)).unwrap());
        for nth in 0..places {
            let at = nth * (whole.len() - 1) / (places - 1);
            fs::write(&path, damage(&whole, at)).unwrap();
            let what = format!("{file} at {at}");
            if !is_refused_or_the_same(copy.path(), &expected, &what) {
                unnoticed.push(what);
            }
        }
        fs::write(&path, whole).unwrap();
    }
    unnoticed
}

/// Whether what was not noticed is of no account for answers.
fn all_beside(unnoticed: &[String], also: &[&str]) -> bool {
    unnoticed
        .iter()
        .all(|what| BESIDE.iter().chain(&ANSWERS).chain(also).any(|file| what.starts_with(&format!("{file} "))))
}

#[test]
fn a_flipped_byte_is_refused_or_changes_no_answer() {
    for folder in subjects() {
        let flip = |mask: u8| {
            move |whole: &[u8], at: usize| {
                let mut bytes = whole.to_vec();
                bytes[at] ^= mask;
                bytes
            }
        };
        for mask in [0x01, 0x80] {
            // The manifests also tell what no answer depends on: times, versions, how the log was read. Compressed
            // columns have bytes that nobody reads.
            let also = [
                "manifest.json",
                "data/manifest.json",
                "data/interactions.parquet",
                "data/items.parquet",
                "data/users.parquet",
            ];
            let unnoticed = damaged(folder, flip(mask), 40);
            assert!(all_beside(&unnoticed, &also), "{unnoticed:?}");
        }
    }
}

#[test]
fn a_file_that_is_cut_short_is_refused() {
    for folder in subjects() {
        // All that can go without being missed is the last line break.
        let unnoticed = damaged(folder, |whole, at| whole[..at.min(whole.len() - 2)].to_vec(), 12);
        assert!(all_beside(&unnoticed, &[]), "{unnoticed:?}");
    }
}

#[test]
fn a_file_that_is_longer_is_refused() {
    for folder in subjects() {
        let unnoticed = damaged(folder, |whole, _| [whole, b"\0\0\0\0\0\0\0\0".as_slice()].concat(), 2);
        assert!(all_beside(&unnoticed, &[]), "{unnoticed:?}");
    }
}

#[test]
fn a_missing_file_is_named() {
    for trained in RUNS.iter() {
        let copy = copied(&trained.folder);
        for file in files(&trained.folder) {
            let path = copy.path().join(&file);
            fs::remove_file(&path).unwrap();
            match HistoryRun::open(copy.path()) {
                Ok(_) => assert!(BESIDE.iter().chain(&ANSWERS).any(|beside| *beside == file), "{file}"),
                Err(error) => {
                    let name = file.rsplit('/').next().unwrap();
                    let named = error.to_string().contains(name) || file == "manifest.json";
                    assert!(named && !BESIDE.contains(&file.as_str()), "{file}: {error}");
                }
            }
            fs::copy(trained.folder.join(&file), &path).unwrap();
        }
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(HistoryRun::open(empty.path()).err(), Some(Error::Run(RunError::NotARun { .. }))));
    assert!(matches!(HistoryRun::open(&empty.path().join("none")).err(), Some(Error::Run(RunError::NotARun { .. }))));
}

/// Opens a run whose manifest was changed by hand.
fn with_manifest(folder: &Path, change: impl FnOnce(&mut Value)) -> Result<HistoryRun, Error> {
    let copy = copied(folder);
    let path = copy.path().join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(&path, manifest.to_string()).unwrap();
    HistoryRun::open(copy.path())
}

#[test]
fn a_file_that_is_longer_than_any_run_has_is_refused_unread() {
    let copy = copied(subjects()[0]);
    for file in ["epochs.jsonl", "report.json", "config.toml", "manifest.json"] {
        // Nearly all of it is a hole that takes no place on the disk.
        let whole = fs::File::options().write(true).open(copy.path().join(file)).unwrap();
        whole.set_len(1 << 40).unwrap();
        let error = <Record>::open(copy.path()).err().unwrap();
        assert!(matches!(&error, Error::Run(RunError::TooLong { path, .. }) if path.ends_with(file)), "{error}");
    }
    assert!(matches!(HistoryRun::open(copy.path()).err(), Some(Error::Run(RunError::TooLong { .. }))));
}

#[test]
fn a_run_of_a_newer_format_is_refused_with_both_numbers() {
    for folder in subjects() {
        let newer = with_manifest(folder, |manifest| {
            manifest["format"] = 99.into();
            manifest["something"] = "new".into();
        });
        let error = newer.err().unwrap();
        assert!(
            matches!(error, Error::Run(RunError::Newer { found: 99, known: adepts::manifest::FORMAT, .. })),
            "{error}"
        );
        let zero = with_manifest(folder, |manifest| manifest["format"] = 0.into());
        assert!(matches!(zero.err(), Some(Error::Run(RunError::Damaged { .. }))));
    }
}

#[test]
fn a_manifest_that_does_not_fit_the_rest_is_refused_before_anything_is_built() {
    for folder in subjects() {
        for key in ["users", "items", "pairs"] {
            for value in [0_u64, 1, 1 << 50] {
                let error = with_manifest(folder, |manifest| manifest[key] = value.into()).err().unwrap();
                assert!(matches!(error, Error::Run(RunError::Changed { .. })), "{key}: {error}");
            }
        }
        let other = with_manifest(folder, |manifest| manifest["model"] = "popularity".into());
        assert!(matches!(other.err(), Some(Error::Run(RunError::Changed { .. }))));
        let other = with_manifest(folder, |manifest| manifest["data"] = "0".repeat(64).into());
        assert!(matches!(other.err(), Some(Error::Run(RunError::Changed { .. }))));
        for file in ["config.toml", "model.safetensors"] {
            let without =
                with_manifest(folder, |manifest| drop(manifest["files"].as_object_mut().unwrap().remove(file)));
            assert!(matches!(without.err(), Some(Error::Run(RunError::Damaged { .. }))));
        }
        let extra = with_manifest(folder, |manifest| manifest["surprise"] = 1.into());
        assert!(matches!(extra.err(), Some(Error::Run(RunError::Damaged { .. }))));
    }
}

/// The names and shapes of the arrays of a run.
fn arrays(folder: &Path) -> Vec<(String, Vec<usize>)> {
    let tensors = adepts::contract::Tensors::read(&folder.join("model.safetensors")).unwrap();
    tensors.names().map(|name| (name.to_owned(), tensors.array(name).unwrap().shape.clone())).collect()
}

#[test]
fn the_parameters_of_another_run_are_refused() {
    for (one, other) in RUNS.iter().flat_map(|one| RUNS.iter().map(move |other| (one, other))) {
        if one.spec.name == other.spec.name {
            continue;
        }
        let copy = copied(&one.folder);
        let path = copy.path().join("model.safetensors");
        fs::copy(other.folder.join("model.safetensors"), &path).unwrap();
        let error = HistoryRun::open(copy.path()).err().unwrap();
        assert!(matches!(error, Error::Run(RunError::Changed { .. })), "{error}");
        // Even with a manifest that vouches for them, where they are of another kind.
        if arrays(&one.folder) != arrays(&other.folder) {
            let manifest = |folder: &Path| -> Value {
                serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
            };
            let mut vouching = manifest(&one.folder);
            vouching["files"]["model.safetensors"] = manifest(&other.folder)["files"]["model.safetensors"].clone();
            fs::write(copy.path().join("manifest.json"), vouching.to_string()).unwrap();
            let (one, other) = (one.spec.name, other.spec.name);
            match HistoryRun::open(copy.path()) {
                Ok(_) => panic!("{one} took the parameters of {other}"),
                Err(error) => assert!(matches!(error, Error::Model { .. }), "{one} with those of {other}: {error}"),
            }
        }
    }
}
