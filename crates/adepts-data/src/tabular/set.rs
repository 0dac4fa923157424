//! A prepared folder of tabular data.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::batch::Schema;
use super::config::{TabularConfig, TabularSplit};
use super::epoch::Epoch;
use super::folder;
use super::manifest::{CATALOGUE, Coding, FieldColumn, MANIFEST, PARTS, TabularManifest, file_name, origin_name};
use super::origin::{self, Origins};
use super::part::{Blocks, PartFile};
use super::side::Side;
use crate::error::DataError;
use crate::id::Vocabulary;
use crate::interactions::Part;

/// Prepared tabular data: a folder that was checked and is read part by part, never whole.
///
/// | file | columns |
/// |---|---|
/// | `train.parquet`, `validation.parquet`, `test.parquet` | `field.NAME` (codes, or lists of them), `dense.NAME` (standardised), `domain`, `label`, `user`, in the order of the source |
/// | `validation-rows.parquet`, `test-rows.parquet` | `row`, the place in the source, and `user`, the id as it stands there |
/// | `vocabulary-N.parquet` | the values of the N-th field, ascending, and `count`, how often each stands in the training part |
/// | `items.parquet`, `catalogue.parquet` | for retrieval: `id` and `count` of the items, ascending, and their columns in that order |
/// | `seen.parquet` | for retrieval, where there are some: pairs of `user` and `item` that nothing is learned from, and the `part` of their rows, in the order of part, user, item |
/// | `manifest.json` | [`TabularManifest`] |
#[derive(Clone, Debug)]
pub struct TabularDataset {
    folder: PathBuf,
    manifest: TabularManifest,
    schema: Schema,
    parts: [Arc<PartFile>; 3],
    catalogue: Option<Arc<PartFile>>,
}

impl TabularDataset {
    /// Whether `path` is a folder that claims to hold prepared tabular data.
    #[must_use]
    pub fn is_prepared(path: &Path) -> bool {
        path.join(MANIFEST).is_file() && path.join(file_name(Part::Train)).is_file()
    }

    /// What a prepared folder says of itself, without a look at its other files.
    ///
    /// # Errors
    /// If the manifest cannot be read or is of another family or a later format.
    pub fn manifest_of(folder: &Path) -> Result<TabularManifest, DataError> {
        TabularManifest::read(folder)
    }

    /// Opens a prepared folder, after its files were found to be those that were written.
    ///
    /// # Errors
    /// For whatever is not as [`TabularDataset::prepare`] wrote it.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        if !folder.is_dir() {
            return Err(DataError::MissingFile { path: folder.to_path_buf() });
        }
        let manifest = TabularManifest::read(folder)?;
        for note in &manifest.files {
            folder::check(folder, note)?;
        }
        let schema = manifest.schema();
        let part =
            |part: Part| PartFile::open(&folder.join(file_name(part)), &schema, manifest.rows.of(part)).map(Arc::new);
        let parts = [part(Part::Train)?, part(Part::Validation)?, part(Part::Test)?];
        let catalogue = match &schema.items {
            None => None,
            Some(items) => {
                let path = folder.join(CATALOGUE[1]);
                Some(Arc::new(PartFile::open(&path, &schema.side(Side::Item), items.count as u64)?))
            }
        };
        Ok(Self { folder: folder.to_path_buf(), manifest, schema, parts, catalogue })
    }

    /// What the columns are.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How it was prepared, and what was counted.
    #[must_use]
    pub fn manifest(&self) -> &TabularManifest {
        &self.manifest
    }

    /// blake3 over the content: the rows of the parts, in order, the vocabularies, the items, and what was only seen.
    #[must_use]
    pub fn content_hash(&self) -> &str {
        &self.manifest.content_hash
    }

    /// Writes into a configuration what the rows were prepared from, and how they were cut; `source` stays.
    pub fn describe(&self, data: &mut TabularConfig, split: &mut TabularSplit) {
        let source = std::mem::take(&mut data.source);
        *data = TabularConfig { source, ..self.manifest.data.clone() };
        self.manifest.split.clone_into(split);
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Rows of a part.
    #[must_use]
    pub fn rows(&self, part: Part) -> usize {
        self.manifest.rows.of(part) as usize
    }

    /// The rows of a part in the order of the source, in blocks of `rows` (the last one may be smaller).
    ///
    /// # Errors
    /// If the file cannot be opened; damage that is met later is an error of the block.
    ///
    /// # Panics
    /// If `rows` is 0.
    pub fn blocks(&self, part: Part, rows: usize) -> Result<Blocks, DataError> {
        assert!(rows > 0, "blocks: a block has at least one row");
        let file = &self.parts[PARTS.iter().position(|p| *p == part).unwrap_or_default()];
        file.read((0..file.groups.len()).collect(), rows)
    }

    /// The training rows in the order of an epoch, in batches of `batch`.
    ///
    /// # Errors
    /// If the file is no longer there or no longer of the size that it had.
    ///
    /// # Panics
    /// If `batch` is 0.
    pub fn epoch(&self, seed: u64, epoch: u64, batch: usize) -> Result<Epoch, DataError> {
        self.parts[0].check()?;
        Ok(Epoch::new(Arc::clone(&self.parts[0]), seed, epoch, batch))
    }

    /// Bytes that [`TabularDataset::epoch`] takes of memory, about.
    #[must_use]
    pub fn epoch_memory(&self) -> u64 {
        Epoch::memory(&self.parts[0])
    }

    /// The values of a categorical field, ascending (a value's code is its place, from 1), and how often each stands in
    /// the training part; `None` if the field has no vocabulary.
    ///
    /// # Errors
    /// If the file cannot be read or does not hold what it must.
    ///
    /// # Panics
    /// If there is no such field.
    pub fn vocabulary(&self, field: usize) -> Result<Option<(Vocabulary, Vec<u64>)>, DataError> {
        self.vocabulary_of(&self.manifest.fields[field])
    }

    /// The vocabulary of a field of the manifest.
    pub(super) fn vocabulary_of(&self, field: &FieldColumn) -> Result<Option<(Vocabulary, Vec<u64>)>, DataError> {
        match &field.coding {
            Coding::Vocabulary { file, values } => folder::read_vocabulary(&self.folder.join(file), *values).map(Some),
            Coding::Hash { .. } | Coding::Quantiles { .. } => Ok(None),
        }
    }

    /// The ids of this many items, ascending, and how many training rows have each.
    pub(super) fn items(&self, count: usize) -> Result<(Vocabulary, Vec<u64>), DataError> {
        folder::read_vocabulary(&self.folder.join(CATALOGUE[0]), count)
    }

    /// The file of the catalogue's columns.
    pub(super) fn catalogue_file(&self) -> &Arc<PartFile> {
        self.catalogue.as_ref().expect("tabular data that was prepared for retrieval")
    }

    /// Where the rows of validation or test come from, in the order of [`TabularDataset::blocks`]; `None` for the training part,
    /// and in folders of versions that did not keep it.
    ///
    /// # Errors
    /// If the file cannot be read or does not hold what it must.
    pub fn origins(&self, part: Part) -> Result<Option<Origins>, DataError> {
        let kept = |name: &&str| self.manifest.files.iter().any(|note| note.name == **name);
        let name = origin_name(part).filter(kept);
        name.map(|name| origin::read(&self.folder.join(name), self.rows(part))).transpose()
    }

    /// Copies the prepared folder, so that a run holds its data. A folder of prepared tabular data that is there is replaced;
    /// onto itself nothing is copied.
    ///
    /// # Errors
    /// If something else is there, or the system refuses.
    pub fn copy_to(&self, folder: &Path) -> Result<Self, DataError> {
        if folder.canonicalize().is_ok_and(|to| self.folder.canonicalize().is_ok_and(|from| from == to)) {
            return Ok(self.clone());
        }
        folder::replace(folder, |new| {
            let names = self.manifest.files.iter().map(|note| note.name.as_str());
            for name in names.chain([MANIFEST]) {
                let to = new.join(name);
                std::fs::copy(self.folder.join(name), &to).map_err(DataError::io("copy to", &to))?;
                let synced = std::fs::File::open(&to).and_then(|file| file.sync_all());
                synced.map_err(DataError::io("copy to", &to))?;
            }
            Ok(())
        })?;
        Self::open(folder)
    }
}
