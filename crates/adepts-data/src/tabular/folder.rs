//! The files of a prepared folder of tabular data: put there whole or not at all, and checked when they are read.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, UInt64Array};
use arrow_schema::{DataType, Schema};

use super::manifest::{FileNote, MANIFEST, TabularManifest};
use crate::atomic::{make_readable_folder, parent, sync_folder};
use crate::error::DataError;
use crate::error::TabularError;
use crate::id::Vocabulary;
use crate::lock::Lock;
use crate::store::{
    BATCH, FolderError, exchange, id_array, id_type, open_parquet, parquet_batches, parquet_field, push_ids,
    write_parquet,
};

/// Makes a folder of prepared tabular data: `write` fills a new one beside `dir`, which then takes its place at once. A
/// folder of prepared tabular data that was there is replaced; anything else is left alone.
pub(super) fn replace<T>(dir: &Path, write: impl FnOnce(&Path) -> Result<T, DataError>) -> Result<T, DataError> {
    let _lock = Lock::beside(dir)?;
    let replaces = check_place(dir)?;
    let beside = parent(dir);
    std::fs::create_dir_all(beside).map_err(DataError::io("create", beside))?;
    let temporary =
        tempfile::Builder::new().prefix(".preparing-").tempdir_in(beside).map_err(DataError::io("create", beside))?;
    let new = temporary.path();
    let result = write(new)?;
    let moved = sync_folder(new)
        .and_then(|()| make_readable_folder(new))
        .and_then(|()| if replaces { exchange(new, dir) } else { std::fs::rename(new, dir) });
    moved.map_err(DataError::io("write", dir))?;
    if !replaces {
        // Nothing is left at the temporary place; where folders were exchanged, the old one is removed from there.
        let _gone = temporary.keep();
    }
    sync_folder(beside).map_err(DataError::io("write", beside))?;
    Ok(result)
}

/// Whether there is a folder of prepared tabular data to replace; an error if there is anything else.
pub(super) fn check_place(dir: &Path) -> Result<bool, DataError> {
    let refuse = |reason: String| Err(FolderError::WouldReplace { path: dir.to_path_buf(), reason }.into());
    let kind = match dir.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(DataError::io("read", dir)(e)),
        Ok(meta) => meta.file_type(),
    };
    if !kind.is_dir() {
        return refuse(if kind.is_symlink() { "it is a link" } else { "it is a file" }.into());
    }
    let manifest = match TabularManifest::read(dir) {
        Ok(manifest) => manifest,
        Err(e) => return refuse(e.to_string()),
    };
    let own: BTreeSet<&str> = manifest.files.iter().map(|f| f.name.as_str()).chain([MANIFEST]).collect();
    for entry in dir.read_dir().map_err(DataError::io("read", dir))? {
        let name = entry.map_err(DataError::io("read", dir))?.file_name();
        if !name.to_str().is_some_and(|name| own.contains(name)) {
            return refuse(format!("it holds {}", name.to_string_lossy()));
        }
    }
    Ok(true)
}

/// What a file is: its size and hash.
pub(super) fn note(dir: &Path, name: &str) -> Result<FileNote, DataError> {
    let path = dir.join(name);
    let file = File::open(&path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => DataError::MissingFile { path: path.clone() },
        _ => DataError::io("read", &path)(e),
    })?;
    let mut hash = blake3::Hasher::new();
    hash.update_reader(file).map_err(DataError::io("read", &path))?;
    Ok(FileNote { name: name.to_owned(), bytes: hash.count(), hash: hash.finalize().to_hex().to_string() })
}

/// Refuses a file that is not the one that was written.
pub(super) fn check(dir: &Path, expected: &FileNote) -> Result<(), DataError> {
    let found = note(dir, &expected.name)?;
    let path = dir.join(&expected.name);
    let changed = |found, expected| Err(TabularError::FileChanged { path, found, expected }.into());
    if found.bytes != expected.bytes {
        return changed(format!("{} bytes", found.bytes), format!("{} bytes", expected.bytes));
    }
    if found.hash != expected.hash {
        return changed(format!("the hash {}", found.hash), expected.hash.clone());
    }
    Ok(())
}

/// Writes the manifest, last of all.
pub(super) fn write_manifest(dir: &Path, manifest: &TabularManifest) -> Result<(), DataError> {
    let path = dir.join(MANIFEST);
    let write = || -> io::Result<()> {
        let mut file = File::create_new(&path)?;
        let text = serde_json::to_string_pretty(manifest).map_err(io::Error::other)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    };
    write().map_err(DataError::io("write", &path))
}

/// Writes a vocabulary: `id`, ascending, and `count`, how often it stands in the training part.
pub(super) fn write_vocabulary(path: &Path, ids: &Vocabulary, counts: &[u64]) -> Result<(), DataError> {
    let fields = vec![parquet_field("id", id_type(ids)), parquet_field("count", DataType::UInt64)];
    let schema = Arc::new(Schema::new(fields));
    let pieces = (0..ids.len()).step_by(BATCH).map(|start| {
        let piece = start..(start + BATCH).min(ids.len());
        let counts = UInt64Array::from(counts[piece.clone()].to_vec());
        vec![id_array(ids, piece), Arc::new(counts) as ArrayRef]
    });
    let write = || -> io::Result<()> {
        let mut file = File::create_new(path)?;
        write_parquet(&mut file, &schema, pieces)?;
        file.sync_all()
    };
    write().map_err(DataError::io("write", path))
}

/// Reads a vocabulary of `values` values, whose order is checked, and how often each stands in the training part.
pub(super) fn read_vocabulary(path: &Path, values: usize) -> Result<(Vocabulary, Vec<u64>), DataError> {
    let builder = open_parquet(path)?;
    let (mut ids, kind) = match builder.schema().fields().first().map(|f| f.data_type()) {
        Some(DataType::Utf8) => (Vocabulary::Text(Vec::new()), DataType::Utf8),
        _ => (Vocabulary::Int(Vec::new()), DataType::Int64),
    };
    let mut counts = Vec::new();
    let mut batches = parquet_batches(path, builder, &[("id", kind), ("count", DataType::UInt64)])?;
    while let Some(batch) = batches.next()? {
        push_ids(path, &mut ids, batch.column(0))?;
        counts.extend_from_slice(batch.column(1).as_primitive::<UInt64Type>().values());
    }
    if ids.len() != values {
        let (found, expected) = (ids.len() as u64, values as u64);
        return Err(FolderError::CountMismatch { path: path.to_path_buf(), what: "values", found, expected }.into());
    }
    Ok((ids, counts))
}
