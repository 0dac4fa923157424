//! A bank of experts against the matrix products that nobody can do without, and the step of an embedding table over its
//! size, in one run.
#![allow(clippy::print_stdout, clippy::disallowed_methods, missing_docs, reason = "a benchmark prints times")]

use std::time::Instant;

use adepts_ops::adam::kernel::Adam;
use adepts_ops::embedding::Codes;
use adepts_ops::expert_bank::Last;
use adepts_ops::expert_bank::kernel::{Bank, Cut, Layer, Saved, backward, forward};
use adepts_ops::matrix::{Matrix, Start, Threads, product};
use adepts_ops::normed_bank::kernel::{self as normed, Norm};
use adepts_ops::table::Table;
use adepts_ops::{Level, allocator};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

#[global_allocator]
static ALLOCATOR: allocator::MiMalloc = allocator::MiMalloc;

fn floats(seed: u64, n: usize, scale: f32) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| ((random.next_u32() >> 8) as f32 / 16_777_216.0 - 0.5) * scale).collect()
}

/// The least seconds of each work, by turns, so that what else the machine does meets all of them alike.
fn least<const N: usize>(mut works: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    for _ in 0..TIMES {
        for (best, work) in best.iter_mut().zip(&mut works) {
            let start = Instant::now();
            work();
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    best
}

const TIMES: usize = 30;
const BATCH: usize = 2048;
const WIDTHS: [usize; 3] = [256, 128, 64];

/// Gates of which each row has `k`, at its own experts.
fn gates(experts: usize, k: usize) -> Vec<f32> {
    let mut gates = vec![0.0; BATCH * experts];
    let mut random = ChaCha8Rng::seed_from_u64(9);
    for row in gates.chunks_mut(experts) {
        let mut left = k;
        while left > 0 {
            let gate = &mut row[random.next_u32() as usize % experts];
            if *gate == 0.0 {
                *gate = 1.0 / k as f32;
                left -= 1;
            }
        }
    }
    gates
}

/// A bank with its weights.
struct Held {
    experts: usize,
    weights: Vec<Vec<f32>>,
    biases: Vec<Vec<f32>>,
}

impl Held {
    fn new(experts: usize) -> Self {
        let weight = |(of, seed): (&[usize], u64)| floats(seed, experts * of[0] * of[1], 0.1);
        let bias = |(width, seed): (&usize, u64)| floats(seed, experts * width, 0.1);
        Self {
            experts,
            weights: WIDTHS.windows(2).zip(2..).map(weight).collect(),
            biases: WIDTHS[1..].iter().zip(5..).map(bias).collect(),
        }
    }

    fn with_bank<R>(&self, work: impl FnOnce(Bank<'_>) -> R) -> R {
        let layer = |at: usize| {
            let (weight, bias) = (&self.weights[at][..], &self.biases[at][..]);
            Layer { inputs: WIDTHS[at], outputs: WIDTHS[at + 1], weight, bias }
        };
        work(Bank { experts: self.experts, layers: &[layer(0), layer(1)], last: Last::Relu })
    }

    fn forward(&self, x: &[f32], gates: &[f32], cut: Cut) -> Saved {
        self.with_bank(|bank| forward(Level::best(), bank, x, gates, cut).1)
    }

    fn backward(&self, x: &[f32], saved: &Saved, d_out: &[f32]) {
        self.with_bank(|bank| drop(backward(Level::best(), bank, x, saved, d_out)));
    }

    /// Forward and backward with batch normalisation in each layer.
    fn normed(&self, x: &[f32], gates: &[f32], d_out: &[f32]) {
        self.with_bank(|bank| {
            let ones: Vec<Vec<f32>> = self.biases.iter().map(|bias| vec![1.0; bias.len()]).collect();
            let norms: Vec<_> =
                ones.iter().zip(&self.biases).map(|(scale, shift)| Some(Norm { scale, shift })).collect();
            let (_, saved, _) = normed::forward(Level::best(), bank, &norms, x, gates);
            drop(normed::backward(Level::best(), bank, &norms, x, &saved, d_out));
        });
    }

    /// The products alone: forward, and for each layer those of the weight and of what went in.
    fn products(&self, x: &[f32], hidden: &mut [Vec<f32>], d_weights: &mut [Vec<f32>]) {
        for at in 0..WIDTHS.len() - 1 {
            let (inputs, outputs) = (WIDTHS[at], WIDTHS[at + 1]);
            let (before, behind) = hidden.split_at_mut(at + 1);
            let (input, output) = (&mut before[at], &mut behind[0]);
            let weight =
                |e: usize| Matrix::new(&self.weights[at][e * inputs * outputs..][..inputs * outputs], inputs, outputs);
            output.par_chunks_mut(BATCH * outputs).enumerate().for_each(|(e, out)| {
                let h = if at == 0 { x } else { &input[e * BATCH * inputs..][..BATCH * inputs] };
                product(out, Start::Zero, Matrix::new(h, BATCH, inputs), weight(e), Threads::One);
            });
            let d = |e: usize| Matrix::new(&output[e * BATCH * outputs..][..BATCH * outputs], BATCH, outputs);
            d_weights[at].par_chunks_mut(inputs * outputs).enumerate().for_each(|(e, out)| {
                let h = if at == 0 { x } else { &input[e * BATCH * inputs..][..BATCH * inputs] };
                product(out, Start::Zero, Matrix::new(h, BATCH, inputs).t(), d(e), Threads::One);
            });
            input.par_chunks_mut(BATCH * inputs).enumerate().for_each(|(e, out)| {
                product(out, Start::Zero, d(e), weight(e).t(), Threads::One);
            });
        }
    }
}

fn bank() {
    let (x, d_out) = (floats(1, BATCH * WIDTHS[0], 1.0), floats(8, BATCH * WIDTHS[2], 1.0));
    let (few, many) = (Held::new(8), Held::new(64));
    let mut hidden: Vec<Vec<f32>> = WIDTHS.iter().map(|width| vec![0.5; few.experts * BATCH * width]).collect();
    let mut d_weights = few.weights.clone();
    println!("8 experts of {WIDTHS:?}, {BATCH} rows:");
    let mut dense = 0.0;
    for k in [8, 2, 1] {
        let gates = gates(8, k);
        let saved = few.forward(&x, &gates, Cut::Whole);
        let [floor, ahead, tiles, back] = least([
            &mut || few.products(&x, &mut hidden, &mut d_weights),
            &mut || drop(few.forward(&x, &gates, Cut::Whole)),
            &mut || drop(few.forward(&x, &gates, Cut::Tiles)),
            &mut || few.backward(&x, &saved, &d_out),
        ]);
        if k == 8 {
            println!("  products of all             {:8.2} ms", floor * 1e3);
            dense = ahead + back;
        }
        println!(
            "  top {k}: forward {:6.2} ms, in tiles {:6.2} ms, backward {:6.2} ms: {:.3} of the products, {:.3} of top 8",
            ahead * 1e3,
            tiles * 1e3,
            back * 1e3,
            (ahead + back) / floor,
            (ahead + back) / dense
        );
    }
    let (of_few, of_many) = (gates(8, 2), gates(64, 2));
    let (saved_few, saved_many) = (few.forward(&x, &of_few, Cut::Whole), many.forward(&x, &of_many, Cut::Whole));
    let [small, large] = least([
        &mut || {
            drop(few.forward(&x, &of_few, Cut::Whole));
            few.backward(&x, &saved_few, &d_out);
        },
        &mut || {
            drop(many.forward(&x, &of_many, Cut::Whole));
            many.backward(&x, &saved_many, &d_out);
        },
    ]);
    println!("  top 2 of 64 experts         {:8.2} ms: {:.3} of top 2 of 8", large * 1e3, large / small);
    for k in [8, 2] {
        let gates = gates(8, k);
        let mut without = || few.backward(&x, &few.forward(&x, &gates, Cut::Whole), &d_out);
        let mut with = || few.normed(&x, &gates, &d_out);
        let [without, with] = least([&mut without, &mut with]);
        println!("  top {k} with batch norm       {:8.2} ms: {:.3} of those without", with * 1e3, with / without);
    }
}

/// A table from which each row of a batch takes 16 rows of width 16.
struct Fields {
    table: Table,
    batches: Vec<Codes>,
    out: Vec<f32>,
    time: usize,
}

impl Fields {
    fn new(rows: usize) -> Self {
        let (fields, width) = (16, 16);
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut batch = |_| Codes::one((0..BATCH * fields).map(|_| random.next_u32() % rows as u32).collect());
        Self {
            table: Table::new(vec![0.01; rows * width], width),
            batches: (0..16).map(&mut batch).collect(),
            out: vec![0.0; BATCH * fields * width],
            time: 0,
        }
    }

    fn step(&mut self) {
        let settings = Adam { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 1e-5, neutral: 0.0 };
        let codes = &self.batches[self.time % self.batches.len()];
        self.time += 1;
        self.table.gather(codes, &mut self.out);
        // What was gathered serves as its gradient: how long an update takes does not depend on it.
        self.table.update(codes, &self.out, settings, self.time as u64);
    }
}

fn tables() {
    let [mut small, mut middle, mut large] = [10_000, 200_000, 4_000_000].map(Fields::new);
    let times = least([&mut || small.step(), &mut || middle.step(), &mut || large.step()]);
    println!("a table's gather and update, {BATCH} rows of 16 fields of 16:");
    for (rows, seconds) in ["10,000", "200,000", "4,000,000"].into_iter().zip(times) {
        println!("  {rows:>9} rows {:6.2} ms, {:.2} of 10,000 rows", seconds * 1e3, seconds / times[0]);
    }
}

fn main() {
    allocator::keep_memory();
    bank();
    tables();
}
