//! Rows that are read and rows that are skipped are the rows of the file.

use std::ops::ControlFlow;

use adepts_data::source::{At, Cell, Flow, Sink, Source};
use adepts_data::{DataConfig, DataError};
use proptest::prelude::*;
use tempfile::{TempDir, tempdir};

use crate::support::{config, file};

/// Counts rows and bad ones.
#[derive(Default)]
struct Count {
    rows: u64,
    bad: u64,
}

impl Sink for Count {
    fn row(&mut self, _: At<'_>, _: &[Cell<'_>]) -> Flow {
        self.rows += 1;
        Ok(ControlFlow::Continue(()))
    }

    fn malformed(&mut self, _: DataError) -> Flow {
        self.bad += 1;
        Ok(ControlFlow::Continue(()))
    }
}

fn counted(dir: &TempDir, text: &str) -> Result<(u64, u64), DataError> {
    let data =
        DataConfig { header: Some(true), delimiter: Some(",".into()), ..config(file(dir.path(), "a.csv", text)) };
    let source = Source::open(&data)?;
    let mut count = Count::default();
    source.read(&[0], &mut count, &mut adepts_data::progress::silent)?;
    Ok((count.rows, count.bad))
}

/// The records behind the header as RFC 4180 has them, one character after the other: good ones and bad ones. A record that is
/// not of its grammar, or over several lines and not as wide as the header, ends with the line in which the first quote opens
/// that makes it so.
fn by_the_book(text: &str) -> (u64, u64) {
    let text: Vec<char> = text.replace("\r\n", "\n").replace('\r', "\n").chars().collect();
    let (mut at, mut counts, mut width) = (0, (0, 0), None);
    while at < text.len() {
        let line_end = |from: usize| text[from..].iter().position(|c| *c == '\n').map_or(text.len(), |n| from + n);
        if text[at..line_end(at)].iter().all(|c| " \t".contains(*c)) {
            at = line_end(at) + 1;
            continue;
        }
        let (mut values, mut good, mut here, mut several) = (0, true, at, None);
        let mut last_empty;
        let end = 'record: loop {
            values += 1;
            while here < text.len() && " \t".contains(text[here]) {
                here += 1;
            }
            if text.get(here) == Some(&'"') {
                let opened = here;
                last_empty = true;
                loop {
                    here += 1;
                    match (text.get(here), text.get(here + 1)) {
                        (None, _) => {
                            good = false;
                            break 'record line_end(opened);
                        }
                        (Some('"'), Some('"')) => {
                            last_empty = false;
                            here += 1;
                        }
                        (Some('"'), _) => break,
                        (Some(c), _) => last_empty &= c.is_ascii_whitespace(),
                    }
                }
                here += 1;
                if here > line_end(opened) {
                    several = several.or(Some(opened));
                }
                while here < text.len() && " \t".contains(text[here]) {
                    here += 1;
                }
                match text.get(here) {
                    Some(',') => {}
                    None | Some('\n') => break here,
                    Some(_) => {
                        good = false;
                        break line_end(opened);
                    }
                }
            } else {
                let from = here;
                while here < text.len() && !",\n".contains(text[here]) {
                    here += 1;
                }
                last_empty = text[from..here].iter().all(char::is_ascii_whitespace);
                if text.get(here) != Some(&',') {
                    break here;
                }
            }
            here += 1;
        };
        at = end + 1;
        let Some(width) = width else {
            width = Some(values);
            continue;
        };
        let fits = values == width || (values == width + 1 && last_empty);
        match several {
            Some(opened) if good && !fits => at = line_end(opened) + 1,
            _ => {}
        }
        if good && fits { counts.0 += 1 } else { counts.1 += 1 }
    }
    counts
}

#[derive(Clone, Debug)]
enum Change {
    Put(prop::sample::Index, char),
    Drop(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), prop::sample::select(vec!['"', '"', '"', ',', '\n', '\r', ' ', 'a'])).prop_map(|(at, c)| Change::Put(at, c)),
        2 => index().prop_map(Change::Drop),
        1 => (index(), index()).prop_map(|(a, b)| Change::Swap(a, b)),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9]{1,4}",
        1 => Just("\"a, b\"".to_owned()),
        1 => Just("\"two\nlines\"".to_owned()),
        1 => Just("\"say \"\"hi\"\"\"".to_owned()),
        1 => Just(String::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn rows_that_are_read_and_rows_that_are_skipped_are_the_rows_of_the_file(
        rows in prop::collection::vec((value(), value(), value()), 1..12),
        changes in prop::collection::vec(change(), 0..5),
    ) {
        let mut text: Vec<char> = rows.iter().flat_map(|(a, b, c)| format!("{a},{b},{c}\n").chars().collect::<Vec<_>>()).collect();
        for change in changes {
            match change {
                Change::Put(at, c) => text.insert(at.index(text.len() + 1), c),
                Change::Drop(at) if text.len() > 1 => drop(text.remove(at.index(text.len()))),
                Change::Swap(a, b) => {
                    let (a, b) = (a.index(text.len()), b.index(text.len()));
                    text.swap(a, b);
                }
                Change::Drop(_) => {}
            }
        }
        let text = format!("user,item,note\n{}", text.into_iter().collect::<String>());
        let dir = tempdir().unwrap();
        match counted(&dir, &text) {
            Ok(counts) => prop_assert_eq!(counts, by_the_book(&text), "{:?}", text),
            Err(DataError::NoRows { .. }) => prop_assert_eq!((0, 0), by_the_book(&text), "{:?}", text),
            Err(error) => return Err(TestCaseError::fail(format!("{text:?}: {error}"))),
        }
    }
}
