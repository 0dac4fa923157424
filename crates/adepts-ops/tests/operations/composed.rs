//! Kernels as operations of Burn against their default bodies.

use std::sync::Arc;

use adepts_ops::latent::kernel::Noise;
use adepts_ops::mixture::kernel::{Cut, Rule, Score, TILE};
use adepts_ops::{Csr, latent, mixture, row_losses, sparse_linear};
use burn::tensor::{Device, Gradients, Tensor};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::support::{
    Arrays, Histories, Sizes, assert_close, assert_same_bits, csr, floats, gradient, shares, sizes, tensor, values,
    variable, walk_back,
};

/// Differences up to this part of an array's largest entry.
const TOLERANCE: f32 = 2e-5;
/// The same where 1/L magnifies the rounding of a small L, or a gate's only gradient is what is left of a long sum.
const TOLERANCE_OF_GATES: f32 = 1e-4;

fn few() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(2024), ..ProptestConfig::with_cases(120) }
}

fn run_sparse(s: Sizes, rows: &Arc<Csr>, kernel: bool) -> Arrays {
    let Sizes { experts, items, hidden: width, seed, .. } = s;
    let weight = variable(&floats(seed, experts * items * width, 0.5), [experts, items, width]);
    let bias = variable(&floats(seed + 1, experts * width, 0.5), [experts, width]);
    let out = if kernel {
        sparse_linear::sparse_linear(weight.clone(), bias.clone(), rows)
    } else {
        sparse_linear::composed(weight.clone(), bias.clone(), rows)
    };
    let gradients = walk_back(&out, &floats(seed + 2, experts * s.rows * width, 1.0));
    vec![("out", values(out)), ("d weight", gradient(&weight, &gradients)), ("d bias", gradient(&bias, &gradients))]
}

fn run_latent(s: Sizes, noise: &Noise, kernel: bool) -> Arrays {
    let Sizes { experts, rows, hidden, seed, .. } = s;
    let h = variable(&floats(seed, experts * rows * 2 * hidden, 1.5), [experts, rows, 2 * hidden]);
    let (z, kl) = if kernel {
        (latent::sample(h.clone(), noise), latent::divergence(h.clone()))
    } else {
        (latent::composed_sample(h.clone(), noise), latent::composed_divergence(h.clone()))
    };
    let of_z = walk_back(&z, &floats(seed + 1, experts * rows * hidden, 1.0));
    let of_kl = walk_back(&kl, &floats(seed + 2, experts * rows, 1.0));
    vec![("z", values(z)), ("kl", values(kl)), ("d h of z", gradient(&h, &of_z)), ("d h of kl", gradient(&h, &of_kl))]
}

struct Decoders {
    z: Tensor<3>,
    weight: Tensor<3>,
    bias: Tensor<2>,
}

impl Decoders {
    fn random(s: Sizes) -> Self {
        let Sizes { experts, rows, items, hidden, seed } = s;
        Self {
            z: variable(&floats(seed, experts * rows * hidden, 0.5), [experts, rows, hidden]),
            weight: variable(&floats(seed + 1, experts * hidden * items, 0.5), [experts, hidden, items]),
            bias: variable(&floats(seed + 2, experts * items, 0.5), [experts, items]),
        }
    }

    fn parts(&self) -> (Tensor<3>, Tensor<3>, Tensor<2>) {
        (self.z.clone(), self.weight.clone(), self.bias.clone())
    }

    fn arrays(&self, out: Tensor<2>, gradients: &Gradients) -> Arrays {
        vec![
            ("out", values(out)),
            ("d z", gradient(&self.z, gradients)),
            ("d weight", gradient(&self.weight, gradients)),
            ("d bias", gradient(&self.bias, gradients)),
        ]
    }
}

fn run_driven(s: Sizes, h: &Histories, rule: Rule, kernel: bool) -> Arrays {
    let decoders = Decoders::random(s);
    let (z, weight, bias) = decoders.parts();
    let (seen, probe) = (h.seen(), h.probe());
    let out = if kernel {
        mixture::driven(z, weight, bias, &seen, &probe, rule, Cut::Whole)
    } else {
        mixture::composed_driven(z, weight, bias, &seen, &probe, rule)
    };
    let gradients = walk_back(&out, &floats(s.seed + 3, s.rows * (s.items + 2 * s.experts), 1.0));
    decoders.arrays(out, &gradients)
}

fn run_given(s: Sizes, kernel: bool) -> Arrays {
    let decoders = Decoders::random(s);
    let (z, weight, bias) = decoders.parts();
    let gates = variable(&shares(s.seed + 4, s.rows, s.experts), [s.rows, s.experts]);
    let out = if kernel {
        mixture::given(z, weight, bias, gates.clone(), Cut::Whole)
    } else {
        mixture::composed_given(z, weight, bias, gates.clone())
    };
    let gradients = walk_back(&out, &floats(s.seed + 3, s.rows * s.items, 1.0));
    let mut arrays = decoders.arrays(out, &gradients);
    arrays.push(("d gates", gradient(&gates, &gradients)));
    arrays
}

/// −Σ log p over the held-out items, p without the seen ones, in 64-bit floats.
fn probe_loss(logits: &[f32], seen: &[u32], probe: &[u32]) -> f32 {
    let open = (0..logits.len()).filter(|item| !seen.contains(&(*item as u32)));
    let log_sum = open.map(|item| f64::from(logits[item]).exp()).sum::<f64>().ln();
    probe.iter().map(|item| log_sum - f64::from(logits[*item as usize])).sum::<f64>() as f32
}

fn rules() -> impl Strategy<Value = Rule> {
    let score = prop_oneof![Just(Score::Inverse), Just(Score::Negative)];
    let temperature = prop_oneof![Just(0.5f32), Just(1.0), Just(3.0)];
    (score, any::<bool>(), temperature, any::<bool>()).prop_map(|(score, mean, temperature, detach)| Rule {
        score,
        mean,
        temperature,
        detach,
    })
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn the_sparse_layer_equals_its_default_body(s in sizes(), factor in 0.1f32..2.0) {
        let h = Histories::random(s.seed, s.rows, s.items);
        let wide = Sizes { hidden: s.hidden * 7, ..s };
        for rows in [h.seen(), Arc::new(Csr::from_rows(s.items, h.seen.iter().map(Vec::as_slice)).normalised(factor))] {
            assert_close("", &run_sparse(wide, &rows, true), &run_sparse(wide, &rows, false), TOLERANCE);
        }
    }

    #[test]
    fn the_first_columns_of_the_sparse_layer_are_its_first_columns(s in sizes(), part in 0.0f64..1.0) {
        let Sizes { experts, items, hidden: width, seed, .. } = s;
        let rows = Histories::random(seed, s.rows, items).seen();
        let take = 1 + ((width - 1) as f64 * part) as usize;
        for device in [Device::flex(), Device::flex().autodiff()] {
            let weight = tensor(&floats(seed, experts * items * width, 0.5), [experts, items, width], &device);
            let bias = tensor(&floats(seed + 1, experts * width, 0.5), [experts, width], &device);
            let first = sparse_linear::first_columns(weight.clone(), bias.clone(), &rows, take);
            let all = sparse_linear::sparse_linear(weight, bias, &rows).narrow(2, 0, take);
            assert_close("", &vec![("first", values(first))], &vec![("first", values(all))], TOLERANCE);
        }
    }

    #[test]
    fn the_latent_equals_its_default_body(s in sizes(), scale in 0.01f32..1.0) {
        let given = floats(s.seed + 5, s.experts * s.rows * s.hidden, 1.0);
        for noise in [Noise::Given(Arc::new(given)), Noise::Drawn { key: [3; 32], scale }] {
            assert_close("", &run_latent(s, &noise, true), &run_latent(s, &noise, false), TOLERANCE);
        }
    }

    #[test]
    fn the_driven_mixture_equals_its_default_body(s in sizes(), rule in rules()) {
        let h = Histories::random(s.seed, s.rows, s.items);
        let (kernel, body) = (run_driven(s, &h, rule, true), run_driven(s, &h, rule, false));
        assert_close(&format!("{rule:?}"), &kernel, &body, TOLERANCE_OF_GATES);
    }

    #[test]
    fn the_given_mixture_equals_its_default_body(s in sizes()) {
        assert_close("", &run_given(s, true), &run_given(s, false), TOLERANCE_OF_GATES);
    }

    #[test]
    fn the_losses_of_rows_equal_their_default_body(s in sizes(), beyond in 0usize..5) {
        let (h, stride) = (Histories::random(s.seed, s.rows, s.items), s.items + beyond);
        let (target, probe) = (h.seen(), h.probe());
        let logits = floats(s.seed, s.rows * stride, 3.0);
        let run = |kernel: bool| -> Arrays {
            let packed = variable(&logits, [s.rows, stride]);
            let losses = if kernel {
                row_losses::row_losses(packed.clone(), &target, None).cross_entropy
            } else {
                row_losses::composed_cross_entropy(packed.clone(), &target)
            };
            let gradients = walk_back(&losses, &floats(s.seed + 1, s.rows, 1.0));
            vec![("loss", values(losses)), ("d logits", gradient(&packed, &gradients))]
        };
        assert_close("", &run(true), &run(false), TOLERANCE);

        let want: Vec<f32> = logits.chunks(stride).zip(h.seen.iter().zip(&h.probe))
            .map(|(row, (seen, probe))| probe_loss(&row[..s.items], seen, probe)).collect();
        for device in [Device::flex(), Device::flex().autodiff()] {
            let packed = tensor(&logits, [s.rows, stride], &device);
            let found = row_losses::row_losses(packed, &target, Some((&target, &probe)));
            assert_close("", &vec![("probe", found.probe)], &vec![("probe", want.clone())], TOLERANCE);
        }
    }

    #[test]
    fn without_gradients_the_results_are_the_same(s in sizes(), rule in rules()) {
        let h = Histories::random(s.seed, s.rows, s.items);
        let decoders = Decoders::random(s);
        let (z, weight, bias) = decoders.parts();
        let plain = (z.clone().inner(), weight.clone().inner(), bias.clone().inner());
        let out = mixture::driven(plain.0, plain.1, plain.2, &h.seen(), &h.probe(), rule, Cut::Whole);
        let tracked = mixture::driven(z, weight, bias, &h.seen(), &h.probe(), rule, Cut::Whole);
        assert_same_bits("", &vec![("out", values(out))], &vec![("out", values(tracked))]);
    }
}

const RULE: Rule = Rule { score: Score::Inverse, mean: false, temperature: 1.0, detach: false };

#[test]
fn a_gradient_reaches_the_inputs_that_want_one_and_no_others() {
    let s = Sizes { experts: 3, rows: 4, items: 9, hidden: 2, seed: 1 };
    let h = Histories::random(7, s.rows, s.items);
    let all = Decoders::random(s);
    let fixed = Decoders { weight: all.weight.clone().detach(), ..Decoders::random(s) };
    let mut of_z = Vec::new();
    for decoders in [&all, &fixed] {
        let (z, weight, bias) = decoders.parts();
        let out = mixture::driven(z, weight, bias, &h.seen(), &h.probe(), RULE, Cut::Whole);
        let gradients = out.sum().backward();
        of_z.push(gradient(&decoders.z, &gradients));
        assert_eq!(decoders.weight.grad(&gradients).is_some(), decoders.weight.is_require_grad());
    }
    assert_eq!(of_z[0], of_z[1]);
}

#[test]
fn a_row_without_a_probe_has_equal_shares_and_no_gradient_through_them() {
    let s = Sizes { experts: 3, rows: 5, items: 9, hidden: 2, seed: 2 };
    let h = Histories { probe: vec![Vec::new(); 5], ..Histories::random(7, s.rows, s.items) };
    let decoders = Decoders::random(s);
    let (z, weight, bias) = decoders.parts();
    let out = mixture::driven(z, weight, bias, &h.seen(), &h.probe(), RULE, Cut::Whole);
    let gate = out.clone().narrow(1, s.items, 2 * s.experts);
    for row in values(gate.clone()).chunks(2 * s.experts) {
        assert_eq!(row, [0.0, 0.0, 0.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]);
    }
    let gradients = walk_back(&gate, &floats(4, s.rows * 2 * s.experts, 1.0));
    for of in [
        gradient(&decoders.z, &gradients),
        gradient(&decoders.weight, &gradients),
        gradient(&decoders.bias, &gradients),
    ] {
        assert!(of.iter().all(|x| *x == 0.0), "{of:?}");
    }
}

#[test]
fn nan_in_one_logit_reaches_the_losses_and_the_shares() {
    let s = Sizes { experts: 3, rows: TILE, items: 70, hidden: 2, seed: 3 };
    let mut h = Histories::random(7, s.rows, s.items);
    h.seen[0] = vec![1, 2];
    h.probe[0] = vec![4, 9];
    for item in [0, 1, 4, 69] {
        let Decoders { z, weight, .. } = Decoders::random(s);
        let mut bias = floats(5, s.experts * s.items, 0.5);
        bias[s.items + item] = f32::NAN;
        let bias = variable(&bias, [s.experts, s.items]);
        let out = mixture::driven(z, weight, bias, &h.seen(), &h.probe(), RULE, Cut::Tiles);
        let packed = values(out.clone());
        assert!(packed[item].is_nan());
        // Seen items are no part of the probe's softmax.
        if item != 1 {
            assert!(packed[s.items + 1].is_nan() && packed[s.items + s.experts].is_nan(), "item {item}");
        }
        let judged = row_losses::row_losses(out, &csr(s.items, &h.seen), None);
        assert!(values(judged.cross_entropy)[0].is_nan());
    }
}
