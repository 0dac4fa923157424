//! What the first pass over raw rows counts: of training rows, but for users, items and whether a field holds lists.

use super::config::{TabularConfig, TabularSplit, Transform, shown};
use super::dense::{LARGEST, Sample, Spread, Standard, transformed};
use super::manifest::{
    CatalogueNote, Coding, Counts, DenseColumn, DomainColumn, FORMAT, FieldColumn, PARTS, TabularManifest, part_name,
};
use super::read::{Passed, Row, Wanted};
use super::split::Cutter;
use super::values::categories;
use super::vocabulary::{Counting, check_domains, refused};
use crate::error::DataError;
use crate::error::TabularError;
use crate::id::Vocabulary;
use crate::interactions::Part;
use crate::intern::Interner;
use crate::nobody;
use crate::source::{At, Cell};

/// The counts of the first pass.
pub(super) struct Count<'a> {
    config: &'a TabularConfig,
    wanted: &'a Wanted,
    users: Interner,
    /// The rows of each user.
    of_users: Vec<u64>,
    domains: Counting,
    fields: Vec<FieldCount>,
    dense: Vec<DenseCount>,
    rows: Counts,
    positives: u64,
    /// The items of all rows, with the number of training rows of each, for retrieval.
    items: Option<Counting>,
    /// For retrieval: rows that are not positive.
    negatives: u64,
}

/// What the first pass found.
pub(super) struct Found {
    /// As far as it is known.
    pub(super) manifest: TabularManifest,
    /// Those of the fields that have one.
    pub(super) vocabularies: Vec<(Vocabulary, Vec<u64>)>,
    pub(super) users: Interner,
    pub(super) items: Option<(Vocabulary, Vec<u64>)>,
}

struct FieldCount {
    many: bool,
    /// `None` where values are hashed.
    values: Option<Counting>,
}

enum DenseCount {
    Spread(Box<Spread>),
    Sample(Box<Sample>),
}

impl<'a> Count<'a> {
    pub(super) fn new(config: &'a TabularConfig, wanted: &'a Wanted, seed: u64) -> Self {
        let of_file = |nth| wanted.items().is_some_and(|items| items.has_lists(nth));
        let fields = config.fields.iter().enumerate().map(|(nth, field)| FieldCount {
            many: field.separator.is_some() || of_file(nth),
            values: field.hash.is_none().then(Counting::new),
        });
        let dense = config.dense.iter().enumerate().map(|(nth, dense)| match dense.transform {
            Transform::Quantile => DenseCount::Sample(Box::new(Sample::new(seed, nth))),
            Transform::Standard | Transform::Log => DenseCount::Spread(Box::new(Spread::new(seed, nth))),
        });
        Self {
            config,
            wanted,
            users: Interner::new(),
            of_users: Vec::new(),
            domains: Counting::new(),
            fields: fields.collect(),
            dense: dense.collect(),
            rows: Counts::default(),
            positives: 0,
            items: config
                .item
                .as_ref()
                .map(|_| wanted.items().map_or_else(Counting::new, |all| Counting::of(all.ids()))),
            negatives: 0,
        }
    }

    /// Notes the item of a row, and that it trains if it does.
    fn item(&mut self, at: At<'_>, row: &Row<'_>, trains: bool) -> Result<(), DataError> {
        let Some((items, id)) = self.items.as_mut().zip(row.item) else { return Ok(()) };
        items.note_times(id, u64::from(trains)).map_err(|why| refused(&why, at, "item", id))
    }

    pub(super) fn row(&mut self, at: At<'_>, row: &Row<'_>, cutter: &mut Cutter) -> Result<(), DataError> {
        // Also of rows that only say which items there are: the catalogue has their lists.
        for (field, cell) in self.fields.iter_mut().zip(row.fields) {
            field.many |= matches!(cell, Cell::List(_));
        }
        if self.items.is_some() && row.label == 0.0 {
            self.negatives += 1;
            return self.item(at, row, false);
        }
        let user = number(&mut self.users, at, row)?;
        if let Some((user, _)) = user {
            self.of_users.resize(self.users.len(), 0);
            self.of_users[user as usize] += 1;
        }
        let part = cutter.part(row.time, user);
        self.item(at, row, part == Part::Train)?;
        self.rows.add(part, 1);
        if part != Part::Train {
            return Ok(());
        }
        self.positives += u64::from(row.label > 0.0);
        self.domains.note(row.domain).map_err(|why| refused(&why, at, self.wanted.domain_name(), row.domain))?;
        check_domains(self.domains.len(), self.wanted.domain_name())?;
        for (nth, (field, &cell)) in self.fields.iter_mut().zip(row.fields).enumerate() {
            let Some(values) = &mut field.values else { continue };
            let mut wrong = None;
            categories(cell, self.config.fields[nth].separator.as_deref(), &mut |value| {
                if let Err(why) = values.note(value) {
                    wrong.get_or_insert_with(|| refused(&why, at, &self.wanted.field_names()[nth], value));
                }
            });
            if let Some(error) = wrong {
                return Err(error);
            }
        }
        for ((dense, value), config) in self.dense.iter_mut().zip(row.dense).zip(&self.config.dense) {
            match (dense, value) {
                (DenseCount::Spread(spread), Some(value)) => spread.note(transformed(*value, config.transform)),
                (DenseCount::Sample(sample), Some(value)) => sample.note(*value),
                (_, None) => {}
            }
        }
        Ok(())
    }

    /// Refuses parts without rows and labels of one class.
    pub(super) fn check(&self, split: &TabularSplit, passed: &Passed) -> Result<(), DataError> {
        passed.skipped.check(&self.config.source, passed.rows)?;
        if passed.rows == 0 {
            return Err(DataError::NoRows { origin: self.config.source.clone() });
        }
        for part in PARTS {
            some_rows(self.rows.of(part), part, split, passed.rows)?;
        }
        if self.items.is_none() && (self.positives == 0 || self.positives == self.rows.train) {
            let column = self.wanted.label_name().unwrap_or_default().to_owned();
            let label = u8::from(self.positives > 0);
            return Err(TabularError::OneClass { rows: self.rows.train, label, column }.into());
        }
        Ok(())
    }

    pub(super) fn finish(
        self,
        config: &TabularConfig,
        split: &TabularSplit,
        passed: &Passed,
    ) -> Result<Found, TabularError> {
        let zero = Counts::default();
        let mut vocabularies = Vec::new();
        let mut fields = Vec::new();
        let names = self.wanted.field_names().iter().zip(&config.fields);
        for (nth, (field, (name, settings))) in self.fields.into_iter().zip(names).enumerate() {
            let coding = match (field.values, settings.hash) {
                (Some(values), _) => {
                    let (vocabulary, counts) = values.finish(settings.min_count);
                    let values = vocabulary.len();
                    vocabularies.push((vocabulary, counts));
                    Coding::Vocabulary { file: format!("vocabulary-{nth}.parquet"), values }
                }
                (None, codes) => Coding::Hash { codes: codes.unwrap_or(1) },
            };
            let size = 1 + match &coding {
                Coding::Vocabulary { values, .. } => *values,
                Coding::Hash { codes } => *codes as usize,
                Coding::Quantiles { bounds } => bounds.len() + 1,
            };
            let (name, many) = (name.clone(), field.many);
            fields.push(FieldColumn { name, size, many, coding, missing: zero, unknown: zero });
        }
        let mut dense = Vec::new();
        let names = self.wanted.dense_names().iter().zip(&config.dense);
        for (count, (name, settings)) in self.dense.into_iter().zip(names) {
            let name = name.clone();
            match count {
                DenseCount::Sample(sample) => {
                    let bounds = sample.finish(settings.ranges());
                    let (size, coding) = (bounds.len() + 2, Coding::Quantiles { bounds });
                    fields.push(FieldColumn { name, size, many: false, coding, missing: zero, unknown: zero });
                }
                DenseCount::Spread(spread) => {
                    let Standard { mean, deviation, range } = match spread.finish() {
                        Ok(standard) => standard,
                        Err(value) => return Err(TabularError::TooLarge { column: name, value, most: LARGEST }),
                    };
                    let (transform, (least, most)) = (settings.transform, range.unzip());
                    dense.push(DenseColumn {
                        name,
                        transform,
                        mean,
                        deviation,
                        least,
                        most,
                        missing: zero,
                        clipped: zero,
                    });
                }
            }
        }
        let of_users = config.user.as_ref().and_then(|column| self.users.note(&shown(column)));
        let notes = of_users.into_iter().chain(self.domains.note_of(self.wanted.domain_name()));
        let nobody = nobody::warnings(&self.of_users, |user| self.users.spelling(user));
        let nobody = nobody.into_iter().map(|text| format!("warning: {text}"));
        let notes = notes.chain(self.wanted.time_note()).chain(nobody).collect();
        let (domains, _) = self.domains.finish(1);
        let items = self.items.map(|items| items.finish(0));
        let mut skipped = passed.skipped.clone();
        self.wanted.items().into_iter().for_each(|items| skipped.add(&items.skipped));
        let note = |(ids, counts): &(Vocabulary, Vec<u64>)| CatalogueNote {
            items: ids.len(),
            untrained: counts.iter().filter(|n| **n == 0).count(),
            negative_rows: self.negatives,
        };
        let domain = |nth: u32| DomainColumn { name: domains.id(nth).to_string(), rows: zero, positives: zero };
        let manifest = TabularManifest {
            format: FORMAT,
            family: TabularManifest::family(),
            data: config.clone(),
            split: split.clone(),
            rows: zero,
            fields,
            dense,
            domains: (0..domains.len() as u32).map(domain).collect(),
            number_domains: matches!(domains, Vocabulary::Int(_)),
            users: self.users.len(),
            number_users: self.users.is_of_numbers(),
            time_unit: self.wanted.time_unit(),
            notes,
            catalogue: items.as_ref().map(note),
            seen: None,
            left_out: zero,
            other_domains: passed.other_domains,
            without_user: zero,
            skipped_rows: skipped.rows,
            skipped_examples: skipped.examples,
            skipped_reasons: skipped.reasons,
            content_hash: String::new(),
            files: Vec::new(),
        };
        Ok(Found { manifest, vocabularies, users: self.users, items })
    }
}

/// Refuses a part without rows.
pub(super) fn some_rows(found: u64, part: Part, split: &TabularSplit, rows: u64) -> Result<(), TabularError> {
    if found > 0 || part != Part::Train && *split == (TabularSplit::All {}) {
        return Ok(());
    }
    Err(TabularError::PartEmpty { kind: split.kind(), part: part_name(part), rows })
}

/// The number of a row's user, in order of first appearance, and the id.
pub(super) fn number<'c>(
    users: &mut Interner,
    at: At<'_>,
    row: &Row<'c>,
) -> Result<Option<(u32, Cell<'c>)>, DataError> {
    let Some(user) = row.user else { return Ok(None) };
    users.intern(user).map(|number| Some((number, user))).map_err(|why| refused(&why, at, "user", user))
}
