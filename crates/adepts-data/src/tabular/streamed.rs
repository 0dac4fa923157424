//! Rows that come through a stream, such as stdin: kept in a file, because files are read twice.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::encode::EncodeSummary;
use crate::error::DataError;

/// Rows of a stream in a file that goes away with this.
#[derive(Debug)]
pub struct Streamed {
    _folder: tempfile::TempDir,
    source: String,
}

impl Streamed {
    /// Reads a stream to its end. Its first bytes say what it is: Parquet, JSON lines, or text with a delimiter; text may be
    /// compressed by gzip or Zstandard.
    ///
    /// # Errors
    /// If the stream or the temporary file cannot be used.
    pub fn read(stream: &mut dyn Read) -> Result<Self, DataError> {
        let asked = Path::new("the stream");
        let folder = tempfile::tempdir().map_err(DataError::io("create a folder for", asked))?;
        let mut start = Vec::new();
        (&mut *stream).take(64).read_to_end(&mut start).map_err(DataError::io("read", asked))?;
        let name = match start.as_slice() {
            [b'P', b'A', b'R', b'1', ..] => "stream.parquet",
            [0x1f, 0x8b, ..] => "stream.csv.gz",
            [0x28, 0xb5, 0x2f, 0xfd, ..] => "stream.csv.zst",
            text if text.trim_ascii_start().starts_with(b"{") => "stream.jsonl",
            _ => "stream.csv",
        };
        let path = folder.path().join(name);
        let mut file = File::create_new(&path).map_err(DataError::io("create", &path))?;
        io::copy(&mut start.as_slice().chain(stream), &mut file).map_err(DataError::io("write", &path))?;
        Ok(Self { _folder: folder, source: path.display().to_string() })
    }

    /// The file, as a source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// An error about the file as one about the stream, which has this name.
    #[must_use]
    pub fn told(&self, error: DataError, name: &str) -> DataError {
        error.renamed(Path::new(&self.source), name)
    }

    /// What was met in the file, in whose messages the stream has this name.
    pub fn name_in(&self, met: &mut EncodeSummary, name: &str) {
        for reason in &mut met.skipped_reasons {
            reason.first = reason.first.replace(&self.source, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_of_a_stream_say_what_it_is_and_all_of_them_are_kept() {
        let long = format!("a,b\n{}", "1,2\n".repeat(100));
        for (bytes, end) in [
            (long.as_bytes(), "stream.csv"),
            (b" \n{\"a\": 1}\n", "stream.jsonl"),
            (b"PAR1 and so on", "stream.parquet"),
            (&[0x1f, 0x8b, 8], "stream.csv.gz"),
            (b"", "stream.csv"),
        ] {
            let streamed = Streamed::read(&mut &*bytes).expect("a temporary file");
            assert!(streamed.source().ends_with(end), "{}", streamed.source());
            assert_eq!(std::fs::read(streamed.source()).expect("the file"), bytes);
        }
    }

    #[test]
    fn the_file_goes_away() {
        let streamed = Streamed::read(&mut &b"a"[..]).expect("a temporary file");
        let source = streamed.source().to_owned();
        drop(streamed);
        assert!(!Path::new(&source).exists());
    }
}
