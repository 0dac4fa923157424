//! Tabular models, from simulated domains to probabilities for new rows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::{epochs, folder, run, runs, write};

const TABLES: &str = r#"
[data]
source = "SOURCE"
label = "label"
domain = "domain"
user = "user"
fields = ["user", "item", "category", { column = "tags", separator = "|" }]
dense = ["price", { column = "hour", transform = "quantile", buckets = 4 }]

[train]
batch = 256
epochs = 3

[eval]
resamples = 50

[model]
kind = "cesaa"
experts = 4
hidden = [8]
embedding = 4
"#;

/// Simulated rows, the file of an experiment on them, and a run of it.
struct Made {
    log: PathBuf,
    config: PathBuf,
    cesaa: PathBuf,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Box::leak(Box::new(folder())).path();
        let (log, config, cesaa) = (folder.join("rows.csv"), folder.join("cesaa.toml"), folder.join("cesaa"));
        let set = "--set rows=4000 --set domains=3 --set lowest_rate=0.1 --users 80 --items 50";
        run(&format!("simulate --tabular {set} --out {{}} -q"), &[&log]).ok();
        write(&config, &TABLES.replace("SOURCE", &log.display().to_string()));
        run("train {} --out {} -q", &[&config, &cesaa]).ok();
        Made { log, config, cesaa }
    })
}

fn report(run: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(run.join("report.json")).unwrap()).unwrap()
}

#[test]
fn the_evaluation_has_domains_with_intervals_and_what_the_experts_do() {
    let Made { cesaa, .. } = made();
    let found = run("evaluate {} --json -q", &[cesaa]).ok().json();
    let run = &found["runs"][0];
    assert_eq!(run["model"], "cesaa");
    assert!(run["metrics"]["auc"].is_number() && run["metrics"]["log_loss"].is_number());
    let domains = run["domains"].as_array().unwrap();
    assert_eq!(domains.len(), 3);
    for domain in domains {
        let auc = &domain["metrics"]["auc"];
        let of = |key: &str| auc[key].as_f64().unwrap();
        assert!(of("lower") <= of("mean") && of("mean") <= of("upper"), "{auc}");
        assert!(domain["name"].is_string() && domain["rows"].is_u64());
    }
    assert_eq!(run["experts"]["load"].as_array().unwrap().len(), 3);
    assert!(run["work"]["activated_parameters"].as_u64() < run["work"]["parameters"].as_u64());
    assert_eq!(report(cesaa)["runs"][0]["metrics"], run["metrics"]);
    assert_eq!(epochs(cesaa).len(), 3);
}

#[test]
fn predicting_the_rows_of_the_log_needs_no_label_and_counts_what_is_unknown() {
    let Made { log, cesaa, .. } = made();
    let home = folder();
    let text = fs::read_to_string(log).unwrap();
    let mut lines = text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned());
    let head = lines.next().unwrap();
    let row = lines.next().unwrap();
    let strange = row.replacen(row.split(',').next().unwrap(), "somebody", 1);
    let new = home.path().join("new.csv");
    write(&new, &format!("{head}\n{row}\n{strange}\n"));
    let done = run("predict {} {}", &[cesaa, &new]).ok();
    let scores: Vec<f64> = done.out.lines().skip(1).map(|l| l.split_once(',').unwrap().1.parse().unwrap()).collect();
    assert_eq!(scores.len(), 2);
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)) && scores[0] != scores[1]);
    assert!(done.err.contains("1 value of user is unknown"), "{}", done.err);
    let out = home.path().join("scores.parquet");
    run("predict {} {} --out {} -q", &[cesaa, log, &out]).ok();
    assert!(out.metadata().unwrap().len() > 1000);
    for name in ["scores.json", "scores"] {
        let other = home.path().join(name);
        run("predict {} {} --out {}", &[cesaa, log, &other])
            .fails(2, &[name, "expected a name that ends with .parquet or .csv"]);
        assert!(!other.exists());
    }

    let elsewhere = row.replace("domain-1", "domain-9").replace("domain-2", "domain-9").replace("domain-3", "domain-9");
    write(&new, &format!("{head}\n{row}\n{elsewhere}\n"));
    assert_eq!(run("predict {} {}", &[cesaa, &new]).fails(1, &["domain-9", "line 3"]).out, "");
    let none = home.path().join("none.parquet");
    run("predict {} {} --out {}", &[cesaa, &new, &none]).fails(1, &["domain-9", "line 3"]);
    assert!(!none.exists() && fs::read_dir(home.path()).unwrap().count() == 2);
    let skipped = run("predict {} {} --skip-bad-rows --json", &[cesaa, &new]).ok();
    assert_eq!(skipped.json().as_array().unwrap().len(), 1);
    assert!(skipped.err.contains("1 row was skipped"), "{}", skipped.err);
}

#[test]
fn runs_on_a_prepared_folder_are_compared_domain_by_domain() {
    let Made { config, .. } = made();
    let home = folder();
    let data = home.path().join("data");
    let prepared = run("prepare --config {} --out {}", &[config, &data]).ok();
    assert!(prepared.out.contains("domain-3") && prepared.out.contains("training"), "{}", prepared.out);
    assert!(run("inspect {}", &[&data]).ok().out.contains("domain-3"));
    let [mlp, single] = ["mlp", "single"].map(|model| {
        let out = home.path().join(model);
        let small = "--set train.epochs=1 --set train.batch=256 --set eval.resamples=50 --set model.hidden=[8]";
        run(&format!("train --model {model} --data {{}} --out {{}} {small} -q"), &[&data, &out]).ok();
        out
    });
    let compared = run("compare {} {}", &[&mlp, &single]).ok().out;
    assert!(compared.contains("against single") && compared.contains("domain-1"), "{compared}");
    let page = home.path().join("page.html");
    run("report {} {} --out {}", &[&mlp, &single, &page]).ok();
    assert!(fs::read_to_string(&page).unwrap().contains("domain-2"));
    run("compare {} {} --baseline sngle", &[&mlp, &single]).fails(2, &["sngle", "single"]);
    run("train --model mlp --data {} --out {} --overwrite", &[&mlp.join("data"), &mlp]).fails(2, &["data"]);
}

#[test]
fn the_families_are_not_mixed_up() {
    let Made { cesaa, config, .. } = made();
    let [popularity, ..] = runs();
    run("recommend {} --user u1", &[cesaa]).fails(2, &["tabular model"]);
    run("predict {} {}", &[popularity, &popularity.join("config.toml")]).fails(2, &["history model"]);
    run("evaluate {} --probe none", &[cesaa]).fails(2, &["--probe is for history models"]);
    run("report {} {} --out nowhere.html", &[popularity, cesaa]).fails(2, &["tabular model"]);
    let home = folder();
    let out = home.path().join("out");
    run("train {} --set model.expert=3 --out {}", &[config, &out]).fails(2, &["did you mean `experts`?"]);
    run("train {} --set train.stop.metric=acu --out {}", &[config, &out]).fails(2, &["did you mean `auc`?"]);
    run("train {} --set data.label=lable --out {}", &[config, &out]).fails(2, &["lable"]);
    assert!(!out.exists(), "nothing is left of a request that was wrong");
}

#[test]
fn a_stop_that_validation_rows_do_not_define_is_refused_before_training() {
    let home = folder();
    let (log, config) = (home.path().join("log.csv"), home.path().join("own.toml"));
    let columns = "label = \"label\"\ndomain = \"shop\"\nfields = [\"item\"]\ntime = \"when\"\n";
    let small = "epochs = 2\nbatch = 32\n[model]\nkind = \"mlp\"\nembedding = 2\nhidden = [2]\n[eval]\nresamples = 5\n";
    let split = "[split]\nkind = \"temporal\"\nvalidation = 0.1\ntest = 0.1\n";
    write(&config, &format!("[data]\nsource = \"{}\"\n{columns}{split}[train]\n{small}", log.display()));
    // Of 200 rows in order of time those from 160 on validate, 20 of them.
    let logged = |label: &dyn Fn(usize) -> usize| {
        let of = |row: usize| {
            let label = if (160..180).contains(&row) { label(row) } else { row % 2 };
            format!("i{},{},{},{label}\n", row % 7, ["a", "b"][row / 2 % 2], 1_700_000_000 + row)
        };
        write(&log, &format!("item,shop,when,label\n{}", (0..200).map(of).collect::<String>()));
    };
    let train =
        |name: &str, sets: &str| run(&format!("train {{}} --out {{}} {sets} -q"), &[&config, &home.path().join(name)]);
    logged(&|_| 0);
    train("none", "").fails(2, &["train.stop.metric", "all 20 validation rows have the label 0", "\"log_loss\""]);
    assert!(!home.path().join("none").exists());
    train("loss", "--set train.stop.metric=log_loss").ok();
    // Each shop has one label: no domain has an AUC, but all rows together have one.
    logged(&|row| row / 2 % 2);
    train("worst", "--set train.stop.metric=auc_worst")
        .fails(2, &["no domain has validation rows of both labels", "\"auc\""]);
    train("mean", "").ok();
    let last = &epochs(&home.path().join("mean"))[1]["validation"];
    assert!(last["auc_macro"].is_null() && last["stop"] == last["auc"], "{last}");
    logged(&|row| row % 2);
    train("both", "").ok();
    let last = &epochs(&home.path().join("both"))[1]["validation"];
    assert!(last["stop"] == last["auc_macro"] && last["stop"] != last["auc"], "{last}");
}

#[test]
fn the_quickstart_of_many_domains_leaves_a_model_of_each_domain_three_of_all_and_a_page() {
    let home = folder();
    let out = home.path().join("quick");
    let done = run("quickstart --tabular --epochs 1 --out {} --json -q", &[&out]).ok().json();
    let models: Vec<&str> = done["runs"].as_array().unwrap().iter().map(|run| run["model"].as_str().unwrap()).collect();
    assert_eq!(models, ["single", "mlp", "mmoe", "cesaa"]);
    assert!(out.join("runs/cesaa/manifest.json").is_file());
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Gain or loss against single") && page.contains("the mean AUC of the domains is"));
    assert!(page.contains("Does a domain gain from being learned together with the others?"));
    run("quickstart --tabular --out {}", &[&out]).fails(2, &["--overwrite"]);
}

#[test]
fn a_request_that_fails_leaves_the_run_that_was_to_be_replaced() {
    let Made { log, config, .. } = made();
    let home = folder();
    let out = home.path().join("run");
    let small = "--set model.experts=2 --set train.epochs=1";
    run(&format!("train {{}} --out {{}} -q {small}"), &[config, &out]).ok();
    let before = fs::read(out.join("model.safetensors")).unwrap();
    run("train {} --data nowhere.csv --out {} --overwrite", &[config, &out]).fails(2, &["nowhere.csv"]);
    run("train {} --set data.domain=tab --out {} --overwrite", &[config, &out]).fails(2, &["tab"]);
    run("train {} --set model.embedding=2000000000 --out {} --overwrite", &[config, &out]).fails(1, &["memory"]);
    assert_eq!(fs::read(out.join("model.safetensors")).unwrap(), before);
    run("evaluate {} -q", &[&out]).ok();
    assert!(fs::read_dir(&out).unwrap().flatten().all(|e| !e.file_name().to_string_lossy().starts_with('.')));

    let data = home.path().join("data");
    run("prepare --config {} --out {} -q", &[config, &data]).ok();
    let other = home.path().join("other");
    let train = |set: &str| run(&format!("train {{}} --data {{}} --set {set} --out {{}}"), &[config, &data, &other]);
    train("data.dense=[]").fails(2, &["other settings (dense was ", "is now []"]);
    train("split.test=0.3").fails(2, &["other settings (split.test was 0.1 and is now 0.3)"]);
    train("split={kind=\"temporal\"}").fails(2, &["split.kind was random and is now temporal"]);
    run(&format!("train {{}} --data {{}} --out {{}} -q {small}"), &[config, &data, &other]).ok();
    // What the folder became later is nothing to the run.
    fs::remove_dir_all(&data).unwrap();
    run("evaluate {} -q", &[&other]).ok();
    run("train {} --set data.fields=[\"label\"] --out {}", &[config, &data]).fails(2, &["label"]);
    run("predict {} {} --out {}", &[&other, log, log]).fails(2, &["exists"]);
    run("train {} --set model.kind=cesa --out {}", &[config, &data]).fails(2, &["did you mean `cesaa`?"]);
}

#[test]
fn an_inspection_proposes_a_table_that_trains() {
    let Made { log, .. } = made();
    let home = folder();
    let config = home.path().join("proposed.toml");
    let proposed = run("inspect {} --tabular", &[log]).ok().out;
    assert!(proposed.contains("[data]") && proposed.contains("kind = \"cesaa\""), "{proposed}");
    write(&config, &proposed);
    let small = "--set train.epochs=1 --set train.batch=256 --set eval.resamples=20 --set model.hidden=[4]";
    run(&format!("train {{}} --out {{}} -q {small}"), &[&config, &home.path().join("run")]).ok();
}
