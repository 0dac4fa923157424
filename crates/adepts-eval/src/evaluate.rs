//! Full ranking: every item of the catalogue against every other, in batches of users.
//!
//! Scores come in as one array of [users, items] per batch and are never kept, so memory is bounded by batch ×
//! items. The rows of a batch are ranked in parallel; each row's numbers depend on that row alone, and what is summed
//! over users is summed in their order, so the result is the same for any batch size and any number of threads.

use std::collections::BTreeMap;

use adepts_data::{Progress, Rows};
use adepts_ops::top_k::{top_k, top_k_by};
use rayon::prelude::*;

use crate::error::{BoxError, EvalError};
use crate::metrics::{Exposure, Judged, MetricAt};

/// Rows per task of the thread pool: a row takes some microseconds.
const ROWS_PER_TASK: usize = 8;

/// Makes scores: called with the users of a batch, it fills `[users, items]`, row by row.
pub type Scores<'a, E> = &'a mut dyn FnMut(&[u32], &mut [f32]) -> Result<(), E>;

/// What is to be measured, and against what.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    /// The users to judge, each once: all who have relevant items.
    pub users: &'a [u32],
    /// Size of the catalogue.
    pub items: usize,
    /// What is never listed for a user: the training items, and by default the validation items.
    pub mask: &'a [&'a Rows],
    /// For each user the row of the masks that is his, where users have rows in common; `None` where it is that of his number.
    pub mask_row: Option<&'a [u32]>,
    /// What should be found. An item that is masked too cannot be found, and still counts as relevant.
    pub relevant: &'a Rows,
    /// The metrics, per user and of all lists, each once.
    pub metrics: &'a [MetricAt],
    /// For each item, the share of users who have it in training: `[items]`.
    pub popularity: &'a [f32],
    /// The place of each item among all where scores are equal: `[items]`; `None` where equal scores stand in the order of the
    /// items.
    pub ties: Option<&'a [u32]>,
    /// Users per batch.
    pub batch: usize,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// The judged users, as they were given.
    pub users: Vec<u32>,
    /// The per-user metrics, in the order asked for.
    pub metrics: Vec<MetricAt>,
    /// Their values: `[users, metrics]`, row by row.
    pub values: Vec<f64>,
    /// The metrics of all lists together, such as `coverage@20`.
    pub lists: BTreeMap<String, f64>,
}

impl Judgement<'_> {
    /// The row of the masks that is this user's.
    fn mask_row(&self, user: u32) -> u32 {
        self.mask_row.map_or(user, |rows| rows[user as usize])
    }
}

impl Measured {
    /// The position of a per-user metric.
    #[must_use]
    pub fn column(&self, metric: MetricAt) -> Option<usize> {
        self.metrics.iter().position(|&have| have == metric)
    }

    /// The values of one user, by their position in `users`.
    ///
    /// # Panics
    /// If `position` is not below the number of users.
    #[must_use]
    pub fn row(&self, position: usize) -> &[f64] {
        &self.values[position * self.metrics.len()..(position + 1) * self.metrics.len()]
    }

    /// The mean over users of each per-user metric, in their order; zeros without users.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.metrics.len()];
        for position in 0..self.users.len() {
            sums.iter_mut().zip(self.row(position)).for_each(|(sum, value)| *sum += value);
        }
        sums.iter().map(|sum| sum / self.users.len().max(1) as f64).collect()
    }

    /// The mean of one per-user metric, or the value of one of all lists.
    #[must_use]
    pub fn mean(&self, metric: MetricAt) -> Option<f64> {
        match self.column(metric) {
            Some(column) => Some(self.means()[column]),
            None => self.lists.get(&metric.to_string()).copied(),
        }
    }
}

/// Measures how well `scores` ranks each user's relevant items among the whole catalogue.
///
/// `scores` is called with up to [`Judgement::batch`] users at a time, in order, and fills `[users, items]`, row by row. A larger
/// score is better, equal scores stand as [`Judgement::ties`] says, and −∞ keeps an item out of the list.
///
/// # Errors
/// If the judgement does not fit together, if `scores` fails, or if a score is NaN, +∞ or was not written.
///
/// ```
/// use adepts_data::Rows;
/// use adepts_eval::{Judgement, evaluate};
///
/// let train = Rows::from_lists([vec![0], vec![3]]);
/// let test = Rows::from_lists([vec![1], vec![0, 2]]);
/// let metrics = ["recall@2".parse()?, "coverage@2".parse()?];
/// let judgement = Judgement {
///     users: &[0, 1],
///     items: 4,
///     mask: &[&train],
///     mask_row: None,
///     relevant: &test,
///     metrics: &metrics,
///     popularity: &[0.5, 0.0, 0.0, 0.5],
///     ties: None,
///     batch: 512,
/// };
/// let mut by_index = |users: &[u32], scores: &mut [f32]| {
///     for row in scores.chunks_mut(4) {
///         row.copy_from_slice(&[4.0, 3.0, 2.0, 1.0]);
///     }
///     Ok::<(), std::convert::Infallible>(())
/// };
/// let measured = evaluate(&judgement, &mut by_index, &mut adepts_data::progress::silent)?;
/// assert_eq!(measured.values, [1.0, 0.5]); // lists 1, 2 and 0, 1
/// assert_eq!(measured.lists["coverage@2"], 0.75);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn evaluate<E: Into<BoxError>>(
    judgement: &Judgement<'_>,
    scores: Scores<'_, E>,
    progress: Progress<'_>,
) -> Result<Measured, EvalError> {
    let mut measured = under(judgement, &[judgement.mask], scores, progress)?;
    measured.pop().ok_or(EvalError::NoUsers)
}

/// As [`evaluate`], under two masks in one pass over the scores: first that of the judgement, then `other_mask` in
/// its place. Scores can be a hundred times as expensive as ranking them.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_both<E: Into<BoxError>>(
    judgement: &Judgement<'_>,
    other_mask: &[&Rows],
    scores: Scores<'_, E>,
    progress: Progress<'_>,
) -> Result<(Measured, Measured), EvalError> {
    let mut measured = under(judgement, &[judgement.mask, other_mask], scores, progress)?;
    match (measured.pop(), measured.pop()) {
        (Some(other), Some(first)) => Ok((first, other)),
        _ => Err(EvalError::NoUsers),
    }
}

/// The work of one row, kept from batch to batch for its buffers.
#[derive(Default)]
struct Work {
    /// What the mask covered, to be put back for the next mask.
    covered: Vec<f32>,
    gains: Vec<f32>,
    /// The first item whose score cannot be ranked.
    bad: Option<(u32, f32)>,
    /// Per mask: the list and its values.
    ranked: Vec<(Vec<u32>, Vec<f64>)>,
}

fn under<E: Into<BoxError>>(
    judgement: &Judgement<'_>,
    masks: &[&[&Rows]],
    scores: Scores<'_, E>,
    progress: Progress<'_>,
) -> Result<Vec<Measured>, EvalError> {
    check(judgement, masks)?;
    let Judgement { users, items, relevant, .. } = *judgement;
    let per_user: Vec<_> = judgement.metrics.iter().filter_map(|at| at.per_user().map(|m| (*at, m.measure))).collect();
    let depth = judgement.metrics.iter().map(MetricAt::k).max().unwrap_or(0);
    let mut cutoffs: Vec<usize> =
        judgement.metrics.iter().filter(|at| at.of_lists().is_some()).map(MetricAt::k).collect();
    cutoffs.sort_unstable();
    cutoffs.dedup();

    let batch = judgement.batch.min(users.len());
    let mut block = vec![0.0_f32; batch * items];
    let mut work: Vec<Work> = Vec::new();
    work.resize_with(batch, || Work { ranked: vec![<_>::default(); masks.len()], ..Work::default() });
    let mut values: Vec<Vec<f64>> = vec![Vec::with_capacity(users.len() * per_user.len()); masks.len()];
    // How many lists hold each item, by mask and cut-off.
    let mut shown: Vec<Vec<Vec<u32>>> = vec![vec![vec![0; items]; cutoffs.len()]; masks.len()];

    for (b, batch_users) in users.chunks(batch).enumerate() {
        let block = &mut block[..batch_users.len() * items];
        // A score that is not written must not be the one of an earlier batch.
        block.fill(f32::NAN);
        scores(batch_users, block).map_err(|error| EvalError::Scores {
            first: b * batch,
            users: batch_users.len(),
            source: error.into(),
        })?;
        let rows = block.par_chunks_exact_mut(items).zip(work.par_iter_mut()).zip(batch_users.par_iter());
        rows.with_min_len(ROWS_PER_TASK).for_each(|((row, work), &user)| {
            work.bad = first_unrankable(row);
            if work.bad.is_some() {
                return;
            }
            let wanted = relevant.row(user as usize);
            let masked_row = judgement.mask_row(user) as usize;
            for (i, (mask, (list, values))) in masks.iter().zip(&mut work.ranked).enumerate() {
                let masked = || mask.iter().flat_map(|rows| rows.row(masked_row)).map(|&item| item as usize);
                let last = i + 1 == masks.len();
                work.covered.clear();
                for item in masked() {
                    if !last {
                        work.covered.push(row[item]);
                    }
                    row[item] = f32::NEG_INFINITY;
                }
                match judgement.ties {
                    Some(order) => top_k_by(row, depth, order, list),
                    None => top_k(row, depth, list),
                }
                if !last {
                    // An item masked twice holds −∞ in its second record, so records are put back last to first.
                    for (item, &score) in masked().rev().zip(work.covered.iter().rev()) {
                        row[item] = score;
                    }
                }
                work.gains.clear();
                work.gains.extend(list.iter().map(|item| f32::from(u8::from(wanted.binary_search(item).is_ok()))));
                let judged = Judged { gains: &work.gains, relevant: wanted.len() };
                values.clear();
                // Adding 0 makes of −0, whatever metric it comes from, a 0.
                values.extend(per_user.iter().map(|(at, measure)| measure(&judged, at.k()) + 0.0));
            }
        });
        for (work, &user) in work.iter().zip(batch_users) {
            if let Some((item, value)) = work.bad {
                return Err(EvalError::Score { user, item, value });
            }
            for ((list, of_user), (values, shown)) in work.ranked.iter().zip(values.iter_mut().zip(&mut shown)) {
                values.extend_from_slice(of_user);
                for (&k, shown) in cutoffs.iter().zip(shown) {
                    list.iter().take(k).for_each(|&item| shown[item as usize] += 1);
                }
            }
        }
        progress("rank", (b * batch + batch_users.len()) as u64, Some(users.len() as u64));
    }

    let of_lists = |shown: &[Vec<u32>]| {
        let value = |at: &MetricAt| {
            let metric = at.of_lists()?;
            let lists = &shown[cutoffs.binary_search(&at.k()).ok()?];
            Some((at.to_string(), (metric.measure)(&Exposure { lists, popularity: judgement.popularity })))
        };
        judgement.metrics.iter().filter_map(value).collect()
    };
    let metrics: Vec<MetricAt> = per_user.iter().map(|(at, _)| *at).collect();
    let measured = values.into_iter().zip(&shown).map(|(values, shown)| Measured {
        users: users.to_vec(),
        metrics: metrics.clone(),
        values,
        lists: of_lists(shown),
    });
    Ok(measured.collect())
}

/// The first score that is NaN or +∞.
fn first_unrankable(row: &[f32]) -> Option<(u32, f32)> {
    let rankable = |score: f32| score < f32::INFINITY;
    // Without an early exit within a block, the check runs at the speed of memory.
    let block = row.chunks(256).position(|block| !block.iter().fold(true, |all, &score| all & rankable(score)))?;
    let item = block * 256 + row[block * 256..].iter().position(|&score| !rankable(score))?;
    Some((item as u32, row[item]))
}

fn check(judgement: &Judgement<'_>, masks: &[&[&Rows]]) -> Result<(), EvalError> {
    let Judgement { users, items, relevant, metrics, popularity, ties, batch, .. } = *judgement;
    if users.is_empty() {
        return Err(EvalError::NoUsers);
    }
    if batch == 0 {
        return Err(EvalError::EmptyBatch);
    }
    if popularity.len() != items {
        return Err(EvalError::Popularity { given: popularity.len(), items });
    }
    if let Some(places) = ties.filter(|places| places.len() != items) {
        return Err(EvalError::Ties { given: places.len(), items });
    }
    if let Some(metric) = metrics.iter().enumerate().find_map(|(i, at)| metrics[..i].contains(at).then_some(at)) {
        return Err(EvalError::DuplicateMetric { metric: metric.to_string() });
    }
    let mut seen = vec![false; relevant.len()];
    let of_masks = |row: u32| masks.iter().flat_map(move |mask| mask.iter().map(move |&rows| (rows, row, "masked")));
    for &user in users {
        if let Some(rows) = judgement.mask_row.filter(|rows| user as usize >= rows.len()) {
            return Err(EvalError::UserOutside { user, rows: "masked", users: rows.len() });
        }
        for (rows, row, name) in std::iter::once((relevant, user, "relevant")).chain(of_masks(judgement.mask_row(user)))
        {
            if row as usize >= rows.len() {
                return Err(EvalError::UserOutside { user, rows: name, users: rows.len() });
            }
            // Rows ascend, so the last item speaks for all.
            if let Some(&item) = rows.row(row as usize).last()
                && item as usize >= items
            {
                return Err(EvalError::ItemOutside { user, item, rows: name, items });
            }
        }
        if std::mem::replace(&mut seen[user as usize], true) {
            return Err(EvalError::DuplicateUser { user });
        }
        if relevant.row(user as usize).is_empty() {
            return Err(EvalError::NothingToFind { user });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
