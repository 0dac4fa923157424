//! The table of runs, and what quality costs.

use adepts_eval::about::better;
use adepts_eval::{Estimate, ROW_METRICS, RunSummary, main_row_metric};

use crate::blocks::{Block, Cell, Figure, Plots, Section, Table};
use crate::chart::{Chart, Range};
use crate::format::{UNKNOWN, count, counted, decimals, exact, listed, measured, metric_label, quantity, seconds};
use crate::look::Look;
use crate::view::View;

use super::{Headline, headline, interval, list_metrics, main_metric, overall, retrieves};

/// A column: its heading and the metric.
type Column = (String, String);

const ROWS: &str = "Over all judged rows, with 95 % intervals in small print, and below the calibration error the positive rows that were \
                    predicted for each one observed.";
const LISTS: &str = "Over all lists, with 95 % intervals in small print.";

/// What these runs were measured by, the main metric first.
fn columns(runs: &[&RunSummary], main: &str, label: &str) -> Vec<Column> {
    let rows = &main_row_metric().about;
    let mut all = vec![
        (format!("{}, mean of domains", rows.label), format!("{}_macro", rows.name)),
        (format!("{}, pooled", rows.label), rows.name.to_owned()),
    ];
    let others = ROW_METRICS.iter().filter(|metric| metric.shown_under.is_none() && metric.about.name != rows.name);
    all.extend(others.map(|metric| (metric.about.label.to_owned(), metric.about.name.to_owned())));
    if runs.iter().any(|run| retrieves(run)) {
        all = vec![(format!("{label}, all lists"), main.to_owned())];
        all.push((format!("{label}, mean of domains"), format!("{main}_macro")));
        let others = list_metrics(runs.iter().copied()).into_iter().filter(|metric| *metric != main);
        all.extend(others.map(|metric| (metric_label(metric), metric.to_owned())));
    }
    all.retain(|(_, metric)| runs.iter().any(|run| overall(run, metric).is_some()));
    all
}

pub(super) fn section(view: &View) -> Option<Section> {
    let several = view.runs().len() > 1;
    let runs: Vec<&RunSummary> = view.runs().iter().map(|run| &run.summary).collect();
    let (main, label) = main_metric(view);
    let macro_mean = format!("{main}_macro");
    let columns: Vec<Column> = columns(&runs, &main, &label);
    if columns.is_empty() {
        return None;
    }
    let retrieval = runs.iter().any(|run| retrieves(run));
    let worst = runs.iter().any(|run| run.worst.is_some());
    let work = runs.iter().any(|run| run.work.is_some());
    let mut head: Vec<String> = vec!["Run".into()];
    for (heading, metric) in &columns {
        head.push(heading.clone());
        if *metric == macro_mean && worst {
            head.push(format!("{label}, worst domain"));
        }
    }
    let row = |run: &&RunSummary| {
        let mut cells = Vec::new();
        for (_, metric) in &columns {
            cells.push(match overall(run, metric) {
                None => Cell::of(UNKNOWN.into()),
                Some(e) => {
                    let beaten =
                        runs.iter().filter_map(|r| overall(r, metric)).any(|other| up(metric, other) > up(metric, e));
                    let small = shown_under(run, metric).unwrap_or_else(|| interval(e));
                    Cell::of(exact(e.mean)).small(small).best(several && !beaten)
                }
            });
            if *metric == macro_mean && worst {
                cells.push(worst_cell(run, &runs));
            }
        }
        (run.name.clone(), cells)
    };
    let table = Table {
        caption: format!(
            "{}{}",
            if retrieval { LISTS } else { ROWS },
            if several { " The best of each column is marked ★." } else { "" }
        ),
        head,
        rows: runs.iter().map(row).collect(),
    };
    let mut blocks = vec![Block::Table(table)];
    let text = "Pooled AUC compares rows of different domains, so a model gains by knowing that positive rows are more common in one \
                domain than in another. The mean of the domains compares only rows of the same domain, and counts each domain the \
                same, however small.";
    let unmasked =
        |run: &&RunSummary| Some(format!("{} {}", run.name, exact(*run.metrics_validation_unmasked.get(&main)?)));
    let unmasked: Vec<String> = runs.iter().filter(|_| retrieval).filter_map(unmasked).collect();
    if !unmasked.is_empty() {
        blocks.push(Block::Text(format!(
            "With the validation items left in the lists, as much published work has it, {label} is: {}.",
            listed(&unmasked)
        )));
    }
    if by_domain(&runs) && !retrieval {
        blocks.push(Block::Text(text.into()));
    }
    if work {
        blocks.push(Block::Table(costs(&runs)));
    }
    if let Some(figure) = cost(view) {
        let legend = view.runs().iter().enumerate().map(|(i, run)| Look::model(i).point_entry(&run.summary.name));
        blocks.push(Block::Plots(Plots { legend: legend.collect(), figures: vec![figure] }));
    }
    Some(Section { id: "runs", title: "The runs side by side", blocks })
}

/// A figure turned so that more of it is better.
fn up(metric: &str, figure: Estimate) -> f64 {
    better(metric).upwards(figure.mean)
}

/// The metrics that have no column of their own and are shown under this one, in small print; `None` where there are none.
fn shown_under(run: &RunSummary, column: &str) -> Option<String> {
    let under = || ROW_METRICS.iter().map(|metric| (metric.about.name, metric.shown_under));
    let names: Vec<&str> = under().filter(|(_, of)| *of == Some(column)).map(|(name, _)| name).collect();
    let figure = |name: &&str| overall(run, name).map(|e| measured(name, e.mean, exact));
    (!names.is_empty()).then(|| names.iter().filter_map(figure).collect::<Vec<_>>().join(", "))
}

fn by_domain(runs: &[&RunSummary]) -> bool {
    runs.iter().any(|run| run.domains.len() > 1)
}

fn worst_cell(run: &RunSummary, runs: &[&RunSummary]) -> Cell {
    let Some(worst) = run.worst.as_ref().filter(|worst| worst.mean.is_finite()) else {
        return Cell::of(UNKNOWN.into());
    };
    let beaten = runs
        .iter()
        .filter_map(|r| r.worst.as_ref())
        .any(|other| better(&other.metric).upwards(other.mean) > better(&worst.metric).upwards(worst.mean));
    let rows = run.domains.iter().find(|domain| domain.name == worst.group).map_or(0, |domain| domain.rows);
    Cell::of(exact(worst.mean))
        .small(format!("{}, {}", worst.group, counted(rows, "row")))
        .best(runs.len() > 1 && !beaten)
}

/// What each run costs.
fn costs(runs: &[&RunSummary]) -> Table {
    let gated = runs.iter().any(|run| run.experts.is_some());
    let trained = runs.iter().any(|run| run.seconds.contains_key("train"));
    let mut head: Vec<String> = ["Run", "Model"].map(str::to_owned).into();
    head.extend(gated.then(|| "Experts of a row".to_owned()));
    head.extend(["Parameters of a row", "Multiply-adds of a row"].map(str::to_owned));
    head.extend(trained.then(|| "Train".to_owned()));
    let row = |run: &&RunSummary| {
        let mut cells = vec![Cell::of(run.model.clone())];
        if gated {
            cells.push(run.experts.as_ref().map_or(Cell::of(UNKNOWN.into()), |experts| {
                Cell::of(decimals(experts.selected, 1)).small(format!("of {}", count(experts.experts)))
            }));
        }
        cells.extend(work_cells(run));
        if trained {
            cells.push(Cell::of(run.seconds.get("train").map_or(UNKNOWN.into(), |&v| seconds(v))));
        }
        (run.name.clone(), cells)
    };
    Table {
        caption: "What one row costs in prediction, without looking up embeddings: the experts that a gate chooses for it, the \
                  parameters that it meets and the multiply-adds that it takes, and how many there are in all"
            .into(),
        head,
        rows: runs.iter().map(row).collect(),
    }
}

fn work_cells(run: &RunSummary) -> [Cell; 2] {
    let Some(work) = run.work else { return [Cell::of(UNKNOWN.into()), Cell::of(UNKNOWN.into())] };
    let of = |part: String, all: String| {
        if part == all { Cell::of(part) } else { Cell::of(part).small(format!("of {all}")) }
    };
    [
        of(count(work.activated_parameters), count(work.parameters)),
        of(quantity(work.multiply_adds), quantity(work.total_multiply_adds)),
    ]
}

/// The main metric over the multiply-adds of a row: what more experts, or more of them per row, buy.
fn cost(view: &View) -> Option<Figure> {
    let Headline { metric, label, .. } = headline(view);
    let of = |run: &RunSummary| Some((run.work?.multiply_adds, overall(run, &metric)?.mean));
    let points: Vec<(usize, &str, f64, f64)> = view
        .runs()
        .iter()
        .enumerate()
        .filter_map(|(i, run)| of(&run.summary).map(|(x, y)| (i, run.summary.name.as_str(), x, y)))
        .filter(|(_, _, x, _)| x.is_finite())
        .collect();
    if points.len() < 2 {
        return None;
    }
    let most = points.iter().map(|point| point.2).fold(0.0, f64::max);
    let (unit, axis) = match most {
        m if m >= 1e7 => (1e6, "multiply-adds per row (millions)"),
        m if m >= 1e4 => (1e3, "multiply-adds per row (thousands)"),
        _ => (1.0, "multiply-adds per row"),
    };
    let x = Range::of(points.iter().map(|point| point.2 / unit).chain([0.0]))?;
    let y = Range::of(points.iter().map(|point| point.3))?;
    let mut chart = Chart::new(x, axis, y, &label);
    for &(i, name, x, y) in &points {
        let words = format!("{name}: {label} {} with {} multiply-adds", exact(y), quantity(x));
        chart.points(Look::model(i), 5.0, 1.0, vec![(x / unit, y, words)]);
    }
    let said = points.iter().map(|(_, name, x, y)| format!("{name}: {} at {}", exact(*y), quantity(*x)));
    Some(Figure {
        title: "Quality and cost".into(),
        svg: chart.svg()?,
        alt: format!("{label}, over the multiply-adds of a row: {}.", said.collect::<Vec<_>>().join("; ")),
        caption: format!(
            "Further up is better, further left is cheaper: the arithmetic that one row takes, without looking up embeddings.{}",
            if y.has_zero() { "" } else { " The axis of quality does not start at zero." }
        ),
    })
}
