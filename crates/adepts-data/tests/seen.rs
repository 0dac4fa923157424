//! What a filter drops and what counts as seen: kept apart from what is learned from, and saved with it.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use adepts_data::{
    Column, DataConfig, DataError, Filter, FolderError, Histories, HistoryDataset, Manifest, Seen, SplitConfig,
    TimeBound, Vocabulary, open_or_prepare, prepare, progress::silent,
};
use support::{config, file, read};
use tempfile::tempdir;

/// The seen pairs as they are shown: `user item`.
fn seen(read: &adepts_data::Read) -> Vec<String> {
    let log = &read.interactions;
    let of_user = |(user, row): (usize, &[u32])| -> Vec<String> {
        row.iter().map(|item| format!("{} {}", log.users.id(user as u32), log.items.id(*item))).collect()
    };
    read.seen.rows.iter().enumerate().flat_map(of_user).collect()
}

fn rated(dir: &Path, text: &str) -> DataConfig {
    let mut data = config(file(dir, "log.csv", text));
    data.rating = Some(Column::Name("rating".into()));
    data.filter.min_rating = Some(4.0);
    data
}

#[test]
fn a_low_rating_is_seen_where_user_and_item_are_left_and_the_pair_is_not_kept() {
    let dir = tempdir().unwrap();
    let text = "user,item,rating\n1,a,5\n1,b,2\n2,b,4\n2,a,1\n2,a,5\n3,a,2\n1,c,1\n1,b,3\n";
    let read = read(&rated(dir.path(), text)).unwrap();
    // User 3 and item c are not left; user 2 has kept a, whatever came before.
    assert_eq!(seen(&read), ["1 b"]);
    assert_eq!(support::rows(&read), ["1 a", "2 a", "2 b"]);
    let rows: Vec<(&str, u64)> = read.seen_rows.iter().map(|seen| (&*seen.what, seen.rows)).collect();
    assert_eq!(rows, [("rating < 4", 5)]);
}

#[test]
fn a_dropped_row_does_not_change_what_ids_are_taken_for() {
    let dir = tempdir().unwrap();
    let plain = "user,item,rating\n2,9,5\n10,9,5\n10,11,5\n2,11,1\n";
    let with_text = format!("{plain}x,9,1\n2,y,1\n");
    for text in [plain, &with_text] {
        let read = read(&rated(dir.path(), text)).unwrap();
        assert_eq!(read.interactions.users, Vocabulary::Int(vec![2, 10]));
        assert_eq!(seen(&read), ["2 11"]);
    }
}

#[test]
fn what_is_too_old_is_seen_and_what_is_yet_to_come_is_not() {
    let dir = tempdir().unwrap();
    let text = "user,item,time\n1,a,50\n1,b,5\n1,c,500\n2,a,50\n2,b,60\n2,c,60\n";
    let mut data = config(file(dir.path(), "log.csv", text));
    data.time = Some(Column::Name("time".into()));
    data.filter =
        Filter { from: Some(TimeBound::Number(10)), until: Some(TimeBound::Number(100)), ..Filter::default() };
    assert_eq!(seen(&read(&data).unwrap()), ["1 b"]);
}

#[test]
fn other_kinds_of_events_are_seen_only_where_they_are_named() {
    let dir = tempdir().unwrap();
    let text = "user,item,event\n1,a,buy\n1,b,view\n1,c,return\n2,b,buy\n2,c,buy\n2,a,cart\n";
    let mut data = config(file(dir.path(), "log.csv", text));
    data.event = Some(Column::Name("event".into()));
    data.filter.events = vec!["buy".into()];
    assert_eq!(seen(&read(&data).unwrap()), [""; 0]);
    data.filter.seen_events = vec!["view".into(), "return".into()];
    assert_eq!(seen(&read(&data).unwrap()), ["1 b", "1 c"]);
    data.filter.events.clear();
    let error = read(&data).unwrap_err();
    assert!(matches!(error, DataError::BadFilter { key: "seen_events", .. }), "{error}");
    data.event = None;
    data.filter.events = vec!["buy".into()];
    assert!(matches!(read(&data).unwrap_err(), DataError::NeedsColumn { .. }));
}

/// 40 users with 18 items each, rated from 1 to 5.
fn many(dir: &Path) -> DataConfig {
    let mut text = String::from("user,item,rating\n");
    for user in 0..40 {
        for item in (0..30).filter(|item| (user * 7 + item * 11) % 5 < 3) {
            writeln!(text, "u{user},{item},{}", (user * 5 + item * 3) % 7 % 5 + 1).unwrap();
        }
    }
    rated(dir, &text)
}

#[test]
fn seen_pairs_are_saved_and_opened_and_are_none_of_the_three_parts() {
    let dir = tempdir().unwrap();
    let data = prepare(&many(dir.path()), &SplitConfig::default(), 7, &mut silent).unwrap();
    assert!(data.seen.pairs() > 100 && data.manifest.seen == data.seen.pairs());
    for user in 0..data.users.len() {
        let rows = [&data.train, &data.validation, &data.test, &data.seen.train].map(|rows| rows.row(user));
        let all: BTreeSet<u32> = rows.iter().flat_map(|row| row.iter().copied()).collect();
        assert_eq!(all.len(), rows.iter().map(|row| row.len()).sum::<usize>());
    }
    let folder = dir.path().join("prepared");
    data.save(&folder).unwrap();
    assert_eq!(HistoryDataset::open(&folder).unwrap(), data);
    let source = config(folder.display().to_string());
    assert_eq!(open_or_prepare(&source, &SplitConfig::default(), 7, &mut silent).unwrap(), data);
    // The hash covers them, and is that of before where there are none.
    let without = HistoryDataset { seen: Seen::empty(data.users.len()), ..data.clone() };
    assert_ne!(without.content_hash(), data.content_hash());
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    let lost = manifest.replace(&format!("\"seen\": {}", data.seen.pairs()), "\"seen\": 1");
    file(&folder, "manifest.json", lost);
    assert!(matches!(HistoryDataset::open(&folder), Err(DataError::Folder(FolderError::CountMismatch { .. }))));
}

#[test]
fn a_seen_pair_lies_in_the_part_of_its_earliest_row() {
    let dir = tempdir().unwrap();
    // Each user has items 0 to 9 at times of his own; 10 to 13 are rated low, the last of them twice.
    let mut text = String::from("user,item,rating,time,part\n");
    let part = |at: usize| ["train", "validation", "test"][at.saturating_sub(6).min(2)];
    for user in 0..6 {
        (0..10).for_each(|n| writeln!(text, "{user},{n},5,{},{}", 1000 * n + 10 * user, part(n)).unwrap());
        for (item, time) in [(10, 65), (11, 75), (12, 85), (13, 85), (13, 65)] {
            writeln!(text, "{user},{item},1,{},{}", 100 * time + 10 * user, part(time / 10)).unwrap();
        }
    }
    // Items that are only rated low are not left, so one other user has them.
    (10..14).for_each(|item| writeln!(text, "9,{item},5,{item},train").unwrap());
    let mut data = rated(dir.path(), &text);
    data.time = Some(Column::Name("time".into()));
    let seen = |split: &SplitConfig| {
        let data = prepare(&data, split, 7, &mut silent).unwrap();
        let folder = dir.path().join("prepared");
        data.save(&folder).unwrap();
        assert_eq!(HistoryDataset::open(&folder).unwrap(), data);
        let Manifest { seen, seen_validation, seen_test, .. } = data.manifest;
        assert_eq!([seen, seen_validation, seen_test], [24, data.seen.validation.pairs(), data.seen.test.pairs()]);
        (0..6).map(|user| data.seen.parts().map(|rows| rows.row(user).to_vec())).collect::<Vec<_>>()
    };
    let by_time = vec![[vec![10, 13], vec![11], vec![12]]; 6];
    assert_eq!(seen(&SplitConfig::LeaveLast { validation: 1, test: 2 }), by_time);
    assert_eq!(seen(&SplitConfig::Column { column: Column::Name("part".into()) }), by_time);
    let together = SplitConfig::Temporal { validation: 6.0 / 64.0, test: 12.0 / 64.0 };
    assert_eq!(seen(&together), by_time);
    assert_eq!(seen(&SplitConfig::default()), vec![[vec![10, 11, 12, 13], vec![], vec![]]; 6]);
}

#[test]
fn what_answers_hold_beside_histories_is_what_was_held_out_or_seen() {
    let dir = tempdir().unwrap();
    let data = prepare(&many(dir.path()), &SplitConfig::default(), 7, &mut silent).unwrap();
    let histories = Histories::of(&data);
    for user in 0..data.users.len() {
        let mut others = [data.test.row(user), &data.seen.row(user)].concat();
        others.sort_unstable();
        assert_eq!(histories.seen.row(user), others);
    }
}

#[test]
fn a_folder_of_format_1_opens_without_seen_pairs_and_keeps_its_hash() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adepts/tests/compat/format-2/run/data");
    let data = HistoryDataset::open(&folder).unwrap();
    assert_eq!((data.manifest.format, data.seen.pairs(), data.seen.train.len()), (1, 0, data.users.len()));
    let dir = tempdir().unwrap();
    let anew = HistoryDataset { manifest: Manifest { format: 2, ..data.manifest.clone() }, ..data.clone() };
    anew.save(&dir.path().join("anew")).unwrap();
    assert_eq!(
        HistoryDataset::open(&dir.path().join("anew")).unwrap().manifest.content_hash,
        data.manifest.content_hash
    );
}
