//! Gate and answer in one pass: equal to one after the other, and no row depends on the others.

use adepts_ops::mixture::kernel::{self as mixture, Cut, Decoders, Rule, Shape, TILE, tile};
use adepts_ops::{Csr, Level};

use crate::slices::{RULES, alone, decoders, shape};
use crate::support::{
    Arrays, Histories, Sizes, assert_close, assert_same_bits, assert_same_for_any_threads, csr, floats,
};

/// The rows `[O | g]`, apart.
fn folded_in(level: Level, s: Sizes, z: [&[f32]; 2], seen: &Csr, probe: &Csr, rule: Rule) -> Arrays {
    let [_, weight, bias] = &decoders(s);
    let d = Decoders { shape: shape(s), weight, bias };
    let rows = mixture::fold_in(level, d, z[0], z[1], seen, probe, rule);
    let part =
        |from: usize, to: usize| rows.chunks(s.items + s.experts).flat_map(|row| &row[from..to]).copied().collect();
    vec![("mixed", part(0, s.items)), ("shares", part(s.items, s.items + s.experts))]
}

/// The latents of the parts that a gate sees.
fn of_parts(s: Sizes) -> Vec<f32> {
    floats(s.seed + 9, s.experts * s.rows * s.hidden, 0.5)
}

/// Experts, rows, items, hidden: what is multiplied in different ways, few rows and many, short sums and long ones, and items
/// that are no multiple of a vector.
const SIZES: [(usize, usize, usize, usize); 15] = [
    (4, 16, 1, 1),
    (4, 144, 61, 1),
    (4, 16, 61, 2),
    (4, 144, 61, 2),
    (4, 1, 61, 3),
    (4, 144, 61, 3),
    (5, 5, 150, 7),
    (3, 32, 61, 7),
    (4, 63, 70, 8),
    (5, 16, 200, 33),
    (4, 80, 130, 100),
    (5, 144, 61, 7),
    (4, 144, 130, 511),
    (4, 48, 33, 512),
    (4, 64, 33, 700),
];

fn sizes() -> impl Iterator<Item = (Sizes, Histories)> {
    SIZES.into_iter().map(|(experts, rows, items, hidden)| {
        let s = Sizes { experts, rows, items, hidden, seed: 91 };
        (s, Histories::random(92, s.rows, items))
    })
}

/// The instruction sets on which so many rows need no padding.
fn levels(s: Sizes) -> impl Iterator<Item = Level> {
    Level::available().into_iter().filter(move |level| s.rows.is_multiple_of(tile(*level, s.experts, s.rows, s.hidden)))
}

#[test]
fn one_pass_gives_what_a_gate_and_then_its_answer_give() {
    for (s, h) in sizes() {
        let [z, weight, bias] = &decoders(s);
        let (d, z_seen) = (Decoders { shape: shape(s), weight, bias }, of_parts(s));
        let (seen, probe) = (h.seen(), h.probe());
        for (level, rule) in levels(s).flat_map(|level| RULES.map(|rule| (level, rule))) {
            let gate = mixture::driven(level, d, &z_seen, &seen, &probe, rule, Cut::Whole).0;
            let shares: Vec<f32> =
                gate.chunks(s.items + 2 * s.experts).flat_map(|row| &row[s.items + s.experts..]).copied().collect();
            let want: Arrays = vec![("mixed", mixture::given(d, z, &shares, Cut::Whole)), ("shares", shares)];
            let got = folded_in(level, s, [&z_seen, z], &seen, &probe, rule);
            assert_close(&format!("{s:?}, {}, {rule:?}", level.name()), &got, &want, 5e-5);
        }
    }
}

#[test]
fn a_row_has_the_same_bits_whatever_rows_are_beside_it() {
    for (s, h) in sizes() {
        let [z, ..] = &decoders(s);
        let z_seen = of_parts(s);
        for level in levels(s) {
            let together = folded_in(level, s, [&z_seen, z], &h.seen(), &h.probe(), RULES[0]);
            for r in 0..s.rows {
                let of_row = |rows: &[Vec<u32>]| {
                    let mut tile = vec![Vec::new(); TILE];
                    tile[0].clone_from(&rows[r]);
                    csr(s.items, &tile)
                };
                let one = Sizes { rows: TILE, ..s };
                let z = [&*alone(s, &z_seen, r), &*alone(s, z, r)];
                let got = folded_in_of(level, s, one, z, &of_row(&h.seen), &of_row(&h.probe));
                let row = |(name, all): &(&'static str, Vec<f32>)| {
                    let width = all.len() / s.rows;
                    (*name, all[r * width..][..width].to_vec())
                };
                let want: Arrays = together.iter().map(row).collect();
                assert_same_bits(&format!("{s:?}, {}, row {r}", level.name()), &got, &want);
            }
        }
    }
}

/// The first row of a tile, with the decoders of all.
fn folded_in_of(level: Level, all: Sizes, one: Sizes, z: [&[f32]; 2], seen: &Csr, probe: &Csr) -> Arrays {
    let [_, weight, bias] = &decoders(all);
    let d = Decoders { shape: Shape { rows: TILE, ..shape(all) }, weight, bias };
    let rows = mixture::fold_in(level, d, z[0], z[1], seen, probe, RULES[0]);
    let (mixed, shares) = rows[..one.items + one.experts].split_at(one.items);
    vec![("mixed", mixed.to_vec()), ("shares", shares.to_vec())]
}

#[test]
fn the_number_of_threads_does_not_change_a_bit_of_an_answer() {
    for (s, h) in sizes() {
        let [z, ..] = &decoders(s);
        let (z_seen, seen, probe) = (of_parts(s), h.seen(), h.probe());
        assert_same_for_any_threads("folded in", || folded_in(Level::best(), s, [&z_seen, z], &seen, &probe, RULES[1]));
    }
}
