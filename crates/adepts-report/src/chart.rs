//! From series to SVG: the one place that speaks to the plotting library.

use std::sync::Arc;

use kuva::TickFormat;
use kuva::backend::svg::SvgBackend;
use kuva::plot::{LinePlot, ScatterPlot};
use kuva::render::annotations::ReferenceLine;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::{Primitive, render_multiple};
use kuva::render::theme::Theme;

use crate::look::Look;

/// Width of every plot, so that text has one size; on a phone it shrinks only a little.
const WIDTH: f64 = 400.0;
/// More points than this on a line cannot be seen.
const POINTS: usize = 240;

/// An axis with round ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) min: f64,
    pub(crate) max: f64,
    step: f64,
}

impl Range {
    /// The smallest range between round ticks that holds all finite values; from zero where they are not far from it.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (min, max) = values
            .into_iter()
            .filter(|v| v.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), v| (min.min(v), max.max(v)));
        (min <= max).then(|| Self::between(if min >= 0.0 && min < 0.4 * max { 0.0 } else { min }, max))
    }

    /// A range between round ticks around two values.
    pub(crate) fn between(min: f64, max: f64) -> Self {
        let span = if max > min { max - min } else { max.abs().max(1e-3) * 0.2 };
        let raw = span / 5.0;
        let power = 10f64.powf(raw.log10().floor());
        let step = power
            * match raw / power {
                r if r <= 1.0 => 1.0,
                r if r <= 2.0 => 2.0,
                r if r <= 5.0 => 5.0,
                _ => 10.0,
            };
        let (min, max) = if max > min { (min, max) } else { (min - span / 2.0, max + span / 2.0) };
        Self { min: (min / step + 1e-9).floor() * step, max: (max / step - 1e-9).ceil() * step, step }
    }

    /// Whole numbers from zero to the last, such as epochs.
    pub(crate) fn whole(last: usize) -> Self {
        let mut range = Self::between(0.0, last.max(1) as f64);
        range.step = range.step.max(1.0);
        range.max = last.max(1) as f64;
        range
    }

    /// Whether zero is on the axis.
    pub(crate) fn has_zero(self) -> bool {
        self.min <= 0.0 && self.max >= 0.0
    }

    fn places(self) -> usize {
        (-self.step.log10().floor()).clamp(0.0, 9.0) as usize
    }
}

/// A plot being put together.
pub(crate) struct Chart {
    plots: Vec<Plot>,
    references: Vec<ReferenceLine>,
    layout: Layout,
    /// The height and the margins at the top and the bottom.
    height: f64,
}

impl Chart {
    /// An empty plot with numbers on both axes.
    pub(crate) fn new(x: Range, x_label: &str, y: Range, y_label: &str) -> Self {
        let height = 260.0;
        let layout = base(x, x_label, height)
            .with_y_label(y_label)
            .with_y_axis_min(y.min)
            .with_y_axis_max(y.max)
            .with_y_tick_step(y.step)
            .with_y_tick_format(TickFormat::Fixed(y.places()));
        Self { plots: Vec::new(), references: Vec::new(), layout, height }
    }

    /// An empty plot with one named row after another; the first, at the top, is at y = 0, the next at -1.
    pub(crate) fn rows(x: Range, x_label: &str, names: Vec<String>, row_height: f64) -> Self {
        let last = names.len() as f64 - 1.0;
        let height = row_height.mul_add(names.len() as f64, 60.0);
        // The library does not measure names from a formatter.
        let widest = names.iter().map(|n| n.chars().count()).max().unwrap_or(0) as f64;
        let name = move |y: f64| {
            let row = -y;
            let index = row.round();
            let known = (row - index).abs() < 1e-6 && index >= 0.0;
            known.then(|| names.get(index as usize).cloned()).flatten().unwrap_or_default()
        };
        let layout = base(x, x_label, height)
            .with_force_margins(widest.mul_add(7.4, 18.0), 16.0)
            .with_y_axis_min(-last - 0.5)
            .with_y_axis_max(0.5)
            .with_y_tick_step(1.0)
            .with_y_tick_format(TickFormat::Custom(Arc::new(name)));
        Self { plots: Vec::new(), references: Vec::new(), layout, height }
    }

    /// Adds a line; values that are not finite are left out, and so are points too many to be seen.
    pub(crate) fn line(&mut self, look: Look, points: &[(f64, f64)]) {
        let finite: Vec<(f64, f64)> = points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        let stride = finite.len().div_ceil(POINTS).max(1);
        let last = finite.len().saturating_sub(1);
        let kept: Vec<(f64, f64)> =
            finite.into_iter().enumerate().filter(|(i, _)| i % stride == 0 || *i == last).map(|(_, p)| p).collect();
        if kept.len() > 1 {
            self.plots.push(Plot::Line(
                LinePlot::new()
                    .with_data(kept)
                    .with_color(look.colour())
                    .with_stroke_width(look.stroke())
                    .with_line_style(look.dash()),
            ));
        }
    }

    /// Adds a horizontal bar from one x to another, such as an interval.
    pub(crate) fn bar(&mut self, look: Look, (from, to): (f64, f64), y: f64) {
        if from.is_finite() && to.is_finite() && from < to {
            self.plots.push(Plot::Line(
                LinePlot::new().with_data(vec![(from, y), (to, y)]).with_color(look.colour()).with_stroke_width(2.0),
            ));
        }
    }

    /// Adds points, each with the words that appear when it is pointed at.
    pub(crate) fn points(&mut self, look: Look, size: f64, opacity: f64, points: Vec<(f64, f64, String)>) {
        let (data, labels): (Vec<(f64, f64)>, Vec<String>) =
            points.into_iter().filter(|(x, y, _)| x.is_finite() && y.is_finite()).map(|(x, y, l)| ((x, y), l)).unzip();
        if !data.is_empty() {
            self.plots.push(Plot::Scatter(
                ScatterPlot::new()
                    .with_data(data)
                    .with_color(look.colour())
                    .with_marker(look.shape())
                    .with_marker_opacity(opacity)
                    .with_size(size)
                    .with_tooltips()
                    .with_tooltip_labels(labels),
            ));
        }
    }

    /// Adds a histogram of ready counts.
    pub(crate) fn histogram(&mut self, look: Look, edges: Vec<f64>, counts: Vec<f64>) {
        self.plots.push(Plot::Histogram(kuva::plot::Histogram::from_bins(edges, counts).with_color(look.colour())));
    }

    /// Adds a dashed line across at this y.
    pub(crate) fn level(&mut self, y: f64) {
        self.reference(ReferenceLine::horizontal(y));
    }

    /// Adds a dashed line from top to bottom at this x.
    pub(crate) fn mark(&mut self, x: f64) {
        self.reference(ReferenceLine::vertical(x));
    }

    fn reference(&mut self, line: ReferenceLine) {
        self.references.push(line.with_color("currentColor").with_stroke_width(1.2));
    }

    /// The SVG; `None` when there is nothing on it.
    pub(crate) fn svg(self) -> Option<String> {
        if self.plots.is_empty() {
            return None;
        }
        let layout = self.references.into_iter().fold(self.layout, Layout::with_reference_line);
        let mut scene = render_multiple(self.plots, layout);
        // Every range holds its data, so nothing needs clipping; the identifiers of clips are counted over the whole
        // process, so equal input would not give equal bytes.
        scene.elements.retain(|e| !matches!(e, Primitive::ClipStart { .. } | Primitive::ClipEnd));
        scene.defs.clear();
        scene.background_color = None;
        scene.font_family = None;
        scene.has_tooltips = false;
        let svg = SvgBackend::new().render_scene(&scene);
        let size = format!(r#"<svg viewBox="0 0 {} {}" "#, scene.width, scene.height.max(self.height));
        Some(svg.replacen(r#"<svg xmlns="http://www.w3.org/2000/svg" "#, &size, 1))
    }
}

fn base(x: Range, x_label: &str, height: f64) -> Layout {
    let theme = Theme {
        background: "none".into(),
        axis_color: "var(--axis)".into(),
        tick_color: "var(--axis)".into(),
        grid_color: "var(--grid)".into(),
        text_color: "currentColor".into(),
        ..Theme::light()
    };
    Layout::new((x.min, x.max), (0.0, 1.0))
        .with_theme(theme)
        .with_width(WIDTH)
        .with_height(height)
        .with_tick_size(12)
        .with_label_size(12)
        .with_x_label(x_label)
        .with_x_axis_min(x.min)
        .with_x_axis_max(x.max)
        .with_x_tick_step(x.step)
        .with_x_tick_format(TickFormat::Fixed(x.places()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_round_and_hold_their_values() {
        let range = Range::of([0.268, 0.481, f64::NAN]).unwrap();
        assert!((range.min - 0.25).abs() < 1e-9 && (range.max - 0.5).abs() < 1e-9, "{range:?}");
        assert_eq!(range.places(), 2);
        assert_eq!(Range::of([0.05, 0.9]).unwrap().min, 0.0);
        assert_eq!(Range::of([f64::NAN]), None);
    }

    #[test]
    fn a_single_value_has_a_range() {
        for value in [0.0, 1.0, -3.0, 1e-9, 1e9] {
            let range = Range::of([value]).unwrap();
            assert!(range.min < range.max && range.min <= value && value <= range.max, "{value}: {range:?}");
        }
    }

    #[test]
    fn a_plot_without_points_is_none() {
        let range = Range::between(0.0, 1.0);
        let mut chart = Chart::new(range, "x", range, "y");
        chart.line(Look::everyone(), &[(1.0, f64::NAN), (0.5, 0.5)]);
        assert_eq!(chart.svg(), None);
    }

    #[test]
    fn words_in_a_plot_are_escaped_and_nothing_is_loaded() {
        let range = Range::between(0.0, 1.0);
        let mut chart = Chart::rows(range, "<x>", vec!["<script>".into()], 40.0);
        chart.points(Look::model(0), 4.0, 1.0, vec![(0.5, 0.0, "\"><script>".into())]);
        let svg = chart.svg().unwrap();
        assert!(!svg.contains("<script>") && !svg.contains("http"), "{svg}");
        assert!(svg.contains("&lt;script&gt;"));
    }
}
