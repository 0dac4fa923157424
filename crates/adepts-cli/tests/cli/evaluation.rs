//! `evaluate`, `compare`, `report`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{SMALL_TALL, epochs, folder, log, prepared, report, run, runs, write};

fn three() -> [&'static Path; 3] {
    runs().each_ref().map(PathBuf::as_path)
}

#[test]
fn the_json_of_an_evaluation_keeps_its_contract() {
    let [_, ease, tall] = three();
    let found = run("evaluate {} {} --json", &[tall, ease]).ok().json();
    assert_eq!(found.as_object().unwrap().keys().collect::<Vec<_>>(), ["runs"]);
    let first = &found["runs"][0];
    assert_eq!((&first["name"], &first["model"]), (&json!("tall"), &json!("tall")));
    assert!(first["metrics"]["ndcg@20"].is_f64());
    let low = first["groups"].as_array().unwrap().iter().find(|group| group["name"] == "low").unwrap();
    assert!(low["users"].is_u64());
    for key in ["mean", "lower", "upper"] {
        assert!(low["metrics"]["ndcg@20"][key].is_f64(), "{key}");
    }
    assert_eq!(first["gate"]["experts"], json!(3));
    assert!(first["seconds"]["train"].is_f64() && first["seconds"]["evaluate"].is_f64());
    assert!(found["runs"][1]["gate"].is_null(), "a model without experts has no gate");
    let kept: Value = serde_json::from_slice(&fs::read(tall.join("report.json")).unwrap()).unwrap();
    assert_eq!(kept["runs"][0]["metrics"], first["metrics"], "report.json holds the same object");
}

#[test]
fn evaluating_again_gives_what_training_gave() {
    let folder = folder();
    let out = folder.path().join("tall");
    let data = runs()[2].join("data");
    run(&format!("train --model tall --data {{}} --out {{}} -q {SMALL_TALL}"), &[&data, &out]).ok();
    let trained = report(&out);
    run("evaluate {} -q", &[&out]).ok();
    assert_eq!(report(&out), trained);
    run("evaluate {} --probe none --metrics ndcg@5 -q", &[&out]).ok();
    assert_eq!(report(&out), trained, "only the default evaluation is kept");
}

#[test]
fn settings_can_be_chosen_by_the_validation_items() {
    let [_, ease, tall] = three();
    let kept = report(tall);
    let found = run("evaluate {} {} --part validation --json -q", &[tall, ease]).ok().json();
    let tall_found = &found["runs"][0];
    for run in found["runs"].as_array().unwrap() {
        assert_eq!(
            (&run["protocol"]["part"], &run["protocol"]["mask_validation"]),
            (&json!("validation"), &json!(false))
        );
    }
    assert_eq!(report(tall), kept, "only the evaluation on test items is kept");
    let manifest: Value = serde_json::from_slice(&fs::read(tall.join("manifest.json")).unwrap()).unwrap();
    let logged = epochs(tall).into_iter().find(|epoch| epoch["epoch"] == manifest["epochs"][0]).unwrap();
    let ndcg = |value: &Value| value["ndcg@20"].as_f64().unwrap();
    assert!((ndcg(&tall_found["metrics"]) - ndcg(&logged["validation"])).abs() < 1e-12, "{logged}");
    run("evaluate {} --part validation --validation-as-input", &[ease]).fails(2, &["validation items"]);
    let told = run("evaluate {} --part validation", &[tall]).ok().err;
    assert!(told.contains("the published gate looks at the validation items that are to be found"), "{told}");
}

#[test]
fn the_average_of_runs_is_judged_as_one_model() {
    let [popularity, ease, _] = three();
    let metric = |done: serde_json::Value| done["runs"][0]["metrics"]["ndcg@20"].clone();
    let kept = report(ease);
    let twice = run("evaluate {} {} --average --json -q", &[ease, ease]).ok().json();
    assert_eq!((twice["runs"].as_array().unwrap().len(), &twice["runs"][0]["model"]), (1, &json!("average")));
    assert_eq!(
        metric(twice),
        kept["runs"][0]["metrics"]["ndcg@20"],
        "the average of a model with itself is that model"
    );
    run("evaluate {} {} --average -q", &[popularity, ease]).ok();
    assert_eq!(report(ease), kept, "no run is changed");
}

#[test]
fn a_condition_that_holds_makes_the_exit_code_1() {
    let [popularity, ease, _] = three();
    run("evaluate {} -q --fail-if low.ndcg@20<0.0001 --fail-if ndcg@20>0.9999", &[ease]).ok();
    let done = run("evaluate {} -q --json --fail-if low.ndcg@20<0.9999", &[ease]);
    let done = done.fails(1, &["ease: low.ndcg@20 < 0.9999 holds"]);
    assert!(done.json()["runs"].is_array(), "the result is printed all the same");
    run("evaluate {} -q --fail-if lwo.ndcg@20<1", &[ease]).fails(2, &["lwo", "`low`"]);
    let two =
        "evaluate {} {} -q --fail-if low.ndcg@20<0.9999 --fail-if worst.ndcg@20<0.9999 --fail-if gap.ndcg@20>0.9999";
    let done = run(two, &[ease, popularity]);
    assert_eq!(done.err.lines().filter(|line| line.starts_with("error: ") && line.contains("holds")).count(), 4);
    run("evaluate {} -q --fail-if low.ndcg@20", &[ease]).fails(2, &["compares nothing"]);
    run("evaluate {} -q --metrics ndgc@20", &[ease]).fails(2, &["ndgc@20"]);
}

#[test]
fn a_condition_that_cannot_be_judged_is_refused_before_the_work() {
    let [_, ease, tall] = three();
    let kept = fs::metadata(ease.join("report.json")).unwrap().modified().unwrap();
    for (condition, saying) in [
        ("ndcg@7<1", "`adepts evaluate --metrics ndcg@7,…`"),
        ("low.coverage@20<1", "`coverage@20` is not measured for group `low`"),
        ("lwo.ndcg@20<1", "has no group `lwo` (did you mean `low`?)"),
    ] {
        let done = run(&format!("evaluate {{}} {{}} --fail-if ndcg@20>2 --fail-if {condition}"), &[ease, tall]);
        let done = done.fails(2, &[saying]);
        assert!(done.out.is_empty() && !done.err.contains("rank"), "{}", done.err);
    }
    assert_eq!(fs::metadata(ease.join("report.json")).unwrap().modified().unwrap(), kept);
    run("evaluate {} -q --metrics ndcg@7 --fail-if low.ndcg@7>2", &[ease]).ok();
}

#[test]
fn both_protocols_are_told_whichever_counts() {
    let folder = folder();
    let (masked, open) = (folder.path().join("masked"), folder.path().join("open"));
    for (out, mask) in [(&masked, true), (&open, false)] {
        let line =
            format!("train --model ease --data {{}} --out {{}} -q --set name=one --set eval.mask_validation={mask}");
        let done = run(&line, &[prepared(), out]).ok();
        let other = if mask { "NDCG@20 unmasked*" } else { "NDCG@20 masked*" };
        assert!(done.out.contains(other), "{}", done.out);
    }
    let (masked, open) = (report(&masked), report(&open));
    let (masked, open) = (&masked["runs"][0], &open["runs"][0]);
    assert_eq!(masked["metrics"], open["metrics_validation_masked"]);
    assert_eq!(masked["metrics_validation_unmasked"], open["metrics"]);
    assert_eq!(open["metrics_validation_unmasked"], open["metrics"]);
    assert_ne!(open["metrics"], masked["metrics"]);
    let group = |run: &Value, key: &str| run["groups"][0][key]["ndcg@20"].clone();
    assert_eq!(group(masked, "metrics")["mean"], group(open, "metrics_validation_masked"));
    assert!(masked["metrics_validation_masked"].is_null());
}

#[test]
fn runs_that_look_at_different_items_have_no_average() {
    let folder = folder();
    let out = folder.path().join("history");
    let probe = "--set model.gate.probe=history --set model.weights.probe=history";
    run(&format!("train --model tall --data {{}} --out {{}} -q {SMALL_TALL} {probe}"), &[prepared(), &out]).ok();
    let [_, ease, tall] = three();
    run("evaluate --average {} {} {}", &[tall, ease, &out]).fails(2, &["`validation`", "`history`"]);
    run("evaluate --average {} {} -q", &[&out, ease]).ok();
    let manifest: Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["probe_split"], json!("by_history"));
}

#[test]
fn only_a_page_is_replaced_unasked() {
    let folder = folder();
    let (page, notes) = (folder.path().join("page.html"), folder.path().join("notes.txt"));
    write(&notes, "mine");
    let [popularity, ease, _] = three();
    for line in ["report {} {} --out {}", "compare {} {} --html {}"] {
        for _ in 0..2 {
            run(line, &[popularity, ease, &page]).ok();
        }
        run(line, &[popularity, ease, &notes]).fails(2, &["notes.txt", "is no page of adepts", "--overwrite"]);
        assert_eq!(fs::read_to_string(&notes).unwrap(), "mine");
        run(&format!("{line} --overwrite"), &[popularity, ease, &notes]).ok();
        assert!(fs::read_to_string(&notes).unwrap().contains("</html>"));
        write(&notes, "mine");
    }
}

#[test]
fn what_is_no_run_is_a_wrong_request_and_a_damaged_one_an_error() {
    let folder = folder();
    run("evaluate {}", &[folder.path()]).fails(2, &["is not a run"]);
    let [popularity, ..] = three();
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for file in ["config.toml", "manifest.json", "model.safetensors"] {
        fs::copy(popularity.join(file), copy.join(file)).unwrap();
    }
    let model = copy.join("model.safetensors");
    let length = fs::metadata(&model).unwrap().len();
    fs::File::options().write(true).open(&model).unwrap().set_len(length - 4).unwrap();
    run("evaluate {}", &[&copy]).fails(1, &["model.safetensors", "bytes", "damaged"]);
}

#[test]
fn runs_on_the_same_data_are_compared_user_by_user() {
    let folder = folder();
    let page = folder.path().join("compared.html");
    let [popularity, ease, tall] = three();
    let line = "compare {} {} {} --baseline ease --metric ndcg@20";
    let done = run(&format!("{line} --html {{}}"), &[popularity, ease, tall, &page]).ok();
    for text in ["against ease", "p (Holm)", "low by mainstream", "worse"] {
        assert!(done.out.contains(text), "`{text}` is not in {}", done.out);
    }
    assert!(fs::read_to_string(&page).unwrap().contains("popularity"));
    let found = run(&format!("{line} --json"), &[popularity, ease, tall]).ok().json();
    assert_eq!((&found["over"], &found["baseline"]), (&json!("users"), &json!("ease")));
    let difference = &found["groups"][0]["runs"][0]["difference"];
    assert!(difference["upper"].as_f64().unwrap() < 0.0, "popularity is worse than EASE: {difference}");
    run("compare {} {} --baseline eas", &[popularity, ease]).fails(2, &["`eas`", "`ease`"]);
    run("compare {}", &[popularity]).fails(2, &["at least two"]);
    let twice = run("compare {} {}", &[ease, ease]).fails(2, &["two of the runs are called"]);
    assert!(twice.out.is_empty());
}

#[test]
fn runs_on_several_splits_are_compared_over_seeds() {
    let folder = folder();
    let mut folders = Vec::new();
    for model in ["popularity", "ease"] {
        for seed in 1..=3 {
            let out = folder.path().join(format!("{model}-s{seed}"));
            let line = "train --user user --item item -q --data {} --out {}";
            run(&format!("{line} --model {model} --set seed={seed}"), &[log(), &out]).ok();
            folders.push(out);
        }
    }
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let found = run("compare {} {} {} {} {} {} --json", &folders).ok().json();
    assert_eq!((&found["over"], &found["baseline"]), (&json!("seeds"), &json!("ease")));
    assert_eq!(found["baseline_reason"], "the best by ndcg@20");
    let popularity = &found["groups"][0]["models"][0];
    assert_eq!((&popularity["model"], &popularity["estimate"]["n"]), (&json!("popularity"), &json!(3)));
    assert!(popularity["difference"]["difference"]["mean"].as_f64().unwrap() < 0.0, "{popularity}");
    assert!(popularity["difference"]["p_holm"].is_null(), "all users are one question");
    let of_group = &found["groups"][1]["models"][0]["difference"];
    assert!(of_group["p_holm"].as_f64() >= of_group["p"].as_f64(), "{of_group}");
    let text = run("compare {} {} {} {} {} {} --baseline popularity", &folders).ok().out;
    assert!(text.contains("against popularity (as asked for), paired by split and seed"), "{text}");
    assert!(text.contains("low by mainstream") && text.contains("p (Holm)"), "{text}");
    let page = folder.path().join("seeds.html");
    let some = [folders[0], folders[1], folders[3], folders[4], &page];
    let text = run("compare {} {} {} {} --html {}", &some).ok().out;
    assert!(text.contains(" to ") && !text.contains("only one seed"), "two seeds have an interval: {text}");
    assert!(fs::read_to_string(&page).unwrap().contains("ease (2 seeds)"));
    let text = run("compare {} {} {}", &[folders[0], folders[1], folders[3]]).ok().out;
    assert!(text.contains("only one seed") && !text.contains('?'), "{text}");
    run("compare {} {}", &[folders[0], folders[4]]).fails(2, &["different data"]);
    run("report {} {}", &[folders[0], folders[4]]).fails(2, &["different"]);
}

#[test]
fn a_page_shows_several_runs() {
    let folder = folder();
    let page = folder.path().join("page.html");
    let [popularity, ease, tall] = three();
    run("report {} {} {} --title Spring --out {}", &[popularity, ease, tall, &page]).ok();
    let html = fs::read_to_string(&page).unwrap();
    for text in ["Spring", "popularity", "ease", "tall", "<svg"] {
        assert!(html.contains(text), "{text}");
    }
}

#[test]
fn runs_of_one_name_are_told_apart_by_their_folders() {
    let [popularity, ..] = runs();
    let folder = folder();
    let other = folder.path().join("other");
    std::os::unix::fs::symlink(popularity, &other).unwrap();
    let told = run("evaluate {} {} --part validation --json", &[popularity, &other]).ok().json();
    for (run, folder) in told["runs"].as_array().unwrap().iter().zip([popularity, &other]) {
        assert_eq!(run["name"], folder.display().to_string());
    }
}
