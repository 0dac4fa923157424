//! What evaluations and comparisons say: groups of the user's own, what was drawn, the baseline, numbers from far outside.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{folder, log, report, run, runs, write};

#[test]
fn users_by_a_column_of_groups_stand_in_the_table_on_the_page_and_in_the_report() {
    let folder = folder();
    let out = folder.path().join("ease");
    let line = "train --model ease --data {} --user user --item item --group community --out {} -q";
    let said = run(line, &[log(), &out]).ok().out;
    assert!(said.contains("NDCG@20 by community"), "{said}");
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("community"));
    for folder in [&out, &runs()[1]] {
        let groups = report(folder)["runs"][0]["groups"].as_array().unwrap().clone();
        assert!(groups.iter().any(|group| group["by"] == "community"), "also of a prepared folder: {groups:?}");
    }
    let name = report(&out)["runs"][0]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|group| (group["by"] == "community").then(|| group["name"].as_str().unwrap().to_owned()));
    let condition = |name: &str| format!("evaluate {{}} --fail-if {name}.ndcg@20<0 -q");
    run(&condition(&name.unwrap()), &[&out]).ok();
    run(&condition("community:nowhere"), &[&out]).fails(2, &["no group `community:nowhere`"]);
    let said = run("evaluate {} --json -q", &[&out]).ok().out;
    assert!(!said.contains("-0.0,") && !said.contains("NaN"));
}

#[test]
fn users_without_a_value_are_a_group_of_their_own_and_one_with_two_is_named_with_both_lines() {
    let folder = folder();
    let (log, data, out) = (folder.path().join("log.csv"), folder.path().join("data"), folder.path().join("run"));
    let rows = |country: &dyn Fn(u32, u32) -> &'static str| {
        let row = |n: u32| format!("{},{},{}\n", n / 12, (n * 7 + n / 12) % 30, country(n / 12, n % 12));
        "user,item,country\n".to_owned() + &(0..480).map(row).collect::<String>()
    };
    write(
        &log,
        &rows(&|user, _| {
            if user == 3 {
                ""
            } else if user % 2 == 0 {
                "de"
            } else {
                "fr"
            }
        }),
    );
    run("prepare --input {} --group country --out {} -q", &[&log, &data]).ok();
    let said = run("train --model popularity --data {} --out {} -q", &[&data, &out]).ok().out;
    assert!(said.contains("country:(no value)") && said.contains("country:de"), "{said}");
    write(&log, &rows(&|user, item| if (user, item) == (2, 5) { "fr" } else { "de" }));
    let wrong = "line 31, column `country`: user `2` is `fr` here and `de` in ";
    let done =
        run("prepare --input {} --group country --out {}", &[&log, &folder.path().join("other")]).fails(1, &[wrong]);
    assert!(done.err.contains("log.csv, line 26;"), "{}", done.err);
}

#[test]
fn the_baseline_and_its_reason_are_the_same_in_a_comparison_and_on_a_page() {
    let folder = folder();
    let page = folder.path().join("page.html");
    let [popularity, ease, tall] = runs().each_ref().map(PathBuf::as_path);
    let found = run("compare {} {} {} --json", &[popularity, ease, tall]).ok().json();
    let reason = "the best by ndcg@20 of those that mix no experts, which a mixture has to beat";
    assert_eq!((&found["baseline"], &found["baseline_reason"]), (&json!("ease"), &json!(reason)));
    assert!(found["groups"][0]["runs"][2]["difference"]["p_holm"].is_null());
    run("report {} {} {} --out {}", &[popularity, ease, tall, &page]).ok();
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains(&format!("The others are compared with ease: {reason}.")));
    let said = run("compare {} {} {}", &[popularity, ease, tall]).ok().out;
    assert!(said.contains(&format!("against ease ({reason})")), "{said}");

    // A folder names its run, also where runs have one name.
    let other = folder.path().join("other");
    std::os::unix::fs::symlink(ease, &other).unwrap();
    let found = run("compare {} {} --baseline other --html {} --json", &[ease, &other, &page]).ok().json();
    assert_eq!((&found["baseline"], &found["baseline_reason"]), (&json!(other.to_str()), &json!("as asked for")));
    assert!(fs::read_to_string(&page).unwrap().contains(": as asked for."), "the page has the same baseline");
}

#[test]
fn an_average_of_kinds_gives_each_model_the_same_say_unless_it_is_taken_raw() {
    let [popularity, ease, _] = runs().each_ref().map(PathBuf::as_path);
    let metric = |line: &str| run(line, &[popularity, ease]).ok().json()["runs"][0]["metrics"]["ndcg@20"].as_f64();
    let raw = metric("evaluate {} {} --average --raw --json -q").unwrap();
    let fair = metric("evaluate {} {} --average --json -q").unwrap();
    assert!((raw - fair).abs() > 1e-6, "{raw} {fair}");
    run("evaluate {} --raw", &[ease]).fails(2, &["--average"]);
}

/// Rows whose label follows the price.
fn labelled(path: &Path, users: bool, mark: &str) {
    let row = |n: u32| {
        let (user, price) = (n % 40, (n * 17) % 50);
        let price = if n == 77 { mark.to_owned() } else { price.to_string() };
        let label = u32::from((n * 17) % 50 + (n * 7) % 13 > 30);
        format!("{user},{},{price},{},{label}\n", n % 11, ["de", "fr"][n as usize % 2])
    };
    let user = if users { "user" } else { "other" };
    write(path, &(format!("{user},item,price,country,label\n") + &(0..900).map(row).collect::<String>()));
}

fn settings(path: &Path, log: &Path, user: &str) {
    let text = format!(
        "[data]\nsource = \"{}\"\nlabel = \"label\"\ndomain = \"country\"\n{user}fields = [\"item\"]\ndense = [\"price\"]\n\
         [train]\nbatch = 128\nepochs = 4\n[eval]\nresamples = 40\n[model]\nkind = \"fm\"\nembedding = 4\n",
        log.display()
    );
    write(path, &text);
}

#[test]
fn intervals_of_examples_say_whether_users_or_rows_were_drawn() {
    let home = folder();
    let (log, config) = (home.path().join("log.csv"), home.path().join("fm.toml"));
    for (user, drawn, said) in
        [("user = \"user\"\n", "users", "95 % intervals over users"), ("", "rows", "95 % intervals over rows")]
    {
        labelled(&log, true, "7");
        settings(&config, &log, user);
        let out = home.path().join(drawn);
        let text = run("train {} --out {} -q", &[&config, &out]).ok().out;
        assert!(text.contains(said), "{text}");
        let report: Value = serde_json::from_slice(&fs::read(out.join("report.json")).unwrap()).unwrap();
        assert_eq!(report["runs"][0]["protocol"]["resampled"], drawn);
        let page = fs::read_to_string(out.join("report.html")).unwrap();
        assert!(page.contains(&format!("as many {drawn} as")), "{drawn}");
    }
}

#[test]
fn numbers_from_far_outside_get_a_probability_and_are_told() {
    let home = folder();
    let (log, config, out) = (home.path().join("log.csv"), home.path().join("fm.toml"), home.path().join("fm"));
    settings(&config, &log, "");
    let new = home.path().join("new.csv");
    let marks = ["20", "3.4028234e38", "1e300", "-1.7976931348623157e308", "1e9", "60"];
    write(&new, &("item,price,country\n".to_owned() + &marks.map(|mark| format!("3,{mark},de\n")).concat()));
    let scores = |mark: &str| -> Vec<f64> {
        labelled(&log, true, mark);
        run("train {} --out {} -q --overwrite", &[&config, &out]).ok();
        let done = run("predict {} {}", &[&out, &new]).ok();
        assert!(done.err.contains("4 numbers of price lie far outside of what training saw"), "{}", done.err);
        done.out.lines().skip(1).map(|line| line.split_once(',').unwrap().1.parse().unwrap()).collect()
    };
    let plain = scores("7");
    assert!(plain.iter().all(|score| (0.0..=1.0).contains(score) && *score > 0.0 && *score < 1.0), "{plain:?}");
    assert_eq!((plain[1], plain[1]), (plain[2], plain[4]), "all that lies above is clipped to one number");
    assert!(plain[5] != plain[4] && plain[3] != plain[1], "{plain:?}");
    // A mark for "missing" among the training rows, as large as a number can be, leaves the column what it is.
    let marked = scores("1.7976931348623157e308");
    assert!(marked.iter().all(|score| *score > 0.0 && *score < 1.0) && marked[0] != marked[5], "{marked:?}");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Numbers of price far outside of what training rows have"));
    let said = run("prepare --config {} --out {}", &[&config, &home.path().join("data")]).ok().out;
    assert!(said.contains("1 number of price lies far outside of what training rows have and was clipped"), "{said}");
    let text = fs::read_to_string(&log).unwrap();
    let all = text.lines().map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells[2] = if cells[2] == "price" { "price" } else { "1e200" };
        cells.join(",") + "\n"
    });
    write(&log, &all.collect::<String>());
    run("train {} --out {} -q --overwrite", &[&config, &out]).fails(1, &["`price`", "1e200", "quantile"]);
}

#[test]
fn every_group_and_the_length_of_the_history_stand_beside_a_user_s_figures() {
    let bytes = fs::read(runs()[1].join("per_user.parquet")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for column in ["history_length", "group_mainstream", "group_activity", "group_community", "ndcg@20"] {
        assert!(text.contains(column), "{column}");
    }
}
