//! From a log to a prepared data set: read, split, score, sum up.

use std::path::Path;

use crate::config::{DataConfig, Filter, SplitConfig};
use crate::dataset::{HistoryDataset, Manifest};
use crate::error::DataError;
use crate::mainstream::mainstream_among;
use crate::progress::Progress;
use crate::read::{Read, read};
use crate::split::{Cut, SplitError, split as cut};
use crate::store::{self, FolderError};

/// Prepares a data set from a log.
///
/// # Errors
/// Everything that can be wrong with the log, the filters and the split; see [`DataError`].
pub fn prepare(
    data: &DataConfig,
    split: &SplitConfig,
    seed: u64,
    progress: Progress,
) -> Result<HistoryDataset, DataError> {
    let read = read(data, split, progress)?;
    assemble(read, split, seed, progress)
}

/// Prepares a data set from a log that is in memory.
///
/// # Errors
/// Everything that can be wrong with the split; see [`DataError`].
pub fn assemble(read: Read, split: &SplitConfig, seed: u64, progress: Progress) -> Result<HistoryDataset, DataError> {
    let Read { interactions, seen, seen_rows, steps, skipped_rows, skipped_examples, data, time_unit, notes } = read;
    progress("split", 0, None);
    let Cut { train, validation, test, learns, train_only_users, starts, split } = cut(&interactions, split, seed)?;
    let seen = seen.by_part(&starts);
    let (users, items, columns) = (interactions.users, interactions.items, interactions.columns);
    progress("score", 0, None);
    let (mainstream, method) = mainstream_among(&train, &learns, items.len(), seed);
    let manifest = Manifest {
        format: store::FORMAT,
        data,
        split,
        steps,
        users: users.len(),
        items: items.len(),
        train: train.pairs(),
        validation: validation.pairs(),
        test: test.pairs(),
        seen: seen.pairs(),
        seen_validation: seen.validation.pairs(),
        seen_test: seen.test.pairs(),
        seen_rows,
        train_only_users,
        held_out_users: learns.iter().filter(|learns| !**learns).count(),
        mainstream: method,
        skipped_rows,
        skipped_examples,
        time_unit,
        notes,
        content_hash: String::new(),
    };
    let mut dataset =
        HistoryDataset { users, items, train, validation, test, seen, learns, mainstream, columns, manifest };
    dataset.manifest.content_hash = dataset.content_hash();
    Ok(dataset)
}

/// Opens the source if it is a prepared folder, and prepares it otherwise.
///
/// A prepared folder is taken as it is: columns that `data` names, and a filter or a split other than the default, must be
/// those that it was prepared with.
///
/// # Errors
/// As [`prepare`] and [`HistoryDataset::open`]; [`FolderError::PreparedOtherwise`]; [`SplitError::All`] for data of which nothing is
/// held out.
pub fn open_or_prepare(
    data: &DataConfig,
    split: &SplitConfig,
    seed: u64,
    progress: Progress,
) -> Result<HistoryDataset, DataError> {
    let folder = Path::new(&data.source);
    if !store::is_prepared(folder) {
        return prepare(data, split, seed, progress);
    }
    progress("open", 0, None);
    let dataset = HistoryDataset::open(folder)?;
    if dataset.manifest.split == (SplitConfig::All {}) {
        return Err(SplitError::All.into());
    }
    let otherwise = |what| Err(FolderError::PreparedOtherwise { path: folder.to_path_buf(), what }.into());
    if data.filter != Filter::default() && data.filter != dataset.manifest.data.filter {
        return otherwise("filter");
    }
    let had = &dataset.manifest.data;
    let columns = [
        ("user column", &data.user, &had.user),
        ("item column", &data.item, &had.item),
        ("rating column", &data.rating, &had.rating),
        ("event column", &data.event, &had.event),
        ("time column", &data.time, &had.time),
    ];
    if let Some((what, ..)) = columns.iter().find(|(_, asked, had)| asked.is_some() && asked != had) {
        return otherwise(what);
    }
    if *split != SplitConfig::default() && !same_split(split, &dataset.manifest.split) {
        return otherwise("split");
    }
    Ok(dataset)
}

/// Equal but for a seed that is left open.
fn same_split(asked: &SplitConfig, have: &SplitConfig) -> bool {
    let mut asked = asked.clone();
    match (&mut asked, have) {
        (SplitConfig::Random { seed, .. }, SplitConfig::Random { seed: had, .. })
        | (SplitConfig::Users { seed, .. }, SplitConfig::Users { seed: had, .. }) => *seed = seed.or(*had),
        _ => {}
    }
    asked == *have
}
