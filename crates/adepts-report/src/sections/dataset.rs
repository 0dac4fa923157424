//! The data set, and the distribution of the mainstream score.

use crate::blocks::{Block, Cell, Figure, Plots, Section, Table};
use crate::chart::{Chart, Range};
use crate::format::{count, counted, decimals, percent, quantity, shortened};
use crate::look::Look;
use crate::view::View;

const BINS: usize = 40;

pub(super) fn section(view: &View) -> Option<Section> {
    let data = &view.input.dataset;
    let mut blocks = Vec::new();
    if data.users > 0 {
        let mut facts = vec![
            ("Users", count(data.users)),
            ("Items", count(data.items)),
            ("Pairs of user and item in training", count(data.train_pairs)),
            ("Median length of a history", quantity(data.history_median)),
        ];
        facts.extend(data.density().map(|d| ("Share of all pairs that are known (density)", percent(d))));
        let correlation = data.score_history_correlation.filter(|r| r.is_finite());
        facts.extend(
            correlation.map(|r| ("Rank correlation of mainstream score and length of the history", decimals(r, 2))),
        );
        blocks.push(Block::Table(Table {
            caption: "What the models learned from".into(),
            head: vec!["Fact".into(), "Value".into()],
            rows: facts.into_iter().map(|(name, value)| (name.to_owned(), vec![Cell::of(value)])).collect(),
        }));
    }
    if let Some(figure) = histogram(view) {
        blocks.push(Block::Plots(Plots { legend: Vec::new(), figures: vec![figure] }));
    }
    (!blocks.is_empty()).then_some(Section { id: "data", title: "The data", blocks })
}

fn histogram(view: &View) -> Option<Figure> {
    let mut scores: Vec<f64> =
        view.input.dataset.mainstream.iter().map(|&s| f64::from(s)).filter(|s| s.is_finite()).collect();
    scores.sort_by(f64::total_cmp);
    let (&low, &high) = (scores.first()?, scores.last()?);
    if low >= high {
        return None;
    }
    let width = (high - low) / BINS as f64;
    let edges: Vec<f64> = (0..=BINS).map(|i| low + width * i as f64).collect();
    let mut counts = vec![0.0; BINS];
    for score in &scores {
        counts[(((score - low) / width) as usize).min(BINS - 1)] += 1.0;
    }
    let tallest = counts.iter().copied().fold(0.0, f64::max);
    let x = Range::of(scores.iter().copied())?;
    let mut chart = Chart::new(x, "mainstream score", Range::between(0.0, tallest), "users");
    chart.histogram(Look::model(0), edges, counts);
    let parts = view.groupings.iter().find(|g| g.by == "mainstream").map_or(0, |g| g.names.len());
    for part in 1..parts {
        chart.mark(scores[scores.len() * part / parts]);
    }
    let median = scores[scores.len() / 2];
    let borders = match view.groupings.iter().find(|g| g.by == "mainstream") {
        Some(g) if g.names.len() > 1 => {
            let names: Vec<String> = g.names.iter().map(|n| shortened(n, 20)).collect();
            format!(" The dashed lines part the groups {}.", names.join(" | "))
        }
        _ => String::new(),
    };
    Some(Figure {
        title: "Distribution of the mainstream score".into(),
        svg: chart.svg()?,
        alt: format!(
            "Histogram of the mainstream score of {}: from {} to {}, median {}.",
            counted(scores.len(), "user"),
            decimals(low, 3),
            decimals(high, 3),
            decimals(median, 3)
        ),
        caption: format!("How much a user’s history has in common with everyone else’s.{borders}"),
    })
}
