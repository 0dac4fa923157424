//! What somebody meets who has data of their own: files that are not perfect, requests of the other family, seeds, few rows.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use serde_json::json;

use crate::support::{Done, adepts, folder, log, prepared, run, runs, words, write};

const CONFIG: &str = r#"
[data]
source = "SOURCE"
label = "clicked"
domain = "country"
user = "who"
fields = ["who", "what"]
dense = ["price"]

[train]
batch = 64
epochs = 2

[eval]
resamples = 30

[model]
kind = "cesaa"
experts = 4
hidden = [4]
embedding = 4
"#;

/// 600 rows, of which one in ten names nobody and Malta has four.
fn text() -> String {
    let mut text = "who,what,price,country,clicked\n".to_owned();
    for row in 0..600_u32 {
        let who = if row % 10 == 7 { String::new() } else { format!("u{}", row * 7 % 40) };
        let country = match row {
            _ if row % 150 == 3 => "malta",
            _ if row % 3 == 0 => "france",
            _ => "germany",
        };
        let clicked = u32::from(row * 13 % 7 < 3);
        writeln!(text, "{who},i{},{}.5,{country},{clicked}", row * 11 % 30, row % 9).unwrap();
    }
    text
}

pub(crate) struct Made {
    pub(crate) home: PathBuf,
    pub(crate) csv: PathBuf,
    config: PathBuf,
    pub(crate) cesaa: PathBuf,
}

pub(crate) fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let home = Box::leak(Box::new(folder())).path().to_owned();
        let [csv, config, cesaa] = ["clicks.csv", "clicks.toml", "cesaa"].map(|name| home.join(name));
        write(&csv, &text());
        write(&config, &CONFIG.replace("SOURCE", &csv.display().to_string()));
        run("train {} --out {} -q", &[&config, &cesaa]).ok();
        Made { home, csv, config, cesaa }
    })
}

/// As [`run`], with this on stdin.
fn fed(line: &str, paths: &[&Path], input: &[u8]) -> Done {
    let mut child =
        adepts(words(line, paths)).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Done::of(&child.wait_with_output().unwrap())
}

#[test]
fn rows_without_a_user_are_kept_and_told() {
    let Made { home, config, .. } = made();
    let data = home.join("kept");
    let done = run("prepare --config {} --out {}", &[config, &data]).ok();
    assert!(done.out.contains("60 rows have no user"), "{}", done.out);
    let by_user = home.join("users.toml");
    write(&by_user, &(fs::read_to_string(config).unwrap() + "\n[split]\nkind = \"users\"\n"));
    run("prepare --config {} --out {}", &[&by_user, &home.join("cut")]).fails(1, &["column `who`", "missing"]);
}

#[test]
fn what_is_missing_or_unknown_is_told_of_every_field_and_on_the_page() {
    let Made { home, config, cesaa, .. } = made();
    let (rare, data) = (home.join("rare.toml"), home.join("rare"));
    // Every thing stands in 20 rows.
    let named = r#"["who", { column = "what", min_count = 30 }]"#;
    write(&rare, &fs::read_to_string(config).unwrap().replace(r#"["who", "what"]"#, named));
    let done = run("prepare --config {} --out {}", &[&rare, &data]).ok();
    for out in [&done.out, &run("inspect {}", &[&data]).ok().out] {
        for text in ["field who: ", "; 60 rows without a value\n", "; 600 values that count as unknown\n"] {
            assert!(out.contains(text), "`{text}` is not in {out}");
        }
    }
    let page = fs::read_to_string(cesaa.join("report.html")).unwrap();
    for text in ["<section id=\"data\"", "Rows without a value", "Rows without a user, which", "Training rows"] {
        assert!(page.contains(text), "`{text}` is not on the page");
    }
}

#[test]
fn predicting_needs_neither_label_nor_user_and_reads_what_comes_through_stdin() {
    let Made { cesaa, home, .. } = made();
    let rows = "who,what,price,country,clicked\nu1,i2,3.5,france,\n,i2,,germany,perhaps\n";
    let done = fed("predict {} -", &[cesaa], rows.as_bytes()).ok();
    assert_eq!(done.out.lines().count(), 3, "{}", done.out);
    assert!(done.err.contains("1 row has no value of who") && done.err.contains("no value of price"), "{}", done.err);
    let file = home.join("some.csv");
    write(&file, rows);
    assert_eq!(run("predict {} {} -q", &[cesaa, &file]).ok().out, done.out);
    let json = r#"{"who":"u1","what":"i2","price":3.5,"country":"france"}"#;
    assert_eq!(fed("predict {} - -q", &[cesaa], json.as_bytes()).ok().out.lines().next(), Some("row,score"));
    // The header is line 1 of the file, so the second row is line 3.
    let spoilt = rows.replace("germany", "italy");
    let refused = fed("predict {} -", &[cesaa], spoilt.as_bytes());
    assert!(!refused.err.contains("stream.csv"), "nobody knows where a stream is kept: {}", refused.err);
    refused.fails(1, &["stdin, line 3", "italy", "`france`"]);
    let done = fed("predict {} - --skip-bad-rows", &[cesaa], spoilt.as_bytes()).ok();
    assert!(done.err.contains("1 row was skipped:") && done.err.contains("(first: stdin, line 3"), "{}", done.err);
    assert!(!done.err.contains("stream.csv"), "{}", done.err);
    fed("predict {} -", &[cesaa], b"").fails(1, &["stdin is empty"]);
    fed("predict {} -", &[cesaa], b"who,price,country\nu1,1,france\n").fails(2, &["stdin has no column `what`"]);
    let all = spoilt.replace("france", "spain");
    fed("predict {} - --skip-bad-rows", &[cesaa], all.as_bytes())
        .fails(1, &["stdin: all 2 rows are bad", "2 × a domain that was not trained on", "stdin, line 2"]);
}

#[test]
fn rows_that_are_all_bad_are_counted_by_reason() {
    let Made { home, config, csv, .. } = made();
    let bad = home.join("bad.csv");
    let text = fs::read_to_string(csv).unwrap();
    let spoilt: Vec<String> =
        text.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().0.to_owned() + ",maybe").collect();
    write(&bad, &format!("who,what,price,country,clicked\n{}\na,b\n", spoilt.join("\n")));
    let out = home.join("nothing");
    let ask = "train {} --data {} --set data.bad_rows=skip --out {}";
    run(ask, &[config, &bad, &out]).fails(
        1,
        &[
            "all 601 rows are bad",
            "600 × in the column `clicked` something else than a label",
            "line 2",
            "1 × found 2 values",
        ],
    );
    assert!(!out.exists());
}

#[test]
fn what_makes_a_column_no_label_or_no_domain_is_named_with_its_line() {
    let Made { home, csv, .. } = made();
    let (text, file) = (fs::read_to_string(csv).unwrap(), home.join("inspected.csv"));
    let inspect = |text: &str| {
        write(&file, text);
        run("inspect {} --tabular", &[&file])
    };
    assert!(inspect(&text).ok().out.contains("label = \"clicked\""));
    let lines: Vec<&str> = text.lines().collect();
    let with = |at: usize, line: &str| [&lines[..at], &[line], &lines[at + 1..]].concat().join("\n");
    let odd = inspect(&with(500, "u1,i2,3.5,france,maybe"));
    odd.fails(2, &["`clicked`", "`maybe`", "inspected.csv, line 501", "bad_rows = \"skip\"", "at_least"]);
    inspect(&with(3, "u1,i2,3.5,france,5")).fails(2, &["`clicked`", "`5`", "line 4"]);
    let ones: Vec<String> = lines.iter().map(|line| line.replace(",0", ",1")).collect();
    inspect(&ones.join("\n")).fails(2, &["`clicked`", "holds `1` alone"]);
    inspect(&text.replacen("clicked", "outcome", 1))
        .fails(2, &["no column seems to be the label", "clicked", "name it with `--label COLUMN`"]);
    inspect(&with(7, "u1,i2,3.5,,1")).fails(2, &["`country`", "1 row has no value"]);
    let many: Vec<String> =
        lines.iter().enumerate().map(|(n, line)| line.replace("germany", &format!("g{n}"))).collect();
    inspect(&many.join("\n")).fails(2, &["`country`", "different values", "say `--domain country`"]);
    assert!(run("inspect {} --tabular --domain country", &[&file]).ok().out.contains("domain = \"country\""));
}

#[test]
fn columns_with_names_of_their_own_are_named_and_the_proposal_is_printed_as_json() {
    let Made { home, csv, .. } = made();
    let file = home.join("own-names.csv");
    write(&file, &fs::read_to_string(csv).unwrap().replacen("country,clicked", "place,outcome", 1));
    let inspect = |options: &str| run(&format!("inspect {{}} {options}"), &[&file]);
    inspect("--tabular").fails(2, &["no column seems to be the label", "`--label COLUMN`"]);
    let half = inspect("--tabular --label outcome");
    half.fails(2, &["no column seems to be the domain", "`--domain COLUMN`"]);
    inspect("--tabular --label outcome --domain plce").fails(2, &["no column `plce`", "did you mean `place`?"]);
    inspect("--tabular --label price --domain place").fails(2, &["`price`", "would be the label but holds"]);
    inspect("--tabular --label outcome --domain outcome").fails(2, &["both the label and the domain"]);
    inspect("--tabular --label outcome --domain who").fails(2, &["`who`", "60 rows have no value", "`--domain"]);
    inspect("--tabular --label outcome --domain price").fails(2, &["`price` cannot be the domain", "each a category"]);
    inspect("--domain place").fails(2, &["--tabular"]);
    let own = fs::read_to_string(csv).unwrap();
    let with_market = |(n, row): (usize, &str)| match n {
        0 => format!("{},markt\n", row.replace("country", "channel")),
        n => format!("{row},{}\n", ["north", "south"][n % 2]),
    };
    write(&file, &own.lines().enumerate().map(with_market).collect::<String>());
    let guessed = inspect("--tabular");
    assert!(guessed.err.contains("`markt` could be it too") && guessed.ok().out.contains("domain = \"channel\""));
    write(&file, &own.replacen("country,clicked", "place,outcome", 1));
    let table = inspect("--tabular --label outcome --domain place").ok().out;
    let found = inspect("--tabular --label outcome --domain place --json").ok().json();
    assert_eq!(found["toml"].as_str().unwrap(), table);
    assert_eq!((&found["data"]["label"]["column"], &found["data"]["domain"]), (&json!("outcome"), &json!("place")));
    let domains = found["domains"].as_array().unwrap();
    assert_eq!(domains.iter().map(|domain| domain["rows"].as_u64().unwrap()).sum::<u64>(), 600);
    let first = &domains[0];
    let share = 100.0 * first["positive"].as_f64().unwrap() / first["rows"].as_f64().unwrap();
    let told =
        format!("#   {}: {} rows, {share:.1} % with the label 1", first["domain"].as_str().unwrap(), first["rows"]);
    assert!(table.contains(&told), "{told}: {table}");
    assert_eq!((&found["looked_at"], &found["columns"][3]["name"]), (&json!(600), &json!("place")));
    let (config, data) = (home.join("own-names.toml"), home.join("own-names"));
    write(&config, &table);
    run("prepare --config {} --out {}", &[&config, &data]).ok();
}

#[test]
fn requests_of_the_other_family_are_pointed_to_where_they_belong() {
    let Made { home, csv, config, cesaa } = made();
    let out = home.join("wrong");
    run("train --model cesaa --data {} --out {}", &[csv, &out])
        .fails(2, &["inspect FILE --tabular", "experiment file"]);
    for option in ["--core 5", "--item what", "--min-rating 3"] {
        let name = option.split(' ').next().unwrap();
        run(&format!("train {{}} {option} --out {{}}"), &[config, &out]).fails(2, &[name, "inspect FILE --tabular"]);
        run(&format!("prepare --config {{}} {option} --out {{}}"), &[config, &out]).fails(2, &[name]);
    }
    let rows = home.join("prepared-rows");
    run("prepare --config {} --out {} -q", &[config, &rows]).ok();
    run("train --model ease --data {} --out {}", &[&rows, &out])
        .fails(2, &["holds prepared tabular data", "expected histories"]);
    run("train --model cesaa --data {} --out {}", &[prepared(), &out]).fails(2, &["holds prepared histories"]);
    for folder in [&*rows, prepared()] {
        run("evaluate {}", &[folder]).fails(2, &["is a prepared dataset, not a run"]);
    }
    run("train --model ease --data {} --core 3 --user user --item item --out {} -q", &[log(), &out]).ok();
    let [popularity, ..] = runs();
    run("evaluate {} {}", &[cesaa, popularity]).fails(2, &["history model"]);
    let instead = format!("`adepts predict {} FILE`", cesaa.display());
    run("recommend {} --user u1", &[cesaa]).fails(2, &["tabular model", &instead, "probabilities"]);
    run("recommend {} --all --out {}", &[cesaa, &home.join("all.jsonl")]).fails(2, &[&instead]);
    let instead = format!("`adepts recommend {} --users FILE --out lists.parquet`", popularity.display());
    run("predict {} {}", &[popularity, csv]).fails(2, &["history model", &instead]);
}

#[test]
fn an_evaluation_is_judged_by_conditions_parts_and_metrics_as_for_histories() {
    let Made { cesaa, .. } = made();
    run("evaluate {} --fail-if auc<0 --fail-if france.log_loss<0 --fail-if gap.auc<0 -q", &[cesaa]).ok();
    run("evaluate {} --fail-if worst.auc<2 -q", &[cesaa]).fails(1, &["worst.auc < 2 holds"]);
    run("evaluate {} --fail-if franse.auc<0", &[cesaa]).fails(2, &["did you mean `france`?"]);
    run("evaluate {} --fail-if acu<0", &[cesaa]).fails(2, &["did you mean `auc`?"]);
    run("evaluate {} --metrics acu", &[cesaa]).fails(2, &["did you mean `auc`?"]);
    run("evaluate {} --metrics auc --fail-if log_loss>9", &[cesaa]).fails(2, &["log_loss", "not measured"]);
    let before = fs::read(cesaa.join("report.json")).unwrap();
    let found = run("evaluate {} --part validation --metrics auc --json -q", &[cesaa]).ok().json();
    let metrics: Vec<&String> = found["runs"][0]["metrics"].as_object().unwrap().keys().collect();
    assert_eq!(metrics, ["auc", "auc_macro", "auc_weighted"]);
    assert_eq!(found["runs"][0]["protocol"]["part"], "validation");
    assert_eq!(fs::read(cesaa.join("report.json")).unwrap(), before, "what was asked specially is not kept");
    let shown = run("evaluate {} --part validation", &[cesaa]).ok().out;
    assert!(shown.starts_with("on validation rows"), "{shown}");
}

#[test]
fn a_domain_of_a_few_rows_is_marked() {
    let Made { cesaa, .. } = made();
    let shown = run("evaluate {}", &[cesaa]).ok().out;
    if !shown.contains("no row was judged of malta") {
        assert!(shown.contains("malta †") && shown.contains("not established"), "{shown}");
    }
    let worst = run("evaluate {} --json", &[cesaa]).ok().json()["runs"][0]["worst"]["group"].clone();
    assert_ne!(worst, "malta");
}

#[test]
fn models_with_several_seeds_are_compared_over_seeds() {
    let Made { home, config, .. } = made();
    let mut folders = Vec::new();
    for (model, sets) in [("mlp", "--set model={kind=\"mlp\",hidden=[4]}"), ("fm", "--set model={kind=\"fm\"}")] {
        for seed in [1, 2] {
            let out = home.join(format!("{model}-s{seed}"));
            let line = format!("train {{}} {sets} --set seed={seed} --set name={model}-s{seed} --out {{}} -q");
            run(&line, &[config, &out]).ok();
            folders.push(out);
        }
    }
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let compared = run("compare {} {} {} {} --baseline mlp --json", &folders).ok().json();
    assert_eq!((&compared["over"], &compared["baseline"]), (&"seeds".into(), &"mlp".into()));
    let names: Vec<&str> = compared["groups"].as_array().unwrap().iter().map(|g| g["name"].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["mean of domains", "all rows, pooled"]);
    assert!(names.contains(&"france") && names.contains(&"germany"));
    let fm = &compared["groups"][0]["models"][1];
    assert_eq!(
        (&fm["model"], fm["estimate"]["n"].as_u64(), fm["difference"]["difference"]["n"].as_u64()),
        (&"fm".into(), Some(2), Some(2))
    );
    let loss = run("compare {} {} {} {} --metric log_loss --baseline mlp --json", &folders).ok().json();
    let of = |at: usize| loss["groups"][0]["models"][at]["estimate"]["mean"].as_f64().unwrap();
    let gain = loss["groups"][0]["models"][1]["difference"]["difference"]["mean"].as_f64().unwrap();
    assert!((gain - (of(0) - of(1))).abs() < 1e-12, "a smaller loss is a gain");
    let page = home.join("seeds.html");
    let shown = run("compare {} {} {} {} --html {}", &[&folders[..], &[&page]].concat()).ok().out;
    assert!(shown.contains("paired by split and seed") && shown.contains("france"), "{shown}");
    assert!(fs::read_to_string(page).unwrap().contains("over seeds"));
    run("compare {} {} {} {} --metric auk", &folders).fails(2, &["did you mean `auc`?"]);
}

#[test]
fn runs_of_one_name_and_several_kinds_are_several_models() {
    let Made { home, config, .. } = made();
    let mut folders = Vec::new();
    for (model, seed) in [("mlp", 1), ("mlp", 2), ("fm", 1), ("fm", 2)] {
        let out = home.join(format!("alike-{model}-{seed}"));
        let line =
            format!("train {{}} --set model={{kind=\"{model}\"}} --set seed={seed} --set name=own --out {{}} -q");
        run(&line, &[config, &out]).ok();
        folders.push(out);
    }
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let compared = run("compare {} {} {} {} --json", &folders).ok().json();
    let models: Vec<_> =
        compared["groups"][0]["models"].as_array().unwrap().iter().map(|m| m["model"].clone()).collect();
    assert_eq!(models, ["own (mlp)", "own (fm)"]);
    // Each with another seed: nothing is averaged over kinds.
    run("compare {} {}", &[folders[0], folders[3]]).fails(2, &["none has a second seed"]);
    run("compare {} {} {}", &[folders[0], folders[1], folders[1]]).fails(2, &["repeats a run of the model `own`"]);
}

#[test]
fn a_run_that_is_not_there_is_continued_from_the_beginning_and_says_so() {
    let Made { home, config, .. } = made();
    let done = run("train {} --out {} --resume", &[config, &home.join("fresh")]).ok();
    assert!(done.err.contains("training starts from the beginning"), "{}", done.err);
}

#[test]
fn a_listed_domain_must_be_there_and_others_are_left_out() {
    let Made { home, config, .. } = made();
    let out = home.join("listed");
    run("train {} --set data.domains=[\"france\",\"germny\"] --out {}", &[config, &out])
        .fails(2, &["germny", "did you mean `germany`?"]);
    let done = run("train {} --set data.domains=[\"france\",\"germany\"] --out {}", &[config, &out]).ok();
    assert!(done.err.contains("4 rows are of domains that data.domains does not list"), "{}", done.err);
    assert!(!done.out.contains("malta"), "{}", done.out);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Rows of domains that data.domains does not list"));
}

#[test]
fn the_quickstart_teaches_both_families_and_refuses_no_epochs_at_once() {
    let home = folder();
    let out = home.path().join("quick");
    run("quickstart --tabular --epochs 0 --out {}", &[&out]).fails(2, &["at least 1"]);
    assert!(!out.exists());
    let help = run("quickstart --help", &[]).ok().out;
    assert!(help.contains("histories") && help.contains("runs/tall") && help.contains("runs/cesaa"), "{help}");
    let settings = run("models cesaa", &[]).ok().out;
    assert!(settings.contains("adagrad") && settings.contains("[train]"), "{settings}");
}

#[test]
fn a_run_without_a_name_has_that_of_its_folder() {
    let home = folder();
    let [config, out] = ["own.toml", "mine-s1"].map(|name| home.path().join(name));
    write(&config, &format!("data = {{ source = {:?} }}\nmodel = {{ kind = \"popularity\" }}\n", prepared()));
    run("train {} --out {} -q", &[&config, &out]).ok();
    assert!(fs::read_to_string(out.join("config.toml")).unwrap().contains("name = \"mine-s1\""));
    let again = home.path().join("again");
    run("train {} --out {} -q --set name=said", &[&config, &again]).ok();
    assert!(fs::read_to_string(again.join("config.toml")).unwrap().contains("name = \"said\""));
}
