//! That models learn, what they learn, and from whom.

use adepts::HistoryRun;
use adepts::data::{HistoryDataset, Interactions, SplitConfig, mainstream_scores};
use adepts::models::HISTORY_MODELS;

use crate::support::{
    COMMUNITY, How, RUNS, community_log, dataset, experiment, learners, log, model_bytes, run, small, trained,
    two_tastes,
};

/// The model that knows nothing of taste.
const FLOOR: &str = "popularity";

#[test]
fn the_loss_falls_over_the_epochs() {
    for spec in learners() {
        let epochs = log(&trained(spec.name).folder);
        let (first, last) = (epochs.first().unwrap(), epochs.last().unwrap());
        assert!(last.losses["ce"] < 0.97 * first.losses["ce"], "{}: {:?} {:?}", spec.name, first.losses, last.losses);
    }
}

#[test]
fn the_withheld_item_of_the_checkerboard_comes_first() {
    let data = two_tastes(64, 24);
    let home = tempfile::tempdir().unwrap();
    for spec in HISTORY_MODELS.iter().filter(|spec| spec.name != FLOOR) {
        let sets = ["train.epochs=60", "train.batch=16", "eval.metrics=['hit@1']", "train.stop.metric='ndcg@1'"];
        let summary = run(&experiment(spec, &sets), &data, &home.path().join(spec.name), How::default()).unwrap();
        assert!(summary.metrics["hit@1"] >= 0.9, "{}: {:?}", spec.name, summary.metrics);
    }
}

#[test]
fn every_model_beats_popularity_on_the_simulated_community() {
    let ndcg = |name: &str| trained(name).summary.metrics["ndcg@20"];
    for trained in RUNS.iter().filter(|trained| trained.spec.name != FLOOR) {
        let found = trained.summary.metrics["ndcg@20"];
        assert!(found > ndcg(FLOOR), "{}: {found} against {}", trained.spec.name, ndcg(FLOOR));
    }
}

/// Whole users are held out; a gate can look at a part of their histories only.
const HELD_OUT: SplitConfig = SplitConfig::Users { validation: 0.1, test: 0.2, input: 0.8, known: 0.0, seed: Some(5) };

/// Overrides for a gate or weights that look at the history.
fn by_history(spec: &adepts::contract::HistorySpec) -> Vec<String> {
    let table = small(spec);
    let has = |part: &&str| table.get(*part).and_then(|part| part.get("probe")).is_some();
    ["gate", "weights"].iter().filter(|part| has(part)).map(|part| format!("model.{part}.probe='history'")).collect()
}

/// The same log, but the items of the users held out for test are others.
fn with_other_test_users(mut log: Interactions, data: &HistoryDataset) -> Interactions {
    let items = log.items.len() as u32;
    for (user, item) in log.user.iter().zip(&mut log.item) {
        if !data.learns[*user as usize] && !data.test.row(*user as usize).is_empty() {
            *item = (*item + 37) % items;
        }
    }
    log
}

#[test]
fn users_who_are_held_out_are_never_learned_from() {
    let data = dataset(community_log(), &HELD_OUT);
    let other = dataset(with_other_test_users(community_log(), &data), &HELD_OUT);
    assert_eq!(data.learns, other.learns);
    assert!(data.learns.iter().filter(|learns| !**learns).count() > 50);
    assert_ne!(data.train, other.train);
    // Had they a part in the scores that row weights come of, those would differ.
    let score = |data: &HistoryDataset| mainstream_scores(&data.train, data.items.len(), 1).0;
    assert_ne!(score(&data), score(&other));
    let learned = |data: &HistoryDataset| {
        data.mainstream.iter().zip(&data.learns).filter(|(_, learns)| **learns).map(|(s, _)| *s).collect::<Vec<f32>>()
    };
    assert_eq!(learned(&data), learned(&other));
    let home = tempfile::tempdir().unwrap();
    for spec in HISTORY_MODELS {
        let sets = by_history(spec);
        let experiment = experiment(spec, &sets.iter().map(String::as_str).collect::<Vec<_>>());
        let bytes = [("one", &data), ("other", &other)].map(|(name, data)| {
            let folder = home.path().join(spec.name).join(name);
            run(&experiment, data, &folder, How::default()).unwrap();
            model_bytes(&folder)
        });
        assert_eq!(bytes[0], bytes[1], "{}", spec.name);
    }
}

#[test]
fn a_gate_that_looks_at_histories_works_for_users_held_out() {
    let data = dataset(community_log(), &HELD_OUT);
    let home = tempfile::tempdir().unwrap();
    for spec in learners().filter(|spec| !by_history(spec).is_empty()) {
        let sets = by_history(spec);
        let folder = home.path().join(spec.name);
        let experiment = experiment(spec, &sets.iter().map(String::as_str).collect::<Vec<_>>());
        let summary = run(&experiment, &data, &folder, How::default()).unwrap();
        assert_eq!(summary.protocol.probe, "history");
        assert!(summary.metrics["ndcg@20"] > 0.0);
        let run = HistoryRun::open(&folder).unwrap();
        let experts = run.model.experts();
        let held_out: Vec<u32> = (0..data.users.len() as u32).filter(|user| !data.learns[*user as usize]).collect();
        let rows = adepts::data::Rows::from_lists(held_out.iter().map(|user| data.train.row(*user as usize).to_vec()));
        let (_, shares) = crate::support::score(&*run.model, &rows, &rows);
        let decided =
            shares.chunks(experts).filter(|row| row.iter().any(|share| (share * experts as f32 - 1.0).abs() > 1e-6));
        assert!(decided.count() * 2 > held_out.len(), "{}", spec.name);
    }
    assert!(COMMUNITY.learns.iter().all(|learns| *learns));
}
