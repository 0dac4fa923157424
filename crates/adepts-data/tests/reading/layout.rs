//! Delimiters, headers, blanks and line ends.

use adepts_data::{Column, DataConfig};
use tempfile::tempdir;

use crate::support::{config, file, read, rows};
use crate::{message, skipping};

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
        message(&config(&path)).contains("a.csv, line 3: the header is repeated here"),
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
fn a_further_file_with_another_delimiter_is_named() {
    let dir = tempdir().unwrap();
    file(dir.path(), "a.csv", "user;item\n1;2\n3;4\n");
    file(dir.path(), "b.csv", "user,item\n5,6\n");
    let told = message(&config(dir.path().to_str().unwrap()));
    assert!(told.contains("b.csv: the values are separated by `,`, those of") && told.contains("by `;`"), "{told}");
    file(dir.path(), "b.csv", "");
    assert!(message(&config(dir.path().to_str().unwrap())).ends_with("b.csv is empty"));
}
