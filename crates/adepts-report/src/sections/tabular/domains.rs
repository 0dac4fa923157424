//! Which domains gain and which lose: the main metric by domain, and the differences from one run on the same rows.

use adepts_eval::{ComparedDomain, ComparedRun, Difference, DomainComparison};

use crate::blocks::{Block, Cell, Figure, Plots, Section, Table};
use crate::chart::{Chart, Range};
use crate::format::{UNKNOWN, count, exact, metric_label, percent, shortened, signed};
use crate::look::Look;
use crate::sections::compared::{NOT_ESTABLISHED, SIZES, p_in_words, verdict, why};
use crate::view::View;

use super::{Domain, by_size, in_domain, interval, main_metric, mark_in_words, marked, retrieves, with_interval};

/// A plot of more domains than this is not legible; the table holds them all.
const MOST: usize = 20;
/// The model whose domains share nothing.
const SINGLE: &str = "single";
/// Vertical room of one run in a domain's row.
const LANE: f64 = 13.0;

pub(super) fn section(view: &View) -> Option<Section> {
    let domains = by_size(view);
    let mut figures: Vec<Figure> = view.input.domains.iter().filter_map(|c| gains(view, c, &domains)).collect();
    figures.extend(levels(view, &domains));
    if figures.is_empty() {
        return None;
    }
    let mut blocks = Vec::new();
    if let Some(comparison) = &view.input.domains {
        let single =
            view.runs().iter().any(|run| run.summary.name == comparison.baseline && run.summary.model == SINGLE);
        let question = if single {
            "Does a domain gain from being learned together with the others? "
        } else {
            "In which domains is a run better? "
        };
        blocks.push(Block::Text(format!(
            "{question}Every run judged the same {} {}, so its {} can be taken against that of {} domain by domain.{} Right of \
             the dashed line a run is better, left of it worse. Many domains are \
             many questions: in text and tables a difference is called better or worse only if it holds after a correction for their \
             number (Holm), and only such differences are drawn large.",
            count(comparison.rows),
            if view.runs().iter().any(|run| retrieves(&run.summary)) { "lists" } else { "rows" },
            metric_label(&comparison.metric),
            comparison.baseline,
            why(&comparison.baseline, &comparison.baseline_reason)
        )));
    }
    let legend = view.runs().iter().enumerate().map(|(i, run)| Look::model(i).point_entry(&run.summary.name)).collect();
    blocks.push(Block::Plots(Plots { legend, figures }));
    blocks.push(Block::Table(table(view, &domains)));
    blocks.extend(view.input.domains.as_ref().map(|c| Block::More(vec![differences(c, &domains)])));
    Some(Section { id: "domains", title: "Which domains gain, and which lose", blocks })
}

fn difference(runs: &[ComparedRun], run: &str) -> Option<Difference> {
    runs.iter().find(|r| r.run == run).and_then(|r| r.difference).filter(|d| d.mean.is_finite())
}

/// The rows of a comparison, the largest domain first, behind all rows together.
fn lines<'a>(comparison: &'a DomainComparison, domains: &[Domain<'_>]) -> Vec<(&'a str, &'a [ComparedRun])> {
    let found = |domain: &Domain<'_>| comparison.domains.iter().find(|d: &&ComparedDomain| d.name == domain.name);
    let of_domains = domains.iter().filter_map(found).map(|d| (d.name.as_str(), d.runs.as_slice()));
    let mean = ("mean of domains", &comparison.macro_mean);
    // Of lists the mean that is weighted by their number is the pooled one, and left out.
    let all = if comparison.weighted_mean.is_empty() {
        [("all lists, pooled", &comparison.pooled), mean]
    } else {
        [mean, ("all rows, pooled", &comparison.pooled)]
    };
    all.into_iter().map(|(name, runs)| (name, runs.as_slice())).chain(of_domains).collect()
}

fn gains(view: &View, comparison: &DomainComparison, domains: &[Domain<'_>]) -> Option<Figure> {
    let mut lines = lines(comparison, domains);
    let left_out = lines.len() > MOST;
    lines.truncate(MOST);
    let runs: Vec<(usize, &str)> = view
        .runs()
        .iter()
        .enumerate()
        .map(|(i, run)| (i, run.summary.name.as_str()))
        .filter(|(_, name)| *name != comparison.baseline && comparison.pooled.iter().any(|run| run.run == *name))
        .collect();
    let all = lines.iter().flat_map(|(_, of)| runs.iter().filter_map(|(_, run)| difference(of, run)));
    let range = Range::of(all.flat_map(|d| [d.mean, d.lower, d.upper]).chain([0.0]))?;
    let row = (runs.len() as f64 * LANE + 16.0).max(30.0);
    let metric = metric_label(&comparison.metric);
    let label = format!("gain in {metric} over {}", shortened(&comparison.baseline, 24));
    let mut chart = Chart::rows(range, &label, lines.iter().map(|(name, _)| shortened(name, 18)).collect(), row);
    chart.mark(0.0);
    let mut said = Vec::new();
    for (lane, (i, run)) in runs.iter().enumerate() {
        let lane = ((runs.len() as f64 - 1.0) / 2.0 - lane as f64) * LANE / row;
        let (mut established, mut open) = (Vec::new(), Vec::new());
        for (place, (name, of)) in lines.iter().enumerate() {
            let Some(d) = difference(of, run) else { continue };
            let words = format!("{run}, {name}: {} ({})", signed(d.mean), verdict(d));
            chart.bar(Look::model(*i), (d.lower, d.upper), lane - place as f64);
            let points = if verdict(d) == NOT_ESTABLISHED { &mut open } else { &mut established };
            points.push((d.mean, lane - place as f64, words.clone()));
            said.push(words);
        }
        chart.points(Look::model(*i), SIZES[0], 1.0, established);
        chart.points(Look::model(*i), SIZES[1], 1.0, open);
    }
    Some(Figure {
        title: format!("Gain or loss against {}", comparison.baseline),
        svg: chart.svg()?,
        alt: format!("Differences in {metric} from {}: {}.", comparison.baseline, said.join("; ")),
        caption: format!(
            "The largest domain first; small shapes are differences that are not established after correction.{}",
            if left_out { " Only the largest domains are drawn; the table below has all." } else { "" }
        ),
    })
}

fn levels(view: &View, domains: &[Domain<'_>]) -> Option<Figure> {
    let (metric, label) = main_metric(view);
    let measured = |d: &&Domain<'_>| view.runs().iter().any(|run| in_domain(&run.summary, d.name, &metric).is_some());
    let measured: Vec<&Domain<'_>> = domains.iter().filter(measured).collect();
    let shown = &measured[..measured.len().min(MOST)];
    let all = shown.iter().flat_map(|d| view.runs().iter().filter_map(|run| in_domain(&run.summary, d.name, &metric)));
    let range = Range::of(all.flat_map(|e| [e.mean, e.lower, e.upper]))?;
    let runs = view.runs().len() as f64;
    let row = (runs * LANE + 16.0).max(30.0);
    let mut chart = Chart::rows(range, &label, shown.iter().map(|d| shortened(d.name, 18)).collect(), row);
    let mut said = Vec::new();
    for (i, run) in view.runs().iter().enumerate() {
        let lane = ((runs - 1.0) / 2.0 - i as f64) * LANE / row;
        let mut points = Vec::new();
        for (place, domain) in shown.iter().enumerate() {
            let Some(e) = in_domain(&run.summary, domain.name, &metric) else { continue };
            let words = format!("{}, {}: {}", run.summary.name, domain.name, with_interval(e));
            chart.bar(Look::model(i), (e.lower, e.upper), lane - place as f64);
            points.push((e.mean, lane - place as f64, words.clone()));
            said.push(words);
        }
        chart.points(Look::model(i), 4.2, 1.0, points);
    }
    let retrieval = view.runs().iter().any(|run| retrieves(&run.summary));
    let what = if retrieval {
        "How much is found in each domain"
    } else {
        "How well the rows of each domain are put in order"
    };
    let mut caption = format!("{what}; the largest domain first.");
    if !range.has_zero() {
        caption += " The axis does not start at zero.";
    }
    if shown.len() < measured.len() {
        caption += " Only the largest domains are drawn; the table below has all.";
    }
    Some(Figure {
        title: format!("{label} by domain"),
        svg: chart.svg()?,
        alt: format!("{label} by domain: {}.", said.join("; ")),
        caption,
    })
}

fn table(view: &View, domains: &[Domain<'_>]) -> Table {
    let (metric, label) = main_metric(view);
    let retrieval = domains.iter().any(|domain| domain.lists.is_some());
    let sizes = if retrieval { ["Domain", "Lists", "To be found"] } else { ["Domain", "Rows", "Positive"] };
    let head = sizes.map(str::to_owned).into_iter();
    let largest = domains.first().map_or(1, |domain| domain.rows) as f64;
    let compared = view.input.domains.as_ref().filter(|comparison| comparison.metric == metric);
    let row = |domain: &Domain<'_>| {
        let best = view.best_of(&metric, |run| in_domain(&run.summary, domain.name, &metric)).map(|(i, _)| i);
        let gain = |run: &str| {
            let runs = &compared?.domains.iter().find(|d| d.name == domain.name)?.runs;
            difference(runs, run).map(|d| match verdict(d) {
                word @ ("better" | "worse") => format!("{}, {word}", signed(d.mean)),
                _ => signed(d.mean),
            })
        };
        let of_run =
            view.runs().iter().enumerate().map(|(i, run)| match in_domain(&run.summary, domain.name, &metric) {
                None => Cell::of(UNKNOWN.into()),
                Some(e) => Cell::of(exact(e.mean))
                    .small(gain(&run.summary.name).unwrap_or_else(|| interval(e)))
                    .best(best == Some(i) && view.runs().len() > 1),
            });
        let bar = domain.rows as f64 / largest;
        let facts = match domain.lists {
            Some(lists) => [Cell::of(count(lists)).bar(bar), Cell::of(count(domain.rows))],
            None => [Cell::of(count(domain.rows)).bar(bar), Cell::of(percent(domain.base_rate))],
        };
        (marked(domain), facts.into_iter().chain(of_run).collect())
    };
    Table {
        caption: format!(
            "{label} by domain, the largest first; in small print {}{}{}",
            compared.map_or("its 95 % interval".into(), |c| format!(
                "the difference from {}, called better or worse where that is established after correction for the number of domains",
                c.baseline
            )),
            if view.runs().len() > 1 { "; the best of each row is marked ★" } else { "" },
            mark_in_words(domains).map(|mark| format!("; {mark}")).unwrap_or_default()
        ),
        head: head.chain(view.runs().iter().map(|run| run.summary.name.clone())).collect(),
        rows: domains.iter().map(row).collect(),
    }
}

fn differences(comparison: &DomainComparison, domains: &[Domain<'_>]) -> Table {
    let runs: Vec<&str> =
        comparison.pooled.iter().map(|run| run.run.as_str()).filter(|run| *run != comparison.baseline).collect();
    let row = |(name, of): (&str, &[ComparedRun])| {
        let base = of.iter().find(|run| run.run == comparison.baseline);
        let cell = |run: &&str| match difference(of, run) {
            None => Cell::of(UNKNOWN.into()),
            Some(d) => Cell::of(signed(d.mean)).small(format!(
                "{} to {}, {}, {}",
                signed(d.lower),
                signed(d.upper),
                p_in_words(d.p, d.p_holm),
                verdict(d)
            )),
        };
        let first = Cell::of(base.map_or(UNKNOWN.into(), |run| exact(run.mean)));
        (name.to_owned(), std::iter::once(first).chain(runs.iter().map(cell)).collect())
    };
    let head = ["Rows", comparison.baseline.as_str()].into_iter().chain(runs.iter().copied()).map(str::to_owned);
    Table {
        caption: format!(
            "{} of {}, and the others’ gain over it with 95 % interval, p-value (in domains corrected by Holm’s method over the \
             domains; over all of them as it is) and what it means at 5 %",
            metric_label(&comparison.metric),
            comparison.baseline
        ),
        head: head.collect(),
        rows: lines(comparison, domains).into_iter().map(row).collect(),
    }
}
