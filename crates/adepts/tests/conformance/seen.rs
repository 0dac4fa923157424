//! What users have seen is not recommended and takes no place in an evaluation, and who has no history is judged by what he is
//! answered.

#![expect(clippy::disallowed_methods, reason = "tables are written as a user would")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use adepts::answers::Excluding;
use adepts::data::tabular::{Catalogue, Codes};
use adepts::data::{
    Column, DataConfig, HistoryDataset, Id, Interactions, Part, Rows, Seen, SimulationConfig, SplitConfig, Vocabulary,
    prepare, progress, simulated,
};
use adepts::eval::{Measured, read_per_user};
use adepts::files::DATA;
use adepts::history::evaluate;
use adepts::models::{HISTORY_MODELS, find};
use adepts::serve::{
    Answerer, Asked, Exclude, Fallback, FieldValue, HistoryAnswerer, NothingKnown, Question, RetrievalQuestion,
};
use adepts::{Artefact, HistoryRun, TabularRun};

use crate::retrieval;
use crate::support::{How, dataset, experiment, run, timeless};
use crate::tabular_models::run_with;

/// Users with ratings, of which low ones are dropped.
static RATED: LazyLock<HistoryDataset> = LazyLock::new(|| {
    let mut text = String::from("user,item,rating\n");
    for user in 0..60 {
        for item in (0..40).filter(|item| (user * 7 + item * 11 + user * item) % 5 < 3) {
            writeln!(text, "{user},i{item},{}", (user * 5 + item * 3) % 7 % 5 + 1).unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    fs::write(&path, text).unwrap();
    let mut data = DataConfig { source: path.display().to_string(), ..DataConfig::default() };
    data.rating = Some(Column::Name("rating".into()));
    data.filter.min_rating = Some(3.0);
    prepare(&data, &SplitConfig::default(), 7, &mut progress::silent).unwrap()
});

fn answerer(folder: &Path) -> HistoryAnswerer {
    Artefact::open(folder).unwrap().answerer()
}

/// The items of a list, as indices of the data.
fn listed(answerer: &HistoryAnswerer, data: &HistoryDataset, asked: impl Into<Asked>) -> Vec<u32> {
    let answer = answerer.answer(&[asked.into()]).remove(0).unwrap();
    answer.items.iter().map(|row| data.items.index(&row.item).unwrap()).collect()
}

fn all_of(data: &HistoryDataset, user: u32, exclude: Option<Exclude>) -> Question {
    Question { n: data.items.len(), exclude, ..Question::of_user(data.users.id(user)) }
}

#[test]
fn nothing_that_the_log_says_a_user_has_is_recommended_unless_it_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    assert!(RATED.seen.pairs() > 200);
    for name in ["popularity", "ease", "multvae"] {
        let folder = home.path().join(name);
        run(&experiment(find(name).unwrap(), &["train.epochs=1"]), &RATED, &folder, How::default()).unwrap();
        let answerer = answerer(&folder);
        for user in 0..RATED.users.len() as u32 {
            let rows = |of: &[&Rows]| -> BTreeSet<u32> {
                of.iter().flat_map(|rows| rows.row(user as usize)).copied().collect()
            };
            let learned = rows(&[&RATED.train, &RATED.validation]);
            let had = rows(&[&RATED.train, &RATED.validation, &RATED.test, &RATED.seen.train]);
            let everything: BTreeSet<u32> = (0..RATED.items.len() as u32).collect();
            for (exclude, left_out) in [
                (None, &had),
                (Some(Exclude::Seen), &had),
                (Some(Exclude::Learned), &learned),
                (Some(Exclude::None), &BTreeSet::new()),
            ] {
                let found: BTreeSet<u32> =
                    listed(&answerer, &RATED, all_of(&RATED, user, exclude)).into_iter().collect();
                assert_eq!(found, &everything - left_out, "{name}, user {user}, {exclude:?}");
            }
            let ids = |items: Vec<u32>| items.into_iter().map(|item| RATED.items.id(item)).collect::<Vec<_>>();
            let mut others = [RATED.test.row(user as usize), &RATED.seen.row(user as usize)].concat();
            others.sort_unstable();
            assert_eq!(answerer.seen(&RATED.users.id(user)), ids(others));
        }
    }
}

#[test]
fn more_pairs_are_seen_by_known_users_and_by_strangers() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("run");
    run(&experiment(find("ease").unwrap(), &[]), &RATED, &folder, How::default()).unwrap();
    let first = listed(&answerer(&folder), &RATED, all_of(&RATED, 3, None))[..2].to_vec();
    let seen = home.path().join("seen.csv");
    let ids: Vec<Id> = first.iter().map(|item| RATED.items.id(*item)).collect();
    fs::write(&seen, format!("user,item\n3,{}\n3,{}\nnew,{}\n3,nothing\n", ids[0], ids[1], ids[0])).unwrap();
    let with = |exclude, source: &Path| {
        let excluding = Excluding { exclude, seen: Some(source.display().to_string()), ..Excluding::default() };
        Artefact::open(&folder).unwrap().answerer_excluding(&excluding, &mut progress::silent)
    };
    let answerer = with(Exclude::Seen, &seen).unwrap();
    assert!(listed(&answerer, &RATED, all_of(&RATED, 3, None)).iter().all(|item| !first.contains(item)));
    assert!(listed(&answerer, &RATED, all_of(&RATED, 3, Some(Exclude::Learned))).contains(&first[0]));
    let known = answerer.parts().seen.as_ref().unwrap();
    assert_eq!((known.pairs(), known.users(), known.unknown().count), (4, 2, 1));
    let new = Question { n: 100, fallback: Some(NothingKnown::Popular), ..Question::of_user(Id::Text("new".into())) };
    assert_eq!(listed(&answerer, &RATED, new.clone()).len(), RATED.items.len() - 1);
    // What holds where a question does not say can be set, and a file must say which column is what.
    assert!(listed(&with(Exclude::None, &seen).unwrap(), &RATED, new).contains(&first[0]));
    fs::write(&seen, "a,b,c\n1,2,3\n").unwrap();
    assert!(with(Exclude::Seen, &seen).is_err());
}

#[test]
fn one_rule_says_what_whoever_has_no_known_item_is_answered() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("run");
    run(&experiment(find("itemknn").unwrap(), &[]), &RATED, &folder, How::default()).unwrap();
    let answerer = answerer(&folder);
    let ask = |question: Question, fallback| answerer.answer(&[Question { fallback, ..question }.into()]).remove(0);
    let stranger = Question::of_user(Id::Text("nobody".into()));
    let empty = Question::of_history(vec![Id::Text("nothing".into())]);
    assert!(ask(stranger.clone(), None).is_err() && ask(empty.clone(), None).is_ok());
    for question in [stranger, empty] {
        let answer = ask(question.clone(), Some(NothingKnown::Popular)).unwrap();
        assert!(answer.fallback == Some(Fallback::Popularity) && answer.note.is_some() && !answer.items.is_empty());
        assert!(ask(question, Some(NothingKnown::Error)).is_err());
    }
}

/// The figures of each judged user.
fn figures(folder: &Path, data: &HistoryDataset) -> Measured {
    read_per_user(&folder.join(adepts::files::PER_USER), &data.users).unwrap()
}

#[test]
fn an_evaluation_lists_no_seen_item_unless_it_is_told_to() {
    let home = tempfile::tempdir().unwrap();
    let bare = HistoryDataset { seen: Seen::empty(RATED.users.len()), ..RATED.clone() };
    let done = |name: &str, data: &HistoryDataset, set: &str| {
        let folder = home.path().join(name);
        let sets = ["eval.metrics=['recall@5', 'ndcg@5']", set];
        let summary = run(&experiment(find("ease").unwrap(), &sets), data, &folder, How::default()).unwrap();
        (figures(&folder, data), summary, folder)
    };
    let (masked, summary, folder) = done("masked", &RATED, "eval.mask_seen=true");
    let (open, of_open, _) = done("open", &RATED, "eval.mask_seen=false");
    let (before, of_before, _) = done("before", &bare, "eval.mask_seen=true");
    assert_eq!(open.values, before.values);
    assert_eq!((of_open.metrics, of_open.protocol.mask_seen), (of_before.metrics, false));
    assert!(masked.mean(masked.metrics[0]) > open.mean(open.metrics[0]));
    assert!(summary.protocol.mask_seen && summary.protocol.seen > 200);
    // By hand, from the lists that are answered.
    let run = HistoryRun::open(&folder).unwrap();
    let answerer = answerer(&folder);
    for (at, user) in masked.users.iter().enumerate() {
        let row = *user as usize;
        let history = RATED.train.row(row).iter().map(|item| RATED.items.id(*item)).collect();
        let out = [RATED.validation.row(row), &RATED.seen.row(row)].concat();
        let deny = out.iter().map(|item| RATED.items.id(*item)).collect();
        let list = listed(&answerer, &RATED, Question { n: 5, deny, ..Question::of_history(history) });
        let wanted = run.data.test.row(row);
        let hits = list.iter().filter(|item| wanted.binary_search(item).is_ok()).count();
        assert_eq!(masked.row(at)[0], hits as f64 / wanted.len() as f64, "user {user}");
    }
}

#[test]
fn what_was_seen_in_the_time_of_a_part_is_not_known_to_who_predicts_it() {
    let users = RATED.users.len();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("run");
    let sets = ["eval.ties='number'"];
    run(&experiment(find("popularity").unwrap(), &sets), &RATED, &folder, How::default()).unwrap();
    let mut opened = HistoryRun::open(&folder).unwrap();
    let mut figures = |part: Option<Part>| {
        let mut seen = Seen::empty(users);
        let rows = match part {
            None | Some(Part::Train) => &mut seen.train,
            Some(Part::Validation) => &mut seen.validation,
            Some(Part::Test) => &mut seen.test,
        };
        if part.is_some() {
            *rows = RATED.seen.train.clone();
        }
        opened.data.seen = seen;
        let (stop, eval) = (&opened.experiment.train.stop, &opened.experiment.eval);
        let validator = evaluate::Validator::new(&opened.data, stop, eval, None, 1).unwrap();
        let stop = validator.validate(&*opened.model).unwrap().stop;
        let figures = [adepts::part::Part::Test, adepts::part::Part::Validation].map(|part| {
            let request = adepts::history::request::Request { part, ..Default::default() };
            let summary = opened.evaluate(request, &mut progress::silent).unwrap().summary;
            (summary.metrics, summary.protocol.seen)
        });
        (figures, stop)
    };
    let [before, early, later, last] =
        [None, Some(Part::Train), Some(Part::Validation), Some(Part::Test)].map(&mut figures);
    assert!(early.0[0].0 != before.0[0].0 && early.0[1].0 != before.0[1].0 && early.1 != before.1);
    assert_eq!(later, ([early.0[0].clone(), before.0[1].clone()], before.1));
    assert_eq!(last, before);
}

/// 80 users, of whom the last 16 came after the cut: all that they have is to be found.
fn newcomers(backwards: bool) -> HistoryDataset {
    let config = SimulationConfig { users: 80, items: 50, interactions: 9.0, least: 4, ..SimulationConfig::default() };
    let mut log: Interactions = simulated(&config).unwrap();
    let mut nth = 0;
    let part = |(row, user): (usize, &u32)| {
        nth = if row > 0 && log.user[row - 1] == *user { nth + 1 } else { 0 };
        match (*user >= 64, nth % 4) {
            (true, _) | (false, 1) => Part::Test,
            (false, 2) => Part::Validation,
            (false, _) => Part::Train,
        }
    };
    log.part = Some(log.user.iter().enumerate().map(part).collect());
    let items = log.items.len() as u32;
    log.items = Vocabulary::Int((0..i64::from(items)).collect());
    if backwards {
        log.item.iter_mut().for_each(|item| *item = items - 1 - *item);
    }
    dataset(log, &SplitConfig::Column { column: Column::Name("part".into()) })
}

#[test]
fn numbering_items_otherwise_changes_no_figure_and_nobody_is_ranked_by_number() {
    let home = tempfile::tempdir().unwrap();
    let datasets = [newcomers(false), newcomers(true)];
    let [new, _] = &datasets;
    assert!((64..80).all(|user| new.train.row(user).is_empty() && !new.test.row(user).is_empty()));
    let mut popular: Option<Vec<Vec<f64>>> = None;
    for spec in HISTORY_MODELS {
        let [one, other] = [0, 1].map(|way| {
            let folder = home.path().join(format!("{}-{way}", spec.name));
            let sets =
                ["train.epochs=2", "eval.metrics=['ndcg@20', 'recall@5', 'mrr@20', 'map@20', 'hit@1', 'gini@20']"];
            let summary = run(&experiment(spec, &sets), &datasets[way], &folder, How::default()).unwrap();
            assert_eq!(summary.protocol.without_history, 16, "{}", spec.name);
            (figures(&folder, &datasets[way]), timeless(summary), folder)
        });
        let without = |measured: &Measured| -> Vec<Vec<f64>> {
            let users = measured.users.iter().enumerate().filter(|(_, user)| **user >= 64);
            users.map(|(at, _)| measured.row(at).to_vec()).collect()
        };
        assert_eq!(without(&one.0), without(&other.0), "{}", spec.name);
        // The list is the same whatever the model.
        assert_eq!(popular.get_or_insert_with(|| without(&one.0)), &without(&one.0), "{}", spec.name);
        // The list that is answered.
        let answerer = answerer(&one.2);
        for (at, user) in one.0.users.iter().enumerate().filter(|(_, user)| **user >= 64) {
            let user_row = *user as usize;
            let list = listed(&answerer, new, Question { n: 5, ..all_of(new, *user, Some(Exclude::Learned)) });
            let wanted = new.test.row(user_row);
            let hits = list.iter().filter(|item| wanted.binary_search(item).is_ok()).count();
            assert_eq!(one.0.row(at)[1], hits as f64 / wanted.len() as f64, "{}", spec.name);
        }
        // Models that draw parameters item by item learn otherwise; the others do not.
        if ["popularity", "ease", "itemknn"].contains(&spec.name) {
            assert_eq!(one.0.users, other.0.users);
            for (a, b) in one.0.values.iter().zip(&other.0.values) {
                assert!((a - b).abs() < 1e-12, "{}: {a}, {b}", spec.name);
            }
            for (metric, value) in &one.1.metrics {
                assert!((value - other.1.metrics[metric]).abs() < 1e-12, "{}: {metric}", spec.name);
            }
        }
    }
}

#[test]
fn published_work_can_have_its_own_order_and_its_own_lists_for_nobody() {
    let home = tempfile::tempdir().unwrap();
    let [one, other] = [newcomers(false), newcomers(true)];
    let done = |name: &str, data: &HistoryDataset| {
        let sets = ["eval.ties=number", "eval.without_history=model", "eval.metrics=['ndcg@20']"];
        let summary =
            run(&experiment(find("popularity").unwrap(), &sets), data, &home.path().join(name), How::default());
        summary.unwrap()
    };
    let (one, other) = (done("one", &one), done("other", &other));
    assert_eq!((one.protocol.ties.as_str(), one.protocol.without_history), ("number", 0));
    assert_ne!(one.metrics["ndcg@20"], other.metrics["ndcg@20"]);
}

#[test]
fn a_run_of_format_2_is_judged_by_its_rules_and_its_users_are_offered_nothing_that_they_have() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/format-2/run");
    let opened = HistoryRun::open(&folder).unwrap();
    let answerer = answerer(&folder);
    for user in 0..opened.data.users.len() as u32 {
        let list = listed(&answerer, &opened.data, all_of(&opened.data, user, None));
        assert!(list.iter().all(|item| opened.data.test.row(user as usize).binary_search(item).is_err()));
        let judged = listed(&answerer, &opened.data, all_of(&opened.data, user, Some(Exclude::Learned)));
        assert!(opened.data.test.row(user as usize).iter().all(|item| judged.contains(item)));
    }
    let evaluated = opened.evaluate(adepts::history::request::Request::default(), &mut progress::silent).unwrap();
    let protocol = &evaluated.summary.protocol;
    assert_eq!((protocol.mask_seen, protocol.ties.as_str(), protocol.without_history), (false, "number", 0));
}

#[test]
fn what_a_user_is_known_to_have_is_left_out_unless_it_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("run");
    let experiment = retrieval::experiment("mlp", &["train.epochs=1"]);
    run_with(&experiment, &retrieval::DATA.1, &folder, How::default()).unwrap();
    let opened = TabularRun::open(&folder).unwrap();
    let answerer = adepts::answers::open(&folder).unwrap();
    let ids = Catalogue::open(&folder.join(DATA)).unwrap().unwrap().ids;
    let (users, _) = opened.data.vocabulary(0).unwrap().unwrap();
    // What each user has, by name, in training and at all.
    let mut had = BTreeMap::<String, [BTreeSet<Id>; 2]>::new();
    for part in [Part::Train, Part::Validation, Part::Test] {
        for block in opened.data.blocks(part, 1000).unwrap() {
            let block = block.unwrap();
            let Codes::One(codes) = &block.fields[0] else { panic!("one user a row") };
            for (code, item) in codes.iter().zip(&block.item).filter(|(code, _)| **code > 0) {
                let [learned, all] = had.entry(users.id(code - 1).to_string()).or_default();
                all.insert(ids.id(*item));
                if part == Part::Train {
                    learned.insert(ids.id(*item));
                }
            }
        }
    }
    // By number users are in the order of their first positive row; the block says who is who.
    let mut names = BTreeMap::new();
    for block in opened.data.blocks(Part::Train, 1000).unwrap() {
        let block = block.unwrap();
        let Codes::One(codes) = &block.fields[0] else { panic!("one user a row") };
        names.extend(block.user.iter().copied().zip(codes.iter().map(|code| users.id(code - 1).to_string())));
    }
    let mut only_seen = 0;
    let keep = |user: u32, item: u32| {
        let Some([_, all]) = names.get(&user).and_then(|name| had.get_mut(name)) else { return };
        only_seen += usize::from(all.insert(ids.id(item)));
    };
    opened.data.seen(&[Part::Train, Part::Validation, Part::Test], keep).unwrap();
    assert!(only_seen > 100);
    let everything: BTreeSet<Id> = (0..ids.len() as u32).map(|item| ids.id(item)).collect();
    let domain = Id::Text(opened.data.schema().domains[0].as_str().into());
    for (user, [learned, all]) in had.iter().step_by(7) {
        let context = BTreeMap::from([("user".to_owned(), FieldValue::Text(user.clone()))]);
        let question = RetrievalQuestion { domain: domain.clone(), context, n: 100, exclude: None };
        for (exclude, left_out) in [
            (None, all),
            (Some(Exclude::Seen), all),
            (Some(Exclude::Learned), learned),
            (Some(Exclude::None), &BTreeSet::new()),
        ] {
            let asked = RetrievalQuestion { exclude, ..question.clone() };
            let found = answerer.retrieve(&[asked]).remove(0).unwrap().items;
            let found: BTreeSet<Id> = found.into_iter().map(|found| found.item).collect();
            assert_eq!(found, &everything - left_out, "{user}, {exclude:?}");
        }
    }
}
