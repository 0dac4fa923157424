//! Invented results of four tabular models on five domains of very unequal size and base rate.

use adepts_core::log::{EpochGroup, EpochRecord};
use adepts_eval::{
    AlikeExperts, ComparedDomain, ComparedRun, Difference, DomainComparison, DomainSummary, Estimate, ExpertSummary,
    Protocol, ReliabilityBin, Resampled, RunSummary, SelectedSummary, WorkSummary, WorstGroup,
};
use adepts_report::{FieldFacts, LeftOut, ReportInput, RunInput, TabularFacts};

const EPOCHS: usize = 14;

struct Domain {
    name: &'static str,
    rows: usize,
    base_rate: f64,
}

/// Not in the order of their size, as in data.
const DOMAINS: [Domain; 5] = [
    Domain { name: "search", rows: 21_400, base_rate: 0.18 },
    Domain { name: "home feed", rows: 61_950, base_rate: 0.06 },
    Domain { name: "mail", rows: 1_120, base_rate: 0.012 },
    Domain { name: "basket", rows: 9_310, base_rate: 0.42 },
    Domain { name: "thank-you page", rows: 3_480, base_rate: 0.58 },
];

fn around(mean: f64, half: f64) -> Estimate {
    Estimate { mean, lower: mean - half, upper: mean + half }
}

/// Scores that are `bias` times what they should be.
fn reliability(base_rate: f64, rows: usize, bias: f64) -> Vec<ReliabilityBin> {
    let bin = |n: usize| {
        let observed = (base_rate * (0.12 + 0.13 * n as f64 + 0.002 * (n * n) as f64)).min(0.98);
        let half = 1.96 * (observed * (1.0 - observed) * 15.0 / rows as f64).sqrt();
        let lower = (observed - half).max(0.0);
        ReliabilityBin {
            rows: rows / 15,
            predicted: (observed * bias).min(0.99),
            observed,
            lower,
            upper: observed + half,
        }
    };
    (0..15).map(bin).collect()
}

fn summary(model: &str, auc: [f64; 5], bias: f64, work: WorkSummary) -> RunSummary {
    let of_domain = |(domain, auc): (&Domain, f64)| {
        let half = 0.9 / (domain.rows as f64 * domain.base_rate).sqrt() * 0.4;
        DomainSummary {
            name: domain.name.into(),
            rows: domain.rows,
            lists: None,
            base_rate: domain.base_rate,
            metrics: [
                ("auc".to_owned(), around(auc, half)),
                ("gauc".to_owned(), around(auc - 0.02, half)),
                ("log_loss".to_owned(), around(0.62 - 0.3 * auc, half)),
                ("ece".to_owned(), around(0.006, 0.002)),
                ("predicted_over_observed".to_owned(), around(bias, 0.01)),
            ]
            .into(),
            reliability: reliability(domain.base_rate, domain.rows, bias),
        }
    };
    let domains: Vec<DomainSummary> = DOMAINS.iter().zip(auc).map(of_domain).collect();
    let rows = DOMAINS.iter().map(|domain| domain.rows).sum();
    let mean = auc.iter().sum::<f64>() / 5.0;
    let weighted = DOMAINS.iter().zip(auc).map(|(domain, auc)| domain.rows as f64 * auc).sum::<f64>() / rows as f64;
    let intervals = [
        ("auc", around(weighted + 0.055, 0.0021)),
        ("auc_macro", around(mean, 0.0083)),
        ("auc_weighted", around(weighted, 0.0031)),
        ("gauc", around(weighted - 0.021, 0.0035)),
        ("log_loss", around(0.52 - 0.3 * weighted, 0.0022)),
        ("ece", around(0.004 + (bias - 1.0).abs() * 0.13, 0.0012)),
        ("predicted_over_observed", around(bias, 0.008)),
    ];
    let intervals: std::collections::BTreeMap<String, Estimate> =
        intervals.map(|(name, estimate)| (name.to_owned(), estimate)).into();
    let worst = (0..5).min_by(|&a, &b| auc[a].total_cmp(&auc[b])).unwrap_or(0);
    RunSummary {
        name: format!("{model}-shop"),
        model: model.into(),
        metrics: intervals.iter().map(|(name, estimate)| (name.clone(), estimate.mean)).collect(),
        intervals,
        reliability: reliability(0.15, rows, bias),
        worst: Some(WorstGroup {
            metric: "auc".into(),
            group: DOMAINS[worst].name.into(),
            mean: auc[worst],
            gap: auc.iter().copied().fold(0.0, f64::max) - auc[worst],
        }),
        domains,
        work: Some(work),
        seconds: [("train".to_owned(), 40.0 + work.multiply_adds / 2e3)].into(),
        protocol: Protocol {
            part: "test".into(),
            users: 12_480,
            bootstrap: (7, 2000),
            resampled: Resampled::Users,
            ..Protocol::default()
        },
        ..RunSummary::default()
    }
}

fn epochs(auc: [f64; 5], pace: f64) -> Vec<EpochRecord> {
    let mut records: Vec<EpochRecord> = Vec::new();
    for epoch in 1..=EPOCHS {
        let of_domain = |(n, auc): (usize, &f64)| {
            let late = (epoch as f64 - 9.0).max(0.0) * 0.0006 * n as f64;
            let score = 0.5 + (auc - 0.5) * (1.0 - (-(epoch as f64) / (pace + 0.4 * n as f64)).exp()) - late;
            EpochGroup { name: DOMAINS[n].name.into(), validation: Some(score), ..EpochGroup::default() }
        };
        let groups: Vec<EpochGroup> = auc.iter().enumerate().map(of_domain).collect();
        let stop = groups.iter().filter_map(|group| group.validation).sum::<f64>() / 5.0;
        let best = records.iter().all(|record| record.validation["stop"] < stop);
        let validation = [("stop".to_owned(), stop)].into();
        records.push(EpochRecord { epoch, validation, best, groups, ..EpochRecord::default() });
    }
    records
}

/// Every run against the first.
fn comparison(runs: &[RunInput]) -> DomainComparison {
    let compared = |value: &dyn Fn(&RunSummary) -> f64, half: f64, corrected: bool| -> Vec<ComparedRun> {
        let of = |run: &RunInput| {
            let mean = value(&run.summary) - value(&runs[0].summary);
            let p = if mean.abs() > half { 0.0001 } else { 0.4 };
            let p_holm = corrected.then_some((5.0_f64 * p).min(1.0));
            let difference = Difference { mean, lower: mean - half, upper: mean + half, p, p_holm };
            let name = run.summary.name.clone();
            let difference = (name != runs[0].summary.name).then_some(difference);
            ComparedRun { run: name, mean: value(&run.summary), difference }
        };
        runs.iter().map(of).collect()
    };
    let domain = |n: usize| {
        let half = 0.3 / (DOMAINS[n].rows as f64 * DOMAINS[n].base_rate).sqrt() * 0.4;
        let runs = compared(&|run| run.domains[n].metrics["auc"].mean, half, true);
        ComparedDomain { name: DOMAINS[n].name.into(), rows: DOMAINS[n].rows, runs }
    };
    DomainComparison {
        metric: "auc".into(),
        baseline: runs[0].summary.name.clone(),
        baseline_reason: "it has a model of its own for each domain, which learning together has to beat".into(),
        rows: DOMAINS.iter().map(|domain| domain.rows).sum(),
        bootstrap: (7, 2000),
        resampled: Resampled::Users,
        pooled: compared(&|run| run.metrics["auc"], 0.0011, false),
        macro_mean: compared(&|run| run.metrics["auc_macro"], 0.0034, false),
        weighted_mean: compared(&|run| run.metrics["auc_weighted"], 0.0014, false),
        domains: (0..5).map(domain).collect(),
    }
}

fn work(parameters: usize, activated_parameters: usize) -> WorkSummary {
    let (multiply_adds, total_multiply_adds) = (activated_parameters as f64 * 1.02, parameters as f64 * 1.02);
    WorkSummary { parameters, activated_parameters, multiply_adds, total_multiply_adds }
}

fn selected((auc, selected): (f64, usize)) -> SelectedSummary {
    let activated_parameters = 32_000 + 13_860 * selected;
    let multiply_adds = activated_parameters as f64 * 1.02;
    SelectedSummary {
        selected,
        trained: selected == 2,
        rows: 20_000,
        auc,
        auc_macro: auc - 0.01,
        activated_parameters,
        multiply_adds,
    }
}

/// A model per domain, one for all, and two with experts.
pub(crate) fn input() -> ReportInput {
    let single = [0.7514, 0.7202, 0.6488, 0.7733, 0.7391];
    let mlp = [0.7488, 0.7231, 0.6897, 0.7702, 0.7402];
    let mmoe = [0.7531, 0.7246, 0.6791, 0.7741, 0.7433];
    let cesaa = [0.7569, 0.7258, 0.6934, 0.7752, 0.7478];
    let soft = ExpertSummary {
        experts: 3,
        selected: 3.0,
        load: vec![
            vec![0.36, 0.31, 0.33],
            vec![0.30, 0.35, 0.35],
            vec![0.34, 0.33, 0.33],
            vec![0.33, 0.34, 0.33],
            vec![0.35, 0.33, 0.32],
        ],
        mutual_information: 0.0024,
        mutual_information_bound: 1.01,
        dead: Vec::new(),
        duplicates: vec![AlikeExperts { first: 0, second: 2, correlation: 0.973 }],
        compared_rows: 2048,
        by_selected: Vec::new(),
    };
    let sparse = ExpertSummary {
        experts: 8,
        selected: 2.0,
        load: vec![
            vec![0.44, 0.02, 0.31, 0.01, 0.0, 0.19, 0.03, 0.0],
            vec![0.05, 0.48, 0.03, 0.30, 0.0, 0.12, 0.02, 0.0],
            vec![0.08, 0.33, 0.06, 0.34, 0.0, 0.15, 0.04, 0.0],
            vec![0.03, 0.01, 0.17, 0.02, 0.0, 0.26, 0.51, 0.0],
            vec![0.02, 0.02, 0.09, 0.01, 0.0, 0.25, 0.61, 0.0],
        ],
        mutual_information: 0.43,
        mutual_information_bound: 1.01,
        dead: vec![4, 7],
        duplicates: Vec::new(),
        compared_rows: 2048,
        by_selected: [0.7438, 0.7512, 0.7517, 0.7516, 0.7514, 0.7513, 0.7511, 0.7511]
            .into_iter()
            .zip(1..)
            .map(selected)
            .collect(),
    };
    let run = |summary: RunSummary, epochs: Vec<EpochRecord>| RunInput { summary, epochs, limits: None };
    let mut runs = vec![
        run(summary("single", single, 1.0, work(91_205, 18_241)), epochs(single, 3.1)),
        run(summary("mlp", mlp, 1.09, work(18_241, 18_241)), epochs(mlp, 1.9)),
        run(summary("mmoe", mmoe, 0.97, work(71_300, 58_460)), epochs(mmoe, 1.7)),
        run(summary("cesaa", cesaa, 1.05, work(168_900, 59_720)), epochs(cesaa, 1.5)),
    ];
    runs[2].summary.experts = Some(soft);
    runs[3].summary.experts = Some(sparse);
    let domains = Some(comparison(&runs));
    let tabular = Some(facts());
    ReportInput { title: "A shop with five surfaces".into(), tabular, runs, domains, ..ReportInput::default() }
}

fn facts() -> TabularFacts {
    let field = |name: &str, missing, unknown| FieldFacts { name: name.into(), missing, unknown };
    let left = |what: &str, rows, why: &[&str]| {
        let why = why.iter().map(|why| (*why).to_owned()).collect();
        LeftOut { what: what.into(), rows, why }
    };
    TabularFacts {
        rows: [148_000, 18_500, 18_430],
        users: 9_120,
        items: 0,
        left_out: vec![
            left("Rows that could not be read", 17, &["15 × no value in the column `clicked`", "2 × found 3 values"]),
            left("Rows of domains that are not listed", 0, &[]),
        ],
        fields: vec![
            field("category", [0, 0, 0], [0, 31, 1_004]),
            field("tags", [2_210, 0, 254], [0, 0, 0]),
            field("hour", [0; 3], [0; 3]),
        ],
    }
}

/// The same runs as if they had ranked items for queries: AUC becomes recall.
pub(crate) fn retrieval() -> ReportInput {
    let mut input = input();
    let renamed = |metrics: &mut std::collections::BTreeMap<String, Estimate>| {
        metrics.retain(|name, _| name == "auc" || name == "auc_macro");
        for (old, new) in [("auc", "recall@10"), ("auc_macro", "recall@10_macro")] {
            if let Some(estimate) = metrics.remove(old) {
                metrics.insert(new.into(), estimate);
            }
        }
    };
    for RunInput { summary, .. } in &mut input.runs {
        renamed(&mut summary.intervals);
        summary.metrics = summary.intervals.iter().map(|(name, estimate)| (name.clone(), estimate.mean)).collect();
        summary.reliability.clear();
        summary.experts.iter_mut().for_each(|experts| experts.by_selected.clear());
        for domain in &mut summary.domains {
            (domain.lists, domain.base_rate) = (Some(domain.rows / 4), 1.0);
            domain.reliability.clear();
            renamed(&mut domain.metrics);
            domain.metrics.insert("ndcg@100".into(), around(0.3, 0.01));
        }
        summary.intervals.insert("ndcg@100".into(), around(0.3, 0.01));
        summary.metrics.insert("ndcg@100".into(), 0.3);
        summary.worst.iter_mut().for_each(|worst| worst.metric = "recall@10".into());
        (summary.protocol.items, summary.protocol.mask, summary.protocol.mask_validation) =
            (3_706, "known".into(), true);
    }
    if let Some(comparison) = &mut input.domains {
        comparison.metric = "recall@10".into();
        comparison.weighted_mean.clear();
    }
    input
}
