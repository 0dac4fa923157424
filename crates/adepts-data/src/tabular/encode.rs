//! New raw rows through the vocabularies and statistics of prepared tabular data.

use std::ops::ControlFlow;

use arrow_array::RecordBatch;

use super::batch::{NO_USER, TabularBatch};
use super::coder::{Coded, Coder};
use super::item_file::not_there;
use super::kept::Kept;
use super::listed::Listed;
use super::manifest::{CATALOGUE, TabularManifest};
use super::raw_files::RawFiles;
use super::read::{Need, Needs, Row, Wanted};
use super::set::TabularDataset;
use super::vocabulary::{Lookup, refused};
use crate::error::DataError;
use crate::error::SkippedReason;
use crate::error::TabularError;
use crate::intern::Interner;
use crate::progress::Progress;
use crate::source::At;

/// Some rows of raw files, coded.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// The rows. Labels are 0 where there is none; users are numbered in order of first appearance in these files, with
    /// [`NO_USER`] for rows without one, and left out without a column of users.
    pub batch: TabularBatch,
    /// The place of each row among all rows of the files, from 1; with `bad_rows` = `skip` there may be gaps.
    pub rows: Vec<u64>,
    /// Of the same rows the columns that are passed through ([`RawFiles::keep`]); `None` where there are none.
    pub kept: Option<RecordBatch>,
}

/// What was met in raw files.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodeSummary {
    /// Rows that were coded.
    pub rows: u64,
    /// Whether the files have the column of the label.
    pub labelled: bool,
    /// For each categorical field with such values: its name, and how many values have the code 0 because the training
    /// part did not have them.
    pub unknown: Vec<(String, u64)>,
    /// For each field with such rows: its name, and how many rows have no value.
    pub missing: Vec<(String, u64)>,
    /// For each dense field with such rows: its name, and how many rows have a number so far outside of what the training part has
    /// that it was clipped.
    pub clipped: Vec<(String, u64)>,
    /// Rows that could not be read, or have a domain that the training part did not have, and were skipped.
    pub skipped_rows: u64,
    /// Why, with counts and the first of each kind.
    pub skipped_reasons: Vec<SkippedReason>,
}

/// The items of a prepared catalogue.
struct Items {
    lookup: Lookup,
    batch: TabularBatch,
}

impl TabularDataset {
    /// Reads raw files that have the columns of the source and hands their rows to `each`, coded as the training part
    /// was, in blocks of `rows`. Columns of label and user may be absent, and so may be their values in some rows. Where the
    /// catalogue was a file of its own, what describes items comes from the prepared one.
    ///
    /// # Errors
    /// What `each` returns, everything that can be wrong with the files, and [`TabularError::UnknownDomain`], all of
    /// which that concerns one row alone can be skipped by [`RawFiles::bad_rows`], unless it concerns every row.
    ///
    /// # Panics
    /// If `rows` is 0.
    pub fn encode<E: From<DataError>>(
        &self,
        files: &RawFiles,
        rows: usize,
        each: impl FnMut(Encoded) -> Result<(), E>,
        progress: Progress,
    ) -> Result<EncodeSummary, E> {
        let supplied = self.manifest().data.item.as_ref().is_some_and(|item| item.catalogue.is_some());
        let Some(all) = self.catalogue()?.filter(|_| supplied) else {
            return self.encode_as(self.manifest(), None, files, rows, each, progress);
        };
        let items = Items { lookup: Lookup::new(&all.ids), batch: all.batch };
        let mut less = self.manifest().without_item();
        less.data.item.clone_from(&self.manifest().data.item);
        self.encode_as(&less, Some(&items), files, rows, each, progress)
    }

    /// As [`TabularDataset::encode`], the columns of [`Side::User`](super::Side::User) alone: those that describe the item may be
    /// absent.
    ///
    /// # Errors
    /// As [`TabularDataset::encode`].
    ///
    /// # Panics
    /// If `rows` is 0.
    pub fn encode_users<E: From<DataError>>(
        &self,
        files: &RawFiles,
        rows: usize,
        each: impl FnMut(Encoded) -> Result<(), E>,
        progress: Progress,
    ) -> Result<EncodeSummary, E> {
        self.encode_as(&self.manifest().without_item(), None, files, rows, each, progress)
    }

    fn encode_as<E: From<DataError>>(
        &self,
        manifest: &TabularManifest,
        items: Option<&Items>,
        files: &RawFiles,
        rows: usize,
        mut each: impl FnMut(Encoded) -> Result<(), E>,
        progress: Progress,
    ) -> Result<EncodeSummary, E> {
        assert!(rows > 0, "encode: a block has at least one row");
        let (config, schema) = (&manifest.data, &manifest.schema());
        let source = files.clone().open(config.columns(), progress)?;
        let labelled = source.find(&config.label.column).is_ok();
        let with_users = config.user.as_ref().is_some_and(|user| source.find(user).is_ok());
        let read = |there: bool| if there { Need::IfThere } else { Need::Not };
        let needs = Needs { label: read(labelled), user: read(with_users), time: false };
        let many = manifest.fields.iter().map(|field| field.many).collect();
        let mut kept =
            (!files.keep.is_empty()).then(|| Kept::open(&source, &files.keep, &mut *progress)).transpose()?;
        let slots = kept.as_ref().map(Kept::slots).unwrap_or_default();
        let wanted = Wanted::new(&source, config, needs, None)?.with_lists_in(many).with_kept(&source, slots);
        let mut vocabularies = Vec::new();
        for field in &manifest.fields {
            vocabularies.extend(self.vocabulary_of(field)?.map(|(ids, _)| ids));
        }
        let coder = Coder::new(manifest, &vocabularies);
        let mut users = Interner::new();
        let mut coded = Coded::new(schema);
        let mut places = Vec::new();
        let mut of_items = Vec::new();
        let mut failed = None;
        let mut hand_over =
            |coded: &mut Coded, of_items: &mut Vec<u32>, places: &mut Vec<u64>, kept: &mut Option<Kept>| {
                let kept = kept.as_mut().map(|kept| kept.rows(places)).transpose()?;
                let mut batch = std::mem::replace(&mut coded.batch, TabularBatch::none(schema));
                if let Some(items) = items {
                    batch = batch.with_items(items.batch.select(&std::mem::take(of_items)), self.schema());
                }
                each(Encoded { batch, rows: std::mem::take(places), kept })
            };
        let mut take = |at: At<'_>, row: &Row<'_>| {
            let Some(domain) = coder.domain(row.domain) else {
                let (place, domain) = (Box::new(at.place()), row.domain.spelling());
                return Err(TabularError::UnknownDomain { place, domain, known: schema.domains.clone() }.into());
            };
            if let Some((items, id)) = items.zip(row.item) {
                let catalogue = || self.folder().join(CATALOGUE[0]).display().to_string();
                of_items.push(items.lookup.index(id).ok_or_else(|| not_there(at, id, &catalogue(), None))?);
            }
            let user = row.user.map(|user| users.intern(user).map_err(|why| refused(&why, at, "user", user)));
            let user = user.transpose()?.or(with_users.then_some(NO_USER));
            coder.push(row, domain, user, &mut coded);
            places.push(row.number);
            if let Some(kept) = &mut kept {
                kept.push(row.kept);
            }
            if places.len() == rows
                && let Err(error) = hand_over(&mut coded, &mut of_items, &mut places, &mut kept)
            {
                failed = Some(error);
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        };
        // A row of any other domain is refused or skipped, and told.
        let passed = wanted.pass(&source, files.bad_rows, &mut Listed::default(), &mut take, progress)?;
        if let Some(error) = failed {
            return Err(error);
        }
        passed.skipped.check(&files.source, passed.rows).map_err(DataError::from)?;
        if !places.is_empty() {
            hand_over(&mut coded, &mut of_items, &mut places, &mut kept)?;
        }
        let fields = || schema.fields.iter().map(|field| &field.name);
        let met = |counts: Vec<(&String, &u64)>| {
            counts.into_iter().filter(|(_, n)| **n > 0).map(|(name, n)| (name.clone(), *n)).collect()
        };
        let missing = fields().zip(&coded.missing).chain(schema.dense.iter().zip(&coded.dense_missing));
        Ok(EncodeSummary {
            rows: passed.rows,
            labelled,
            unknown: met(fields().zip(&coded.unknown).collect()),
            missing: met(missing.collect()),
            clipped: met(schema.dense.iter().zip(&coded.clipped).collect()),
            skipped_rows: passed.skipped.rows,
            skipped_reasons: passed.skipped.reasons,
        })
    }
}
