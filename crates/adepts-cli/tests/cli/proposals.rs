//! What `inspect --tabular` says beside the table that it proposes.

use std::fs;

use serde_json::json;

use crate::newcomer::{Made, made};
use crate::support::{run, write};

#[test]
fn a_proposal_says_which_columns_it_leaves_out() {
    let Made { home, csv, .. } = made();
    let file = home.join("rated.csv");
    let text = fs::read_to_string(csv).unwrap();
    let rated = |(n, row): (usize, &str)| match n {
        0 => format!("{row},rating,same\n"),
        n => format!("{row},{},1\n", if row.ends_with(",1") { 4 + n % 2 } else { 1 + n % 3 }),
    };
    write(&file, &text.lines().enumerate().map(rated).collect::<String>());
    let found = run("inspect {} --tabular --json", &[&file]).ok().json();
    let left_out = [
        json!({"column": "rating", "why": "a rating gives the label away"}),
        json!({"column": "same", "why": "it has a single value"}),
    ];
    assert_eq!(found["left_out"], json!(left_out));
    assert!(found["toml"].as_str().unwrap().contains("# `rating` is left out: a rating gives the label away"));
}
