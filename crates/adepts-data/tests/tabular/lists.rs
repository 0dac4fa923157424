//! Lists where rows were prepared with single values, and the reverse.

use std::fmt::Write;

use adepts_data::BadRows;
use adepts_data::source::Cell;
use adepts_data::tabular::{
    BadCell, Codes, ItemConfig, RawFiles, RowCoder, TabularConfig, TabularDataset, TabularSplit,
};
use tempfile::{TempDir, tempdir};

use crate::support::file;
use crate::{column, encode, prepare};

/// 200 rows with a single colour and a list of tags each.
fn prepared() -> (TempDir, TabularDataset) {
    let dir = tempdir().unwrap();
    let mut rows = String::new();
    for row in 0..200 {
        let colour = ["red", "green"][row % 2];
        writeln!(rows, r#"{{"colour":"{colour}","tags":["a","b"],"label":{},"site":"shop"}}"#, row / 2 % 2).unwrap();
    }
    let config = TabularConfig {
        fields: vec![column("colour").into(), column("tags").into()],
        ..TabularConfig::new(file(dir.path(), "a.jsonl", rows), column("label"), column("site"))
    };
    let set = prepare(&config, &TabularSplit::default(), &dir.path().join("prepared")).unwrap();
    (dir, set)
}

#[test]
fn several_values_where_rows_were_prepared_with_one_are_refused_with_their_line() {
    let (dir, set) = prepared();
    let rows = [
        r#"{"colour":["green"],"tags":"a","site":"shop"}"#,
        r#"{"colour":["green","red"],"tags":["a"],"site":"shop"}"#,
        r#"{"colour":[],"tags":["a"],"site":"shop"}"#,
        r#"{"colour":[null,"red"],"tags":["b","a"],"site":"shop"}"#,
    ];
    let mut files = RawFiles::new(file(dir.path(), "new.jsonl", rows.join("\n")));
    let error = encode(&set, &files).unwrap_err().to_string();
    let expected = "new.jsonl, line 2, column `colour`: found `[green, red]`, expected one category, not a list of several (the \
                    field was prepared with single values)";
    assert!(error.ends_with(expected), "{error}");
    files.bad_rows = BadRows::Skip;
    let (blocks, met) = encode(&set, &files).unwrap();
    let reason = "in the column `colour` something else than one category, not a list of several";
    assert_eq!((met.rows, met.skipped_reasons[0].reason.as_str()), (3, reason));
    assert_eq!(blocks[0].batch.fields[0], Codes::One(vec![1, 0, 2]), "a list of one value is that value");
    assert_eq!(met.missing, [("colour".to_owned(), 1)]);
}

#[test]
fn several_values_where_one_is_needed_are_refused_in_a_question() {
    let (_dir, set) = prepared();
    let coder = RowCoder::open(set.folder()).unwrap();
    let (mut rows, values) = (coder.rows(), [Cell::Text("green"), Cell::Text("red")]);
    let BadCell { column, expected } = coder.push(0, &[Cell::List(&values), Cell::Missing], &mut rows).unwrap_err();
    assert_eq!(column, 0);
    assert!(expected.starts_with("one category, not a list of several"), "{expected}");
    coder.push(0, &[Cell::List(&values[..1]), Cell::List(&values)], &mut rows).unwrap();
    assert_eq!(rows.batch().fields[0], Codes::One(vec![1]));
}

/// Rows of a log in which item 0 alone has a list; the rows of it are not positive.
fn retrieval(with_kind: bool) -> String {
    let mut rows = String::new();
    for row in 0..400 {
        let item = row % 8;
        let kind = match (with_kind, item) {
            (false, _) => String::new(),
            (true, 0) => r#""kind":["book","film"],"#.to_owned(),
            (true, _) => format!(r#""kind":"{}","#, ["book", "film"][item % 2]),
        };
        let (who, bought) = (row % 20, u8::from(item > 0));
        writeln!(rows, r#"{{"who":"u{who}","item":{item},{kind}"bought":{bought},"site":"shop"}}"#).unwrap();
    }
    rows
}

#[test]
fn an_item_that_no_positive_row_has_keeps_its_list() {
    let dir = tempdir().unwrap();
    let in_log = file(dir.path(), "log.jsonl", retrieval(true));
    let bare = file(dir.path(), "bare.jsonl", retrieval(false).replace(r#""item":0,"#, r#""item":1,"#));
    let item = |item| match item {
        0 => r#"{"item":0,"kind":["book","film"]}"#.to_owned(),
        _ => format!(r#"{{"item":{item},"kind":"{}"}}"#, ["book", "film"][item % 2]),
    };
    let items = file(dir.path(), "items.jsonl", (0..8).map(item).collect::<Vec<_>>().join("\n"));
    for (log, catalogue) in [(in_log, None), (bare, Some(items))] {
        let config = TabularConfig {
            fields: vec![column("who").into(), column("item").into(), column("kind").into()],
            item: Some(ItemConfig { fields: vec![column("kind")], catalogue, ..column("item").into() }),
            ..TabularConfig::new(log, column("bought"), column("site"))
        };
        let set = prepare(&config, &TabularSplit::default(), &dir.path().join("prepared")).unwrap();

        let kinds = &set.catalogue().unwrap().unwrap().batch.fields[1];
        assert_eq!([kinds.row(0), kinds.row(1)], [&[1, 2][..], &[2]]);
    }
}
