//! `predict --keep`.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::newcomer::{Made, made};
use crate::support::{run, write};

#[test]
fn columns_of_the_file_are_passed_through_with_their_types() {
    let Made { home, csv, cesaa, .. } = made();
    let [scores, table, again] = ["kept.csv", "kept.parquet", "again.csv"].map(|name| home.join(name));
    run("predict {} {} --keep who,price --keep country --out {} -q", &[cesaa, csv, &scores]).ok();
    let text = fs::read_to_string(&scores).unwrap();
    let mut rows = text.lines();
    assert_eq!(rows.next(), Some("row,who,price,country,score"));
    let plain = run("predict {} {} -q", &[cesaa, csv]).ok().out;
    for ((row, of_file), score) in rows.zip(rows_of(csv)).zip(plain.lines().skip(1)) {
        let (number, score) = score.split_once(',').unwrap();
        let cells: Vec<&str> = of_file.split(',').collect();
        assert_eq!(row, format!("{number},{},{},{},{score}", cells[0], cells[2], cells[3]));
    }
    let all = "--keep who,what,price,country,clicked";
    run(&format!("predict {{}} {{}} {all} --out {{}} -q"), &[cesaa, csv, &table]).ok();
    // The file that was written has all that is needed to be scored itself.
    run(&format!("predict {{}} {{}} {all} --out {{}} -q"), &[cesaa, &table, &again]).ok();
    let text = fs::read_to_string(&again).unwrap();
    assert!(text.lines().skip(1).zip(rows_of(csv)).all(|(row, of)| row.contains(&format!(",{of},"))), "{text}");
    let json = run("predict {} {} --keep price,clicked --json -q", &[cesaa, &table]).ok().json();
    assert_eq!((&json[0]["price"], &json[0]["clicked"]), (&json!(0.5), &json!(1)));
    run("predict {} {} --keep prize", &[cesaa, csv]).fails(2, &["no column `prize`", "did you mean `price`?"]);
    run("predict {} {} --keep score", &[cesaa, &again]).fails(2, &["the column `score` cannot be kept"]);
    run("predict {} {} --keep who,who", &[cesaa, csv]).fails(2, &["`who` is to be kept twice"]);
}

#[test]
fn what_cannot_be_kept_depends_on_what_is_written() {
    let Made { home, csv, cesaa, .. } = made();
    let named = home.join("named.csv");
    let rows = fs::read_to_string(csv).unwrap();
    let mut rows = rows.lines().take(4);
    let head = format!("{},row,score,rank,item,items\n", rows.next().unwrap());
    write(&named, &rows.enumerate().fold(head, |text, (n, row)| format!("{text}{row},r,s,{n},i{n},all\n")));
    let kept = run("predict {} {} --keep rank,item,items -q", &[cesaa, &named]).ok().out;
    assert!(kept.starts_with("row,rank,item,items,score\n1,0,i0,all,"), "{kept}");
    let json = run("predict {} {} --keep rank,item,items --json -q", &[cesaa, &named]).ok().json();
    assert_eq!((&json[2]["rank"], &json[2]["item"]), (&json!(2), &json!("i2")));
    for name in ["row", "score"] {
        let told = format!("the column `{name}` cannot be kept");
        run(&format!("predict {{}} {{}} --keep {name}"), &[cesaa, &named]).fails(2, &[&told]);
        run(&format!("predict {{}} {{}} --keep {name} --json"), &[cesaa, &named]).fails(2, &[&told]);
    }
}

/// The rows of a file, without its header.
fn rows_of(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap().lines().skip(1).map(str::to_owned).collect()
}
