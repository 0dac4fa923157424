//! Which files a source is, and what each of them is.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::encoding::Foreign as Decoding;
use super::input::{Stored, once, open_head};
use super::kind::{HEAD, Kind, kind};
use super::partition;
use crate::config::{DataConfig, Encoding, Format};
use crate::error::DataError;

/// The suffixes by which the files of a folder are chosen.
const SUFFIXES: &str =
    ".csv, .tsv, .txt, .dat, .jsonl, .ndjson, .json, .parquet or .pq, then .gz or .zst if compressed";

/// The format of a file, without its compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Text with a delimiter.
    Csv,
    /// JSON objects.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

/// How a file is compressed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// A file of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub format: FileFormat,
    /// How it is compressed.
    pub compression: Compression,
    /// Its suffix without that of the compression, such as `csv`; empty without one.
    pub suffix: String,
    /// Its size.
    pub bytes: u64,
    /// The columns that the names of its folders below the source hold, and their values: `day=2024-01-01` is a column `day`.
    pub partitions: Vec<(String, Option<String>)>,
    /// How its text becomes UTF-8, where it is of another encoding.
    pub(super) decoding: Option<Decoding>,
    /// What came out of it, where it can be read only once.
    pub(super) stored: Option<Stored>,
}

/// The files of `[data]`.
///
/// # Errors
/// As [`find`].
pub(crate) fn files_of(data: &DataConfig) -> Result<Vec<SourceFile>, DataError> {
    let mut files = find(&data.source, data.format)?;
    for file in files.iter_mut().filter(|file| file.format != FileFormat::Parquet) {
        file.decoding = match (data.encoding, file.decoding) {
            (Encoding::Auto, found) => found,
            (Encoding::Utf8, _) => None,
            (Encoding::Latin1, _) => Some(Decoding::Latin1),
            (Encoding::Windows1252, _) => Some(Decoding::Windows1252),
            (Encoding::Utf16, found) => found.or(Some(Decoding::Utf16 { low_first: true })),
        };
    }
    Ok(files)
}

/// The files of a source, sorted by name: a file, the files of a folder that have a known suffix (and of its folders
/// `key=value`), or those that a glob matches. `-` is stdin. An input that can be read only once, such as a pipe, is
/// read here, the first time that a process asks for it, and kept until the process ends.
///
/// # Errors
/// If there is none, or one is of a kind that is not read.
pub fn find(source: &str, format: Format) -> Result<Vec<SourceFile>, DataError> {
    let path = Path::new(source);
    if let Some(stored) = once(path)? {
        let path = if source == "-" { PathBuf::from("stdin") } else { path.to_path_buf() };
        let bytes = stored.bytes();
        return Ok(vec![describe(path, bytes, Some(stored), format)?]);
    }
    let mut paths = Vec::new();
    // Folders above the source say nothing of its rows.
    let mut base = path.to_path_buf();
    if path.is_dir() {
        folder(path, &mut paths)?;
    } else if path.exists() || !source.contains(['*', '?', '[']) {
        paths.push(path.to_path_buf());
    } else {
        base = path.iter().take_while(|part| !part.to_string_lossy().contains(['*', '?', '['])).collect();
        let wrong = |e: glob::PatternError| DataError::BadPattern { pattern: source.into(), reason: e.msg.to_owned() };
        for entry in glob::glob(source).map_err(wrong)? {
            let path =
                entry.map_err(|e| DataError::Io { action: "read", path: e.path().to_path_buf(), source: e.into() })?;
            if path.is_file() {
                paths.push(path);
            } else if path.is_dir() && partition::of_folder(&path).is_some() {
                folder(&path, &mut paths)?;
            }
        }
        // A folder and what is in it may both match.
        paths.sort();
        paths.dedup();
        if paths.is_empty() {
            return Err(DataError::NothingMatches { pattern: source.to_owned() });
        }
    }
    let mut files = paths
        .into_iter()
        .map(|path| {
            let bytes = size(&path)?;
            let partitions = partition::of(&base, &path);
            Ok::<_, DataError>(SourceFile { partitions, ..describe(path, bytes, None, format)? })
        })
        .collect::<Result<Vec<_>, _>>()?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The files of a folder and of its folders `key=value`: those with a known suffix, or if there are none those without
/// a suffix.
fn folder(path: &Path, paths: &mut Vec<PathBuf>) -> Result<(), DataError> {
    let mut found = Found::default();
    walk(path, &mut found)?;
    let chosen = if found.known.is_empty() { found.bare } else { found.known };
    if chosen.is_empty() {
        let hint = below(path, 4).map(|below| {
            let suffix = below.extension().unwrap_or_default().to_string_lossy();
            format!(
                "; there are such files in folders below, such as {}: \"{}/**/*.{suffix}\" reads them",
                below.display(),
                path.display()
            )
        });
        return Err(DataError::EmptyFolder { path: path.to_path_buf(), expected: SUFFIXES, hint });
    }
    paths.extend(chosen);
    Ok(())
}

/// The files of a folder.
#[derive(Default)]
struct Found {
    /// With a known suffix.
    known: Vec<PathBuf>,
    /// Without a suffix.
    bare: Vec<PathBuf>,
}

/// What is in a folder and is not hidden.
fn entries(path: &Path) -> Result<Vec<(PathBuf, String)>, DataError> {
    let mut entries = Vec::new();
    for entry in path.read_dir().map_err(DataError::io("read", path))? {
        let path = entry.map_err(DataError::io("read", path))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(['.', '_']) {
            entries.push((path, name));
        }
    }
    Ok(entries)
}

fn is_known(name: &str) -> bool {
    by_suffix(suffix(&name.to_ascii_lowercase()).1).is_some()
}

fn walk(path: &Path, found: &mut Found) -> Result<(), DataError> {
    for (path, name) in entries(path)? {
        if path.is_dir() {
            if partition::of_folder(&path).is_some() {
                walk(&path, found)?;
            }
        } else if path.is_file() {
            if is_known(&name) {
                found.known.push(path);
            } else if !name.contains('.') {
                found.bare.push(path);
            }
        }
    }
    Ok(())
}

/// A file with a known suffix in the folders of a folder, down to this depth.
fn below(path: &Path, depth: usize) -> Option<PathBuf> {
    let entries = entries(path).ok()?;
    let file = entries.iter().find(|(path, name)| is_known(name) && path.is_file()).map(|(path, _)| path.clone());
    let mut folders = entries.iter().map(|(path, _)| path).filter(|path| depth > 0 && path.is_dir());
    file.or_else(|| folders.find_map(|folder| below(folder, depth - 1)))
}

fn size(path: &Path) -> Result<u64, DataError> {
    match path.metadata() {
        Ok(meta) => Ok(meta.len()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(DataError::MissingFile { path: path.to_path_buf() }),
        Err(e) => Err(DataError::io("read", path)(e)),
    }
}

/// The compression and the suffix of a name in lower case.
fn suffix(name: &str) -> (Compression, &str) {
    let (name, compression) = if let Some(name) = name.strip_suffix(".gz") {
        (name, Compression::Gzip)
    } else if let Some(name) = name.strip_suffix(".zst") {
        (name, Compression::Zstd)
    } else {
        (name, Compression::None)
    };
    (compression, name.rsplit_once('.').map_or("", |(_, suffix)| suffix))
}

/// The format that a suffix stands for.
fn by_suffix(suffix: &str) -> Option<FileFormat> {
    Some(match suffix.to_ascii_lowercase().as_str() {
        "csv" | "tsv" | "txt" | "dat" | "tab" | "inter" => FileFormat::Csv,
        "jsonl" | "ndjson" | "json" => FileFormat::Jsonl,
        "parquet" | "pq" => FileFormat::Parquet,
        _ => return None,
    })
}

/// What a file is, by its first bytes; its name is a hint.
fn describe(path: PathBuf, bytes: u64, stored: Option<Stored>, format: Format) -> Result<SourceFile, DataError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (_, suffix) = suffix(&name);
    let (suffix, named) = (suffix.to_owned(), by_suffix(suffix));
    let mut file = SourceFile {
        path,
        format: named.unwrap_or(FileFormat::Csv),
        compression: Compression::None,
        suffix,
        bytes,
        partitions: Vec::new(),
        decoding: None,
        stored,
    };
    let mut head = head(&file)?;
    let mut found = kind(&head);
    if let Kind::Gzip | Kind::Zstd = found {
        file.compression = if found == Kind::Gzip { Compression::Gzip } else { Compression::Zstd };
        head = self::head(&file)?;
        found = kind(&head);
        if let Kind::Gzip | Kind::Zstd = found {
            let instead = "unpack it once";
            return Err(DataError::UnknownFormat { path: file.path, what: "compressed twice".into(), instead });
        }
    }
    if let Kind::Utf16 { low_first } = found {
        file.decoding = Some(Decoding::Utf16 { low_first });
        head = self::head(&file)?;
        found = if kind(&head) == Kind::Json { Kind::Json } else { Kind::Text };
    }
    let said = match format {
        Format::Auto => None,
        Format::Csv => Some((FileFormat::Csv, "csv")),
        Format::Jsonl => Some((FileFormat::Jsonl, "jsonl")),
        Format::Parquet => Some((FileFormat::Parquet, "parquet")),
    };
    file.format = match (said, found) {
        // Damage in the first bytes of what is to be Parquet is told by its reader.
        (None, Kind::Foreign(foreign)) if named == Some(FileFormat::Parquet) && foreign.is_any_bytes() => {
            FileFormat::Parquet
        }
        (_, Kind::Foreign(foreign)) => {
            return Err(DataError::UnknownFormat { path: file.path, what: foreign.what, instead: foreign.instead });
        }
        (Some((FileFormat::Csv | FileFormat::Jsonl, said)), Kind::Parquet) => {
            return Err(DataError::OtherFormat { path: file.path, said, found: "Parquet".into() });
        }
        (Some((format, _)), _) => format,
        (None, Kind::Parquet) => FileFormat::Parquet,
        (None, Kind::Json) => FileFormat::Jsonl,
        (None, Kind::Empty) => file.format,
        // The first line of a file of objects may be damaged.
        (None, _) if named == Some(FileFormat::Jsonl) && holds_objects(&head) => FileFormat::Jsonl,
        (None, _) => FileFormat::Csv,
    };
    Ok(file)
}

/// Whether a line begins as an object.
fn holds_objects(head: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').any(|line| line.trim_ascii_start().starts_with(b"{"))
}

/// The first bytes of the content; fewer where what is compressed cannot be unpacked, which is told when it is read.
fn head(file: &SourceFile) -> Result<Vec<u8>, DataError> {
    let mut head = Vec::new();
    let Some(content) = open_head(file)? else { return Ok(head) };
    match content.take(HEAD as u64).read_to_end(&mut head) {
        Err(e) if file.compression == Compression::None => Err(DataError::io("read", &file.path)(e)),
        _ => Ok(head),
    }
}
