use super::*;

#[test]
fn a_list_without_items_measures_zero() {
    for metric in METRICS {
        for gains in [&[][..], &[0.0; 20]] {
            let measured = (metric.measure)(&Judged { gains, relevant: 3 }, 20);
            assert_eq!(measured.to_bits(), 0, "{}: {measured}", metric.about.name);
        }
    }
    for metric in AGGREGATE_METRICS {
        let measured = (metric.measure)(&Exposure { lists: &[0, 0], popularity: &[0.5, 0.5] });
        assert_eq!(measured.to_bits(), 0, "{}: {measured}", metric.about.name);
    }
}

#[test]
fn a_perfect_list_measures_one_in_all_but_precision() {
    for metric in METRICS.iter().filter(|m| m.about.name != "precision") {
        assert_eq!((metric.measure)(&Judged { gains: &[1.0, 1.0, 0.0], relevant: 2 }, 3), 1.0, "{}", metric.about.name);
    }
    assert_eq!(precision(&Judged { gains: &[1.0, 1.0, 0.0], relevant: 2 }, 4), 0.5);
}

#[test]
fn gini_is_zero_for_equal_exposure_and_largest_for_one_item() {
    let of = |lists: &[u32]| gini(&Exposure { lists, popularity: &[] });
    assert_eq!(of(&[3, 3, 3, 3]), 0.0);
    assert_eq!(of(&[0, 0, 0, 9]), 0.75);
    assert_eq!(of(&[0, 0]), 0.0);
}

#[test]
fn popularity_weighs_each_recommended_place_once() {
    let exposure = Exposure { lists: &[3, 1, 0], popularity: &[0.5, 0.25, 1.0] };
    assert_eq!(popularity(&exposure), (3.0 * 0.5 + 0.25) / 4.0);
    assert_eq!(coverage(&exposure), 2.0 / 3.0);
}

#[test]
fn a_name_goes_out_as_it_came_in() {
    for name in names() {
        let metric: MetricAt = format!("{name}@20").parse().unwrap();
        assert_eq!(metric.to_string(), format!("{name}@20"));
        assert!(metric.per_user().is_some() != metric.of_lists().is_some());
        assert!(!metric.definition().is_empty());
    }
    let metric: MetricAt = serde_json::from_str("\"recall@5\"").unwrap();
    assert_eq!(serde_json::to_string(&metric).unwrap(), "\"recall@5\"");
}

#[test]
fn a_wrong_name_is_answered_with_the_nearest_and_the_list() {
    let message = "ndgc@20".parse::<MetricAt>().unwrap_err().to_string();
    assert_eq!(
        message,
        "`ndgc@20` is no metric (did you mean `ndcg@20`?); there are ndcg, recall, precision, hit, mrr, map, coverage, \
         popularity, gini, each with a cut-off, as in `ndcg@20`"
    );
    for text in ["ndcg", "ndcg@", "ndcg@0", "ndcg@-1", "ndcg@+1", "ndcg@ten", "ndcg@99999999999999999999999"] {
        assert!(matches!(text.parse::<MetricAt>(), Err(MetricError::Cutoff { .. })), "{text}");
    }
}
