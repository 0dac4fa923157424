//! Learning curves by domain.

use crate::blocks::{Block, Cell, Figure, Plots, Section, Table};
use crate::chart::{Chart, Range};
use crate::format::{UNKNOWN, counted, exact};
use crate::input::RunInput;
use crate::look::Look;
use crate::sections::epochs::{group_names, kept, last, limited, series};
use crate::view::View;

use super::by_size;

/// More lines than this cannot be told apart.
const MOST: usize = 7;
/// The validation score that early stopping looks at.
const STOP: &str = "stop";

pub(super) fn section(view: &View) -> Option<Section> {
    let domains = names(view);
    let shown = &domains[..domains.len().min(MOST)];
    let figures: Vec<Figure> = view.runs().iter().filter_map(|run| figure(run, shown)).collect();
    if figures.is_empty() {
        return None;
    }
    let lines = shown.iter().enumerate();
    let mut legend: Vec<_> = lines.map(|(i, name)| Look::group(i, shown.len()).line_entry(name, true)).collect();
    if view.runs().iter().any(|run| everyone(run).len() > 1) {
        legend.push(Look::everyone().line_entry("all together", false));
    }
    let mut text = "The validation score of each domain after every pass over the data. The shape on a curve marks that domain’s own \
                    best epoch; the dashed upright line is the epoch that was kept, the same for all domains."
        .to_owned();
    if shown.len() < domains.len() {
        text += " Only the largest domains are drawn; the table below has all.";
    }
    let tables: Vec<Table> = view.runs().iter().filter_map(|run| table(run, &domains)).collect();
    let mut blocks = vec![Block::Text(text), Block::Plots(Plots { legend, figures })];
    let limited: Vec<String> = view.runs().iter().filter_map(limited).collect();
    if !limited.is_empty() {
        blocks.push(Block::Points(limited));
    }
    if !tables.is_empty() {
        blocks.push(Block::More(tables));
    }
    Some(Section { id: "epochs", title: "How each domain learns", blocks })
}

/// The domains in the training logs, the largest first; those that were not judged in the end come last.
fn names(view: &View) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in view.runs().iter().flat_map(|run| group_names(&run.epochs)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let order: Vec<&str> = by_size(view).iter().map(|domain| domain.name).collect();
    names.sort_by_key(|name| order.iter().position(|known| known == name).unwrap_or(order.len()));
    names
}

fn everyone(run: &RunInput) -> Vec<(f64, f64)> {
    let score = |epoch: &adepts_core::EpochRecord| epoch.validation.get(STOP).copied().filter(|v| v.is_finite());
    run.epochs.iter().filter_map(|epoch| Some((epoch.epoch as f64, score(epoch)?))).collect()
}

fn of_domain(run: &RunInput, name: &str) -> Vec<(f64, f64)> {
    series(&run.epochs, name, |group| group.validation)
}

/// The first of equal bests.
fn peak(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    points.iter().copied().reduce(|best, point| if point.1 > best.1 { point } else { best })
}

fn figure(run: &RunInput, domains: &[String]) -> Option<Figure> {
    let (everyone, name, last) = (everyone(run), &run.summary.name, last(&run.epochs));
    let curves: Vec<Vec<(f64, f64)>> = domains.iter().map(|domain| of_domain(run, domain)).collect();
    let values = curves.iter().flatten().chain(&everyone).map(|point| point.1);
    let mut chart = Chart::new(Range::whole(last), "epoch", Range::of(values)?, "validation score");
    if everyone.len() < 2 && curves.iter().all(|curve| curve.len() < 2) {
        return None;
    }
    let kept = kept(&run.epochs);
    if let Some(kept) = kept {
        chart.mark(kept);
    }
    for (i, curve) in curves.iter().enumerate() {
        chart.line(Look::group(i, domains.len()), curve);
    }
    chart.line(Look::everyone(), &everyone);
    let mut said = Vec::new();
    for (i, (domain, curve)) in domains.iter().zip(&curves).enumerate() {
        if let Some((x, y)) = peak(curve) {
            let words = format!("{domain}: best at epoch {x:.0}");
            chart.points(Look::group(i, domains.len()), 5.0, 1.0, vec![(x, y, words)]);
            said.push(format!("{domain} at epoch {x:.0}"));
        }
    }
    let best = if said.is_empty() { String::new() } else { format!(", best epochs: {}", said.join(", ")) };
    Some(Figure {
        title: name.clone(),
        svg: chart.svg()?,
        alt: format!("Validation score by domain over {} of {name}{best}.", counted(last, "epoch")),
        caption: kept.map(|kept| format!("Kept: epoch {kept:.0} of {last}.")).unwrap_or_default(),
    })
}

fn table(run: &RunInput, domains: &[String]) -> Option<Table> {
    let kept = kept(&run.epochs);
    let row = |domain: &String| {
        let curve = of_domain(run, domain);
        let (epoch, best) = peak(&curve)?;
        let there = kept.and_then(|kept| curve.iter().find(|point| point.0 == kept)).map(|point| exact(point.1));
        let cells = [format!("{epoch:.0}"), exact(best), there.unwrap_or(UNKNOWN.into())];
        Some((domain.clone(), cells.map(Cell::of).into()))
    };
    let rows: Vec<(String, Vec<Cell>)> = domains.iter().filter_map(row).collect();
    (!rows.is_empty()).then(|| Table {
        caption: format!(
            "{}: best epoch of each domain (curves of small domains are noisy, so it is approximate)",
            run.summary.name
        ),
        head: ["Domain", "Best epoch", "Score there", "Score at the kept epoch"].map(str::to_owned).into(),
        rows,
    })
}
