//! How the bytes of a file become rows: nothing is lost that is not counted, and content decides what a file is.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod content;
mod counted;
mod layout;
mod limits;
mod quotes;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;

use adepts_data::{BadRows, DataConfig};

fn skipping(source: impl Into<String>) -> DataConfig {
    DataConfig { bad_rows: BadRows::Skip, ..support::config(source) }
}

fn message(data: &DataConfig) -> String {
    support::read(data).unwrap_err().to_string()
}

/// A log of `count` rows: user `n`, item `in`.
fn log(count: usize) -> String {
    let mut text = String::from("user,item,note\n");
    for n in 0..count {
        writeln!(text, "{n},i{n},x").unwrap();
    }
    text
}
