//! Do probabilities mean what they say?

use adepts_eval::ReliabilityBin;

use crate::blocks::{Block, Cell, Figure, LegendEntry, Plots, Section, Table};
use crate::chart::{Chart, Range};
use crate::format::{count, counted, decimals, exact};
use crate::look::Look;
use crate::view::View;

use super::{Headline, by_size, domain, headline, overall};

/// More lines than this cannot be told apart.
const MOST: usize = 7;

pub(super) fn section(view: &View) -> Option<Section> {
    let runs = view.runs().iter().enumerate().filter(|(_, run)| !run.summary.reliability.is_empty());
    let pooled: Vec<Line> = runs
        .map(|(i, run)| Line { look: Look::model(i), name: &run.summary.name, bins: &run.summary.reliability })
        .collect();
    let figure = figure("All rows", "", &pooled)?;
    let text = "Rows are put in order by their predicted probability and cut into groups of equal size. Each point is one group: to \
                the right what was predicted for it on average, upwards which share of its rows turned out positive. On the diagonal \
                the predictions are true; below it the model expects too much, above it too little.";
    let mut blocks =
        vec![Block::Text(text.into()), Block::Plots(Plots { legend: legend(&pooled), figures: vec![figure] })];
    blocks.extend(by_domain(view));
    blocks.push(Block::More(pooled.iter().map(table).collect()));
    Some(Section { id: "reliability", title: "Do the probabilities hold", blocks })
}

/// One curve.
struct Line<'a> {
    look: Look,
    name: &'a str,
    bins: &'a [ReliabilityBin],
}

fn legend(lines: &[Line<'_>]) -> Vec<LegendEntry> {
    lines.iter().map(|line| line.look.line_entry(line.name, true)).collect()
}

/// The curves of the largest domains, for the best run.
fn by_domain(view: &View) -> Option<Block> {
    let Headline { metric, .. } = headline(view);
    let (best, _) = view.best_of(&metric, |run| overall(&run.summary, &metric))?;
    let run = &view.runs()[best].summary;
    let domains = by_size(view);
    let shown = &domains[..domains.len().min(MOST)];
    let lines: Vec<Line> = shown
        .iter()
        .enumerate()
        .filter_map(|(i, d)| {
            let bins = domain(run, d.name)?.reliability.as_slice();
            Some(Line { look: Look::group(i, shown.len()), name: d.name, bins })
        })
        .filter(|line| !line.bins.is_empty())
        .collect();
    if lines.len() < 2 {
        return None;
    }
    let left_out = if shown.len() < domains.len() { "Only the largest domains are drawn." } else { "" };
    let figure = figure(&format!("{}: by domain", run.name), left_out, &lines)?;
    Some(Block::Plots(Plots { legend: legend(&lines), figures: vec![figure] }))
}

fn figure(title: &str, caption: &str, lines: &[Line<'_>]) -> Option<Figure> {
    let bins = || lines.iter().flat_map(|line| line.bins);
    let top = bins().flat_map(|bin| [bin.predicted, bin.observed]).filter(|v| v.is_finite()).fold(0.0, f64::max);
    let range = Range::between(0.0, if top > 0.0 { top } else { return None });
    let mut chart = Chart::new(range, "mean predicted probability", range, "share that turned out positive");
    chart.line(Look::everyone(), &[(0.0, 0.0), (range.max, range.max)]);
    for line in lines {
        let points: Vec<(f64, f64)> = line.bins.iter().map(|bin| (bin.predicted, bin.observed)).collect();
        chart.line(line.look, &points);
    }
    for line in lines {
        let point = |bin: &ReliabilityBin| {
            let (name, predicted, observed) = (line.name, exact(bin.predicted), exact(bin.observed));
            let words = format!("{name}: predicted {predicted}, observed {observed}, {}", counted(bin.rows, "row"));
            (bin.predicted, bin.observed, words)
        };
        chart.points(line.look, 4.0, 1.0, line.bins.iter().map(point).collect());
    }
    let said = lines.iter().map(|line| {
        let apart = line.bins.iter().map(|bin| (bin.predicted - bin.observed).abs()).fold(0.0, f64::max);
        format!("{} is at most {} off", line.name, decimals(apart, 3))
    });
    Some(Figure {
        title: title.into(),
        svg: chart.svg()?,
        alt: format!("Observed share over predicted probability: {}.", said.collect::<Vec<_>>().join("; ")),
        caption: format!("The straight line is where predictions are true. {caption}").trim().into(),
    })
}

fn table(line: &Line<'_>) -> Table {
    let row = |(n, bin): (usize, &ReliabilityBin)| {
        let observed = Cell::of(exact(bin.observed)).small(format!("{}–{}", exact(bin.lower), exact(bin.upper)));
        ((n + 1).to_string(), vec![Cell::of(count(bin.rows)), Cell::of(exact(bin.predicted)), observed])
    };
    Table {
        caption: format!(
            "{}: predicted and observed, with 95 % interval (Wilson; each row for itself), from the lowest probabilities up",
            line.name
        ),
        head: ["Group", "Rows", "Predicted", "Observed"].map(str::to_owned).into(),
        rows: line.bins.iter().enumerate().map(row).collect(),
    }
}
