//! The row metrics against values of an independent implementation.

use adepts_eval::{Truth, summarise_tabular};

#[derive(serde::Deserialize)]
struct Golden {
    score: Vec<f32>,
    label: Vec<f32>,
    user: Vec<u32>,
    domain: Vec<u32>,
    predicted_over_observed: f64,
    #[serde(flatten)]
    pooled: Figures,
    per_domain: Vec<Figures>,
}

#[derive(serde::Deserialize)]
struct Figures {
    auc: f64,
    gauc: f64,
    log_loss: f64,
    ece: f64,
}

impl Figures {
    /// Ranks are compared exactly; the scores of the golden values have more digits than ours.
    fn all(&self) -> [(&'static str, f64, f64); 4] {
        [
            ("auc", self.auc, 1e-12),
            ("gauc", self.gauc, 1e-12),
            ("log_loss", self.log_loss, 1e-7),
            ("ece", self.ece, 1e-7),
        ]
    }
}

#[test]
fn every_metric_equals_the_independent_implementation_pooled_and_by_domain() {
    let golden: Golden = serde_json::from_str(include_str!("golden/row_metrics.json")).unwrap();
    let domains: Vec<String> = (0..golden.per_domain.len()).map(|domain| domain.to_string()).collect();
    let truth = Truth { label: &golden.label, user: &golden.user, domain: &golden.domain, domains: &domains };
    let summary = summarise_tabular("golden", "none", &truth, &golden.score, 1, 10).unwrap();
    let check = |name: &str, have: f64, want: f64, within: f64| {
        assert!((have - want).abs() <= within, "{name}: {have} {want}");
    };
    for (name, want, within) in golden.pooled.all() {
        check(name, summary.metrics[name], want, within);
    }
    let ratio = summary.metrics["predicted_over_observed"];
    check("predicted_over_observed", ratio, golden.predicted_over_observed, 1e-6);
    for (domain, expected) in summary.domains.iter().zip(&golden.per_domain) {
        for (name, want, within) in expected.all() {
            check(&format!("{name} of {}", domain.name), domain.metrics[name].mean, want, within);
        }
    }
    let (rows, macro_auc) =
        (golden.label.len(), golden.per_domain.iter().map(|figures| figures.auc).sum::<f64>() / 3.0);
    assert_eq!(summary.domains.iter().map(|domain| domain.rows).sum::<usize>(), rows);
    check("auc_macro", summary.metrics["auc_macro"], macro_auc, 1e-12);
}
