//! The plain product: kernel against default body, threads.

use adepts_ops::linear::{composed_linear, linear};
use burn::tensor::Device;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::support::{
    Arrays, assert_close, assert_same_bits, assert_same_for_any_threads, floats, gradient, tensor, values, variable,
    walk_back,
};

fn run([rows, inputs, outputs]: [usize; 3], seed: u64, fused: bool) -> Arrays {
    let x = variable(&floats(seed, rows * inputs, 1.0), [rows, inputs]);
    let weight = variable(&floats(seed + 1, inputs * outputs, 1.0), [inputs, outputs]);
    let product = if fused { linear } else { composed_linear };
    let out = product(x.clone(), weight.clone());
    let found = walk_back(&out, &floats(seed + 2, rows * outputs, 1.0));
    vec![("out", values(out)), ("d x", gradient(&x, &found)), ("d weight", gradient(&weight, &found))]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(2024), ..ProptestConfig::with_cases(40) })]

    #[test]
    fn a_product_equals_its_default_body(rows in 1usize..70, inputs in 1usize..40, outputs in 1usize..140, seed: u32) {
        let (sizes, seed) = ([rows, inputs, outputs], u64::from(seed));
        assert_close("", &run(sizes, seed, true), &run(sizes, seed, false), 2e-5);
        let device = Device::flex();
        let x = tensor(&floats(seed, rows * inputs, 1.0), [rows, inputs], &device);
        let weight = tensor(&floats(seed + 1, inputs * outputs, 1.0), [inputs, outputs], &device);
        assert_same_bits("", &vec![("out", values(linear(x, weight)))], &run(sizes, seed, true)[..1].to_vec());
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for sizes in [[1500, 113, 128], [4096, 97, 16], [3, 5, 7]] {
        assert_same_for_any_threads(&format!("{sizes:?}"), || run(sizes, 1, true));
    }
}

#[test]
#[should_panic(expected = "linear: x [2, 3], weight [4, 1]")]
fn shapes_that_do_not_fit_are_named() {
    let device = Device::flex();
    let _ = linear(tensor(&[0.0; 6], [2, 3], &device), tensor(&[0.0; 4], [4, 1], &device));
}
