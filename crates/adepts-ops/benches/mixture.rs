//! The parts of a TALL step with 100 experts against the matrix products that nobody can do without, in one run.
#![allow(clippy::print_stdout, clippy::disallowed_methods, missing_docs, reason = "a benchmark prints times")]

use std::time::Instant;

use adepts_ops::adam::kernel::{self as adam, Adam};
use adepts_ops::latent::kernel::{self as latent, Noise};
use adepts_ops::matrix::{Matrix, Start, Threads, product};
use adepts_ops::mixture::kernel::{self as mixture, Cut, Decoders, Rule, Score, Shape, TILE};
use adepts_ops::sparse_linear::kernel as sparse;
use adepts_ops::{Csr, Level};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn floats(seed: u64, n: usize, scale: f32) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| ((random.next_u32() >> 8) as f32 / 16_777_216.0 - 0.5) * scale).collect()
}

fn rows(seed: u64, count: usize, items: usize, each: usize) -> Vec<Vec<u32>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut row = || {
        let mut row: Vec<u32> = (0..each).map(|_| random.next_u32() % items as u32).collect();
        row.sort_unstable();
        row.dedup();
        row
    };
    (0..count).map(|_| row()).collect()
}

fn least<T>(times: usize, mut work: impl FnMut() -> T) -> f64 {
    (0..times)
        .map(|_| {
            let start = Instant::now();
            let out = work();
            let seconds = start.elapsed().as_secs_f64();
            drop(out);
            seconds
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    let experts = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(100);
    let shape = Shape { experts, rows: 512, hidden: 100, items: 3260 };
    let Shape { rows: batch, hidden, items, .. } = shape;
    let level = Level::best();
    let histories = rows(1, batch, items, 116);
    let held = rows(2, batch, items, 16);
    let input = Csr::from_rows(items, histories.iter().map(Vec::as_slice)).normalised(1.0);
    let probe: Vec<Vec<u32>> = histories
        .iter()
        .zip(&held)
        .map(|(seen, held)| held.iter().copied().filter(|i| seen.binary_search(i).is_err()).collect())
        .collect();
    let probe = Csr::from_rows(items, probe.iter().map(Vec::as_slice));
    let encoder_shape = sparse::Shape { experts, items, width: 2 * hidden };
    let encoder = floats(3, experts * items * 2 * hidden, 0.1);
    let encoder_bias = floats(4, experts * 2 * hidden, 0.1);
    let mut weight = floats(5, experts * hidden * items, 0.1);
    let bias = floats(6, experts * items, 0.1);
    let d_out = floats(7, batch * (items + 2 * experts), 0.001);
    let rule = Rule { score: Score::Inverse, mean: false, temperature: 1.0, detach: false };
    let mut m = vec![0.0; weight.len()];
    let mut v = vec![0.0; weight.len()];

    let z = floats(8, experts * batch * hidden, 0.1);
    let mut out = vec![0.0; experts * batch * items];
    let mut small = vec![0.0; experts * batch.max(items) * hidden];
    let floor = least(3, || {
        let w = |k: usize| Matrix::new(&weight[k * hidden * items..][..hidden * items], hidden, items);
        let z = |k: usize| Matrix::new(&z[k * batch * hidden..][..batch * hidden], batch, hidden);
        out.par_chunks_mut(batch * items)
            .enumerate()
            .for_each(|(k, out)| product(out, Start::Zero, z(k), w(k), Threads::One));
        let e = |k: usize| Matrix::new(&out[k * batch * items..][..batch * items], batch, items);
        small
            .par_chunks_mut(batch * hidden)
            .take(experts)
            .enumerate()
            .for_each(|(k, d)| product(d, Start::Zero, e(k), w(k).t(), Threads::One));
        small
            .par_chunks_mut(hidden * items)
            .enumerate()
            .for_each(|(k, d)| product(d, Start::Zero, z(k).t(), e(k), Threads::One));
    });
    drop(out);
    println!("products alone                {:8.1} ms", floor * 1e3);
    let print = |name: &str, seconds: f64| {
        println!("{name:<28} {:8.1} ms   {:.3} of the products", seconds * 1e3, seconds / floor);
    };

    print("encoder forward", least(3, || sparse::forward(level, encoder_shape, &encoder, &encoder_bias, &input)));
    let h = sparse::forward(level, encoder_shape, &encoder, &encoder_bias, &input);
    print("encoder backward", least(3, || sparse::backward(level, encoder_shape, &input, &h)));
    let noise = Noise::Drawn { key: [7; 32], scale: 0.01 };
    print("latent sample", least(3, || latent::sample(level, &h, hidden, &noise)));
    print("latent divergence", least(3, || latent::divergence(level, &h, hidden)));
    let decoders = Decoders { shape, weight: &weight, bias: &bias };
    print("mixture forward", least(3, || mixture::driven(level, decoders, &z, &input, &probe, rule, Cut::Whole)));
    print(
        "mixture forward in tiles",
        least(3, || mixture::driven(level, decoders, &z, &input, &probe, rule, Cut::Tiles)),
    );
    let mut backward = f64::INFINITY;
    for _ in 0..3 {
        let (_, saved) = mixture::driven(level, decoders, &z, &input, &probe, rule, Cut::Whole);
        let start = Instant::now();
        let gradients = mixture::driven_backward(level, decoders, &z, &input, &probe, rule, saved, &d_out);
        backward = backward.min(start.elapsed().as_secs_f64());
        drop(gradients);
    }
    print("mixture backward", backward);
    let gradient = floats(9, weight.len(), 0.1);
    let settings = Adam { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 1e-5, neutral: 0.0 };
    print("Adam on the decoders", least(3, || adam::step(level, settings, 1, &mut weight, &gradient, &mut m, &mut v)));
    answers(Decoders { shape: Shape { rows: FEW, ..shape }, weight: &weight, bias: &bias }, rule);
}

/// Users who are answered at once.
const FEW: usize = 8;

/// The answers of a few users, gate and mix, against the two products with each expert's decoder that they are made of: by `gemm`,
/// which needs whole tiles of rows.
fn answers(d: Decoders<'_>, rule: Rule) {
    let Shape { experts, rows: few, hidden, items } = d.shape;
    let [histories, held] = [11, 12].map(|seed| rows(seed, few, items, 100));
    let [seen, probe] = [histories, held].map(|rows| Csr::from_rows(items, rows.iter().map(Vec::as_slice)));
    let [z_seen, z] = [13, 14].map(|seed| floats(seed, experts * few * hidden, 0.1));
    let padded = floats(15, experts * TILE * hidden, 0.1);
    let products = least(7, || {
        let mut out = vec![0.0; experts * TILE * items];
        for _ in 0..2 {
            out.par_chunks_mut(TILE * items).enumerate().for_each(|(k, out)| {
                let z = Matrix::new(&padded[k * TILE * hidden..][..TILE * hidden], TILE, hidden);
                let weight = Matrix::new(&d.weight[k * hidden * items..][..hidden * items], hidden, items);
                product(out, Start::Zero, z, weight, Threads::One);
            });
        }
        out
    });
    let answer = least(7, || mixture::fold_in(Level::best(), d, &z_seen, &z, &seen, &probe, rule));
    println!("answers of {few} users          {:8.1} ms", answer * 1e3);
    println!("two products by gemm         {:8.1} ms   {:.3} of them", products * 1e3, answer / products);
}
