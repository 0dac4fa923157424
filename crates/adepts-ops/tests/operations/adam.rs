//! Adam against plain 64-bit arithmetic.

use adepts_ops::Level;
use adepts_ops::adam::kernel::{Adam, step};
use adepts_ops::adam::update;
use burn::tensor::Device;

use crate::support::{Arrays, assert_close, assert_same_bits, assert_same_for_any_threads, floats, tensor, values};

const SETTINGS: Adam = Adam { learning_rate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 0.05, neutral: 0.0 };
const STEPS: u64 = 10;

/// More than one task, and no multiple of one.
const COUNT: usize = 40_007;

/// Gradients of very different sizes, down to where epsilon matters; every seventh is zero.
fn gradient(time: u64) -> Vec<f32> {
    let sizes = [1.0, 1e-2, 1e-5, 1e-8, 1e-10, 30.0, 0.0];
    floats(100 + time, COUNT, 1.0).into_iter().enumerate().map(|(at, g)| g * sizes[at % sizes.len()]).collect()
}

fn run(level: Level, adam: Adam) -> Arrays {
    let mut weight = floats(1, COUNT, 1.0);
    let (mut m, mut v) = (vec![0.0; COUNT], vec![0.0; COUNT]);
    for time in 1..=STEPS {
        step(level, adam, time, &mut weight, &gradient(time), &mut m, &mut v);
    }
    vec![("weight", weight), ("m", m), ("v", v)]
}

/// Kingma & Ba 2015, algorithm 1, with l2 · (w − neutral) added to the gradient.
fn reference(adam: Adam) -> Arrays {
    let [rate, b1, b2, epsilon, l2, neutral] =
        [adam.learning_rate, adam.beta1, adam.beta2, adam.epsilon, adam.l2, adam.neutral].map(f64::from);
    let mut weight: Vec<f64> = floats(1, COUNT, 1.0).into_iter().map(f64::from).collect();
    let (mut m, mut v) = (vec![0.0; COUNT], vec![0.0; COUNT]);
    for time in 1..=STEPS {
        for (at, g) in gradient(time).into_iter().enumerate() {
            let g = f64::from(g) + l2 * (weight[at] - neutral);
            m[at] = b1 * m[at] + (1.0 - b1) * g;
            v[at] = b2 * v[at] + (1.0 - b2) * g * g;
            let (m, v): (f64, f64) = (m[at] / (1.0 - b1.powi(time as i32)), v[at] / (1.0 - b2.powi(time as i32)));
            weight[at] -= rate * m / (v.sqrt() + epsilon);
        }
    }
    let narrow = |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect();
    vec![("weight", narrow(weight)), ("m", narrow(m)), ("v", narrow(v))]
}

#[test]
fn ten_steps_are_those_of_plain_64_bit_arithmetic() {
    for adam in [
        SETTINGS,
        Adam { l2: 0.0, ..SETTINGS },
        Adam { neutral: 1.0, ..SETTINGS },
        Adam { learning_rate: 0.3, beta1: 0.5, ..SETTINGS },
    ] {
        let want = reference(adam);
        for level in Level::available() {
            assert_close(&format!("{} {adam:?}", level.name()), &run(level, adam), &want, 5e-6);
        }
    }
}

#[test]
fn without_gradient_and_decay_a_weight_stays() {
    let mut weight = vec![0.5f32; 3];
    let (mut m, mut v) = (vec![0.0; 3], vec![0.0; 3]);
    step(Level::best(), Adam { l2: 0.0, ..SETTINGS }, 1, &mut weight, &[0.0; 3], &mut m, &mut v);
    assert_eq!(weight, [0.5; 3]);
}

#[test]
fn decay_draws_to_the_neutral_value_and_leaves_a_weight_that_has_it() {
    let adam = Adam { neutral: 1.0, ..SETTINGS };
    let mut weight = vec![1.0f32, 0.2, 3.0];
    let (mut m, mut v) = (vec![0.0; 3], vec![0.0; 3]);
    for time in 1..=2000 {
        step(Level::best(), adam, time, &mut weight, &[0.0; 3], &mut m, &mut v);
    }
    assert_eq!(weight[0], 1.0);
    assert!(weight.iter().all(|w| (w - 1.0).abs() < 1e-2), "{weight:?}");
}

#[test]
fn nan_in_a_gradient_reaches_the_weight() {
    let mut weight = vec![0.5f32; 33];
    let mut gradient = vec![1.0; 33];
    gradient[20] = f32::NAN;
    let (mut m, mut v) = (vec![0.0; 33], vec![0.0; 33]);
    step(Level::best(), SETTINGS, 1, &mut weight, &gradient, &mut m, &mut v);
    assert!(weight[20].is_nan() && weight.iter().filter(|w| w.is_nan()).count() == 1);
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    assert_same_for_any_threads("adam", || run(Level::best(), SETTINGS));
}

#[test]
fn the_update_of_a_tensor_is_that_of_its_elements_and_leaves_clones_alone() {
    let device = Device::flex();
    let start = floats(2, 15, 1.0);
    let mut slices = (start.clone(), vec![0.0; 15], vec![0.0; 15]);
    let mut weight = tensor(&start, [3, 5], &device);
    let before = weight.clone();
    let (mut m, mut v) = (vec![0.0; 15], vec![0.0; 15]);
    for time in 1..=STEPS {
        let g = floats(time, 15, 1.0);
        step(Level::best(), SETTINGS, time, &mut slices.0, &g, &mut slices.1, &mut slices.2);
        weight = update(SETTINGS, time, weight, tensor(&g, [3, 5], &device), &mut m, &mut v);
    }
    let got: Arrays = vec![("weight", values(weight)), ("m", m), ("v", v), ("before", values(before))];
    assert_same_bits("", &got, &vec![("weight", slices.0), ("m", slices.1), ("v", slices.2), ("before", start)]);
}

#[test]
fn a_transposed_gradient_is_read_in_the_order_of_the_weight() {
    let device = Device::flex();
    let (start, g) = (floats(3, 15, 1.0), floats(4, 15, 1.0));
    let run = |gradient| {
        let weight = tensor(&start, [3, 5], &device);
        values(update(SETTINGS, 1, weight, gradient, &mut [0.0; 15], &mut [0.0; 15]))
    };
    let turned: Vec<f32> = (0..15).map(|at| g[at % 3 * 5 + at / 3]).collect();
    assert_eq!(run(tensor(&turned, [5, 3], &device).transpose()), run(tensor(&g, [3, 5], &device)));
}
