//! Which run the others are compared with, and why: one rule for tables, pages and quickstarts.

use std::path::Path;

use adepts_eval::Better;

/// The model whose domains each have a model of their own.
const SINGLE: &str = "single";

/// A run, or a model over its seeds, that others may be compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its kind of model.
    pub(crate) kind: &'a str,
    /// Whether it mixes experts.
    pub(crate) mixes: bool,
    /// Its figure by the metric of the comparison; NaN where it has none.
    pub(crate) figure: f64,
}

/// The baseline among some candidates and why it is that one.
///
/// One that was asked for; or else that of `single`, which has a model of its own for each domain; or else the best of those that mix
/// no experts, which a mixture has to beat; or else, where all of them do, the best. Of equals it is the first.
pub(crate) fn choose(
    asked: Option<&str>,
    candidates: &[Candidate<'_>],
    (metric, better): (&str, Better),
) -> (String, String) {
    if let Some(name) = asked {
        return (name.to_owned(), "as asked for".to_owned());
    }
    if let Some(single) = candidates.iter().find(|candidate| candidate.kind == SINGLE) {
        let reason = "it has a model of its own for each domain, which learning together has to beat";
        return (single.name.to_owned(), reason.to_owned());
    }
    let simple: Vec<Candidate<'_>> = candidates.iter().filter(|candidate| !candidate.mixes).copied().collect();
    let found = best(&simple, better).map(|best| (best, simple.len() < candidates.len()));
    let Some((baseline, mixtures)) = found.or(best(candidates, better).map(|best| (best, false))) else {
        return (String::new(), String::new());
    };
    let reason = if mixtures {
        format!("the best by {metric} of those that mix no experts, which a mixture has to beat")
    } else {
        format!("the best by {metric}")
    };
    (baseline.name.to_owned(), reason)
}

/// The candidate with the best figure, the first of equals; one without a figure only where none has one.
pub(crate) fn best<'a>(candidates: &[Candidate<'a>], better: Better) -> Option<Candidate<'a>> {
    let worth = |candidate: &Candidate<'_>| match candidate.figure {
        figure if figure.is_nan() => f64::NEG_INFINITY,
        figure => better.upwards(figure),
    };
    candidates.iter().copied().reduce(|best, next| if worth(&next) > worth(&best) { next } else { best })
}

/// The name of the run that is meant by a name, or by its folder or the last part of that, where this is one run.
pub(crate) fn meant<'a>(asked: &str, runs: &[(&'a str, &'a Path)]) -> String {
    let the_only = |is_meant: &dyn Fn(&str, &Path) -> bool| {
        let mut found: Vec<&str> = runs.iter().filter(|(name, folder)| is_meant(name, folder)).map(|of| of.0).collect();
        found.dedup();
        if let [one] = found[..] { Some(one.to_owned()) } else { None }
    };
    let named = runs.iter().any(|(name, _)| *name == asked).then(|| asked.to_owned());
    let folder = || the_only(&|_, folder| folder == Path::new(asked));
    let last = || the_only(&|_, folder| folder.file_name().is_some_and(|name| name == asked));
    named.or_else(folder).or_else(last).unwrap_or_else(|| asked.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &'static str, mixes: bool, figure: f64) -> Candidate<'static> {
        Candidate { name, kind: name, mixes, figure }
    }

    #[test]
    fn the_baseline_is_the_best_run_without_experts_unless_one_is_asked_for_or_single_is_there() {
        let by = ("ndcg@20", Better::Higher);
        let runs = [candidate("popularity", false, 0.1), candidate("ease", false, 0.2), candidate("tall", true, 0.3)];
        let (name, reason) = choose(None, &runs, by);
        assert_eq!(name, "ease");
        assert_eq!(reason, "the best by ndcg@20 of those that mix no experts, which a mixture has to beat");
        assert_eq!(choose(None, &runs[..2], by), ("ease".into(), "the best by ndcg@20".into()));
        assert_eq!(choose(None, &runs[2..], by).0, "tall");
        assert_eq!(choose(Some("tall"), &runs, by), ("tall".into(), "as asked for".into()));
        assert_eq!(choose(None, &[runs[2], candidate("single", false, 0.0)], by).0, "single");
        assert_eq!(choose(None, &runs, ("log_loss", Better::Lower)).0, "popularity");
        assert_eq!(choose(None, &[candidate("a", false, f64::NAN), candidate("b", false, 0.0)], by).0, "b");
        assert_eq!(choose(None, &[candidate("a", false, 0.5), candidate("b", false, 0.5)], by).0, "a");
    }

    #[test]
    fn a_run_may_be_named_by_its_folder() {
        let runs = [("case", "runs/mlp"), ("runs/cesaa", "runs/cesaa"), ("x", "old/cesaa")];
        let of = |asked: &str| meant(asked, &runs.map(|(name, folder)| (name, Path::new(folder))));
        assert_eq!(["case", "runs/mlp", "runs/mlp/", "mlp"].map(of), ["case"; 4]);
        assert_eq!((of("old/cesaa"), of("runs/cesaa")), ("x".into(), "runs/cesaa".into()));
        assert_eq!(of("cesaa"), "cesaa", "two folders are called so");
        assert_eq!(of("mlpp"), "mlpp");
    }
}
