//! The mixture against an independent implementation in 64-bit floats (`PyTorch` autograd), whose values `golden/*.json` hold.
//!
//! Tolerance: 2e-5 of the largest entry of an array, for results and for every gradient alike.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use adepts_core::{GateView, HistoryBatch, HistoryLearner, HistoryModel, Known, Probe, Tensors, Values, tensors};
use adepts_models::history::mixture::config::{Gate, GateScore, Kl, Reduce, Signal, Weights};
use adepts_models::history::mixture::expert::{Experts, sample};
use adepts_models::history::mixture::model::Inputs;
use adepts_models::history::mixture::{Mixture, MixtureConfig};
use adepts_ops::Csr;
use adepts_ops::latent::kernel::Noise;
use adepts_ops::mixture::kernel::{Cut, Rule, Score};
use adepts_ops::mixture::{driven, given};
use adepts_ops::row_losses::row_losses;
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;

const TOLERANCE: f64 = 2e-5;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The numbers of nested lists, row-major.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|x| x as f32).collect()
}

fn size(json: &Value, name: &str) -> usize {
    json["shape"][name].as_u64().unwrap() as usize
}

fn lists(value: &Value) -> Vec<Vec<u32>> {
    value.as_array().unwrap().iter().map(|row| floats(row).into_iter().map(|item| item as u32).collect()).collect()
}

#[track_caller]
fn assert_close(what: &str, got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0f64, |top, x| top.max(x.abs()));
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let off = (f64::from(*got) - want).abs();
        assert!(off <= TOLERANCE * largest, "{what}[{at}] is {got}, not {want}; the largest is {largest}");
    }
}

fn config(json: &Value) -> MixtureConfig {
    let gate = match json["gate"].as_str().unwrap() {
        "loss_driven" => Gate::LossDriven {
            score: GateScore::Inverse,
            reduce: Reduce::Sum,
            temperature: 1.0,
            detach: false,
            probe: Probe::Validation,
        },
        "mlp" => Gate::Mlp { hidden: json["gate_params"]["b1"].as_array().unwrap().len() },
        _ => Gate::Uniform {},
    };
    let reduce = if json["kl_mode"] == "mean" { Reduce::Mean } else { Reduce::Sum };
    MixtureConfig {
        experts: size(json, "experts"),
        hidden: vec![size(json, "hidden")],
        dropout: 0.0,
        noise: 0.01,
        kl: Kl { reduce, cap: 0.2, steps: 0 },
        gate,
        weights: Weights::Uniform {},
    }
}

/// Name in the model, name in the file, shape of one expert's array.
fn names(json: &Value) -> [(&'static str, &'static str, Vec<usize>); 4] {
    let (items, hidden) = (size(json, "items"), size(json, "hidden"));
    [
        ("encoder.0.weight", "w_enc", vec![items, 2 * hidden]),
        ("encoder.0.bias", "b_enc", vec![2 * hidden]),
        ("decoder.0.weight", "w_dec", vec![hidden, items]),
        ("decoder.0.bias", "b_dec", vec![items]),
    ]
}

const GATE: [(&str, &str); 4] =
    [("gate.0.weight", "w1"), ("gate.0.bias", "b1"), ("gate.1.weight", "w2"), ("gate.1.bias", "b2")];

/// The experts' arrays of one name, stacked.
fn stacked(experts: &Value, name: &str) -> Vec<f64> {
    experts.as_array().unwrap().iter().flat_map(|expert| numbers(&expert[name])).collect()
}

fn parameters(json: &Value) -> Tensors {
    let mut tensors = Tensors::default();
    let experts = size(json, "experts");
    for (name, there, shape) in names(json) {
        let values = stacked(&json["experts"], there).into_iter().map(|x| x as f32).collect();
        tensors.insert(name, &[&[experts], shape.as_slice()].concat(), values);
    }
    if json["gate"] == "mlp" {
        let (items, hidden) = (size(json, "items"), json["gate_params"]["b1"].as_array().unwrap().len());
        let shapes = [vec![1, items, hidden], vec![1, hidden], vec![1, hidden, experts], vec![1, experts]];
        for ((name, there), shape) in GATE.into_iter().zip(shapes) {
            tensors.insert(name, &shape, floats(&json["gate_params"][there]));
        }
    }
    tensors
}

struct Case {
    json: Value,
    batch: HistoryBatch,
    inputs: Inputs,
}

fn case(name: &str) -> Case {
    let json = read(name);
    let (users, items) = (size(&json, "users"), size(&json, "items"));
    let csr = |rows: &[Vec<u32>]| Csr::from_rows(items, rows.iter().map(Vec::as_slice));
    let train = lists(&json["train"]);
    let input = Arc::new(csr(&train));
    let gate = GateView { seen: Arc::clone(&input), probe: Arc::new(csr(&lists(&json["probe"]))) };
    let batch = HistoryBatch {
        users: (0..users as u32).collect(),
        input,
        gate: Some(gate),
        weights: floats(&json["row_weights"]),
    };
    let noise = Noise::Given(Arc::new(floats(&json["eps"])));
    let inputs = Inputs { input: Arc::new(csr(&train).normalised(1.0)), seen: None, noise };
    Case { json, batch, inputs }
}

/// Loss, its parts, the signal, the shares and every gradient of a training step.
fn check_step(name: &str) {
    let Case { json, batch, inputs } = case(name);
    let device = Device::flex().autodiff();
    let mut model = Mixture::new(config(&json), size(&json, "items"), 0, &device);
    model.load(&parameters(&json)).unwrap();
    let beta = json["beta"].as_f64().unwrap();
    let loss = model.loss_with(&batch, &inputs, beta);

    assert_close("loss", &tensors::values(&loss.total), &numbers(&json["loss"]));
    let part = |name: &str| loss.parts.iter().find(|part| part.0 == name).unwrap().1 as f32;
    assert_close("ce", &[part("ce")], &numbers(&json["ce"]));
    let gates = numbers(&json["gates"]);
    let kl = numbers(&json["kl"]);
    let mixed: f64 = gates.chunks(kl.len()).flat_map(|row| row.iter().zip(&kl).map(|(g, kl)| g * kl)).sum();
    let rows = if json["kl_mode"] == "mean" { batch.rows() as f64 } else { 1.0 };
    assert_close("kl", &[part("kl")], &[mixed / rows]);
    assert_close("signal", &loss.signal, &numbers(&json["row_probe_loss"]));
    if kl.len() > 1 {
        assert_close("shares", &loss.shares, &gates);
    } else {
        assert!(loss.shares.is_empty());
    }

    let gradients = loss.total.backward();
    let got: Vec<(String, Vec<f32>)> = model
        .parameters()
        .into_iter()
        .map(|(name, parameter)| {
            let values = match parameter.values {
                Values::One(tensor) => tensors::values(&tensor.grad(&gradients).unwrap()),
                Values::Two(tensor) => tensors::values(&tensor.grad(&gradients).unwrap()),
                Values::Three(tensor) => tensors::values(&tensor.grad(&gradients).unwrap()),
            };
            (name, values)
        })
        .collect();
    let mut want: Vec<(&str, Vec<f64>)> =
        names(&json).into_iter().map(|(name, there, _)| (name, stacked(&json["grad_experts"], there))).collect();
    if json["gate"] == "mlp" {
        want.extend(GATE.map(|(name, there)| (name, numbers(&json["grad_gate_params"][there]))));
    }
    assert_eq!(got.len(), want.len());
    for ((name, got), (expected, want)) in got.iter().zip(&want) {
        assert_eq!(name, expected);
        assert_close(&format!("gradient of {name}"), got, want);
    }
}

/// What the operations give inside of a step: experts' losses, mixed logits, divergences, cross-entropies.
fn check_pass(name: &str) {
    let Case { json, batch, inputs } = case(name);
    let (config, items) = (config(&json), size(&json, "items"));
    for device in [Device::flex(), Device::flex().autodiff()] {
        let mut experts = Experts::init(&config, items, 0, &Device::flex().autodiff());
        experts.load(&parameters(&json)).unwrap();
        let experts = if device.is_autodiff() { experts } else { experts.inner() };
        let (z, kl) = sample(experts.encode(&inputs.input), &inputs.noise);
        assert_close("kl", &tensors::values(&kl.mean_dim(1)), &numbers(&json["kl"]));
        let view = batch.gate.as_ref().unwrap();
        let (weight, bias) = (experts.output().weight.clone(), experts.output().bias.clone());
        let rule = Rule { score: Score::Inverse, mean: false, temperature: 1.0, detach: false };
        let packed = driven(z.clone(), weight.clone(), bias.clone(), &view.seen, &view.probe, rule, Cut::Whole);
        let losses = packed.clone().narrow(1, items, config.experts);
        assert_close("expert_probe_loss", &tensors::values(&losses), &numbers(&json["expert_probe_loss"]));
        let shares = match config.gate {
            Gate::LossDriven { .. } => packed.narrow(1, items + config.experts, config.experts),
            Gate::Mlp { .. } => experts.network_shares(&batch.input, Cut::Whole),
            Gate::Uniform {} => {
                let equal = vec![1.0 / config.experts as f32; batch.rows() * config.experts];
                Tensor::from_data(TensorData::new(equal, [batch.rows(), config.experts]), &device)
            }
        };
        assert_close("gates", &tensors::values(&shares), &numbers(&json["gates"]));
        let output = given(z, weight, bias, shares, Cut::Whole);
        assert_close("output", &tensors::values(&output), &numbers(&json["output"]));
        let judged = row_losses(output, &batch.input, Some((&view.seen, &view.probe)));
        assert_close("row_ce", &tensors::values(&judged.cross_entropy), &numbers(&json["row_ce"]));
        assert_close("row_probe_loss", &judged.probe, &numbers(&json["row_probe_loss"]));
    }
}

#[test]
fn a_tall_step_is_the_published_one() {
    check_step("tall_step");
    check_pass("tall_step");
}

#[test]
fn an_lmoe_step_is_the_published_one() {
    check_step("lmoe_step");
    check_pass("lmoe_step");
}

#[test]
fn a_step_with_a_gate_network_is_the_published_one() {
    check_step("mlp_moe_step");
    check_pass("mlp_moe_step");
}

#[test]
fn a_uniform_mixture_step_is_the_published_one() {
    check_step("uniform_moe_step");
    check_pass("uniform_moe_step");
}

#[test]
fn a_multvae_step_with_the_mean_divergence_is_the_published_one() {
    check_step("multvae_step");
    check_pass("multvae_step");
}

#[test]
fn a_multvae_step_with_the_summed_divergence_is_the_reference() {
    check_step("multvae_sum_step");
    check_pass("multvae_sum_step");
}

/// Weights of every epoch, driven as a training loop does: signals of past epochs, as many as the model asks for.
fn check_weights(name: &str) {
    let json = read(name);
    let (users, epochs) = (size(&json, "users"), size(&json, "epochs"));
    let number = |key: &str| json[key].as_f64().unwrap();
    let config = MixtureConfig {
        experts: 2,
        hidden: vec![2],
        dropout: 0.0,
        noise: 0.01,
        kl: Kl { reduce: Reduce::Sum, cap: 0.2, steps: 0 },
        gate: Gate::Uniform {},
        weights: Weights::Adaptive {
            signal: Signal::LossChange,
            reduce: Reduce::Sum,
            gap: number("gap") as usize,
            alpha: number("alpha"),
            window: number("window") as usize,
            probe: Probe::Validation,
        },
    };
    let model = Mixture::new(config, 3, 0, &Device::flex().autodiff());
    assert_eq!(model.signal_window(), number("window") as usize + 1);
    let (losses, want) = (floats(&json["row_probe_loss_per_epoch"]), numbers(&json["weights_per_epoch"]));
    let (learners, mainstream): (Vec<u32>, _) = ((0..users as u32).collect(), vec![0.0; users]);
    let mut signals = VecDeque::new();
    let mut weighted = 0;
    for epoch in 1..=epochs {
        let known = Known { epoch, signals: &signals, mainstream: &mainstream, learners: &learners };
        let weights = model.row_weights(&known);
        weighted += usize::from(weights.is_some());
        let weights = weights.unwrap_or_else(|| vec![1.0; users]);
        assert_close(&format!("weights in epoch {epoch}"), &weights, &want[(epoch - 1) * users..][..users]);
        signals.push_back(losses[(epoch - 1) * users..][..users].to_vec());
        if signals.len() > model.signal_window() {
            signals.pop_front();
        }
    }
    assert_eq!(weighted, epochs - (number("gap") as usize).max(2));
}

#[test]
fn adaptive_weights_follow_the_published_ones_after_the_gap() {
    check_weights("adaptive_weights");
}

#[test]
fn without_a_gap_adaptive_weights_begin_in_epoch_three() {
    check_weights("adaptive_weights_no_gap");
}
