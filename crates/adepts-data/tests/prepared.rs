//! A prepared folder: what is saved is opened, equal data gives equal bytes, and nothing that is read back is trusted.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod support;

use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adepts_data::{
    Column, DataConfig, DataError, FolderError, HistoryDataset, SplitConfig, Vocabulary, open_or_prepare, prepare,
    progress::silent,
};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array};
use support::{config, file, real};
use tempfile::{TempDir, tempdir};

/// A log of 40 users and 12 items with text for users and a group.
fn log(dir: &Path) -> DataConfig {
    let mut text = String::from("user,item,community\n");
    for user in 0..40 {
        for item in (0..12).filter(|item| (user * 5 + item * 7) % 3 != 0) {
            let community = if user % 2 == 0 { "jazz" } else { "folk" };
            writeln!(text, "u{user},{item},{community}").unwrap();
        }
    }
    let mut data = config(file(dir, "log.csv", text));
    data.groups = vec![Column::Name("community".into())];
    data
}

fn prepared() -> (TempDir, HistoryDataset, PathBuf) {
    let dir = tempdir().unwrap();
    let dataset = prepare(&log(dir.path()), &SplitConfig::default(), 7, &mut silent).unwrap();
    let folder = dir.path().join("prepared");
    dataset.save(&folder).unwrap();
    (dir, dataset, folder)
}

fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn what_is_saved_is_opened() {
    let (_dir, dataset, folder) = prepared();
    assert_eq!(dataset.manifest.users, 40);
    assert!(matches!(dataset.users, Vocabulary::Text(_)));
    assert_eq!(HistoryDataset::open(&folder).unwrap(), dataset);
}

#[test]
fn a_user_who_may_be_nobody_is_named() {
    let dir = tempdir().unwrap();
    let prepared = |nobody: &str, users: usize| {
        let mut text = "user,item\n".to_owned();
        for row in 0..1_000 {
            let user = if row % 5 < 3 { nobody.to_owned() } else { (7 + row % users).to_string() };
            writeln!(text, "{user},{row}").unwrap();
        }
        let data = config(file(dir.path(), "log.csv", text));
        prepare(&data, &SplitConfig::default(), 7, &mut silent).unwrap().manifest.notes
    };
    for (id, users, like) in [("NA", 83, true), ("null", 2, true), ("3", 83, false), ("0", 83, true)] {
        let notes = prepared(id, users);
        let like = if like { ", and the id looks like that of nobody" } else { "" };
        let warning = format!(
            "warning: the user `{id}` has 60.0 % of the rows (600){like}; if it means many people or none, remove these rows from the log"
        );
        assert!(notes.contains(&warning), "{id}: {notes:?}");
    }
    assert!(prepared("3", 2).is_empty(), "of a few users one may have so many");
}

#[test]
fn equal_data_gives_equal_bytes_and_another_seed_another_hash() {
    let (dir, dataset, folder) = prepared();
    let again = dir.path().join("again");
    prepare(&log(dir.path()), &SplitConfig::default(), 7, &mut silent).unwrap().save(&again).unwrap();
    assert_eq!(bytes(&folder), bytes(&again));
    assert_eq!(bytes(&folder).len(), 4);
    let other = prepare(&log(dir.path()), &SplitConfig::default(), 8, &mut silent).unwrap();
    assert_ne!(other.manifest.content_hash, dataset.manifest.content_hash);
}

#[test]
fn the_order_of_the_rows_of_a_log_does_not_matter() {
    let (dir, dataset, _) = prepared();
    let text = std::fs::read_to_string(dir.path().join("log.csv")).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let reversed: Vec<&str> = rows.lines().rev().collect();
    let mut data = log(dir.path());
    data.source = file(dir.path(), "reversed.csv", format!("{header}\n{}\n", reversed.join("\n")));
    let other = prepare(&data, &SplitConfig::default(), 7, &mut silent).unwrap();
    assert_eq!(other.manifest.content_hash, dataset.manifest.content_hash);
}

#[test]
fn a_prepared_folder_is_replaced_and_anything_else_is_left_alone() {
    let (dir, _, folder) = prepared();
    let other = prepare(&log(dir.path()), &SplitConfig::default(), 8, &mut silent).unwrap();
    other.save(&folder).unwrap();
    assert_eq!(HistoryDataset::open(&folder).unwrap(), other);
    let before = bytes(&folder);
    // Besides the log and the folder there is no rubbish.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);

    file(&folder, "notes.txt", "mine");
    for taken in [folder.clone(), dir.path().join("log.csv"), dir.path().to_path_buf()] {
        let error = other.save(&taken).unwrap_err();
        assert!(matches!(error, DataError::Folder(FolderError::WouldReplace { .. })), "{error}");
    }
    std::fs::remove_file(folder.join("notes.txt")).unwrap();
    assert_eq!(bytes(&folder), before);
}

#[test]
fn a_source_may_be_a_prepared_folder() {
    let (dir, dataset, folder) = prepared();
    let mut data = config(folder.to_str().unwrap());
    let open = |data: &DataConfig, split: &SplitConfig| open_or_prepare(data, split, 99, &mut silent);
    assert_eq!(open(&data, &SplitConfig::default()).unwrap(), dataset);
    let other = SplitConfig::Users { validation: 0.1, test: 0.1, input: 0.8, known: 0.0, seed: None };
    let error = open(&data, &other).unwrap_err();
    assert!(matches!(error, DataError::Folder(FolderError::PreparedOtherwise { what: "split", .. })), "{error}");
    data.filter.core = Some(3);
    let error = open(&data, &SplitConfig::default()).unwrap_err();
    assert!(matches!(error, DataError::Folder(FolderError::PreparedOtherwise { what: "filter", .. })), "{error}");
    assert_eq!(open_or_prepare(&log(dir.path()), &SplitConfig::default(), 7, &mut silent).unwrap(), dataset);
}

fn folder_error(folder: &Path) -> FolderError {
    match HistoryDataset::open(folder).unwrap_err() {
        DataError::Folder(error) => error,
        other => panic!("not an error of the folder: {other}"),
    }
}

fn replace_in_manifest(folder: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    assert!(text.contains(from), "{text}");
    file(folder, "manifest.json", text.replacen(from, to, 1));
}

#[test]
fn a_manifest_is_not_trusted() {
    let (_dir, dataset, folder) = prepared();
    replace_in_manifest(&folder, "\"format\": 2", "\"format\": 3");
    assert!(matches!(folder_error(&folder), FolderError::NewerFormat { found: 3, known: 2, .. }));
    replace_in_manifest(&folder, "\"format\": 3", "\"format\": 2");

    replace_in_manifest(&folder, "\"users\": 40,\n  \"items\"", "\"users\": 41,\n  \"items\"");
    assert!(matches!(folder_error(&folder), FolderError::CountMismatch { what: "users", found: 40, expected: 41, .. }));
    replace_in_manifest(&folder, "\"users\": 41,\n  \"items\"", "\"users\": 40,\n  \"items\"");

    let hash = &dataset.manifest.content_hash;
    replace_in_manifest(&folder, hash, &hash.chars().rev().collect::<String>());
    assert!(matches!(folder_error(&folder), FolderError::WrongHash { .. }));

    let manifest = File::options().write(true).open(folder.join("manifest.json")).unwrap();
    manifest.set_len(1 << 30).unwrap();
    assert!(folder_error(&folder).to_string().contains("is longer than"));
    file(&folder, "manifest.json", "{\"format\": 1, ");
    assert!(matches!(folder_error(&folder), FolderError::BadManifest { .. }));
    file(&folder, "manifest.json", "{\"format\": 1}");
    assert!(matches!(folder_error(&folder), FolderError::BadManifest { .. }));
    std::fs::remove_file(folder.join("manifest.json")).unwrap();
    assert!(matches!(folder_error(&folder), FolderError::NotPrepared { missing: "manifest.json", .. }));
}

#[test]
fn files_that_break_off_or_are_missing_are_named() {
    let (_dir, _, folder) = prepared();
    for name in ["interactions.parquet", "users.parquet", "items.parquet"] {
        let whole = std::fs::read(folder.join(name)).unwrap();
        file(&folder, name, &whole[..whole.len() / 2]);
        assert!(matches!(HistoryDataset::open(&folder), Err(DataError::Truncated { .. })), "{name}");
        std::fs::remove_file(folder.join(name)).unwrap();
        assert!(matches!(HistoryDataset::open(&folder), Err(DataError::MissingFile { .. })), "{name}");
        file(&folder, name, whole);
    }
    assert!(HistoryDataset::open(&folder).is_ok());
    assert!(matches!(HistoryDataset::open(&folder.join("nowhere")), Err(DataError::MissingFile { .. })));
}

/// Rewrites the interactions with one row changed.
fn with_row(folder: &Path, dataset: &HistoryDataset, change: impl FnOnce(&mut Vec<(u32, u32, &'static str)>)) {
    let mut rows = Vec::new();
    for (part, of) in [("train", &dataset.train), ("validation", &dataset.validation), ("test", &dataset.test)] {
        for (user, items) in of.iter().enumerate() {
            rows.extend(items.iter().map(|&item| (user as u32, item, part)));
        }
    }
    change(&mut rows);
    let columns: [(&str, ArrayRef); 3] = [
        ("user", Arc::new(UInt32Array::from_iter_values(rows.iter().map(|r| r.0)))),
        ("item", Arc::new(UInt32Array::from_iter_values(rows.iter().map(|r| r.1)))),
        ("part", Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.2)))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let out = File::create(folder.join("interactions.parquet")).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(out, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn indices_and_their_order_are_not_trusted() {
    let (_dir, dataset, folder) = prepared();
    with_row(&folder, &dataset, |_| ());
    assert_eq!(HistoryDataset::open(&folder).unwrap(), dataset);
    with_row(&folder, &dataset, |rows| rows[3].0 = 40);
    assert!(matches!(
        folder_error(&folder),
        FolderError::IndexOutOfRange { row: 4, what: "user", index: 40, limit: 40, .. }
    ));
    with_row(&folder, &dataset, |rows| rows[0].1 = 12);
    assert!(matches!(
        folder_error(&folder),
        FolderError::IndexOutOfRange { row: 1, what: "item", index: 12, limit: 12, .. }
    ));
    with_row(&folder, &dataset, |rows| rows[1] = rows[0]);
    assert!(matches!(folder_error(&folder), FolderError::OutOfOrder { row: 2, .. }));
    with_row(&folder, &dataset, |rows| rows.swap(0, 20));
    assert!(matches!(folder_error(&folder), FolderError::OutOfOrder { .. }));
    with_row(&folder, &dataset, |rows| rows[5].2 = "lunch");
    assert!(matches!(folder_error(&folder), FolderError::OutOfOrder { row: 6, .. }));
    with_row(&folder, &dataset, |rows| rows.truncate(rows.len() - 1));
    assert!(matches!(folder_error(&folder), FolderError::CountMismatch { what: "interactions", .. }));
    std::fs::copy(folder.join("items.parquet"), folder.join("interactions.parquet")).unwrap();
    assert!(matches!(folder_error(&folder), FolderError::CountMismatch { .. } | FolderError::WrongSchema { .. }));
}

#[test]
fn columns_and_their_values_are_not_trusted() {
    let (_dir, dataset, folder) = prepared();
    for (name, counts) in [("train", vec![0; 12]), ("counts", dataset.train.item_counts(12))] {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..12));
        let counts: ArrayRef = Arc::new(UInt32Array::from(counts));
        let batch = RecordBatch::try_from_iter([("id", ids), (name, counts)]).unwrap();
        let out = File::create(folder.join("items.parquet")).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(out, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        assert!(matches!(folder_error(&folder), FolderError::WrongSchema { .. }), "{name}");
    }
}

#[test]
fn a_byte_changed_anywhere_is_noticed_or_does_not_matter() {
    let (_dir, dataset, folder) = prepared();
    for name in ["interactions.parquet", "users.parquet", "items.parquet"] {
        let whole = std::fs::read(folder.join(name)).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 150) {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            file(&folder, name, changed);
            if let Ok(opened) = HistoryDataset::open(&folder) {
                assert_eq!(opened, dataset, "{name}, byte {at}");
            }
        }
        file(&folder, name, whole);
    }
}

#[test]
fn movielens_is_prepared_saved_and_opened() {
    let Some(path) = real("ml-1m.parquet") else { return };
    let mut data = config(path.to_str().unwrap());
    data.groups = vec![Column::Name("age_group".into())];
    let dataset = prepare(&data, &SplitConfig::default(), 1, &mut silent).unwrap();
    let dir = tempdir().unwrap();
    dataset.save(&dir.path().join("ml")).unwrap();
    assert_eq!(HistoryDataset::open(&dir.path().join("ml")).unwrap(), dataset);
    assert_eq!(dataset.manifest.train + dataset.manifest.validation + dataset.manifest.test, 1_000_209);
}

#[test]
fn the_split_of_the_paper_is_taken_as_it_is() {
    let Some(path) = real("ml-1m-wsdm22-split.parquet") else { return };
    let split = SplitConfig::Column { column: Column::Name("split".into()) };
    let dataset = prepare(&config(path.to_str().unwrap()), &split, 1, &mut silent).unwrap();
    assert_eq!(dataset.manifest.train + dataset.manifest.validation + dataset.manifest.test, 996_907);
}
