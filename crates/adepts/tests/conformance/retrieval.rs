//! Retrieval: equal bytes for any threads, stops that leave no trace, lists that a plain loop finds too.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use adepts::contract::TabularModel;
use adepts::data::tabular::{DomainsConfig, RawFiles, Side, TabularDataset, simulate_domains};
use adepts::data::{Id, Part, progress, write_atomically};
use adepts::eval::RunSummary;
use adepts::files::PER_USER;
use adepts::serve::{AnswerError, Asked, Exclude, FieldValue, Retrieval, RetrievalQuestion};
use adepts::tabular::config::Mask;
use adepts::tabular::predict::Retrieved;
use adepts::tabular::queries::Queries;
use adepts::{Error, TabularExperiment, TabularRun};

use crate::support::{How, log, model_bytes, timeless};
use crate::tabular_models::run_with;

const KINDS: [&str; 3] = ["mlp", "single", "cesaa"];

/// Simulated rows of three domains, and the same prepared for retrieval; users are hashed to more codes than an embedding
/// inside of automatic differentiation may have in the second set.
pub(crate) static DATA: LazyLock<(PathBuf, TabularDataset, TabularDataset)> = LazyLock::new(|| {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("retrieval");
    std::fs::create_dir_all(&home).unwrap();
    let log = home.join("rows.csv");
    let config =
        DomainsConfig { rows: 5_000, users: 60, items: 40, domains: 3, lowest_rate: 0.3, ..DomainsConfig::default() };
    simulate_domains(&config, &log, &mut progress::silent).unwrap();
    let prepare = |sets: &[&str], name: &str| {
        let first = read("mlp", &log, sets);
        TabularDataset::prepare(&first.data, &first.split, 7, &home.join(name), &mut progress::silent).unwrap()
    };
    let large = r#"data.fields=[{ column = "user", hash = 100001 }, { column = "item", hash = 100001 }, "category"]"#;
    let (set, large) = (prepare(&[], "data"), prepare(&[large], "large"));
    (log, set, large)
});

fn read(kind: &str, source: &Path, sets: &[&str]) -> TabularExperiment {
    let text = r#"
        [data]
        label = "label"
        domain = "domain"
        user = "user"
        fields = ["user", "item", "category"]
        dense = ["price"]
        item = { column = "item", fields = ["category", "price"], negatives_seen = true }
        [retrieval]
        dimension = 8
        hidden = [8]
        [train]
        batch = 128
        epochs = 3
        [eval]
        resamples = 20
        metrics = ["recall@5", "ndcg@5", "mrr@40"]
    "#;
    let mut all = vec![format!("model.kind={kind}"), format!("data.source={}", source.display())];
    all.push("model.embedding=4".into());
    all.push("train.stop.metric=\"recall@5\"".into());
    all.extend(sets.iter().map(|set| (*set).to_owned()));
    TabularExperiment::read(kind, text, &all, &|_| None).unwrap()
}

pub(crate) fn experiment(kind: &str, sets: &[&str]) -> TabularExperiment {
    read(kind, &DATA.0, sets)
}

fn run(experiment: &TabularExperiment, folder: &Path, how: How) -> Result<RunSummary, Error> {
    run_with(experiment, &DATA.1, folder, how)
}

#[test]
fn the_item_column_alone_asks_for_retrieval_and_its_settings_are_refused_without_it() {
    let resolved = experiment("cesaa", &[]);
    let again = TabularExperiment::read("cesaa", &resolved.to_toml(), &[], &|_| None).unwrap();
    assert_eq!(again, resolved);
    let plain = "[data]\nlabel=\"a\"\ndomain=\"b\"\nfields=[\"c\"]\n[model]\nkind=\"mlp\"\n";
    let ranking = TabularExperiment::read("x", plain, &[], &|_| None).unwrap();
    assert!(ranking.retrieval.is_none() && ranking.main_metric() == "auc");
    for (set, place) in [
        ("retrieval.dimension=8", "retrieval"),
        ("eval.mask=\"none\"", "eval.mask"),
        ("eval.mask_seen=true", "eval.mask_seen"),
        ("eval.metrics=[\"recall@10\"]", "eval.metrics"),
    ] {
        let error = TabularExperiment::read("x", plain, &[set.to_owned()], &|_| None).unwrap_err().to_string();
        assert!(error.contains(place) && error.contains("data.item"), "{error}");
    }
    let sets = |sets: &[&str]| sets.iter().map(|set| (*set).to_owned()).collect::<Vec<_>>();
    let item = ["data.fields=[\"c\", \"d\"]", "data.item=\"d\""];
    let short = TabularExperiment::read("x", plain, &sets(&item), &|_| None).unwrap();
    assert_eq!((short.train.batch, short.main_metric().as_str()), (1024, "recall@10"));
    for wrong in ["train.stop.metric=\"auc\"", "eval.metrics=[\"coverage@5\"]", "model.kind=\"fm\"", "retrieval.dim=3"]
    {
        assert!(TabularExperiment::read("x", plain, &sets(&[item[0], item[1], wrong]), &|_| None).is_err(), "{wrong}");
    }
}

#[test]
fn equal_seeds_give_equal_towers_and_lists_for_any_number_of_threads() {
    let home = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let of = |threads: usize| {
            let folder = home.path().join(format!("{kind}-{threads}"));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let summary = pool.install(|| run(&experiment(kind, &[]), &folder, How::default()).unwrap());
            (model_bytes(&folder), std::fs::read(folder.join(PER_USER)).unwrap(), timeless(summary), log(&folder))
        };
        let one = of(1);
        for threads in [2, 3] {
            let many = of(threads);
            assert!(one.0 == many.0, "{kind}: other parameters with {threads} threads");
            assert!(one.1 == many.1, "{kind}: other figures with {threads} threads");
            assert_eq!((&one.2, &one.3), (&many.2, &many.3), "{kind}");
        }
    }
}

#[test]
fn retrieval_that_was_stopped_anywhere_ends_as_one_that_was_not() {
    let home = tempfile::tempdir().unwrap();
    for (kind, data) in [("mlp", &DATA.1), ("single", &DATA.1), ("cesaa", &DATA.1), ("cesaa", &DATA.2)] {
        let experiment = experiment(kind, &[]);
        let large = std::ptr::eq(data, &raw const DATA.2);
        let of = |name: &str, how: How| {
            run_with(&experiment, data, &home.path().join(format!("{kind}-{large}-{name}")), how)
        };
        of("whole", How::default()).unwrap();
        // In the first epoch, and in the second and third, whose validations must see what was learned since.
        for stop_after in [3, 9, 8, 12] {
            let how = How { stop_after: Some(stop_after), resume: true, ..How::default() };
            let stopped = of("parts", how).unwrap_err();
            assert!(matches!(stopped, Error::Interrupted { .. }), "{kind}: {stopped}");
        }
        of("parts", How { resume: true, ..How::default() }).unwrap();
        let [whole, parts] = ["whole", "parts"].map(|name| home.path().join(format!("{kind}-{large}-{name}")));
        assert!(model_bytes(&whole) == model_bytes(&parts), "{kind}: other parameters");
        assert_eq!(log(&whole), log(&parts), "{kind}");
    }
}

#[test]
fn an_opened_run_finds_what_it_found_in_training() {
    let home = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let folder = home.path().join(kind);
        let summary = run(&experiment(kind, &["train.epochs=1"]), &folder, How::default()).unwrap();
        let figures = std::fs::read(folder.join(PER_USER)).unwrap();
        let again =
            TabularRun::open(&folder).unwrap().evaluate(adepts::part::Part::Test, &[], &mut progress::silent).unwrap();
        assert_eq!(timeless(again), timeless(summary), "{kind}");
        assert_eq!(std::fs::read(folder.join(PER_USER)).unwrap(), figures, "{kind}");
    }
}

/// Pairs of user and item of a part.
fn pairs(data: &TabularDataset, part: Part) -> BTreeSet<(u32, u32)> {
    data.blocks(part, 1000)
        .unwrap()
        .flat_map(|b| {
            let b = b.unwrap();
            b.user.into_iter().zip(b.item).collect::<Vec<_>>()
        })
        .collect()
}

/// Recall@5 of each domain, by loops over users and items, without items of `masked` parts and those that were only seen in rows of
/// the parts `seen`.
pub(crate) fn recall(
    data: &TabularDataset,
    model: &dyn TabularModel,
    masked: &[Part],
    seen: &[Part],
) -> BTreeMap<u32, f64> {
    let towers = model.towers().unwrap();
    let catalogue = data.catalogue().unwrap().unwrap();
    let mut known: BTreeSet<(u32, u32)> = masked.iter().flat_map(|part| pairs(data, *part)).collect();
    data.seen(seen, |user, item| assert!(known.insert((user, item)), "it is in no part")).unwrap();
    let mut asked: BTreeMap<(u32, u32), (Vec<f32>, BTreeSet<u32>)> = BTreeMap::new();
    for block in data.blocks(Part::Test, 50).unwrap() {
        let block = block.unwrap();
        for row in 0..block.rows() {
            let vector = towers.users(&block.select(&[row as u32]).side(data.schema(), Side::User));
            let query = asked.entry((block.domain[row], block.user[row])).or_insert((vector, BTreeSet::new()));
            query.1.insert(block.item[row]);
        }
    }
    let mut of_domains: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for ((domain, user), (vector, mut relevant)) in asked {
        relevant.retain(|item| !known.contains(&(user, *item)));
        if relevant.is_empty() {
            continue;
        }
        let mut items = catalogue.batch.clone();
        items.domain.fill(domain);
        let mut scores = vec![0.0; catalogue.len()];
        towers.scores(&vector, &towers.items(&items), &mut scores);
        let mut order: Vec<u32> = (0..catalogue.len() as u32).filter(|item| !known.contains(&(user, *item))).collect();
        order.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b)));
        let hits = order.iter().take(5).filter(|item| relevant.contains(item)).count();
        of_domains.entry(domain).or_default().push(hits as f64 / relevant.len() as f64);
    }
    of_domains.into_iter().map(|(domain, of)| (domain, of.iter().sum::<f64>() / of.len() as f64)).collect()
}

#[test]
fn recall_is_what_a_plain_loop_over_users_and_items_finds() {
    let home = tempfile::tempdir().unwrap();
    for (kind, mask, parts) in [
        ("mlp", "known", &[Part::Train, Part::Validation][..]),
        ("single", "training", &[Part::Train]),
        ("single", "none", &[]),
    ] {
        let folder = home.path().join(format!("{kind}-{mask}"));
        let mask_set = format!("eval.mask=\"{mask}\"");
        let summary = run(&experiment(kind, &["train.epochs=1", &mask_set]), &folder, How::default()).unwrap();
        let opened = TabularRun::open(&folder).unwrap();
        let want = recall(&opened.data, &*opened.model, parts, parts);
        assert_eq!(summary.protocol.mask, mask);
        assert_eq!(summary.protocol.items, 40);
        assert_eq!((summary.protocol.mask_seen, summary.protocol.seen > 0), (mask != "none", mask != "none"));
        for (domain, found) in summary.domains.iter().enumerate() {
            let found = found.metrics["recall@5"];
            assert!((found.mean - want[&(domain as u32)]).abs() < 1e-9, "{kind} {mask} {domain}: {found:?} {want:?}");
            assert!(found.lower <= found.mean && found.mean <= found.upper);
        }
        assert_eq!(summary.metrics_validation_unmasked.is_empty(), mask != "known");
    }
}

#[test]
fn what_a_user_has_is_held_once_however_many_queries_he_asks() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.csv");
    // Two users, of whom every row says something else.
    let line = |row: usize| format!("1,d{},u{},i{},c{},{},{row}\n", row % 3, row % 2, row % 37, row % 37 % 5, row % 37);
    let text = "label,domain,user,item,category,price,age\n".to_owned() + &(0..900).map(line).collect::<String>();
    write_atomically(&log, |out| out.write_all(text.as_bytes())).unwrap();
    let asked = read("mlp", &log, &[r#"data.dense=["price", "age"]"#]);
    let data = TabularDataset::prepare(&asked.data, &asked.split, 7, &home.path().join("data"), &mut progress::silent)
        .unwrap();
    let queries = Queries::of(&data, Part::Test, Mask::Known).unwrap();
    assert_eq!((queries.len(), queries.users()), (data.rows(Part::Test), 2));
    for (held, part) in [(&queries.train, Part::Train), (&queries.validation, Part::Validation)] {
        assert_eq!(held.pairs(), pairs(&data, part).into_iter().collect::<BTreeSet<_>>().len(), "{part:?}");
    }
}

/// The lists for the rows of the log.
fn lists_of(run: &TabularRun, number: usize) -> Retrieved {
    let mut all = Retrieved::default();
    let each = |block: Retrieved| {
        all.rows.extend(block.rows);
        all.lists.extend(block.lists);
        Ok::<(), Error>(())
    };
    run.retrieve(&RawFiles::new(DATA.0.display().to_string()), number, Exclude::None, each, &mut progress::silent)
        .unwrap();
    all
}

#[test]
fn lists_for_new_rows_are_the_best_of_the_catalogue() {
    let home = tempfile::tempdir().unwrap();
    for kind in ["single", "cesaa"] {
        let folder = home.path().join(kind);
        run(&experiment(kind, &["train.epochs=1"]), &folder, How::default()).unwrap();
        let opened = TabularRun::open(&folder).unwrap();
        let found = lists_of(&opened, 7);
        assert!(found.rows.iter().copied().eq(1..=5_000));
        let all = lists_of(&opened, 100);
        for (list, all) in found.lists.iter().zip(&all.lists) {
            assert!(all.len() == 40 && all.is_sorted_by(|a, b| a.1 >= b.1), "every item of the catalogue, best first");
            let ids: BTreeSet<String> = all.iter().map(|(id, _)| id.to_string()).collect();
            assert_eq!((ids.len(), &all[..7]), (40, &list[..]));
        }
    }
}

/// What the rows of the log say of who asks.
fn questions(n: usize) -> Vec<RetrievalQuestion> {
    let text = std::fs::read_to_string(&DATA.0).unwrap();
    let head: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let at = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let question = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let context = BTreeMap::from([("user".to_owned(), FieldValue::Text(cells[at("user")].to_owned()))]);
        RetrievalQuestion { domain: Id::Text(cells[at("domain")].into()), context, n, exclude: Some(Exclude::None) }
    };
    text.lines().skip(1).map(question).collect()
}

#[test]
fn an_answer_is_the_list_of_a_row_to_the_bit_alone_and_among_others() {
    let home = tempfile::tempdir().unwrap();
    for kind in ["single", "cesaa"] {
        let folder = home.path().join(kind);
        run(&experiment(kind, &["train.epochs=1"]), &folder, How::default()).unwrap();
        let opened = TabularRun::open(&folder).unwrap();
        let found = lists_of(&opened, 7);
        let answerer = adepts::answers::open(&folder).unwrap();
        let questions = questions(7);
        let list = |answer: &Retrieval| -> Vec<(Id, u32)> {
            answer.items.iter().map(|found| (found.item.clone(), found.score.to_bits())).collect()
        };
        let expected = |row: usize| -> Vec<(Id, u32)> {
            found.lists[row].iter().map(|(item, score)| (item.clone(), score.to_bits())).collect()
        };
        let together = answerer.retrieve(&questions[..300]);
        for (row, answer) in together.iter().enumerate() {
            let answer = answer.as_ref().unwrap();
            assert_eq!(list(answer), expected(row), "{kind}, row {row}");
            assert!(answer.dropped.is_empty());
        }
        for row in (0..300).step_by(37) {
            let alone = answerer.retrieve(std::slice::from_ref(&questions[row])).remove(0).unwrap();
            assert_eq!(list(&alone), expected(row), "{kind}, row {row}");
        }
    }
}

#[test]
fn what_cannot_be_found_is_told_and_spoils_no_other_answer() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("run");
    run(&experiment("mlp", &["train.epochs=1"]), &folder, How::default()).unwrap();
    let answerer = adepts::answers::open(&folder).unwrap();
    let facts = answerer.facts();
    assert_eq!((facts.items, &facts.user_columns[..]), (40, &["user".to_owned()][..]));
    let good = RetrievalQuestion { n: 100, ..questions(0).remove(0) };
    let nowhere = RetrievalQuestion { domain: Id::Text("nowhere".into()), ..good.clone() };
    let none = RetrievalQuestion { n: 0, ..good.clone() };
    let list = |value| BTreeMap::from([("user".to_owned(), value)]);
    let broken = RetrievalQuestion { context: list(FieldValue::Number(1.5)), ..good.clone() };
    let unknown = RetrievalQuestion { context: list(FieldValue::Text("somebody".into())), ..good.clone() };
    // Columns of the item, and such that the model does not have, say nothing of who asks.
    let mut more = good.clone();
    more.context.extend([("item".to_owned(), FieldValue::Int(3)), ("hour".to_owned(), FieldValue::Int(3))]);
    let asked = [good, nowhere, none, broken, unknown, more];
    let [good, nowhere, none, broken, unknown, more]: [_; 6] = answerer.retrieve(&asked).try_into().unwrap();
    let good = good.unwrap();
    assert_eq!(good.items.len(), 40, "no more than there are");
    assert_eq!(more.unwrap(), good);
    assert!(matches!(nowhere, Err(AnswerError::UnknownDomain { .. })));
    assert!(matches!(none, Err(AnswerError::Number { n: 0, .. })));
    let told = broken.unwrap_err().to_string();
    assert!(told.starts_with("the context has 1.5 in `user`"), "{told}");
    assert_eq!(unknown.unwrap().dropped.unknown["user"], 1);
    let other = adepts::answers::open(&home.path().join("run")).unwrap().answer(&[Asked::default()]).remove(0);
    assert!(other.unwrap_err().to_string().contains("POST /v1/retrieve"));
}

#[test]
fn towers_find_more_than_chance_and_lose_less_with_every_epoch() {
    let home = tempfile::tempdir().unwrap();
    for kind in ["mlp", "single", "shared_bottom", "mmoe", "ple", "star", "epnet", "cesaa"] {
        let folder = home.path().join(kind);
        let sets = ["train.epochs=8", "train.stop.patience=8", "train.optimizer.learning_rate=0.01"];
        let summary = run(&experiment(kind, &sets), &folder, How::default()).unwrap();
        let losses: Vec<f64> = log(&folder).iter().map(|epoch| epoch.losses["softmax"]).collect();
        assert!(losses[losses.len() - 1] < losses[0], "{kind}: {losses:?}");
        // Five of the items that a user does not have yet, at random, hold less than a fifth of what is to be found.
        assert!(summary.metrics["recall@5"] > 0.2, "{kind}: {}", summary.metrics["recall@5"]);
    }
}
