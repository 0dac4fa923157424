//! Which files a source is, in which format, and their bytes without compression.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::config::Format;
use crate::error::DataError;
use crate::progress::Progress;

/// The suffixes that say what a file is.
const SUFFIXES: &str =
    ".csv, .tsv, .txt, .dat, .jsonl, .ndjson, .json, .parquet or .pq, then .gz or .zst if compressed";

/// The format of a file, without its compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Text with a delimiter.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

/// How a file is compressed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, by the suffix `.gz`.
    Gzip,
    /// Zstandard, by the suffix `.zst`.
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
}

/// The files of a source: a file, the files of a folder that have a known suffix, or those that a glob matches,
/// sorted by name.
///
/// # Errors
/// If there is none, or its format cannot be told.
pub fn find(source: &str, format: Format) -> Result<Vec<SourceFile>, DataError> {
    let path = Path::new(source);
    let files = if path.is_dir() {
        let mut files = Vec::new();
        for entry in path.read_dir().map_err(DataError::io("read", path))? {
            let file = entry.map_err(DataError::io("read", path))?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if file.is_file() && !name.starts_with(['.', '_']) {
                files.extend(describe(&file, format)?);
            }
        }
        if files.is_empty() {
            return Err(DataError::EmptyFolder { path: path.to_path_buf(), expected: SUFFIXES });
        }
        files
    } else if path.exists() || !source.contains(['*', '?', '[']) {
        vec![known(path, format)?]
    } else {
        let pattern = source.to_owned();
        let paths = glob::glob(source)
            .map_err(|e| DataError::BadPattern { pattern: pattern.clone(), reason: e.msg.to_owned() })?;
        let mut files = Vec::new();
        for entry in paths {
            let file =
                entry.map_err(|e| DataError::Io { action: "read", path: e.path().to_path_buf(), source: e.into() })?;
            if file.is_file() {
                files.push(known(&file, format)?);
            }
        }
        if files.is_empty() {
            return Err(DataError::NothingMatches { pattern });
        }
        files
    };
    let mut files = files;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn known(path: &Path, format: Format) -> Result<SourceFile, DataError> {
    describe(path, format)?.ok_or_else(|| DataError::UnknownFormat { path: path.to_path_buf(), expected: SUFFIXES })
}

/// What a file is by its name; `None` if the name does not say.
fn describe(path: &Path, format: Format) -> Result<Option<SourceFile>, DataError> {
    let bytes = match path.metadata() {
        Ok(meta) => meta.len(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(DataError::MissingFile { path: path.to_path_buf() });
        }
        Err(e) => return Err(DataError::io("read", path)(e)),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (name, compression) = if let Some(name) = name.strip_suffix(".gz") {
        (name, Compression::Gzip)
    } else if let Some(name) = name.strip_suffix(".zst") {
        (name, Compression::Zstd)
    } else {
        (name.as_str(), Compression::None)
    };
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    let format = match (format, suffix) {
        (Format::Csv, _) | (Format::Auto, "csv" | "tsv" | "txt" | "dat" | "tab" | "inter") => FileFormat::Csv,
        (Format::Jsonl, _) | (Format::Auto, "jsonl" | "ndjson" | "json") => FileFormat::Jsonl,
        (Format::Parquet, _) | (Format::Auto, "parquet" | "pq") => FileFormat::Parquet,
        (Format::Auto, _) => return Ok(None),
    };
    Ok(Some(SourceFile { path: path.to_path_buf(), format, compression, suffix: suffix.to_owned(), bytes }))
}

/// How many bytes of a file have been read.
pub(crate) type ByteCount = Rc<Cell<u64>>;

/// The text of a file without its compression and without a byte-order mark, and a counter of the bytes read so far.
pub(crate) fn open_text(file: &SourceFile) -> Result<(Box<dyn BufRead>, ByteCount), DataError> {
    const BUFFER: usize = 1 << 18;
    let raw = File::open(&file.path).map_err(DataError::io("read", &file.path))?;
    let count = Rc::new(Cell::new(0));
    let counted = Counted { raw, count: Rc::clone(&count) };
    let failed = |e| read_error(file, e);
    let mut text: Box<dyn BufRead> = match file.compression {
        Compression::None => Box::new(BufReader::with_capacity(BUFFER, counted)),
        Compression::Gzip => {
            let inner = flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(BUFFER, counted));
            Box::new(BufReader::with_capacity(BUFFER, inner))
        }
        Compression::Zstd => {
            let inner = zstd::stream::read::Decoder::new(counted).map_err(failed)?;
            Box::new(BufReader::with_capacity(BUFFER, inner))
        }
    };
    let head = text.fill_buf().map_err(failed)?;
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        let reason = "it is in UTF-16; expected UTF-8".to_owned();
        return Err(DataError::Corrupt { path: file.path.clone(), kind: "text", reason });
    }
    if head.starts_with(b"\xef\xbb\xbf") {
        text.consume(3);
    }
    Ok((text, count))
}

/// What a failure to read the bytes of a file means.
pub(crate) fn read_error(file: &SourceFile, error: io::Error) -> DataError {
    let path = file.path.clone();
    let kind = match file.compression {
        Compression::None => return DataError::io("read", &path)(error),
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    };
    match error.kind() {
        io::ErrorKind::UnexpectedEof => DataError::Truncated { path, kind },
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Other => {
            DataError::Corrupt { path, kind, reason: error.to_string() }
        }
        _ => DataError::io("read", &path)(error),
    }
}

struct Counted {
    raw: File,
    count: ByteCount,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.raw.read(buf)?;
        self.count.set(self.count.get() + n as u64);
        Ok(n)
    }
}

/// Tells of progress in bytes, once in many rows.
pub(crate) struct Ticker<'a> {
    progress: Progress<'a>,
    what: &'static str,
    done: u64,
    total: u64,
    rows: u32,
}

impl<'a> Ticker<'a> {
    pub(crate) fn new(progress: Progress<'a>, what: &'static str, total: u64) -> Self {
        progress(what, 0, Some(total));
        Self { progress, what, done: 0, total, rows: 0 }
    }

    /// After each row of a text file; `bytes` of the file have been read.
    #[inline]
    pub(crate) fn row(&mut self, bytes: &ByteCount) {
        self.rows += 1;
        if self.rows == 1 << 16 {
            self.rows = 0;
            self.at(bytes.get());
        }
    }

    /// `bytes` of the file have been read.
    pub(crate) fn at(&mut self, bytes: u64) {
        (self.progress)(self.what, (self.done + bytes).min(self.total), Some(self.total));
    }

    pub(crate) fn finish_file(&mut self, bytes: u64) {
        self.done += bytes;
        self.at(0);
    }
}
