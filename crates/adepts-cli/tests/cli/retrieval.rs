//! Retrieval, from simulated domains to items for new rows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::server::{HERE, Server};
use crate::support::{Done, adepts, folder, run, runs, words, write};

const TABLES: &str = r#"
[data]
source = "SOURCE"
label = "label"
domain = "domain"
user = "user"
fields = ["user", "item", "category"]
dense = ["price"]
item = { column = "item", fields = ["category", "price"] }

[train]
batch = 256
epochs = 2

[eval]
resamples = 50
metrics = ["recall@5", "ndcg@5"]

[retrieval]
dimension = 8

[model]
kind = "cesaa"
experts = 4
hidden = [8]
embedding = 4
"#;

/// Simulated rows, the file of an experiment on them, runs of two models, and one that ranks.
struct Made {
    log: PathBuf,
    config: PathBuf,
    data: PathBuf,
    cesaa: PathBuf,
    single: PathBuf,
    plain: PathBuf,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Box::leak(Box::new(folder())).path();
        let [log, config, data, cesaa, single] =
            ["rows.csv", "cesaa.toml", "data", "cesaa", "single"].map(|name| folder.join(name));
        let set = "--set rows=4000 --set domains=3 --set lowest_rate=0.2 --users 80 --items 50";
        run(&format!("simulate --tabular {set} --out {{}} -q"), &[&log]).ok();
        write(&config, &TABLES.replace("SOURCE", &log.display().to_string()));
        let prepared = run("prepare --config {} --out {}", &[&config, &data]).ok().out;
        assert!(prepared.contains("50 items to be found"), "{prepared}");
        run("train {} --data {} --out {} -q", &[&config, &data, &cesaa]).ok();
        let sets = "--set model={kind=\"single\",embedding=4,hidden=[8]} --set name=single";
        run(&format!("train {{}} --data {{}} --out {{}} {sets} -q"), &[&config, &data, &single]).ok();
        let plain = folder.join("plain");
        let tabular = folder.join("plain.toml");
        write(&tabular, &plainly(&log));
        run("train {} --set train.epochs=1 --out {} -q", &[&tabular, &plain]).ok();
        Made { log, config, data, cesaa, single, plain }
    })
}

/// The same experiment without a word of retrieval.
fn plainly(log: &Path) -> String {
    let text = TABLES.replace("SOURCE", &log.display().to_string()).replace("[retrieval]\ndimension = 8\n", "");
    let plain = |line: &&str| !line.starts_with("item =") && !line.starts_with("metrics =");
    text.lines().filter(plain).collect::<Vec<_>>().join("\n")
}

/// The first rows of the log without the columns of the item, and with a user that nobody knows.
fn users(log: &Path, to: &Path) {
    let text = fs::read_to_string(log).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let of = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        format!("{},{}", cells[at("user")], cells[at("domain")])
    };
    let rows: Vec<String> = lines.take(3).map(of).collect();
    write(to, &format!("user,domain\n{}\nsomebody,domain-1\n", rows.join("\n")));
}

#[test]
fn the_evaluation_has_lists_by_domain_with_intervals() {
    let Made { cesaa, .. } = made();
    let found = run("evaluate {} --json -q", &[cesaa]).ok().json();
    let run_of = &found["runs"][0];
    assert!(run_of["metrics"]["recall@5"].is_number() && run_of["metrics"]["ndcg@5_macro"].is_number());
    assert_eq!(run_of["protocol"]["mask"], "known");
    assert_eq!(run_of["worst"]["metric"], "recall@5");
    let domains = run_of["domains"].as_array().unwrap();
    assert_eq!(domains.len(), 3);
    for domain in domains {
        let of = |key: &str| domain["metrics"]["recall@5"][key].as_f64().unwrap();
        assert!(of("lower") <= of("mean") && of("mean") <= of("upper"));
        assert!(domain["rows"].as_u64() >= domain["lists"].as_u64());
    }
    assert_eq!(run_of["experts"]["load"].as_array().unwrap().len(), 3);
    assert!(run_of["experts"]["compared_rows"].as_u64() > Some(0));
    run("evaluate {} -q --fail-if domain-1.recall@5<2", &[cesaa]).fails(1, &["domain-1.recall@5"]);
    run("evaluate {} -q --fail-if worst.ndcg@5<0 --fail-if recall@5_macro<0", &[cesaa]).ok();
    let chosen = run("evaluate {} --part validation --metrics recall@20 --json -q", &[cesaa]).ok().json();
    assert_eq!(chosen["runs"][0]["protocol"]["part"], "validation");
    assert!(chosen["runs"][0]["metrics"]["recall@20"].is_number());
    let tables = run("evaluate {} -q", &[cesaa]).ok().out;
    assert!(tables.contains("Recall@5 by domain") && tables.contains("to be found"), "{tables}");
}

#[test]
fn items_are_found_for_rows_that_know_none() {
    let Made { log, cesaa, single, .. } = made();
    let home = folder();
    let file = home.path().join("users.csv");
    users(log, &file);
    let done = run("predict {} {} --top 3 --json", &[cesaa, &file]).ok();
    assert!(done.err.contains("1 value of user is unknown"), "{}", done.err);
    let lists = done.json();
    let lists = lists.as_array().unwrap();
    assert_eq!(lists.len(), 4);
    for list in lists {
        let scores: Vec<f64> = list["items"].as_array().unwrap().iter().map(|i| i["score"].as_f64().unwrap()).collect();
        assert!(scores.len() == 3 && scores.is_sorted_by(|a, b| a >= b), "{list}");
    }
    let best = |top: usize| -> Value {
        run(&format!("predict {{}} {{}} --top {top} --json -q"), &[single, &file]).ok().json()[0]["items"][0].clone()
    };
    assert_eq!(best(1), best(50));
    let table = run("predict {} {} --top 2 -q", &[single, &file]).ok().out;
    assert!(table.starts_with("row,rank,item,score\n1,1,") && table.lines().count() == 1 + 8, "{table}");
    let kept = run("predict {} {} --top 2 --keep user,domain -q", &[single, &file]).ok().out;
    assert!(kept.starts_with("row,user,domain,rank,item,score\n1,") && kept.lines().count() == 1 + 8, "{kept}");
    let named = home.path().join("named.csv");
    let text = fs::read_to_string(&file).unwrap().replace('\n', ",7,8\n").replacen("7,8", "rank,items", 1);
    write(&named, &text);
    let keep = |options: &str| run(&format!("predict {{}} {{}} --top 2 {options} -q"), &[single, &named]);
    assert!(keep("--keep items").ok().out.starts_with("row,items,rank,item,score\n1,8,"));
    assert_eq!(keep("--keep rank --json").ok().json()[0]["rank"], 7);
    keep("--keep rank").fails(2, &["the column `rank` cannot be kept"]);
    keep("--keep items --json").fails(2, &["the column `items` cannot be kept"]);
    let out = home.path().join("lists.parquet");
    run("predict {} {} --top 5 --out {} -q", &[cesaa, &file, &out]).ok();
    assert!(out.metadata().unwrap().len() > 500);
    run("predict {} {} -q", &[cesaa, &file]).fails(2, &["item"]);
    let scores = run("predict {} {} -q", &[cesaa, log]).ok().out;
    assert_eq!(scores.lines().count(), 4001);
}

/// The log without what describes items, and a catalogue with the values of each item's first row and an item of its own.
fn apart(log: &Path, lean: &Path, items: &Path) {
    let text = fs::read_to_string(log).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let of = |row: &[&str], names: [&str; 3]| {
        names.map(|name| row[rows[0].iter().position(|column| *column == name).unwrap()].to_owned()).join(",")
    };
    let mut catalogue: Vec<String> = Vec::new();
    for row in &rows {
        let line = of(row, ["item", "category", "price"]);
        let id = |line: &str| line.split(',').next().map(str::to_owned);
        if !catalogue.iter().any(|known| id(known) == id(&line)) {
            catalogue.push(line);
        }
    }
    catalogue.push("brand-new,c-1,3.5".replace("c-1", catalogue[1].split(',').nth(1).unwrap()));
    write(items, &(catalogue.join("\n") + "\n"));
    let rows: Vec<String> = rows
        .iter()
        .map(|row| [of(row, ["user", "item", "domain"]), of(row, ["label", "hour", "hour"])].join(","))
        .map(|row| row.replace("hour,hour", "hour,late"))
        .collect();
    write(lean, &(rows.join("\n") + "\n"));
}

#[test]
fn items_of_a_catalogue_beside_the_log_are_learned_and_found() {
    let Made { log, .. } = made();
    let home = folder();
    let [lean, items, config, data, out] =
        ["log.csv", "items.csv", "a.toml", "data", "out"].map(|name| home.path().join(name));
    apart(log, &lean, &items);
    let named = r#"fields = ["category", "price"], catalogue = "${ADEPTS_DATA}/items.csv" }"#;
    let text = TABLES.replace("SOURCE", "${ADEPTS_DATA}/log.csv").replace(r#"fields = ["category", "price"] }"#, named);
    write(&config, &text);
    let beside = |line: &str, paths: &[&Path]| {
        let mut command = adepts(words(line, paths));
        Done::of(&command.env("ADEPTS_DATA", home.path()).output().unwrap())
    };
    run("train {} --out {}", &[&config, &out]).fails(2, &["data/"]);
    let prepared = beside("prepare --config {} --out {}", &[&config, &data]).ok().out;
    assert!(prepared.contains("51 items to be found"), "{prepared}");
    let told = beside("train {} --out {}", &[&config, &out]).ok().err;
    assert!(told.contains("memory: about") && told.contains("of it the program"), "{told}");
    let manifest = |folder: &Path| fs::read_to_string(folder.join("manifest.json")).unwrap();
    let hash = |text: String| text.split("\"content_hash\": ").nth(1).map(|rest| rest[..60].to_owned()).unwrap();
    assert_eq!(hash(manifest(&data)), hash(manifest(&out.join("data"))));
    let again = home.path().join("again");
    beside("train {} --data {} --out {} -q", &[&config, &data, &again]).ok();
    assert_eq!(fs::read(out.join("model.safetensors")).unwrap(), fs::read(again.join("model.safetensors")).unwrap());

    run("evaluate {} -q", &[&out]).ok();
    let asks = home.path().join("users.csv");
    users(log, &asks);
    let lists = run("predict {} {} --top 100 --exclude none --json -q", &[&out, &asks]).ok().json();
    let found = lists[0]["items"].as_array().unwrap();
    assert!(found.len() == 51 && found.iter().any(|item| item["item"] == "brand-new"), "{found:?}");
    let scores = run("predict {} {} -q", &[&out, &lean]).ok().out;
    assert_eq!(scores.lines().count(), 4001, "what describes items is not needed where scores are asked for");
    write(&asks, "user,domain,item\nsomebody,domain-1,nothing\n");
    run("predict {} {} -q", &[&out, &asks]).fails(1, &["line 2", "`nothing`", "is not in the catalogue"]);

    write(&items, &(fs::read_to_string(&items).unwrap() + "brand-new,x,1\n"));
    beside("prepare --config {} --out {}", &[&config, &home.path().join("b")])
        .fails(1, &["items.csv, line 53: the item `brand-new` has a row already", "line 52"]);
    let keys = "train {} --out {} --set data.item.catalog=items.csv";
    beside(keys, &[&config, &home.path().join("b")]).fails(2, &["catalog", "did you mean `catalogue`?"]);
}

#[test]
fn the_server_finds_what_the_command_line_finds_and_calls_a_score_a_score() {
    let Made { log, cesaa, single, plain, .. } = made();
    let (home, state) = (folder(), folder());
    let file = home.path().join("users.csv");
    users(log, &file);
    let text = fs::read_to_string(&file).unwrap();
    for model in [single, cesaa] {
        let lists = run("predict {} {} --top 6 --json -q", &[model, &file]).ok().json();
        let server = Server::start(model, state.path(), HERE, "");
        for (line, list) in text.lines().skip(1).zip(lists.as_array().unwrap()) {
            let (user, domain) = line.split_once(',').unwrap();
            let asked = json!({"domain": domain, "context": {"user": user}, "n": 6});
            let answer = server.post("/v1/retrieve", &asked).ok();
            assert_eq!(answer["items"], list["items"], "the same items with the same scores, to the bit");
            let unknown = json!({"unknown": {"user": 1}});
            assert_eq!(answer["dropped"] == unknown, user == "somebody", "{answer}");
        }
        let facts = server.get("/v1/model").ok();
        assert_eq!((&facts["items"], &facts["user_columns"]), (&json!(50), &json!(["user"])));
        server.post("/v1/retrieve", &json!({"domain": "nowhere"})).fails(422, &["`nowhere`", "domain-1"]);
        server.post("/v1/recommend", &json!({"user": 1})).fails(422, &["tabular model", "/v1/retrieve"]);
        let candidates = json!({"domain": "domain-1", "candidates": [{"item": list_item(&lists)}]});
        let ranked = server.post("/v1/rank", &candidates).ok()["candidates"][0].clone();
        assert!(ranked["score"].is_number() && ranked["probability"].is_null(), "{ranked}");
    }
    let server = Server::start(plain, state.path(), HERE, "");
    server.post("/v1/retrieve", &json!({"domain": "domain-1"})).fails(422, &["data.item", "/v1/rank"]);
    let ranked = server.post("/v1/rank", &json!({"domain": "domain-1", "candidates": [{"item": "i1"}]})).ok();
    let ranked = &ranked["candidates"][0];
    assert!(ranked["probability"].is_number() && ranked["score"].is_null(), "{ranked}");
    let server = Server::start(&runs()[0], state.path(), HERE, "");
    server.post("/v1/retrieve", &json!({"domain": "a"})).fails(422, &["history model", "/v1/recommend"]);
}

/// The first item of the first list.
fn list_item(lists: &Value) -> &Value {
    &lists[0]["items"][0]["item"]
}

#[test]
fn runs_are_compared_by_their_lists_and_shown_on_a_page() {
    let Made { cesaa, single, .. } = made();
    let home = folder();
    let compared = run("compare {} {}", &[cesaa, single]).ok().out;
    assert!(compared.contains("Recall@5 against single") && compared.contains("domain-1"), "{compared}");
    assert!(!compared.contains("weighted by rows"), "{compared}");
    let by = run("compare {} {} --metric ndcg@5 --json", &[cesaa, single]).ok().json();
    assert_eq!(by["metric"], "ndcg@5");
    run("compare {} {} --metric recall@7", &[cesaa, single]).fails(2, &["recall@7", "recall@5"]);
    let page = home.path().join("page.html");
    run("report {} {} --out {}", &[cesaa, single, &page]).ok();
    let page = fs::read_to_string(&page).unwrap();
    for text in ["Recall@5 by domain", "Every one of the 50 items", "Which experts serve which domain", "Recall@k"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("AUC"), "a page of lists says nothing of probabilities");
}

#[test]
fn what_belongs_to_the_other_task_is_refused() {
    let Made { log, config, data, cesaa, plain, .. } = made();
    let home = folder();
    let out = home.path().join("out");
    run("train {} --set model={kind=\"fm\"} --out {}", &[config, &out]).fails(2, &["model.kind", "vector"]);
    run("train {} --set train.stop.metric=auc --out {}", &[config, &out]).fails(2, &["auc", "asks for retrieval"]);
    run("train {} --set retrieval.dimention=4 --out {}", &[config, &out]).fails(2, &["did you mean `dimension`?"]);
    run("train {} --set data.item=price --out {}", &[config, &out]).fails(2, &["price", "`fields`"]);
    run("train {} --data {} --set data.item=category --out {}", &[config, data, &out]).fails(2, &["other settings"]);
    assert!(!out.exists());
    let without = home.path().join("plain.toml");
    write(&without, &plainly(log));
    run("train {} --set retrieval.dimension=4 --out {}", &[&without, &out]).fails(2, &["data.item"]);
    run("predict {} {} --top 3", &[plain, log]).fails(2, &["retrieval"]);
    run("serve {} --seen {} --state {}", &[plain, log, &out]).fails(2, &["--seen is for", "for retrieval"]);
    run("recommend {} --user u1", &[cesaa]).fails(2, &["FILE --top 10` finds the items"]);
    run("compare {} {}", &[plain, cesaa]).fails(2, &["different data"]);
}
