//! From a raw log to a prepared folder: `inspect`, `simulate`, `import`, `prepare`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::{folder, log, run, write};

/// Customers with text ids, each with half of the 24 products; `broken` rows stand in lines 5 to 7.
fn own_csv(path: &Path, broken: bool) {
    let mut text = "customer,sku,stars\n".to_owned();
    for customer in 0..40 {
        for product in (0..24).filter(|product| (customer * 7 + product * 5) % 11 < 6) {
            writeln!(text, "c-{customer:02},sku {product},{}", 1 + (customer + product) % 5).unwrap();
            if broken && customer == 0 && text.lines().count() == 4 {
                text += "c-00\nc-00,,4\nc-00,sku 3,many\n";
            }
        }
    }
    write(path, &text);
}

const OWN: &str = "prepare --input {} --user customer --item sku --rating stars --min-rating 2 --out {}";

#[test]
fn an_own_csv_is_prepared_without_a_config_file() {
    let folder = folder();
    let (csv, out) = (folder.path().join("own.csv"), folder.path().join("prepared"));
    own_csv(&csv, false);
    let done = run(OWN, &[&csv, &out]).ok();
    for text in ["rating >= 2", "training", "prepared:"] {
        assert!(done.out.contains(text), "{}", done.out);
    }
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!((&manifest["users"], &manifest["items"]), (&json!(40), &json!(24)));
    let again = run(&format!("{OWN} --json --split leave-last -q"), &[&csv, &out]);
    again.fails(2, &["leave-last", "time"]);
    assert!(out.join("manifest.json").exists(), "a failure leaves what was there");
}

#[test]
fn a_broken_row_is_named_or_skipped() {
    let folder = folder();
    let (csv, out) = (folder.path().join("own.csv"), folder.path().join("prepared"));
    own_csv(&csv, true);
    run(OWN, &[&csv, &out]).fails(1, &["own.csv", "line 5"]);
    assert!(!out.exists());
    let done = run(&format!("{OWN} --bad-rows skip"), &[&csv, &out]).ok();
    for text in ["3 rows could not be read", "line 5", "line 6", "`sku`", "line 7", "`many`"] {
        assert!(done.out.contains(text), "`{text}` is not in {}", done.out);
    }
    run("train --model ease --data {} --out {} -q", &[&out, &folder.path().join("run")]).ok();
    let answer = run("recommend {} --history sku:1 --json", &[&folder.path().join("run")]).ok().json();
    assert_eq!(answer["unknown"], json!({"count": 1, "ids": ["sku:1"]}));
    assert!(answer["items"][0]["item"].as_str().unwrap().starts_with("sku "), "ids come out as they went in");
}

#[test]
fn a_missing_file_or_column_is_a_wrong_request() {
    let folder = folder();
    let (csv, out) = (folder.path().join("own.csv"), folder.path().join("prepared"));
    run(OWN, &[&csv, &out]).fails(2, &["there is no file", "own.csv"]);
    own_csv(&csv, false);
    run("prepare --input {} --user custmer --item sku --out {}", &[&csv, &out]).fails(2, &["`custmer`", "`customer`?"]);
    run("prepare --input {} --out {} --split sideways", &[&csv, &out]).fails(2, &["sideways", "leave-last"]);
    assert!(!out.exists());
}

#[test]
fn an_empty_result_names_the_step_that_emptied_it() {
    let folder = folder();
    let (csv, out) = (folder.path().join("own.csv"), folder.path().join("prepared"));
    own_csv(&csv, false);
    run("prepare --input {} --user customer --item sku --core 1000 --out {}", &[&csv, &out])
        .fails(1, &["nothing is left", "1000"]);
    assert!(!out.exists());
}

#[test]
fn a_log_that_cannot_be_cut_is_refused_with_a_setting_that_works() {
    let folder = folder();
    let (csv, out) = (folder.path().join("log.csv"), folder.path().join("prepared"));
    let prepare = |options: &str| run(&format!("prepare --input {{}} --out {{}} -q {options}"), &[&csv, &out]);
    let log = |users: u32, items: u32| {
        let rows = (0..users).flat_map(|user| (0..items).map(move |nth| (user, (user + nth * 3) % 11)));
        let head = String::from("user,item,when\n");
        let rows = rows.enumerate().map(|(nth, (user, item))| format!("{user},{item},{}\n", 1000 + nth));
        write(&csv, &rows.fold(head, |text, row| text + &row));
    };
    log(1, 1);
    prepare("").fails(1, &["1 interaction of 1 user", "no split works on so few"]);
    log(30, 2);
    for split in ["random", "users"] {
        let told = ["the most that a user has here is 2", "`--time COLUMN --split temporal`"];
        prepare(&format!("--split {split}")).fails(1, &told);
        let told = "`--split temporal --validation 0.1 --test 0.2` works";
        prepare(&format!("--split {split} --time when")).fails(1, &[told]);
    }
    prepare("--time when --split leave-last").fails(1, &["`--split temporal --validation 0.1 --test 0.2` works"]);
    prepare("--time when --split temporal --validation 0.1 --test 0.2").ok();
    fs::remove_dir_all(&out).unwrap();
    log(12, 5);
    let told = "the largest that leaves something is `--core 5` (data.filter.core), with ";
    prepare("--core 50").fails(1, &[told, " of 60 interactions and ", " of 12 users"]);
    prepare("--core 5").ok();
}

#[test]
fn a_truncated_parquet_file_is_a_clear_error() {
    let folder = folder();
    let (log, out) = (folder.path().join("log.parquet"), folder.path().join("prepared"));
    run("simulate --users 200 --items 100 --set interactions=20 --out {} -q", &[&log]).ok();
    let bytes = fs::read(&log).unwrap();
    fs::File::options().write(true).open(&log).unwrap().set_len(bytes.len() as u64 / 2).unwrap();
    run("prepare --input {} --user user --item item --out {}", &[&log, &out]).fails(1, &["log.parquet", "Parquet"]);
    assert!(!out.exists());
}

#[test]
fn a_log_of_another_layout_is_prepared_and_trained_on_as_inspect_sees_it() {
    let folder = folder();
    let (csv, out) = (folder.path().join("own.csv"), folder.path().join("prepared"));
    own_csv(&csv, false);
    write(&csv, &fs::read_to_string(&csv).unwrap().replace(',', ";"));
    let found = run("inspect {} --user customer --item sku --json", &[&csv]).ok().json();
    assert_eq!(found["delimiter"], json!(";"));
    let done = run("prepare --input {} --user customer --item sku --out {}", &[&csv, &out]).ok();
    assert!(done.err.contains("guessed by the first lines: separated by `;`"), "{}", done.err);
    assert!(done.out.contains("the log was read as separated by `;`"), "{}", done.out);
    let done = run(
        "train --model popularity --data {} --user customer --item sku --out {}",
        &[&csv, &folder.path().join("run")],
    );
    assert!(done.ok().err.contains("separated by `;`"));
    run("prepare --input {} --user customer --item sku --delimiter , --out {}", &[&csv, &out])
        .fails(2, &["`customer`"]);
    // The command that is proposed works as it stands.
    let command = found["prepare"].as_str().unwrap().replace("adepts ", "").replace('\'', "");
    run(&command.replace("--out prepared", "--out {}"), &[&out]).ok();
}

#[test]
fn a_prepared_folder_is_shown_with_its_counts_and_settings() {
    let folder = folder();
    let out = folder.path().join("prepared");
    let done = run("prepare --input {} --user user --item item --split users --out {}", &[log(), &out]).ok();
    assert!(done.out.contains("60 users are held out whole"), "{}", done.out);
    let shown = run("inspect {}", &[&out]).ok().out;
    for text in
        ["a prepared dataset of 300 users", "validation and", "[split]", "kind = \"users\"", "60 users are held out"]
    {
        assert!(shown.contains(text), "`{text}` is not in {shown}");
    }
    let found = run("inspect {} --json", &[&out]).ok().json();
    assert_eq!((&found["users"], &found["held_out_users"]), (&json!(300), &json!(60)));
}

#[test]
fn sizes_of_the_parts_are_checked_and_their_defaults_told() {
    let folder = folder();
    let out = folder.path().join("prepared");
    let help = run("prepare --help", &[]).ok().out;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in ["[default: 0.1], or with leave-last", "with users and for tabular models 0.1]", "[default: 0.8]"] {
        assert!(help.contains(text), "`{text}` is not in {help}");
    }
    let with = |options: &str| {
        run(&format!("prepare --input {{}} --user user --item item --out {{}} {options}"), &[log(), &out])
    };
    with("--split users --test 1.5").fails(2, &["`--test` (split.test)", "1.5"]);
    with("--split random --test lots").fails(2, &["`--test` (split.test)", "`lots`", "a share"]);
    with("--split leave-last --time time --test 0.2").fails(2, &["`--test` (split.test)", "`0.2`", "whole number"]);
    with("--split leave-last").fails(2, &["`--time` (data.time)"]);
    assert!(!out.exists());
}

#[test]
fn nobody_removes_the_source_of_the_data() {
    let folder = folder();
    let (csv, out, trained) = (folder.path().join("own.csv"), folder.path().join("p"), folder.path().join("run"));
    own_csv(&csv, false);
    let own = "--user customer --item sku";
    run(&format!("prepare --input {{}} {own} --out {{}} -q"), &[&csv, &out]).ok();
    let before = fs::read(out.join("interactions.parquet")).unwrap();
    run("prepare --input {} --user user --item item --out {}", &[&out.join("interactions.parquet"), &out])
        .fails(2, &["holds the source", "nothing was touched"]);
    run("train --model popularity --data {} --out {} -q", &[&out, &trained]).ok();
    let data = trained.join("data");
    run("train --model popularity --data {} --out {} --overwrite -q", &[&data, &trained])
        .fails(2, &["holds the source", "nothing was touched"]);
    assert!(fs::read(out.join("interactions.parquet")).unwrap() == before);
    assert!(fs::read(data.join("interactions.parquet")).unwrap() == before);
    run("train --model popularity --data {} --out {} --overwrite -q", &[&out, &trained]).ok();
}

#[test]
fn inspection_proposes_the_table_that_reads_the_log() {
    let done = run("inspect {}", &[log()]).ok();
    for text in ["300 users", "[data]", "user = \"user\"", "community"] {
        assert!(done.out.contains(text), "{}", done.out);
    }
    let found = run("inspect {} --json", &[log()]).ok().json();
    assert_eq!((&found["users"], &found["format"]), (&json!(300), &json!("csv")));
    run("inspect nothing.csv", &[]).fails(2, &["nothing.csv"]);
}

#[test]
fn a_simulation_says_what_it_made_and_refuses_what_cannot_be() {
    let folder = folder();
    let out = folder.path().join("log.csv.gz");
    let made = run("simulate --users 50 --items 40 --set interactions=12 --out {} --json -q", &[&out]).ok().json();
    assert_eq!((&made["users"], &made["communities"][0]["name"]), (&json!(50), &json!("mainstream")));
    run("simulate --out {} --set nich_users=0.5", &[&out]).fails(2, &["nich_users", "`niche_users`?"]);
    run("simulate --out {} --users 0", &[&out]).fails(2, &["users"]);
    run("simulate --out {}", &[&folder.path().join("log.txt")]).fails(2, &[".parquet"]);
}

#[test]
fn movielens_is_imported_from_its_official_files() {
    let folder = folder();
    let (dir, out) = (folder.path(), folder.path().join("ml-1m.parquet"));
    run("import movielens-1m {} --out {}", &[dir, &out]).fails(2, &["users.dat"]);
    write(&dir.join("users.dat"), "1::F::1::10::48067\n2::M::56::16::70072\n");
    write(&dir.join("movies.dat"), "1::Toy Story (1995)::Animation|Children's|Comedy\n");
    write(&dir.join("ratings.dat"), "1::1::5::978824268\n2::1::3::978298413\n");
    run("import movielens-1m {} --out {}", &[dir, &out]).ok();
    let found = run("inspect {} --json", &[&out]).ok().json();
    assert_eq!((&found["rows"], &found["users"]), (&json!(2), &json!(2)));
}
