//! The order of an epoch: a seeded shuffle of more rows than memory holds.
//!
//! The row groups of the file are permuted and taken in windows of several; the rows of a window are permuted among
//! each other. Where the training part fits into one window, that is a uniform permutation of all rows.
//!
//! What a batch has of a window stands by domain, as the order within a batch means nothing to a loss: networks that serve
//! one domain then read their rows where they are.

use std::ops::Range;
use std::sync::Arc;

use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::batch::TabularBatch;
use super::part::PartFile;
use crate::error::DataError;
use crate::error::TabularError;
use crate::seed;

/// Bytes of the rows of a window, about: small against the memory of a machine that trains, large enough for millions
/// of rows. While a window is read, its rows stand in memory twice.
const WINDOW: usize = 128 << 20;

/// However wide rows are, a window mixes this many row groups.
const FEWEST: usize = 4;

/// The training rows in the order of an epoch, each exactly once, in batches.
///
/// The order depends on the prepared data, the seed and the epoch alone, so that training resumes where it stopped.
#[derive(Debug)]
pub struct Epoch {
    part: Arc<PartFile>,
    place: [u64; 2],
    batch: usize,
    /// The row groups in the order of the epoch.
    groups: Vec<usize>,
    /// The windows, as ranges of `groups`, and the first row of each; at the end the number of rows.
    windows: Vec<Range<usize>>,
    starts: Vec<usize>,
    /// How many rows of the epoch were handed out or skipped.
    done: usize,
    loaded: Option<Window>,
}

#[derive(Debug)]
struct Window {
    nth: usize,
    rows: TabularBatch,
    order: Vec<u32>,
}

impl Epoch {
    pub(super) fn new(part: Arc<PartFile>, seed: u64, epoch: u64, batch: usize) -> Self {
        let window = window(&part);
        Self::with_window(part, seed, epoch, batch, window)
    }

    /// Bytes that the epochs of a part take, about: the rows of a window, twice while they are read, and their order.
    pub(super) fn memory(part: &PartFile) -> u64 {
        let groups = part.groups.len().max(1);
        let whole = 8 * part.numbers.iter().sum::<usize>() + 4 * part.groups.iter().sum::<usize>();
        (whole / groups * window(part).min(groups)) as u64
    }

    /// Windows have at most `window` row groups, and about equally many.
    fn with_window(part: Arc<PartFile>, seed: u64, epoch: u64, batch: usize, window: usize) -> Self {
        assert!(batch > 0, "epoch: a batch has at least one row");
        let mut groups: Vec<usize> = (0..part.groups.len()).collect();
        groups.shuffle(&mut seed::stream(seed, "epoch row groups", &[epoch]));
        let count = groups.len().div_ceil(window);
        let windows: Vec<Range<usize>> =
            (0..count).map(|nth| nth * groups.len() / count..(nth + 1) * groups.len() / count).collect();
        let mut starts = vec![0];
        for window in &windows {
            let rows: usize = groups[window.clone()].iter().map(|&group| part.groups[group]).sum();
            starts.push(starts[starts.len() - 1] + rows);
        }
        Self { part, place: [seed, epoch], batch, groups, windows, starts, done: 0, loaded: None }
    }

    fn rows(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// Number of batches of the whole epoch; the last one may be smaller.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.rows().div_ceil(self.batch)
    }

    /// Passes over batches, without reading them: those that follow are the same as if these had been taken.
    ///
    /// # Errors
    /// [`TabularError::PastEnd`] if so many are not left, because then what is resumed was begun with other data.
    pub fn skip(&mut self, batches: usize) -> Result<(), DataError> {
        let left = (self.rows() - self.done).div_ceil(self.batch);
        if batches > left {
            return Err(TabularError::PastEnd { batches, left }.into());
        }
        self.done = batches.saturating_mul(self.batch).saturating_add(self.done).min(self.rows());
        Ok(())
    }

    /// The next batch; `None` at the end of the epoch.
    ///
    /// # Errors
    /// If the file cannot be read any more or does not hold what it must.
    #[expect(clippy::should_implement_trait, reason = "`?` reads better on a result of an option than the reverse")]
    pub fn next(&mut self) -> Result<Option<TabularBatch>, DataError> {
        let end = (self.done + self.batch).min(self.rows());
        let mut batch = TabularBatch::default();
        while self.done < end {
            let nth = self.starts.partition_point(|&start| start <= self.done) - 1;
            if self.loaded.as_ref().is_none_or(|window| window.nth != nth) {
                // The old one goes before the new one comes.
                self.loaded = None;
                self.loaded = Some(self.load(nth)?);
            }
            let Some(window) = &self.loaded else { break };
            let until = end.min(self.starts[nth + 1]);
            let mut rows = window.order[self.done - self.starts[nth]..until - self.starts[nth]].to_vec();
            rows.sort_by_key(|row| window.rows.domain[*row as usize]);
            let rows = window.rows.select(&rows);
            if batch.rows() == 0 {
                batch = rows;
            } else {
                batch.append(&rows);
            }
            self.done = until;
        }
        Ok((batch.rows() > 0).then_some(batch))
    }

    fn load(&self, nth: usize) -> Result<Window, DataError> {
        let groups = &self.groups[self.windows[nth].clone()];
        let read = groups.par_iter().map(|&group| self.part.group(group)).collect::<Result<Vec<_>, _>>()?;
        let rows = TabularBatch::joined(&read);
        drop(read);
        let mut order: Vec<u32> = (0..rows.rows() as u32).collect();
        let [seed, epoch] = self.place;
        order.shuffle(&mut seed::stream(seed, "epoch rows", &[epoch, nth as u64]));
        Ok(Window { nth, rows, order })
    }
}

/// How many row groups a window of a part has at most.
fn window(part: &PartFile) -> usize {
    let numbers: usize = part.numbers.iter().sum();
    let of_group = (4 * numbers / part.groups.len().max(1)).max(1);
    (WINDOW / of_group).max(FEWEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::batch::Schema;
    use crate::tabular::write::PartWriter;

    /// A part whose rows have their number as user, 10 in a row group.
    fn part(rows: usize) -> (tempfile::TempDir, Arc<PartFile>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.parquet");
        let schema = Schema { domains: vec!["all".into()], users: rows, ..Schema::default() };
        let mut writer = PartWriter::new(&path, &schema, 10).unwrap();
        for row in 0..rows {
            let batch = &mut writer.waiting.batch;
            batch.domain.push(0);
            batch.label.push(1.0);
            batch.user.push(row as u32);
            writer.appended().unwrap();
        }
        writer.finish().unwrap();
        let part = Arc::new(PartFile::open(&path, &schema, rows as u64).unwrap());
        assert_eq!(part.groups.len(), rows.div_ceil(10));
        (folder, part)
    }

    fn rest(epoch: &mut Epoch) -> Vec<Vec<u32>> {
        std::iter::from_fn(|| epoch.next().unwrap()).map(|batch| batch.user).collect()
    }

    #[test]
    fn every_row_comes_exactly_once_in_an_order_of_the_epoch() {
        let (_folder, part) = part(203);
        for window in [1, 4, 100] {
            let take = |epoch| rest(&mut Epoch::with_window(Arc::clone(&part), 5, epoch, 16, window));
            let batches = take(1);
            assert_eq!(batches.len(), 13);
            assert!(batches[..12].iter().all(|batch| batch.len() == 16));
            let mut all: Vec<u32> = batches.concat();
            assert!(!all.is_sorted());
            all.sort_unstable();
            assert_eq!(all, (0..203).collect::<Vec<u32>>());
            assert_eq!(take(1), batches);
            assert_ne!(take(2), batches);
        }
    }

    #[test]
    fn an_epoch_resumes_exactly() {
        let (_folder, part) = part(203);
        let epoch = || Epoch::with_window(Arc::clone(&part), 5, 3, 16, 4);
        let whole = rest(&mut epoch());
        assert_eq!(epoch().batches(), whole.len());
        for done in 0..=whole.len() {
            let mut resumed = epoch();
            resumed.skip(done).unwrap();
            assert_eq!(rest(&mut resumed), whole[done..]);
        }
        let mut resumed = epoch();
        resumed.next().unwrap();
        resumed.skip(2).unwrap();
        assert_eq!(rest(&mut resumed), whole[3..]);
        let error = epoch().skip(whole.len() + 1).unwrap_err();
        assert_eq!(error.to_string(), "cannot skip 14 batches of an epoch: only 13 are left");
    }

    #[test]
    fn a_window_mixes_the_rows_of_its_row_groups() {
        let (_folder, part) = part(200);
        let batches = rest(&mut Epoch::with_window(part, 5, 1, 40, 4));
        for batch in batches {
            let mut groups: Vec<u32> = batch.iter().map(|row| row / 10).collect();
            assert!(!groups.is_sorted(), "rows of a window do not come group by group");
            groups.sort_unstable();
            groups.dedup();
            assert_eq!(groups.len(), 4, "a batch as large as a window holds its four row groups");
        }
    }
}
