use super::*;
use crate::summary::Estimate;
use crate::tabular::DomainSummary;

fn run() -> RunSummary {
    let group = |by: &str, name: &str, mean: f64| GroupSummary {
        by: by.into(),
        name: name.into(),
        metrics: [("ndcg@20".to_owned(), Estimate { mean, ..Estimate::default() })].into(),
        ..GroupSummary::default()
    };
    let empty = GroupSummary { by: "mainstream".into(), name: "medium".into(), ..GroupSummary::default() };
    RunSummary {
        name: "tall".into(),
        metrics: [("ndcg@20".to_owned(), 0.3), ("coverage@20".to_owned(), 0.5)].into(),
        groups: vec![
            group("mainstream", "low", 0.25),
            empty,
            group("mainstream", "high", 0.5),
            group("genre", "genre:a.b<c", 0.1),
        ],
        ..RunSummary::default()
    }
}

fn judge(condition: &str) -> Result<Verdict, FailIfError> {
    condition.parse::<FailIf>()?.judge(&run())
}

#[test]
fn a_condition_compares_the_figure_that_it_names() {
    for (condition, value, fails) in [
        ("low.ndcg@20 < 0.25", 0.25, false),
        ("low.ndcg@20 <= 0.25", 0.25, true),
        ("ndcg@20<.3", 0.3, false),
        ("ndcg@20 >= 3e-1", 0.3, true),
        ("  coverage@20   >0.4 ", 0.5, true),
        ("gap.ndcg@20 > 0.2", 0.25, true),
        ("gap.ndcg@20 > 0.25", 0.25, false),
        ("worst.ndcg@20 < 0.2", 0.25, false),
        ("genre:a.b<c.ndcg@20 < -1", 0.1, false),
    ] {
        assert_eq!(judge(condition).unwrap(), Verdict { value, fails }, "{condition}");
    }
}

#[test]
fn a_condition_goes_out_as_it_is_read() {
    for text in ["low.ndcg@20 < 0.25", "gap.recall@5 >= 0.5", "worst.map@3 <= 1", "hit@1 > 0"] {
        assert_eq!(text.parse::<FailIf>().unwrap().to_string(), text);
    }
}

#[test]
fn what_is_unknown_is_named_with_the_nearest() {
    let message = |condition: &str| judge(condition).unwrap_err().to_string();
    assert_eq!(
        message("lwo.ndcg@20 < 1"),
        "run `tall` has no group `lwo` (did you mean `low`?); it has low, medium, high, genre:a.b<c"
    );
    assert_eq!(
        message("ndcg@10 < 1"),
        "`ndcg@10` is not measured for all users of run `tall`: measured are coverage@20, ndcg@20; have it measured \
         with `adepts evaluate --metrics ndcg@10,…`, or in training with `--set eval.metrics=[\"ndcg@10\", …]`"
    );
    assert_eq!(
        message("medium.ndcg@20 < 1"),
        "no user of group `medium` of run `tall` has an item to be found, so there is no ndcg@20 of it"
    );
    assert!(
        message("gap.recall@20 < 1").starts_with(
            "`recall@20` is not measured for the groups of run `tall`: measured are ndcg@20; have it measured with"
        ),
        "{}",
        message("gap.recall@20 < 1")
    );
    assert!(message("low.ndgc@20 < 1").starts_with("`ndgc@20` is no metric (did you mean `ndcg@20`?)"));
    assert!(message("< 1").starts_with("`` is no metric"));
}

#[test]
fn of_examples_the_groups_are_domains_and_those_with_a_handful_of_rows_are_no_worst() {
    let domain = |name: &str, rows: usize, auc: f64| DomainSummary {
        name: name.into(),
        rows,
        base_rate: 0.5,
        metrics: [("auc", auc), ("log_loss", 1.0 - auc)].map(|(m, mean)| (m.to_owned(), of_mean(mean))).into(),
        ..DomainSummary::default()
    };
    let mut domains = vec![domain("de", 100, 0.8), domain("fr.be", 40, 0.7), domain("it", 4, 0.2)];
    domains.push(DomainSummary { name: "mt".into(), rows: 1, ..DomainSummary::default() });
    let metrics = [("auc".to_owned(), 0.75), ("auc_macro".to_owned(), 0.7)].into();
    let run = RunSummary { name: "cesaa".into(), metrics, domains, ..RunSummary::default() };
    let value = |condition: &str| condition.parse::<FailIf>().unwrap().judge(&run).map(|verdict| verdict.value);
    for (condition, want) in [
        ("auc < 1", 0.75),
        ("auc_macro < 1", 0.7),
        ("fr.be.auc < 1", 0.7),
        ("it.auc < 1", 0.2),
        ("worst.auc < 1", 0.7),
        ("worst.log_loss < 1", 0.3),
        ("gap.auc < 1", 0.1),
    ] {
        assert!((value(condition).unwrap() - want).abs() < 1e-12, "{condition}: {:?}", value(condition));
    }
    let told = |condition: &str| value(condition).unwrap_err().to_string();
    assert_eq!(told("ed.auc < 1"), "run `cesaa` has no group `ed` (did you mean `de`?); it has de, fr.be, it, mt");
    assert_eq!(told("mt.auc < 1"), "`auc` is not defined for the domain `mt` of run `cesaa`, which has 1 row");
    assert!(
        told("de.gauc < 1").starts_with("`gauc` is not measured for the domains of run `cesaa`: measured are auc,")
    );
    let typo = "acu < 1".parse::<FailIf>().unwrap_err().to_string();
    assert_eq!(typo, "`acu` is no metric (did you mean `auc`?)");
}

fn of_mean(mean: f64) -> Estimate {
    Estimate { mean, ..Estimate::default() }
}

#[test]
fn what_is_no_condition_is_refused() {
    assert!(matches!(judge("ndcg@20"), Err(FailIfError::NoComparison { .. })));
    for text in ["ndcg@20 <", "ndcg@20 < low", "ndcg@20 < NaN", "ndcg@20 < inf", "ndcg@20 <== 1", "ndcg@20 = < é"] {
        assert!(matches!(judge(text), Err(FailIfError::NoNumber { .. })), "{text}");
    }
}
