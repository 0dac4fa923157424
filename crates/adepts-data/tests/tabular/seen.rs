//! What users have only seen: rows of tabular data for retrieval from which nothing is learned.

use std::fs;
use std::path::Path;

use adepts_data::progress::silent;
use adepts_data::tabular::{
    Counts, Encoded, FileNote, ItemConfig, LabelConfig, RawFiles, SeenNote, Side, TabularBatch, TabularConfig,
    TabularDataset, TabularSplit,
};
use adepts_data::{DataError, Part};
use tempfile::tempdir;

use crate::support::file;
use crate::{PARTS, bytes, column, prepare};

/// Ten positive rows, one at each moment from 0 on: 0 to 5 train, 6 and 7 validate, 8 and 9 test. Between them are low ratings.
const LOG: &str = "\
who,item,site,stars,time
ann,a,shop,5,0
bob,b,shop,5,1
ann,b,shop,4,2
bob,a,shop,5,3
ann,c,shop,5,4
bob,c,shop,4,5
ann,d,shop,5,6
bob,d,shop,5,7
ann,e,shop,5,8
bob,f,shop,5,9
ann,g,shop,1,2
ann,g,shop,2,9
ann,h,shop,1,7
ann,f,shop,1,9
ann,e,shop,2,1
bob,a,shop,1,6
bob,g,app,2,3
,h,shop,1,3
eve,h,shop,1,3
";

fn config(source: impl Into<String>) -> TabularConfig {
    let label = LabelConfig { column: column("stars"), at_least: Some(4.0) };
    TabularConfig {
        user: Some(column("who")),
        time: Some(column("time")),
        fields: vec![column("who").into(), column("item").into()],
        item: Some(ItemConfig::from(column("item"))),
        ..TabularConfig::new(source, label, column("site"))
    }
}

const BY_TIME: TabularSplit = TabularSplit::Temporal { validation: 0.2, test: 0.2 };

fn of_log(dir: &Path, log: &str, split: &TabularSplit) -> TabularDataset {
    prepare(&config(file(dir, "log.csv", log)), split, &dir.join("prepared")).unwrap()
}

/// The pairs of these parts, with a letter for each.
fn seen(set: &TabularDataset, parts: &[Part]) -> Vec<String> {
    let ids = set.catalogue().unwrap().unwrap().ids;
    let mut pairs = Vec::new();
    set.seen(parts, |user, item| pairs.push(format!("{}{}", ["ann", "bob"][user as usize], ids.id(item)))).unwrap();
    pairs
}

#[test]
fn pairs_that_are_only_seen_are_kept_with_the_part_of_their_first_row() {
    let dir = tempdir().unwrap();
    let set = of_log(dir.path(), LOG, &BY_TIME);
    assert_eq!(PARTS.map(|part| set.rows(part)), [6, 2, 2]);
    // What is positive anywhere is not there: `ann,e` and `bob,a`. Neither are rows without a user, and users without other rows.
    assert_eq!(seen(&set, &[Part::Train]), ["anng", "bobg"]);
    assert_eq!(seen(&set, &[Part::Validation]), ["annh"]);
    assert_eq!(seen(&set, &[Part::Test]), ["annf"]);
    assert_eq!(seen(&set, &PARTS), ["anng", "bobg", "annh", "annf"]);
    let note = set.manifest().seen.clone().unwrap();
    assert_eq!(note.pairs, Counts { train: 2, validation: 1, test: 1 });
    assert_eq!(set.manifest().catalogue.unwrap().negative_rows, 9);
    assert_eq!((set.manifest().users, set.manifest().files.last().unwrap().name.as_str()), (2, "seen.parquet"));
}

#[test]
fn all_that_a_final_model_learns_from_is_training_and_so_is_what_was_only_seen() {
    let dir = tempdir().unwrap();
    let log = config(file(dir.path(), "log.csv", LOG));
    let set = TabularDataset::prepare_whole(&log, 7, &dir.path().join("whole"), &mut silent).unwrap();
    assert_eq!(set.manifest().seen.as_ref().unwrap().pairs, Counts { train: 4, validation: 0, test: 0 });
    assert_eq!(seen(&set, &[Part::Train]), ["annf", "anng", "annh", "bobg"]);
}

#[test]
fn parts_catalogue_and_vocabularies_are_those_of_a_log_whose_negative_rows_have_no_user() {
    let dir = tempdir().unwrap();
    let mut lines: Vec<String> = LOG.lines().map(str::to_owned).collect();
    for line in &mut lines {
        let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if cells[3].parse().is_ok_and(|stars: u32| stars < 4) {
            *line = format!(",{}", cells[1..].join(","));
        }
    }
    for split in [BY_TIME, TabularSplit::Random { validation: 0.2, test: 0.2, seed: Some(5) }] {
        let [with, without] = ["with", "without"].map(|name| dir.path().join(name));
        let log = |text: &str| config(file(dir.path(), "log.csv", text));
        let with = prepare(&log(LOG), &split, &with).unwrap();
        let without = prepare(&log(&(lines.join("\n") + "\n")), &split, &without).unwrap();
        let (a, b) = (with.manifest(), without.manifest());
        let SeenNote { content_without, .. } = a.seen.clone().unwrap();
        assert!(b.seen.is_none() && !without.folder().join("seen.parquet").exists());
        assert_eq!(content_without, b.content_hash);
        assert_ne!(a.content_hash, b.content_hash);
        assert!(a.same_content(b) && b.same_content(a));
        let others =
            |of: &[FileNote]| of.iter().filter(|note| note.name != "seen.parquet").cloned().collect::<Vec<_>>();
        assert_eq!(others(&a.files), b.files);
    }
}

#[test]
fn other_pairs_are_another_content() {
    let dir = tempdir().unwrap();
    let first = of_log(dir.path(), LOG, &BY_TIME);
    let other = prepare(
        &config(file(dir.path(), "other.csv", LOG.replace("ann,h,shop,1,7", "bob,h,shop,1,7"))),
        &BY_TIME,
        &dir.path().join("other"),
    );
    let other = other.unwrap();
    assert!(!first.manifest().same_content(other.manifest()));
}

#[test]
fn rows_of_domains_that_nothing_is_learned_of_are_seen_too() {
    let dir = tempdir().unwrap();
    let log = LOG.replace("ann,e,shop,5,8\n", "ann,e,shop,5,8\nann,k,kiosk,5,9\n");
    let set = of_log(dir.path(), &log, &BY_TIME);
    assert_eq!((set.manifest().left_out.total(), set.rows(Part::Test)), (1, 1));
    assert!(seen(&set, &[Part::Test]).contains(&"annk".to_owned()));
}

#[test]
fn without_negative_rows_or_without_users_there_is_no_such_file() {
    let dir = tempdir().unwrap();
    let positive: Vec<&str> = LOG.lines().take(11).collect();
    let set = of_log(dir.path(), &positive.join("\n"), &BY_TIME);
    assert!(set.manifest().seen.is_none() && seen(&set, &PARTS).is_empty());
    let nobody = TabularConfig { user: None, ..config(file(dir.path(), "log.csv", LOG)) };
    let set = prepare(&nobody, &BY_TIME, &dir.path().join("nobody")).unwrap();
    assert!(set.manifest().seen.is_none() && !set.folder().join("seen.parquet").exists());
    let mut shown = config(file(dir.path(), "log.csv", LOG));
    shown.item.iter_mut().for_each(|item| item.negatives_seen = Some(false));
    let set = prepare(&shown, &BY_TIME, &dir.path().join("shown")).unwrap();
    assert!(set.manifest().seen.is_none() && set.had().unwrap().is_some());
    let text = fs::read_to_string(set.folder().join("manifest.json")).unwrap();
    assert!(!text.contains("\"seen\""), "versions that do not know it read the manifest as before");
}

#[test]
fn what_a_user_has_seen_is_known_of_a_row_that_names_the_user() {
    let dir = tempdir().unwrap();
    let set = of_log(dir.path(), LOG, &BY_TIME);
    let (had, ids) = (set.had().unwrap().unwrap(), set.catalogue().unwrap().unwrap().ids);
    let asks = file(dir.path(), "asks.csv", "who,site\nann,shop\nbob,shop\neve,shop\n");
    let mut users = TabularBatch::none(&set.schema().side(Side::User));
    let each = |block: Encoded| {
        users.append(&block.batch);
        Ok::<_, DataError>(())
    };
    set.encode_users(&RawFiles::new(asks), 9, each, &mut silent).unwrap();
    let list =
        |row, learned| had.of(&users, row, learned).iter().map(|item| ids.id(*item).to_string()).collect::<String>();
    assert_eq!([0, 1, 2].map(|row| list(row, false)), ["abcdefgh", "abcdfg", ""]);
    assert_eq!([0, 1, 2].map(|row| list(row, true)), ["abc", "abc", ""]);
}

#[test]
fn the_file_is_copied_replaced_and_checked_like_the_others() {
    let dir = tempdir().unwrap();
    let set = of_log(dir.path(), LOG, &BY_TIME);
    let copy = set.copy_to(&dir.path().join("copy")).unwrap();
    assert_eq!(bytes(copy.folder()), bytes(set.folder()));
    assert_eq!(seen(&copy, &PARTS), seen(&set, &PARTS));
    let again = of_log(dir.path(), LOG, &BY_TIME);
    assert_eq!(again.manifest(), set.manifest());
    let path = copy.folder().join("seen.parquet");
    let mut damaged = fs::read(&path).unwrap();
    damaged[40] ^= 1;
    file(copy.folder(), "seen.parquet", damaged);
    let told = TabularDataset::open(copy.folder()).unwrap_err().to_string();
    assert!(told.contains("seen.parquet") && told.contains("hash"), "{told}");
    fs::remove_file(&path).unwrap();
    let told = TabularDataset::open(copy.folder()).unwrap_err().to_string();
    assert!(told.contains("seen.parquet"), "{told}");
}

#[test]
fn a_file_that_is_not_what_the_manifest_says_is_refused() {
    let dir = tempdir().unwrap();
    let set = of_log(dir.path(), LOG, &BY_TIME);
    let manifest = set.folder().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let (before, seen) = text.split_once("\"seen\": {").unwrap();
    let other = seen.replacen("\"train\": 2", "\"train\": 3", 1);
    file(set.folder(), "manifest.json", format!("{before}\"seen\": {{{other}"));
    let told = TabularDataset::open(set.folder()).unwrap().seen(&PARTS, |_, _| {}).unwrap_err().to_string();
    assert!(told.contains("seen.parquet") && told.contains("pairs that were only seen"), "{told}");
    file(set.folder(), "manifest.json", text.replace("\"name\": \"seen.parquet\"", "\"name\": \"test.parquet\""));
    let told = TabularDataset::open(set.folder()).unwrap_err().to_string();
    assert!(told.contains("does not name seen.parquet"), "{told}");
}
