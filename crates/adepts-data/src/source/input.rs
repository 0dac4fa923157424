//! The bytes of a file without compression, as UTF-8 where they are text; inputs that can be read only once.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use super::encoding::Decoded;
use super::files::{Compression, SourceFile};
use crate::error::DataError;
use crate::progress::Progress;

/// Bytes that are read at a time.
pub(super) const PIECE: usize = 1 << 18;

/// What came out of an input that can be read only once, in a nameless temporary file.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    file: Arc<Mutex<File>>,
    bytes: u64,
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file)
    }
}

impl Eq for Stored {}

impl Stored {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The names under which stdin is known.
const STDIN: [&str; 4] = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/// The content of an input that can be read only once; `None` for a file, a folder, or what is not there. It is read
/// whole the first time that it is asked for: format and columns are looked for before the rows are read, and rows may
/// be read several times.
pub(super) fn once(path: &Path) -> Result<Option<Stored>, DataError> {
    let stdin = is_stdin(path);
    let is_file = || path.metadata().is_ok_and(|meta| meta.is_file() || meta.is_dir());
    if path != Path::new("-") && (is_file() || !path.exists()) {
        return Ok(None);
    }
    let key = key(path);
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, stored)) = read.iter().find(|(known, _)| known == key) {
        return Ok(Some(stored.clone()));
    }
    let mut file = tempfile::tempfile().map_err(DataError::io("keep", path))?;
    let copied = if stdin {
        io::copy(&mut io::stdin().lock(), &mut file)
    } else {
        File::open(path).and_then(|mut input| io::copy(&mut input, &mut file))
    };
    let bytes = copied.map_err(DataError::io("read", path))?;
    let stored = Stored { file: Arc::new(Mutex::new(file)), bytes };
    read.push((key.to_path_buf(), stored.clone()));
    Ok(Some(stored))
}

/// What was read in this process of inputs that can be read only once.
static READ: Mutex<Vec<(PathBuf, Stored)>> = Mutex::new(Vec::new());

fn is_stdin(path: &Path) -> bool {
    path.to_str().is_some_and(|name| STDIN.contains(&name))
}

/// The name by which an input that can be read only once is known.
fn key(path: &Path) -> &Path {
    if is_stdin(path) { Path::new("-") } else { path }
}

/// Whether a source that was read by another process can be read no more: stdin, a file descriptor or a pipe. What this
/// process has read of such a source it keeps, so that is not spent.
#[must_use]
pub fn is_spent(source: &str) -> bool {
    let path = Path::new(source);
    let kept = || READ.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|(known, _)| known == key(path));
    let descriptor = source.starts_with("/dev/fd/") || source.starts_with("/proc/") && source.contains("/fd/");
    let pipe = || path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
    (is_stdin(path) || descriptor || pipe()) && !kept()
}

/// Reads what is stored from its beginning.
struct StoredReader {
    stored: Stored,
    at: u64,
}

impl Read for StoredReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut file = self.stored.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let count = file.read(buf)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl SourceFile {
    /// The bytes as they are, from the beginning.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        Ok(match &self.stored {
            Some(stored) => Box::new(StoredReader { stored: stored.clone(), at: 0 }),
            None => Box::new(File::open(&self.path)?),
        })
    }

    /// The file itself, for readers that go back and forth in it.
    pub(super) fn seekable(&self) -> io::Result<File> {
        match &self.stored {
            Some(stored) => stored.file.lock().unwrap_or_else(PoisonError::into_inner).try_clone(),
            None => File::open(&self.path),
        }
    }
}

/// How many bytes of a file have been read.
pub(crate) type ByteCount = Rc<Cell<u64>>;

/// The text of a file without its compression and without a byte-order mark, and a counter of the bytes read so far.
pub(crate) fn open_text(file: &SourceFile) -> Result<(Box<dyn BufRead>, ByteCount), DataError> {
    let count = Rc::new(Cell::new(0));
    let raw = file.open().map_err(DataError::io("read", &file.path))?;
    let failed = |e| read_error(file, e);
    let unpacked = unpacked(file, Counted { raw, count: Rc::clone(&count) }).map_err(failed)?;
    let mut text: Box<dyn BufRead> = match file.decoding {
        None => Box::new(BufReader::with_capacity(PIECE, unpacked)),
        Some(encoding) => Box::new(BufReader::with_capacity(PIECE, Decoded::new(unpacked, encoding))),
    };
    if text.fill_buf().map_err(failed)?.starts_with(b"\xef\xbb\xbf") {
        text.consume(3);
    }
    Ok((text, count))
}

/// The first bytes of the content; `None` where what is compressed cannot even be begun.
pub(super) fn open_head(file: &SourceFile) -> Result<Option<Box<dyn Read>>, DataError> {
    let raw = file.open().map_err(DataError::io("read", &file.path))?;
    let Ok(content) = unpacked(file, Counted { raw, count: ByteCount::default() }) else { return Ok(None) };
    Ok(Some(match file.decoding {
        None => content,
        Some(encoding) => Box::new(Decoded::new(content, encoding)),
    }))
}

fn unpacked(file: &SourceFile, counted: Counted) -> io::Result<Box<dyn Read>> {
    Ok(match file.compression {
        Compression::None => Box::new(counted),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(PIECE, counted))),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(counted)?),
    })
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
    raw: Box<dyn Read>,
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
