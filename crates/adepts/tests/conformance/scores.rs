//! What a trained model answers.

use std::sync::Arc;

use adepts::HistoryRun;
use adepts::contract::{Batcher, GateView, HistoryBatch, Probe, ProbeSplit};
use adepts::data::Rows;
use adepts_ops::Csr;
use burn::tensor::Device;

use crate::support::{COMMUNITY, RUNS, Trained, bits, recipe, score};

fn opened(trained: &Trained) -> HistoryRun {
    HistoryRun::open(&trained.folder).unwrap()
}

/// Histories of all kinds with what is to be found of them: users', an empty one, one item, nearly everything.
fn histories() -> (Rows, Rows) {
    let items = COMMUNITY.items.len() as u32;
    let known = |rows: &Rows| rows.iter().take(21).map(<[u32]>::to_vec).collect::<Vec<_>>();
    let (mut histories, mut validation) = (known(&COMMUNITY.train), known(&COMMUNITY.validation));
    histories.extend([vec![], vec![5], (1..items).collect(), (0..items).collect()]);
    validation.extend([vec![], vec![], vec![0], vec![]]);
    (Rows::from_lists(histories), Rows::from_lists(validation))
}

#[test]
fn scores_are_finite_whatever_the_history() {
    let (histories, validation) = histories();
    for trained in RUNS.iter() {
        let run = opened(trained);
        let untrained = recipe(trained.spec).build(
            &adepts::history::run::sizes(&run.experiment, &run.data),
            3,
            &Device::flex().autodiff(),
        );
        for model in [&*run.model, &*untrained] {
            let (scores, shares) = score(model, &histories, &validation);
            assert!(scores.iter().chain(&shares).all(|x| x.is_finite()), "{}", trained.spec.name);
        }
    }
}

#[test]
fn a_batch_equals_its_rows_one_by_one() {
    let (histories, validation) = histories();
    for trained in RUNS.iter() {
        let (model, name) = (opened(trained).model, trained.spec.name);
        let (scores, shares) = score(&*model, &histories, &validation);
        for row in 0..histories.len() {
            let of = |rows: &Rows| Rows::from_lists([rows.row(row).to_vec()]);
            let (alone, alone_shares) = score(&*model, &of(&histories), &of(&validation));
            assert_eq!(bits(&alone), bits(&scores[row * model.items()..][..model.items()]), "{name}, row {row}");
            if !shares.is_empty() {
                let k = model.experts();
                assert_eq!(bits(&alone_shares), bits(&shares[row * k..][..k]), "{name}, row {row}");
            }
        }
    }
}

#[test]
fn shares_are_not_negative_and_sum_to_one() {
    let (histories, validation) = histories();
    for trained in RUNS.iter() {
        let model = opened(trained).model;
        let (_, shares) = score(&*model, &histories, &validation);
        for row in shares.chunks(model.experts()) {
            assert!(row.iter().all(|share| *share >= 0.0), "{}: {row:?}", trained.spec.name);
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{}: {row:?}", trained.spec.name);
        }
    }
}

#[test]
fn asking_for_shares_changes_no_score() {
    let (histories, validation) = histories();
    for trained in RUNS.iter() {
        let model = opened(trained).model;
        let users: Vec<u32> = (0..histories.len() as u32).collect();
        let (items, probe) = (model.items(), model.probe());
        let batch = Batcher {
            histories: &histories,
            validation: &validation,
            items,
            probe,
            seed: 1,
            split: ProbeSplit::default(),
        }
        .batch(&users);
        let mut scores = vec![f32::NAN; users.len() * items];
        model.score(&batch, &mut scores, &mut []);
        assert_eq!(bits(&scores), bits(&score(&*model, &histories, &validation).0), "{}", trained.spec.name);
    }
}

/// A gate that looks at something and finds nothing there is a gate without a view, and one without a view mixes equally:
/// the experts themselves are the same in both.
#[test]
fn emptying_the_gates_field_changes_nothing_but_the_gate() {
    let (histories, validation) = histories();
    let users: Vec<u32> = (0..histories.len() as u32).collect();
    for trained in RUNS.iter() {
        let (model, name) = (opened(trained).model, trained.spec.name);
        let (items, k) = (model.items(), model.experts());
        let ask = |batch: &HistoryBatch| {
            let (mut scores, mut shares) = (vec![f32::NAN; users.len() * items], vec![f32::NAN; users.len() * k]);
            model.score(batch, &mut scores, if k > 1 { &mut shares } else { &mut [] });
            (scores, shares)
        };
        let batch = |validation: &Rows, probe| {
            Batcher { histories: &histories, validation, items, probe, seed: 1, split: ProbeSplit::default() }
                .batch(&users)
        };
        let nothing = batch(&validation, None);
        let (scores, shares) = ask(&nothing);
        if model.probe().is_none() || k == 1 {
            // Nobody looks, so whatever is there changes nothing.
            let seen = batch(&validation, Some(Probe::Validation));
            assert_eq!(bits(&ask(&seen).0), bits(&scores), "{name}");
            continue;
        }
        assert!(shares.iter().all(|share| (share - 1.0 / k as f32).abs() < 1e-6), "{name}");
        let nowhere = Arc::new(Csr::from_rows(items, users.iter().map(|_| [].as_slice())));
        let empty = GateView { seen: Arc::clone(&nothing.input), probe: nowhere };
        let (same, same_shares) = ask(&HistoryBatch { gate: Some(empty), ..nothing.clone() });
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * a.abs().max(1.0));
        assert!(close(&same_shares, &shares) && close(&same, &scores), "{name}");
        let with_view = ask(&batch(&validation, model.probe()));
        assert!(!close(&with_view.1, &shares), "{name}: the gate sees nothing in its view");
    }
}
