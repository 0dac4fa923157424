//! Prepared tabular data: what is written is read back, codes come from the training part alone, nothing is trusted.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod catalogue;
mod fields;
mod listed;
mod lists;
mod prepared;
mod refused;
mod retrieval;
mod seen;
mod sources;
#[path = "../support/mod.rs"]
mod support;
mod whole;

use std::fmt::Write;
use std::path::Path;

use adepts_data::progress::silent;
use adepts_data::tabular::{
    DenseConfig, EncodeSummary, Encoded, FieldConfig, LabelConfig, RawFiles, TabularBatch, TabularConfig,
    TabularDataset, TabularSplit, Transform,
};
use adepts_data::{Column, DataError, Part};
use support::file;
use tempfile::{TempDir, tempdir};

const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

fn column(name: &str) -> Column {
    Column::Name(name.to_owned())
}

/// 400 rows, each of a user of its own: `row,colour,tags,zip,age,views,rating,time,site`.
fn source(dir: &Path) -> String {
    let mut text = String::from("row,colour,tags,zip,age,views,rating,time,site\n");
    for row in 0..400_i64 {
        let colour = ["red", "green", "blue", ""][(row * 7 % 4) as usize];
        let tags = ["a|b", "b", "", "c|a|a"][(row / 3 % 4) as usize];
        let age = if row % 10 == 3 { String::new() } else { (20 + row % 30).to_string() };
        let (views, rating, site) = (row * row, 1 + row * 13 % 5, ["shop", "app"][usize::from(row % 3 == 0)]);
        writeln!(text, "{row},{colour},{tags},{:05},{age},{views},{rating},{},{site}", row % 90, 9_000 - row).unwrap();
    }
    file(dir, "source.csv", text)
}

fn config(source: impl Into<String>) -> TabularConfig {
    let label = LabelConfig { column: column("rating"), at_least: Some(4.0) };
    let field = |name: &str| FieldConfig::from(column(name));
    let dense = |name: &str, transform| DenseConfig { transform, ..column(name).into() };
    TabularConfig {
        user: Some(column("row")),
        time: Some(column("time")),
        fields: vec![
            field("colour"),
            FieldConfig { separator: Some("|".into()), ..field("tags") },
            FieldConfig { hash: Some(50), ..field("zip") },
        ],
        dense: vec![
            dense("age", Transform::Standard),
            DenseConfig { buckets: Some(4), ..dense("views", Transform::Quantile) },
            dense("time", Transform::Log),
        ],
        ..TabularConfig::new(source, label, column("site"))
    }
}

fn prepare(config: &TabularConfig, split: &TabularSplit, folder: &Path) -> Result<TabularDataset, DataError> {
    TabularDataset::prepare(config, split, 7, folder, &mut silent)
}

fn prepared() -> (TempDir, TabularDataset) {
    let dir = tempdir().unwrap();
    let set = prepare(&config(source(dir.path())), &TabularSplit::default(), &dir.path().join("prepared")).unwrap();
    (dir, set)
}

fn all(set: &TabularDataset, part: Part) -> TabularBatch {
    let mut all = TabularBatch::none(set.schema());
    set.blocks(part, 7).unwrap().for_each(|block| all.append(&block.unwrap()));
    all
}

fn encode(set: &TabularDataset, files: &RawFiles) -> Result<(Vec<Encoded>, EncodeSummary), DataError> {
    let mut blocks = Vec::new();
    let each = |block: Encoded| {
        blocks.push(block);
        Ok::<_, DataError>(())
    };
    set.encode(files, 64, each, &mut silent).map(|summary| (blocks, summary))
}

fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}
