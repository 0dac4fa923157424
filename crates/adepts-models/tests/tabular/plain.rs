//! The models in plain 64-bit arithmetic, written from the equations: loops over rows, networks and numbers.

use std::collections::BTreeMap;

use adepts_core::{Tensors, Work};
use adepts_data::tabular::TabularBatch;

use crate::support::DOMAINS;

/// A number for each row and column.
pub(crate) type Rows = Vec<Vec<f64>>;

/// The parameters of a model by name, with their shapes.
pub(crate) type Arrays = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

pub(crate) fn arrays(tensors: &Tensors) -> Arrays {
    let of = |name: &str| {
        let array = tensors.array(name).unwrap();
        (name.to_owned(), (array.shape.clone(), array.values.iter().map(|x| f64::from(*x)).collect()))
    };
    tensors.names().map(of).collect()
}

/// Parameters and a batch.
#[derive(Clone)]
pub(crate) struct Plain<'a> {
    pub(crate) arrays: Arrays,
    pub(crate) batch: &'a TabularBatch,
    /// Running statistics instead of those of the batch.
    pub(crate) predict: bool,
    /// The fields where no gradient flows: those of before a difference.
    pub(crate) still: Option<Rows>,
}

pub(crate) fn softmax(x: &[f64]) -> Vec<f64> {
    let sum: f64 = x.iter().map(|x| x.exp()).sum();
    x.iter().map(|x| x.exp() / sum).collect()
}

pub(crate) fn each(x: &Rows, of: impl Fn(&[f64]) -> Vec<f64>) -> Rows {
    x.iter().map(|x| of(x)).collect()
}

pub(crate) fn beside(a: &Rows, b: &Rows) -> Rows {
    a.iter().zip(b).map(|(a, b)| [a.as_slice(), b].concat()).collect()
}

pub(crate) fn add(a: &Rows, b: &Rows) -> Rows {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect()
}

impl Plain<'_> {
    fn rows(&self) -> usize {
        self.batch.rows()
    }

    /// Row `at` of an array, given the shape's last dimension.
    fn slice(&self, name: &str, at: usize) -> &[f64] {
        let (shape, values) = &self.arrays[name];
        let width = shape[shape.len() - 1];
        &values[at * width..][..width]
    }

    /// The means of the rows of a table that each row of the batch names.
    pub(crate) fn embedded(&self, field: usize, name: &str, apart: bool) -> Rows {
        let rows = self.arrays[name].0[0];
        let of = |row: usize| {
            let codes = self.batch.fields[field].row(row);
            let first = if apart { self.batch.domain[row] as usize * rows / DOMAINS } else { 0 };
            let mut mean = vec![0.0; self.arrays[name].0[1]];
            for code in codes {
                for (mean, x) in mean.iter_mut().zip(self.slice(name, first + *code as usize)) {
                    *mean += x / codes.len() as f64;
                }
            }
            mean
        };
        (0..self.rows()).map(of).collect()
    }

    pub(crate) fn by_domain(&self, name: &str) -> Rows {
        self.batch.domain.iter().map(|domain| self.slice(name, *domain as usize).to_vec()).collect()
    }

    pub(crate) fn dense(&self) -> Rows {
        let width = self.batch.dense.len() / self.rows();
        self.batch.dense.chunks(width).map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect()
    }

    pub(crate) fn fields(&self, apart: bool) -> Vec<Rows> {
        ["embedding.user", "embedding.tags"].iter().enumerate().map(|(f, name)| self.embedded(f, name, apart)).collect()
    }

    /// The fields, with the domain as one of them or not, then the dense numbers.
    pub(crate) fn z(&self, domain: bool, apart: bool) -> Rows {
        let mut pieces = self.fields(apart);
        if domain {
            pieces.push(self.by_domain("domain_embedding"));
        }
        pieces.push(self.dense());
        pieces.into_iter().reduce(|a, b| beside(&a, &b)).unwrap()
    }

    pub(crate) fn own(&self) -> Rows {
        self.batch
            .domain
            .iter()
            .map(|own| (0..DOMAINS).map(|d| f64::from(u8::from(d == *own as usize))).collect())
            .collect()
    }

    /// The same network for all rows.
    pub(crate) fn one(&self, name: &str, network: usize, x: &Rows, linear: bool) -> Rows {
        let experts = self.arrays[&format!("{name}.0.bias")].0[0];
        let gates = (0..experts).map(|e| f64::from(u8::from(e == network))).collect();
        self.bank(name, x, &vec![gates; self.rows()], linear)
    }

    /// `Σ_e gates[r][e] · network_e(x[r])`, ReLU at the end unless it is `linear`.
    pub(crate) fn bank(&self, name: &str, x: &Rows, gates: &Rows, linear: bool) -> Rows {
        let layers = (0..9).take_while(|n| self.arrays.contains_key(&format!("{name}.{n}.weight"))).count();
        let mut out: Rows = Vec::new();
        for expert in 0..gates[0].len() {
            let met: Vec<bool> = gates.iter().map(|gates| gates[expert] != 0.0).collect();
            let mut h = x.clone();
            for layer in 0..layers {
                let of = |what: &str| format!("{name}.{layer}.{what}");
                h = self.layer(&of("weight"), &of("bias"), expert, &h);
                if self.arrays.contains_key(&of("scale")) {
                    h = self.normalised(&of("running"), expert, &h, &met, 1e-5);
                    let (scale, shift) = (self.slice(&of("scale"), expert), self.slice(&of("shift"), expert));
                    h = each(&h, |h| h.iter().zip(scale.iter().zip(shift)).map(|(h, (a, b))| h * a + b).collect());
                }
                if layer + 1 < layers || !linear {
                    h = each(&h, |h| h.iter().map(|h| h.max(0.0)).collect());
                }
            }
            let share = |(h, gates): (&Vec<f64>, &Vec<f64>)| h.iter().map(|h| h * gates[expert]).collect();
            let part: Rows = h.iter().zip(gates).map(share).collect();
            out = if out.is_empty() { part } else { add(&out, &part) };
        }
        out
    }

    fn layer(&self, weight: &str, bias: &str, expert: usize, x: &Rows) -> Rows {
        let (inputs, bias) = (self.arrays[weight].0[1], self.slice(bias, expert));
        let of = |x: &[f64]| {
            let mut y = bias.to_vec();
            for (i, x) in x.iter().enumerate() {
                y.iter_mut().zip(self.slice(weight, expert * inputs + i)).for_each(|(y, w)| *y += x * w);
            }
            y
        };
        each(x, of)
    }

    /// `(h − mean) / √(variance + ε)` by the statistics of the rows that are met, or by running ones.
    pub(crate) fn normalised(&self, running: &str, group: usize, h: &Rows, met: &[bool], epsilon: f64) -> Rows {
        let width = h[0].len();
        let (mut mean, mut variance) = (vec![0.0; width], vec![0.0; width]);
        if self.predict {
            mean = self.slice(&format!("{running}.mean"), group).to_vec();
            variance = self.slice(&format!("{running}.variance"), group).to_vec();
        } else {
            let of = |at: usize| h.iter().zip(met).filter(|(_, met)| **met).map(move |(h, _)| h[at]);
            let count = met.iter().filter(|met| **met).count().max(1) as f64;
            for at in 0..width {
                mean[at] = of(at).sum::<f64>() / count;
                variance[at] = of(at).map(|x| (x - mean[at]).powi(2)).sum::<f64>() / count;
            }
        }
        let of = |(at, h): (usize, &f64)| (h - mean[at]) / (variance[at] + epsilon).sqrt();
        each(h, |h| h.iter().enumerate().map(of).collect())
    }

    /// x times a matrix without a bias.
    pub(crate) fn times(&self, x: &Rows, name: &str) -> Rows {
        let columns = self.arrays[name].0[1];
        let of = |x: &[f64], c: usize| x.iter().enumerate().map(|(i, x)| x * self.slice(name, i)[c]).sum();
        each(x, |x| (0..columns).map(|c| of(x, c)).collect())
    }

    /// The cross-entropies of the rows.
    pub(crate) fn losses(&self, logits: &Rows) -> Vec<f64> {
        let of = |(logit, label): (&Vec<f64>, &f32)| {
            let sign = if *label == 1.0 { 1.0 } else { -1.0 };
            (1.0 + (-sign * logit[0]).exp()).ln()
        };
        logits.iter().zip(&self.batch.label).map(of).collect()
    }
}

/// Of the work, what a test says of it.
pub(crate) fn counted(work: Work) -> (usize, usize) {
    (work.parameters, work.activated_parameters)
}
