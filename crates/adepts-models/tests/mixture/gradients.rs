//! Losses, signals and every gradient against central differences of the 64-bit reference.

use std::collections::BTreeSet;
use std::sync::Arc;

use adepts_core::{HistoryLearner, HistoryModel, Probe, Step};
use adepts_models::history::mixture::MixtureConfig;
use adepts_models::history::mixture::config::{Gate, GateScore, Reduce, Signal, Weights};
use adepts_models::history::mixture::model::Inputs;
use adepts_ops::Csr;
use adepts_ops::latent::kernel::Noise;

use crate::reference::Reference;
use crate::support::{Users, assert_close, config, driven, gradients, inputs, mixture, total};

const TOLERANCE: f64 = 2e-5;
/// Of gradients, where 1/L magnifies the rounding of a small L.
const TOLERANCE_OF_GRADIENTS: f64 = 5e-5;
const BETA: f64 = 0.15;
const ITEMS: usize = 23;
const STEP: f64 = 1e-5;

/// Checks a step and every gradient; `dropped` leaves items out of the input as dropout does.
fn check(config: &MixtureConfig, probe: Option<Probe>, dropped: bool) {
    let context = format!("{:?} {:?} {probe:?}", config.hidden, config.gate);
    let batch = Users::random(9, ITEMS).batch(probe);
    let mut inputs = inputs(config, &batch);
    if dropped {
        let kept: Vec<Vec<u32>> =
            (0..9).map(|r| batch.input.row(r).iter().copied().filter(|item| item % 4 != 1).collect()).collect();
        let scale = (0..9).map(|r| 1.3 + 0.1 * r as f32).collect();
        inputs.input = Arc::new(Csr::from_rows(ITEMS, kept.iter().map(Vec::as_slice)).scaled(scale));
    }
    let mut model = mixture(config, ITEMS);
    let mut reference = Reference::new(config, ITEMS, &model.save());
    let want = reference.step(&batch, &inputs, BETA, None);
    let loss = model.loss_with(&batch, &inputs, BETA);
    assert_close(&format!("{context}: loss"), &[total(&loss)], &[want.loss], TOLERANCE);
    if config.experts > 1 {
        assert_close(&format!("{context}: shares"), &loss.shares, &want.shares.concat(), TOLERANCE);
    }
    assert_eq!(loss.signal.len(), want.signal.len());
    for (got, want) in loss.signal.iter().zip(&want.signal) {
        assert_eq!(got.is_nan(), want.is_nan(), "{context}: signal {got}, not {want}");
        if !want.is_nan() {
            assert_close(&format!("{context}: signal"), &[*got], &[*want], TOLERANCE);
        }
    }

    let detached = matches!(config.gate, Gate::LossDriven { detach: true, .. });
    let frozen = detached.then_some(want.shares.as_slice());
    for (name, got) in gradients(&mut model, &loss) {
        let mut differences = Vec::new();
        for at in 0..got.len() {
            let mut ahead = |by: f64| {
                reference.arrays.get_mut(&name).unwrap().1[at] += by;
                reference.step(&batch, &inputs, BETA, frozen).loss
            };
            let difference = ahead(STEP) - ahead(-2.0 * STEP);
            ahead(STEP);
            differences.push(difference / (2.0 * STEP));
        }
        assert_close(&format!("{context}: gradient of {name}"), &got, &differences, TOLERANCE_OF_GRADIENTS);
    }
}

#[test]
fn the_loss_and_every_gradient_follow_the_equations_with_equal_shares() {
    for (experts, hidden) in [(1, vec![4]), (3, vec![4]), (2, vec![5, 3]), (1, vec![5, 3])] {
        check(&config(experts, &hidden, Gate::Uniform {}), None, false);
    }
}

#[test]
fn they_follow_the_equations_with_a_gate_network() {
    check(&config(3, &[4], Gate::Mlp { hidden: 6 }), None, false);
    check(&config(2, &[5, 3], Gate::Mlp { hidden: 6 }), Some(Probe::Validation), false);
}

#[test]
fn they_follow_the_equations_with_validation_items_as_the_probe() {
    for (experts, hidden) in [(1, vec![4]), (3, vec![4]), (2, vec![5, 3])] {
        check(&config(experts, &hidden, driven(Probe::Validation)), Some(Probe::Validation), false);
    }
}

#[test]
fn they_follow_the_equations_with_a_part_of_the_history_as_the_probe() {
    for (experts, hidden) in [(1, vec![4]), (3, vec![4]), (2, vec![5, 3])] {
        check(&config(experts, &hidden, driven(Probe::History)), Some(Probe::History), false);
    }
}

#[test]
fn they_follow_the_equations_for_every_rule_of_the_gate() {
    for probe in [Probe::Validation, Probe::History] {
        for (score, reduce, temperature, detach) in [
            (GateScore::Negative, Reduce::Sum, 2.0, false),
            (GateScore::Negative, Reduce::Mean, 0.5, false),
            (GateScore::Inverse, Reduce::Mean, 1.5, false),
            (GateScore::Negative, Reduce::Mean, 0.5, true),
            (GateScore::Inverse, Reduce::Sum, 1.0, true),
        ] {
            let gate = Gate::LossDriven { score, reduce, temperature, detach, probe };
            check(&config(3, &[4], gate), Some(probe), false);
        }
    }
}

#[test]
fn they_follow_the_equations_with_a_mean_divergence_and_with_items_left_out() {
    let mut mean = config(3, &[4], driven(Probe::Validation));
    mean.kl.reduce = Reduce::Mean;
    check(&mean, Some(Probe::Validation), true);
    mean.gate = driven(Probe::History);
    check(&mean, Some(Probe::History), true);
    mean.gate = Gate::Uniform {};
    check(&mean, None, true);
}

#[test]
fn they_follow_the_equations_where_only_the_weights_look_at_a_part_of_the_history() {
    check(&config(3, &[4], Gate::Uniform {}), Some(Probe::History), false);
    check(&config(2, &[4], Gate::Mlp { hidden: 6 }), Some(Probe::Validation), false);
    check(&config(1, &[5, 3], Gate::Uniform {}), Some(Probe::History), false);
}

/// The signal in training is that of experts that have not seen the probe, whatever the gate.
#[test]
fn weights_by_a_part_of_the_history_do_not_look_at_what_the_experts_have_seen() {
    for gate in [Gate::Uniform {}, driven(Probe::History)] {
        let config = MixtureConfig { noise: 0.0, ..config(3, &[4], gate) };
        let batch = Users::random(9, ITEMS).batch(Some(Probe::History));
        let model = mixture(&config, ITEMS);
        let loss = model.loss(&batch, &Step { seed: 1, epoch: 1, taken: 0 });
        let noise = Noise::Given(Arc::new(vec![0.0; 3 * 9 * 4]));
        let inputs = Inputs { noise, ..inputs(&config, &batch) };
        let want = Reference::new(&config, ITEMS, &model.save()).step(&batch, &inputs, 0.2, None);
        assert_close("loss", &[total(&loss)], &[want.loss], TOLERANCE);
        let known = |x: &f64| !x.is_nan();
        let got: Vec<f32> = loss.signal.iter().copied().filter(|x| !x.is_nan()).collect();
        let want: Vec<f64> = want.signal.into_iter().filter(known).collect();
        assert_close(&format!("signal, {gate:?}"), &got, &want, TOLERANCE);
    }
}

#[test]
fn the_signal_of_a_user_is_the_sum_or_the_mean_over_his_probe_items() {
    let adaptive = |reduce| Weights::Adaptive {
        signal: Signal::LossChange,
        reduce,
        gap: 2,
        alpha: 0.1,
        window: 2,
        probe: Probe::Validation,
    };
    let batch = Users::random(9, ITEMS).batch(Some(Probe::Validation));
    let signal = |reduce| {
        let config = MixtureConfig { weights: adaptive(reduce), ..config(2, &[4], Gate::Uniform {}) };
        mixture(&config, ITEMS).loss_with(&batch, &inputs(&config, &batch), BETA).signal
    };
    let (sums, means) = (signal(Reduce::Sum), signal(Reduce::Mean));
    let probe = &batch.gate.as_ref().unwrap().probe;
    let mut lengths = BTreeSet::new();
    for (row, (sum, mean)) in sums.iter().zip(&means).enumerate() {
        let length = probe.row(row).len();
        lengths.insert(length);
        assert_eq!(sum.is_nan(), length == 0);
        assert_eq!(mean.is_nan(), length == 0);
        if length > 0 {
            assert_close("mean", &[*mean], &[f64::from(*sum) / length as f64], 1e-6);
        }
    }
    assert!(lengths.len() > 2, "{lengths:?}");
}
