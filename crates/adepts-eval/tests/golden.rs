//! The metrics against values of an independent implementation.

use std::collections::BTreeMap;

use adepts_eval::{Judged, METRICS};

#[derive(serde::Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    ranked: Vec<u32>,
    relevant: Vec<u32>,
    at: BTreeMap<String, BTreeMap<String, f64>>,
}

#[test]
fn every_metric_equals_the_independent_implementation() {
    let golden: Golden = serde_json::from_str(include_str!("golden/ranking_metrics.json")).unwrap();
    assert!(!golden.cases.is_empty());
    for case in &golden.cases {
        let gains: Vec<f32> = case.ranked.iter().map(|i| f32::from(u8::from(case.relevant.contains(i)))).collect();
        let judged = Judged { gains: &gains, relevant: case.relevant.len() };
        for (k, expected) in &case.at {
            assert_eq!(expected.len(), METRICS.len());
            for metric in METRICS {
                let measured = (metric.measure)(&judged, k.parse().unwrap());
                assert!(
                    (measured - expected[metric.about.name]).abs() < 1e-12,
                    "{}@{k}: {measured} {}",
                    metric.about.name,
                    expected[metric.about.name]
                );
            }
        }
    }
}
