//! How the bytes of a file become rows: nothing is lost that is not counted, and content decides what a file is.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod support;

use adepts_data::source::{At, Cell, Flow, Sink, Source};
use adepts_data::{BadRows, Column, DataConfig, DataError, Encoding, Format};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use support::{config, file, gzip, read, rows, zstd};
use tempfile::{TempDir, tempdir};

fn skipping(source: impl Into<String>) -> DataConfig {
    DataConfig { bad_rows: BadRows::Skip, ..config(source) }
}

fn message(data: &DataConfig) -> String {
    read(data).unwrap_err().to_string()
}

/// A log of `count` rows: user `n`, item `in`.
fn log(count: usize) -> String {
    let mut text = String::from("user,item,note\n");
    for n in 0..count {
        writeln!(text, "{n},i{n},x").unwrap();
    }
    text
}

#[test]
fn a_quote_that_is_never_closed_is_named_by_its_line_and_loses_its_row_alone() {
    let dir = tempdir().unwrap();
    for (broken, value) in [("\"3,i3,x", 1), ("3,\"i3,x", 2), ("3,i3,\"x", 3)] {
        let text = log(9).replace("3,i3,x", broken);
        let path = file(dir.path(), "a.csv", text);
        let told = message(&config(&path));
        assert!(told.ends_with(&format!("a.csv, line 5: value {value} opens a quote that is never closed")), "{told}");
        let found = read(&skipping(&path)).unwrap();
        assert_eq!((found.steps[0].rows, found.skipped_rows), (8, 1), "{broken}");
        assert!(found.skipped_examples[0].contains("line 5"), "{:?}", found.skipped_examples);
    }
}

#[test]
fn a_stray_quote_before_a_quoted_value_does_not_take_the_rows_between_them() {
    let dir = tempdir().unwrap();
    let text = log(9).replace("3,i3,x", "3,\"i3,x").replace("6,i6,x", "6,i6,\"a, b\"");
    let path = file(dir.path(), "a.csv", text);
    let told = message(&config(&path));
    assert!(told.contains("a.csv, line 5: value 2 opens a quote that is not closed"), "{told}");
    assert!(told.contains("in line 8"), "{told}");
    let found = read(&skipping(&path)).unwrap();
    assert_eq!((found.steps[0].rows, found.skipped_rows), (8, 1));
    // Two of them that close each other, and so make a row with the wrong number of values.
    let text = log(9).replace("3,i3,x", "3,\"i3,x").replace("5,i5,x", "5,i5\",x,y");
    let found = read(&skipping(file(dir.path(), "b.csv", text))).unwrap();
    assert_eq!((found.steps[0].rows, found.skipped_rows), (7, 2));
}

#[test]
fn a_quote_opens_in_a_later_line_of_its_row() {
    let dir = tempdir().unwrap();
    let path = file(dir.path(), "a.csv", "user,item,note\n\"1\n1\",i,\"never\n2,j,x\n3,k,x\n");
    let told = message(&config(&path));
    assert!(told.contains("line 3: value 3 opens a quote that is never closed"), "{told}");
    let found = read(&skipping(path)).unwrap();
    assert_eq!((rows(&found), found.skipped_rows), (vec!["2 j".into(), "3 k".into()], 1));
}

#[test]
fn values_in_quotes_hold_what_they_like() {
    let dir = tempdir().unwrap();
    let text = "user,item,note\n1,\"a, b\",\"two\nlines\"\n2, \"say \"\"hi\"\"\" ,\"\"\n3,\"\",x\n";
    let found = read(&skipping(file(dir.path(), "a.csv", text))).unwrap();
    assert_eq!(rows(&found), ["1 a, b", "2 say \"hi\""]);
    assert!(found.skipped_examples[0].contains("line 5"), "{:?}", found.skipped_examples);
    let text = "user,item\n1,\"a\" b\n2,c\n";
    let told = message(&config(file(dir.path(), "b.csv", text)));
    assert!(told.contains("line 2: value 2 goes on after its closing quote with ` b`"), "{told}");
}

#[test]
fn quotes_that_are_written_with_a_backslash_are_read() {
    let dir = tempdir().unwrap();
    let text = "user;title;item\n\"1\";\"Say \\\"Hi\\\"; Again\";\"a\"\n\"2\";\"C:\\\\dir\\\\\";\"b\"\n3;\"5\\\" nail\";c\n4;\"x\\\",y\";d\n";
    let mut data = config(file(dir.path(), "a.csv", text));
    data.groups = vec![Column::Name("title".into())];
    let found = read(&data).unwrap();
    assert_eq!(rows(&found), ["1 a", "2 b", "3 c", "4 d"]);
    let titles = &found.interactions.columns[0].values;
    assert!(titles.contains(&"Say \"Hi\"; Again".to_owned()) && titles.contains(&"5\" nail".to_owned()), "{titles:?}");
    // A value that ends with a backslash is whole as it is.
    let text = "user,item\n\"C:\\\",1\n\"D:\\\",2\n";
    assert_eq!(rows(&read(&config(file(dir.path(), "b.csv", text))).unwrap()), ["C:\\ 1", "D:\\ 2"]);
}

#[test]
fn quotes_in_text_with_tabs_are_taken_off_and_others_stay() {
    let dir = tempdir().unwrap();
    let all = "\"user\"\t\"item\"\n\"1\"\t\"a\tb\"\n\"2\"\t\"c\nd\"\n";
    assert_eq!(rows(&read(&config(file(dir.path(), "a.tsv", all))).unwrap()), ["1 a\tb", "2 c\nd"]);
    let some = "user\titem\n1\t\"Weird Al\" Yankovic\n2\t\"Heroes\"\n3\t5\" nail\n4\t\"never closed\n5\tplain\n6\t\"tab\there\"\n";
    let found = rows(&read(&config(file(dir.path(), "b.tsv", some))).unwrap());
    let expected = ["1 \"Weird Al\" Yankovic", "2 Heroes", "3 5\" nail", "4 \"never closed", "5 plain", "6 tab\there"];
    assert_eq!(found, expected);
    let long = "\"user\"::\"item\"\n\"1\"::\"a::b\"\n";
    assert_eq!(rows(&read(&config(file(dir.path(), "c.dat", long))).unwrap()), ["1 a::b"]);
}

#[test]
fn blanks_around_values_are_no_part_of_them() {
    let dir = tempdir().unwrap();
    let text = "user , item, rating\n1, 25, 5\n 2 ,\t7,4\n\u{a0}3,\" 8 \",3\n";
    let found = read(&config(file(dir.path(), "a.csv", text))).unwrap();
    assert_eq!(rows(&found), ["1 25", "2 7", "3 8"]);
    let found = read(&config(file(dir.path(), "a.tsv", text.replace([','], "\t").replace("\t7", "7")))).unwrap();
    assert_eq!(rows(&found), ["1 25", "2 7", "3 8"]);
}

#[test]
fn a_header_in_the_middle_is_no_row() {
    let dir = tempdir().unwrap();
    let text = "user,item\n1,2\nuser,item\n3,4\n\u{feff}user,item\n5,6\n";
    let path = file(dir.path(), "a.csv", text);
    assert!(
        message(&config(&path)).contains("a.csv, line 3: the header stands here again"),
        "{}",
        message(&config(&path))
    );
    let found = read(&skipping(path)).unwrap();
    assert_eq!((rows(&found), found.skipped_rows), (vec!["1 2".into(), "3 4".into(), "5 6".into()], 2));
}

#[test]
fn a_delimiter_at_the_end_of_lines_adds_no_value() {
    let dir = tempdir().unwrap();
    for text in
        ["user,item,\n1,2,\n3,4,\n", "user,item\n1,2,\n3,4\n", "user,item,\n1,2\n3,4,\n", "user;item;\n1;2;\n3;4;\n"]
    {
        assert_eq!(rows(&read(&config(file(dir.path(), "a.csv", text))).unwrap()), ["1 2", "3 4"], "{text:?}");
    }
    let told = message(&config(file(dir.path(), "b.csv", "user,item\n1,2,9\n")));
    assert!(told.contains("line 2: found 3 values, expected 2"), "{told}");
}

#[test]
fn lines_may_end_with_a_return_alone_in_every_format() {
    let dir = tempdir().unwrap();
    for (name, text) in [
        ("a.csv", "user,item\r1,2\r3,4\r"),
        ("a.tsv", "user\titem\r1\t2\r3\t4"),
        ("a.dat", "user::item\r1::2\r\r3::4\r"),
        ("a.jsonl", "{\"user\":1,\"item\":2}\r{\"user\":3,\"item\":4}\r"),
    ] {
        assert_eq!(rows(&read(&config(file(dir.path(), name, text))).unwrap()), ["1 2", "3 4"], "{name}");
    }
    let told = message(&config(file(dir.path(), "b.dat", "user::item\r1::2\r3\r")));
    assert!(told.contains("b.dat, line 3: found 1 value"), "{told}");
}

#[test]
fn tables_of_r_and_of_blanks_are_read() {
    let dir = tempdir().unwrap();
    for (name, text) in [
        ("r.txt", "\"user\" \"item\" \"rating\"\n\"1\" \"7\" \"25\" 5\n\"2\" \"8\" \"11\" 4\n"),
        ("aligned.txt", "user   item  rating\n   7     25       5\n   8     11       4\n"),
        ("tabs.txt", "user \t item\trating\n7\t  25 5\n8 \t11\t4\n"),
        ("one.txt", "user item rating\n7 25 5\n8 11 4\n"),
    ] {
        assert_eq!(rows(&read(&config(file(dir.path(), name, text))).unwrap()), ["7 25", "8 11"], "{name}");
    }
    let mut data = config(file(dir.path(), "told.txt", " user  item \n 7   25\n"));
    data.delimiter = Some("whitespace".into());
    assert_eq!(rows(&read(&data).unwrap()), ["7 25"]);
}

#[test]
fn semicolons_with_decimal_commas_make_three_columns() {
    let dir = tempdir().unwrap();
    for text in ["1;25;5,0\n1;11;4,5\n2;25;3,0\n", "1;25;5\n1;11;4,5\n2;25;3\n"] {
        let mut data = config(file(dir.path(), "a.csv", text));
        (data.user, data.item) = (Some(Column::Position(1)), Some(Column::Position(2)));
        assert_eq!(rows(&read(&data).unwrap()), ["1 11", "1 25", "2 25"], "{text:?}");
        assert_eq!(adepts_data::inspect(&data.source, &DataConfig::default()).unwrap().columns.len(), 3, "{text:?}");
    }
    for text in ["sep=;\nuser;item;rating\n1;25;5,0\n", "\"sep=;\"\r\nuser;item;rating\r\n1;25;5,0\r\n"] {
        assert_eq!(rows(&read(&config(file(dir.path(), "b.csv", text))).unwrap()), ["1 25"], "{text:?}");
    }
    let told = message(&config(file(dir.path(), "c.csv", "sep=;\nuser;item\n1;25\n2\n")));
    assert!(told.contains("c.csv, line 4: found 1 value, expected 2 separated by `;`"), "{told}");
    // Lists in text are no reason to cut at what stands between their values.
    let text = "user,item,tags\n1,2,a;b\n3,4,c;d\n";
    assert_eq!(
        adepts_data::inspect(&file(dir.path(), "d.csv", text), &DataConfig::default()).unwrap().columns.len(),
        3
    );
}

#[test]
fn a_log_of_text_without_a_header_keeps_its_first_row() {
    let dir = tempdir().unwrap();
    let text = "bu1\tzi25\nbu1\tli11\ncu2\tzi25\ndu3\tbi1\n";
    let path = file(dir.path(), "a.tsv", text);
    let mut data = config(&path);
    (data.user, data.item) = (Some(Column::Name("1".into())), Some(Column::Name("2".into())));
    assert_eq!(rows(&read(&data).unwrap()).len(), 4);
    let seen = adepts_data::inspect(&path, &DataConfig::default()).unwrap();
    assert_eq!((seen.rows, seen.header, seen.users), (4, Some(false), Some(3)));
    assert!(seen.prepare.contains("--user 1 --item 2 --no-header"), "{}", seen.prepare);
    // Names that are unusual are names all the same.
    let seen = adepts_data::inspect(
        &file(dir.path(), "b.csv", "buyer,thing\nann,hat\nbob,cap\nann,cap\n"),
        &DataConfig::default(),
    );
    assert_eq!(seen.unwrap().header, Some(true));
}

#[test]
fn columns_of_one_name_matter_only_where_they_are_asked_for() {
    let dir = tempdir().unwrap();
    file(dir.path(), "a.csv", "user,item,note,note\n1,2,a,b\n");
    file(dir.path(), "b.csv", "note,user,item,note\na,3,4,b\n");
    let folder = dir.path().to_str().unwrap().to_owned();
    assert_eq!(rows(&read(&config(&folder)).unwrap()), ["1 2", "3 4"]);
    assert_eq!(adepts_data::inspect(&folder, &DataConfig::default()).unwrap().columns.len(), 4);
    let twice = config(file(&tempdir().unwrap().keep(), "c.csv", "user,item,item\n1,2,3\n"));
    assert!(message(&twice).contains("two columns are called `item`, at positions 2 and 3"), "{}", message(&twice));
}

#[test]
fn a_key_that_comes_late_is_found() {
    let dir = tempdir().unwrap();
    let mut text = String::new();
    (0..150).for_each(|n| writeln!(text, "{{\"user\":{n},\"item\":1}}").unwrap());
    text += "{\"user\":900,\"item\":1,\"kind\":\"buy\"}\n";
    let path = file(dir.path(), "a.jsonl", &text);
    let mut data = config(&path);
    (data.event, data.filter.events) = (Some(Column::Name("kind".into())), vec!["buy".into()]);
    assert_eq!(rows(&read(&data).unwrap()), ["900 1"]);
    assert!(adepts_data::inspect(&path, &DataConfig::default()).unwrap().columns.iter().any(|c| c.name == "kind"));
    data.event = Some(Column::Name("knid".into()));
    assert!(message(&data).contains("did you mean `kind`"), "{}", message(&data));
    let late = text.replace("\"item\":1}", "\"x\":1}").replace(",\"item\":1,", ",\"item\":5,");
    assert_eq!(rows(&read(&skipping(file(dir.path(), "b.jsonl", late))).unwrap()), ["900 5"]);
}

#[test]
fn json_objects_are_read_in_arrays_and_over_several_lines() {
    let dir = tempdir().unwrap();
    let objects = [
        "{\"user\": 2,\n \"item\": \"b\"}",
        "{\"user\": 1, \"item\": \"a]}\\\"{\"}",
        "{\"item\": \"c\", \"user\": 3, \"x\": [{\"y\": [1]}]}",
    ];
    for text in [
        format!("[{}]", objects.join(",")),
        format!("\u{feff} [\n{}\n]\n", objects.join(",\n")),
        format!("[\r\n  {}\r\n]", objects.join("\r\n,\r\n")),
        objects.join("\n"),
        objects.join(""),
        format!("[{}]\n[{}]\n", objects[0], objects[1..].join(",")),
    ] {
        let found = read(&config(file(dir.path(), "a.json", &text)));
        let found = found.unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(rows(&found), ["1 a]}\"{", "2 b", "3 c"], "{text}");
        let long = zstd(text.as_bytes());
        assert_eq!(rows(&read(&config(file(dir.path(), "b.csv", long))).unwrap()).len(), 3, "the content decides");
    }
    let bad = "[{\"user\":1,\"item\":1},\n {\"user\":2,,\"item\":2},\n 7,\n {\"user\":3,\"item\":3}]";
    let told = message(&config(file(dir.path(), "c.json", bad)));
    assert!(told.contains("c.json, line 2:") && told.contains("expected a JSON object"), "{told}");
    let found = read(&skipping(file(dir.path(), "c.json", bad))).unwrap();
    assert_eq!((rows(&found), found.skipped_rows), (vec!["1 1".into(), "3 3".into()], 2));
    for (text, expected) in [
        (
            "[{\"user\":1,\"item\":1},{\"user\":2,\"item\":",
            "line 1: what begins here is not closed before the end of the file",
        ),
        ("[{\"user\":1,\"item\":1},", "breaks off: it is not a complete JSON file"),
        ("[{\"user\":1,\"item\":1}", "breaks off: it is not a complete JSON file"),
    ] {
        let told = message(&skipping(file(dir.path(), "d.json", text)));
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn the_first_bytes_decide_what_a_file_is() {
    let dir = tempdir().unwrap();
    let csv = "user,item\n1,2\n3,4\n";
    let json = "{\"user\":1,\"item\":2}\n{\"user\":3,\"item\":4}\n";
    let low_first: Vec<u8> = format!("\u{feff}{csv}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let high_first: Vec<u8> = json.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (name, bytes) in [
        ("a.csv", json.as_bytes().to_vec()),
        ("b.jsonl", csv.as_bytes().to_vec()),
        ("c.parquet", csv.as_bytes().to_vec()),
        ("d.csv.gz", csv.as_bytes().to_vec()),
        ("e.csv", gzip(csv.as_bytes())),
        ("f.gz", zstd(json.as_bytes())),
        ("g.log", csv.as_bytes().to_vec()),
        ("h", json.as_bytes().to_vec()),
        ("i.csv", low_first.clone()),
        ("j.txt", high_first),
        ("k.csv.gz", gzip(&low_first)),
    ] {
        let found = read(&config(file(dir.path(), name, bytes))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(rows(&found), ["1 2", "3 4"], "{name}");
    }
    for (name, bytes, what) in [
        (
            "l.csv",
            b"ARROW1\0\0\x10\0\0\0".as_slice(),
            "is an Arrow IPC (Feather) file, which is not read; write Parquet",
        ),
        ("m.csv", b"\x89PNG\r\n\x1a\n\0\0", "is a PNG image"),
        ("n.csv", b"<!DOCTYPE html>\n<html>", "is an HTML page"),
        ("o.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "a pointer of Git LFS"),
        ("p.jsonl", b"PK\x03\x04\0\0", "is a zip archive"),
    ] {
        let told = message(&config(file(dir.path(), name, bytes)));
        assert!(told.contains(what) && !told.contains(char::is_control), "{told}");
    }
    let said = DataConfig { format: Format::Csv, ..config(file(dir.path(), "q.csv", b"PAR1\0\0\0\0")) };
    assert!(matches!(read(&said), Err(DataError::OtherFormat { said: "csv", .. })));
}

#[test]
fn other_encodings_are_read_where_they_are_said() {
    let dir = tempdir().unwrap();
    let path = file(dir.path(), "a.csv", b"user,item\n1,caf\xe9\n2,\x80\n");
    assert!(message(&config(&path)).contains("`--encoding latin1`"), "{}", message(&config(&path)));
    let with = |encoding| rows(&read(&DataConfig { encoding, ..config(&path) }).unwrap());
    assert_eq!(with(Encoding::Latin1), ["1 café", "2 \u{80}"]);
    assert_eq!(with(Encoding::Windows1252), ["1 café", "2 €"]);
    let found: DataConfig = serde_json::from_str(r#"{"source": "a", "encoding": "latin1"}"#).unwrap();
    assert_eq!(found.encoding, Encoding::Latin1);
    let seen =
        adepts_data::inspect(&path, &DataConfig { encoding: Encoding::Latin1, ..DataConfig::default() }).unwrap();
    assert!(seen.toml.contains("encoding = \"latin1\"") && seen.prepare.contains("--encoding latin1"), "{}", seen.toml);
}

#[test]
fn folders_whose_names_are_values_are_read_as_columns() {
    let dir = tempdir().unwrap();
    for (folder, text) in [
        ("day=2024-01-02/hour=10%3A30", "user,item\n1,2\n"),
        ("day=2024-01-01/hour=__HIVE_DEFAULT_PARTITION__", "item,user\n4,3\n"),
    ] {
        let folder = dir.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        file(&folder, "part-0.csv", text);
        file(&folder, "_SUCCESS", "");
    }
    let root = dir.path().to_str().unwrap();
    for source in [root.to_owned(), format!("{root}/*/*/*.csv"), format!("{root}/day=*")] {
        let mut data = config(source);
        data.time = Some(Column::Name("day".into()));
        data.groups = vec![Column::Name("hour".into())];
        let found = read(&data).unwrap().interactions;
        assert_eq!(found.columns[0].of_user, [Some(0), None], "{}", data.source);
        assert_eq!(found.columns[0].values, ["10:30"]);
        let seen = adepts_data::inspect(&data.source, &DataConfig::default()).unwrap();
        let names: Vec<&str> = seen.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!((names, seen.rows), (vec!["item", "user", "day", "hour"], 2));
    }
    let deep = dir.path().join("year/month");
    std::fs::create_dir_all(&deep).unwrap();
    file(&deep, "a.csv", "user,item\n1,2\n");
    let told = message(&config(dir.path().join("year").to_str().unwrap()));
    assert!(told.contains("in folders below") && told.contains("year/**/*.csv\" reads them"), "{told}");
}

#[test]
fn a_further_file_with_another_delimiter_is_named() {
    let dir = tempdir().unwrap();
    file(dir.path(), "a.csv", "user;item\n1;2\n3;4\n");
    file(dir.path(), "b.csv", "user,item\n5,6\n");
    let told = message(&config(dir.path().to_str().unwrap()));
    assert!(told.contains("b.csv: the values are separated by `,`, those of") && told.contains("by `;`"), "{told}");
    file(dir.path(), "b.csv", "");
    assert!(message(&config(dir.path().to_str().unwrap())).ends_with("b.csv is empty"));
}

/// A stream that unpacks to far more than it is: `count` times the same byte behind `start`.
fn bomb(start: &str, byte: u8, count: usize) -> Vec<u8> {
    use std::io::{Read, copy, repeat};
    let mut out = zstd::Encoder::new(Vec::new(), 1).unwrap();
    copy(&mut start.as_bytes().chain(repeat(byte).take(count as u64)), &mut out).unwrap();
    out.finish().unwrap()
}

#[test]
fn lines_and_columns_have_their_limits() {
    let dir = tempdir().unwrap();
    for (name, start, byte) in [
        ("a.csv.zst", "user,item\n1,2\n3,", b'x'),
        ("b.csv.zst", "user,", b'x'),
        ("c.tsv.zst", "user\titem\n1\t2\n3\t", b'x'),
        ("d.dat.zst", "user::item\n1::2\n3::", b'x'),
        ("e.jsonl.zst", "{\"user\":1,\"item\":2}\n{\"user\":\"", b'x'),
        ("f.json.zst", "[{\"user\":1,\"item\":2},{\"user\":\"", b'x'),
        ("g.csv.zst", "user,item\n1,\"", b'x'),
        ("h.csv.zst", "user,item\n1,2,", b','),
    ] {
        let path = file(dir.path(), name, bomb(start, byte, 40 << 20));
        for error in [read(&config(&path)).unwrap_err(), read(&skipping(&path)).unwrap_err()] {
            assert!(matches!(error, DataError::LongLine { .. }), "{name}: {error}");
        }
    }
    let told = message(&config(dir.path().join("a.csv.zst").to_str().unwrap()));
    assert!(told.contains("a.csv.zst, line 3 is longer than 16 MiB"), "{told}");
    let wide = vec!["c"; 10_001].join(",");
    let wide = [file(dir.path(), "i.csv", format!("{wide}\n")), {
        let keys: Vec<String> = (0..10_001).map(|n| format!("\"k{n}\":1")).collect();
        file(dir.path(), "j.jsonl", format!("{{{}}}\n", keys.join(",")))
    }];
    for path in wide {
        let error = read(&config(&path)).unwrap_err();
        assert!(matches!(error, DataError::TooManyColumns { limit: 10_000, .. }), "{error}");
        assert!(adepts_data::inspect(&path, &DataConfig::default()).is_err());
    }
    // A row of very many values is a bad row.
    let row = vec!["1"; 20_000].join(",");
    let found = read(&skipping(file(dir.path(), "k.csv", format!("user,item\n1,2\n{row}\n3,4\n")))).unwrap();
    assert_eq!((found.steps[0].rows, found.skipped_rows), (2, 1));
}

#[cfg(unix)]
#[test]
fn what_can_be_read_once_loses_nothing() {
    let dir = tempdir().unwrap();
    for (name, bytes) in [
        ("a.csv", log(50_000).into_bytes()),
        ("b", gzip(log(50_000).as_bytes())),
        ("c.csv", log(50_000).split_once('\n').unwrap().1.as_bytes().to_vec()),
    ] {
        let path = dir.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let to = path.clone();
        let writing = std::thread::spawn(move || {
            use std::io::Write;
            std::fs::OpenOptions::new().write(true).open(to).and_then(|mut pipe| pipe.write_all(&bytes))
        });
        let mut data = config(path.to_str().unwrap());
        if name == "c.csv" {
            (data.user, data.item) = (Some(Column::Position(1)), Some(Column::Position(2)));
        }
        let found = read(&data).unwrap();
        writing.join().unwrap().unwrap();
        assert_eq!((found.steps[0].rows, found.skipped_rows, found.interactions.users.len()), (50_000, 0, 50_000));
    }
}

/// Counts rows and bad ones.
#[derive(Default)]
struct Count {
    rows: u64,
    bad: u64,
}

impl Sink for Count {
    fn row(&mut self, _: At<'_>, _: &[Cell<'_>]) -> Flow {
        self.rows += 1;
        Ok(ControlFlow::Continue(()))
    }

    fn malformed(&mut self, _: DataError) -> Flow {
        self.bad += 1;
        Ok(ControlFlow::Continue(()))
    }
}

fn counted(dir: &TempDir, text: &str) -> Result<(u64, u64), DataError> {
    let data =
        DataConfig { header: Some(true), delimiter: Some(",".into()), ..config(file(dir.path(), "a.csv", text)) };
    let source = Source::open(&data)?;
    let mut count = Count::default();
    source.read(&[0], &mut count, &mut adepts_data::progress::silent)?;
    Ok((count.rows, count.bad))
}

/// The records behind the header as RFC 4180 has them, one character after the other: good ones and bad ones. A record that is
/// not of its grammar, or over several lines and not as wide as the header, ends with the line in which the first quote opens
/// that makes it so.
fn by_the_book(text: &str) -> (u64, u64) {
    let text: Vec<char> = text.replace("\r\n", "\n").replace('\r', "\n").chars().collect();
    let (mut at, mut counts, mut width) = (0, (0, 0), None);
    while at < text.len() {
        let line_end = |from: usize| text[from..].iter().position(|c| *c == '\n').map_or(text.len(), |n| from + n);
        if text[at..line_end(at)].iter().all(|c| " \t".contains(*c)) {
            at = line_end(at) + 1;
            continue;
        }
        let (mut values, mut good, mut here, mut several) = (0, true, at, None);
        let mut last_empty;
        let end = 'record: loop {
            values += 1;
            while here < text.len() && " \t".contains(text[here]) {
                here += 1;
            }
            if text.get(here) == Some(&'"') {
                let opened = here;
                last_empty = true;
                loop {
                    here += 1;
                    match (text.get(here), text.get(here + 1)) {
                        (None, _) => {
                            good = false;
                            break 'record line_end(opened);
                        }
                        (Some('"'), Some('"')) => {
                            last_empty = false;
                            here += 1;
                        }
                        (Some('"'), _) => break,
                        (Some(c), _) => last_empty &= c.is_ascii_whitespace(),
                    }
                }
                here += 1;
                if here > line_end(opened) {
                    several = several.or(Some(opened));
                }
                while here < text.len() && " \t".contains(text[here]) {
                    here += 1;
                }
                match text.get(here) {
                    Some(',') => {}
                    None | Some('\n') => break here,
                    Some(_) => {
                        good = false;
                        break line_end(opened);
                    }
                }
            } else {
                let from = here;
                while here < text.len() && !",\n".contains(text[here]) {
                    here += 1;
                }
                last_empty = text[from..here].iter().all(char::is_ascii_whitespace);
                if text.get(here) != Some(&',') {
                    break here;
                }
            }
            here += 1;
        };
        at = end + 1;
        let Some(width) = width else {
            width = Some(values);
            continue;
        };
        let fits = values == width || (values == width + 1 && last_empty);
        match several {
            Some(opened) if good && !fits => at = line_end(opened) + 1,
            _ => {}
        }
        if good && fits { counts.0 += 1 } else { counts.1 += 1 }
    }
    counts
}

#[derive(Clone, Debug)]
enum Change {
    Put(prop::sample::Index, char),
    Drop(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), prop::sample::select(vec!['"', '"', '"', ',', '\n', '\r', ' ', 'a'])).prop_map(|(at, c)| Change::Put(at, c)),
        2 => index().prop_map(Change::Drop),
        1 => (index(), index()).prop_map(|(a, b)| Change::Swap(a, b)),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9]{1,4}",
        1 => Just("\"a, b\"".to_owned()),
        1 => Just("\"two\nlines\"".to_owned()),
        1 => Just("\"say \"\"hi\"\"\"".to_owned()),
        1 => Just(String::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn rows_that_are_read_and_rows_that_are_skipped_are_the_rows_of_the_file(
        rows in prop::collection::vec((value(), value(), value()), 1..12),
        changes in prop::collection::vec(change(), 0..5),
    ) {
        let mut text: Vec<char> = rows.iter().flat_map(|(a, b, c)| format!("{a},{b},{c}\n").chars().collect::<Vec<_>>()).collect();
        for change in changes {
            match change {
                Change::Put(at, c) => text.insert(at.index(text.len() + 1), c),
                Change::Drop(at) if text.len() > 1 => drop(text.remove(at.index(text.len()))),
                Change::Swap(a, b) => {
                    let (a, b) = (a.index(text.len()), b.index(text.len()));
                    text.swap(a, b);
                }
                Change::Drop(_) => {}
            }
        }
        let text = format!("user,item,note\n{}", text.into_iter().collect::<String>());
        let dir = tempdir().unwrap();
        match counted(&dir, &text) {
            Ok(counts) => prop_assert_eq!(counts, by_the_book(&text), "{:?}", text),
            Err(DataError::NoRows { .. }) => prop_assert_eq!((0, 0), by_the_book(&text), "{:?}", text),
            Err(error) => return Err(TestCaseError::fail(format!("{text:?}: {error}"))),
        }
    }
}
