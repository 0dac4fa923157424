//! Rows normalised by domain: kernel against default body, instruction sets, threads.

use adepts_ops::Level;
use adepts_ops::partitioned_norm::kernel::{Norm, backward, forward};
use adepts_ops::partitioned_norm::{composed_partitioned_norm, partitioned_norm};
use burn::tensor::Device;

use crate::support::{
    Arrays, assert_close, assert_same_for_any_threads, floats, gradient, tensor, values, variable, walk_back,
};

/// Differences up to this part of an array's largest entry: variances of few rows magnify rounding.
const TOLERANCE: f32 = 2e-4;

#[derive(Clone, Copy, Debug)]
struct Case {
    rows: usize,
    width: usize,
    domains: usize,
    /// The domain of a row; `domains` is none.
    of_row: fn(usize) -> usize,
}

/// One domain, rows that stand by domain in several pieces, in any order, of no domain, domains without a row, and with one.
fn cases() -> [Case; 6] {
    let case = |rows, width, domains, of_row| Case { rows, width, domains, of_row };
    [
        case(300, 7, 1, |_| 0),
        case(1300, 33, 3, |row| usize::from(row > 200) + usize::from(row > 900)),
        case(600, 5, 3, |row| row * 7 % 3),
        case(90, 18, 3, |row| row * 5 % 4),
        case(40, 3, 5, |row| 2 * (row % 2) + 1),
        case(3, 4, 4, |row| row),
    ]
}

impl Case {
    fn x(&self) -> Vec<f32> {
        floats(1, self.rows * self.width, 1.0)
    }

    fn domains(&self) -> Vec<f32> {
        let one = |row| (0..self.domains).map(move |domain| f32::from(u8::from(domain == (self.of_row)(row))));
        (0..self.rows).flat_map(one).collect()
    }

    fn scale(&self) -> Vec<f32> {
        floats(2, self.domains * self.width, 0.5).into_iter().map(|x| x + 1.0).collect()
    }

    fn shift(&self) -> Vec<f32> {
        floats(3, self.domains * self.width, 0.5)
    }

    fn d_out(&self) -> Vec<f32> {
        floats(4, self.rows * self.width, 1.0)
    }

    fn slices(&self, level: Level) -> Arrays {
        let (scale, shift) = (self.scale(), self.shift());
        let norm = Norm { scale: &scale, shift: &shift };
        let (out, saved, found) = forward(level, &self.x(), &self.domains(), norm, self.domains);
        let [x, of_scale, of_shift] = backward(level, &scale, &saved, &self.d_out());
        vec![
            ("out", out),
            ("mean", found.mean),
            ("variance", found.variance),
            ("counts", found.counts),
            ("d x", x),
            ("d scale", of_scale),
            ("d shift", of_shift),
        ]
    }

    fn tensors(&self, kernel: bool) -> Arrays {
        let x = variable(&self.x(), [self.rows, self.width]);
        let domains = tensor(&self.domains(), [self.rows, self.domains], &Device::flex().autodiff());
        let [scale, shift] = [self.scale(), self.shift()].map(|values| variable(&values, [self.domains, self.width]));
        let run = if kernel { partitioned_norm } else { composed_partitioned_norm };
        let (out, found) = run(x.clone(), &domains, scale.clone(), shift.clone());
        let gradients = walk_back(&out, &self.d_out());
        vec![
            ("out", values(out)),
            ("mean", found.mean),
            ("variance", found.variance),
            ("counts", found.counts),
            ("d x", gradient(&x, &gradients)),
            ("d scale", gradient(&scale, &gradients)),
            ("d shift", gradient(&shift, &gradients)),
        ]
    }
}

#[test]
fn a_partitioned_norm_equals_its_default_body() {
    for case in cases() {
        let want = case.tensors(false);
        assert_close(&format!("{case:?}"), &case.tensors(true), &want, TOLERANCE);
        for level in Level::available() {
            assert_close(&format!("{case:?}, {}", level.name()), &case.slices(level), &want, TOLERANCE);
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit_of_a_partitioned_norm() {
    for case in cases() {
        assert_same_for_any_threads(&format!("{case:?}"), || case.slices(Level::best()));
    }
}

#[test]
#[should_panic(expected = "a row of 2 domains")]
fn a_row_of_two_domains_is_refused() {
    let norm = Norm { scale: &[1.0; 2], shift: &[0.0; 2] };
    let _ = forward(Level::best(), &[1.0], &[1.0, 1.0], norm, 2);
}
