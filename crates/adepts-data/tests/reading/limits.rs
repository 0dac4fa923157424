//! The longest line, and the most columns.

use adepts_data::{DataConfig, DataError};
use tempfile::tempdir;

use crate::support::{config, file, read};
use crate::{message, skipping};

/// A stream that unpacks to far more than it is: `count` times the same byte behind `start`.
fn bomb(start: &str, byte: u8, count: usize) -> Vec<u8> {
    use std::io::{Read, copy, repeat};
    let mut out = zstd::Encoder::new(Vec::new(), 1).unwrap();
    copy(&mut start.as_bytes().chain(repeat(byte).take(count as u64)), &mut out).unwrap();
    out.finish().unwrap()
}

#[test]
fn lines_and_columns_have_their_limits() {
    let dir = tempdir().unwrap();
    for (name, start, byte) in [
        ("a.csv.zst", "user,item\n1,2\n3,", b'x'),
        ("b.csv.zst", "user,", b'x'),
        ("c.tsv.zst", "user\titem\n1\t2\n3\t", b'x'),
        ("d.dat.zst", "user::item\n1::2\n3::", b'x'),
        ("e.jsonl.zst", "{\"user\":1,\"item\":2}\n{\"user\":\"", b'x'),
        ("f.json.zst", "[{\"user\":1,\"item\":2},{\"user\":\"", b'x'),
        ("g.csv.zst", "user,item\n1,\"", b'x'),
        ("h.csv.zst", "user,item\n1,2,", b','),
    ] {
        let path = file(dir.path(), name, bomb(start, byte, 40 << 20));
        for error in [read(&config(&path)).unwrap_err(), read(&skipping(&path)).unwrap_err()] {
            assert!(matches!(error, DataError::LongLine { .. }), "{name}: {error}");
        }
    }
    let told = message(&config(dir.path().join("a.csv.zst").to_str().unwrap()));
    assert!(told.contains("a.csv.zst, line 3 is longer than 16 MiB"), "{told}");
    let wide = vec!["c"; 10_001].join(",");
    let wide = [file(dir.path(), "i.csv", format!("{wide}\n")), {
        let keys: Vec<String> = (0..10_001).map(|n| format!("\"k{n}\":1")).collect();
        file(dir.path(), "j.jsonl", format!("{{{}}}\n", keys.join(",")))
    }];
    for path in wide {
        let error = read(&config(&path)).unwrap_err();
        assert!(matches!(error, DataError::TooManyColumns { limit: 10_000, .. }), "{error}");
        assert!(adepts_data::inspect(&path, &DataConfig::default()).is_err());
    }
    // A row of very many values is a bad row.
    let row = vec!["1"; 20_000].join(",");
    let found = read(&skipping(file(dir.path(), "k.csv", format!("user,item\n1,2\n{row}\n3,4\n")))).unwrap();
    assert_eq!((found.steps[0].rows, found.skipped_rows), (2, 1));
}
