//! A metric that is in the table is found in JSON, in the table of a terminal, on the page, in `--fail-if` and in early stopping.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::convert::Infallible;

use adepts::AnyExperiment;
use adepts::data::Rows;
use adepts::eval::about::{Form, all};
use adepts::eval::{
    About, FailIf, Judgement, MetricAt, RunSummary, Scope, Summary, Truth, evaluate, row_metric, summarise,
    summarise_tabular,
};
use adepts::page::{ReportInput, RunInput, page, summary_table, tabular_table};

const ITEMS: usize = 4;

/// The name of a metric in configurations and evaluations.
fn figure(metric: &About) -> String {
    if metric.scope == Scope::Rows { metric.name.to_owned() } else { format!("{}@2", metric.name) }
}

/// An evaluation of two users' lists by every metric of lists.
fn of_lists() -> RunSummary {
    let train = Rows::from_lists([vec![0], vec![3]]);
    let test = Rows::from_lists([vec![1], vec![0, 2]]);
    let metrics: Vec<MetricAt> =
        all().filter(|metric| metric.scope != Scope::Rows).map(|metric| figure(metric).parse().unwrap()).collect();
    let judgement = Judgement {
        users: &[0, 1],
        items: ITEMS,
        mask: &[&train],
        mask_row: None,
        relevant: &test,
        metrics: &metrics,
        popularity: &[0.5, 0.0, 0.0, 0.5],
        ties: None,
        batch: 512,
    };
    let mut scores = |_: &[u32], scores: &mut [f32]| {
        scores.chunks_mut(ITEMS).for_each(|row| row.copy_from_slice(&[4.0, 3.0, 2.0, 1.0]));
        Ok::<(), Infallible>(())
    };
    let measured = evaluate(&judgement, &mut scores, &mut adepts::data::progress::silent).unwrap();
    summarise("lists", "ease", &measured, None, &[], &[1, 1], &test, 1, 10)
}

/// An evaluation of rows of two users in two domains.
fn of_rows() -> RunSummary {
    let domains = ["a", "b"].map(str::to_owned);
    let label = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
    let truth =
        Truth { label: &label, user: &[0, 0, 0, 0, 1, 1, 1, 1], domain: &[0, 0, 1, 1, 0, 0, 1, 1], domains: &domains };
    let score = [0.7, 0.2, 0.6, 0.4, 0.1, 0.9, 0.5, 0.3];
    summarise_tabular("rows", "mlp", &truth, &score, 1, 10).unwrap()
}

fn summary(metric: &About) -> RunSummary {
    if metric.scope == Scope::Rows { of_rows() } else { of_lists() }
}

#[test]
fn every_metric_is_in_the_json_of_an_evaluation() {
    for metric in all() {
        let json = serde_json::to_value(summary(metric)).unwrap();
        assert!(json["metrics"][figure(metric)].is_number(), "{}: {json}", metric.name);
    }
}

#[test]
fn every_metric_has_a_column_in_the_table_of_a_terminal() {
    for metric in all() {
        let run = summary(metric);
        let rows = metric.scope == Scope::Rows;
        let summary = Summary { runs: vec![run] };
        let table = if rows { tabular_table(&summary) } else { summary_table(&summary) };
        let head = table.lines().next().unwrap().to_lowercase();
        assert!(head.contains(&metric.label.to_lowercase()), "{}: {head}", metric.name);
    }
}

#[test]
fn every_metric_is_on_the_page() {
    for metric in all() {
        let input = ReportInput {
            runs: vec![RunInput { summary: summary(metric), ..RunInput::default() }],
            ..ReportInput::default()
        };
        let html = page(&input).unwrap();
        match row_metric(metric.name).and_then(|metric| metric.shown_under) {
            // In small print in the column of another.
            Some(column) => {
                let column = row_metric(column).unwrap();
                assert!(html.contains(column.about.label) && html.contains(" : 1"), "{}", metric.name);
            }
            None => assert!(html.contains(metric.label), "{}", metric.name),
        }
    }
}

#[test]
fn every_metric_can_be_a_condition() {
    for metric in all() {
        let condition: FailIf = format!("{} > 1000", figure(metric)).parse().unwrap();
        let verdict = condition.judge(&summary(metric)).unwrap();
        assert!(!verdict.fails && verdict.value.is_finite(), "{}", metric.name);
    }
}

#[test]
fn early_stopping_takes_the_figures_that_the_table_allows_and_no_others() {
    let histories = "[data]\nsource = \"x.csv\"\n[model]\nkind = \"ease\"\n";
    let rows = "[data]\nsource = \"x.csv\"\nlabel = \"y\"\nfields = [\"a\"]\n[model]\nkind = \"mlp\"\n";
    for metric in all() {
        for form in Form::ALL {
            let tabular = metric.scope == Scope::Rows;
            if !tabular && form != Form::Pooled {
                continue;
            }
            let text = if tabular { rows } else { histories };
            let name = format!("{}{}", figure(metric), form.suffix());
            let sets = [format!("train.stop.metric=\"{name}\"")];
            let read = AnyExperiment::read("test", text, &sets, &|_| None).map(drop).map_err(|e| e.to_string());
            assert_eq!(read.is_ok(), metric.stop.contains(&form), "{name}: {read:?}");
        }
    }
}
