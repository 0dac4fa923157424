//! Adaptive row weights: whom does training listen to, and when?

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
            "A model with adaptive weights listens more to users whose loss still falls fast and less to those it has already \
             learned. A weight of 1 is that of the average user; a user at the floor has practically no say in that epoch."
                .into(),
        ),
        Block::Plots(Plots { legend, figures }),
        Block::Points(weighted.iter().filter_map(Weights::in_words).collect()),
    ];
    Some(Section { id: "weights", title: "Whom training listens to", blocks })
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
            caption: "Users whom training practically ignores in that epoch.".into(),
        })
    }

    fn chart(&self, y: Range, label: &str, lines: &[Vec<(f64, f64)>]) -> Chart {
        let mut chart = Chart::new(Range::whole(last(&self.run.epochs)), "epoch", y, label);
        for (i, line) in lines.iter().enumerate() {
            chart.line(Look::group(i, lines.len()), line);
        }
        chart
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
