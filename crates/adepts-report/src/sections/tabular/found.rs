//! What was found, in plain words.

use adepts_eval::{ComparedRun, DomainComparison, Estimate};

use crate::blocks::{Block, Section};
use crate::format::{counted, decimals, listed, percent, score, signed};
use crate::input::RunInput;
use crate::sections::compared::verdict;
use crate::view::{View, overlap};

use super::{
    Domain, Headline, by_size, headline, in_domain, main_metric, nothing_learned, overall, retrieves, with_interval,
};

/// Fewer positive rows too many or too few than this share are not worth a remark.
const CALIBRATED: f64 = 0.03;

pub(super) fn section(view: &View) -> Option<Section> {
    let headline = headline(view);
    let (best, top) = view.best_of(&headline.metric, |run| overall(&run.summary, &headline.metric))?;
    let mut points = vec![first(view, &headline, best, top)];
    points.extend(other_mean(view, &headline, best));
    points.extend(unequal(view, best));
    points.extend(few(view));
    points.extend(view.input.domains.iter().flat_map(|comparison| gains(comparison, by_size(view).len())));
    points.extend(calibration(view, best));
    let mut blocks = vec![Block::Points(points)];
    blocks.extend(learned(view).into_iter().map(Block::Note));
    if !same_rows(view) {
        let note = "These runs were not judged on the same rows (see “How it was measured”): their numbers must not be compared.";
        blocks.push(Block::Note(note.into()));
    }
    Some(Section { id: "found", title: "What was found", blocks })
}

/// What must be said of how runs have learned, each thing once.
fn learned(view: &View) -> Vec<String> {
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for run in view.runs() {
        let Some(what) = nothing_learned(&run.epochs) else { continue };
        match told.iter_mut().find(|(known, _)| *known == what) {
            Some((_, runs)) => runs.push(run.summary.name.clone()),
            None => told.push((what, vec![run.summary.name.clone()])),
        }
    }
    told.into_iter().map(|(what, runs)| format!("{}: {what}", listed(&runs))).collect()
}

/// Who is best, and whether that is established.
fn first(view: &View, headline: &Headline, best: usize, top: Estimate) -> String {
    let domains = by_size(view);
    let (_, label) = main_metric(view);
    let metric = &headline.metric;
    let figure = if headline.over_domains { format!("the mean {label} of the domains is") } else { label };
    let rows = domains.iter().map(|domain| domain.lists.unwrap_or(domain.rows)).sum();
    let what = if domains.iter().any(|domain| domain.lists.is_some()) { "list" } else { "row" };
    let over = match domains.len() {
        1 => format!("Over {} of one domain", counted(rows, what)),
        n => format!("Over {} of {n} domains", counted(rows, what)),
    };
    let rest = |run: &RunInput| {
        if std::ptr::eq(run, &raw const view.runs()[best]) { None } else { overall(&run.summary, metric) }
    };
    let name = view.name(best);
    let Some((second, next)) = view.best_of(metric, rest) else {
        let top = with_interval(top);
        return if headline.over_domains {
            format!("{over}, {figure} {top} for {name}.")
        } else {
            format!("{over}, {name} reaches {figure} {top}.")
        };
    };
    let figures: fn(&DomainComparison) -> &Vec<ComparedRun> =
        if headline.over_domains { |c| &c.macro_mean } else { |c| &c.pooled };
    let verdict = paired(view, figures, name, view.name(second)).unwrap_or_else(|| {
        let said = match overlap(top, next) {
            Some(true) => "The two intervals overlap, so these numbers alone do not show that one is better.",
            Some(false) => "The two intervals do not overlap.",
            None => "Without intervals it is not known whether that difference means anything.",
        };
        said.into()
    });
    format!(
        "{over}, {name} is best: {figure} {}. Next is {} with {}. {verdict}",
        with_interval(top),
        view.name(second),
        with_interval(next)
    )
}

/// What a comparison on the same rows says of two runs by some of its figures, where one of them is a baseline.
fn paired(
    view: &View,
    figures: fn(&DomainComparison) -> &Vec<ComparedRun>,
    ours: &str,
    theirs: &str,
) -> Option<String> {
    let (metric, _) = main_metric(view);
    let what = if view.runs().iter().any(|run| retrieves(&run.summary)) { "lists" } else { "rows" };
    let comparisons = view.input.domains.iter().chain(&view.input.domains_against_best);
    let (d, sign) = comparisons.filter(|c| c.metric == metric).find_map(|comparison| {
        let of = |run: &str| figures(comparison).iter().find(|r| r.run == run).and_then(|r| r.difference);
        match comparison.baseline.as_str() {
            base if base == theirs => Some((of(ours)?, 1.0)),
            base if base == ours => Some((of(theirs)?, -1.0)),
            _ => None,
        }
    })?;
    let (low, high) = if sign > 0.0 { (d.lower, d.upper) } else { (-d.upper, -d.lower) };
    let chance = if d.p < 0.05 { "unlikely to be chance" } else { "so small that it may be chance" };
    Some(format!(
        "On the same {what} the difference is {} ({} to {}): {chance}.",
        signed(sign * d.mean),
        signed(low),
        signed(high)
    ))
}

/// What the other mean says: of the rows pooled, which rewards base rates, or where lists are pooled of the domains.
fn other_mean(view: &View, headline: &Headline, best: usize) -> Option<String> {
    let (metric, label) = main_metric(view);
    let of = if headline.over_domains { metric } else { format!("{metric}_macro") };
    let (other, top) = view.best_of(&of, |run| overall(&run.summary, &of))?;
    let here = overall(&view.runs()[best].summary, &of)?;
    let figures: fn(&DomainComparison) -> &Vec<ComparedRun> =
        if headline.over_domains { |c| &c.pooled } else { |c| &c.macro_mean };
    let first = (other != best).then(|| {
        let (name, ours) = (view.name(other), view.name(best));
        let chance = paired(view, figures, name, ours).unwrap_or_else(|| match overlap(top, here) {
            Some(false) => String::new(),
            _ => "The difference is not established.".into(),
        });
        let (top, here) = (with_interval(top), with_interval(here));
        let (over, mean) = if headline.over_domains {
            ("Over all rows pooled", "")
        } else {
            ("If each domain counts the same,", "mean ")
        };
        let told = format!("{over} {name} comes first: {mean}{label} {top}, against {here} of {ours}. {chance}");
        told.trim_end().to_owned()
    });
    match (headline.over_domains.then(|| why_not_pooled(view, &label)), first) {
        (Some(why), Some(first)) => Some(format!("{why} {first}")),
        (why, first) => why.or(first),
    }
}

/// Why runs are put in order by the mean of the domains.
fn why_not_pooled(view: &View, label: &str) -> String {
    let domains = by_size(view);
    let rates = || domains.iter().map(|domain| domain.base_rate);
    let (low, high) = (percent(rates().fold(f64::INFINITY, f64::min)), percent(rates().fold(0.0, f64::max)));
    let mean = "Runs are judged by the mean of the domains, in which each counts the same.";
    if low == high {
        return mean.into();
    }
    format!(
        "{mean} {low} to {high} of the rows of a domain are positive, so over all rows pooled a model gains {label} by knowing that \
         alone, which helps nobody to choose between rows of one domain."
    )
}

fn unequal(view: &View, best: usize) -> Option<String> {
    let domains = by_size(view);
    let (metric, label) = main_metric(view);
    let run = &view.runs()[best].summary;
    let established = domains.iter().filter(|domain| domain.established);
    let served: Vec<_> = established.filter_map(|d| Some((d, in_domain(run, d.name, &metric)?))).collect();
    let (worst, low) = served.iter().min_by(|a, b| a.1.mean.total_cmp(&b.1.mean))?;
    let (favoured, high) = served.iter().max_by(|a, b| a.1.mean.total_cmp(&b.1.mean))?;
    let chance = if overlap(*low, *high) == Some(true) { " The intervals of the two overlap." } else { "" };
    (served.len() > 1).then(|| {
        format!(
            "With {}, {label} is lowest in the domain “{}” ({}) with {}, and highest in “{}” ({}) with {}.{chance}",
            view.name(best),
            worst.name,
            worst.size(),
            score(low.mean),
            favoured.name,
            favoured.size(),
            score(high.mean)
        )
    })
}

/// The domains of which too little is known, and those without a row.
fn few(view: &View) -> Vec<String> {
    let domains = by_size(view);
    let named = |names: Vec<String>| match names.len() {
        n if n > 6 => format!("{n} domains"),
        _ => listed(&names),
    };
    let few: Vec<&Domain<'_>> = domains.iter().filter(|domain| !domain.established).collect();
    let mut told = Vec::new();
    if !few.is_empty() {
        let names = few.iter().map(|d| {
            let of = match d.lists {
                Some(lists) => counted(lists, "list"),
                None => format!("{}, {} positive", counted(d.rows, "row"), percent(d.base_rate)),
            };
            format!("“{}” ({of})", d.name)
        });
        let (_, label) = main_metric(view);
        let what = if few.iter().any(|d| d.lists.is_some()) { "lists" } else { "rows of one label" };
        told.push(format!(
            "Too few {what} to say anything by themselves: {}. Where their {label} exists it counts like that of any other \
             in the mean of domains; they are never called the worst.",
            named(names.collect())
        ));
    }
    let all = view.runs().iter().flat_map(|run| &run.summary.domains);
    let mut without: Vec<String> = all.filter(|d| d.rows == 0).map(|d| format!("“{}”", d.name)).collect();
    without.retain(|name| !domains.iter().any(|domain| format!("“{}”", domain.name) == *name));
    without.sort();
    without.dedup();
    if !without.is_empty() {
        told.push(format!("No judged row is of {}, so nothing is known of how well that is served.", named(without)));
    }
    told
}

/// For each run in how many of the domains, which may be more than can be compared, it is better or worse than the baseline.
fn gains(comparison: &DomainComparison, domains: usize) -> Vec<String> {
    let of = |run: &ComparedRun, wanted: &str| -> Vec<String> {
        let inside = comparison.domains.iter().filter(|domain| {
            let found = domain.runs.iter().find(|r| r.run == run.run).and_then(|r| r.difference);
            found.is_some_and(|difference| verdict(difference) == wanted)
        });
        inside.map(|domain| format!("“{}”", domain.name)).collect()
    };
    let named = |names: &[String]| match names.len() {
        n if n == domains && n > 1 => "in every domain".to_owned(),
        n if n == comparison.domains.len() && n > 1 => "in every domain that can be compared".to_owned(),
        n if n > 6 => format!("in {n} of {} domains", comparison.domains.len()),
        _ => format!("in {}", listed(names)),
    };
    let others = comparison.pooled.iter().filter(|run| run.run != comparison.baseline);
    let sentence = |run: &ComparedRun| {
        let (better, worse) = (of(run, "better"), of(run, "worse"));
        let (name, base) = (&run.run, &comparison.baseline);
        let rest = if better.len() + worse.len() < comparison.domains.len() {
            " Elsewhere no difference is established."
        } else {
            ""
        };
        match (better.len(), worse.len()) {
            (0, 0) => format!("Between {name} and {base} no difference is established in any domain."),
            (_, 0) => format!("{name} is better than {base} {}.{rest}", named(&better)),
            (0, _) => format!("{name} is worse than {base} {}.{rest}", named(&worse)),
            _ => format!("{name} is better than {base} {}, but worse {}.{rest}", named(&better), named(&worse)),
        }
    };
    others.map(sentence).collect()
}

fn calibration(view: &View, best: usize) -> Option<String> {
    let ratio = overall(&view.runs()[best].summary, "predicted_over_observed")?;
    let excess = ratio.mean - 1.0;
    let known = ratio.lower > 1.0 || ratio.upper < 1.0;
    (known && excess.abs() >= CALIBRATED).then(|| {
        format!(
            "{} predicts {} % {} positive rows than there are; its probabilities need correction before they are used as such.",
            view.name(best),
            decimals(excess.abs() * 100.0, 0),
            if excess > 0.0 { "more" } else { "fewer" }
        )
    })
}

fn same_rows(view: &View) -> bool {
    let of = |run: &RunInput| {
        let domains: Vec<(String, usize)> = run.summary.domains.iter().map(|d| (d.name.clone(), d.rows)).collect();
        (run.summary.protocol.part.clone(), domains)
    };
    view.runs().windows(2).all(|pair| of(&pair[0]) == of(&pair[1]))
}
