//! Which items of a history pushed a recommendation: exact terms where a score is a sum of them, and elsewhere the change of
//! the score when an item is left out.

use super::{HistoryAnswerer, List, Wish};

/// How many items are named for a recommendation.
const NAMED: usize = 3;

/// How many recommendations of a list are explained.
pub const EXPLAINED: usize = 100;

impl HistoryAnswerer {
    /// For each recommended item those of the history that raised its score, the strongest first.
    pub(super) fn because(&self, wish: &Wish, list: &List) -> Vec<Vec<(u32, f32)>> {
        if list.popular {
            return Vec::new();
        }
        let exact = |item: &u32| Some((&wish.history, self.parts.model.terms(&wish.history, *item)?));
        let explained = &list.items[..list.items.len().min(EXPLAINED)];
        let exact: Option<Vec<_>> = explained.iter().map(exact).collect();
        if let Some(exact) = exact {
            let named = |(used, terms): (&Vec<u32>, Vec<f32>)| strongest(used.iter().copied().zip(terms));
            return exact.into_iter().map(named).collect();
        }
        let without = self.left_out(wish, explained);
        let of_item = |(nth, score): (usize, &f32)| {
            let effects = without.iter().map(|scores| score - scores[nth]);
            strongest(wish.latest.iter().copied().zip(effects))
        };
        list.scores[..explained.len()].iter().enumerate().map(of_item).collect()
    }

    /// The scores of these items when each of the latest items of the history is left out.
    fn left_out(&self, wish: &Wish, recommended: &[u32]) -> Vec<Vec<f32>> {
        let items = self.popularity.len();
        let without = |item: &u32| wish.history.iter().copied().filter(|used| used != item).collect::<Vec<u32>>();
        let histories: Vec<Vec<u32>> = wish.latest.iter().map(without).collect();
        let mut scores = vec![0.0; histories.len() * items];
        self.score(histories.iter().map(Vec::as_slice), &mut scores);
        let of_row = |row: &[f32]| recommended.iter().map(|item| row[*item as usize]).collect();
        scores.chunks(items.max(1)).map(of_row).collect()
    }
}

/// The largest effects above 0; of equal ones the item with the lower index.
fn strongest(effects: impl Iterator<Item = (u32, f32)>) -> Vec<(u32, f32)> {
    let mut effects: Vec<(u32, f32)> = effects.filter(|(_, effect)| *effect > 0.0).collect();
    effects.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
    effects.truncate(NAMED);
    effects
}
