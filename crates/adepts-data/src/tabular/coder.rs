//! Rows to codes and standardised numbers.

use super::batch::{Codes, Schema, TabularBatch};
use super::config::{TabularConfig, Transform};
use super::dense::{range, transformed};
use super::manifest::{Coding, TabularManifest};
use super::read::Row;
use super::values::categories;
use super::vocabulary::{Lookup, hashed};
use crate::id::Vocabulary;
use crate::source::Cell;

/// Turns raw rows into codes and numbers.
pub(super) struct Coder {
    schema: Schema,
    domains: Lookup,
    fields: Vec<FieldCoder>,
    ranges: Vec<RangeCoder>,
    dense: Vec<DenseCoder>,
}

struct FieldCoder {
    separator: Option<String>,
    by: By,
}

enum By {
    Vocabulary(Lookup),
    Hash(u32),
}

/// A categorical field of the ranges of a number; `slot` is its place among the configured dense fields.
struct RangeCoder {
    slot: usize,
    bounds: Vec<f64>,
}

struct DenseCoder {
    slot: usize,
    transform: Transform,
    mean: f64,
    deviation: f64,
    limits: (f64, f64),
}

/// Coded rows as they are made, and what they lacked.
pub(super) struct Coded {
    pub(super) batch: TabularBatch,
    /// For each categorical field the rows without a value.
    pub(super) missing: Vec<u64>,
    /// For each categorical field the values that are not in the vocabulary.
    pub(super) unknown: Vec<u64>,
    /// For each dense field the rows without a value.
    pub(super) dense_missing: Vec<u64>,
    /// For each dense field the rows whose value was clipped.
    pub(super) clipped: Vec<u64>,
}

impl Coded {
    pub(super) fn new(schema: &Schema) -> Self {
        Self {
            batch: TabularBatch::none(schema),
            missing: vec![0; schema.fields.len()],
            unknown: vec![0; schema.fields.len()],
            dense_missing: vec![0; schema.dense.len()],
            clipped: vec![0; schema.dense.len()],
        }
    }
}

impl Coder {
    /// The coder of prepared tabular data; `vocabularies` are those of the fields that have one, in order.
    pub(super) fn new(manifest: &TabularManifest, vocabularies: &[Vocabulary]) -> Self {
        let training_rows = manifest.rows.train;
        let domains = manifest.domains.iter().map(|domain| domain.name.as_str().into()).collect();
        let config: &TabularConfig = &manifest.data;
        let mut vocabularies = vocabularies.iter();
        let mut fields = Vec::new();
        let mut ranges = Vec::new();
        let mut separators = config.fields.iter().map(|field| field.separator.clone());
        let places = |quantile: bool| {
            let slots = config.dense.iter().enumerate();
            slots.filter(move |(_, d)| (d.transform == Transform::Quantile) == quantile).map(|(slot, _)| slot)
        };
        let mut of_ranges = places(true);
        for field in &manifest.fields {
            let by = match &field.coding {
                Coding::Vocabulary { .. } => {
                    By::Vocabulary(Lookup::new(vocabularies.next().expect("a vocabulary for each field that has one")))
                }
                Coding::Hash { codes } => By::Hash(*codes),
                Coding::Quantiles { bounds } => {
                    let slot = of_ranges.next().expect("a dense field for each field of ranges");
                    ranges.push(RangeCoder { slot, bounds: bounds.clone() });
                    continue;
                }
            };
            fields.push(FieldCoder { separator: separators.next().flatten(), by });
        }
        let dense = manifest.dense.iter().zip(places(false)).map(|(dense, slot)| DenseCoder {
            slot,
            transform: dense.transform,
            mean: dense.mean,
            deviation: dense.deviation,
            limits: dense.limits(training_rows),
        });
        let dense = dense.collect();
        Self { schema: manifest.schema(), domains: Lookup::new(&Vocabulary::Text(domains)), fields, ranges, dense }
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The index of a domain; `None` if the training part does not have it.
    pub(super) fn domain(&self, value: Cell<'_>) -> Option<u32> {
        self.domains.index_of_number(value)
    }

    /// Appends a row. `user` is the user's number or [`NO_USER`](super::NO_USER), for all rows
    /// or for none.
    pub(super) fn push(&self, row: &Row<'_>, domain: u32, user: Option<u32>, into: &mut Coded) {
        let Coded { batch, missing, unknown, dense_missing, clipped } = into;
        for (nth, ((field, &cell), codes)) in self.fields.iter().zip(row.fields).zip(&mut batch.fields).enumerate() {
            let mut any = false;
            let mut code = |value: Cell<'_>| {
                any = true;
                match &field.by {
                    By::Hash(codes) => hashed(value, *codes),
                    By::Vocabulary(lookup) => lookup.index_of_number(value).map_or_else(
                        || {
                            unknown[nth] += 1;
                            0
                        },
                        |index| index + 1,
                    ),
                }
            };
            let separator = field.separator.as_deref();
            match codes {
                Codes::One(codes) => {
                    let before = codes.len();
                    categories(cell, separator, &mut |value| codes.push(code(value)));
                    // One code a row, also where it has no value; rows with several were refused when they were read.
                    codes.resize(before + 1, 0);
                }
                Codes::Many { starts, codes } => {
                    categories(cell, separator, &mut |value| codes.push(code(value)));
                    starts.push(codes.len() as u32);
                }
            }
            missing[nth] += u64::from(!any);
        }
        let from = self.fields.len();
        for ((nth, ranged), codes) in (from..).zip(&self.ranges).zip(&mut batch.fields[from..]) {
            let Codes::One(codes) = codes else { continue };
            missing[nth] += u64::from(row.dense[ranged.slot].is_none());
            codes.push(row.dense[ranged.slot].map_or(0, |value| range(value, &ranged.bounds)));
        }
        for (nth, dense) in self.dense.iter().enumerate() {
            let value = row.dense[dense.slot].map_or_else(
                || {
                    dense_missing[nth] += 1;
                    0.0
                },
                |value| {
                    let value = transformed(value, dense.transform);
                    let (least, most) = dense.limits;
                    clipped[nth] += u64::from(!(least..=most).contains(&value));
                    (value.clamp(least, most) - dense.mean) / dense.deviation
                },
            );
            batch.dense.push(value as f32);
        }
        batch.domain.push(domain);
        batch.label.push(row.label);
        batch.user.extend(user);
    }
}
