//! A catalogue in a file of its own beside the log.

use std::fmt::Write;
use std::path::Path;

use adepts_data::tabular::{
    Codes, FieldConfig, ItemConfig, RawFiles, Side, TabularConfig, TabularDataset, TabularError, TabularSplit,
};
use adepts_data::{BadRows, DataError, Part, Vocabulary};
use tempfile::{TempDir, tempdir};

use crate::support::file;
use crate::{all, bytes, column, encode, prepare};

const ITEMS: i64 = 31;

/// What describes an item.
fn described(item: i64) -> (&'static str, &'static str, f64) {
    (["book", "film", "song"][(item % 3) as usize], ["", "a", "b|a", "c"][(item % 4) as usize], item as f64 / 2.0)
}

/// A log of 600 rows of 40 users and 31 items, with or without what describes them.
fn log(dir: &Path, with_fields: bool) -> String {
    let mut text = String::from(if with_fields { "who,item,site,kind,tags,price\n" } else { "who,item,site\n" });
    for row in 0..600_i64 {
        let (who, item, site) = (row * 11 % 40, row * 7 % 97 % ITEMS, ["shop", "app"][usize::from(row % 7 < 2)]);
        write!(text, "u{who},{item},{site}").unwrap();
        if with_fields {
            let (kind, tags, price) = described(item);
            write!(text, ",{kind},{tags},{price}").unwrap();
        }
        text.push('\n');
    }
    file(dir, if with_fields { "full.csv" } else { "log.csv" }, text)
}

/// The items from the last to the first, and `more` lines.
fn items(dir: &Path, more: &str) -> String {
    let mut text = String::from("price,item,title,tags,kind\n");
    for item in (0..ITEMS).rev() {
        let (kind, tags, price) = described(item);
        writeln!(text, "{price},{item},\"Item {item}\",{tags},{kind}").unwrap();
    }
    file(dir, "items.csv", text + more)
}

fn config(source: String, catalogue: Option<String>) -> TabularConfig {
    let fields = vec![column("kind"), column("tags"), column("price")];
    TabularConfig {
        label: TabularConfig::default().label,
        user: Some(column("who")),
        fields: vec![
            column("kind").into(),
            column("who").into(),
            FieldConfig { separator: Some("|".into()), ..column("tags").into() },
            column("item").into(),
        ],
        dense: vec![column("price").into()],
        item: Some(ItemConfig { fields, catalogue, ..column("item").into() }),
        ..TabularConfig::new(source, column(""), column("site"))
    }
}

fn prepared(more: &str) -> (TempDir, TabularDataset) {
    let dir = tempdir().unwrap();
    let config = config(log(dir.path(), false), Some(items(dir.path(), more)));
    let set = prepare(&config, &TabularSplit::default(), &dir.path().join("prepared")).unwrap();
    (dir, set)
}

/// What is said of a log and a catalogue that do not go together.
fn refused(dir: &Path, config: &TabularConfig) -> String {
    let error = prepare(config, &TabularSplit::default(), &dir.join("refused")).unwrap_err().to_string();
    error.replace(&format!("{}/", dir.display()), "")
}

#[test]
fn a_log_beside_a_catalogue_is_prepared_as_one_that_has_its_columns() {
    let (dir, set) = prepared("");
    let full = config(log(dir.path(), true), None);
    let full = prepare(&full, &TabularSplit::default(), &dir.path().join("full")).unwrap();
    assert_eq!(set.manifest().content_hash, full.manifest().content_hash);
    let content = |set: &TabularDataset| {
        let mut files = bytes(set.folder());
        files.retain(|(name, _)| name != "manifest.json");
        files
    };
    assert_eq!(content(&set), content(&full));
    let but_data =
        |set: &TabularDataset| format!("{:?}{:?}{:?}", set.schema(), set.manifest().fields, set.manifest().dense);
    assert_eq!(but_data(&set), but_data(&full));
}

#[test]
fn the_columns_of_items_are_taken_from_the_catalogue_also_where_the_log_has_them() {
    let (dir, set) = prepared("");
    let text = std::fs::read_to_string(log(dir.path(), true)).unwrap().replace("book", "brick");
    let both = config(file(dir.path(), "both.csv", text), Some(dir.path().join("items.csv").display().to_string()));
    let both = prepare(&both, &TabularSplit::default(), &dir.path().join("both")).unwrap();
    assert_eq!(set.manifest().content_hash, both.manifest().content_hash);
}

#[test]
fn items_that_no_row_has_are_there_to_be_found_and_teach_no_value() {
    let (_dir, set) = prepared("7.5,900,New,a|z,book\n8,901,Newer,,toy\n");
    let note = set.manifest().catalogue.unwrap();
    let catalogue = set.catalogue().unwrap().unwrap();
    let Vocabulary::Int(ids) = &catalogue.ids else { panic!("items are numbers") };
    assert_eq!((note.items, ids[31], ids[32], &catalogue.counts[31..]), (33, 900, 901, &[0, 0][..]));
    let side = set.schema().side(Side::Item);
    assert_eq!(side.fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["kind", "tags", "item"]);
    let [kind, tags, id] = [0, 1, 2].map(|field| [31, 32].map(|item| catalogue.batch.fields[field].row(item).to_vec()));
    assert_eq!(kind, [vec![1], vec![0]], "book is known, and toy is a value of the catalogue alone");
    assert_eq!(tags, [vec![1, 0], vec![]]);
    assert_eq!(id, [vec![0], vec![0]]);
    let (kinds, _) = set.vocabulary(0).unwrap().unwrap();
    assert_eq!(kinds, Vocabulary::Text(vec!["book".into(), "film".into(), "song".into()]));
    let without = prepared("").1;
    assert_eq!(set.manifest().dense, without.manifest().dense, "statistics are those of the training rows");
    assert_ne!(set.manifest().content_hash, without.manifest().content_hash);
}

#[test]
fn a_catalogue_may_be_of_any_format_and_of_several_files() {
    let (dir, set) = prepared("");
    let mut halves = [String::new(), String::new()];
    for item in 0..ITEMS {
        let (kind, tags, price) = described(item);
        let tags: Vec<&str> = tags.split('|').filter(|tag| !tag.is_empty()).collect();
        let row = serde_json::json!({"item": item, "kind": kind, "tags": tags, "price": price});
        writeln!(halves[(item % 2) as usize], "{row}").unwrap();
    }
    let glob = format!("{}/half-*.jsonl", dir.path().display());
    for (nth, half) in halves.into_iter().enumerate() {
        file(dir.path(), &format!("half-{nth}.jsonl"), half);
    }
    let jsonl = config(log(dir.path(), false), Some(glob));
    let jsonl = prepare(&jsonl, &TabularSplit::default(), &dir.path().join("jsonl")).unwrap();
    assert_eq!(jsonl.manifest().content_hash, set.manifest().content_hash);
    file(dir.path(), "half-2.jsonl", "{\"item\":4,\"kind\":\"book\",\"tags\":[],\"price\":1}\n");
    let twice = "half-2.jsonl, line 1: the item `4` has a row already (half-0.jsonl, line 3); expected one for each item of a \
                 catalogue";
    assert_eq!(refused(dir.path(), &jsonl.manifest().data), twice);
}

#[test]
fn a_row_whose_item_is_not_in_the_catalogue_is_bad() {
    let (dir, set) = prepared("");
    let text = std::fs::read_to_string(log(dir.path(), false)).unwrap().replacen("u11,7,", "u11,77,", 1);
    let config = TabularConfig { source: file(dir.path(), "strange.csv", text), ..set.manifest().data.clone() };
    let expected = "strange.csv, line 3: the item `77` is not in the catalogue items.csv; expected a row for it there";
    assert_eq!(refused(dir.path(), &config), expected);
    let config = TabularConfig { bad_rows: BadRows::Skip, ..config };
    let skipped = prepare(&config, &TabularSplit::default(), &dir.path().join("skipped")).unwrap();
    let manifest = skipped.manifest();
    assert_eq!((manifest.skipped_rows, manifest.rows.total()), (1, 599));
    assert_eq!(manifest.skipped_reasons[0].reason, "an item that is not in the catalogue");
}

#[test]
fn rows_of_domains_that_are_not_listed_need_no_item_of_the_catalogue() {
    let (dir, set) = prepared("");
    let text = std::fs::read_to_string(log(dir.path(), false)).unwrap() + "u1,77,kiosk\n";
    let source = file(dir.path(), "more.csv", text);
    let domains = vec!["app".to_owned(), "shop".to_owned()];
    let listed = TabularConfig { source, domains, ..set.manifest().data.clone() };
    let more = prepare(&listed, &TabularSplit::default(), &dir.path().join("more")).unwrap();
    assert_eq!((more.manifest().other_domains, more.manifest().rows), (1, set.manifest().rows));
    let all = TabularConfig { domains: Vec::new(), ..listed };
    assert!(refused(dir.path(), &all).contains("the item `77` is not in the catalogue"));
}

#[test]
fn rows_of_a_catalogue_that_cannot_be_right_are_named() {
    let (dir, set) = prepared("");
    let config = |more: &str| {
        items(dir.path(), more);
        set.manifest().data.clone()
    };
    let price = "items.csv, line 33, column `price`: found `cheap`, expected a finite number";
    assert_eq!(refused(dir.path(), &config("cheap,40,x,a,book\n")), price);
    let id = refused(dir.path(), &config("1,,x,a,book\n"));
    assert!(id.starts_with("items.csv, line 33, column `item`: the value is missing"), "{id}");
    let twice = "items.csv, line 33: the item `30` has a row already (items.csv, line 2); expected one for each item of a catalogue";
    assert_eq!(refused(dir.path(), &config("1,30,x,a,book\n")), twice);
    let skip = |more: &str| TabularConfig { bad_rows: BadRows::Skip, ..config(more) };
    assert_eq!(refused(dir.path(), &skip("1,30,x,a,book\n")), twice, "nobody could say which row is right");
    let skipped = prepare(&skip("cheap,40,x,a,book\n3,41\n"), &TabularSplit::default(), &dir.path().join("skipped"));
    let skipped = skipped.unwrap();
    assert_eq!((skipped.manifest().skipped_rows, skipped.manifest().catalogue.unwrap().items), (2, 31));
    assert_eq!(skipped.manifest().content_hash, set.manifest().content_hash);
}

#[test]
fn columns_that_the_catalogue_lacks_and_settings_that_cannot_be_meant_are_named() {
    let (dir, set) = prepared("");
    let with = |change: &dyn Fn(&mut TabularConfig, &mut ItemConfig)| {
        let mut config = set.manifest().data.clone();
        let mut item = config.item.take().unwrap();
        change(&mut config, &mut item);
        config.item = Some(item);
        refused(dir.path(), &config)
    };
    file(dir.path(), "other.csv", "items,kind,tag,price\n1,book,a,2\n");
    let other = |item: &mut ItemConfig| item.catalogue = Some(dir.path().join("other.csv").display().to_string());
    let id = "other.csv has no column `item` (did you mean `items`?); the item's id has the same name in the catalogue as in the \
              source (data.item); it has `items`, `kind`, `tag`, `price`";
    assert_eq!(with(&|_, item| other(item)), id);
    file(dir.path(), "other.csv", "item,kind,tag,price\n1,book,a,2\n");
    let tags = "other.csv has no column `tags` (did you mean `tag`?); it has `item`, `kind`, `tag`, `price`";
    assert_eq!(with(&|_, item| other(item)), tags);
    let missing = with(&|_, item| item.catalogue = Some(dir.path().join("none.csv").display().to_string()));
    assert!(missing.contains("none.csv"), "{missing}");
    let empty = "the field `item`: `item.catalogue` is empty; expected the file with the items";
    assert_eq!(with(&|_, item| item.catalogue = Some(String::new())), empty);
    let place = with(&|config, item| {
        config.fields[3] = adepts_data::Column::Position(2).into();
        item.column = adepts_data::Column::Position(2);
    });
    assert_eq!(
        place,
        "the field `2`: `item` is a position; expected a name, which the column has in the catalogue too"
    );
    let json = r#"{"column":"item","fields":["kind"],"catalog":"items.csv"}"#;
    let error = serde_json::from_str::<ItemConfig>(json).unwrap_err().to_string();
    assert!(error.contains("unknown field `catalog`") && error.contains("`catalogue`"), "{error}");
}

#[test]
fn new_rows_need_the_item_alone_and_get_the_rest_from_the_prepared_catalogue() {
    let (dir, set) = prepared("7.5,900,New,a|z,book\n");
    let files = RawFiles::new(file(dir.path(), "new.csv", "site,item,who\napp,900,u3\nshop,2,u3\n"));
    let (blocks, met) = encode(&set, &files).unwrap();
    assert_eq!((met.rows, met.labelled), (2, false));
    let coded = blocks[0].batch.side(set.schema(), Side::Item);
    let catalogue = set.catalogue().unwrap().unwrap().batch;
    assert_eq!([0, 1].map(|row| coded.spelled(row)), [31, 2].map(|item| catalogue.spelled(item)));
    let train = all(&set, Part::Train);
    let users = blocks[0].batch.side(set.schema(), Side::User);
    let Codes::One(codes) = &train.fields[1] else { panic!("a row has one user") };
    assert!(codes.contains(&users.fields[0].row(0)[0]));
    let mut files = RawFiles::new(file(dir.path(), "new.csv", "site,item,who\napp,77,u3\nshop,2,u3\n"));
    let error = encode(&set, &files).unwrap_err();
    assert!(matches!(&error, DataError::Tabular(TabularError::NotInCatalogue { item, .. }) if item == "77"), "{error}");
    files.bad_rows = BadRows::Skip;
    let (blocks, met) = encode(&set, &files).unwrap();
    assert_eq!((met.rows, met.skipped_rows, &blocks[0].rows[..]), (1, 1, &[2][..]));
}
