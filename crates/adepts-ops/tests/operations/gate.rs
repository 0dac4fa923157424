//! Gates: kernel against default body and 64-bit differences, instruction sets, threads, ties and what is no number.

use std::sync::Arc;

use adepts_ops::embedding::Codes;
use adepts_ops::gate::kernel::{self, Keep};
use adepts_ops::gate::{composed_information, composed_keep, information, keep};
use adepts_ops::normal::{Noise, draw};
use adepts_ops::{Level, gate};
use burn::tensor::Device;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::support::{
    Arrays, assert_close, assert_same_bits, assert_same_for_any_threads, floats, gradient, tensor, values, variable,
    walk_back,
};

/// Differences up to this part of an array's largest entry.
const TOLERANCE: f32 = 2e-5;
/// Differences of the information and its gradient, which are what is left of sums that cancel, whatever their size.
const OF_INFORMATION: f32 = 1e-6;

/// Compares what [`Case::run`] or [`Case::slices`] gives: of gates, then of information.
#[track_caller]
fn assert_alike(context: &str, got: &Arrays, want: &Arrays) {
    assert_close(context, &got[..2].to_vec(), &want[..2].to_vec(), TOLERANCE);
    for ((name, got), (_, want)) in got.iter().zip(want).skip(2) {
        assert_eq!(got.len(), want.len(), "{context}: {name}");
        let near = |(got, want): &(&f32, &f32)| (*got - *want).abs() <= OF_INFORMATION;
        let far = got.iter().zip(want).find(|pair| !near(pair));
        assert_eq!(far, None, "{context}: {name}");
    }
}

#[derive(Clone, Copy, Debug)]
struct Case {
    rows: usize,
    keep: Keep,
    noisy: bool,
    seed: u64,
}

impl Case {
    fn width(self) -> usize {
        if self.noisy { 2 * self.keep.experts } else { self.keep.experts }
    }

    fn logits(self) -> Vec<f32> {
        floats(self.seed, self.rows * self.width(), 2.0)
    }

    fn noise(self) -> Option<Noise> {
        self.noisy.then_some(Noise::Drawn { key: [9; 32], scale: 0.8 })
    }

    fn d_gates(self) -> Vec<f32> {
        floats(self.seed + 1, self.rows * (self.keep.experts + self.keep.shared), 1.0)
    }

    fn domains(self) -> Arc<Codes> {
        // Domain 1 has no rows.
        let of = |row: usize| [0, 2, 2, 5][(row + self.seed as usize % 7) % 4];
        Arc::new(Codes::one((0..self.rows).map(of).collect()))
    }

    fn run(self, fused: bool) -> Arrays {
        let (noise, experts) = (self.noise(), self.keep.experts);
        let logits = variable(&self.logits(), [self.rows, self.width()]);
        let (gates, information) = if fused {
            (keep(logits.clone(), noise.as_ref(), self.keep), information(logits.clone(), experts, &self.domains()))
        } else {
            (
                composed_keep(logits.clone(), noise.as_ref(), self.keep),
                composed_information(logits.clone(), experts, &self.domains()),
            )
        };
        let of_gates = walk_back(&gates, &self.d_gates());
        let of_information = walk_back(&information, &[-3.0]);
        vec![
            ("gates", values(gates)),
            ("d logits of gates", gradient(&logits, &of_gates)),
            ("information", values(information)),
            ("d logits of information", gradient(&logits, &of_information)),
        ]
    }

    fn slices(self, level: Level) -> Arrays {
        let (noise, logits, experts) = (self.noise(), self.logits(), self.keep.experts);
        let (gates, saved) = kernel::forward(level, self.keep, &logits, noise.as_ref());
        let d = kernel::backward(level, self.keep, &gates, &saved, &self.d_gates());
        let (found, of) = gate::information::forward(level, experts, &logits, self.width(), &self.domains());
        vec![
            ("gates", gates),
            ("d gates", d),
            ("information", vec![found as f32]),
            ("d information", gate::information::backward(level, &of, -3.0)),
        ]
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let experts = prop_oneof![Just(1usize), 2usize..8, 15usize..20, Just(64)];
    let rows = prop_oneof![Just(1usize), 1usize..50, 120usize..300];
    (experts, 0.0f64..1.0, 0usize..3, rows, any::<bool>(), any::<u32>()).prop_map(
        |(experts, part, shared, rows, noisy, seed)| {
            let k = 1 + (part * experts as f64) as usize;
            Case { rows, keep: Keep { experts, k: k.min(experts), shared }, noisy, seed: u64::from(seed) }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(2024), ..ProptestConfig::with_cases(120) })]

    #[test]
    fn a_gate_and_its_information_equal_their_default_bodies(case in cases()) {
        assert_alike("", &case.run(true), &case.run(false));
    }

    #[test]
    fn all_instruction_sets_agree(case in cases()) {
        let want = case.slices(Level::PORTABLE);
        for level in Level::available() {
            assert_alike(level.name(), &case.slices(level), &want);
        }
    }

    #[test]
    fn without_gradients_the_weights_are_the_same(case in cases()) {
        let logits = tensor(&case.logits(), [case.rows, case.width()], &Device::flex());
        let plain = vec![
            ("gates", values(keep(logits.clone(), case.noise().as_ref(), case.keep))),
            ("information", values(information(logits, case.keep.experts, &case.domains()))),
        ];
        let tracked = case.run(true);
        assert_same_bits("", &plain, &vec![tracked[0].clone(), tracked[2].clone()]);
    }
}

/// Softmax over the k largest noisy logits, or the share of the largest in that over all, in 64-bit floats.
fn plain_gates(case: Case, logits: &[f64], eps: &[f32]) -> Vec<f64> {
    let Keep { experts, k, shared } = case.keep;
    let mut gates = Vec::new();
    for (row, logits) in logits.chunks(case.width()).enumerate() {
        let noisy: Vec<f64> = (0..experts)
            .map(|e| {
                let deviation = if case.noisy { logits[experts + e].exp().ln_1p() } else { 0.0 };
                logits[e] + deviation * eps.get(row * experts + e).map_or(0.0, |x| f64::from(*x))
            })
            .collect();
        let mut order: Vec<usize> = (0..experts).collect();
        order.sort_by(|a, b| noisy[*b].total_cmp(&noisy[*a]));
        let kept = &order[..k];
        let sum: f64 = if k == 1 { &order } else { kept }.iter().map(|e| noisy[*e].exp()).sum();
        gates.extend((0..experts).map(|e| if kept.contains(&e) { noisy[e].exp() / sum } else { 0.0 }));
        gates.extend(vec![1.0; shared]);
    }
    gates
}

fn plain_information(case: Case, logits: &[f64]) -> f64 {
    let experts = case.keep.experts;
    let mut joint = vec![vec![0.0; experts]; 6];
    for (logits, domain) in logits.chunks(case.width()).zip(case.domains().all()) {
        let sum: f64 = logits[..experts].iter().map(|x| x.exp()).sum();
        for (p, x) in joint[*domain as usize].iter_mut().zip(logits) {
            *p += x.exp() / sum / case.rows as f64;
        }
    }
    let of_expert = |e: usize| joint.iter().map(|row| row[e]).sum::<f64>();
    let term = |row: &Vec<f64>, e: usize| {
        if row[e] == 0.0 { 0.0 } else { row[e] * (row[e] / row.iter().sum::<f64>() / of_expert(e)).ln() }
    };
    joint.iter().map(|row| (0..experts).map(|e| term(row, e)).sum::<f64>()).sum()
}

#[test]
fn gradients_are_the_differences_of_plain_64_bit_arithmetic() {
    for (k, noisy) in [(1, true), (1, false), (2, true), (3, true), (3, false), (6, true)] {
        let case = Case { rows: 9, keep: Keep { experts: 6, k, shared: 1 }, noisy, seed: 11 };
        let eps = case.noise().map_or_else(Vec::new, |noise| draw(Level::best(), &noise, case.rows, 6));
        let logits: Vec<f64> = case.logits().into_iter().map(f64::from).collect();
        let value_of = |logits: &[f64]| {
            let gates = plain_gates(case, logits, &eps);
            let of_gates: f64 = gates.iter().zip(case.d_gates()).map(|(gate, d)| gate * f64::from(d)).sum();
            [of_gates, -3.0 * plain_information(case, logits)]
        };
        let mut want = [Vec::new(), Vec::new()];
        for at in 0..logits.len() {
            let [above, below] = [1e-6, -1e-6].map(|by| {
                let mut moved = logits.clone();
                moved[at] += by;
                value_of(&moved)
            });
            (0..2).for_each(|of| want[of].push(((above[of] - below[of]) / 2e-6) as f32));
        }
        let [of_gates, of_information] = want;
        let got = case.run(true);
        let got = vec![got[1].clone(), got[3].clone()];
        let want = vec![("d logits of gates", of_gates), ("d logits of information", of_information)];
        assert_close(&format!("k = {k}, noisy = {noisy}"), &got, &want, 1e-5);
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for (experts, k) in [(8, 2), (64, 2), (7, 1), (5, 5)] {
        let case = Case { rows: 1_300, keep: Keep { experts, k, shared: 1 }, noisy: true, seed: 3 };
        assert_same_for_any_threads(&format!("{case:?}"), || case.slices(Level::best()));
    }
}

#[test]
fn of_equal_logits_those_of_lower_index_are_kept() {
    let of = |logits: &[f32], k| {
        let keep = Keep { experts: logits.len(), k, shared: 0 };
        let (gates, _) = kernel::forward(Level::best(), keep, logits, None);
        gates.iter().enumerate().filter(|(_, gate)| **gate > 0.0).map(|(at, _)| at).collect::<Vec<_>>()
    };
    assert_eq!(of(&[0.0; 5], 2), [0, 1]);
    assert_eq!(of(&[1.0, 3.0, 2.0, 3.0, 3.0], 2), [1, 3]);
    assert_eq!(of(&[1.0, 3.0, 2.0, 3.0, 3.0], 1), [1]);
    assert_eq!(of(&[-0.0, 0.0, -0.0, 0.0, 1.0], 3), [0, 1, 4]);
}

#[test]
fn a_logit_that_is_no_number_makes_the_weights_of_its_row_none_and_of_no_other() {
    for (k, (at, noisy)) in [1, 2, 5].into_iter().flat_map(|k| [(k, (6, false)), (k, (14, true)), (k, (17, true))]) {
        let noise = noisy.then(|| Noise::Given(Arc::new(vec![0.5; 10])));
        let mut logits = floats(4, if noisy { 20 } else { 10 }, 1.0);
        logits[at] = f32::NAN;
        let keep = Keep { experts: 5, k, shared: 1 };
        let (gates, _) = kernel::forward(Level::best(), keep, &logits, noise.as_ref());
        assert!(gates[..5].iter().all(|gate| !gate.is_nan()), "{gates:?}");
        assert!(gates[6..11].iter().all(|gate| gate.is_nan()), "k = {k}, logit {at}: {gates:?}");
    }
}

#[test]
fn information_is_that_of_the_domain_where_each_has_an_expert_and_none_where_all_are_equal() {
    let domains = Arc::new(Codes::one(vec![0, 0, 3, 3, 3, 7, 7, 7]));
    let entropy: f64 = [2.0, 3.0, 3.0f64].iter().map(|n| -(n / 8.0) * (n / 8.0).ln()).sum();
    let mut logits = vec![0.0; 8 * 4];
    let of = |logits: &[f32]| gate::information::forward(Level::best(), 4, logits, 4, &domains).0;
    assert!(of(&logits).abs() < 1e-7);
    for (row, expert) in [2, 2, 0, 0, 0, 1, 1, 1].into_iter().enumerate() {
        logits[row * 4 + expert] = 60.0;
    }
    assert!((of(&logits) - entropy).abs() < 1e-6, "{} is not {entropy}", of(&logits));
}

#[test]
fn a_row_keeps_its_weights_when_rows_are_added() {
    let case = |rows| Case { rows, keep: Keep { experts: 9, k: 2, shared: 1 }, noisy: true, seed: 5 };
    let of = |rows: usize| {
        let noise = case(rows).noise();
        kernel::forward(Level::best(), case(rows).keep, &case(400).logits()[..rows * 18], noise.as_ref()).0
    };
    let all = of(400);
    for rows in [1, 127, 128, 129, 256] {
        assert_eq!(of(rows), all[..rows * 10]);
    }
}
