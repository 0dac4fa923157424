//! Adaptive row weights: whom does training listen to, and when?

use adepts_core::EpochRecord;

use crate::blocks::{Block, Figure, Plots, Section};
use crate::chart::{Chart, Range};
use crate::format::percent;
use crate::input::RunInput;
use crate::look::Look;
use crate::view::View;

use super::epochs::{group_names, last, series};

pub(super) fn section(view: &View) -> Option<Section> {
    let weighted: Vec<Weights> = view.runs().iter().filter_map(Weights::of).collect();
    let figures: Vec<Figure> = weighted.iter().flat_map(|w| [w.weight_figure(), w.floor_figure()]).flatten().collect();
    let names = &weighted.first()?.names;
    if figures.is_empty() {
        return None;
    }
    let legend = names.iter().enumerate().map(|(i, n)| Look::group(i, names.len()).line_entry(n, false)).collect();
    let blocks = vec![
        Block::Text(
            "Adaptive weights follow by how much the loss of each user fell over the last epochs: a user whose loss fell more than \
             the average weighs more in the next epoch, and one whose loss fell less weighs less. As published the loss is a sum \
             over the user’s probe items, so the change of an item counts as many times as there are items: long histories weigh \
             most while losses fall and least once they rise. With the mean (weights.reduce = \"mean\") the number of items does not \
             count. A weight of 1 is that of the average user; a user at the floor has practically no say in that epoch."
                .into(),
        ),
        Block::Plots(Plots { legend, figures }),
        Block::Points(weighted.iter().flat_map(|w| [w.in_words(), w.floor_in_words()]).flatten().collect()),
    ];
    Some(Section { id: "weights", title: "Whom training listens to", blocks })
}

/// What is to be said of a training in which the row weights of more than half of the users were at the floor, so that few
/// users shaped the model.
#[must_use]
pub fn mostly_at_floor(epochs: &[EpochRecord]) -> Option<String> {
    let at_floor = |record: &EpochRecord| {
        let users: f64 = record.groups.iter().map(|group| group.at_floor).sum();
        (record.epoch, users / record.groups.len().max(1) as f64)
    };
    let (epoch, share) = epochs.iter().map(at_floor).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (share > 0.5).then(|| {
        format!(
            "in epoch {epoch} the row weights of {} of the users were at the floor, so that few users shaped the model; a larger \
             model.weights.alpha makes weights more alike",
            percent(share)
        )
    })
}

struct Weights<'a> {
    run: &'a RunInput,
    names: Vec<String>,
    means: Vec<Vec<(f64, f64)>>,
    floors: Vec<Vec<(f64, f64)>>,
}

impl<'a> Weights<'a> {
    /// `None` for a run in which all users always weigh the same, or whose log has no weights.
    fn of(run: &'a RunInput) -> Option<Self> {
        let names = group_names(&run.epochs);
        // A log without weights reads as zeros.
        let of = |name: &String| series(&run.epochs, name, |g| (g.weight > 0.0).then_some(g.weight));
        let weights: Vec<_> = names.iter().map(of).collect();
        let floors: Vec<_> = names.iter().map(|n| series(&run.epochs, n, |g| Some(g.at_floor))).collect();
        let uneven = weights.iter().flatten().any(|(_, w)| (w - 1.0).abs() > 1e-6);
        (uneven || floors.iter().flatten().any(|(_, f)| *f > 0.0)).then_some(Self {
            run,
            names,
            means: weights,
            floors,
        })
    }

    fn weight_figure(&self) -> Option<Figure> {
        let values = self.means.iter().flatten().map(|p| p.1).chain([0.0, 1.0]);
        let mut chart = self.chart(Range::of(values)?, "mean weight", &self.means);
        chart.level(1.0);
        let name = &self.run.summary.name;
        Some(Figure {
            title: format!("{name}: mean weight"),
            svg: chart.svg()?,
            alt: format!("Mean row weight by group over the epochs of {name}. {}", self.in_words().unwrap_or_default()),
            caption: "The dashed line is the average user’s weight.".into(),
        })
    }

    fn floor_figure(&self) -> Option<Figure> {
        let top = self.floors.iter().flatten().map(|p| p.1).fold(0.0, f64::max);
        let percentages: Vec<Vec<(f64, f64)>> =
            self.floors.iter().map(|f| f.iter().map(|(x, y)| (*x, 100.0 * y)).collect()).collect();
        let chart =
            self.chart(Range::between(0.0, 100.0 * top.clamp(0.05, 1.0)), "users at the floor, %", &percentages);
        let name = &self.run.summary.name;
        Some(Figure {
            title: format!("{name}: users at the floor"),
            svg: chart.svg().filter(|_| top > 0.0)?,
            alt: format!(
                "Share of users at the weight floor by group over the epochs of {name}; at most {}.",
                percent(top)
            ),
            caption: "Users that training practically ignores in that epoch.".into(),
        })
    }

    fn chart(&self, y: Range, label: &str, lines: &[Vec<(f64, f64)>]) -> Chart {
        let mut chart = Chart::new(Range::whole(last(&self.run.epochs)), "epoch", y, label);
        for (i, line) in lines.iter().enumerate() {
            chart.line(Look::group(i, lines.len()), line);
        }
        chart
    }

    fn floor_in_words(&self) -> Option<String> {
        Some(format!("{}: {}.", self.run.summary.name, mostly_at_floor(&self.run.epochs)?))
    }

    /// Who weighed most at the end, who least, and how many were at the floor.
    fn in_words(&self) -> Option<String> {
        let ends: Vec<(&str, f64)> =
            self.names.iter().zip(&self.means).filter_map(|(n, w)| Some((n.as_str(), w.last()?.1))).collect();
        let most = ends.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let least = ends.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let floor = self.names.iter().zip(&self.floors).filter_map(|(n, f)| Some((n, f.last()?.1)));
        let floor = floor.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, share)| *share > 0.0);
        let floor = floor.map_or(String::new(), |(name, share)| {
            format!(" {} of the users of “{name}” were at the floor.", percent(share))
        });
        Some(format!(
            "{}: in the last epoch a user of “{}” weighed {:.2} times the average, one of “{}” {:.2} times.{floor}",
            self.run.summary.name, most.0, most.1, least.0, least.1
        ))
    }
}
