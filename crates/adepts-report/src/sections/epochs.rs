//! Learning curves by group: does the niche peak later?

use adepts_core::log::{EpochGroup, EpochRecord};

use crate::blocks::{Block, Cell, Figure, Plots, Section, Table};
use crate::chart::{Chart, Range};
use crate::format::{UNKNOWN, counted, exact};
use crate::input::RunInput;
use crate::look::Look;
use crate::view::View;

/// The validation score that early stopping looks at.
const STOP: &str = "stop";

pub(super) fn section(view: &View) -> Option<Section> {
    let curves: Vec<(Curves, &RunInput)> = view.runs().iter().filter_map(|run| Some((Curves::of(run)?, run))).collect();
    let figures: Vec<Figure> = curves.iter().filter_map(|(c, run)| c.figure(&run.summary.name)).collect();
    if figures.is_empty() {
        return None;
    }
    let (longest, _) = curves.iter().max_by_key(|(c, _)| c.groups.len())?;
    let count = longest.groups.len();
    let mut legend: Vec<_> =
        longest.groups.iter().enumerate().map(|(i, g)| Look::group(i, count).line_entry(&g.name, true)).collect();
    if curves.iter().any(|(c, _)| !c.everyone.is_empty()) {
        legend.push(Look::everyone().line_entry("all users", false));
    }
    let mut blocks = vec![
        Block::Text(
            "How well each group is served after every pass over the data, judged on the validation items. The shape on a curve \
             marks that group’s own best epoch; the dashed upright line is the epoch that was kept, the same for everyone."
                .into(),
        ),
        Block::Plots(Plots { legend, figures }),
    ];
    let mut words: Vec<String> = curves.iter().filter_map(|(c, run)| c.in_words(&run.summary.name)).collect();
    words.extend(curves.iter().filter_map(|(_, run)| limited(run)));
    if !words.is_empty() {
        blocks.push(Block::Points(words));
    }
    let tables: Vec<Table> = curves.iter().filter_map(|(c, run)| c.table(&run.summary.name)).collect();
    if !tables.is_empty() {
        blocks.push(Block::More(tables));
    }
    Some(Section { id: "epochs", title: "How each group learns", blocks })
}

/// The names of the groups in a training log, in the order of their first appearance.
pub(super) fn group_names(epochs: &[EpochRecord]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for group in epochs.iter().flat_map(|e| &e.groups) {
        if !names.contains(&group.name) {
            names.push(group.name.clone());
        }
    }
    names
}

/// One value of a group over the epochs.
pub(super) fn series(
    epochs: &[EpochRecord],
    name: &str,
    value: impl Fn(&EpochGroup) -> Option<f64>,
) -> Vec<(f64, f64)> {
    epochs
        .iter()
        .filter_map(|e| {
            let y = e.groups.iter().find(|g| g.name == name).and_then(&value)?;
            y.is_finite().then_some((e.epoch as f64, y))
        })
        .collect()
}

/// The epoch that was kept: the last best one.
pub(super) fn kept(epochs: &[EpochRecord]) -> Option<f64> {
    epochs.iter().rev().find(|e| e.best).map(|e| e.epoch as f64)
}

/// The last epoch's number.
pub(super) fn last(epochs: &[EpochRecord]) -> usize {
    epochs.iter().map(|e| e.epoch).max().unwrap_or(0)
}

/// What to say of a training that its last epoch ended, and not its patience.
pub(super) fn limited(run: &RunInput) -> Option<String> {
    let (limits, last, kept) = (run.limits?, last(&run.epochs), run.epochs.iter().rev().find(|e| e.best)?.epoch);
    // A best epoch among the last few may not be the best there is; one that lies further back most likely is.
    (last == limits.epochs && last - kept < limits.patience.min(FEW).min(last / 3).max(1)).then(|| {
        format!(
            "{}: training stopped at the limit of {} and may still be improving (the best is epoch {kept}). With more epochs \
             this model may be better than it looks here.",
            run.summary.name,
            counted(last, "epoch")
        )
    })
}

/// So many last epochs are the last few.
const FEW: usize = 3;

struct Curves {
    everyone: Vec<(f64, f64)>,
    groups: Vec<Curve>,
    kept: Option<f64>,
    last: usize,
}

struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
    /// Epoch and score of the group's best; `None` without points.
    peak: Option<(f64, f64)>,
}

impl Curve {
    fn at(&self, epoch: f64) -> Option<f64> {
        self.points.iter().find(|(x, _)| *x == epoch).map(|(_, y)| *y)
    }
}

impl Curves {
    fn of(run: &RunInput) -> Option<Self> {
        let epochs = &run.epochs;
        let everyone: Vec<(f64, f64)> = epochs
            .iter()
            .filter_map(|e| Some((e.epoch as f64, e.validation.get(STOP).copied().filter(|v| v.is_finite())?)))
            .collect();
        let groups: Vec<Curve> = group_names(epochs)
            .into_iter()
            .map(|name| {
                let points = series(epochs, &name, |g| g.validation);
                // The first of equal bests.
                let peak = points.iter().copied().reduce(|best, p| if p.1 > best.1 { p } else { best });
                Curve { name, points, peak }
            })
            .collect();
        let drawn = everyone.len() > 1 || groups.iter().any(|g| g.points.len() > 1);
        drawn.then(|| Self { everyone, groups, kept: kept(epochs), last: last(epochs) })
    }

    fn figure(&self, run: &str) -> Option<Figure> {
        let values = self.groups.iter().flat_map(|g| &g.points).chain(&self.everyone).map(|p| p.1);
        let mut chart = Chart::new(Range::whole(self.last), "epoch", Range::of(values)?, "validation score");
        if let Some(kept) = self.kept {
            chart.mark(kept);
        }
        let count = self.groups.len();
        for (i, group) in self.groups.iter().enumerate() {
            chart.line(Look::group(i, count), &group.points);
        }
        chart.line(Look::everyone(), &self.everyone);
        for (i, group) in self.groups.iter().enumerate() {
            if let Some((x, y)) = group.peak {
                let words = format!("{}: best at epoch {x:.0}", group.name);
                chart.points(Look::group(i, count), 5.0, 1.0, vec![(x, y, words)]);
            }
        }
        let peaks = self.groups.iter().filter_map(|g| Some(format!("{} at epoch {:.0}", g.name, g.peak?.0)));
        let peaks: Vec<String> = peaks.collect();
        let best = if peaks.is_empty() { String::new() } else { format!(", best epochs: {}", peaks.join(", ")) };
        let caption = self.kept.map(|k| format!("Kept: epoch {k:.0} of {}.", self.last)).unwrap_or_default();
        let alt = format!("Validation score by group over {} of {run}{best}.", counted(self.last, "epoch"));
        Some(Figure { title: run.into(), svg: chart.svg()?, alt, caption })
    }

    /// Whether the first group (the niche) peaks later than the last.
    fn in_words(&self, run: &str) -> Option<String> {
        let (first, last) = (self.groups.first()?, self.groups.last()?);
        let (early, late) = (first.peak?.0, last.peak?.0);
        if self.groups.len() < 2 {
            return None;
        }
        let between = (early - late).abs();
        let verdict = if between < 0.1 * self.last as f64 {
            "at about the same time".to_owned()
        } else if early > late {
            format!("{between:.0} epochs later")
        } else {
            format!("{between:.0} epochs earlier")
        };
        let cost = self.kept.and_then(|k| Some((first.peak?.1 - first.at(k)?, k))).filter(|(c, _)| *c > 0.0);
        let cost = cost.map_or(String::new(), |(c, k)| {
            format!(" Stopping at epoch {k:.0} costs “{}” {} against its own best.", first.name, exact(c))
        });
        Some(
            format!(
                "{run}: “{}” peaks at epoch {early:.0}, {verdict} than “{}” (epoch {late:.0}).{cost}",
                first.name, last.name
            )
            .replace("at about the same time than", "at about the same time as"),
        )
    }

    fn table(&self, run: &str) -> Option<Table> {
        let rows: Vec<(String, Vec<Cell>)> = self
            .groups
            .iter()
            .filter_map(|g| {
                let (epoch, score) = g.peak?;
                let kept = self.kept.and_then(|k| g.at(k)).map_or(UNKNOWN.into(), exact);
                Some((g.name.clone(), [format!("{epoch:.0}"), exact(score), kept].map(Cell::of).into()))
            })
            .collect();
        let head = ["Group", "Best epoch", "Score there", "Score at the kept epoch"].map(str::to_owned).into();
        (!rows.is_empty()).then(|| Table {
            caption: format!(
                "{run}: best epoch of each group (curves of small groups are noisy, so it is approximate)"
            ),
            head,
            rows,
        })
    }
}
