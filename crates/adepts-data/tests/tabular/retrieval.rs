//! Tabular data for retrieval: positives, a catalogue of all items, and two sides.

use std::fmt::Write;
use std::path::Path;

use adepts_data::progress::silent;
use adepts_data::tabular::{
    Codes, Encoded, FieldConfig, ItemConfig, RawFiles, Shares, Side, TabularBatch, TabularConfig, TabularDataset,
    TabularError, TabularSplit,
};
use adepts_data::{DataError, FolderError, Part, Vocabulary};
use tempfile::{TempDir, tempdir};

use crate::support::file;
use crate::{PARTS, all, bytes, column, prepare};

/// 600 rows of 40 users and 31 items, of which every third row is positive; only those have the first twenty items.
fn source(dir: &Path) -> String {
    let mut text = String::from("who,age,item,kind,price,site,bought,time\n");
    for row in 0..600_i64 {
        let bought = row % 3 == 0;
        let item = if bought { row / 3 % 20 } else { 20 + row % 11 };
        let (who, site) = (row * 11 % 40, ["shop", "app"][usize::from(row % 7 < 2)]);
        let (kind, price) = (["book", "film", "song"][(item % 3) as usize], item as f64 / 2.0);
        writeln!(text, "u{who},{},{item},{kind},{price},{site},{},{row}", 20 + who, u8::from(bought)).unwrap();
    }
    file(dir, "source.csv", text)
}

fn config(source: impl Into<String>) -> TabularConfig {
    TabularConfig {
        user: Some(column("who")),
        time: Some(column("time")),
        fields: vec![column("who").into(), column("item").into(), column("kind").into()],
        dense: vec![column("age").into(), column("price").into()],
        item: Some(ItemConfig { fields: vec![column("kind"), column("price")], ..column("item").into() }),
        ..TabularConfig::new(source, column("bought"), column("site"))
    }
}

fn prepared() -> (TempDir, TabularDataset) {
    let dir = tempdir().unwrap();
    let set = prepare(&config(source(dir.path())), &TabularSplit::default(), &dir.path().join("prepared")).unwrap();
    (dir, set)
}

fn item(set: &TabularDataset) -> (Vec<u64>, TabularBatch, Vec<i64>) {
    let catalogue = set.catalogue().unwrap().unwrap();
    let Vocabulary::Int(ids) = catalogue.ids else { panic!("items are numbers") };
    (catalogue.counts, catalogue.batch, ids)
}

#[test]
fn the_rows_are_the_positives_and_the_catalogue_has_the_items_of_all_rows() {
    let (_dir, set) = prepared();
    let note = set.manifest().catalogue.unwrap();
    assert_eq!((note.items, note.negative_rows), (31, 400));
    assert_eq!(PARTS.map(|part| set.rows(part)).iter().sum::<usize>(), 200);
    let (counts, batch, ids) = item(&set);
    assert_eq!(ids, (0..31).collect::<Vec<i64>>());
    assert_eq!((batch.rows(), counts[30]), (31, 0));
    assert_eq!(note.untrained, counts.iter().filter(|count| **count == 0).count());
    let train = all(&set, Part::Train);
    assert!(train.label.iter().all(|label| *label == 1.0));
    for (item, count) in counts.iter().enumerate() {
        assert_eq!(train.item.iter().filter(|i| **i as usize == item).count() as u64, *count, "item {item}");
    }
}

#[test]
fn an_item_has_the_fields_of_its_rows_and_no_code_if_no_training_row_has_it() {
    let (_dir, set) = prepared();
    let (counts, batch, _) = item(&set);
    let names: Vec<String> = set.schema().side(Side::Item).fields.iter().map(|f| f.name.clone()).collect();
    assert_eq!(names, ["item", "kind"]);
    for part in PARTS {
        let rows = all(&set, part);
        let side = rows.side(set.schema(), Side::Item);
        for (row, &item) in rows.item.iter().enumerate() {
            assert_eq!(side.spelled(row), batch.spelled(item as usize));
        }
    }
    let Codes::One(codes) = &batch.fields[0] else { panic!("an item has one id") };
    assert!(codes.iter().zip(&counts).all(|(code, count)| (*code == 0) == (*count == 0)));
}

#[test]
fn shares_are_those_of_the_training_rows_of_all_domains_or_of_each() {
    let (_dir, set) = prepared();
    let mut train = all(&set, Part::Train);
    for by_domain in [false, true] {
        let shares = set.shares(by_domain).unwrap();
        assert_eq!(matches!(shares, Shares::Domains { .. }), by_domain);
        shares.fill(&mut train);
        for row in [0, 7, train.rows() - 1] {
            let same = |other: &usize| !by_domain || train.domain[*other] == train.domain[row];
            let all = (0..train.rows()).filter(same).count() as f64;
            let with = (0..train.rows()).filter(same).filter(|o| train.item[*o] == train.item[row]).count() as f64;
            assert!((f64::from(train.log_share[row]) - (with / all).ln()).abs() < 1e-6);
        }
    }
}

#[test]
fn users_are_encoded_from_files_that_know_nothing_of_items() {
    let (dir, set) = prepared();
    let users = file(dir.path(), "users.csv", "site,age,who\nshop,25,u5\napp,31,nobody\n");
    let mut rows = Vec::new();
    let each = |block: Encoded| {
        rows.push(block);
        Ok::<_, DataError>(())
    };
    let met = set.encode_users(&RawFiles::new(users.as_str()), 9, each, &mut silent).unwrap();
    assert_eq!((met.rows, met.labelled, met.unknown), (2, false, vec![("who".to_owned(), 1)]));
    let train = all(&set, Part::Train).side(set.schema(), Side::User);
    let known =
        (0..train.rows()).find(|row| train.fields[0] == Codes::One(vec![]) || train.user[*row] == train.user[0]);
    assert_eq!((rows[0].batch.fields.len(), rows[0].batch.dense.len(), known), (1, 2, Some(0)));
    let error = set.encode(&RawFiles::new(users.as_str()), 9, |_| Ok::<_, DataError>(()), &mut silent).unwrap_err();
    assert!(error.to_string().contains("item"), "{error}");
}

#[test]
fn a_log_without_labels_is_all_positive() {
    let dir = tempdir().unwrap();
    let log = TabularConfig { label: TabularConfig::default().label, ..config(source(dir.path())) };
    let set = prepare(&log, &TabularSplit::default(), &dir.path().join("prepared")).unwrap();
    assert_eq!(PARTS.map(|part| set.rows(part)).iter().sum::<usize>(), 600);
    assert!(all(&set, Part::Test).label.iter().all(|label| *label == 1.0));
    assert_eq!(set.manifest().catalogue.unwrap().negative_rows, 0);
}

#[test]
fn by_time_the_shares_are_those_of_the_positives() {
    let dir = tempdir().unwrap();
    let split = TabularSplit::Temporal { validation: 0.1, test: 0.2 };
    let set = prepare(&config(source(dir.path())), &split, &dir.path().join("prepared")).unwrap();
    assert_eq!(PARTS.map(|part| set.rows(part)), [140, 20, 40]);
}

#[test]
fn equal_data_gives_equal_bytes() {
    let (dir, set) = prepared();
    let again = dir.path().join("again");
    let same = prepare(&set.manifest().data, &TabularSplit::default(), &again).unwrap();
    assert_eq!(bytes(set.folder()), bytes(&again));
    assert_eq!(TabularDataset::open(&again).unwrap().manifest(), same.manifest());
    let copy = set.copy_to(&dir.path().join("copy")).unwrap();
    assert_eq!(bytes(copy.folder()), bytes(&again));
}

#[test]
fn items_that_cannot_be_meant_are_named() {
    let dir = tempdir().unwrap();
    let good = config(source(dir.path()));
    let refused = |change: &dyn Fn(&mut TabularConfig, &mut ItemConfig)| {
        let mut config = good.clone();
        let mut item = config.item.take().unwrap();
        change(&mut config, &mut item);
        config.item = Some(item);
        prepare(&config, &TabularSplit::default(), &dir.path().join("prepared")).unwrap_err().to_string()
    };
    let strange = refused(&|_, item| item.column = column("sku"));
    assert_eq!(strange, "the field `sku`: `item` is set; expected one of the columns of `fields`");
    let field = refused(&|_, item| item.fields.push(column("site")));
    assert_eq!(field, "the field `site`: `item.fields` is set; expected columns of `fields` or `dense`");
    let list = refused(&|config, _| {
        config.fields[1] = FieldConfig { separator: Some("|".into()), ..column("item").into() };
    });
    assert!(list.contains("none for the id of an item"), "{list}");
    let nobody = refused(&|config, _| {
        config.fields.remove(0);
        config.dense.remove(0);
    });
    assert!(nobody.contains("at least one field that describes who asks"), "{nobody}");
}

#[test]
fn a_row_without_an_item_is_refused_with_its_line() {
    let dir = tempdir().unwrap();
    let text = "who,age,item,kind,price,site,bought,time\nu1,3,,book,1,shop,1,5\n";
    let config = config(file(dir.path(), "a.csv", text));
    let error = prepare(&config, &TabularSplit::default(), &dir.path().join("prepared")).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("item"), "{error}");
}

#[test]
fn a_catalogue_that_was_changed_is_refused() {
    let (_dir, set) = prepared();
    for name in ["catalogue.parquet", "items.parquet"] {
        let before = std::fs::read(set.folder().join(name)).unwrap();
        let mut bytes = before.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        file(set.folder(), name, bytes);
        let error = TabularDataset::open(set.folder()).unwrap_err();
        assert!(matches!(error, DataError::Tabular(TabularError::FileChanged { .. })), "{error}");
        file(set.folder(), name, before);
    }
    let path = set.folder().join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    file(set.folder(), "manifest.json", text.replace("\"items\": 31", "\"items\": 30"));
    let error = TabularDataset::open(set.folder()).unwrap_err();
    assert!(matches!(error, DataError::Folder(FolderError::CountMismatch { .. })), "{error}");
    file(set.folder(), "manifest.json", text.replace("\"catalogue\": {", "\"catalog\": {"));
    let error = TabularDataset::open(set.folder()).unwrap_err();
    assert!(matches!(error, DataError::Folder(FolderError::BadManifest { .. })), "{error}");
}
