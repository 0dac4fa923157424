//! What the tests of this crate share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adepts_data::{DataConfig, DataError, Read, SplitConfig};
use arrow_array::{Array as _, ArrayRef, RecordBatch};

/// Writes a file into a folder and gives its path.
pub(crate) fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::File::create(&path).and_then(|mut f| f.write_all(content.as_ref())).unwrap();
    path.to_str().unwrap().to_owned()
}

pub(crate) fn config(source: impl Into<String>) -> DataConfig {
    DataConfig { source: source.into(), ..DataConfig::default() }
}

pub(crate) fn read(data: &DataConfig) -> Result<Read, DataError> {
    adepts_data::read(data, &SplitConfig::default(), &mut adepts_data::progress::silent)
}

/// The rows as they are shown: `user item`, ordered by user and item.
pub(crate) fn rows(read: &Read) -> Vec<String> {
    let log = &read.interactions;
    log.user.iter().zip(&log.item).map(|(&u, &i)| format!("{} {}", log.users.id(u), log.items.id(i))).collect()
}

/// The bytes of a Parquet file.
pub(crate) fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let nullable = |(name, column): (_, ArrayRef)| (name, Arc::clone(&column), column.logical_null_count() > 0);
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(nullable)).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(content).unwrap();
    out.finish().unwrap()
}

pub(crate) fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

/// A file of real data; `None`, with a line that says so, where it is not there.
#[expect(clippy::disallowed_methods, reason = "tests find the data by the environment; the library is given paths")]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn real(name: &str) -> Option<PathBuf> {
    let given = std::env::var_os("ADEPTS_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = given.into_iter().chain([beside]).map(|folder| folder.join(name)).find(|path| path.is_file());
    if path.is_none() {
        eprintln!("skipped: there is no {name} in $ADEPTS_DATA or ../shared/data");
    }
    path
}
