//! What a gate may change, and what it may not.

use std::sync::Arc;

use adepts_core::{HistoryLearner, HistoryModel, Probe, Step};
use adepts_models::history::mixture::config::Gate;

use crate::support::{Users, assert_close, bits, config, csr, driven, gradients, inputs, mixture, scores, total};

const ITEMS: usize = 23;

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|x| f64::from(*x)).collect()
}

#[test]
fn a_row_without_a_probe_has_equal_shares() {
    for probe in [Probe::Validation, Probe::History] {
        let batch = Users::random(40, ITEMS).batch(Some(probe));
        let view = batch.gate.clone().unwrap();
        let model = mixture(&config(3, &[4], driven(probe)), ITEMS);
        let (_, shares) = scores(&model, &batch);
        let loss = model.loss_with(&batch, &inputs(&config(3, &[4], driven(probe)), &batch), 0.1);
        let mut empty = 0;
        for row in 0..40 {
            for shares in [&shares[row * 3..][..3], &loss.shares[row * 3..][..3]] {
                assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                assert_eq!(shares == [1.0 / 3.0; 3], view.probe.row(row).is_empty(), "row {row}: {shares:?}");
            }
            assert_eq!(loss.signal[row].is_nan(), view.probe.row(row).is_empty());
            empty += usize::from(view.probe.row(row).is_empty());
        }
        assert!(empty > 0 && empty < 40);
    }
}

#[test]
fn probes_that_are_all_empty_give_the_loss_and_the_gradients_of_a_uniform_gate() {
    let uniform = config(3, &[4], Gate::Uniform {});
    let users = Users::random(9, ITEMS);
    let plain = users.batch(None);
    let mut model = mixture(&uniform, ITEMS);
    let want = model.loss_with(&plain, &inputs(&uniform, &plain), 0.1);
    let want_gradients = gradients(&mut model, &want);
    for probe in [Probe::Validation, Probe::History] {
        let config = config(3, &[4], driven(probe));
        let mut batch = users.batch(Some(probe));
        batch.gate.as_mut().unwrap().probe = Arc::new(csr(ITEMS, &vec![Vec::new(); 9]));
        let mut model = mixture(&config, ITEMS);
        let loss = model.loss_with(&batch, &inputs(&config, &batch), 0.1);
        assert!(loss.shares.iter().all(|share| *share == 1.0 / 3.0));
        assert_close("loss", &[total(&loss)], &wide(&[total(&want)]), 1e-6);
        for ((name, got), (_, want)) in gradients(&mut model, &loss).iter().zip(&want_gradients) {
            assert_close(name, got, &wide(want), 1e-5);
        }
    }
}

#[test]
fn a_gate_that_looks_at_nothing_mixes_equally() {
    let batch = Users::random(20, ITEMS).batch(None);
    let (want, equal) = scores(&mixture(&config(3, &[8, 4], Gate::Uniform {}), ITEMS), &batch);
    assert!(equal.iter().all(|share| *share == 1.0 / 3.0));
    for probe in [Probe::Validation, Probe::History] {
        let (got, shares) = scores(&mixture(&config(3, &[8, 4], driven(probe)), ITEMS), &batch);
        assert_eq!(bits(&got), bits(&want));
        assert_eq!(shares, equal);
    }
}

#[test]
fn the_gates_field_changes_nothing_for_models_whose_gate_does_not_look_at_it() {
    for gate in [Gate::Uniform {}, Gate::Mlp { hidden: 6 }] {
        let config = config(3, &[8, 4], gate);
        let users = Users::random(20, ITEMS);
        let without = users.batch(None);
        let mut model = mixture(&config, ITEMS);
        let want = scores(&model, &without);
        let loss = model.loss_with(&without, &inputs(&config, &without), 0.1);
        assert!(loss.signal.is_empty());
        let want_gradients = gradients(&mut model, &loss);
        for probe in [Probe::Validation, Probe::History] {
            let with = users.batch(Some(probe));
            let got = scores(&model, &with);
            assert_eq!((bits(&got.0), bits(&got.1)), (bits(&want.0), bits(&want.1)));
            let of_with = model.loss_with(&with, &inputs(&config, &with), 0.1);
            assert_eq!(total(&of_with).to_bits(), total(&loss).to_bits());
            for ((name, got), (_, want)) in gradients(&mut model, &of_with).iter().zip(&want_gradients) {
                assert_eq!(bits(got), bits(want), "{name}");
            }
        }
    }
}

#[test]
fn one_expert_is_the_same_model_with_any_gate() {
    let users = Users::random(20, ITEMS);
    let (want, _) = scores(&mixture(&config(1, &[4], Gate::Uniform {}), ITEMS), &users.batch(None));
    for probe in [Probe::Validation, Probe::History] {
        let model = mixture(&config(1, &[4], driven(probe)), ITEMS);
        let (got, shares) = scores(&model, &users.batch(Some(probe)));
        assert_eq!(bits(&got), bits(&want));
        assert_eq!(shares, [1.0; 20]);
    }
}

#[test]
fn the_probe_of_validation_items_does_not_reach_the_experts() {
    // Other held-out items change the shares alone: the scores stay a mix of the same experts.
    let mut users = Users::random(20, ITEMS);
    let model = mixture(&config(1, &[4], driven(Probe::Validation)), ITEMS);
    let before = scores(&model, &users.batch(Some(Probe::Validation)));
    users.held.iter_mut().for_each(Vec::clear);
    assert_eq!(before, scores(&model, &users.batch(Some(Probe::Validation))));
}

#[test]
fn a_step_draws_its_dropout_and_its_noise_from_where_it_stands() {
    for probe in [Probe::Validation, Probe::History] {
        let mut config = config(3, &[4], driven(probe));
        config.dropout = 0.3;
        let model = mixture(&config, ITEMS);
        let batch = Users::random(20, ITEMS).batch(Some(probe));
        let of = |seed, taken| total(&model.loss(&batch, &Step { seed, epoch: 1, taken }));
        assert!(of(1, 0).is_finite());
        assert_eq!(of(1, 0).to_bits(), of(1, 0).to_bits());
        assert_ne!(of(1, 0), of(1, 1));
        assert_ne!(of(1, 0), of(2, 0));
    }
}

#[test]
fn a_batch_of_users_without_weight_adds_only_the_divergence() {
    let config = config(3, &[4], Gate::Uniform {});
    let mut batch = Users::random(3, ITEMS).batch(None);
    batch.weights.fill(0.0);
    let loss = mixture(&config, ITEMS).loss_with(&batch, &inputs(&config, &batch), 0.1);
    let part = |name: &str| loss.parts.iter().find(|part| part.0 == name).unwrap().1;
    assert_eq!(part("ce"), 0.0);
    assert!((f64::from(total(&loss)) - 0.1 * part("kl")).abs() < 1e-6);
}

#[test]
fn saved_parameters_give_the_same_model() {
    let config = config(3, &[8, 4], Gate::Mlp { hidden: 6 });
    let model = mixture(&config, ITEMS);
    let mut other =
        adepts_models::history::mixture::Mixture::new(config, ITEMS, 99, &burn::tensor::Device::flex().autodiff());
    other.load(&model.save()).unwrap();
    let batch = Users::random(20, ITEMS).batch(None);
    assert_eq!(scores(&model, &batch), scores(&other, &batch));
    assert_eq!(model.save(), other.save());
}
