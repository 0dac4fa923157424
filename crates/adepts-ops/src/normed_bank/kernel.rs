//! Layer by layer, because statistics need all rows of an expert before any of them can go on.

use super::{EPSILON, Statistics};
use crate::buffer::build_parts;
use crate::expert_bank::kernel::{Bank, Gradients, PAIRS, add_bias, first_inputs, mixed, threads};
use crate::expert_bank::routes::{Piece, Routes};
use crate::expert_bank::together::Together;
use crate::expert_bank::{Last, gradient};
use crate::level::Level;
use crate::matrix::Matrix;
pub use crate::norm::Norm;
use crate::norm::{self, Normed};

/// What the forward pass leaves for the backward pass.
#[derive(Debug)]
pub struct Saved {
    routes: Routes,
    /// The output of each layer for each pair, `[P, out]`.
    outputs: Vec<Vec<f32>>,
    /// For each layer that is normalised, what it gave before scale and shift.
    normed: Vec<Option<Normed>>,
}

/// As [`crate::expert_bank::kernel::forward`], with the layers that have a norm normalised; and their statistics.
///
/// # Panics
/// If the shapes do not fit, or a norm stands where no ReLU follows.
#[must_use]
pub fn forward(
    level: Level,
    bank: Bank<'_>,
    norms: &[Option<Norm<'_>>],
    x: &[f32],
    gates: &[f32],
) -> (Vec<f32>, Saved, Vec<Option<Statistics>>) {
    bank.check(x, gates);
    check(bank, norms);
    let routes = Routes::new(gates, bank.experts);
    let pieces = routes.pieces(PAIRS);
    let threads = threads(pieces.len());
    let (mut outputs, mut normed, mut statistics) = (Vec::<Vec<f32>>::new(), Vec::new(), Vec::new());
    for (at, (layer, scaled)) in bank.layers.iter().zip(norms).enumerate() {
        let relu = scaled.is_none() && bank.relu(at);
        let together = if at == 0 { Together::of(bank, &routes) } else { None };
        let h = if let Some(first) = together {
            first.forward(level, layer.bias, relu, x, routes.batch)
        } else {
            let sizes = [pieces.iter().map(|p| (p.to - p.from) * layer.outputs).collect()];
            let mut built = build_parts(&sizes, |nth, mut places| {
                let Piece { expert, from, to } = pieces[nth];
                let mut gathered = Vec::new();
                let input = match outputs.last() {
                    Some(before) => &before[from * layer.inputs..to * layer.inputs],
                    None => first_inputs(&mut gathered, x, layer.inputs, &routes, from, to),
                };
                let place = places.next().expect("a place for each piece");
                let out = place.product(Matrix::new(input, to - from, layer.inputs), layer.weight(expert), threads);
                add_bias(level, out, &layer.bias[expert * layer.outputs..][..layer.outputs], relu);
            });
            built.pop().unwrap_or_default()
        };
        let Some(scaled) = scaled else {
            outputs.push(h);
            normed.push(None);
            statistics.push(None);
            continue;
        };
        let found = norm::statistics(level, &routes, &pieces, &h, layer.outputs);
        let (out, of_layer) = norm::forward(level, &pieces, &h, &found, EPSILON, *scaled, true);
        outputs.push(out);
        normed.push(Some(of_layer));
        statistics.push(Some(found));
    }
    let out = mixed(level, &routes, &outputs[outputs.len() - 1], bank.outputs());
    (out, Saved { routes, outputs, normed }, statistics)
}

fn check(bank: Bank<'_>, norms: &[Option<Norm<'_>>]) {
    assert_eq!(bank.layers.len(), norms.len(), "normed_bank: layers and norms");
    for (at, (layer, norm)) in bank.layers.iter().zip(norms).enumerate() {
        let Some(Norm { scale, shift }) = norm else { continue };
        let size = bank.experts * layer.outputs;
        assert!(bank.relu(at), "normed_bank: layer {at} is linear and has a norm");
        assert!(
            scale.len() == size && shift.len() == size,
            "normed_bank: layer {at}: norm of {} and {}, expected {size}",
            scale.len(),
            shift.len()
        );
    }
}

/// Gradients of [`forward`]: of a bank, and of each norm, scale and shift.
pub type NormGradients = (Gradients, Vec<Option<(Vec<f32>, Vec<f32>)>>);

/// Gradients of [`forward`], given that of its output, `[B, out]`.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn backward(
    level: Level,
    bank: Bank<'_>,
    norms: &[Option<Norm<'_>>],
    x: &[f32],
    saved: &Saved,
    d_out: &[f32],
) -> NormGradients {
    let Saved { routes, outputs, normed } = saved;
    assert_eq!(
        d_out.len(),
        routes.batch * bank.outputs(),
        "normed_bank: gradient [{}, {}]",
        routes.batch,
        bank.outputs()
    );
    let pieces = routes.pieces(PAIRS);
    let width = bank.outputs();
    let last = &outputs[outputs.len() - 1];
    let sizes = [width, 1].map(|width| pieces.iter().map(|p| (p.to - p.from) * width).collect::<Vec<_>>());
    let mut built = build_parts(&sizes, |nth, mut places| {
        let Piece { from, to, .. } = pieces[nth];
        let mut next = || places.next().expect("two places");
        let d = next().gather(d_out, width, &routes.rows[from..to]);
        let (of_gates, y) = (next().zero(), &last[from * width..to * width]);
        gradient::leave(level, d, width, y, &routes.gates[from..to], of_gates, bank.last == Last::Relu);
    });
    let of_gates = built.pop().unwrap_or_default();
    let mut d = built.pop().unwrap_or_default();
    let (mut layers, mut of_norms) = (Vec::new(), Vec::new());
    let mut of_x = Vec::new();
    for (at, (layer, scaled)) in bank.layers.iter().zip(norms).enumerate().rev() {
        let of_norm = scaled.zip(normed[at].as_ref()).map(|(scaled, normed)| {
            let [before, scale, shift] = norm::backward(level, routes, &pieces, normed, scaled.scale, &d);
            d = before;
            (scale, shift)
        });
        of_norms.push(of_norm);
        let (weight, mut bias) = if at == 0 {
            let (of_rows, weight, bias) = gradient::first_layer(level, bank, routes, x, &d, &pieces);
            of_x = of_rows;
            (weight, bias)
        } else {
            let input = gradient::Input::Pairs(&outputs[at - 1]);
            let of_layer = gradient::weights(level, layer, routes, input, &d);
            d = gradient::before(level, layer, &outputs[at - 1], &d, &pieces);
            of_layer
        };
        // What is subtracted with the mean has no effect; without this there would be the sum of rounding errors.
        if scaled.is_some() {
            bias.fill(0.0);
        }
        layers.push((weight, bias));
    }
    layers.reverse();
    of_norms.reverse();
    (Gradients { x: of_x, layers, gates: gradient::gates(bank, routes, &of_gates) }, of_norms)
}
