//! Simulated domains of very unequal size and base rate, in which it is known who shares what with whom.
//!
//! The log odds of a label are a bias of the domain, effects that all domains share (latent factors of user and item,
//! category, tags, price) and, in all but the largest domains, effects of that domain alone (other latent factors of the
//! items, other effects of the categories, an hour at which the label is likeliest). A model that treats all domains
//! alike is right about the shared effects only; for the others it needs parameters that serve one domain. The summary
//! says what can be reached with either.

mod config;
mod world;

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use rayon::prelude::*;

pub use config::DomainsConfig;
use world::{SimulatedRow, World};

use crate::atomic::write_atomically;
use crate::error::DataError;
use crate::progress::Progress;
use crate::seed;
use crate::simulate::{Encoding, Formatted};

/// Rows that one thread draws at a time, from a stream of their own.
const CHUNK: usize = 4_096;

/// Chunks that are held at a time; memory does not grow with the number of rows.
const CHUNKS: usize = 64;

const HEADER: &str = "user,item,category,tags,hour,price,domain,label\n";

/// What a simulation of domains made.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DomainsSummary {
    /// Rows.
    pub rows: u64,
    /// The domains, the largest first.
    pub domains: Vec<DomainSummary>,
}

/// A simulated domain as it came out.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DomainSummary {
    /// `domain-1` …
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// The share of them with the label 1.
    pub base_rate: f64,
    /// Whether it has effects of its own, for which experts ought to specialise.
    pub own: bool,
    /// The AUC of the true probabilities, which no model exceeds but by chance; `None` if all labels are the same.
    pub best_auc: Option<f64>,
    /// The AUC of the shared effects alone.
    pub shared_auc: Option<f64>,
}

/// Simulates rows of several domains and writes them to `out`: `.csv`, `.csv.gz` or `.parquet` by its suffix.
///
/// Columns: `user` (text such as `u00042`), `item`, `category`, `tags` (a list; in CSV separated by `|`), `hour` (0 to
/// 23), `price` (missing in some rows), `domain` (`domain-1` …, the largest first) and `label` (0 or 1). Equal configs give
/// equal bytes for any number of threads. The file is written beside its place and moved there when it is whole.
///
/// # Errors
/// [`SimulationError`](crate::SimulationError) for a field or suffix that cannot be, [`DataError::Io`] if the file cannot
/// be written.
pub fn simulate_domains(
    config: &DomainsConfig,
    out: &Path,
    progress: Progress<'_>,
) -> Result<DomainsSummary, DataError> {
    config.check()?;
    let encoding = Encoding::of(out)?;
    let world = World::new(config);
    let layout = Layout::new(config);
    let mut tallies: Vec<Tally> = (0..config.domains).map(|_| Tally::new()).collect();
    let draw = |first: usize| -> Vec<(Vec<SimulatedRow>, io::Result<Formatted>)> {
        let chunks = first..(first + CHUNKS).min(config.rows.div_ceil(CHUNK));
        let chunk = |chunk: usize| {
            let mut stream = seed::stream(config.seed, "simulate domains rows", &[chunk as u64]);
            let rows = CHUNK.min(config.rows - chunk * CHUNK);
            let rows: Vec<SimulatedRow> = (0..rows).map(|_| world.draw(&mut stream)).collect();
            let formatted = layout.format(&world, &rows, encoding);
            (rows, formatted)
        };
        chunks.into_par_iter().map(chunk).collect()
    };
    write_atomically(out, |file| {
        let mut sink = encoding.sink(file, HEADER, &layout.schema)?;
        let mut first = 0;
        let mut drawn = draw(first);
        while !drawn.is_empty() {
            first += CHUNKS;
            let write = || {
                drawn.into_iter().try_for_each(|(rows, formatted)| {
                    for row in &rows {
                        tallies[usize::from(row.domain)].note(row);
                    }
                    sink.write(formatted?)
                })
            };
            // While one block is written, the next is drawn.
            let (written, next) = rayon::join(write, || draw(first));
            written?;
            drawn = next;
            progress("simulate", (first * CHUNK).min(config.rows) as u64, Some(config.rows as u64));
        }
        sink.finish()
    })?;
    let domains = tallies.iter().enumerate().map(|(nth, tally)| DomainSummary {
        name: layout.domain(nth),
        rows: tally.rows,
        base_rate: tally.positives as f64 / tally.rows.max(1) as f64,
        own: world.has_own(nth),
        best_auc: tally.all.auc(),
        shared_auc: tally.shared.auc(),
    });
    Ok(DomainsSummary { rows: config.rows as u64, domains: domains.collect() })
}

/// Counts the rows of a domain.
struct Tally {
    rows: u64,
    positives: u64,
    all: Ranking,
    shared: Ranking,
}

impl Tally {
    fn new() -> Self {
        Self { rows: 0, positives: 0, all: Ranking::new(), shared: Ranking::new() }
    }

    fn note(&mut self, row: &SimulatedRow) {
        self.rows += 1;
        self.positives += u64::from(row.label);
        self.all.note(row.log_odds, row.label);
        self.shared.note(row.shared, row.label);
    }
}

/// How well log odds rank labels, by counts in narrow bins.
struct Ranking {
    /// Negatives and positives in each bin.
    bins: Vec<[u64; 2]>,
}

impl Ranking {
    const BINS: usize = 1 << 13;
    /// Log odds beyond this stand in the last bin.
    const WIDEST: f64 = 16.0;

    fn new() -> Self {
        Self { bins: vec![[0; 2]; Self::BINS] }
    }

    fn note(&mut self, log_odds: f64, label: bool) {
        let place = f64::midpoint(log_odds / Self::WIDEST, 1.0) * Self::BINS as f64;
        let bin = (place.max(0.0) as usize).min(Self::BINS - 1);
        self.bins[bin][usize::from(label)] += 1;
    }

    /// The share of pairs of a positive and a negative that stand in the right order; equal bins count half.
    fn auc(&self) -> Option<f64> {
        let (mut below, mut right) = (0.0, 0.0);
        for [negatives, positives] in self.bins.iter().map(|bin| bin.map(|n| n as f64)) {
            right += positives * (below + negatives / 2.0);
            below += negatives;
        }
        let positives: u64 = self.bins.iter().map(|bin| bin[1]).sum();
        let pairs = below * positives as f64;
        (pairs > 0.0).then(|| right / pairs)
    }
}

/// How rows go into a file.
struct Layout {
    schema: SchemaRef,
    widths: [usize; 5],
}

impl Layout {
    fn new(config: &DomainsConfig) -> Self {
        // Ids of equal length sort as text in the order of their numbers.
        let digits = |n: usize, least: usize| (n - 1).to_string().len().max(least);
        let text = |name: &str| Field::new(name, DataType::Utf8, false);
        let item = Field::new("item", DataType::Utf8, false);
        let schema = Schema::new(vec![
            text("user"),
            text("item"),
            text("category"),
            Field::new("tags", DataType::List(Arc::new(item)), false),
            Field::new("hour", DataType::Int32, false),
            Field::new("price", DataType::Float64, true),
            text("domain"),
            Field::new("label", DataType::Int32, false),
        ]);
        let widths = [
            digits(config.users, 5),
            digits(config.items, 5),
            digits(config.categories, 2),
            digits(config.tags, 2),
            config.domains.to_string().len(),
        ];
        Self { schema: Arc::new(schema), widths }
    }

    fn user(&self, number: u32) -> String {
        format!("u{number:0width$}", width = self.widths[0])
    }

    fn item(&self, number: u32) -> String {
        format!("i{number:0width$}", width = self.widths[1])
    }

    fn category(&self, number: u32) -> String {
        format!("c{number:0width$}", width = self.widths[2])
    }

    fn tag(&self, number: u32) -> String {
        format!("t{number:0width$}", width = self.widths[3])
    }

    fn domain(&self, nth: usize) -> String {
        format!("domain-{:0width$}", nth + 1, width = self.widths[4])
    }

    fn format(&self, world: &World<'_>, rows: &[SimulatedRow], encoding: Encoding) -> io::Result<Formatted> {
        match encoding {
            Encoding::Csv | Encoding::CsvGzip => Ok(Formatted::Text(self.text(world, rows))),
            Encoding::Parquet => self.batch(world, rows).map(Formatted::Batch),
        }
    }

    fn text(&self, world: &World<'_>, rows: &[SimulatedRow]) -> Vec<u8> {
        let mut text = String::with_capacity(rows.len() * 56);
        for row in rows {
            let item = &world.items[row.item as usize];
            let tags: Vec<String> = item.tags.iter().map(|&tag| self.tag(tag)).collect();
            let price = row.price.map(|price| format!("{price:.2}")).unwrap_or_default();
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{},{},{},{},{},{price},{},{}",
                self.user(row.user),
                self.item(row.item),
                self.category(item.category),
                tags.join("|"),
                row.hour,
                self.domain(row.domain.into()),
                u8::from(row.label)
            );
        }
        text.into_bytes()
    }

    fn batch(&self, world: &World<'_>, rows: &[SimulatedRow]) -> io::Result<RecordBatch> {
        let of_item = |row: &SimulatedRow| &world.items[row.item as usize];
        let text = |of: &dyn Fn(&SimulatedRow) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
        };
        let mut tags =
            ListBuilder::new(StringBuilder::new()).with_field(Arc::new(Field::new("item", DataType::Utf8, false)));
        for row in rows {
            of_item(row).tags.iter().for_each(|&tag| tags.values().append_value(self.tag(tag)));
            tags.append(true);
        }
        let columns: Vec<ArrayRef> = vec![
            text(&|row| self.user(row.user)),
            text(&|row| self.item(row.item)),
            text(&|row| self.category(of_item(row).category)),
            Arc::new(tags.finish()),
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| i32::from(row.hour)))),
            Arc::new(rows.iter().map(|row| row.price).collect::<Float64Array>()),
            text(&|row| self.domain(row.domain.into())),
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| i32::from(row.label)))),
        ];
        RecordBatch::try_new(self.schema.clone(), columns).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests;
