//! From histories to ranked lists, in indices: scores of a block of rows at once, each row masked and cut to its best.

use std::sync::Arc;

use adepts_core::fold_in;
use adepts_ops::shares::relative_entropy;
use adepts_ops::top_k::top_k;
use rayon::prelude::*;

use super::{HistoryAnswerer, Parts};
use crate::answer::Unknown;

/// The largest block of scores at once, in elements.
const BLOCK: usize = 1 << 23;

/// Histories that are scored at once.
#[must_use]
pub fn most_rows(items: usize) -> usize {
    (BLOCK / items.max(1)).clamp(16, 1024)
}

/// What a list is to be like, in indices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// The user, if the history is what the run holds of one.
    pub stored: Option<u32>,
    /// The known items, ascending, each once.
    pub history: Vec<u32>,
    /// The latest of them, the very latest first; only where an explanation is asked for.
    pub latest: Vec<u32>,
    /// How many items.
    pub n: usize,
    /// Leave out what is in the history.
    pub exclude_used: bool,
    /// Only these, ascending.
    pub allow: Option<Arc<[u32]>>,
    /// Not these.
    pub deny: Arc<[u32]>,
    /// Say why.
    pub explain: bool,
    /// Ids that are not in the catalogue.
    pub unknown: Unknown,
}

/// A ranked list, in indices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    /// The items, best first.
    pub items: Vec<u32>,
    /// Their scores.
    pub scores: Vec<f32>,
    /// Whether popularity stood in for the model.
    pub popular: bool,
    /// The experts' shares; empty without a gate, or where popularity stood in.
    pub shares: Vec<f32>,
}

impl List {
    /// Entropy of the shares in parts of the largest possible.
    pub(super) fn entropy(&self) -> Option<f32> {
        (self.shares.len() > 1).then(|| relative_entropy(&self.shares) as f32)
    }
}

impl HistoryAnswerer {
    /// The list of each wish; it does not depend on the others.
    #[must_use]
    pub fn lists(&self, wishes: &[&Wish]) -> Vec<List> {
        let items = self.popularity.len();
        let mut lists = Vec::with_capacity(wishes.len());
        let mut scores = Vec::new();
        for block in wishes.chunks(most_rows(items)) {
            scores.resize(block.len() * items, 0.0);
            let shares = self.score(block.iter().map(|wish| &*wish.history), &mut scores[..block.len() * items]);
            let experts = shares.len() / block.len();
            let list = |(row, (wish, scores)): (usize, (&&Wish, &mut [f32]))| {
                let mut list = self.cut(wish, scores);
                if !list.popular {
                    list.shares = shares[row * experts..][..experts].to_vec();
                }
                list
            };
            let rows = block.par_iter().zip(scores[..block.len() * items].par_chunks_mut(items.max(1)));
            lists.par_extend(rows.enumerate().map(list));
        }
        lists
    }

    /// Scores of all items for histories, `[rows, items]`, and the experts' shares, `[rows, experts]`, empty without a gate.
    pub(super) fn score<'a>(
        &self,
        histories: impl ExactSizeIterator<Item = &'a [u32]> + Clone,
        scores: &mut [f32],
    ) -> Vec<f32> {
        let model = &self.parts.model;
        let (rows, experts) = (histories.len(), model.experts());
        let mut shares = vec![0.0; if experts > 1 { rows * experts } else { 0 }];
        let Parts { seed, split, .. } = self.parts;
        let batch = fold_in(seed, split, self.popularity.len(), model.gate_probe().is_some(), histories);
        model.score(&batch, scores, &mut shares);
        shares
    }

    /// The best of what may be recommended. The scores are used up.
    fn cut(&self, wish: &Wish, scores: &mut [f32]) -> List {
        let popular = wish.history.is_empty();
        if popular {
            scores.copy_from_slice(&self.popularity);
        }
        if let Some(allow) = &wish.allow {
            let mut allowed = allow.iter().peekable();
            for (item, score) in (0..).zip(scores.iter_mut()) {
                if allowed.next_if(|next| **next == item).is_none() {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
        let used = if wish.exclude_used { &wish.history[..] } else { &[] };
        for item in used.iter().chain(&*wish.deny) {
            scores[*item as usize] = f32::NEG_INFINITY;
        }
        let mut items = Vec::new();
        top_k(scores, wish.n, &mut items);
        let scores = items.iter().map(|item| scores[*item as usize]).collect();
        List { items, scores, popular, shares: Vec::new() }
    }
}
