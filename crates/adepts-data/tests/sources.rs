//! Every format, every compression, and every way in which a source can be wrong.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod support;

use std::sync::Arc;

use adepts_data::{BadRows, Column, DataConfig, DataError, Format, Id, Part, SplitConfig, TimeBound, Vocabulary};
use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, LargeStringArray, StringArray};
use support::{config, file, gzip, parquet, read, real, rows, zstd};
use tempfile::tempdir;

fn lines(n: usize, line: impl Fn(usize) -> String) -> String {
    let mut lines: Vec<String> = (0..n).map(line).collect();
    lines.push(String::new());
    lines.join("\n")
}

const CSV: &str = "user_id,item_id,rating\n2,b,5\n1,a,3\n2,a,4\n";

#[test]
fn all_formats_and_compressions_give_the_same_log() {
    let dir = tempdir().unwrap();
    let json = "{\"user_id\":2,\"item_id\":\"b\"}\n\n{\"item_id\":\"a\",\"x\":[1],\"user_id\":1}\n{\"user_id\":2,\"item_id\":\"a\"}";
    let table = parquet(vec![
        ("user_id", Arc::new(Int32Array::from(vec![2, 1, 2]))),
        ("other", Arc::new(Float64Array::from(vec![0.5; 3]))),
        ("item_id", Arc::new(LargeStringArray::from(vec!["b", "a", "a"]))),
    ]);
    let sources = [
        file(dir.path(), "a.csv", CSV),
        file(dir.path(), "bom.csv", format!("\u{feff}{CSV}")),
        file(dir.path(), "crlf.csv", CSV.replace('\n', "\r\n")),
        file(dir.path(), "quoted.csv", "user_id,\"item_id\"\n\"2\",b\n1,\"a\"\n2,a"),
        file(dir.path(), "a.csv.gz", gzip(CSV.as_bytes())),
        file(dir.path(), "a.csv.zst", zstd(CSV.as_bytes())),
        file(dir.path(), "a.tsv", CSV.replace(',', "\t")),
        file(dir.path(), "a.dat", CSV.replace(',', "::")),
        file(dir.path(), "a.jsonl", json),
        file(dir.path(), "a.jsonl.gz", gzip(json.as_bytes())),
        file(dir.path(), "a.parquet", &table),
        file(dir.path(), "a.parquet.zst", zstd(&table)),
    ];
    for source in sources {
        let log = read(&config(&source)).unwrap_or_else(|e| panic!("{source}: {e}"));
        assert_eq!(rows(&log), ["1 a", "2 a", "2 b"], "{source}");
        assert_eq!(log.interactions.users, Vocabulary::Int(vec![1, 2]), "{source}");
    }
}

#[test]
fn a_folder_and_a_glob_are_read_in_the_order_of_names_whatever_the_order_of_columns() {
    let dir = tempdir().unwrap();
    file(dir.path(), "b.csv", "item,user\n7,1\n");
    file(dir.path(), "a.csv", "user,item\n1,5\n");
    file(dir.path(), "_SUCCESS", "");
    file(dir.path(), "readme.md", "no log");
    let folder = dir.path().to_str().unwrap();
    assert_eq!(rows(&read(&config(folder)).unwrap()), ["1 5", "1 7"]);
    assert_eq!(rows(&read(&config(format!("{folder}/[ab].c*"))).unwrap()), ["1 5", "1 7"]);
}

#[test]
fn columns_go_by_position_without_a_header() {
    let dir = tempdir().unwrap();
    let mut data = config(file(dir.path(), "u.data", "9::x::3\n8::y::5\n"));
    (data.format, data.delimiter, data.header) = (Format::Csv, Some("::".into()), Some(false));
    (data.user, data.item) = (Some(Column::Position(1)), Some(Column::Position(2)));
    assert_eq!(rows(&read(&data).unwrap()), ["8 y", "9 x"]);
    data.item = Some(Column::Position(4));
    assert!(matches!(read(&data), Err(DataError::NoSuchPosition { position: 4, columns: 3, .. })));
    data.item = None;
    assert!(matches!(read(&data), Err(DataError::NoColumnFor { role: "item", .. })));
}

#[test]
fn ids_come_back_as_they_went_in() {
    let dir = tempdir().unwrap();
    let log = read(&config(file(dir.path(), "a.csv", "user,item\n7,1\n007,2\n-0,3\n"))).unwrap().interactions;
    assert_eq!(log.users, Vocabulary::Text(vec!["-0".into(), "007".into(), "7".into()]));
    assert_eq!(log.items, Vocabulary::Int(vec![1, 2, 3]));
    assert_eq!(log.users.id(1), Id::Text("007".into()));
}

fn message(data: &DataConfig) -> String {
    read(data).unwrap_err().to_string()
}

#[test]
fn files_that_are_not_there_are_named() {
    let dir = tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    assert!(matches!(read(&config(at("no.csv"))), Err(DataError::MissingFile { .. })));
    assert!(matches!(read(&config(at("*.csv"))), Err(DataError::NothingMatches { .. })));
    assert!(matches!(read(&config(at("a[.csv"))), Err(DataError::BadPattern { .. })));
    assert!(matches!(read(&config(at(""))), Err(DataError::EmptyFolder { .. })));
    assert!(matches!(read(&config(file(dir.path(), "a.xls", "PK\x03\x04"))), Err(DataError::UnknownFormat { .. })));
}

#[test]
fn files_without_content_are_named() {
    let dir = tempdir().unwrap();
    for name in ["a.csv", "a.dat", "a.jsonl", "a.parquet"] {
        let empty = config(file(dir.path(), name, ""));
        assert!(matches!(read(&empty), Err(DataError::EmptyFile { .. })), "{name}");
    }
    assert!(matches!(read(&config(file(dir.path(), "b.csv", "user,item\n"))), Err(DataError::NoRows { .. })));
}

#[test]
fn files_that_break_off_are_named() {
    let dir = tempdir().unwrap();
    let long = format!("user,item\n{}", lines(5000, |i| format!("{},{i}", i * 7919 % 1000)));
    let table = parquet(vec![
        ("user", Arc::new(Int64Array::from_iter_values(0..999))),
        ("item", Arc::new(Int64Array::from_iter_values(0..999))),
    ]);
    for (name, content) in
        [("a.csv.gz", gzip(long.as_bytes())), ("a.csv.zst", zstd(long.as_bytes())), ("a.parquet", table.clone())]
    {
        for keep in [content.len() / 2, content.len() - 1] {
            let error = read(&config(file(dir.path(), name, &content[..keep]))).unwrap_err();
            assert!(matches!(error, DataError::Truncated { .. }), "{name}, {keep} bytes: {error}");
        }
    }
    let mut damaged = gzip(long.as_bytes());
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    let error = read(&config(file(dir.path(), "b.csv.gz", damaged))).unwrap_err();
    assert!(matches!(error, DataError::Corrupt { kind: "gzip", .. }), "{error}");
    let said = DataConfig { format: Format::Parquet, ..config(file(dir.path(), "b.parquet", long)) };
    let error = read(&said).unwrap_err();
    assert!(matches!(error, DataError::Corrupt { kind: "Parquet", .. }), "{error}");
    let mut damaged = table;
    let from = damaged.len() - 60;
    damaged[from..from + 40].fill(0xff);
    let error = read(&config(file(dir.path(), "c.parquet", damaged))).unwrap_err();
    assert!(matches!(error, DataError::Corrupt { kind: "Parquet", .. } | DataError::Truncated { .. }), "{error}");
}

#[test]
fn a_damaged_parquet_file_is_an_error_and_no_panic() {
    let dir = tempdir().unwrap();
    let whole = parquet(vec![
        ("user", Arc::new(Int64Array::from_iter_values((0..2000).map(|i| i % 90)))),
        ("item", Arc::new(StringArray::from_iter_values((0..2000).map(|i| format!("item {}", i % 70))))),
    ]);
    for at in (4..whole.len()).step_by(whole.len() / 200) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        match read(&config(file(dir.path(), "a.parquet", damaged))) {
            Ok(log) => assert!(log.steps[0].rows <= 2000),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn columns_that_are_not_there_or_twice_are_named() {
    let dir = tempdir().unwrap();
    let mut data = config(file(dir.path(), "a.csv", CSV));
    data.rating = Some(Column::Name("raiting".into()));
    let text = message(&data);
    assert!(
        text.ends_with("a.csv has no column `raiting` (did you mean `rating`?); it has `user_id`, `item_id`, `rating`"),
        "{text}"
    );
    let twice = config(file(dir.path(), "b.csv", "user,item,user\n1,2,3\n"));
    assert!(matches!(read(&twice), Err(DataError::DuplicateColumn { first: 1, second: 3, .. })));
    let none = config(file(dir.path(), "c.csv", "a,b\n1,2\n"));
    assert!(message(&none).ends_with("which column is the user? Set `--user` (data.user) to one of `a`, `b`; if these are values of a first row, add `--no-header` (data.header = false) and give the column's position from 1"));
    let mut delimiter = config(file(dir.path(), "d.csv", CSV));
    delimiter.delimiter = Some(String::new());
    assert!(matches!(read(&delimiter), Err(DataError::BadDelimiter { .. })));
    file(dir.path(), "e1.csv", "user,item\n1,2\n");
    let mut later = config(dir.path().join("e?.csv").to_str().unwrap());
    file(dir.path(), "e2.csv", "user,thing\n1,2\n");
    assert!(matches!(read(&later), Err(DataError::UnknownColumn { .. })));
    later.source = file(dir.path(), "f.parquet", parquet(vec![("user", nested()), ("item", nested())]));
    assert!(matches!(read(&later), Err(DataError::ColumnType { .. })));
}

fn nested() -> ArrayRef {
    Arc::new(arrow_array::ListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>([Some([Some(1)])]))
}

#[test]
fn a_malformed_row_names_file_line_column_and_value() {
    let dir = tempdir().unwrap();
    let mut data = config(file(dir.path(), "a.csv", "user,item,rating\n1,2,5\n1,3,great\n"));
    data.rating = Some(Column::Name("rating".into()));
    assert!(message(&data).ends_with("a.csv, line 3, column `rating`: found `great`, expected a number"));
    for (name, content, expected) in [
        ("b.csv", "user,item\n1,2\n1\n", "b.csv, line 3: found 1 value, expected 2 separated by `,`"),
        (
            "c.csv",
            "user,item\n,2\n",
            "c.csv, line 2, column `user`: the value is missing; expected an id: a whole number or text",
        ),
        (
            "d.jsonl",
            "{\"user\":1,\"item\":2}\n{\"user\":1\n",
            "d.jsonl, line 2: EOF while parsing an object (character 9); expected a JSON object",
        ),
        (
            "e.jsonl",
            "{\"user\":1,\"item\":2}\n{\"user\":[1],\"item\":2}\n",
            "e.jsonl, line 2: found a list where a single value is expected (character 9); expected a JSON object",
        ),
        (
            "f.jsonl",
            "{\"user\":1,\"item\":2}\n{\"user\":1}\n",
            "f.jsonl, line 2, column `item`: the value is missing; expected an id: a whole number or text",
        ),
        (
            "g.jsonl",
            "{\"user\":1,\"item\":2}\n{\"user\":1.5,\"item\":2}\n",
            "g.jsonl, line 2, column `user`: found `1.5`, expected an id: a whole number or text",
        ),
    ] {
        let text = message(&config(file(dir.path(), name, content)));
        assert!(text.ends_with(expected), "{text}");
    }
    let text = message(&config(file(dir.path(), "h.csv", b"user,item\n1,caf\xe9\n")));
    let wanted = "line 2: column `item`: byte 4 of `caf\u{fffd}` is 0xe9, which is not UTF-8; if the text is in Latin-1 or Windows-1252";
    assert!(text.contains(wanted) && text.contains("`--encoding latin1`"), "{text}");
    let lines = b"{\"user\":1,\"item\":\"x\"}\n{\"user\":1,\"item\":\"caf\xe9\"}\n";
    let text = message(&config(file(dir.path(), "i.jsonl", lines)));
    assert!(text.contains("line 2: byte 22 of") && text.contains("0xe9") && text.contains("--encoding"), "{text}");
    let text = message(&config(file(dir.path(), "j.csv", b"user,caf\xe9\n1,2\n")));
    assert!(text.contains("line 1: byte 4 of") && text.contains("--encoding"), "{text}");
}

#[test]
fn delimiter_and_header_that_are_left_open_are_found_in_the_first_lines_and_told() {
    let dir = tempdir().unwrap();
    let told = |data: &DataConfig| {
        let mut told = Vec::new();
        let log = adepts_data::read(data, &SplitConfig::default(), &mut |what, _, _| told.push(what.to_owned()));
        (log, told.into_iter().find(|what| what.starts_with("guessed")))
    };
    for (name, content, expected) in [
        ("a.csv", "user_id;item_id\n2;b\n1;a\n2;a\n", Some("guessed by the first lines: separated by `;`")),
        ("b.tsv", "user_id,item_id\n2,b\n1,a\n2,a\n", Some("guessed by the first lines: separated by `,`")),
        ("c.csv", "user_id,item_id,note\n2,b,\"x;y;z,\"\n1,a,\"x;y;z\"\n2,a,\n", None),
    ] {
        let (log, note) = told(&config(file(dir.path(), name, content)));
        assert_eq!((rows(&log.unwrap()), note.as_deref()), (vec!["1 a".into(), "2 a".into(), "2 b".into()], expected));
    }
    let mut data = config(file(dir.path(), "d.txt", "2\tb\n1\ta\n2\ta\n"));
    (data.user, data.item) = (Some(Column::Name("1".into())), Some(Column::Position(2)));
    let (log, note) = told(&data);
    let log = log.unwrap();
    assert_eq!(note.unwrap(), "guessed by the first lines: separated by `\\t`, without a header");
    assert_eq!(rows(&log), ["1 a", "2 a", "2 b"]);
    assert_eq!((log.data.delimiter.as_deref(), log.data.header), (Some("\t"), Some(false)), "what was guessed is kept");
    data.header = Some(true);
    assert!(matches!(told(&data).0, Err(DataError::UnknownColumn { .. })), "what is said wins");
    let mut named = config(file(dir.path(), "e.csv", "customer,sku,2024\nx,y,5\nz,y,6\n"));
    (named.user, named.item) = (Some(Column::Name("customer".into())), Some(Column::Name("sku".into())));
    assert_eq!(told(&named).0.unwrap().interactions.user.len(), 2, "a column that is named stands in a header");
}

#[test]
fn bad_rows_are_skipped_counted_and_listed_if_asked() {
    let dir = tempdir().unwrap();
    let bad = lines(9, |i| i.to_string());
    let mut data = config(file(dir.path(), "a.csv", format!("user,item\n1,2\n{bad}3,4\n")));
    data.bad_rows = BadRows::Skip;
    let log = read(&data).unwrap();
    assert_eq!((log.skipped_rows, log.skipped_examples.len()), (9, 5));
    assert!(log.skipped_examples[0].ends_with("a.csv, line 3: found 1 value, expected 2 separated by `,`"));
    assert_eq!((log.steps[0].rows, log.steps[0].dropped), (2, 9));
    data.source = file(dir.path(), "b.csv", "user,item\nx\n");
    let told = message(&data);
    assert!(told.contains("the step `read` dropped the only interaction that came to it; such as "), "{told}");
    assert!(told.contains("b.csv, line 2: found 1 value"), "{told}");
}

#[test]
fn lines_are_those_of_the_file_whatever_ends_them() {
    let dir = tempdir().unwrap();
    let text = "user,item,rating\n1,2,3\n1,3\n";
    for (name, text) in [("lf.csv", text.to_owned()), ("crlf.csv", text.replace('\n', "\r\n"))] {
        let found = message(&config(file(dir.path(), name, text)));
        assert!(found.ends_with(&format!("{name}, line 3: found 2 values, expected 3 separated by `,`")), "{found}");
    }
}

#[test]
fn the_split_column_is_read_and_times_are_demanded() {
    let dir = tempdir().unwrap();
    let data = config(file(dir.path(), "a.csv", "user,item,split\n1,1,train\n1,2,val\n1,3,test\n"));
    let by_column = SplitConfig::Column { column: Column::Name("split".into()) };
    let mut silent = adepts_data::progress::silent;
    let log = adepts_data::read(&data, &by_column, &mut silent).unwrap().interactions;
    assert_eq!(log.part, Some(vec![Part::Train, Part::Validation, Part::Test]));
    let last = SplitConfig::LeaveLast { validation: 1, test: 1 };
    let error = adepts_data::read(&data, &last, &mut silent).unwrap_err();
    assert_eq!(error.to_string(), "the split `leave-last` needs the column of the time: set `--time` (data.time)");
}

#[test]
fn groups_are_constant_for_each_user() {
    let dir = tempdir().unwrap();
    let mut data = config(file(dir.path(), "a.csv", "user,item,age\n2,1,10\n1,1,9\n2,2,\n3,1,\n"));
    data.groups = vec![Column::Name("age".into())];
    let log = read(&data).unwrap().interactions;
    assert_eq!(log.columns[0].values, ["9", "10"]);
    assert_eq!(log.columns[0].of_user, [Some(0), Some(1), None]);
    data.source = file(dir.path(), "b.csv", "user,item,age\n2,1,10\n2,2,11\n");
    let told = message(&data);
    assert!(told.contains("user `2` is `11` here and `10` in ") && told.contains("b.csv, line 2;"), "{told}");
    let many = lines(65_536, |i| format!("{i},1,{i}"));
    data.source = file(dir.path(), "c.csv", format!("user,item,age\n{many}"));
    assert!(matches!(read(&data), Err(DataError::TooManyGroups { .. })));
}

#[test]
fn an_empty_result_says_which_step_dropped_everything() {
    let dir = tempdir().unwrap();
    let mut data = config(file(dir.path(), "a.csv", CSV));
    data.rating = Some(Column::Name("rating".into()));
    data.filter.min_rating = Some(6.0);
    assert_eq!(
        message(&data),
        "nothing is left: the step `rating >= 6` dropped all 3 interactions that came to it; the greatest rating is 5; lower \
         `--min-rating` (data.filter.min_rating)"
    );
    data.filter.min_rating = None;
    data.filter.core = Some(10);
    assert_eq!(
        message(&data),
        "nothing is left: the step `core 10` dropped all 3 interactions that came to it; any above 1 leaves nothing; leave the \
         core out"
    );
    data.filter.core = None;
    data.rating = None;
    data.filter.min_rating = Some(1.0);
    assert!(matches!(read(&data), Err(DataError::NeedsColumn { role: "rating", .. })));
}

#[test]
fn kinds_of_events_are_named_by_their_numbers_and_not_blamed_for_another_filter() {
    let dir = tempdir().unwrap();
    let row = |(nth, kind): (usize, &str)| format!("{nth},1,{kind},5\n").repeat(nth + 1);
    let kinds = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "view", "cart"];
    let log = "user,item,kind,stars\n".to_owned() + &kinds.into_iter().enumerate().map(row).collect::<String>();
    let mut data = config(file(dir.path(), "events.csv", log.clone()));
    (data.event, data.rating) = (Some(Column::Name("kind".into())), Some(Column::Name("stars".into())));
    data.filter.events = vec!["buy".into()];
    let told = message(&data);
    assert!(told.contains("the log has `cart`, `view`, `j`, ") && told.contains("`c` and 2 more; say with"), "{told}");
    let mut data = DataConfig { source: file(dir.path(), "low.csv", log + "1,2,buy,1\n"), ..data };
    data.filter.min_rating = Some(4.0);
    let told = message(&data);
    assert!(
        told.ends_with("the log has `buy`, but another filter, such as `--min-rating`, drops all its rows"),
        "{told}"
    );
}

#[test]
fn a_filter_that_drops_everything_says_what_the_log_has() {
    let dir = tempdir().unwrap();
    let log = "user,item,kind,time\n1,1,view,100\n1,2,cart,200\n2,1,view,300\n";
    let mut data = config(file(dir.path(), "events.csv", log));
    (data.event, data.time) = (Some(Column::Name("kind".into())), Some(Column::Name("time".into())));
    data.filter.events = vec!["buy".into()];
    let told = message(&data);
    assert!(
        told.ends_with("the log has `view`, `cart`; say with `--events` (data.filter.events) which of them are kept")
    );
    data.filter.events = Vec::new();
    data.filter.from = Some(TimeBound::Number(301));
    let told = message(&data);
    assert!(
        told.ends_with("the latest time is 1970-01-01T00:05:00Z; set `--from` (data.filter.from) before it"),
        "{told}"
    );
    (data.filter.from, data.filter.until) = (None, Some(TimeBound::Number(100)));
    let told = message(&data);
    assert!(told.ends_with("the earliest time is 1970-01-01T00:01:40Z; set `--until` (data.filter.until) after it"));
}

#[test]
fn movielens_is_read_whole() {
    let Some(path) = real("ml-1m.parquet") else { return };
    let mut data = config(path.to_str().unwrap());
    data.groups = vec![Column::Name("age_group".into())];
    let log = read(&data).unwrap();
    assert_eq!(log.interactions.user.len(), 1_000_209);
    assert_eq!((log.interactions.users.len(), log.interactions.items.len()), (6040, 3706));
    assert_eq!(log.interactions.columns[0].values, ["0", "1", "2"]);
    assert!(log.interactions.columns[0].of_user.iter().all(Option::is_some));
    data.groups = vec![Column::Name("genre".into())];
    assert!(matches!(read(&data), Err(DataError::GroupNotConstant { .. })));
}
