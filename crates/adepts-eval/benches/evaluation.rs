//! What an evaluation costs beyond making the scores, at the size of MovieLens 1M: 6,040 users and 3,260 items.

use std::convert::Infallible;

use adepts_data::progress::silent;
use adepts_data::{Grouping, Rows, seed};
use adepts_eval::{Judgement, Measured, MetricAt, Truth, evaluate_both, summarise, summarise_tabular};
use adepts_ops::top_k::top_k;
use divan::Bencher;
use rand_chacha::rand_core::Rng;

const USERS: usize = 6040;
const ITEMS: usize = 3260;
const METRICS: [&str; 15] = [
    "ndcg@1",
    "ndcg@5",
    "ndcg@10",
    "ndcg@20",
    "recall@5",
    "recall@10",
    "recall@20",
    "precision@10",
    "precision@20",
    "hit@10",
    "mrr@20",
    "map@20",
    "coverage@20",
    "popularity@20",
    "gini@20",
];

fn main() {
    divan::main();
}

fn rows(purpose: &str, length: u32) -> Rows {
    let row = |user: usize| {
        let mut random = seed::stream(1, purpose, &[user as u64]);
        (0..length).map(|_| random.next_u32() % ITEMS as u32).collect::<Vec<u32>>()
    };
    Rows::from_lists((0..USERS).map(row))
}

fn metrics() -> Vec<MetricAt> {
    METRICS.iter().map(|name| name.parse().expect("a metric")).collect()
}

/// A block of scores, copied for every batch: the copy is the floor.
fn block(batch: usize) -> Vec<f32> {
    let mut random = seed::stream(2, "scores", &[]);
    (0..batch * ITEMS).map(|_| random.next_u32() as f32 / u32::MAX as f32).collect()
}

#[divan::bench]
fn copying_the_scores_alone(bencher: Bencher) {
    let block = block(512);
    let mut out = block.clone();
    bencher.bench_local(|| {
        for _ in 0..USERS.div_ceil(512) {
            out.copy_from_slice(divan::black_box(&block));
        }
    });
}

#[divan::bench]
fn ranking_under_two_masks(bencher: Bencher) {
    let (train, validation, test) = (rows("train", 115), rows("validation", 17), rows("test", 33));
    let (users, metrics, popularity): (Vec<u32>, _, _) = ((0..USERS as u32).collect(), metrics(), vec![0.1; ITEMS]);
    let (batch, block) = (512, block(512));
    let judgement = Judgement {
        users: &users,
        items: ITEMS,
        mask: &[&train, &validation],
        mask_row: None,
        relevant: &test,
        metrics: &metrics,
        popularity: &popularity,
        ties: None,
        batch,
    };
    bencher.bench_local(|| {
        let mut scores = |users: &[u32], out: &mut [f32]| {
            out.copy_from_slice(&block[..users.len() * ITEMS]);
            Ok::<(), Infallible>(())
        };
        evaluate_both(&judgement, &[&train], &mut scores, &mut silent)
    });
}

#[divan::bench(args = [1, 12])]
fn intervals_of_all_and_sixteen_groups(bencher: Bencher, columns: usize) {
    let metrics = metrics()[..columns].to_vec();
    let values = (0..USERS * columns).map(|i| (i * 7919 % 1009) as f64 / 1009.0).collect();
    let users = (0..USERS as u32).collect();
    let measured = Measured { users, metrics, values, ..Measured::default() };
    let grouping = |parts: usize| Grouping {
        by: parts.to_string(),
        names: (0..parts).map(|part| format!("{part} of {parts}")).collect(),
        of_user: (0..USERS).map(|user| Some((user % parts) as u16)).collect(),
    };
    let groupings = [grouping(5), grouping(6), grouping(5)];
    let (history, test) = (vec![100; USERS], rows("test", 33));
    bencher.bench_local(|| summarise("run", "model", &measured, None, &groupings, &history, &test, 1, 2000));
}

/// As many rows as the test part of MovieLens 1M has, in three domains.
#[divan::bench(args = [0, 2000], sample_count = 3, sample_size = 1)]
fn intervals_of_a_hundred_thousand_examples(bencher: Bencher, resamples: usize) {
    const ROWS: usize = 100_000;
    let mut random = seed::stream(4, "examples", &[]);
    let mut next = || random.next_u32() as f32 / u32::MAX as f32;
    let score: Vec<f32> = (0..ROWS).map(|_| next()).collect();
    let label: Vec<f32> = score.iter().map(|score| f32::from(u8::from(next() < *score))).collect();
    let user: Vec<u32> = (0..ROWS).map(|row| (row * 7919 % USERS) as u32).collect();
    let (domain, domains): (Vec<u32>, _) =
        ((0..ROWS as u32).map(|row| row % 3).collect(), ["a", "b", "c"].map(String::from));
    let truth = Truth { label: &label, user: &user, domain: &domain, domains: &domains };
    bencher.bench_local(|| summarise_tabular("run", "model", &truth, &score, 1, resamples));
}

#[divan::bench(args = [(3260, 20), (3260, 100), (100_000, 20), (100_000, 100)])]
fn one_list(bencher: Bencher, (items, k): (usize, usize)) {
    let mut random = seed::stream(3, "one list", &[]);
    let scores: Vec<f32> = (0..items).map(|_| random.next_u32() as f32).collect();
    let mut list = Vec::new();
    bencher.bench_local(|| top_k(divan::black_box(&scores), k, &mut list));
}
