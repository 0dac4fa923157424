//! The tables of the terminal for tabular runs.

mod ranked;

use adepts_eval::Summary;
use adepts_report::{domains_table, gains_table, tabular_table};

fn summary() -> Summary {
    Summary { runs: ranked::input().runs.into_iter().map(|run| run.summary).collect() }
}

#[test]
fn runs_stand_side_by_side() {
    insta::assert_snapshot!(tabular_table(&summary()));
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
fn runs_of_retrieval_have_columns_of_lists() {
    let input = ranked::retrieval();
    let summary = Summary { runs: input.runs.into_iter().map(|run| run.summary).collect() };
    let head = |table: &str| table.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let runs = tabular_table(&summary);
    assert_eq!(head(&runs), "run model NDCG@100 Recall@10 Recall@10, mean of domains worst domain its Recall@10 train");
    let domains = domains_table(&summary, "recall@10");
    assert!(domains.starts_with("Recall@10 by domain\ndomain") && domains.contains("lists  to be found"), "{domains}");
    assert!(!gains_table(&input.domains.unwrap()).contains("weighted"));
}

#[test]
fn nothing_has_no_domains() {
    assert_eq!(domains_table(&Summary::default(), "auc"), "");
    assert_eq!(tabular_table(&Summary::default()), "run  model\n──────────\n");
}
