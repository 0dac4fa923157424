//! Invented results that look like those on MovieLens: four models, five groups, sixty epochs.

use std::collections::BTreeMap;

use adepts_core::log::{EpochGroup, EpochRecord, GateStats};
use adepts_eval::{
    ComparedGroup, ComparedRun, Comparison, Difference, Estimate, GateSummary, GroupShares, GroupSummary, Protocol,
    Resampled, RunSummary, WorstGroup,
};
use adepts_report::{DatasetFacts, Limits, ReportInput, RunInput};

const GROUPS: [&str; 5] = ["low", "med-low", "medium", "med-high", "high"];
const HISTORY: [f64; 5] = [21.0, 35.0, 65.0, 118.0, 217.0];
const EPOCHS: usize = 60;

/// A small generator of numbers in 0..1 that look random.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

fn groups_of(by: &str, prefix: &str, means: [f64; 5]) -> Vec<GroupSummary> {
    let of = |(i, mean): (usize, f64)| {
        let half = 0.011 - 0.001 * i as f64;
        let at = |mean: f64, half: f64| Estimate { mean, lower: mean - half, upper: mean + 1.05 * half };
        GroupSummary {
            by: by.into(),
            name: format!("{prefix}{}", GROUPS[i]),
            users: 1208,
            history_median: if by == "mainstream_within_activity" { 62.0 + 2.0 * i as f64 } else { HISTORY[i] },
            test_median: if by == "mainstream_within_activity" { 18.0 } else { (HISTORY[i] * 0.28).round() },
            metrics: BTreeMap::from([("ndcg@20".into(), at(mean, half)), ("recall@20".into(), at(0.9 * mean, half))]),
            ..GroupSummary::default()
        }
    };
    means.into_iter().enumerate().map(of).collect()
}

fn summary(model: &str, means: [f64; 5], lists: [f64; 3], train: f64) -> RunSummary {
    let mean = means.iter().sum::<f64>() / 5.0;
    let around = |mean: f64| Estimate { mean, lower: mean - 0.0052, upper: mean + 0.0053 };
    let activity = means.map(|m| 0.9 * m + 0.1 * mean);
    let within = means.map(|m| mean + 0.18 * (m - mean));
    let metrics = BTreeMap::from([
        ("ndcg@20".to_owned(), mean),
        ("recall@20".to_owned(), 0.93 * mean),
        ("hit@20".to_owned(), 0.6 + mean),
        ("coverage@20".to_owned(), lists[0]),
        ("popularity@20".to_owned(), lists[1]),
        ("gini@20".to_owned(), lists[2]),
    ]);
    RunSummary {
        name: format!("{model}-ml-1m"),
        model: model.into(),
        intervals: ["ndcg@20", "recall@20", "hit@20"].map(|n| (n.to_owned(), around(metrics[n]))).into(),
        metrics_validation_unmasked: ["ndcg@20", "recall@20"].map(|n| (n.to_owned(), 0.86 * metrics[n])).into(),
        metrics_validation_masked: BTreeMap::new(),
        metrics,
        groups: [
            groups_of("mainstream", "", means),
            groups_of("activity", "activity:", activity),
            groups_of("mainstream_within_activity", "within-activity:", within),
        ]
        .concat(),
        worst: Some(WorstGroup {
            metric: "ndcg@20".into(),
            group: "low".into(),
            mean: means[0],
            gap: means[4] - means[0],
        }),
        gate: None,
        seconds: [("prepare", 1.4), ("train", train), ("evaluate", 2.2)].map(|(s, t)| (s.to_owned(), t)).into(),
        protocol: Protocol {
            part: "test".into(),
            users: 6040,
            items: 3260,
            mask_validation: true,
            bootstrap: (7, 2000),
            resampled: Resampled::Users,
            ..Protocol::default()
        },
        ..RunSummary::default()
    }
}

fn gate(noise: &mut Noise, experts: usize) -> GateSummary {
    let mut shares = |spread: f64| -> Vec<f64> { (0..experts).map(|_| 1.0 + spread * noise.normal()).collect() };
    let relative_shares = GROUPS
        .iter()
        .enumerate()
        .map(|(i, group)| GroupShares {
            group: (*group).into(),
            entropy: 0.999_97 - 0.000_01 * i as f64,
            shares: shares(0.004 + 0.003 * i as f64),
        })
        .collect();
    GateSummary { experts, entropy: 0.999_95, largest_share: 0.0103, never_preferred: 14, relative_shares }
}

/// Sixty epochs; with adaptive weights and a gate, or without.
fn epochs(noise: &mut Noise, means: [f64; 5], adaptive: bool) -> Vec<EpochRecord> {
    let gap = 20;
    let mut records: Vec<EpochRecord> = Vec::new();
    for epoch in 1..=EPOCHS {
        let stats = |loss: f64| GateStats {
            entropy: 1.0 - loss * epoch as f64 / EPOCHS as f64,
            largest_share: 0.0103,
            never_preferred: 10,
            shares: vec![0.01; 100],
        };
        let groups: Vec<EpochGroup> = (0..5)
            .map(|i| {
                let t = epoch as f64 / (14.0 - 1.7 * i as f64);
                let over = (epoch as f64 - (52.0 - 5.0 * i as f64)).max(0.0) * 0.0007;
                let score = means[i] * 0.92 * (1.0 - 0.75 * (-t).exp()) - over + 0.0012 * noise.normal();
                let late = if adaptive && epoch > gap { (epoch - gap) as f64 / (EPOCHS - gap) as f64 } else { 0.0 };
                EpochGroup {
                    name: GROUPS[i].into(),
                    validation: Some(score),
                    weight: 1.0 + late * (0.9 - 0.45 * i as f64) + if late > 0.0 { 0.03 * noise.normal() } else { 0.0 },
                    at_floor: if late > 0.0 { (late * 0.11 * i as f64).min(1.0) } else { 0.0 },
                    gate: adaptive.then(|| stats(0.000_02 * (i + 1) as f64)),
                }
            })
            .collect();
        let stop = groups.iter().filter_map(|g| g.validation).sum::<f64>() / 5.0;
        let best = records.iter().all(|r| r.validation["stop"] < stop);
        records.push(EpochRecord {
            epoch,
            step: 12 * epoch as u64,
            train_seconds: 4.0,
            eval_seconds: 0.4,
            losses: BTreeMap::from([("total".into(), 520.0 - epoch as f64)]),
            validation: BTreeMap::from([("stop".into(), stop)]),
            best,
            gate: adaptive.then(|| stats(0.000_05)),
            groups,
        });
    }
    records
}

/// The trained models against EASE.
fn comparison(runs: &[RunInput]) -> Comparison {
    let of = |run: &RunInput, base: f64, mean: f64, all: bool| {
        let d = mean - base;
        let half = if all { 0.0016 } else { 0.0038 };
        let p = if d.abs() > half { 0.0002 } else { 0.6 };
        let p_holm = (!all).then_some(if d.abs() > half { 0.004 } else { 1.0 });
        let difference = Difference { mean: d, lower: d - half, upper: d + half, p, p_holm };
        let name = run.summary.name.clone();
        ComparedRun { run: name, mean, difference: (run.summary.model != "ease").then_some(difference) }
    };
    let shown = || runs.iter().filter(|run| run.summary.model != "popularity");
    let all = shown().map(|run| of(run, runs[1].summary.metrics["ndcg@20"], run.summary.metrics["ndcg@20"], true));
    let mut groups = vec![ComparedGroup { by: String::new(), name: "all".into(), users: 6040, runs: all.collect() }];
    for (i, group) in runs[1].summary.groups.iter().enumerate() {
        let mean = |run: &RunInput| run.summary.groups[i].metrics["ndcg@20"].mean;
        let compared = shown().map(|run| of(run, mean(&runs[1]), mean(run), false)).collect();
        groups.push(ComparedGroup {
            by: group.by.clone(),
            name: group.name.clone(),
            users: group.users,
            runs: compared,
        });
    }
    let baseline = runs[1].summary.name.clone();
    let baseline_reason = "the best by ndcg@20 of those that mix no experts, which a mixture has to beat".into();
    Comparison { metric: "ndcg@20".into(), baseline, baseline_reason, users: 6040, bootstrap: (7, 2000), groups }
}

/// Popularity, EASE, MultVAE and TALL.
pub(crate) fn input() -> ReportInput {
    let mut noise = Noise(11);
    let multvae = [0.3007, 0.3225, 0.3493, 0.4221, 0.5309];
    let tall = [0.3135, 0.3303, 0.3520, 0.4304, 0.5427];
    let mut mixture = summary("tall", tall, [0.47, 0.201, 0.893], 1980.0);
    mixture.gate = Some(gate(&mut noise, 100));
    mixture.protocol.probe = "history".into();
    let run = |summary: RunSummary| RunInput { summary, ..RunInput::default() };
    let runs = vec![
        run(summary("popularity", [0.128, 0.133, 0.139, 0.158, 0.196], [0.031, 0.402, 0.991], 0.02)),
        run(summary("ease", [0.3031, 0.3246, 0.3562, 0.4352, 0.5517], [0.39, 0.222, 0.917], 3.1)),
        RunInput {
            epochs: epochs(&mut noise, multvae, false),
            summary: summary("multvae", multvae, [0.44, 0.212, 0.902], 62.0),
            limits: Some(Limits { epochs: 1000, patience: 15 }),
        },
        RunInput {
            epochs: epochs(&mut noise, tall, true),
            summary: mixture,
            limits: Some(Limits { epochs: EPOCHS, patience: 15 }),
        },
    ];
    let mut histories = Vec::new();
    let mut scores = Vec::new();
    for _ in 0..6040 {
        let length = (4.1 + 0.95 * noise.normal()).exp().clamp(8.0, 1600.0);
        histories.push(length as usize);
        scores.push((0.022 * length.ln() - 0.01 + 0.012 * noise.normal()).max(0.004) as f32);
    }
    let dataset = DatasetFacts::of_users(3260, &histories, &scores);
    let comparison = Some(comparison(&runs));
    ReportInput { title: "MovieLens 1M: four models".into(), dataset, runs, comparison, ..ReportInput::default() }
}
