//! The bank of experts: kernel against default body and plain arithmetic, instruction sets, threads, rows one by one.

use adepts_ops::Level;
use adepts_ops::expert_bank::kernel::{Bank, Cut, Layer, TILE, backward, forward};
use adepts_ops::expert_bank::{Last, composed_expert_bank, expert_bank};
use burn::tensor::{Device, Tensor};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::support::{
    Arrays, assert_close, assert_same_bits, assert_same_for_any_threads, floats, gradient, shares, tensor, values,
    variable, walk_back,
};

/// Differences up to this part of an array's largest entry.
const TOLERANCE: f32 = 2e-5;

/// How many experts a row selects.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Select {
    All,
    /// So many, and none where the row's number is a multiple of seven.
    Top(usize),
    /// One, and rows stand by expert.
    Own,
    /// One, and rows stand as they come.
    Scattered,
}

impl Select {
    /// Gates `[rows, experts]`.
    pub(crate) fn gates(self, rows: usize, experts: usize, seed: u64) -> Vec<f32> {
        let mut gates = shares(seed, rows, experts);
        if let Select::Top(k) = self {
            for (row, gates) in gates.chunks_mut(experts).enumerate() {
                let mut order: Vec<usize> = (0..experts).collect();
                order.sort_by(|a, b| gates[*b].total_cmp(&gates[*a]));
                let kept = if row % 7 == 0 { 0 } else { k };
                order.into_iter().skip(kept).for_each(|expert| gates[expert] = 0.0);
            }
        }
        if let Select::Own | Select::Scattered = self {
            for (row, gates) in gates.chunks_mut(experts).enumerate() {
                let own = if let Select::Own = self { row * experts / rows } else { row % experts };
                gates.iter_mut().enumerate().for_each(|(expert, gate)| *gate = f32::from(u8::from(expert == own)));
            }
        }
        gates
    }
}

/// A bank, its inputs and gates, as slices.
#[derive(Clone, Debug)]
struct Case {
    rows: usize,
    experts: usize,
    /// Of the inputs and of what each layer gives.
    widths: Vec<usize>,
    last: Last,
    x: Vec<f32>,
    gates: Vec<f32>,
    layers: Vec<[Vec<f32>; 2]>,
    d_out: Vec<f32>,
}

impl Case {
    fn new(rows: usize, experts: usize, widths: &[usize], select: Select, last: Last, seed: u64) -> Self {
        let gates = select.gates(rows, experts, seed);
        let layer = |(at, of): (usize, &[usize])| {
            let seed = seed + 10 * (at as u64 + 1);
            [floats(seed, experts * of[0] * of[1], 0.5), floats(seed + 1, experts * of[1], 0.5)]
        };
        Self {
            rows,
            experts,
            last,
            x: floats(seed + 1, rows * widths[0], 1.0),
            gates,
            layers: widths.windows(2).enumerate().map(layer).collect(),
            d_out: floats(seed + 2, rows * widths[widths.len() - 1], 1.0),
            widths: widths.to_vec(),
        }
    }

    fn outputs(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    fn with_bank<R>(&self, work: impl FnOnce(Bank<'_>) -> R) -> R {
        let mut layers = Vec::new();
        for ([weight, bias], of) in self.layers.iter().zip(self.widths.windows(2)) {
            layers.push(Layer { inputs: of[0], outputs: of[1], weight, bias });
        }
        work(Bank { experts: self.experts, layers: &layers, last: self.last })
    }

    fn forward(&self, level: Level, cut: Cut) -> Vec<f32> {
        self.with_bank(|bank| forward(level, bank, &self.x, &self.gates, cut).0)
    }

    fn slices(&self, level: Level, cut: Cut) -> Arrays {
        self.with_bank(|bank| {
            let (out, saved) = forward(level, bank, &self.x, &self.gates, cut);
            let gradients = backward(level, bank, &self.x, &saved, &self.d_out);
            let mut arrays: Arrays = vec![("out", out), ("d x", gradients.x), ("d gates", gradients.gates)];
            for (weight, bias) in gradients.layers {
                arrays.extend([("d weight", weight), ("d bias", bias)]);
            }
            arrays
        })
    }

    fn layer_tensors(&self, device: &Device) -> Vec<(Tensor<3>, Tensor<2>)> {
        let layer = |([weight, bias], of): (&[Vec<f32>; 2], &[usize])| {
            let weight = tensor(weight, [self.experts, of[0], of[1]], device);
            (weight, tensor(bias, [self.experts, of[1]], device))
        };
        self.layers.iter().zip(self.widths.windows(2)).map(layer).collect()
    }

    fn tensors(&self, kernel: bool) -> Arrays {
        let device = Device::flex().autodiff();
        let x = variable(&self.x, [self.rows, self.widths[0]]);
        let gates = variable(&self.gates, [self.rows, self.experts]);
        let layers: Vec<_> =
            self.layer_tensors(&device).into_iter().map(|(w, b)| (w.require_grad(), b.require_grad())).collect();
        let out = if kernel {
            expert_bank(x.clone(), &layers, gates.clone(), self.last, Cut::Whole)
        } else {
            composed_expert_bank(x.clone(), &layers, gates.clone(), self.last)
        };
        let found = walk_back(&out, &self.d_out);
        let mut arrays =
            vec![("out", values(out)), ("d x", gradient(&x, &found)), ("d gates", gradient(&gates, &found))];
        for (weight, bias) in &layers {
            arrays.extend([("d weight", gradient(weight, &found)), ("d bias", gradient(bias, &found))]);
        }
        arrays
    }

    /// The result by loops over 64-bit floats.
    fn plain(&self) -> Vec<f32> {
        let mut out = vec![0.0f64; self.rows * self.outputs()];
        for (row, out) in out.chunks_mut(self.outputs()).enumerate() {
            for expert in 0..self.experts {
                let mut h: Vec<f64> =
                    self.x[row * self.widths[0]..][..self.widths[0]].iter().map(|x| f64::from(*x)).collect();
                for (at, [weight, bias]) in self.layers.iter().enumerate() {
                    let width = self.widths[at + 1];
                    let of_output = |o: usize| {
                        let weight = |i: usize| f64::from(weight[(expert * h.len() + i) * width + o]);
                        let sum: f64 = h.iter().enumerate().map(|(i, h)| h * weight(i)).sum();
                        let sum = sum + f64::from(bias[expert * width + o]);
                        if at + 1 < self.layers.len() || self.last == Last::Relu { sum.max(0.0) } else { sum }
                    };
                    h = (0..width).map(of_output).collect();
                }
                let gate = f64::from(self.gates[row * self.experts + expert]);
                out.iter_mut().zip(h).for_each(|(out, h)| *out += gate * h);
            }
        }
        out.into_iter().map(|x| x as f32).collect()
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let rows = prop_oneof![Just(1usize), 1usize..40, 500usize..700];
    let experts = prop_oneof![Just(1usize), 2usize..7];
    let widths = prop_oneof![
        proptest::collection::vec(1usize..20, 2..5),
        Just(vec![150, 33, 1]),
        Just(vec![5, 70, 3]),
        Just(vec![3, 2, 2, 2, 2, 2, 2, 2, 2])
    ];
    let select =
        prop_oneof![Just(Select::All), (1usize..3).prop_map(Select::Top), Just(Select::Own), Just(Select::Scattered)];
    let last = prop_oneof![Just(Last::Relu), Just(Last::Linear)];
    (rows, experts, widths, select, last, any::<u32>()).prop_map(|(rows, experts, widths, select, last, seed)| {
        Case::new(rows, experts, &widths, select, last, u64::from(seed))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(2024), ..ProptestConfig::with_cases(80) })]

    #[test]
    fn the_bank_equals_its_default_body(case in cases()) {
        assert_close("", &case.tensors(true), &case.tensors(false), TOLERANCE);
    }

    #[test]
    fn the_bank_equals_plain_64_bit_arithmetic_on_every_instruction_set(case in cases()) {
        let (want, plain) = (case.plain(), case.slices(Level::PORTABLE, Cut::Whole));
        for level in Level::available() {
            let got = case.slices(level, Cut::Whole);
            assert_close(level.name(), &vec![("out", got[0].1.clone())], &vec![("out", want.clone())], TOLERANCE);
            assert_close(level.name(), &got, &plain, TOLERANCE);
            assert_close("tiles", &case.slices(level, Cut::Tiles), &plain, TOLERANCE);
        }
    }

    #[test]
    fn without_gradients_the_result_is_the_same(case in cases()) {
        let device = Device::flex();
        let (x, gates) = (tensor(&case.x, [case.rows, case.widths[0]], &device), tensor(&case.gates, [case.rows, case.experts], &device));
        let out = expert_bank(x, &case.layer_tensors(&device), gates, case.last, Cut::Whole);
        assert_same_bits("", &vec![("out", values(out))], &vec![("out", case.tensors(true).swap_remove(0).1)]);
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let selects = [
        (1, Select::All),
        (3, Select::All),
        (6, Select::All),
        (3, Select::Top(1)),
        (6, Select::Top(2)),
        (3, Select::Own),
        (6, Select::Scattered),
    ];
    // The first layer of experts alone, and of all of them as one product.
    for (rows, widths) in [(1_500, [200, 130, 40]), (2_100, [200, 40, 10])] {
        for (experts, select) in selects {
            let case = Case::new(rows, experts, &widths, select, Last::Relu, 3);
            for cut in [Cut::Whole, Cut::Tiles] {
                assert_same_for_any_threads(&format!("{experts} {select:?} {cut:?}"), || {
                    case.slices(Level::best(), cut)
                });
            }
        }
    }
}

#[test]
fn in_tiles_a_row_does_not_depend_on_the_others() {
    for widths in [&[61, 7][..], &[200, 130, 1], &[9, 64, 33], &[1, 1]] {
        for (experts, select) in [(1, Select::All), (5, Select::All), (5, Select::Top(1)), (3, Select::Top(2))] {
            let all = Case::new(5 * TILE + 3, experts, widths, select, Last::Linear, 5);
            let together = all.forward(Level::best(), Cut::Tiles);
            for row in 0..all.rows {
                let one = Case {
                    rows: 1,
                    x: all.x[row * widths[0]..][..widths[0]].to_vec(),
                    gates: all.gates[row * experts..][..experts].to_vec(),
                    ..all.clone()
                };
                let want = together[row * all.outputs()..][..all.outputs()].to_vec();
                let alone = one.forward(Level::best(), Cut::Tiles);
                assert_same_bits(&format!("row {row} of {widths:?}"), &vec![("out", alone)], &vec![("out", want)]);
            }
        }
    }
}

#[test]
fn a_gate_of_zero_has_no_gradient_and_hides_what_is_not_finite() {
    let mut case = Case::new(20, 3, &[5, 4, 3], Select::Top(2), Last::Linear, 7);
    // Nobody selects the last expert.
    case.gates.chunks_mut(3).for_each(|gates| gates[2] = 0.0);
    let [weight, bias] = &mut case.layers[0];
    weight[2 * 20..].fill(f32::NAN);
    bias[2 * 4..].fill(f32::INFINITY);
    for kernel in [true, false] {
        let arrays = case.tensors(kernel);
        assert!(arrays[0].1.iter().all(|x| x.is_finite()), "{kernel}");
        let d_gates = &arrays[2].1;
        for (gate, d) in case.gates.iter().zip(d_gates) {
            assert_eq!(*gate == 0.0, *d == 0.0, "{kernel}: {gate} {d}");
        }
    }
    let arrays = case.slices(Level::best(), Cut::Whole);
    for (name, of_expert) in arrays[3..].iter().map(|(name, d)| (name, &d[d.len() / 3 * 2..])) {
        assert!(of_expert.iter().all(|d| *d == 0.0), "{name} of the expert that nobody selects: {of_expert:?}");
    }
}

#[test]
fn nan_in_a_row_reaches_its_result_and_no_other() {
    let mut case = Case::new(40, 4, &[6, 5, 3], Select::All, Last::Relu, 9);
    case.x[6 * 11 + 2] = f32::NAN;
    for cut in [Cut::Whole, Cut::Tiles] {
        for (row, out) in case.forward(Level::best(), cut).chunks(3).enumerate() {
            assert!(out.iter().all(|x| x.is_nan() == (row == 11)), "row {row}: {out:?}");
        }
    }
}

#[test]
fn a_batch_without_rows_has_no_result_and_no_gradient() {
    let case = Case::new(0, 2, &[6, 5, 3], Select::All, Last::Relu, 9);
    let arrays = case.slices(Level::best(), Cut::Whole);
    assert!(arrays[..3].iter().all(|(_, values)| values.is_empty()));
    assert!(arrays[3..].iter().all(|(_, values)| !values.is_empty() && values.iter().all(|x| *x == 0.0)));
}

#[test]
#[should_panic(expected = "3 experts, layer 1 of width 4: weight [3, 5, 2], bias [3, 2]")]
fn layers_that_do_not_fit_are_refused() {
    let device = Device::flex();
    let zeros = |shape: [usize; 3]| (Tensor::zeros(shape, &device), Tensor::zeros([shape[0], shape[2]], &device));
    let (x, gates) = (Tensor::zeros([2, 6], &device), Tensor::zeros([2, 3], &device));
    let _ = expert_bank(x, &[zeros([3, 6, 4]), zeros([3, 5, 2])], gates, Last::Relu, Cut::Whole);
}
