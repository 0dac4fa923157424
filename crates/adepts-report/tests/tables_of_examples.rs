//! The tables of the terminal for runs on examples.

mod ranked;

use adepts_eval::Summary;
use adepts_report::{domains_table, examples_table, gains_table};

fn summary() -> Summary {
    Summary { runs: ranked::input().runs.into_iter().map(|run| run.summary).collect() }
}

#[test]
fn runs_stand_side_by_side() {
    insta::assert_snapshot!(examples_table(&summary()));
}

#[test]
fn domains_stand_by_size() {
    insta::assert_snapshot!(domains_table(&summary(), "auc"));
}

#[test]
fn gains_stand_beside_their_intervals() {
    insta::assert_snapshot!(gains_table(&ranked::input().domains.unwrap()));
}

#[test]
fn nothing_has_no_domains() {
    assert_eq!(domains_table(&Summary::default(), "auc"), "");
    assert_eq!(examples_table(&Summary::default()), "run  model\n──────────\n");
}
