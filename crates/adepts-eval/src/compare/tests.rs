use super::*;

fn measured(users: &[u32], values: &[f64]) -> Measured {
    let metrics = vec!["ndcg@20".parse().unwrap()];
    Measured { users: users.to_vec(), metrics, values: values.to_vec(), lists: BTreeMap::new() }
}

fn halves(by: &str) -> Grouping {
    let names = ["low", "empty", "high"].map(|name| format!("{by}:{name}")).to_vec();
    Grouping { by: by.into(), names, of_user: (0..40).map(|user| Some(if user < 20 { 0 } else { 2 })).collect() }
}

/// Forty users; `b` is better by a tenth for the upper half and as good, with noise, for the lower; `c` is `a`.
fn runs() -> Vec<(String, Measured)> {
    let users: Vec<u32> = (0..40).collect();
    let a: Vec<f64> = users.iter().map(|&user| f64::from(user * 7 % 11) / 11.0).collect();
    let noise = |user: u32| if user.is_multiple_of(2) { 0.01 } else { -0.01 };
    let b: Vec<f64> = users.iter().zip(&a).map(|(&u, a)| a + noise(u) + if u < 20 { 0.0 } else { 0.1 }).collect();
    [("a", a.clone()), ("b", b), ("c", a)].map(|(name, values)| (name.to_owned(), measured(&users, &values))).to_vec()
}

fn difference(comparison: &Comparison, group: usize, run: usize) -> Difference {
    comparison.groups[group].runs[run].difference.unwrap()
}

fn ndcg() -> MetricAt {
    "ndcg@20".parse().unwrap()
}

#[test]
fn a_difference_shows_in_the_group_that_has_it() {
    let comparison = compare(&runs(), &[halves("mainstream")], ndcg(), 1, 500).unwrap();
    let names: Vec<(&str, usize)> = comparison.groups.iter().map(|g| (&*g.name, g.users)).collect();
    assert_eq!(names, [("all", 40), ("mainstream:low", 20), ("mainstream:high", 20)]);
    let (all, low, high) =
        (difference(&comparison, 0, 1), difference(&comparison, 1, 1), difference(&comparison, 2, 1));
    assert!((all.mean - 0.05).abs() < 1e-12 && all.lower > 0.0 && all.p < 1e-6 && all.p_holm.is_none());
    assert!(low.mean.abs() < 1e-12 && low.lower < 0.0 && low.upper > 0.0 && low.p > 0.99, "{low:?}");
    assert!((high.mean - 0.1).abs() < 1e-12 && high.lower > 0.09 && high.upper < 0.11);
    assert!(high.p > 0.0 && high.p < 1e-12 && high.p_holm == Some(2.0 * high.p));
    assert_eq!(comparison.groups[0].runs[0].difference, None);
}

#[test]
fn equal_runs_differ_by_nothing() {
    let comparison = compare(&runs(), &[halves("activity")], ndcg(), 1, 100).unwrap();
    let same = difference(&comparison, 1, 2);
    assert_eq!(same, Difference { mean: 0.0, lower: 0.0, upper: 0.0, p: 1.0, p_holm: Some(1.0) });
}

#[test]
fn a_named_baseline_turns_the_sign() {
    let first = compare(&runs(), &[], ndcg(), 1, 300).unwrap();
    let named = compare_with(&runs(), "b", &[], ndcg(), 1, 300).unwrap();
    assert_eq!(difference(&named, 0, 0).mean, -difference(&first, 0, 1).mean);
    assert_eq!(difference(&named, 0, 0).p, difference(&first, 0, 1).p);
}

#[test]
fn only_users_of_all_runs_are_compared_in_any_order() {
    let runs = [
        ("a".to_owned(), measured(&[3, 1, 2], &[0.3, 0.1, 0.2])),
        ("b".to_owned(), measured(&[2, 3, 9], &[0.4, 0.5, 0.9])),
    ];
    let comparison = compare(&runs, &[], ndcg(), 1, 100).unwrap();
    assert_eq!(comparison.users, 2);
    assert!((difference(&comparison, 0, 1).mean - 0.2).abs() < 1e-12);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let runs = runs();
    let ask = |runs: &[(String, Measured)]| compare(runs, &[], ndcg(), 1, 10).unwrap_err();
    assert_eq!(ask(&runs[..1]), CompareError::TooFewRuns { runs: 1 });
    assert_eq!(ask(&[runs[0].clone(), runs[0].clone()]), CompareError::DuplicateRun { run: "a".into() });
    let apart = ("z".to_owned(), measured(&[99], &[0.5]));
    assert_eq!(ask(&[runs[0].clone(), apart]), CompareError::NoCommonUsers);
    let unknown = compare_with(&runs, "B", &[], ndcg(), 1, 10).unwrap_err();
    assert_eq!(unknown.to_string(), "no run is called `B` (did you mean `b`?); there are a, b, c");
    let missing = compare(&runs, &[], "recall@5".parse().unwrap(), 1, 10).unwrap_err();
    assert_eq!(missing.to_string(), "run `a` has no per-user values of `recall@5`; it has ndcg@20");
    let short = Grouping { of_user: vec![Some(0); 7], ..halves("x") };
    let error = compare(&runs, &[short], ndcg(), 1, 10).unwrap_err();
    assert_eq!(error.to_string(), "the grouping by x has 7 users, user 7 is not among them");
    assert_eq!(difference_across_seeds(&[1.0], &[]), Err(CompareError::Seeds { ours: 1, theirs: 0 }));
}

#[test]
fn holm_never_falls_and_stays_below_one() {
    let corrected = holm(&[0.01, 0.04, 0.03, 0.005, 0.9]);
    let expected = [0.04, 0.09, 0.09, 0.025, 0.9];
    assert!(corrected.iter().zip(expected).all(|(have, want)| (have - want).abs() < 1e-12), "{corrected:?}");
    assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
    assert!(holm(&[]).is_empty());
}

#[test]
fn the_interval_over_seeds_is_students() {
    // t(0.975, 4) = 2.7764451052, s/√5 of 1..5 = √2.5/√5.
    let estimate = across_seeds(&[1.0, 2.0, 3.0, 4.0, 5.0]);
    let half = 2.776_445_105_2 * 0.5_f64.sqrt();
    assert_eq!((estimate.mean, estimate.n), (3.0, 5));
    assert!(
        (estimate.lower - (3.0 - half)).abs() < 1e-6 && (estimate.upper - (3.0 + half)).abs() < 1e-6,
        "{estimate:?}"
    );
    let two = across_seeds(&[0.0, 2.0]);
    assert!((two.upper - (1.0 + 12.706_204_736)).abs() < 1e-5, "{two:?}");
}

#[test]
fn one_seed_says_nothing_about_others() {
    let one = across_seeds(&[0.3]);
    assert_eq!((one.mean, one.lower, one.upper), (0.3, f64::NEG_INFINITY, f64::INFINITY));
    assert_eq!(serde_json::to_string(&one).unwrap(), r#"{"mean":0.3,"lower":null,"upper":null,"n":1}"#);
}

#[test]
fn a_paired_difference_over_seeds_drops_what_is_common() {
    let paired = difference_across_seeds(&[0.31, 0.35, 0.28], &[0.30, 0.339, 0.271]).unwrap();
    assert!((paired.difference.mean - 0.01).abs() < 1e-12 && paired.difference.lower > 0.0 && paired.p < 0.01);
}
