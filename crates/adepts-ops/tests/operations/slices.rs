//! The kernels on slices: every instruction set, any number of threads, rows one by one.

use adepts_ops::latent::kernel::{self as latent, Noise};
use adepts_ops::mixture::kernel::{self as mixture, Cut, Decoders, Rule, Score, Shape, TILE};
use adepts_ops::row_losses::kernel::{self as row_losses, Held};
use adepts_ops::sparse_linear::kernel as sparse;
use adepts_ops::{Csr, Level};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::support::{
    Arrays, Histories, Sizes, assert_close, assert_same_bits, assert_same_for_any_threads, csr, floats, shares, sizes,
};

/// Differences between instruction sets, as a part of an array's largest entry.
const TOLERANCE: f32 = 1e-5;
/// The same where 1/L magnifies the rounding of a small L.
const TOLERANCE_OF_GATES: f32 = 5e-5;

pub(crate) const RULES: [Rule; 3] = [
    Rule { score: Score::Inverse, mean: false, temperature: 1.0, detach: false },
    Rule { score: Score::Negative, mean: true, temperature: 0.5, detach: false },
    Rule { score: Score::Inverse, mean: true, temperature: 2.0, detach: true },
];

pub(crate) fn shape(s: Sizes) -> Shape {
    Shape { experts: s.experts, rows: s.rows, hidden: s.hidden, items: s.items }
}

fn sparse_arrays(level: Level, s: Sizes, rows: &Csr) -> Arrays {
    let Sizes { experts, items, seed, .. } = s;
    let width = 2 * s.hidden;
    let shape = sparse::Shape { experts, items, width };
    let weight = floats(seed, experts * items * width, 0.5);
    let bias = floats(seed + 1, experts * width, 0.5);
    let out = sparse::forward(level, shape, &weight, &bias, rows);
    let first = sparse::forward_first(level, shape, &weight, &bias, rows, s.hidden);
    let (d_weight, d_bias) = sparse::backward(level, shape, rows, &floats(seed + 2, out.len(), 1.0));
    vec![("out", out), ("first", first), ("d weight", d_weight), ("d bias", d_bias)]
}

fn latent_arrays(level: Level, s: Sizes) -> Arrays {
    let (rows, hidden) = (s.experts * s.rows, s.hidden);
    let h = floats(s.seed, rows * 2 * hidden, 1.5);
    let z = latent::sample(level, &h, hidden, &Noise::Drawn { key: [5; 32], scale: 0.3 });
    let d_h = latent::sample_backward(level, &h, &z, &floats(s.seed + 1, rows * hidden, 1.0), hidden);
    let kl = latent::divergence(level, &h, hidden);
    let d_h_of_kl = latent::divergence_backward(level, &h, &floats(s.seed + 2, rows, 1.0), hidden);
    vec![("z", z), ("d h", d_h), ("kl", kl), ("d h of kl", d_h_of_kl)]
}

/// z, weight and bias of random decoders.
pub(crate) fn decoders(s: Sizes) -> [Vec<f32>; 3] {
    let Sizes { experts, rows, items, hidden, seed } = s;
    [
        floats(seed, experts * rows * hidden, 0.5),
        floats(seed + 1, experts * hidden * items, 0.5),
        floats(seed + 2, experts * items, 0.5),
    ]
}

fn driven_arrays(level: Level, s: Sizes, h: &Histories, rule: Rule) -> Arrays {
    let [z, weight, bias] = &decoders(s);
    let d = Decoders { shape: shape(s), weight, bias };
    let (seen, probe) = (h.seen(), h.probe());
    let (out, saved) = mixture::driven(level, d, z, &seen, &probe, rule, Cut::Whole);
    let d_out = floats(s.seed + 3, out.len(), 1.0);
    let gradients = mixture::driven_backward(level, d, z, &seen, &probe, rule, saved, &d_out);
    vec![("out", out), ("d z", gradients.z), ("d weight", gradients.weight), ("d bias", gradients.bias)]
}

fn given_arrays(s: Sizes) -> Arrays {
    let [z, weight, bias] = &decoders(s);
    let d = Decoders { shape: shape(s), weight, bias };
    let gates = shares(s.seed + 4, s.rows, s.experts);
    let out = mixture::given(d, z, &gates, Cut::Whole);
    let (gradients, d_gates) = mixture::given_backward(d, z, &gates, &floats(s.seed + 3, out.len(), 1.0));
    vec![
        ("out", out),
        ("d z", gradients.z),
        ("d weight", gradients.weight),
        ("d bias", gradients.bias),
        ("d gates", d_gates),
    ]
}

fn loss_arrays(level: Level, s: Sizes, h: &Histories) -> Arrays {
    let stride = s.items + 3;
    let logits = floats(s.seed, s.rows * stride, 3.0);
    let (seen, probe) = (h.seen(), h.probe());
    let held = Held { seen: &seen, probe: &probe };
    let losses = row_losses::forward(level, &logits, stride, &seen, Some(held));
    let d = floats(s.seed + 1, s.rows, 1.0);
    let d_logits = row_losses::backward(level, &logits, stride, &seen, &losses.log_sum, &d);
    vec![
        ("cross-entropy", losses.cross_entropy),
        ("probe", losses.probe),
        ("log sum", losses.log_sum),
        ("d logits", d_logits),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(2024), ..ProptestConfig::with_cases(100) })]

    #[test]
    fn all_instruction_sets_agree(s in sizes()) {
        let h = Histories::random(s.seed, s.rows, s.items);
        let wide = Sizes { hidden: s.hidden * 5, ..s };
        for level in Level::available() {
            let check = |got: &Arrays, want: &Arrays, tolerance| assert_close(level.name(), got, want, tolerance);
            let plain = Level::PORTABLE;
            check(&sparse_arrays(level, wide, &h.seen()), &sparse_arrays(plain, wide, &h.seen()), TOLERANCE);
            check(&latent_arrays(level, wide), &latent_arrays(plain, wide), TOLERANCE);
            check(&loss_arrays(level, s, &h), &loss_arrays(plain, s, &h), TOLERANCE);
            for rule in RULES {
                let (got, want) = (driven_arrays(level, s, &h, rule), driven_arrays(plain, s, &h, rule));
                check(&got, &want, TOLERANCE_OF_GATES);
            }
        }
    }
}

/// Large enough that products are shared between threads.
fn large(experts: usize) -> (Sizes, Histories) {
    let s = Sizes { experts, rows: 150, items: 907, hidden: 52, seed: 11 };
    (s, Histories::random(12, s.rows, s.items))
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let level = Level::best();
    for experts in [1, 3, 5] {
        let (s, h) = large(experts);
        assert_same_for_any_threads("sparse", || sparse_arrays(level, s, &h.seen()));
        assert_same_for_any_threads("latent", || latent_arrays(level, s));
        assert_same_for_any_threads("losses", || loss_arrays(level, s, &h));
        assert_same_for_any_threads("given", || given_arrays(s));
        for rule in RULES {
            assert_same_for_any_threads("driven", || driven_arrays(level, s, &h, rule));
        }
    }
}

/// Row `r` of every expert of z `[K, R, H]`, alone in a tile whose other rows are zero.
pub(crate) fn alone(s: Sizes, z: &[f32], r: usize) -> Vec<f32> {
    let mut tile = vec![0.0; s.experts * TILE * s.hidden];
    for k in 0..s.experts {
        tile[k * TILE * s.hidden..][..s.hidden].copy_from_slice(&z[(k * s.rows + r) * s.hidden..][..s.hidden]);
    }
    tile
}

#[test]
fn in_tiles_a_row_does_not_depend_on_the_others() {
    // Few rows and many are multiplied in different ways, and so are short sums and long ones.
    let few = [(1, 3, 61, 7), (5, 3, 61, 7), (1, 3, 1, 1), (3, 3, 517, 100), (5, 3, 61, 2)];
    let many = [
        (5, 9, 61, 7),
        (4, 9, 517, 100),
        (1, 9, 33, 511),
        (1, 9, 33, 512),
        (2, 9, 33, 700),
        (5, 9, 61, 1),
        (5, 9, 61, 2),
        (5, 9, 61, 3),
    ];
    for (experts, tiles, items, hidden) in few.into_iter().chain(many) {
        let s = Sizes { experts, rows: tiles * TILE, items, hidden, seed: 21 };
        let h = Histories::random(22, s.rows, items);
        let [z, weight, bias] = &decoders(s);
        let gates = shares(23, s.rows, experts);
        let d = Decoders { shape: shape(s), weight, bias };
        let one = Decoders { shape: Shape { rows: TILE, ..shape(s) }, ..d };
        let given = mixture::given(d, z, &gates, Cut::Tiles);
        let level = Level::best();
        let driven =
            |d, z: &[f32], seen: &Csr, probe: &Csr| mixture::driven(level, d, z, seen, probe, RULES[0], Cut::Tiles).0;
        let together = driven(d, z, &h.seen(), &h.probe());
        let width = items + 2 * experts;
        for r in 0..s.rows {
            let z = alone(s, z, r);
            let mut gate = vec![0.0; TILE * experts];
            gate[..experts].copy_from_slice(&gates[r * experts..][..experts]);
            let of_row = |rows: &[Vec<u32>]| {
                let mut tile = vec![Vec::new(); TILE];
                tile[0].clone_from(&rows[r]);
                csr(items, &tile)
            };
            let got: Arrays = vec![
                ("given", mixture::given(one, &z, &gate, Cut::Tiles)[..items].to_vec()),
                ("driven", driven(one, &z, &of_row(&h.seen), &of_row(&h.probe))[..width].to_vec()),
            ];
            let want: Arrays = vec![
                ("given", given[r * items..][..items].to_vec()),
                ("driven", together[r * width..][..width].to_vec()),
            ];
            assert_same_bits(&format!("{s:?}, row {r}"), &got, &want);
        }
    }
}

#[test]
fn the_first_layer_of_a_row_does_not_depend_on_the_others() {
    let s = Sizes { experts: 2, rows: 140, items: 61, hidden: 50, seed: 31 };
    let h = Histories::random(32, s.rows, s.items);
    let shape = sparse::Shape { experts: 2, items: 61, width: 100 };
    let (weight, bias) = (floats(33, 2 * 61 * 100, 0.5), floats(34, 2 * 100, 0.5));
    let together = sparse::forward(Level::best(), shape, &weight, &bias, &h.seen());
    for r in 0..s.rows {
        let one = sparse::forward(Level::best(), shape, &weight, &bias, &csr(61, &h.seen[r..=r]));
        for k in 0..2 {
            assert_eq!(one[k * 100..][..100], together[(k * s.rows + r) * 100..][..100], "row {r}");
        }
    }
}

#[test]
fn tiles_and_whole_batches_agree() {
    let s = Sizes { experts: 4, rows: 2 * TILE, items: 61, hidden: 7, seed: 41 };
    let h = Histories::random(42, s.rows, s.items);
    let [z, weight, bias] = &decoders(s);
    let d = Decoders { shape: shape(s), weight, bias };
    let gates = shares(43, s.rows, s.experts);
    let run = |cut| -> Arrays {
        let driven = mixture::driven(Level::best(), d, z, &h.seen(), &h.probe(), RULES[0], cut).0;
        vec![("driven", driven), ("given", mixture::given(d, z, &gates, cut))]
    };
    assert_close("", &run(Cut::Tiles), &run(Cut::Whole), TOLERANCE);
}

/// A gate that is a network of its own sends whole groups of users away from an expert, with shares below the smallest
/// normal number. Training then took three times as long.
#[test]
fn a_share_next_to_nothing_makes_no_subnormal_numbers() {
    let s = Sizes { experts: 2, rows: 9, items: 31, hidden: 5, seed: 46 };
    let [z, weight, bias] = &decoders(s);
    let d = Decoders { shape: shape(s), weight, bias };
    let gates = [1.0, 1e-38].repeat(s.rows);
    let d_out = floats(47, s.rows * s.items, 1.0);
    let (gradients, d_gates) = mixture::given_backward(d, z, &gates, &d_out);
    let all = [&gradients.z, &gradients.weight, &gradients.bias];
    assert!(all.iter().all(|part| part.iter().all(|x| !x.is_subnormal())));
    let none = [1.0, 0.0].repeat(s.rows);
    assert_eq!(mixture::given(d, z, &gates, Cut::Whole), mixture::given(d, z, &none, Cut::Whole));
    assert_eq!(d_gates, mixture::given_backward(d, z, &none, &d_out).1);
    assert!(mixture::given(d, z, &[f32::NAN; 18], Cut::Whole).iter().all(|x| x.is_nan()));
}

/// So does a gate that is driven by sums of losses, where one expert is far better than the other.
#[test]
fn an_expert_that_is_far_behind_makes_no_subnormal_numbers() {
    let s = Sizes { experts: 2, rows: 1, items: 40, hidden: 1, seed: 48 };
    // The first expert knows the probe items; the second one is sure of others: 20 nats behind for each of four or five.
    let weight: Vec<f32> = (0..80).map(|at| if (at < 40) == (at % 40 < 5) { 20.0 } else { 0.0 }).collect();
    let bias = vec![0.0; 80];
    let d = Decoders { shape: shape(s), weight: &weight, bias: &bias };
    let rule = Rule { score: Score::Negative, mean: false, temperature: 1.0, detach: false };
    for probed in [4, 5] {
        let h = Histories { items: 40, seen: vec![vec![39]], probe: vec![(0..probed).collect()] };
        let (out, saved) = mixture::driven(Level::best(), d, &[1.0; 2], &h.seen(), &h.probe(), rule, Cut::Whole);
        assert_eq!(out[out.len() - 2..], [1.0, 0.0], "the shares");
        let d_out = floats(49, out.len(), 1.0);
        let found = mixture::driven_backward(Level::best(), d, &[1.0; 2], &h.seen(), &h.probe(), rule, saved, &d_out);
        let all = [&found.z, &found.weight, &found.bias];
        assert!(all.iter().all(|part| part.iter().all(|x| !x.is_subnormal())), "{probed}");
    }
}

#[test]
#[should_panic(expected = "17 rows are no multiple of 16")]
fn a_broken_tile_is_refused() {
    let s = Sizes { experts: 2, rows: 17, items: 5, hidden: 3, seed: 51 };
    let [z, weight, bias] = &decoders(s);
    let _ = mixture::given(Decoders { shape: shape(s), weight, bias }, z, &[0.5; 34], Cut::Tiles);
}

#[test]
fn a_loss_of_zero_is_floored_and_passes_no_gradient() {
    // All items but the probe are seen, so every expert is certain of it.
    let s = Sizes { experts: 2, rows: 1, items: 5, hidden: 3, seed: 61 };
    let h = Histories { items: 5, seen: vec![vec![0, 1, 2, 3]], probe: vec![vec![4]] };
    for rule in RULES {
        let arrays = driven_arrays(Level::best(), s, &h, rule);
        let out = &arrays[0].1;
        assert_eq!(out[5..], [adepts_ops::mixture::LEAST_LOSS, adepts_ops::mixture::LEAST_LOSS, 0.5, 0.5]);
        assert!(arrays.iter().all(|(_, values)| values.iter().all(|x| x.is_finite())));
        let d_mixed = &floats(s.seed + 3, out.len(), 1.0)[..5];
        let d_bias: Vec<f32> = d_mixed.iter().chain(d_mixed).map(|d| 0.5 * d).collect();
        assert_eq!(arrays[3].1, d_bias);
    }
}

#[test]
fn large_logits_stay_finite() {
    let logits: Vec<f32> = floats(71, 4 * 70, 1.0).into_iter().map(|x| x * 3e4).collect();
    let h = Histories::random(72, 4, 70);
    for level in Level::available() {
        let losses =
            row_losses::forward(level, &logits, 70, &h.seen(), Some(Held { seen: &h.seen(), probe: &h.probe() }));
        let d = row_losses::backward(level, &logits, 70, &h.seen(), &losses.log_sum, &[1.0; 4]);
        let all = [losses.cross_entropy, losses.probe, losses.log_sum, d].concat();
        assert!(all.iter().all(|x| x.is_finite()), "{}: {all:?}", level.name());
    }
}

#[test]
fn a_variance_beyond_the_range_of_floats_is_infinite_not_negative() {
    for level in Level::available() {
        for log_var in [90.0f32, 100.0, 200.0, 1e4, f32::INFINITY] {
            let h = [0.5, log_var];
            let kl = latent::divergence(level, &h, 1);
            let d = latent::divergence_backward(level, &h, &[1.0], 1);
            assert!(kl[0] > 1e30 || kl[0].is_nan(), "{}: {log_var} gives {}", level.name(), kl[0]);
            assert!(d[1] > 1e30, "{}: {log_var} gives {}", level.name(), d[1]);
            let z = latent::sample(level, &[0.5, 2.0 * log_var], 1, &Noise::Given(vec![-1.0].into()));
            assert!(z[0] < -1e30, "{}: {log_var} gives {}", level.name(), z[0]);
        }
        assert!(latent::divergence(level, &[0.5, f32::NAN], 1)[0].is_nan());
    }
}
