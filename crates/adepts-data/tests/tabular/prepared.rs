//! What is written is read back, in order or shuffled.

use adepts_data::tabular::{Ahead, TabularBatch, TabularConfig, TabularDataset, TabularSplit};
use adepts_data::{DataError, FolderError, Part};

use crate::support::file;
use crate::{PARTS, all, bytes, prepare, prepared};

#[test]
fn the_parts_partition_the_rows_and_blocks_give_them_in_order() {
    let (dir, set) = prepared();
    let mut users = Vec::new();
    for part in PARTS {
        let rows = all(&set, part);
        assert_eq!(rows.rows(), set.rows(part));
        assert!(rows.user.is_sorted(), "in the order of the source");
        assert_eq!(rows.dense.len(), 2 * rows.rows());
        users.extend(rows.user);
    }
    users.sort_unstable();
    assert_eq!(users, (0..400).collect::<Vec<u32>>());
    assert!((20..=60).contains(&set.rows(Part::Test)));
    assert!(TabularDataset::is_prepared(set.folder()) && !TabularDataset::is_prepared(dir.path()));
    assert_eq!(TabularDataset::open(set.folder()).unwrap().manifest(), set.manifest());
    let mut data = TabularConfig { source: "here".into(), ..TabularConfig::default() };
    let mut split = TabularSplit::default();
    set.describe(&mut data, &mut split);
    assert_eq!(split, TabularSplit::Random { validation: 0.1, test: 0.1, seed: Some(7) });
    assert_eq!((data.source.as_str(), &data.fields), ("here", &set.manifest().data.fields));
}

#[test]
fn an_epoch_has_every_training_row_once_with_all_its_columns() {
    let (_dir, set) = prepared();
    let rows = all(&set, Part::Train);
    let mut epoch = set.epoch(5, 1, 64).unwrap();
    assert_eq!(epoch.batches(), rows.rows().div_ceil(64));
    let mut shuffled = TabularBatch::none(set.schema());
    while let Some(batch) = epoch.next().unwrap() {
        assert!(batch.domain.is_sorted(), "rows of a batch stand by domain");
        shuffled.append(&batch);
    }
    assert!(!shuffled.user.is_sorted());
    let mut order: Vec<u32> = (0..rows.rows() as u32).collect();
    order.sort_unstable_by_key(|&row| shuffled.user[row as usize]);
    assert_eq!(shuffled.select(&order), rows);
}

#[test]
fn batches_made_ahead_are_those_of_the_epoch() {
    let (_dir, set) = prepared();
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for skipped in [0, 3] {
            let [mut epoch, mut other] = [(); 2].map(|()| set.epoch(5, 1, 64).unwrap());
            epoch.skip(skipped).unwrap();
            other.skip(skipped).unwrap();
            let mut ahead = pool.install(|| Ahead::of(other));
            let mut batches = 0;
            while let Some(batch) = epoch.next().unwrap() {
                assert_eq!(ahead.next().unwrap(), Some(batch));
                batches += 1;
            }
            assert_eq!(batches + skipped, epoch.batches());
            assert!(ahead.next().unwrap().is_none() && ahead.next().unwrap().is_none());
        }
    }
}

#[test]
fn equal_data_gives_equal_bytes_and_another_seed_another_hash() {
    let (dir, set) = prepared();
    let again = dir.path().join("again");
    prepare(&set.manifest().data, &TabularSplit::default(), &again).unwrap();
    assert_eq!(bytes(set.folder()), bytes(&again));
    let split = TabularSplit::Random { validation: 0.1, test: 0.1, seed: Some(8) };
    let other = prepare(&set.manifest().data, &split, &again).unwrap();
    assert_ne!(other.manifest().content_hash, set.manifest().content_hash);
}

#[test]
fn prepared_examples_are_copied_and_replaced_and_anything_else_is_left_alone() {
    let (dir, set) = prepared();
    let copy = set.copy_to(&dir.path().join("run").join("data")).unwrap();
    assert_eq!(bytes(copy.folder()), bytes(set.folder()));
    copy.copy_to(set.folder()).unwrap();
    copy.copy_to(copy.folder()).unwrap();
    file(copy.folder(), "notes.txt", "mine");
    for taken in [copy.folder().to_path_buf(), dir.path().join("source.csv"), dir.path().to_path_buf()] {
        let error = set.copy_to(&taken).unwrap_err();
        assert!(matches!(error, DataError::Folder(FolderError::WouldReplace { .. })), "{error}");
    }
    assert!(copy.folder().join("notes.txt").is_file());
}

#[test]
fn a_user_who_may_be_nobody_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(crate::source(dir.path())).unwrap();
    let of_nobody = |(nth, line): (usize, &str)| match line.split_once(',') {
        Some((_, rest)) if nth % 3 == 1 => format!("NA,{rest}\n"),
        _ => format!("{line}\n"),
    };
    let source = file(dir.path(), "nobody.csv", text.lines().enumerate().map(of_nobody).collect::<String>());
    let set = prepare(&crate::config(source), &TabularSplit::default(), &dir.path().join("out")).unwrap();
    let warning =
        "warning: the user `NA` has 33.5 % of the rows (134), and the id looks like that of nobody; if it means";
    assert!(set.manifest().notes.iter().any(|note| note.starts_with(warning)), "{:?}", set.manifest().notes);
}
