//! The tables of the terminal.

mod synthetic;

use adepts_eval::Summary;
use adepts_report::{comparison_table, groups_table, summary_table};

fn summary() -> Summary {
    Summary { runs: synthetic::input().runs.into_iter().map(|run| run.summary).collect() }
}

#[test]
fn runs_stand_side_by_side() {
    insta::assert_snapshot!(summary_table(&summary()));
}

#[test]
fn groups_stand_below_each_other() {
    insta::assert_snapshot!(groups_table(&summary(), "ndcg@20"));
}

#[test]
fn differences_stand_beside_their_intervals() {
    insta::assert_snapshot!(comparison_table(&synthetic::input().comparison.unwrap()));
}

#[test]
fn a_table_of_nothing_is_only_its_heading() {
    assert_eq!(summary_table(&Summary::default()), "run  model\n──────────\n");
    assert_eq!(groups_table(&Summary::default(), "ndcg@20"), "");
}

#[test]
fn a_line_break_in_a_name_does_not_break_the_table() {
    let mut summary = summary();
    summary.runs.truncate(1);
    summary.runs[0].name = "two\nlines".into();
    assert_eq!(summary_table(&summary).lines().count(), 4, "head, rule, row and footnote");
}
