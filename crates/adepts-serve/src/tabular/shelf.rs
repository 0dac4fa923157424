//! The items of a catalogue as vectors, to be found exactly: every item is scored. What evaluates a model, finds items for the rows
//! of a file and answers requests looks here, so all of them see the same scores.

use std::sync::{Arc, Mutex, PoisonError};

use adepts_core::Towers;
use adepts_data::tabular::{Catalogue, TabularBatch};
use adepts_ops::top_k::top_k;
use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::history::most_rows;

/// Floats of item vectors that a server or a prediction keeps (1 GiB) where each domain has its own.
pub const KEPT: usize = 1 << 28;

/// A catalogue with the vectors of its items in the domains that were asked for last. It belongs to one state of a model: vectors
/// that it holds are not made anew, so whoever trains on needs another shelf.
pub struct Shelf {
    catalogue: Arc<Catalogue>,
    floats: usize,
    /// By domain, the one that was asked for last at the end; of domain 0 alone where all share their vectors.
    held: Mutex<Vec<(u32, Tensor<2>)>>,
}

impl Shelf {
    /// Keeps the vectors of one domain, and of others as long as all of them are at most `floats`.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>, floats: usize) -> Self {
        Self { catalogue, floats, held: Mutex::default() }
    }

    /// The items.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn vectors(&self, towers: &dyn Towers, domain: u32) -> Tensor<2> {
        let domain = if towers.apart() { domain } else { 0 };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = held.iter().position(|(of, _)| *of == domain) {
            let found = held.remove(at);
            held.push(found.clone());
            return found.1;
        }
        // The old ones go before the new one comes.
        let most = (self.floats / (self.catalogue.len() * towers.width()).max(1)).max(1);
        let excess = (held.len() + 1).saturating_sub(most);
        held.drain(..excess);
        let mut items = self.catalogue.batch.clone();
        items.domain.fill(domain);
        let vectors = towers.items(&items);
        held.push((domain, vectors.clone()));
        vectors
    }

    /// The scores of all items for users of a domain, whose vectors are given: `[users, items]`.
    pub fn scores(&self, towers: &dyn Towers, domain: u32, users: &[f32], scores: &mut [f32]) {
        towers.scores(users, &self.vectors(towers, domain), scores);
    }

    /// The items with the highest scores for each row of the user's columns, best first: the item's number and its score. A row has
    /// its number of items in `numbers`, or all that are left where they are fewer, without those that `excluded` names for it;
    /// equal scores stand in the order of the items. The list of a row does not depend on the other rows.
    ///
    /// # Panics
    /// If there are not as many numbers as rows.
    #[must_use]
    pub fn best<'a>(
        &self,
        towers: &dyn Towers,
        users: &TabularBatch,
        numbers: &[usize],
        excluded: &(dyn Fn(usize) -> &'a [u32] + Sync),
    ) -> Vec<Vec<(u32, f32)>> {
        assert_eq!(numbers.len(), users.rows(), "best: rows");
        let (items, width) = (self.catalogue.len(), towers.width());
        let vectors = towers.users(users);
        let mut order: Vec<usize> = (0..users.rows()).collect();
        order.sort_by_key(|row| users.domain[*row]);
        let mut found = vec![Vec::new(); users.rows()];
        for same in order.chunk_by(|a, b| users.domain[*a] == users.domain[*b]) {
            for some in same.chunks(most_rows(items)) {
                let asked: Vec<f32> = some.iter().flat_map(|row| &vectors[row * width..][..width]).copied().collect();
                let mut scores = vec![0.0; some.len() * items];
                self.scores(towers, users.domain[some[0]], &asked, &mut scores);
                let rows = some.par_iter().zip(scores.par_chunks_exact_mut(items.max(1)));
                let one = |(row, scores): (&usize, &mut [f32])| {
                    for item in excluded(*row) {
                        scores[*item as usize] = f32::NEG_INFINITY;
                    }
                    best(scores, numbers[*row])
                };
                let best: Vec<Vec<(u32, f32)>> = rows.map(one).collect();
                some.iter().zip(best).for_each(|(row, best)| found[*row] = best);
            }
        }
        found
    }
}

/// The places of the largest scores with them, best first.
fn best(scores: &[f32], number: usize) -> Vec<(u32, f32)> {
    let mut places = Vec::new();
    top_k(scores, number, &mut places);
    places.into_iter().map(|place| (place, scores[place as usize])).collect()
}
