//! A training step, and the matrix products that it cannot do without.
#![allow(dead_code, reason = "each benchmark uses its part")]

use adepts_core::{Batcher, HistoryBatch, HistoryModel, HistorySizes, ProbeSplit, Step, Stopwatch};
use adepts_data::{Rows, seed};
use adepts_models::registry;
use adepts_ops::matrix::{Matrix, Start, Threads, product};
use adepts_train::{Adam, OptimizerConfig};
use burn::tensor::Device;
use rand::RngExt;
use rayon::prelude::*;

/// Users of a step.
pub(crate) const BATCH: usize = 512;
const HIDDEN: usize = 100;
const TURNS: usize = 7;

/// Users with about `each` of `items` items, and one tenth as many to be found.
fn histories(items: usize, each: usize) -> (Rows, Rows) {
    let mut random = seed::stream(1, "benchmark", &[]);
    let mut train = Vec::new();
    let mut held = Vec::new();
    for _ in 0..BATCH {
        let mut row: Vec<u32> = (0..each + each / 10).map(|_| random.random_range(0..items as u32)).collect();
        row.sort_unstable();
        row.dedup();
        let (probe, seen): (Vec<_>, Vec<_>) = row.into_iter().partition(|_| random.random::<f32>() < 0.1);
        train.push(seen);
        held.push(probe);
    }
    (Rows::from_lists(train), Rows::from_lists(held))
}

/// A step and its products, taken in turns, since the speed of a machine wavers.
pub(crate) struct Timed {
    /// Seconds of the fastest step.
    pub(crate) step: f64,
    /// Seconds of the fastest products.
    pub(crate) products: f64,
    /// The median over turns of a step's time over that of the products right after it.
    pub(crate) ratio: f64,
}

/// Times steps of a model, and the products that they cannot do without.
pub(crate) fn by_turns(kind: &str, experts: usize, items: usize) -> Timed {
    let mut products = products(experts, items);
    let mut turns = steps(kind, experts, items, || seconds(&mut products));
    // The first turn is the one that asks for memory.
    turns.remove(0);
    let least = |of: fn(&(f64, f64)) -> f64| turns.iter().map(of).fold(f64::INFINITY, f64::min);
    let mut ratios: Vec<f64> = turns.iter().map(|(step, products)| step / products).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    Timed { step: least(|turn| turn.0), products: least(|turn| turn.1), ratio: ratios[ratios.len() / 2] }
}

/// Seconds of the fastest of several steps.
pub(crate) fn step(kind: &str, experts: usize, items: usize) -> f64 {
    steps(kind, experts, items, || ()).iter().map(|turn| turn.0).fold(f64::INFINITY, f64::min)
}

fn seconds(mut work: impl FnMut()) -> f64 {
    let watch = Stopwatch::start();
    work();
    watch.seconds()
}

/// The products of all experts: logits, and the gradients of latent and weights.
fn products(experts: usize, items: usize) -> impl FnMut() {
    let z = vec![0.01; experts * BATCH * HIDDEN];
    let w = vec![0.01; experts * HIDDEN * items];
    let mut logits = vec![0.0; experts * BATCH * items];
    let mut d_z = vec![0.0; z.len()];
    let mut d_w = vec![0.0; w.len()];
    move || {
        let z = |k: usize| Matrix::new(&z[k * BATCH * HIDDEN..][..BATCH * HIDDEN], BATCH, HIDDEN);
        let w = |k: usize| Matrix::new(&w[k * HIDDEN * items..][..HIDDEN * items], HIDDEN, items);
        let experts = logits.par_chunks_mut(BATCH * items);
        experts.enumerate().for_each(|(k, e)| product(e, Start::Zero, z(k), w(k), Threads::One));
        let e = |k: usize| Matrix::new(&logits[k * BATCH * items..][..BATCH * items], BATCH, items);
        let both = d_z.par_chunks_mut(BATCH * HIDDEN).zip(d_w.par_chunks_mut(HIDDEN * items));
        both.enumerate().for_each(|(k, (d_z, d_w))| {
            product(d_z, Start::Zero, e(k), w(k).t(), Threads::One);
            product(d_w, Start::Zero, z(k).t(), e(k), Threads::One);
        });
    }
}

fn model(kind: &str, experts: usize, items: usize) -> Box<dyn HistoryModel> {
    let spec = registry::find(kind).expect("the model exists");
    let mut table = toml::Table::new();
    table.insert("experts".into(), (experts as i64).into());
    let recipe = (spec.recipe)(table).expect("the configuration is right");
    let sizes = HistorySizes { users: BATCH, items, pairs: 0, batch: BATCH };
    recipe.build(&sizes, 1, &Device::flex().autodiff())
}

/// Steps (batch, loss, gradients, Adam), each with something else after it: the seconds of a step, and what the other gives.
fn steps<T>(kind: &str, experts: usize, items: usize, mut between: impl FnMut() -> T) -> Vec<(f64, T)> {
    let mut model = model(kind, experts, items);
    let (train, held) = histories(items, 115);
    let probe = model.probe();
    let users: Vec<u32> = (0..BATCH as u32).collect();
    let batcher = Batcher { histories: &train, validation: &held, items, probe, seed: 1, split: ProbeSplit::default() };
    let adepts_core::Fit::Steps(learner) = model.fit() else { panic!("{kind} is fitted in closed form") };
    let mut adam = Adam::new(&OptimizerConfig::default(), learner.l2_divisor());
    let mut taken = 0;
    let mut step = || {
        let batch: HistoryBatch = batcher.batch(&users);
        let loss = learner.loss(&batch, &Step { seed: 1, epoch: 1, taken });
        let mut gradients = loss.total.backward();
        taken += 1;
        adam.step(taken, learner.parameters(), &mut gradients);
    };
    (0..=TURNS).map(|_| (seconds(&mut step), between())).collect()
}
