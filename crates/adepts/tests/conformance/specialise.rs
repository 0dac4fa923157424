//! Which experts serve which domain, in a world where it is known which ought to.

use std::path::Path;

use adepts::TabularExperiment;
use adepts::data::progress;
use adepts::data::tabular::{DomainsConfig, TabularDataset, simulate_domains};
use adepts::eval::RunSummary;
use adepts::tabular::experiment::run_on;

use crate::support::{How, working};

/// A gate that sees the domain alone chooses one of four experts, beside a shared one.
const EXPERIMENT: &str = r#"
    [data]
    label = "label"
    domain = "domain"
    fields = ["user", "item", "category", { column = "tags", separator = "|" }]
    dense = ["price", { column = "hour", transform = "quantile", buckets = 12 }]
    [model]
    experts = 4
    k = 1
    shared = 1
    gate = { input = "domain" }
    [train]
    batch = 512
    epochs = 8
    optimizer = { kind = "adam", learning_rate = 5e-3, l2 = 1e-6 }
    [eval]
    resamples = 20
"#;

/// Four domains of equal size and base rate, of which two follow the shared effects and two have effects of their own.
fn trained(seed: u64) -> RunSummary {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("specialise-{seed}"));
    if home.exists() {
        std::fs::remove_dir_all(&home).unwrap();
    }
    std::fs::create_dir_all(&home).unwrap();
    let log = home.join("rows.csv");
    let world = DomainsConfig {
        rows: 24_000,
        users: 300,
        items: 100,
        domains: 4,
        fall: 1.0,
        lowest_rate: 0.4,
        highest_rate: 0.4,
        alike: 2,
        own: 2.0,
        seed,
        ..DomainsConfig::default()
    };
    simulate_domains(&world, &log, &mut progress::silent).unwrap();
    let sets = ["model.kind=cesaa".to_owned(), format!("data.source={}", log.display()), format!("seed={seed}")];
    let experiment = TabularExperiment::read("cesaa", EXPERIMENT, &sets, &|_| None).unwrap();
    let set =
        TabularDataset::prepare(&experiment.data, &experiment.split, seed, &home.join("data"), &mut progress::silent)
            .unwrap();
    let (run, _) = working(How::default(), |work| run_on(&experiment, &set, 0.0, &home.join("run"), work));
    run.unwrap()
}

#[test]
fn domains_that_are_alike_share_an_expert_and_the_first_that_is_not_has_another() {
    for seed in 1..=3 {
        let run = trained(seed);
        let experts = run.experts.as_ref().unwrap();
        let names: Vec<&str> = run.domains.iter().map(|domain| domain.name.as_str()).collect();
        assert_eq!(names, ["domain-1", "domain-2", "domain-3", "domain-4"]);
        let favourites: Vec<usize> =
            experts.load.iter().map(|load| load.iter().position(|x| *x > 0.99).unwrap()).collect();
        assert_eq!(favourites[0], favourites[1], "seed {seed}: {favourites:?}");
        assert_ne!(favourites[0], favourites[2], "seed {seed}: {favourites:?}");
        assert!(experts.mutual_information > 0.5, "seed {seed}: {}", experts.mutual_information);
    }
}

#[test]
fn quality_and_cost_are_told_for_every_number_of_experts() {
    let run = trained(4);
    let by_selected = &run.experts.as_ref().unwrap().by_selected;
    assert_eq!(by_selected.iter().map(|of| of.selected).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let [as_trained] = by_selected.iter().filter(|of| of.trained).collect::<Vec<_>>().try_into().unwrap();
    let work = run.work.unwrap();
    assert_eq!((as_trained.selected, as_trained.rows), (1, run.domains.iter().map(|domain| domain.rows).sum()));
    assert_eq!((as_trained.auc, as_trained.auc_macro), (run.metrics["auc"], run.metrics["auc_macro"]));
    assert_eq!(as_trained.activated_parameters, work.activated_parameters);
    assert_eq!(as_trained.multiply_adds, work.multiply_adds);
    assert!(by_selected.is_sorted_by(|few, more| few.multiply_adds < more.multiply_adds));
}
