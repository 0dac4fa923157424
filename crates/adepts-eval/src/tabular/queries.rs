//! Retrieval by domain: each query has a ranked list, measured as the lists of users are, and belongs to a domain.

use std::collections::BTreeMap;

use adepts_data::Rows;

use crate::compare::check;
use crate::evaluate::Measured;
use crate::metrics::MetricAt;
use crate::nearest::nearest;
use crate::summary::{Estimate, Protocol, RunSummary};

use super::paired::{DomainComparison, Paired};
use super::resample::{estimate, resampled};
use super::rows::Places;
use super::summarise::worst;
use super::summary::DomainSummary;
use super::truth::TabularEvalError;
use super::units::{Resampled, Units};

/// The place of the mean over all queries among the figures of a metric.
const POOLED: usize = 0;
/// The place of the mean over domains.
const MACRO: usize = 1;
/// The place of the first domain.
const DOMAINS: usize = 2;

/// What was asked, by query: what `Measured` calls users.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The domain of each query, an index into `domains`.
    pub domain: &'a [u32],
    /// The names of the domains.
    pub domains: &'a [String],
    /// The items that each query should find.
    pub relevant: &'a Rows,
    /// The user of each query, [`NO_USER`](adepts_data::tabular::NO_USER) for a query without one; empty where users are not
    /// known.
    pub user: &'a [u32],
}

/// The queries that were judged, domain by domain.
struct Judged {
    places: Places,
    /// The user of each, if users are known.
    user: Vec<u32>,
}

impl Judged {
    fn of(asked: &Asked<'_>, queries: &[u32]) -> Self {
        let of = |column: &[u32]| queries.iter().filter_map(|&query| column.get(query as usize)).copied().collect();
        let domain: Vec<u32> = of(asked.domain);
        Self { places: Places::of_domains(&domain, asked.domains.len()), user: of(asked.user) }
    }

    fn units(&self) -> Units<'_> {
        Units::of(&self.user, &self.places)
    }

    fn resampled(&self) -> Resampled {
        if self.user.is_empty() { Resampled::Lists } else { Resampled::Users }
    }

    fn lists(&self, domain: usize) -> usize {
        self.places.start[domain + 1] - self.places.start[domain]
    }

    /// For each metric the mean of all queries, of the domains that have some, and of each domain (NaN without queries), where
    /// each query counts so many times.
    fn figures(&self, measured: &Measured, counts: &[u32]) -> Vec<Vec<f64>> {
        let (width, domains) = (measured.metrics.len(), self.places.start.len() - 1);
        let (mut sums, mut lists) = (vec![vec![0.0; width]; domains], vec![0.0; domains]);
        for (domain, (sums, lists)) in sums.iter_mut().zip(&mut lists).enumerate() {
            let places = self.places.start[domain]..self.places.start[domain + 1];
            for (&count, &at) in counts[places.clone()].iter().zip(&self.places.row[places]) {
                let (count, values) = (f64::from(count), measured.row(at as usize));
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += count * value);
                *lists += count;
            }
        }
        let all = lists.iter().sum::<f64>();
        let of_metric = |metric: usize| {
            let mean = |domain: usize| sums[domain][metric] / lists[domain];
            let used: Vec<f64> = (0..domains).filter(|&domain| lists[domain] > 0.0).map(mean).collect();
            let pooled = sums.iter().map(|of| of[metric]).sum::<f64>() / all;
            let macro_mean = used.iter().sum::<f64>() / used.len() as f64;
            [pooled, macro_mean].into_iter().chain((0..domains).map(mean)).collect()
        };
        (0..width).map(of_metric).collect()
    }
}

/// Sums up one run by the lists that it gives to queries.
///
/// `metrics` and `intervals` have each metric twice: as mean over all queries (`recall@10`) and as mean of the domains
/// (`recall@10_macro`). `worst` is the domain with the lowest first metric, among those with enough lists to say something. Intervals are of `resamples` bootstrap resamples of
/// users, each with all queries that are his, or of the queries of each domain where users are not known. `other` is the same run under another mask and fills `metrics_validation_unmasked`.
///
/// The caller fills in what only it knows: `experts`, `work`, `seconds`, and of the protocol all but users and bootstrap.
///
/// # Errors
/// If there is no query.
///
/// # Panics
/// If a query has no domain or no relevant items.
pub fn summarise_queries(
    name: &str,
    model: &str,
    measured: &Measured,
    other: Option<&Measured>,
    asked: &Asked<'_>,
    seed: u64,
    resamples: usize,
) -> Result<RunSummary, TabularEvalError> {
    if measured.users.is_empty() {
        return Err(TabularEvalError::NoRows);
    }
    let judged = Judged::of(asked, &measured.users);
    let figures = |counts: &[u32]| judged.figures(measured, counts);
    let values = figures(&vec![1; measured.users.len()]);
    let draws = resampled(&judged.units(), measured.users.len(), seed, resamples, figures);
    let found = |metric: usize, place: usize| {
        let value = Some(values[metric][place]).filter(|value| value.is_finite())?;
        Some(estimate(value, draws.iter().map(|draw| draw[metric][place]), false))
    };
    let of_place = |place: usize, suffix: &str| -> BTreeMap<String, Estimate> {
        let of_metric = |(n, metric): (usize, &MetricAt)| Some((format!("{metric}{suffix}"), found(n, place)?));
        measured.metrics.iter().enumerate().filter_map(of_metric).collect()
    };
    let mut intervals = of_place(POOLED, "");
    intervals.extend(of_place(MACRO, "_macro"));
    let domain = |(index, name): (usize, &String)| {
        let queries = &judged.places.row[judged.places.start[index]..judged.places.start[index + 1]];
        let rows = queries.iter().map(|&at| asked.relevant.row(measured.users[at as usize] as usize).len()).sum();
        DomainSummary {
            name: name.clone(),
            rows,
            lists: Some(queries.len()),
            base_rate: if rows > 0 { 1.0 } else { 0.0 },
            metrics: of_place(DOMAINS + index, ""),
            reliability: Vec::new(),
        }
    };
    let domains: Vec<DomainSummary> = asked.domains.iter().enumerate().map(domain).collect();
    let means = |of: &Measured| -> BTreeMap<String, f64> {
        of.metrics.iter().map(ToString::to_string).zip(of.means()).chain(of.lists.clone()).collect()
    };
    let mut metrics: BTreeMap<String, f64> =
        intervals.iter().map(|(name, estimate)| (name.clone(), estimate.mean)).collect();
    metrics.extend(measured.lists.clone());
    Ok(RunSummary {
        name: name.to_owned(),
        model: model.to_owned(),
        metrics,
        intervals,
        metrics_validation_unmasked: other.map(means).unwrap_or_default(),
        worst: measured.metrics.first().and_then(|metric| worst(&domains, &metric.to_string())),
        domains,
        protocol: Protocol {
            users: measured.users.len(),
            bootstrap: (seed, resamples),
            resampled: judged.resampled(),
            ..Protocol::default()
        },
        ..RunSummary::default()
    })
}

/// Compares runs on the same queries, as [`super::gains`] does on the same rows; a draw takes users with all their queries, or
/// queries of each domain where users are not known.
///
/// # Errors
/// If there are fewer than two runs, no such baseline, two of one name, no such metric, or other queries in one of them.
///
/// # Panics
/// If a query has no domain or no relevant items.
pub fn query_gains(
    runs: &[(String, Measured)],
    asked: &Asked<'_>,
    baseline: &str,
    metric: MetricAt,
    seed: u64,
    resamples: usize,
) -> Result<DomainComparison, TabularEvalError> {
    let mut found = query_gains_against(runs, asked, &[baseline], metric, seed, resamples)?;
    Ok(found.remove(0))
}

/// As [`query_gains`] with each of several baselines, over the same draws: a comparison for each.
///
/// # Errors
/// As [`query_gains`].
///
/// # Panics
/// As [`query_gains`].
pub fn query_gains_against(
    runs: &[(String, Measured)],
    asked: &Asked<'_>,
    baselines: &[&str],
    metric: MetricAt,
    seed: u64,
    resamples: usize,
) -> Result<Vec<DomainComparison>, TabularEvalError> {
    let bases = baselines.iter().map(|baseline| check(runs, baseline)).collect::<Result<Vec<_>, _>>()?;
    let Some(base) = bases.first().copied() else { return Ok(Vec::new()) };
    let (first, queries) = (&runs[base].0, &runs[base].1.users);
    let column = |(run, measured): &(String, Measured)| {
        if measured.users != *queries {
            return Err(TabularEvalError::OtherLists { run: run.clone(), baseline: first.clone() });
        }
        let known: Vec<String> = measured.metrics.iter().map(ToString::to_string).collect();
        let name = metric.to_string();
        let at = measured.column(metric).ok_or_else(|| TabularEvalError::MissingMetric {
            run: run.clone(),
            suggestion: nearest(&name, known.iter().map(String::as_str)).map(str::to_owned),
            metric: name.clone(),
            known,
        })?;
        let values = (0..queries.len()).map(|position| measured.row(position)[at]).collect();
        Ok(Measured { users: queries.clone(), metrics: vec![metric], values, ..Measured::default() })
    };
    let alone = runs.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    if queries.is_empty() {
        return Err(TabularEvalError::NoRows);
    }
    let judged = Judged::of(asked, queries);
    // Of each run the figures of the one metric.
    let figures =
        |counts: &[u32]| -> Vec<Vec<f64>> { alone.iter().flat_map(|run| judged.figures(run, counts)).collect() };
    let values = figures(&vec![1; queries.len()]);
    let units = judged.units();
    let paired = Paired {
        metric: metric.to_string(),
        runs: runs.iter().map(|(name, _)| name.as_str()).collect(),
        draws: resampled(&units, queries.len(), seed, resamples, figures),
        values,
        sign: 1.0,
        weighted: None,
        first: DOMAINS,
        domains: asked.domains.iter().enumerate().map(|(n, name)| (name.as_str(), judged.lists(n))).collect(),
        units,
        resampled: judged.resampled(),
        bootstrap: (seed, resamples),
    };
    Ok(bases.into_iter().map(|base| paired.against(base)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four queries in the first domain and two in the third; the second has none.
    fn measured(values: [f64; 6]) -> Measured {
        let metrics = vec!["recall@10".parse().unwrap()];
        Measured { users: (0..6).collect(), metrics, values: values.to_vec(), ..Measured::default() }
    }

    fn with_asked<T>(use_it: impl FnOnce(&Asked<'_>) -> T) -> T {
        let domains = ["a", "none", "c"].map(String::from);
        let relevant = Rows::from_lists([vec![0], vec![1, 2], vec![3], vec![4], vec![0, 1, 2], vec![5]]);
        use_it(&Asked { domain: &[0, 2, 0, 0, 2, 0], domains: &domains, relevant: &relevant, user: &[] })
    }

    #[test]
    fn the_lists_of_a_user_are_drawn_together_in_all_domains() {
        let (values, queries) = ([0.0, 1.0], 200);
        let domains = ["a", "b"].map(String::from);
        let domain: Vec<u32> = (0..queries).map(|query| query % 2).collect();
        let relevant = Rows::from_lists((0..queries).map(|_| vec![0]));
        // Queries 10 n to 10 n + 9 are of one user and found alike.
        let user: Vec<u32> = (0..queries).map(|query| query / 10).collect();
        let measured = Measured {
            users: (0..queries).collect(),
            metrics: vec!["recall@10".parse().unwrap()],
            values: user.iter().map(|user| values[(user % 2) as usize]).collect(),
            ..Measured::default()
        };
        let of = |user: &[u32]| {
            let asked = Asked { domain: &domain, domains: &domains, relevant: &relevant, user };
            summarise_queries("a", "b", &measured, None, &asked, 1, 1000).unwrap()
        };
        let (lists, users) = (of(&[]), of(&user));
        assert_eq!((lists.protocol.resampled, users.protocol.resampled), (Resampled::Lists, Resampled::Users));
        for name in ["recall@10", "recall@10_macro"] {
            let width = |of: &RunSummary| of.intervals[name].upper - of.intervals[name].lower;
            let ratio = width(&users) / width(&lists);
            assert!((ratio / 10f64.sqrt() - 1.0).abs() < 0.15, "{name}: {ratio}");
        }
    }

    #[test]
    fn queries_are_averaged_pooled_by_domain_and_over_domains() {
        let found = with_asked(|asked| {
            summarise_queries("run", "mlp", &measured([1.0, 0.5, 0.0, 1.0, 0.0, 0.0]), None, asked, 3, 200).unwrap()
        });
        assert_eq!(found.metrics["recall@10"], 2.5 / 6.0);
        assert_eq!(found.metrics["recall@10_macro"], f64::midpoint(0.5, 0.25));
        let of = |domain: usize| (found.domains[domain].rows, found.domains[domain].lists);
        assert_eq!([of(0), of(1), of(2)], [(4, Some(4)), (0, Some(0)), (5, Some(2))]);
        assert!(found.domains[1].metrics.is_empty());
        let worst = found.worst.unwrap();
        assert_eq!((worst.group.as_str(), worst.mean, worst.gap), ("c", 0.25, 0.25));
        let pooled = found.intervals["recall@10"];
        assert!(pooled.lower < pooled.mean && pooled.mean < pooled.upper, "{pooled:?}");
    }

    #[test]
    fn a_gain_is_measured_on_the_same_queries_in_its_domain() {
        let runs = [("a", [0.0; 6]), ("b", [0.0, 1.0, 0.0, 0.0, 1.0, 0.0])];
        let runs = runs.map(|(name, values)| (name.to_owned(), measured(values)));
        let metric = "recall@10".parse().unwrap();
        let found = with_asked(|asked| query_gains(&runs, asked, "a", metric, 3, 100).unwrap());
        let gain = |domain: usize| found.domains[domain].runs[1].difference.unwrap();
        assert_eq!(found.domains.iter().map(|d| (d.name.as_str(), d.rows)).collect::<Vec<_>>(), [("a", 4), ("c", 2)]);
        assert_eq!((gain(0).mean, gain(0).p), (0.0, 1.0));
        assert_eq!((gain(1).mean, gain(1).lower, gain(1).upper), (1.0, 1.0, 1.0));
        assert_eq!(found.pooled[1].difference.unwrap().mean, 2.0 / 6.0);
        let other = "ndcg@10".parse().unwrap();
        let error = with_asked(|asked| query_gains(&runs, asked, "a", other, 3, 10).unwrap_err());
        assert_eq!(error.to_string(), "a was not measured by `ndcg@10`; it was by recall@10");
    }

    #[test]
    fn threads_change_no_interval() {
        let values = measured([1.0, 0.5, 0.0, 1.0, 0.0, 0.3]);
        let of = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| with_asked(|asked| summarise_queries("a", "b", &values, None, asked, 1, 50).unwrap()))
        };
        assert_eq!(of(1), of(3));
    }
}
