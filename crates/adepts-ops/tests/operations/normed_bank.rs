//! The bank of experts with batch normalisation: kernel against default body, instruction sets, threads.

use adepts_ops::Level;
use adepts_ops::expert_bank::Last;
use adepts_ops::expert_bank::kernel::{Bank, Layer};
use adepts_ops::normed_bank::kernel::{Norm, backward, forward};
use adepts_ops::normed_bank::{NormedLayer, Statistics, composed_normed_bank, normed_bank};
use burn::tensor::Device;

use crate::expert_bank::Select;
use crate::support::{
    Arrays, assert_close, assert_same_for_any_threads, floats, gradient, tensor, values, variable, walk_back,
};

/// Differences up to this part of an array's largest entry: variances of few rows magnify rounding.
const TOLERANCE: f32 = 2e-4;

#[derive(Clone, Debug)]
struct Case {
    rows: usize,
    experts: usize,
    /// Of the inputs and of what each layer gives.
    widths: &'static [usize],
    select: Select,
    last: Last,
    /// Which layers have a norm.
    normed: &'static [bool],
}

/// One network, all experts for all rows (narrow and wide), a few, those of a domain in order and out of order, and experts that
/// hardly any row meets.
fn cases() -> [Case; 8] {
    let case = |rows, experts, widths, select, last, normed| Case { rows, experts, widths, select, last, normed };
    [
        case(1300, 1, &[9, 20, 7], Select::All, Last::Relu, &[true, true]),
        case(600, 3, &[9, 20, 1], Select::All, Last::Linear, &[true, false]),
        case(90, 3, &[9, 70, 5], Select::All, Last::Relu, &[true, true]),
        case(600, 5, &[9, 30, 5], Select::Top(2), Last::Relu, &[true, true]),
        case(1300, 3, &[5, 6, 1], Select::Own, Last::Linear, &[true, false]),
        case(300, 3, &[5, 6, 4], Select::Scattered, Last::Relu, &[false, true]),
        case(40, 2, &[5, 6, 4, 3], Select::Top(1), Last::Linear, &[true, true, false]),
        case(6, 9, &[3, 4], Select::Top(1), Last::Relu, &[true]),
    ]
}

impl Case {
    /// Weight, bias, scale and shift of each layer.
    fn layers(&self) -> Vec<[Vec<f32>; 4]> {
        let layer = |(at, of): (usize, &[usize])| {
            let (seed, wide) = (10 * (at as u64 + 1), self.experts * of[1]);
            let scale = floats(seed + 2, wide, 0.5).into_iter().map(|x| x + 1.0).collect();
            [floats(seed, wide * of[0], 0.5), floats(seed + 1, wide, 0.5), scale, floats(seed + 3, wide, 0.5)]
        };
        self.widths.windows(2).enumerate().map(layer).collect()
    }

    fn x(&self) -> Vec<f32> {
        floats(1, self.rows * self.widths[0], 1.0)
    }

    fn gates(&self) -> Vec<f32> {
        self.select.gates(self.rows, self.experts, 2)
    }

    fn d_out(&self) -> Vec<f32> {
        floats(3, self.rows * self.widths[self.widths.len() - 1], 1.0)
    }

    fn slices(&self, level: Level) -> Arrays {
        let all = self.layers();
        let (mut layers, mut norms) = (Vec::new(), Vec::new());
        for (([weight, bias, scale, shift], of), normed) in all.iter().zip(self.widths.windows(2)).zip(self.normed) {
            layers.push(Layer { inputs: of[0], outputs: of[1], weight, bias });
            norms.push(normed.then_some(Norm { scale, shift }));
        }
        let bank = Bank { experts: self.experts, layers: &layers, last: self.last };
        let (x, gates) = (self.x(), self.gates());
        let (out, saved, statistics) = forward(level, bank, &norms, &x, &gates);
        let (gradients, of_norms) = backward(level, bank, &norms, &x, &saved, &self.d_out());
        let mut arrays: Arrays = vec![("out", out), ("d x", gradients.x), ("d gates", gradients.gates)];
        push(&mut arrays, statistics);
        for ((weight, bias), norm) in gradients.layers.into_iter().zip(of_norms) {
            arrays.push(("d weight", weight));
            match norm {
                Some((scale, shift)) => arrays.extend([("d scale", scale), ("d shift", shift)]),
                None => arrays.push(("d bias", bias)),
            }
        }
        arrays
    }

    fn tensors(&self, kernel: bool) -> Arrays {
        let device = Device::flex().autodiff();
        let x = variable(&self.x(), [self.rows, self.widths[0]]);
        let gates = variable(&self.gates(), [self.rows, self.experts]);
        let layer = |(([weight, bias, scale, shift], of), normed): ((&[Vec<f32>; 4], &[usize]), &bool)| {
            let flat = |values: &[f32]| tensor(values, [self.experts, of[1]], &device).require_grad();
            let weight = tensor(weight, [self.experts, of[0], of[1]], &device).require_grad();
            NormedLayer { weight, bias: flat(bias), norm: normed.then(|| (flat(scale), flat(shift))) }
        };
        let layers: Vec<_> = self.layers().iter().zip(self.widths.windows(2)).zip(self.normed).map(layer).collect();
        let run = if kernel { normed_bank } else { composed_normed_bank };
        let (out, statistics) = run(x.clone(), &layers, gates.clone(), self.last);
        let found = walk_back(&out, &self.d_out());
        let mut arrays =
            vec![("out", values(out)), ("d x", gradient(&x, &found)), ("d gates", gradient(&gates, &found))];
        push(&mut arrays, statistics);
        for NormedLayer { weight, bias, norm } in &layers {
            arrays.push(("d weight", gradient(weight, &found)));
            match norm {
                // A bias before a normalisation has no effect: its gradient is 0, where Adam would make steps of rounding.
                Some((scale, shift)) => {
                    let most = if kernel { 0.0 } else { 1e-3 };
                    assert!(gradient(bias, &found).iter().all(|d| d.abs() <= most), "{self:?}: gradient of a bias");
                    arrays.extend([("d scale", gradient(scale, &found)), ("d shift", gradient(shift, &found))]);
                }
                None => arrays.push(("d bias", gradient(bias, &found))),
            }
        }
        arrays
    }
}

fn push(arrays: &mut Arrays, statistics: Vec<Option<Statistics>>) {
    for Statistics { mean, variance, counts } in statistics.into_iter().flatten() {
        arrays.extend([("mean", mean), ("variance", variance), ("counts", counts)]);
    }
}

#[test]
fn a_normed_bank_equals_its_default_body() {
    for case in cases() {
        let want = case.tensors(false);
        assert_close(&format!("{case:?}"), &case.tensors(true), &want, TOLERANCE);
        for level in Level::available() {
            assert_close(&format!("{case:?}, {}", level.name()), &case.slices(level), &want, TOLERANCE);
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit_of_a_normed_bank() {
    for case in cases() {
        assert_same_for_any_threads(&format!("{case:?}"), || case.slices(Level::best()));
    }
}

#[test]
#[should_panic(expected = "layer 0 is linear and has a norm")]
fn a_norm_without_a_relu_is_refused() {
    let case = Case { last: Last::Linear, normed: &[true], widths: &[3, 4], ..cases()[7].clone() };
    let _ = case.slices(Level::best());
}
