//! What a file is: formats, compression, encodings, pipes and folders.

use std::fmt::Write as _;

use adepts_data::{BadRows, Column, DataConfig, DataError, Encoding, Format};
use tempfile::tempdir;

use crate::support::{config, file, gzip, read, rows, zstd};
use crate::{log, message, skipping};

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
fn broken_utf_16_is_a_bad_row() {
    let dir = tempdir().unwrap();
    let bytes = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let csv = |half: &[u8]| [&bytes("\u{feff}user,item\n1,2\n3,a"), half, &bytes("b\n5,6\n")].concat();
    let cut = [bytes("\u{feff}user,item\n1,2\n5,6\n3,a"), b"4".to_vec()].concat();
    let json = [bytes("{\"user\":1,\"item\":2}\n{\"user\":3,\"item\":\"a"), b"\x3d\xd8".to_vec()];
    let json = [&json.concat()[..], &bytes("\"}\n{\"user\":5,\"item\":6}\n")].concat();
    for (name, bytes, expected) in [
        ("a.csv", csv(b"\x3d\xd8"), "line 3: column `item`: character 2 of `a\u{fffd}b` is broken UTF-16"),
        ("b.csv", csv(b"\x1e\xdd"), "line 3: column `item`: character 2 of `a\u{fffd}b` is broken UTF-16"),
        ("c.csv", cut, "line 4: column `item`: character 2 of `a\u{fffd}` is broken UTF-16"),
        ("d.jsonl", json, "line 2: character 20 of `"),
    ] {
        let path = file(dir.path(), name, bytes);
        let told = message(&config(&path));
        assert!(told.contains(&format!("{name}, {expected}")) && told.contains("broken UTF-16"), "{told}");
        let found = read(&skipping(&path)).unwrap();
        assert_eq!((rows(&found), found.skipped_rows), (vec!["1 2".into(), "5 6".into()], 1), "{name}");
    }
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
fn a_key_of_an_object_comes_before_a_folder_and_folders_above_the_source_say_nothing() {
    let dir = tempdir().unwrap();
    let folder = dir.path().join("user=bob");
    std::fs::create_dir_all(&folder).unwrap();
    let objects = "{\"user\":\"a\",\"item\":1}\n{\"item\":2}\n{\"user\":\"c\",\"item\":3}\n";
    file(&folder, "log.jsonl", objects);
    let users = |data: &DataConfig| {
        let log = read(data).unwrap().interactions;
        (0..log.users.len() as u32).map(|user| log.users.id(user).to_string()).collect::<Vec<_>>()
    };
    let below = config(dir.path().to_str().unwrap());
    assert_eq!(users(&below), ["a", "bob", "c"], "an object without the key has that of the folder");
    let above = DataConfig { bad_rows: BadRows::Skip, ..config(folder.join("log.jsonl").to_str().unwrap()) };
    assert_eq!(users(&above), ["a", "c"]);
    // A file without names has as many columns as it holds, wherever it lies.
    let plain = file(&folder, "plain.csv", "1,2\n3,4\n5,6\n");
    assert_eq!(adepts_data::inspect(&plain, &DataConfig::default()).unwrap().columns.len(), 2);
}

#[test]
#[cfg(unix)]
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
