//! From histories to ranked lists, in indices: scores of a block of rows at once, each row masked and cut to its best.

use std::sync::Arc;

use adepts_core::{HistoryBatch, answered, fold_in};
use adepts_ops::shares::relative_entropy;
use adepts_ops::top_k::top_k_by;
use rayon::prelude::*;

use super::{HistoryAnswerer, Parts};
use crate::answer::Unknown;
use crate::question::{Exclude, NothingKnown};

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
    /// What is left out because the user has it already.
    pub exclude: Exclude,
    /// The known items that the user has seen beside the history; only where they are left out.
    pub seen: Vec<u32>,
    /// What is answered where the history is empty.
    pub fallback: Option<NothingKnown>,
    /// Whether a user was asked about whom the run does not know.
    pub stranger: bool,
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
            let histories = block.iter().map(|wish| &*wish.history);
            let (shares, popular) = self.answered(histories, &mut scores[..block.len() * items]);
            let experts = shares.len() / block.len();
            let list = |(row, (wish, scores)): (usize, (&&Wish, &mut [f32]))| {
                let mut list = self.cut(wish, scores);
                list.popular = popular[row];
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

    /// Scores of all items for histories as they are answered, `[rows, items]`, the experts' shares, `[rows, experts]`, empty
    /// without a gate, and which rows have scores of popularity.
    fn answered<'a>(
        &self,
        histories: impl ExactSizeIterator<Item = &'a [u32]> + Clone,
        scores: &mut [f32],
    ) -> (Vec<f32>, Vec<bool>) {
        let model = &*self.parts.model;
        let (rows, experts) = (histories.len(), model.experts());
        let mut shares = vec![0.0; if experts > 1 { rows * experts } else { 0 }];
        let popular = answered(model, &self.folded(histories), &self.popularity, scores, &mut shares);
        (shares, popular)
    }

    /// The model's own scores of all items for histories, `[rows, items]`.
    pub(super) fn score<'a>(&self, histories: impl ExactSizeIterator<Item = &'a [u32]> + Clone, scores: &mut [f32]) {
        let model = &*self.parts.model;
        let mut shares = vec![0.0; if model.experts() > 1 { histories.len() * model.experts() } else { 0 }];
        model.score(&self.folded(histories), scores, &mut shares);
    }

    fn folded<'a>(&self, histories: impl ExactSizeIterator<Item = &'a [u32]> + Clone) -> HistoryBatch {
        let Parts { seed, split, model, .. } = &self.parts;
        fold_in(*seed, *split, self.popularity.len(), model.gate_probe().is_some(), histories)
    }

    /// The best of what may be recommended. The scores are used up.
    fn cut(&self, wish: &Wish, scores: &mut [f32]) -> List {
        if let Some(allow) = &wish.allow {
            let mut allowed = allow.iter().peekable();
            for (item, score) in (0..).zip(scores.iter_mut()) {
                if allowed.next_if(|next| **next == item).is_none() {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
        let used = if wish.exclude == Exclude::None { &[] } else { &wish.history[..] };
        for item in used.iter().chain(&wish.seen).chain(&*wish.deny) {
            scores[*item as usize] = f32::NEG_INFINITY;
        }
        let mut items = Vec::new();
        top_k_by(scores, wish.n, &self.parts.catalogue.order, &mut items);
        let scores = items.iter().map(|item| scores[*item as usize]).collect();
        List { items, scores, popular: false, shares: Vec::new() }
    }
}
