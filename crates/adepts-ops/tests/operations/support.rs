//! Random inputs, and comparisons.

use std::sync::Arc;

use adepts_ops::Csr;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Uniform numbers in ±scale.
pub(crate) fn floats(seed: u64, n: usize, scale: f32) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| ((random.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0) * scale).collect()
}

/// Shares of experts: rows that add up to 1.
pub(crate) fn shares(seed: u64, rows: usize, experts: usize) -> Vec<f32> {
    let mut shares: Vec<f32> = floats(seed, rows * experts, 0.5).into_iter().map(|x| x + 0.6).collect();
    for row in shares.chunks_mut(experts) {
        let sum: f32 = row.iter().sum();
        for share in row {
            *share /= sum;
        }
    }
    shares
}

/// The items that are seen and those that are held out, for each row; disjoint; either may be empty.
#[derive(Clone, Debug)]
pub(crate) struct Histories {
    pub(crate) items: usize,
    pub(crate) seen: Vec<Vec<u32>>,
    pub(crate) probe: Vec<Vec<u32>>,
}

impl Histories {
    pub(crate) fn random(seed: u64, rows: usize, items: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        let mut chance = |below: u32| random.next_u32() % 100 < below;
        let (mut seen, mut probe) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let density = if chance(15) { 0 } else { 10 + 40 * u32::from(chance(20)) };
            let held = if chance(25) { 0 } else { 10 };
            let (mut of_seen, mut of_probe) = (Vec::new(), Vec::new());
            for item in 0..items as u32 {
                if chance(density) {
                    of_seen.push(item);
                } else if chance(held) {
                    of_probe.push(item);
                }
            }
            seen.push(of_seen);
            probe.push(of_probe);
        }
        Self { items, seen, probe }
    }

    pub(crate) fn seen(&self) -> Arc<Csr> {
        csr(self.items, &self.seen)
    }

    pub(crate) fn probe(&self) -> Arc<Csr> {
        csr(self.items, &self.probe)
    }
}

pub(crate) fn csr(items: usize, rows: &[Vec<u32>]) -> Arc<Csr> {
    Arc::new(Csr::from_rows(items, rows.iter().map(Vec::as_slice)))
}

/// Sizes that are no multiples of a tile, with the smallest ones among them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) experts: usize,
    pub(crate) rows: usize,
    pub(crate) items: usize,
    pub(crate) hidden: usize,
    pub(crate) seed: u64,
}

pub(crate) fn sizes() -> impl Strategy<Value = Sizes> {
    let experts = prop_oneof![Just(1usize), 2usize..7];
    let rows = prop_oneof![Just(1usize), 1usize..40];
    let items = prop_oneof![Just(1usize), 1usize..41, 41usize..200];
    (experts, rows, items, 1usize..20, any::<u64>()).prop_map(|(experts, rows, items, hidden, seed)| Sizes {
        experts,
        rows,
        items,
        hidden,
        seed,
    })
}

pub(crate) fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// A tensor that wants its gradient.
pub(crate) fn variable<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
    tensor(values, shape, &Device::flex().autodiff()).require_grad()
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Walks back from Σ out ⊙ d.
pub(crate) fn walk_back<const D: usize>(out: &Tensor<D>, d: &[f32]) -> Gradients {
    let d = tensor(d, out.dims(), &Device::flex().autodiff());
    (out.clone() * d).sum().backward()
}

pub(crate) fn gradient<const D: usize>(of: &Tensor<D>, gradients: &Gradients) -> Vec<f32> {
    values(of.grad(gradients).expect("a gradient"))
}

/// Named arrays: a result and its gradients.
pub(crate) type Arrays = Vec<(&'static str, Vec<f32>)>;

/// Differences up to `tolerance` of the largest entry of each array.
#[track_caller]
pub(crate) fn assert_close(context: &str, got: &Arrays, want: &Arrays, tolerance: f32) {
    assert_eq!(got.len(), want.len(), "{context}");
    for ((name, got), (_, want)) in got.iter().zip(want) {
        assert_eq!(got.len(), want.len(), "{context}: {name}");
        let largest = want.iter().fold(1e-3f32, |top, x| top.max(x.abs()));
        for (at, (got, want)) in got.iter().zip(want).enumerate() {
            let close = (got - want).abs() <= tolerance * largest;
            assert!(close, "{context}: {name}[{at}] is {got}, not {want}; the largest is {largest}");
        }
    }
}

#[track_caller]
pub(crate) fn assert_same_bits(context: &str, got: &Arrays, want: &Arrays) {
    assert_eq!(got.len(), want.len(), "{context}");
    for ((name, got), (_, want)) in got.iter().zip(want) {
        assert_eq!(got.len(), want.len(), "{context}: {name}");
        let differs = got.iter().zip(want).position(|(got, want)| got.to_bits() != want.to_bits());
        assert_eq!(differs, None, "{context}: {name} differs in this entry");
    }
}

/// What `work` gives in pools of 1, 2 and 3 threads is the same, bit for bit.
#[track_caller]
pub(crate) fn assert_same_for_any_threads(context: &str, work: impl Fn() -> Arrays + Sync) {
    let within = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&work);
    let one = within(1);
    for threads in [2, 3] {
        assert_same_bits(&format!("{context}, {threads} threads"), &within(threads), &one);
    }
}
