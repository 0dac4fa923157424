//! Learning: losses fall, and running statistics follow the batches.

use adepts_core::{Step, TabularModel, Values, tensors};
use adepts_data::tabular::TabularBatch;
use adepts_models::registry::TABULAR_MODELS;
use burn::tensor::{Gradients, Tensor};

use crate::support::{build, random_rows, recipe, schema, scores};

/// A small step against the sign of each gradient.
fn descend<const D: usize>(tensor: &mut Tensor<D>, gradients: &Gradients, by: f32) {
    let gradient = tensor.grad(gradients).unwrap();
    *tensor = Tensor::from_inner(tensor.clone().inner() - gradient.sign() * by).require_grad();
}

/// The losses of some steps on one batch.
fn train(model: &mut dyn TabularModel, batch: &TabularBatch, steps: u64) -> Vec<f32> {
    let mut losses = Vec::new();
    for taken in 0..steps {
        let loss = model.learner().loss(batch, &Step { seed: 1, epoch: 1, taken });
        assert!(loss.leaves.is_empty());
        losses.push(loss.parts[0].1 as f32);
        let gradients = loss.total.backward();
        for (_, parameter) in model.learner().parameters() {
            match parameter.values {
                Values::One(tensor) => descend(tensor, &gradients, 4e-3),
                Values::Two(tensor) => descend(tensor, &gradients, 4e-3),
                Values::Three(tensor) => descend(tensor, &gradients, 4e-3),
            }
        }
    }
    losses
}

#[test]
fn every_model_learns_a_rule_of_field_and_domain() {
    let schema = schema();
    let batch = random_rows(&schema, 400);
    for spec in TABULAR_MODELS {
        let mut model = build(&*recipe(spec.name, ""), &schema, 1);
        let losses = train(&mut *model, &batch, 150);
        let (first, last) = (losses[0], losses[149]);
        assert!(last < 0.75 * first, "{}: from {first} to {last}", spec.name);
    }
}

#[test]
fn running_statistics_come_to_those_of_the_batches() {
    let schema = schema();
    let batch = random_rows(&schema, 400);
    for (name, settings) in [("mlp", "norm = \"batch\""), ("single", "norm = \"batch\""), ("star", "")] {
        let mut model = build(&*recipe(name, settings), &schema, 1);
        let before = model.save();
        let step = Step { seed: 1, epoch: 1, taken: 0 };
        for _ in 0..200 {
            let _ = model.learner().loss(&batch, &step);
        }
        let after = model.save();
        for array in after.names() {
            let changed = after.array(array).unwrap() != before.array(array).unwrap();
            let running = array.contains("running.");
            assert_eq!(changed, running, "{name}: {array}");
        }
        // With statistics of the batch and running ones alike, prediction gives the loss of training.
        let want = f64::from(tensors::values(&model.learner().loss(&batch, &step).total)[0]);
        let of = |(p, y): (&f32, &f32)| -f64::from(if *y == 1.0 { *p } else { 1.0 - p }).ln();
        let losses: Vec<f64> = scores(&*model, &batch).iter().zip(&batch.label).map(of).collect();
        let of_domain = |domain: u32| losses.iter().zip(&batch.domain).filter(move |(_, d)| **d == domain);
        let got = if name == "single" {
            (0..3).map(|d| of_domain(d).map(|(loss, _)| loss).sum::<f64>() / of_domain(d).count() as f64).sum()
        } else {
            losses.iter().sum::<f64>() / losses.len() as f64
        };
        assert!((got - want).abs() < 5e-3 * want, "{name}: {got}, not {want}");
    }
}
