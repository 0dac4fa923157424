//! The page of models over several seeds.

mod synthetic;

use adepts_eval::{SeedComparison, SeedGroup, SeedModel, across_seeds, difference_across_seeds};
use adepts_report::{MARK, ReportError, page, seeds_page, seeds_table};

fn section<'a>(html: &'a str, id: &str) -> &'a str {
    let (_, rest) = html.split_once(&format!("<section id=\"{id}\"")).expect(id);
    rest.split_once("</section>").expect("an end").0
}

/// Two models over three seeds, one of a single seed, and one without a seed of the baseline's.
fn seeds() -> SeedComparison {
    let base = [0.30, 0.32, 0.31];
    let model = |name: &str, values: &[f64], paired: Option<&[f64]>| SeedModel {
        model: name.into(),
        estimate: across_seeds(values),
        difference: paired.map(|theirs| difference_across_seeds(values, theirs).expect("as many seeds")),
    };
    let group = |by: &str, name: &str| SeedGroup {
        by: by.into(),
        name: name.into(),
        models: vec![
            model("ease", &base, None),
            model("tall", &[0.33, 0.36, 0.34], Some(&base)),
            model("wl", &[0.29], Some(&base[..1])),
            model("moe", &[0.28, 0.29], None),
        ],
    };
    let groups = vec![group("", "all"), group("mainstream", "low"), group("activity", "activity:low")];
    let (metric, baseline) = ("ndcg@20".into(), "ease".into());
    let mut seeds = SeedComparison { metric, baseline, baseline_reason: "as asked for".into(), groups };
    seeds.correct();
    seeds
}

#[test]
fn what_does_not_hold_for_so_many_groups_is_called_established_nowhere_on_the_page() {
    let mut seeds = seeds();
    let difference = difference_across_seeds(&[0.03, 0.04, 0.025], &[0.0; 3]).unwrap();
    assert!(difference.p < 0.05 && 3.0 * difference.p > 0.05);
    seeds.groups.push(SeedGroup { name: "high".into(), ..seeds.groups[1].clone() });
    seeds.groups.iter_mut().for_each(|group| group.models[1].difference = Some(difference));
    seeds.correct();
    let html = seeds_page("", &seeds).unwrap();
    assert!(html.contains("tall, all users: +0.0317 (better)"));
    assert!(html.contains("tall, low: +0.0317 (not established)") && !html.contains("tall, low: +0.0317 (better)"));
    assert!(html.contains("p = 0.057 after correction, not established") && html.contains("p = 0.019, better"));
    let table = seeds_table(&seeds);
    let line = |name: &str| table.lines().skip_while(|line| !line.starts_with(name)).nth(1).unwrap().to_owned();
    assert!(line("all users").ends_with("0.019         –           better"), "{table}");
    assert!(line("low by mainstream").ends_with("0.019     0.057  not established"), "{table}");

    let mut input = synthetic::input();
    for group in &mut input.comparison.as_mut().unwrap().groups[1..] {
        for difference in group.runs.iter_mut().filter_map(|run| run.difference.as_mut()) {
            (difference.p, difference.p_holm) = (0.01, Some(0.15));
        }
    }
    let html = page(&input).unwrap();
    let compared = section(&html, "compared");
    assert!(
        compared.contains("tall-ml-1m, low: +0.0104 (not established)")
            && compared.contains("p = 0.150 after correction")
    );
    assert!(!compared.contains("unlikely to be chance") && compared.contains("Small shapes"));
}

#[test]
fn models_over_seeds_have_a_page() {
    let html = seeds_page("", &seeds()).unwrap();
    assert!(html[..1024].contains(MARK) && html.contains("4 models: "));
    for text in
        ["ease, tall, wl, moe over seeds", "tall (3 seeds)", "wl (1 seed)", "only one seed", "no common seed", "<svg"]
    {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains("NaN") && !html.contains("inf "));
    let none = SeedComparison { groups: Vec::new(), ..seeds() };
    assert!(matches!(seeds_page("", &none), Err(ReportError::NoRuns)));
}

#[test]
fn what_a_single_seed_cannot_say_is_said_in_words() {
    let table = seeds_table(&seeds());
    for text in ["NDCG@20 against ease", "all users", "low by mainstream", "low by activity", "baseline", "+0.0333"] {
        assert!(table.contains(text), "{text}: {table}");
    }
    assert!(table.contains("only one seed") && table.contains("no common seed") && !table.contains('?'), "{table}");
}
