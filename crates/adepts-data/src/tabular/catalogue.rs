//! The items that can be found, each once: all that the source or a catalogue of its own has, whether or not the training part has
//! them.

use std::path::Path;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::batch::{Schema, TabularBatch};
use super::coder::{Coded, Coder};
use super::folder::{self, write_vocabulary};
use super::item_file::ItemFile;
use super::manifest::{CATALOGUE, TabularManifest};
use super::part::PartFile;
use super::read::Row;
use super::set::TabularDataset;
use super::side::Side;
use super::vocabulary::Lookup;
use super::write::PartWriter;
use crate::error::DataError;
use crate::id::Vocabulary;
use crate::interactions::Part;
use crate::source::Cell;

/// Rows that are read at once where the training part is counted.
const BLOCK: usize = 1 << 15;

/// The items of prepared tabular data.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Their ids, ascending; an item's place among them is its number.
    pub ids: Vocabulary,
    /// How many training rows have each item.
    pub counts: Vec<u64>,
    /// What describes each item: the columns of [`Side::Item`], all of domain 0.
    pub batch: TabularBatch,
}

impl Catalogue {
    /// Opens the catalogue of a prepared folder, after its files were found to be those that were written; `None` where the
    /// rows were not prepared for retrieval.
    ///
    /// # Errors
    /// For whatever is not as it was written; the parts are not looked at.
    pub fn open(dir: &Path) -> Result<Option<Self>, DataError> {
        let manifest = TabularManifest::read(dir)?;
        let schema = manifest.schema();
        let Some(items) = &schema.items else { return Ok(None) };
        for name in CATALOGUE {
            let note = manifest.files.iter().find(|note| note.name == *name);
            folder::check(dir, note.ok_or_else(|| DataError::MissingFile { path: dir.join(name) })?)?;
        }
        let [of_ids, of_fields] = CATALOGUE.map(|name| dir.join(name));
        let fields = PartFile::open(&of_fields, &schema.side(Side::Item), items.count as u64)?;
        Self::read(&schema, folder::read_vocabulary(&of_ids, items.count)?, &Arc::new(fields)).map(Some)
    }

    /// These items, ids and counts, with what the file says of them; `schema` is that of the rows.
    fn read(schema: &Schema, items: (Vocabulary, Vec<u64>), fields: &Arc<PartFile>) -> Result<Self, DataError> {
        let mut batch = TabularBatch::none(&schema.side(Side::Item));
        for block in fields.read((0..fields.groups.len()).collect(), BLOCK)? {
            batch.append(&block?);
        }
        Ok(Self { ids: items.0, counts: items.1, batch })
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

/// Which share of the training rows an item has, for a loss that is corrected for it.
#[derive(Clone, Debug)]
pub enum Shares {
    /// Among all training rows: the logarithm of each item's share, negative infinity for items without a row.
    All(Vec<f32>),
    /// Among those of the row's domain.
    Domains {
        /// Rows of a domain (first) and item.
        counts: HashMap<(u32, u32), u32, FixedState>,
        /// Rows of each domain.
        rows: Vec<u32>,
    },
}

impl Shares {
    /// Fills in [`TabularBatch::log_share`].
    ///
    /// # Panics
    /// If a row is none of those that were counted.
    pub fn fill(&self, batch: &mut TabularBatch) {
        let rows = batch.item.iter().zip(&batch.domain);
        let share = |(item, domain): (&u32, &u32)| match self {
            Self::All(shares) => shares[*item as usize],
            Self::Domains { counts, rows } => {
                (f64::from(counts[&(*domain, *item)]) / f64::from(rows[*domain as usize])).ln() as f32
            }
        };
        batch.log_share = rows.map(share).collect();
    }
}

impl TabularDataset {
    /// The items that can be found; `None` where the rows were not prepared for retrieval.
    ///
    /// # Errors
    /// If the files cannot be read or do not hold what they must.
    pub fn catalogue(&self) -> Result<Option<Catalogue>, DataError> {
        let Some(items) = &self.schema().items else { return Ok(None) };
        Catalogue::read(self.schema(), self.items(items.count)?, self.catalogue_file()).map(Some)
    }

    /// The items' shares of the training rows: of all of them, or domain by domain, for which the training part is read once.
    ///
    /// # Errors
    /// As [`TabularDataset::catalogue`].
    ///
    /// # Panics
    /// If the rows were not prepared for retrieval.
    pub fn shares(&self, by_domain: bool) -> Result<Shares, DataError> {
        let items = self.schema().items.as_ref().expect("tabular data that was prepared for retrieval");
        if !by_domain {
            let (_, counts) = self.items(items.count)?;
            let all = counts.iter().sum::<u64>() as f64;
            return Ok(Shares::All(counts.into_iter().map(|n| (n as f64 / all).ln() as f32).collect()));
        }
        let mut counts: HashMap<(u32, u32), u32, FixedState> = HashMap::default();
        let mut rows = vec![0; self.schema().domains.len()];
        for block in self.blocks(Part::Train, BLOCK)? {
            let block = block?;
            for (&domain, &item) in block.domain.iter().zip(&block.item) {
                *counts.entry((domain, item)).or_default() += 1;
                rows[domain as usize] += 1;
            }
        }
        Ok(Shares::Domains { counts, rows })
    }
}

/// The catalogue as it is met in the source.
pub(super) struct Collecting {
    lookup: Lookup,
    schema: Schema,
    /// For each item its place among those that were met.
    met: Vec<Option<u32>>,
    batch: TabularBatch,
    scratch: Coded,
}

impl Collecting {
    /// Of these items; `schema` is that of the rows.
    pub(super) fn new(ids: &Vocabulary, schema: &Schema) -> Self {
        Self {
            lookup: Lookup::new(ids),
            schema: schema.clone(),
            met: vec![None; ids.len()],
            batch: TabularBatch::none(&schema.side(Side::Item)),
            scratch: Coded::new(schema),
        }
    }

    /// The number of a row's item, whose fields are kept if it is met for the first time; `None` for an item that was not
    /// there when items were counted.
    pub(super) fn meet(&mut self, row: &Row<'_>, coder: &Coder) -> Option<u32> {
        let item = self.lookup.index(row.item?)?;
        let met = &mut self.met[item as usize];
        if met.is_none() {
            *met = Some(self.batch.rows() as u32);
            coder.push(row, 0, None, &mut self.scratch);
            self.batch.append(&self.scratch.batch.side(&self.schema, Side::Item));
            self.scratch.batch.clear();
        }
        Some(item)
    }

    /// All items of a catalogue of its own.
    pub(super) fn meet_all(&mut self, items: &ItemFile, coder: &Coder) {
        for item in 0..items.ids().len() as u32 {
            items.join(item, &[], &[], |id, fields, dense| {
                let (domain, item) = (Cell::Missing, Some(id));
                let row = Row { number: 0, label: 1.0, domain, user: None, time: None, item, fields, dense, kept: &[] };
                self.meet(&row, coder);
            });
        }
    }

    /// Writes the catalogue; gives the hash over its content, or `None` if not all items were met.
    pub(super) fn write(
        self,
        dir: &Path,
        ids: &Vocabulary,
        counts: &[u64],
        group: usize,
    ) -> Result<Option<blake3::Hash>, DataError> {
        let Some(order) = self.met.into_iter().collect::<Option<Vec<u32>>>() else { return Ok(None) };
        let [of_ids, of_fields] = CATALOGUE;
        write_vocabulary(&dir.join(of_ids), ids, counts)?;
        let mut writer = PartWriter::new(&dir.join(of_fields), &self.schema.side(Side::Item), group)?;
        for places in order.chunks(group) {
            writer.waiting.batch.append(&self.batch.select(places));
            writer.appended()?;
        }
        Ok(Some(writer.finish()?.0))
    }
}
