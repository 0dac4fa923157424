//! What the page of examples shows, what it leaves out, and what it survives.

mod ranked;

use adepts_eval::Estimate;
use adepts_report::{ReportInput, page};

fn has_section(html: &str, id: &str) -> bool {
    html.contains(&format!("<section id=\"{id}\""))
}

#[test]
fn every_run_domain_and_section_is_on_the_page() {
    let input = ranked::input();
    let html = page(&input).unwrap();
    for run in &input.runs {
        assert!(html.contains(&run.summary.name), "{}", run.summary.name);
    }
    for domain in &input.runs[0].summary.domains {
        assert!(html.contains(&domain.name), "{}", domain.name);
    }
    for id in ["found", "runs", "domains", "experts", "reliability", "epochs", "measured", "glossary"] {
        assert!(has_section(&html, id), "{id}");
    }
    for id in ["groups", "compared", "weights", "data", "lists"] {
        assert!(!has_section(&html, id), "{id} is of histories");
    }
    assert!(!html.contains("NaN") && !html.contains("inf ") && !html.contains("NDCG"));
}

#[test]
fn a_page_of_lists_speaks_of_what_was_found_and_not_of_probabilities() {
    let html = page(&ranked::retrieval()).unwrap();
    for text in [
        "is best: Recall@10",
        "Recall@10 by domain, the largest first",
        "Recall@10, worst domain",
        "NDCG@100",
        "Every one of the 3,706 items",
        "from the training and the validation part, are kept out",
        "Gain or loss against single-shop",
        "all lists, pooled",
        "To be found",
    ] {
        assert!(html.contains(text), "{text}");
    }
    for text in ["AUC", "robabilit", "Log loss", "NaN", "positive"] {
        assert!(!html.contains(text), "{text}");
    }
    assert!(!has_section(&html, "reliability") && has_section(&html, "experts") && has_section(&html, "epochs"));
}

#[test]
fn the_page_is_one_file_without_scripts() {
    let html = page(&ranked::input()).unwrap();
    for foreign in ["http://", "https://", "<script", "src=", "url(", "@import", "<link"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(html.len() < 600_000, "{} bytes", html.len());
    assert_eq!(html, page(&ranked::input()).unwrap(), "equal input gives an equal page");
}

#[test]
fn domains_stand_by_size_with_their_gains() {
    let html = page(&ranked::input()).unwrap();
    let table = html.find("AUC by domain, the largest first").map(|at| &html[at..]).expect("the table");
    let place = |name: &str| table.find(&format!(">{name}</th>")).unwrap_or_else(|| panic!("{name}"));
    let order = ["home feed", "search", "basket", "thank-you page", "mail"].map(place);
    assert!(order.is_sorted(), "{order:?}");
    assert!(html.contains("+0.0446, better") && html.contains("−0.0026, worse"));
    assert!(html.contains("cesaa-shop is better than single-shop in"));
}

#[test]
fn what_a_gate_does_is_said_in_words() {
    let html = page(&ranked::input()).unwrap();
    assert!(html.contains("mmoe-shop: every row uses all 3 experts"));
    assert!(html.contains("so all domains use the experts alike"));
    assert!(html.contains("cesaa-shop: a row uses 2.0 of 8 experts"));
    assert!(html.contains("43 % of the most that is possible; experts 5 and 8 serve nobody."));
}

#[test]
fn one_bare_run_leaves_out_what_it_does_not_know() {
    let mut input = ReportInput { domains: None, ..ranked::input() };
    input.runs.truncate(1);
    let run = &mut input.runs[0];
    run.epochs.clear();
    (run.summary.work, run.summary.reliability) = (None, Vec::new());
    let html = page(&input).unwrap();
    for id in ["experts", "reliability", "epochs"] {
        assert!(!has_section(&html, id), "{id}");
    }
    assert!(has_section(&html, "domains") && has_section(&html, "runs"));
    assert!(!html.contains("★") && !html.contains("Quality and cost") && !html.contains("Gain or loss"));
}

#[test]
fn names_from_outside_are_escaped_everywhere() {
    let mut input = ranked::input();
    let evil = "<img src=x onerror=alert(1)>\"'&";
    input.title = evil.into();
    for run in &mut input.runs {
        run.summary.name = evil.into();
        run.summary.model = evil.into();
        run.summary.domains.iter_mut().for_each(|d| d.name = format!("{evil}{}", d.name));
        run.summary.worst.iter_mut().for_each(|worst| worst.group = evil.into());
        run.epochs.iter_mut().flat_map(|e| &mut e.groups).for_each(|g| g.name = format!("{evil}{}", g.name));
    }
    let html = page(&input).unwrap();
    assert!(!html.contains("<img") && html.contains("&#60;img"));
    assert!(!html.contains("\"'&<") && !html.contains(evil));
}

#[test]
fn unknown_numbers_and_many_domains_are_survived() {
    let unknown = Estimate { mean: f64::NAN, lower: f64::NAN, upper: f64::INFINITY };
    let mut input = ranked::input();
    for run in &mut input.runs {
        run.summary.metrics.values_mut().for_each(|v| *v = f64::NAN);
        run.summary.intervals.values_mut().for_each(|v| *v = unknown);
        run.summary.worst.iter_mut().for_each(|worst| worst.mean = f64::NAN);
        for domain in &mut run.summary.domains {
            domain.metrics.values_mut().for_each(|v| *v = unknown);
            domain.reliability.clear();
        }
        for bin in &mut run.summary.reliability {
            (bin.predicted, bin.observed) = (f64::NAN, f64::NAN);
        }
        if let Some(experts) = &mut run.summary.experts {
            (experts.mutual_information, experts.selected) = (f64::NAN, f64::NAN);
            experts.load.iter_mut().for_each(|load| load.fill(f64::NAN));
        }
        for group in run.epochs.iter_mut().flat_map(|e| &mut e.groups) {
            group.validation = Some(f64::NAN);
        }
    }
    let comparison = input.domains.as_mut().unwrap();
    for run in comparison.pooled.iter_mut().chain(comparison.domains.iter_mut().flat_map(|d| &mut d.runs)) {
        run.mean = f64::NAN;
        run.difference.iter_mut().for_each(|d| d.mean = f64::NAN);
    }
    let html = page(&input).unwrap();
    assert!(!html.contains("NaN") && !html.contains("inf "), "unknown numbers are dashes");

    let mut many = ReportInput { domains: None, ..ranked::input() };
    for run in &mut many.runs {
        let of = |n: usize| {
            let mut domain = run.summary.domains[n % 5].clone();
            domain.name = format!("domain {n}");
            domain
        };
        run.summary.domains = (0..60).map(of).collect();
    }
    assert!(page(&many).unwrap().contains("Only the largest domains are drawn"));
}
