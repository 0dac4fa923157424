//! What a file is by its first bytes.

/// How many first bytes are looked at.
pub(super) const HEAD: usize = 8192;

/// What the first bytes of a file say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: there are none.
    Empty,
    Gzip,
    Zstd,
    Parquet,
    /// JSON objects, or an array of them.
    Json,
    /// Text in UTF-16, the low byte of each character first or last.
    Utf16 {
        low_first: bool,
    },
    /// Text of another kind, or what may be such.
    Text,
    /// Something that is not read.
    Foreign(Foreign),
}

/// What is not read, and what can be done instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    pub(super) what: String,
    pub(super) instead: &'static str,
}

impl Foreign {
    /// Whether nothing is known of it but that it is no text.
    pub(super) fn is_any_bytes(&self) -> bool {
        self.what == BINARY
    }
}

const BINARY: &str = "no text but binary data";
const TO_PARQUET: &str = "write Parquet: `df.to_parquet(\"log.parquet\")` in pandas, `df.write_parquet` in polars";
const TO_CSV: &str = "export the table as CSV or Parquet";
const UNPACK: &str = "unpack it, or pack it with gzip or zstd";
const UNZIP: &str = "unzip it, or read one of its files: `unzip -p FILE.zip NAME.csv | adepts … -`";
const NO_LOG: &str = "expected CSV or other text, JSON lines or Parquet, plain, .gz or .zst";
const DOWNLOAD: &str = "fetch the file itself: `git lfs pull`, or `git annex get FILE`";
const SAVED_PAGE: &str = "expected a log; was a page saved in place of the file, such as one that asks to log in?";

/// First bytes that say it all: bytes, what it is, what to do.
const MARKS: &[(&[u8], &str, &str)] = &[
    (b"ARROW1\0\0", "an Arrow IPC (Feather) file", TO_PARQUET),
    (b"Obj\x01", "an Avro file", TO_PARQUET),
    (b"SQLite format 3\0", "an SQLite database", TO_CSV),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", TO_PARQUET),
    (b"\x93NUMPY", "a NumPy array", TO_PARQUET),
    (b"RDX2\n", "a file of R", "write CSV: `write.csv(x, \"log.csv\", row.names = FALSE)`"),
    (b"RDX3\n", "a file of R", "write CSV: `write.csv(x, \"log.csv\", row.names = FALSE)`"),
    (b"X\n\0\0\0", "a file of R", "write CSV: `write.csv(x, \"log.csv\", row.names = FALSE)`"),
    (b"MATLAB 5.0", "a file of MATLAB", TO_CSV),
    (b"<stata_dta>", "a file of Stata", TO_CSV),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file, such as an .xls workbook", TO_CSV),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", NO_LOG),
    (b"\xff\xd8\xff", "a JPEG image", NO_LOG),
    (b"GIF87a", "a GIF image", NO_LOG),
    (b"GIF89a", "a GIF image", NO_LOG),
    (b"%PDF-", "a PDF document", NO_LOG),
    (b"\x7fELF", "a program", NO_LOG),
    (b"BZh91AY&SY", "compressed with bzip2", "unpack it with `bunzip2`, or `bzcat FILE | adepts … -`"),
    (b"\xfd7zXZ\0", "compressed with xz", "unpack it with `unxz`, or `xzcat FILE | adepts … -`"),
    (b"\x04\x22\x4d\x18", "compressed with LZ4", "unpack it with `lz4 -d`, or pack it with gzip or zstd"),
    (b"\xff\x06\0\0sNaPpY", "compressed with Snappy", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"PK\x05\x06", "an empty zip archive", UNZIP),
    (b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS and not the file itself", DOWNLOAD),
    (b"/annex/objects/", "a pointer of git-annex and not the file itself", DOWNLOAD),
];

/// Whether there are bytes among the first that stand in no text; true where there are none.
fn no_text(head: &[u8]) -> bool {
    head.is_empty() || head.iter().take(64).any(|byte| *byte < 9)
}

/// What a file is, whose first bytes these are, up to [`HEAD`] of them.
pub(super) fn kind(head: &[u8]) -> Kind {
    let foreign = |what: &str, instead| Kind::Foreign(Foreign { what: what.to_owned(), instead });
    match head {
        [] => return Kind::Empty,
        [0x1f, 0x8b, ..] => return Kind::Gzip,
        // A frame, or one that is to be passed over, as parallel compressors write it.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => return Kind::Zstd,
        // The names of columns may begin so too; the lengths of the first page do not look like text.
        [b'P', b'A', b'R', b'1', rest @ ..] if no_text(rest) => return Kind::Parquet,
        [b'P', b'A', b'R', b'E', rest @ ..] if no_text(rest) => {
            return foreign("an encrypted Parquet file", "decrypt it first");
        }
        [b'P', b'K', 3, 4, ..] => return Kind::Foreign(zip(head)),
        [0xff, 0xfe, ..] => return Kind::Utf16 { low_first: true },
        [0xfe, 0xff, ..] => return Kind::Utf16 { low_first: false },
        [0xff, 0xff, 0xff, 0xff, length @ ..] if length.first_chunk().copied().is_some_and(is_schema) => {
            return foreign("an Arrow IPC stream", TO_PARQUET);
        }
        // The protocol of Python's pickle, and the frame or the first instruction.
        [0x80, 2..=5, b'c' | b'}' | b']' | b'(' | 0x8c | 0x95, ..] => return foreign("a Python pickle", TO_PARQUET),
        _ => {}
    }
    if let Some((_, what, instead)) = MARKS.iter().find(|(mark, ..)| head.starts_with(mark)) {
        return foreign(what, instead);
    }
    let binary = no_text(head);
    match head {
        [b'O', b'R', b'C', ..] if binary => return foreign("an ORC file", TO_PARQUET),
        [b'F', b'E', b'A', b'1', ..] if binary => return foreign("a Feather file", TO_PARQUET),
        [_, _, _, _, _, _, _, _, b'D', b'U', b'C', b'K', ..] if binary => {
            return foreign("a DuckDB database", TO_PARQUET);
        }
        _ if head.get(257..262) == Some(b"ustar") => return foreign("a tar archive", UNPACK),
        _ => {}
    }
    if let Some(low_first) = utf16(head) {
        return Kind::Utf16 { low_first };
    }
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |word: &str| start.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word.as_bytes()));
    if begins("<!doctype html") || begins("<html") {
        return foreign("an HTML page", SAVED_PAGE);
    }
    if begins("<?xml") || begins("<svg") {
        return foreign("XML", TO_CSV);
    }
    let control = head.iter().filter(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31)).count();
    if 10 * control > head.len() {
        return foreign(BINARY, NO_LOG);
    }
    match start {
        [b'{', ..] => Kind::Json,
        [b'[', rest @ ..] if matches!(rest.trim_ascii_start(), [] | [b'{' | b']', ..]) => Kind::Json,
        _ => Kind::Text,
    }
}

/// Whether a length is one that the schema of a stream may have.
fn is_schema(length: [u8; 4]) -> bool {
    (8..1 << 24).contains(&u32::from_le_bytes(length))
}

/// Whether this is UTF-16 without a byte-order mark, and which byte comes first: nearly every other byte is zero.
fn utf16(head: &[u8]) -> Option<bool> {
    let head = &head[..head.len().min(256)];
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, pairs) = (zeros(0), zeros(1), head.len() / 2);
    if pairs < 4 || (even > 0 && odd > 0) {
        return None;
    }
    (10 * even.max(odd) > 7 * pairs).then_some(odd > even)
}

/// What a zip archive is, by its first member.
fn zip(head: &[u8]) -> Foreign {
    let length = head.get(26..28).map_or(0, |at| usize::from(u16::from_le_bytes([at[0], at[1]])));
    let name = head.get(30..30 + length).unwrap_or_default();
    let holds = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
    let (what, instead) = if name.ends_with(b".npy") {
        ("NumPy arrays (.npz)".to_owned(), TO_PARQUET)
    } else if name == b"[Content_Types].xml" || holds(b"xl/workbook") || holds(b"opendocument.spreadsheet") {
        ("a workbook of a spreadsheet, such as .xlsx".to_owned(), TO_CSV)
    } else {
        let name = String::from_utf8_lossy(name);
        (format!("a zip archive (its first file is `{}`)", crate::place::shortened(&name)), UNZIP)
    };
    Foreign { what, instead }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(head: &[u8]) -> String {
        match kind(head) {
            Kind::Foreign(Foreign { what, instead }) => {
                assert!(!what.contains(char::is_control) && !instead.is_empty());
                what
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn files_that_are_not_read_are_called_by_their_names() {
        let zip =
            |name: &str| [b"PK\x03\x04".as_slice(), &[0; 22], &[name.len() as u8, 0, 0, 0], name.as_bytes()].concat();
        let tar = [vec![b'a'; 257], b"ustar\x0000".to_vec()].concat();
        for (head, expected) in [
            (b"ARROW1\0\0\xff\xff\xff\xff".to_vec(), "an Arrow IPC (Feather) file"),
            (b"\xff\xff\xff\xff\x10\x01\0\0\x10\0".to_vec(), "an Arrow IPC stream"),
            (b"FEA1\0\0\0\0".to_vec(), "a Feather file"),
            (b"ORC\x11\0\0\x0a".to_vec(), "an ORC file"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "a PNG image"),
            (b"\xff\xd8\xff\xe0".to_vec(), "a JPEG image"),
            (b"%PDF-1.7".to_vec(), "a PDF document"),
            (b"<!DOCTYPE html><html>".to_vec(), "an HTML page"),
            (b"\n  <HTML lang=en>".to_vec(), "an HTML page"),
            (b"<?xml version=\"1.0\"?>".to_vec(), "XML"),
            (b"SQLite format 3\0".to_vec(), "an SQLite database"),
            (zip("log.csv"), "a zip archive (its first file is `log.csv`)"),
            (zip("a\u{1b}[31m"), r"a zip archive (its first file is `a\u{1b}[31m`)"),
            (zip("arr_0.npy"), "NumPy arrays (.npz)"),
            (zip("[Content_Types].xml"), "a workbook of a spreadsheet, such as .xlsx"),
            (b"\x80\x04\x95\x10\0".to_vec(), "a Python pickle"),
            (b"\x80\x02}q\0".to_vec(), "a Python pickle"),
            (b"\x93NUMPY\x01\0".to_vec(), "a NumPy array"),
            (b"\x89HDF\r\n\x1a\n\0".to_vec(), "an HDF5 file"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid".to_vec(),
                "a pointer of Git LFS and not the file itself",
            ),
            (b"BZh91AY&SY\x01".to_vec(), "compressed with bzip2"),
            (b"\xfd7zXZ\0\0".to_vec(), "compressed with xz"),
            (tar, "a tar archive"),
            (b"\x01\x02\x03\x04abc\x05\x06".to_vec(), "no text but binary data"),
        ] {
            assert_eq!(what(&head), expected);
        }
    }

    #[test]
    fn text_is_no_other_thing_however_it_begins() {
        for text in [
            "PARENT_ASIN,item\n1,2\n",
            "PAR1,item\n1,2\n",
            "ORCID,item\n1,2\n",
            "FEA1,FEA2\n",
            "PK,item\n",
            "BZh,x\n",
            "[a],b\n",
            "7z,x\n",
            "id\n",
            "a\0b,c\n1,2\n",
        ] {
            assert_eq!(kind(text.as_bytes()), Kind::Text, "{text:?}");
        }
        for json in ["{\"a\":1}\n", "\u{feff} {\"a\":1}", "[{\"a\":1}]", "[\n  {", "[]", "["] {
            assert_eq!(kind(json.as_bytes()), Kind::Json, "{json:?}");
        }
    }

    #[test]
    fn utf_16_is_known_with_and_without_its_mark() {
        let low_first = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let high_first = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        assert_eq!(kind(&low_first("\u{feff}user,item\n")), Kind::Utf16 { low_first: true });
        assert_eq!(kind(&high_first("\u{feff}user,item\n")), Kind::Utf16 { low_first: false });
        assert_eq!(kind(&low_first("user,item\n1,é\n")), Kind::Utf16 { low_first: true });
        assert_eq!(kind(&high_first("user,item\n1,2\n")), Kind::Utf16 { low_first: false });
    }
}
