//! How tabular data was prepared, and what came out: `manifest.json` of a prepared folder of tabular data.

mod columns;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use columns::{Coding, DenseColumn, DomainColumn, FieldColumn};
use serde::{Deserialize, Serialize};

use super::batch::{Field, Schema};
use super::config::{TabularConfig, TabularSplit, Transform};
use crate::config::Column;
use crate::error::DataError;
use crate::error::FolderError;
use crate::error::SkippedReason;
use crate::error::TabularError;
use crate::interactions::Part;
use crate::time::TimeUnit;

/// The version of the format that is written, and the latest that is read.
pub const FORMAT: u32 = 2;

/// The name of the family in a manifest.
/// The family as folders name it.
const FAMILY: &str = "examples";

pub(super) const MANIFEST: &str = "manifest.json";

/// The files of the catalogue: the ids with their counts, and the fields.
pub(super) const CATALOGUE: [&str; 2] = ["items.parquet", "catalogue.parquet"];

/// The file of the pairs that were only seen; it is there where there are some.
pub(super) const SEEN: &str = "seen.parquet";

/// No manifest is larger.
const LARGEST: u64 = 64 << 20;

/// A number for each part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Of the training part.
    pub train: u64,
    /// Of the validation part.
    pub validation: u64,
    /// Of the test part.
    pub test: u64,
}

impl Counts {
    /// That of a part.
    #[must_use]
    pub fn of(&self, part: Part) -> u64 {
        match part {
            Part::Train => self.train,
            Part::Validation => self.validation,
            Part::Test => self.test,
        }
    }

    pub(super) fn add(&mut self, part: Part, more: u64) {
        match part {
            Part::Train => self.train += more,
            Part::Validation => self.validation += more,
            Part::Test => self.test += more,
        }
    }

    /// Of all parts.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.train + self.validation + self.test
    }
}

/// The items of tabular data for retrieval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueNote {
    /// How many there are.
    pub items: usize,
    /// How many of them no training row has.
    pub untrained: usize,
    /// Rows of the source that are not positive. Nothing is learned from them; they say that their items exist, and that their users
    /// have seen them.
    pub negative_rows: u64,
}

/// Pairs of a user and an item, of tabular data for retrieval, that stand only in rows from which nothing is learned: rows that are not
/// positive, and held-out rows of domains without training rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenNote {
    /// How many there are, by the part to which their rows belong; a pair of several parts belongs to the first of them.
    pub pairs: Counts,
    /// What [`TabularManifest::content_hash`] would be without them, and was in versions that did not keep them.
    pub content_without: String,
}

/// A file beside the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileNote {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// blake3 over its bytes.
    pub hash: String,
}

/// How tabular data was prepared, and what came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TabularManifest {
    /// Version of the format of the folder.
    pub format: u32,
    /// `examples`.
    pub family: String,
    /// The source and the meaning of its columns.
    pub data: TabularConfig,
    /// The split, with its seed filled in.
    pub split: TabularSplit,
    /// Rows of each part.
    pub rows: Counts,
    /// Categorical fields, those made of quantiles last.
    pub fields: Vec<FieldColumn>,
    /// Dense fields.
    pub dense: Vec<DenseColumn>,
    /// Domains, ascending by value.
    pub domains: Vec<DomainColumn>,
    /// Whether all domains are whole numbers in the source, and not text.
    #[serde(default)]
    pub number_domains: bool,
    /// Users of all parts; 0 without a column of users.
    pub users: usize,
    /// Whether all ids of users are whole numbers in the source, and not text.
    #[serde(default)]
    pub number_users: bool,
    /// What the numbers of the column of times count; absent where no times are read or they are no numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_unit: Option<TimeUnit>,
    /// What was decided of the columns, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The items that can be found, where the rows are for retrieval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<CatalogueNote>,
    /// What users have only seen; absent where there is nothing of that kind, and in folders of versions that did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<SeenNote>,
    /// Rows of validation and test that were left out because no training row has their domain.
    pub left_out: Counts,
    /// Rows that were left out because their domain is none of those that the configuration lists.
    #[serde(default)]
    pub other_domains: u64,
    /// Rows without a user, where there is a column of users.
    #[serde(default)]
    pub without_user: Counts,
    /// Rows that could not be read and were skipped.
    pub skipped_rows: u64,
    /// The first of them, as messages.
    pub skipped_examples: Vec<String>,
    /// Why they were skipped, with counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_reasons: Vec<SkippedReason>,
    /// blake3 over the content: the parts, the vocabularies, the items, and what was only seen where there is some.
    pub content_hash: String,
    /// The files beside the manifest, by name.
    pub files: Vec<FileNote>,
}

impl TabularManifest {
    /// The family and version that are written.
    pub(super) fn family() -> String {
        FAMILY.to_owned()
    }

    /// What the columns are.
    pub(super) fn schema(&self) -> Schema {
        let field = |f: &FieldColumn| Field { name: f.name.clone(), size: f.size, many: f.many };
        Schema {
            fields: self.fields.iter().map(field).collect(),
            dense: self.dense.iter().map(|d| d.name.clone()).collect(),
            domains: self.domains.iter().map(|d| d.name.clone()).collect(),
            users: self.users,
            items: self.data.item.as_ref().zip(self.catalogue).map(|(item, of)| item.columns(&self.data, of.items)),
        }
    }

    /// Whether both are of the same log, cut and coded in the same way. What was only seen counts where both have kept it.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        let without = |of: &Self| of.seen.as_ref().map_or(&of.content_hash, |seen| &seen.content_without).clone();
        self.content_hash == other.content_hash
            || (self.seen.is_none() || other.seen.is_none()) && without(self) == without(other)
    }

    /// The same without what describes the item.
    pub(super) fn without_item(&self) -> Self {
        let Some(items) = self.schema().items else { return self.clone() };
        let mut less = self.clone();
        let keep = |nth: usize, of: &[usize]| !of.contains(&nth);
        let mut nth = 0..;
        less.fields.retain(|_| nth.next().is_some_and(|nth| keep(nth, &items.fields)));
        let mut nth = 0..;
        less.dense.retain(|_| nth.next().is_some_and(|nth| keep(nth, &items.dense)));
        if let Some(item) = less.data.item.take() {
            let of_item = |column: &Column| item.column == *column || item.fields.contains(column);
            less.data.fields.retain(|field| !of_item(&field.column));
            less.data.dense.retain(|dense| !of_item(&dense.column));
        }
        (less.catalogue, less.seen) = (None, None);
        less
    }

    /// The manifest of a folder, of a family and a format that are known.
    pub(super) fn read(dir: &Path) -> Result<Self, DataError> {
        let path = dir.join(MANIFEST);
        let file = File::open(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                FolderError::NotPrepared { path: dir.to_path_buf(), missing: MANIFEST }.into()
            }
            _ => DataError::io("read", &path)(e),
        })?;
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).map_err(DataError::io("read", &path))?;
        let wrong = |reason: String| FolderError::BadManifest { path: path.clone(), reason };
        // Family and version first: others may have other fields.
        let json: serde_json::Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        match json.get("family").and_then(serde_json::Value::as_str) {
            Some(FAMILY) => {}
            other => {
                let found = other.unwrap_or("histories").to_owned();
                return Err(
                    TabularError::OtherFamily { path: dir.to_path_buf(), found, expected: "tabular data" }.into()
                );
            }
        }
        match json.get("format").and_then(serde_json::Value::as_u64) {
            Some(found) if found > u64::from(FORMAT) => {
                return Err(FolderError::NewerFormat { path, found, known: FORMAT }.into());
            }
            Some(1..) => {}
            _ => return Err(wrong("`format` is missing; expected a whole number from 1".into()).into()),
        }
        let manifest: Self = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        manifest.check().map_err(|reason| wrong(reason).into()).map(|()| manifest)
    }

    /// What later code relies on.
    fn check(&self) -> Result<(), String> {
        if self.domains.is_empty() {
            return Err("`domains` is empty; expected at least one".into());
        }
        let quantiles = self.data.dense.iter().filter(|d| d.transform == Transform::Quantile).count();
        let plain = self.data.fields.len();
        let in_order = self.fields.iter().enumerate().all(|(nth, field)| {
            matches!(field.coding, Coding::Quantiles { .. }) == (nth >= plain) && !(field.many && nth >= plain)
        });
        if self.fields.len() != plain + quantiles || self.dense.len() + quantiles != self.data.dense.len() || !in_order
        {
            return Err("`fields` and `dense` are not those of `data`".into());
        }
        for field in &self.fields {
            let size = match &field.coding {
                Coding::Vocabulary { values, .. } => values.checked_add(1),
                Coding::Hash { codes } => (*codes > 0).then_some(*codes as usize + 1),
                Coding::Quantiles { bounds } => bounds.is_sorted().then_some(bounds.len() + 2),
            };
            if size != Some(field.size) || u32::try_from(field.size).is_err() {
                return Err(format!(
                    "the field `{}` has the size {}, which its coding does not give",
                    field.name, field.size
                ));
            }
        }
        for dense in &self.dense {
            if !(dense.mean.is_finite() && dense.deviation.is_finite() && dense.deviation > 0.0) {
                return Err(format!("the dense field `{}` has no finite mean or no deviation above 0", dense.name));
            }
            let sound = match (dense.least, dense.most) {
                (Some(least), Some(most)) => least.is_finite() && most.is_finite() && least <= most,
                (least, most) => least.is_none() && most.is_none(),
            };
            if !sound {
                return Err(format!("the dense field `{}` has no range from `least` to `most`", dense.name));
            }
        }
        for note in &self.files {
            if note.name.contains(['/', '\\']) || note.name.starts_with('.') {
                return Err(format!("`{}` is not the name of a file next to the manifest", note.name));
            }
        }
        let of_files = |file: &str| self.files.iter().any(|note| note.name == file);
        let vocabularies = self.fields.iter().filter_map(|field| match &field.coding {
            Coding::Vocabulary { file, .. } => Some(file.as_str()),
            _ => None,
        });
        if self.catalogue.is_some() != self.data.item.is_some() {
            return Err("`catalogue` is there without `data.item`, or the reverse".into());
        }
        if self.seen.is_some() && self.catalogue.is_none() {
            return Err("`seen` is there without `catalogue`".into());
        }
        let catalogue = CATALOGUE.into_iter().filter(|_| self.catalogue.is_some());
        let others = catalogue.chain(self.seen.as_ref().map(|_| SEEN));
        match vocabularies.chain(PARTS.map(file_name)).chain(others).find(|file| !of_files(file)) {
            Some(missing) => Err(format!("`files` does not name {missing}")),
            None => Ok(()),
        }
    }
}

/// The parts in the order in which they are listed.
pub(super) const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

/// The file of a part.
pub(super) fn file_name(part: Part) -> &'static str {
    match part {
        Part::Train => "train.parquet",
        Part::Validation => "validation.parquet",
        Part::Test => "test.parquet",
    }
}

/// The file that says where the rows of a part come from; what is learned from has none.
pub(super) fn origin_name(part: Part) -> Option<&'static str> {
    match part {
        Part::Train => None,
        Part::Validation => Some("validation-rows.parquet"),
        Part::Test => Some("test-rows.parquet"),
    }
}

/// A part in a message.
pub(super) fn part_name(part: Part) -> &'static str {
    match part {
        Part::Train => "training",
        Part::Validation => "validation",
        Part::Test => "test",
    }
}
