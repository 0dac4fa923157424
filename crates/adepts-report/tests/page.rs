//! What the page shows, what it leaves out, and what it survives.

mod synthetic;

use adepts_eval::{Estimate, GateSummary, GroupSummary};
use adepts_report::{ReportError, ReportInput, RunInput, page};

const EQUALLY: &str = "this model mixes all experts equally";

fn one_run(change: impl FnOnce(&mut RunInput)) -> String {
    let mut run = RunInput::default();
    run.summary.name = "only".into();
    run.summary.metrics.insert("ndcg@20".into(), 0.3);
    change(&mut run);
    page(&ReportInput { title: "One".into(), runs: vec![run], ..ReportInput::default() }).expect("a report")
}

fn has_section(html: &str, id: &str) -> bool {
    html.contains(&format!("<section id=\"{id}\""))
}

#[test]
fn every_run_and_every_section_is_on_the_page() {
    let input = synthetic::input();
    let html = page(&input).unwrap();
    for run in &input.runs {
        assert!(html.contains(&run.summary.name), "{}", run.summary.name);
    }
    for id in
        ["found", "runs", "groups", "compared", "epochs", "weights", "experts", "data", "lists", "measured", "glossary"]
    {
        assert!(has_section(&html, id), "{id}");
    }
    assert!(!html.contains("NaN") && !html.contains("inf"));
}

#[test]
fn the_page_is_one_file_without_scripts() {
    let html = page(&synthetic::input()).unwrap();
    for foreign in ["http://", "https://", "<script", "src=", "url(", "@import", "<link"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(html.len() < 600_000, "{} bytes", html.len());
}

#[test]
fn equal_input_gives_an_equal_page() {
    assert_eq!(page(&synthetic::input()).unwrap(), page(&synthetic::input()).unwrap());
}

#[test]
fn names_from_outside_are_escaped_everywhere() {
    let mut input = synthetic::input();
    let evil = "<img src=x onerror=alert(1)>\"'&";
    input.title = evil.into();
    for run in &mut input.runs {
        run.summary.name = evil.into();
        run.summary.model = evil.into();
        run.summary.groups.iter_mut().for_each(|g| g.name = format!("{evil}{}", g.name));
        run.epochs.iter_mut().flat_map(|e| &mut e.groups).for_each(|g| g.name = format!("{evil}{}", g.name));
    }
    let html = page(&input).unwrap();
    assert!(!html.contains("<img") && html.contains("&#60;img"));
    assert!(!html.contains("\"'&<") && !html.contains(evil));
}

#[test]
fn one_run_without_a_log_leaves_out_what_it_does_not_know() {
    let html = one_run(|_| {});
    for id in ["groups", "compared", "epochs", "weights", "experts", "data", "lists", "measured"] {
        assert!(!has_section(&html, id), "{id}");
    }
    assert!(has_section(&html, "found") && has_section(&html, "runs") && has_section(&html, "glossary"));
    assert!(!html.contains("★") && !html.contains("<figure"));
}

#[test]
fn equal_mixing_is_said_exactly_above_the_threshold() {
    let with = |entropy: f64| {
        one_run(|run| run.summary.gate = Some(GateSummary { experts: 8, entropy, ..GateSummary::default() }))
    };
    assert!(with(0.9991).contains(EQUALLY));
    assert!(with(1.0).contains(EQUALLY));
    assert!(!with(0.999).contains(EQUALLY));
    assert!(!with(0.4).contains(EQUALLY));
    assert!(!with(f64::NAN).contains(EQUALLY));
    assert!(!one_run(|_| {}).contains(EQUALLY));
}

#[test]
fn unknown_numbers_and_empty_groups_are_survived() {
    let unknown = Estimate { mean: f64::NAN, lower: f64::NAN, upper: f64::INFINITY };
    let mut input = synthetic::input();
    for run in &mut input.runs {
        run.summary.metrics.values_mut().for_each(|v| *v = f64::NAN);
        run.summary.intervals.values_mut().for_each(|v| *v = unknown);
        for (i, group) in run.summary.groups.iter_mut().enumerate() {
            group.users = 0;
            group.history_median = f64::NAN;
            if i % 2 == 0 {
                group.metrics.clear();
            } else {
                group.metrics.values_mut().for_each(|v| *v = unknown);
            }
        }
        if let Some(gate) = &mut run.summary.gate {
            gate.entropy = f64::NAN;
            gate.relative_shares.iter_mut().for_each(|g| g.shares.fill(f64::NAN));
        }
        for group in run.epochs.iter_mut().flat_map(|e| &mut e.groups) {
            (group.validation, group.weight, group.at_floor) = (Some(f64::NAN), f64::NAN, f64::NAN);
        }
    }
    input.dataset.mainstream.fill(f32::NAN);
    let html = page(&input).unwrap();
    assert!(!html.contains("NaN") && !html.contains("inf "), "unknown numbers are dashes");
    assert!(!has_section(&html, "groups") && !has_section(&html, "weights"));
}

#[test]
fn one_group_of_one_user_is_survived() {
    let html = one_run(|run| {
        let metrics = [("ndcg@20".to_owned(), Estimate { mean: 0.5, lower: 0.5, upper: 0.5 })].into();
        run.summary.groups = vec![GroupSummary {
            by: "column".into(),
            name: "column:a".into(),
            users: 1,
            metrics,
            ..GroupSummary::default()
        }];
    });
    assert!(has_section(&html, "groups"));
}

#[test]
fn overlapping_intervals_are_not_sold_as_a_difference() {
    let html = page(&synthetic::input()).unwrap();
    assert!(html.contains("ease-ml-1m is best") || html.contains("tall-ml-1m is best"));
    assert!(html.contains("Compared user by user the difference is"));
    let alone = page(&ReportInput { comparison: None, ..synthetic::input() }).unwrap();
    assert!(alone.contains("The two intervals overlap") && alone.contains("this advantage is not established"));
    assert!(!html.contains("this advantage is not established"), "the comparison user by user has established it");
}

#[test]
fn runs_of_different_protocols_carry_a_warning() {
    let mut input = synthetic::input();
    assert!(!page(&input).unwrap().contains("must not be compared"));
    input.runs[0].summary.protocol.mask_validation = false;
    assert!(page(&input).unwrap().contains("must not be compared"));
}

#[test]
fn no_run_is_an_error() {
    assert!(matches!(page(&ReportInput::default()), Err(ReportError::NoRuns)));
}
