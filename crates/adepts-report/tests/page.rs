//! What the page shows, what it leaves out, and what it survives.

mod synthetic;

use adepts_core::log::{EpochGroup, EpochRecord};
use adepts_eval::{Estimate, GateSummary, GroupSummary, Protocol, Unprobed};
use adepts_report::{Limits, MARK, ReportError, ReportInput, RunInput, mostly_at_floor, page};

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
fn what_a_gate_was_shown_is_said_with_the_figure_that_it_has_without() {
    let protocol = |probe: &str, learned: &str, stop: &str, part: &str| Protocol {
        users: 10,
        items: 100,
        part: part.into(),
        probe: probe.into(),
        learned_probe: learned.into(),
        stop_probe: stop.into(),
        ..Protocol::default()
    };
    let html = one_run(|run| {
        run.summary.protocol = protocol("validation", "validation", "validation", "test");
        run.summary.metrics_history_probe.insert("ndcg@20".into(), 0.2692);
    });
    let (top, below) = html.split_once("<section id=\"measured\"").unwrap();
    assert!(top.contains("it reaches NDCG@20 0.2692 instead of 0.3000"), "{top}");
    assert!(below.contains("in training and for these lists, as in published work"));
    assert!(
        below
            .contains("Training was stopped by how well the validation items were found while the gate looked at them")
    );
    let html = one_run(|run| run.summary.protocol = protocol("history", "validation", "history", "validation"));
    assert!(html.contains("Here these are to be found, so it looks at a fifth of the history."));
    assert!(html.contains("so the gate did not see the items that it should find"));
    let html = one_run(|run| run.summary.protocol = protocol("history", "history", "history", "test"));
    assert!(html.contains("a fifth of the user’s own history, as it does when it is served"));
    assert!(!html.contains("Training was stopped") && !html.contains("instead of"));
}

#[test]
fn users_for_whom_a_gate_had_nothing_to_look_at_are_counted() {
    let html = one_run(|run| {
        let found = |users| Some(Unprobed { users, of: 1500 });
        let (unprobed, learned_unprobed) = (found(0), found(1200));
        run.summary.protocol = Protocol { users: 1500, unprobed, learned_unprobed, ..Protocol::default() };
    });
    assert!(
        html.contains("For 1,200 of the 1,500 users that the model learned from, gate and row weights had nothing")
    );
    assert!(!html.contains("that were judged the gate had nothing"));
}

#[test]
fn weights_of_which_most_are_at_the_floor_are_said() {
    let with = |at_floor: f64| {
        let group = EpochGroup { name: "low".into(), weight: 0.4, at_floor, ..EpochGroup::default() };
        let record = |epoch| EpochRecord { epoch, groups: vec![group.clone()], ..EpochRecord::default() };
        let epochs = vec![record(6), record(7)];
        (mostly_at_floor(&epochs), one_run(|run| run.epochs = epochs))
    };
    let (told, html) = with(0.65);
    assert!(told.unwrap().starts_with("in epoch 7 the row weights of 65 % of the users were at the floor"));
    assert!(html.contains("in epoch 7 the row weights of"));
    let (told, html) = with(0.5);
    assert!(told.is_none() && !html.contains("so that few users shaped the model"));
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

/// What stands between the beginning of a section and its end.
fn section<'a>(html: &'a str, id: &str) -> &'a str {
    let (_, rest) = html.split_once(&format!("<section id=\"{id}\"")).expect(id);
    rest.split_once("</section>").expect("an end").0
}

#[test]
fn what_decides_stands_in_a_table_of_its_own() {
    let html = page(&synthetic::input()).unwrap();
    let heads: Vec<&str> = section(&html, "runs").split("<thead>").skip(1).collect();
    let head = |n: usize| heads[n].split_once("</thead>").unwrap().0;
    assert_eq!(heads.len(), 2);
    for name in ["NDCG@20", "Worst group", "Gap"] {
        assert!(head(0).contains(name), "{name}");
    }
    assert!(!head(0).contains("Recall@20") && head(1).contains("tall-ml-1m") && heads[1].contains("Recall@20"));
}

#[test]
fn no_run_is_left_out_of_a_plot() {
    let mut input = synthetic::input();
    for group in &mut input.runs[0].summary.groups {
        group.metrics.values_mut().for_each(|e| *e = Estimate { mean: 0.001, lower: 0.0005, upper: 0.002 });
    }
    input.runs[0].summary.metrics.insert("ndcg@20".into(), 0.001);
    let html = page(&input).unwrap();
    let groups = section(&html, "groups");
    let (drawn, _) = groups.split_once("<details>").unwrap();
    for run in &input.runs {
        for name in ["low", "high"] {
            let point = format!("{}, {name}: 0.", run.summary.name);
            assert!(drawn.matches(&point).count() >= 3, "{point} is in each of three plots");
        }
    }
}

#[test]
fn both_protocols_are_on_the_page_whichever_counts() {
    let mut input = synthetic::input();
    let masked = section(&page(&input).unwrap(), "measured").to_owned();
    for run in &mut input.runs {
        let summary = &mut run.summary;
        summary.protocol.mask_validation = false;
        let unmasked = summary.metrics_validation_unmasked.clone();
        summary.metrics_validation_masked = std::mem::replace(&mut summary.metrics, unmasked);
    }
    let open = section(&page(&input).unwrap(), "measured").to_owned();
    let table = |text: &str| text.split_once("<tbody>").unwrap().1.to_owned();
    assert_eq!(table(&masked), table(&open));
    assert!(open.contains("tall-ml-1m, masked") && open.contains("tall-ml-1m, not masked"));
}

#[test]
fn what_was_only_seen_and_who_has_no_history_is_told() {
    let told = |change: &dyn Fn(&mut adepts_eval::Protocol)| {
        let mut input = synthetic::input();
        input.runs.iter_mut().for_each(|run| change(&mut run.summary.protocol));
        section(&page(&input).unwrap(), "measured").to_owned()
    };
    let plain = told(&|_| {});
    assert!(plain.contains("ordered by their number"));
    assert!(!plain.contains("a filter dropped") && !plain.contains("no training items"));
    let masked = told(&|p| (p.mask_seen, p.seen, p.without_history, p.ties) = (true, 1234, 17, "popularity".into()));
    for text in
        ["kept out of the user’s list too", "17 of the 6,040 users have no training items", "do not depend on how"]
    {
        assert!(masked.contains(text), "{text}: {masked}");
    }
    assert!(told(&|p| p.seen = 1234).contains("may take places in the user’s list"));
}

#[test]
fn an_end_by_the_limit_of_epochs_is_told_from_one_by_patience() {
    let with = |limits: Limits| {
        one_run(|run| {
            let record = |epoch: usize| EpochRecord {
                epoch,
                validation: [("stop".to_owned(), 0.1 * epoch.min(8) as f64)].into(),
                best: epoch <= 8,
                ..EpochRecord::default()
            };
            run.epochs = (1..=10).map(record).collect();
            run.limits = Some(limits);
        })
    };
    let said = "stopped at the limit of 10 epochs and may still be improving (the best is epoch 8)";
    assert!(with(Limits { epochs: 10, patience: 5 }).contains(said));
    assert!(!with(Limits { epochs: 10, patience: 2 }).contains("stopped at the limit"));
    assert!(!with(Limits { epochs: 11, patience: 5 }).contains("stopped at the limit"));
    let worse = one_run(|run| {
        let record = |epoch: usize| EpochRecord {
            epoch,
            validation: [("stop".to_owned(), 1.0 / epoch as f64)].into(),
            best: epoch == 1,
            ..EpochRecord::default()
        };
        run.epochs = (1..=10).map(record).collect();
        run.limits = Some(Limits { epochs: 10, patience: 15 });
    });
    assert!(!worse.contains("may still be improving"), "it has been getting worse since the first epoch");
}

#[test]
fn every_page_says_where_it_is_from() {
    assert!(page(&synthetic::input()).unwrap()[..1024].contains(MARK));
}

#[test]
fn groups_that_are_not_drawn_are_mentioned() {
    let mut input = synthetic::input();
    let comparison = input.comparison.as_mut().unwrap();
    let one = comparison.groups[1].clone();
    comparison.groups.extend((0..30).map(|n| adepts_eval::ComparedGroup { name: format!("g{n}"), ..one.clone() }));
    let html = page(&input).unwrap();
    assert!(section(&html, "compared").contains("Only the first groups are drawn; the table below has all."));
    assert!(!page(&synthetic::input()).unwrap().contains("Only the first groups"));
}
