//! What the page of tabular runs shows, what it leaves out, and what it survives.

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
    for id in ["found", "runs", "domains", "experts", "reliability", "epochs", "data", "measured", "glossary"] {
        assert!(has_section(&html, id), "{id}");
    }
    for id in ["groups", "compared", "weights", "lists"] {
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
fn a_page_of_lists_says_what_became_of_items_that_users_have_only_seen() {
    let mut input = ranked::retrieval();
    let mut told = |mask_seen: bool, seen: usize| {
        input.runs.iter_mut().for_each(|run| {
            (run.summary.protocol.mask_seen, run.summary.protocol.seen) = (mask_seen, seen);
        });
        page(&input).unwrap()
    };
    assert!(!told(true, 0).contains("not positive"));
    let html = told(true, 1234);
    assert!(html.contains("1,234 times a user has an item only in rows that are not positive"));
    assert!(html.contains("kept out of the user’s lists too"));
    assert!(told(false, 1234).contains("may take places in the user’s lists"));
}

#[test]
fn several_domains_are_judged_by_their_mean_and_the_page_says_why() {
    let mut input = ranked::input();
    let html = page(&input).unwrap();
    for text in [
        "cesaa-shop is best: the mean AUC of the domains is 0.740",
        "Next is mmoe-shop with 0.735",
        "1.2 % to 58 % of the rows of a domain are positive",
        "AUC, mean of domains, over the multiply-adds of a row",
        "AUC, mean of domains, by the number of experts selected for a row",
        "a number chosen here must be judged on others",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let heading = |heading: &str| html.find(&format!(">{heading}</th>")).unwrap_or_else(|| panic!("{heading}"));
    assert!(heading("AUC, mean of domains") < heading("AUC, pooled"));
    assert!(heading("mean of domains") < heading("all rows, pooled"));
    assert!(!html.contains("Over all rows pooled"), "the same run is first there");

    let pooled = input.runs[1].summary.intervals.get_mut("auc").unwrap();
    *pooled = Estimate { mean: 0.9, lower: 0.89, upper: 0.91 };
    let other = page(&input).unwrap();
    assert!(other.contains("is best: the mean AUC") && other.contains("Over all rows pooled mlp-shop comes first"));

    for run in &mut input.runs {
        run.summary.domains.truncate(1);
    }
    let one = page(&input).unwrap();
    assert!(one.contains("of one domain, mlp-shop is best: AUC 0.900") && !one.contains("Runs are judged by the mean"));
}

#[test]
fn whether_domains_gain_from_each_other_is_asked_where_one_run_has_a_model_for_each() {
    let (question, mut input) = ("Does a domain gain from being learned together with the others?", ranked::input());
    assert!(page(&input).unwrap().contains(question));
    input.runs[0].summary.model = "fm".into();
    let html = page(&input).unwrap();
    assert!(!html.contains(question) && html.contains("In which domains is a run better?"));
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
fn what_is_missing_unknown_or_left_out_of_the_data_is_told() {
    let mut input = ranked::input();
    let html = page(&input).unwrap();
    let section = html.split("<section id=\"data\"").nth(1).and_then(|rest| rest.split("</section>").next()).unwrap();
    for text in [
        "148,000",
        "Rows that could not be read",
        "15 × no value in the column `clicked`; 2 × found 3 values",
        "category",
        "1,035",
        "31 validation, 1,004 test",
        "2,210 training, 254 test",
    ] {
        assert!(section.contains(text), "{text} is not in {section}");
    }
    for text in ["not listed", "hour", "Items"] {
        assert!(!section.contains(text), "{text} is in {section}");
    }
    let facts = input.tabular.as_mut().unwrap();
    facts.fields.retain(|field| field.name == "hour");
    assert!(page(&input).unwrap().contains("Every row has a value in every field"));
    input.tabular = None;
    assert!(!has_section(&page(&input).unwrap(), "data"));
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
    assert!(
        html.contains(
            "43 % of the most that is possible; experts 5 and 8 serve nobody; over 2,048 rows no two experts"
        )
    );
    assert!(html.contains("so that one of them would do: 1 and 3 (0.97)."));
}

#[test]
fn what_too_few_rows_say_is_marked_and_never_the_worst() {
    let mut input = ranked::input();
    assert!(!page(&input).unwrap().contains('†'));
    for run in &mut input.runs {
        let of = |name: &str, rows: usize, auc: f64| {
            let mut domain = run.summary.domains[0].clone();
            (domain.name, domain.rows, domain.base_rate) = (name.into(), rows, if rows > 0 { 0.5 } else { 0.0 });
            domain.metrics.retain(|_, _| rows > 0);
            domain.metrics.values_mut().for_each(|estimate| estimate.mean = auc);
            domain
        };
        let few = [of("kiosk", 4, 0.01), of("fax", 0, 0.0)];
        run.summary.domains.extend(few);
    }
    let html = page(&input).unwrap();
    assert!(html.contains("kiosk †") && html.contains("† fewer than ten rows of one label: not established"));
    assert!(html.contains("“kiosk” (4 rows, 50 % positive)"));
    assert!(html.contains("No judged row is of “fax”"));
    assert!(html.contains("AUC is lowest in the domain “mail”"), "a handful of rows is not called the worst");
}

#[test]
fn a_training_that_learned_nothing_or_was_cut_short_is_told() {
    let mut input = ranked::input();
    let quiet = page(&input).unwrap();
    assert!(!quiet.contains("next to nothing was learned") && !quiet.contains("limit of"));
    for epoch in &mut input.runs[1].epochs {
        epoch.validation.insert("auc".into(), 0.503);
    }
    let last = input.runs[2].epochs.len();
    input.runs[2].epochs.iter_mut().for_each(|epoch| epoch.best = epoch.epoch == last);
    input.runs[2].limits = Some(adepts_report::Limits { epochs: last, patience: 4 });
    let mut both = input.clone();
    both.runs[0].epochs = both.runs[1].epochs.clone();
    assert!(page(&both).unwrap().contains("single-shop and mlp-shop: next to nothing was learned"));
    let html = page(&input).unwrap();
    assert!(html.contains("mlp-shop: next to nothing was learned: the validation AUC is 0.503"));
    assert!(html.contains(&format!("mmoe-shop: training stopped at the limit of {last} epochs")));
}

#[test]
fn why_there_is_no_auc_within_users_is_said() {
    let mut input = ranked::input();
    let told = |input: &ReportInput| page(input).unwrap().contains("GAUC is not measured");
    assert!(!told(&input));
    for run in &mut input.runs {
        run.summary.metrics.remove("gauc");
        run.summary.intervals.remove("gauc");
    }
    assert!(told(&input) && page(&input).unwrap().contains("no user has judged rows of both labels"));
    input.runs.iter_mut().for_each(|run| run.summary.protocol.users = 0);
    assert!(page(&input).unwrap().contains("the data names no user of a row"));
}

#[test]
fn what_a_row_costs_stands_apart_from_how_good_the_runs_are() {
    let html = page(&ranked::input()).unwrap();
    let table = |from: &str| {
        let from = html.find(from).unwrap_or_else(|| panic!("{from}"));
        html[from..].split("</table>").next().unwrap_or_default().to_owned()
    };
    let (quality, cost) = (table("Over all judged rows, with 95"), table("What one row costs in prediction"));
    assert!(quality.contains("mail, 1,120 rows"));
    assert!(quality.matches("<th scope=\"col\"").count() <= 8 && !quality.contains("Multiply-adds"));
    assert!(
        cost.contains("Experts of a row")
            && cost.contains("of 8")
            && cost.contains("59,720")
            && cost.contains("of 168,900")
    );
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
    let facts = input.tabular.as_mut().unwrap();
    facts.fields.iter_mut().for_each(|field| field.name = evil.into());
    facts.left_out.iter_mut().for_each(|left| left.why = vec![evil.into()]);
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
