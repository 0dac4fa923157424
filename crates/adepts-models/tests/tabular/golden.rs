//! A step of `cesaa` against an independent implementation in 64-bit floats (`PyTorch` autograd).

use std::path::Path;
use std::sync::Arc;

use adepts_core::{Step, Tensors, Values, tensors};
use adepts_models::tabular::cesaa::{CesaaConfig, TowerDomain};
use adepts_models::tabular::model::cross_entropies;
use adepts_models::tabular::parts::slots::{load, parameters};
use adepts_models::tabular::parts::{Embedded, Named, Pass};
use adepts_models::tabular::{Architecture, Input, Output, Trunk};
use adepts_ops::embedding::Codes;
use adepts_ops::normal::Noise;
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;

use crate::support::assert_close;

const TOLERANCE: f64 = 2e-5;

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|x| x as f32).collect()
}

/// The arrays of one place in all experts: those that are chosen from, then the shared one.
fn stacked(json: &Value, at: usize) -> Vec<f64> {
    let experts = ["specific", "shared"].into_iter().flat_map(|kind| json[kind].as_array().unwrap());
    experts.flat_map(|expert| numbers(&expert[at])).collect()
}

/// Each parameter's name, its shape, and its values or its gradient in `json`.
fn named(json: &Value) -> Vec<(&'static str, Vec<usize>, Vec<f64>)> {
    vec![
        ("experts.0.weight", vec![6, 6, 5], stacked(json, 0)),
        ("experts.0.bias", vec![6, 5], stacked(json, 1)),
        ("experts.1.weight", vec![6, 5, 3], stacked(json, 2)),
        ("experts.1.bias", vec![6, 3], stacked(json, 3)),
        ("tower.0.weight", vec![1, 3, 1], numbers(&json["tower"][0])),
        ("tower.0.bias", vec![1, 1], numbers(&json["tower"][1])),
        ("domain", vec![3, 4], numbers(&json["domain_embedding"])),
        ("gate.weight", vec![10, 5], numbers(&json["w_gate"])),
        ("gate.noise", vec![10, 5], numbers(&json["w_noise"])),
    ]
}

#[test]
fn a_cesaa_step_is_that_of_the_independent_implementation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cesaa_step.json");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let device = Device::flex().autodiff();
    let config = CesaaConfig {
        embedding: 4,
        experts: 5,
        shared: 1,
        k: 2,
        hidden: vec![5, 3],
        tower: Vec::new(),
        tower_domain: TowerDomain::None,
        mi: json["mi_weight"].as_f64().unwrap(),
        ..CesaaConfig::default()
    };
    let mut trunk = config.trunk(&Input { fields: 0, dense: 6, width: 6, domains: 3, output: 1 }, 0, &device);
    let mut saved = Tensors::default();
    for (name, shape, values) in named(&json) {
        saved.insert(name, &shape, values.into_iter().map(|x| x as f32).collect());
    }
    load(trunk.slots(), &saved).unwrap();

    let tensor =
        |name: &str, shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(floats(&json[name]), shape), &device);
    let domain: Vec<u32> = floats(&json["domain"]).into_iter().map(|d| d as u32).collect();
    let own = domain.iter().flat_map(|own| (0..3).map(move |d| f32::from(d == *own))).collect::<Vec<_>>();
    let z = tensor("z", [16, 6]).require_grad();
    let rows = Embedded {
        z: z.clone(),
        domain: Arc::new(Codes::one(domain)),
        own: Tensor::from_data(TensorData::new(own, [16, 3]), &device),
        pass: Pass::Training(Step { seed: 0, epoch: 1, taken: 0 }),
    };
    let noise = Noise::Given(Arc::new(floats(&json["noise"])));
    let Output { logit, terms } = trunk.forward_with(&rows, Some(&noise));
    assert_close("logit", &tensors::values(&logit), &numbers(&json["logit"]), TOLERANCE);
    let bce = cross_entropies(logit, &floats(&json["label"])).mean();
    assert_close("bce", &tensors::values(&bce), &numbers(&json["bce"]), TOLERANCE);
    let [term] = <[_; 1]>::try_from(terms).unwrap();
    assert_close("mi", &tensors::values(&term.value), &numbers(&json["mutual_information"]), TOLERANCE);
    let total = bce + term.value * term.weight as f32;
    assert_close("loss", &tensors::values(&total), &numbers(&json["loss"]), TOLERANCE);

    let gradients = total.backward();
    assert_close(
        "gradient of z",
        &tensors::values(&z.grad(&gradients).unwrap()),
        &numbers(&json["grad"]["z"]),
        TOLERANCE,
    );
    let want = named(&json["grad"]);
    let found = parameters(trunk.slots());
    assert_eq!(found.len(), want.len());
    for ((name, parameter), (expected, _, want)) in found.into_iter().zip(want) {
        assert_eq!(name, expected);
        let got = match parameter.values {
            Values::One(tensor) => tensors::values(&tensor.grad(&gradients).unwrap()),
            Values::Two(tensor) => tensors::values(&tensor.grad(&gradients).unwrap()),
            Values::Three(tensor) => tensors::values(&tensor.grad(&gradients).unwrap()),
        };
        assert_close(&format!("gradient of {name}"), &got, &want, TOLERANCE);
    }
    assert_eq!(trunk.experts(), 5);
}
