//! Embeddings: gathered rows and their gradient, and tables whose used rows alone are updated.

use std::sync::Arc;

use adepts_ops::Level;
use adepts_ops::adam::kernel::{self as adam, Adam};
use adepts_ops::embedding::kernel::{gather, scatter};
use adepts_ops::embedding::{self, Codes, Columns};
use adepts_ops::table::Table;
use adepts_ops::table::kernel::{Adagrad, Rule, State, update};
use burn::tensor::Device;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::support::{
    Arrays, assert_close, assert_same_bits, assert_same_for_any_threads, floats, gradient, tensor, values, variable,
    walk_back,
};

const ADAM: Adam = Adam { learning_rate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 0.05, neutral: 0.0 };
const ADAGRAD: Adagrad = Adagrad { learning_rate: 0.1, epsilon: 1e-8, l2: 0.05 };
const TOLERANCE: f32 = 1e-5;

/// Codes of a table: one for each row, or lists of which some are empty and some name a code twice.
fn codes(seed: u64, rows: usize, table_rows: usize, many: bool) -> Codes {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut below = |n: usize| random.next_u32() % n as u32;
    if !many {
        return Codes::one((0..rows).map(|_| below(table_rows)).collect());
    }
    let (mut starts, mut listed) = (vec![0], Vec::new());
    for _ in 0..rows {
        listed.extend((0..below(5)).map(|_| below(table_rows)).collect::<Vec<_>>());
        starts.push(listed.len() as u32);
    }
    Codes::many(starts, listed)
}

#[derive(Clone, Copy, Debug)]
struct Sizes {
    rows: usize,
    table_rows: usize,
    width: usize,
    many: bool,
    seed: u64,
}

impl Sizes {
    fn codes(self) -> Codes {
        codes(self.seed, self.rows, self.table_rows, self.many)
    }

    fn weight(self) -> Vec<f32> {
        floats(self.seed + 1, self.table_rows * self.width, 1.0)
    }

    fn d_out(self, time: u64) -> Vec<f32> {
        floats(self.seed + 2 + time, self.rows * self.width, 1.0)
    }
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let rows = prop_oneof![1usize..40, 600usize..2_000];
    let table_rows = prop_oneof![Just(1usize), 1usize..30, 1_000usize..5_000];
    (rows, table_rows, prop_oneof![Just(16usize), 1usize..90], any::<bool>(), any::<u32>()).prop_map(
        |(rows, table_rows, width, many, seed)| Sizes { rows, table_rows, width, many, seed: u64::from(seed) },
    )
}

fn slices(level: Level, s: Sizes) -> Arrays {
    let (codes, weight) = (s.codes(), s.weight());
    let mut out = vec![0.0; s.rows * s.width];
    gather(level, &weight, Columns::all(s.width), &codes, &mut out);
    let mut arrays =
        vec![("out", out), ("d weight", scatter(level, s.table_rows, Columns::all(s.width), &codes, &s.d_out(0)))];
    for rule in [Rule::Adam(ADAM, 1), Rule::Adagrad(ADAGRAD)] {
        let (mut w, mut m, mut v) = (weight.clone(), vec![0.0; weight.len()], vec![0.0; weight.len()]);
        for time in 1..=3 {
            let rule = if let Rule::Adam(adam, _) = rule { Rule::Adam(adam, time) } else { rule };
            let state = State { weight: &mut w, first: &mut m, second: &mut v };
            update(level, rule, state, s.width, &codes, &s.d_out(time));
        }
        arrays.extend([("weight", w), ("first", m), ("second", v)]);
    }
    arrays
}

fn gathered(s: Sizes, kernel: bool) -> Arrays {
    let weight = variable(&s.weight(), [s.table_rows, s.width]);
    let codes = Arc::new(s.codes());
    let out = if kernel {
        embedding::gather(weight.clone(), &codes)
    } else {
        embedding::composed_gather(weight.clone(), &codes)
    };
    let found = walk_back(&out, &s.d_out(0));
    let d_weight = weight.grad(&found).map_or_else(|| vec![0.0; s.table_rows * s.width], values);
    vec![("out", values(out)), ("d weight", d_weight)]
}

/// Columns of a wider matrix replaced by embeddings.
fn gathered_into(s: Sizes, kernel: bool) -> Arrays {
    let (from, of) = (s.seed as usize % 5, s.width + 7);
    let z = variable(&floats(s.seed + 9, s.rows * of, 1.0), [s.rows, of]);
    let weight = variable(&s.weight(), [s.table_rows, s.width]);
    let codes = Arc::new(s.codes());
    // An operation before: its result may be overwritten, while what a variable holds must not be.
    let before = z.clone() * 2.0;
    let out = if kernel {
        embedding::gather_into(before, from, weight.clone(), &codes)
    } else {
        embedding::composed_gather_into(before, from, weight.clone(), &codes)
    };
    let found = walk_back(&out, &floats(s.seed + 3, s.rows * of, 1.0));
    let d_weight = weight.grad(&found).map_or_else(|| vec![0.0; s.table_rows * s.width], values);
    vec![("out", values(out)), ("d z", gradient(&z, &found)), ("d weight", d_weight)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(2024), ..ProptestConfig::with_cases(60) })]

    #[test]
    fn gathered_rows_equal_their_default_body(s in sizes()) {
        assert_close("", &gathered(s, true), &gathered(s, false), TOLERANCE);
        let plain = embedding::gather(tensor(&s.weight(), [s.table_rows, s.width], &Device::flex()), &Arc::new(s.codes()));
        assert_same_bits("", &vec![("out", values(plain))], &gathered(s, true)[..1].to_vec());
    }

    #[test]
    fn rows_gathered_into_a_matrix_equal_their_default_body(s in sizes()) {
        assert_close("", &gathered_into(s, true), &gathered_into(s, false), TOLERANCE);
        let (width, of) = (s.width, s.width + 7);
        let z = tensor(&vec![0.5; s.rows * of], [s.rows, of], &Device::flex());
        let weight = tensor(&s.weight(), [s.table_rows, width], &Device::flex());
        let kept = z.clone();
        let plain = values(embedding::gather_into(z, 2, weight, &Arc::new(s.codes())));
        prop_assert!(values(kept).iter().all(|x| *x == 0.5), "what others hold stays");
        let longer = tensor(&vec![0.5; (s.rows + 2) * of], [s.rows + 2, of], &Device::flex());
        let weight = tensor(&s.weight(), [s.table_rows, width], &Device::flex());
        let part = embedding::gather_into(longer.narrow(0, 1, s.rows), 2, weight, &Arc::new(s.codes()));
        prop_assert!(values(part) == plain, "a view of a part of a matrix");
        let narrow: Vec<f32> = plain.chunks(of).flat_map(|row| row[2..2 + width].to_vec()).collect();
        assert_same_bits("", &vec![("out", narrow)], &gathered(s, true)[..1].to_vec());
    }

    #[test]
    fn all_instruction_sets_agree(s in sizes()) {
        let want = slices(Level::PORTABLE, s);
        for level in Level::available() {
            assert_close(level.name(), &slices(level, s), &want, 5e-5);
        }
    }

    #[test]
    fn one_step_of_a_table_is_that_of_dense_adam_on_the_rows_that_were_used(s in sizes()) {
        let (codes, weight) = (s.codes(), s.weight());
        let mut table = Table::new(weight.clone(), s.width);
        let mut rows = vec![0.0; s.rows * s.width];
        table.gather(&codes, &mut rows);
        assert_same_bits("", &vec![("out", rows)], &slices(Level::best(), s)[..1].to_vec());
        table.update(&codes, &s.d_out(0), ADAM, 1);

        let g = scatter(Level::best(), s.table_rows, Columns::all(s.width), &codes, &s.d_out(0));
        let (mut w, mut m, mut v) = (weight.clone(), vec![0.0; g.len()], vec![0.0; g.len()]);
        adam::step(Level::best(), ADAM, 1, &mut w, &g, &mut m, &mut v);
        let mut used = vec![false; s.table_rows];
        codes.all().iter().for_each(|code| used[*code as usize] = true);
        for (at, used) in (0..g.len()).map(|at| (at, used[at / s.width])) {
            if !used {
                (w[at], m[at], v[at]) = (weight[at], 0.0, 0.0);
            }
        }
        let [got_w, got_m, got_v] = table.arrays().map(<[f32]>::to_vec);
        let got = vec![("weight", got_w), ("first", got_m), ("second", got_v)];
        assert_same_bits("", &got, &vec![("weight", w), ("first", m), ("second", v)]);
    }
}

#[test]
fn adagrad_is_that_of_plain_64_bit_arithmetic() {
    let s = Sizes { rows: 50, table_rows: 9, width: 5, many: true, seed: 3 };
    let codes = s.codes();
    let mut table = Table::new(s.weight(), s.width);
    let mut want: Vec<f64> = s.weight().into_iter().map(f64::from).collect();
    let mut squares = vec![0.0f64; want.len()];
    for time in 0..10 {
        let d_out = s.d_out(time);
        table.update_adagrad(&codes, &d_out, ADAGRAD);
        let mut sums = vec![None; want.len()];
        for row in 0..s.rows {
            for code in codes.row(row) {
                for j in 0..s.width {
                    let d = f64::from(d_out[row * s.width + j]) / codes.row(row).len() as f64;
                    *sums[*code as usize * s.width + j].get_or_insert(0.0) += d;
                }
            }
        }
        for ((w, square), sum) in want.iter_mut().zip(&mut squares).zip(sums) {
            let Some(sum) = sum else { continue };
            let g: f64 = sum + f64::from(ADAGRAD.l2) * *w;
            *square += g * g;
            *w -= f64::from(ADAGRAD.learning_rate) * g / (square.sqrt() + f64::from(ADAGRAD.epsilon));
        }
    }
    let [weight, first, second] = table.arrays().map(<[f32]>::to_vec);
    let narrow = |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect();
    let want: Arrays = vec![("weight", narrow(want)), ("squares", narrow(squares))];
    assert_close("", &vec![("weight", weight), ("squares", second)], &want, TOLERANCE);
    assert!(first.iter().all(|x| *x == 0.0));
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for (table_rows, many) in [(1, false), (7, true), (20_000, false), (20_000, true)] {
        let s = Sizes { rows: 9_000, table_rows, width: 24, many, seed: 5 };
        assert_same_for_any_threads(&format!("{s:?}"), || slices(Level::best(), s));
    }
}

#[test]
fn a_table_without_codes_stays_as_it_is() {
    let mut table = Table::new(vec![0.5; 12], 3);
    let codes = Codes::many(vec![0, 0, 0], Vec::new());
    let mut out = vec![7.0; 6];
    table.gather(&codes, &mut out);
    table.update(&codes, &[1.0; 6], ADAM, 1);
    assert_eq!((table.arrays(), out), ([&[0.5; 12][..], &[0.0; 12], &[0.0; 12]], vec![0.0; 6]));
}

#[test]
fn moments_take_memory_from_the_first_update_to_the_end_of_the_training() {
    let mut table = Table::new(vec![0.5; 12], 3);
    assert_eq!(table.arrays()[1..], [&[0.0; 0]; 2]);
    table.update(&Codes::one(vec![2]), &[1.0; 3], ADAM, 1);
    assert!(table.arrays()[1..].iter().all(|moments| moments.len() == 12 && moments[6] != 0.0));
    table.finish().fill(0.25);
    assert_eq!(table.arrays(), [&[0.25; 12][..], &[], &[]]);
}

#[test]
fn weights_are_handed_out_without_a_copy_and_do_not_change_in_other_hands() {
    let mut table = Table::new(vec![0.5; 12], 3);
    let place = table.arrays()[0].as_ptr();
    table.update(&Codes::one(vec![2]), &[1.0; 3], ADAM, 1);
    assert_eq!(table.arrays()[0].as_ptr(), place, "an update is in place");
    let held = table.weight();
    assert_eq!(held.as_ptr(), place);
    let before = held.to_vec();
    table.update(&Codes::one(vec![2]), &[1.0; 3], ADAM, 2);
    assert_eq!(*held, before);
    assert_ne!(table.arrays()[0], before);
}

#[test]
#[should_panic(expected = "code 4 is outside a table of 4 rows")]
fn a_code_outside_the_table_is_refused() {
    Table::new(vec![0.5; 12], 3).update(&Codes::one(vec![0, 4]), &[1.0; 6], ADAM, 1);
}

#[test]
#[should_panic(expected = "code 9 is outside a table of 4 rows")]
fn a_code_outside_an_embedding_is_refused() {
    let _ = embedding::gather(tensor(&[0.5; 12], [4, 3], &Device::flex()), &Arc::new(Codes::one(vec![9])));
}

#[test]
fn the_gradient_of_a_row_is_the_sum_over_the_rows_that_name_it() {
    let weight = variable(&[1.0, 2.0, 3.0], [3, 1]);
    let codes = Arc::new(Codes::many(vec![0, 2, 2, 3, 5], vec![0, 2, 2, 1, 1]));
    let out = embedding::gather(weight.clone(), &codes);
    let found = walk_back(&out, &[1.0, 10.0, 100.0, 1000.0]);
    assert_eq!(values(out), [2.0, 0.0, 3.0, 2.0]);
    assert_eq!(gradient(&weight, &found), [0.5, 1000.0, 100.5]);
}
