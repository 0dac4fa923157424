//! Values in quotes, and quotes that stand where they should not.

use adepts_data::Column;
use tempfile::tempdir;

use crate::support::{config, file, read, rows};
use crate::{log, message, skipping};

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
