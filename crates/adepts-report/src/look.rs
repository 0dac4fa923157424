//! How series are told apart: a colour from the style sheet, and a shape or a dash for those who do not see it.

use kuva::plot::LineStyle;
use kuva::plot::scatter::MarkerShape;

use crate::blocks::LegendEntry;

/// Colours of models in the style sheet, `--m0` ….
const MODEL_COLOURS: usize = 8;
/// Colours of groups in the style sheet, `--g0` …, from the niche to the mainstream.
const GROUP_COLOURS: usize = 7;

const SHAPES: [MarkerShape; 6] = [
    MarkerShape::Circle,
    MarkerShape::Square,
    MarkerShape::Triangle,
    MarkerShape::Diamond,
    MarkerShape::TriangleDown,
    MarkerShape::Plus,
];
const DASHES: [&str; 6] = ["", "9 4", "2 3", "9 3 2 3", "5 3", "12 3 2 3 2 3"];

/// The look of one series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    hue: Hue,
    index: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hue {
    Model(usize),
    Group(usize),
    Ink,
}

impl Look {
    /// The look of the model at this place in the list.
    pub(crate) fn model(index: usize) -> Self {
        Self { hue: Hue::Model(index % MODEL_COLOURS), index }
    }

    /// The look of a group, given its place among all of them: the colours are spread over the scale.
    pub(crate) fn group(index: usize, of: usize) -> Self {
        let last = GROUP_COLOURS - 1;
        let place = if of < 2 { 0 } else { (index * last + (of - 1) / 2) / (of - 1) };
        Self { hue: Hue::Group(place.min(last)), index }
    }

    /// The look of all users together.
    pub(crate) fn everyone() -> Self {
        Self { hue: Hue::Ink, index: 0 }
    }

    /// Its colour, as CSS.
    pub(crate) fn colour(self) -> String {
        match self.hue {
            Hue::Model(place) => format!("var(--m{place})"),
            Hue::Group(place) => format!("var(--g{place})"),
            Hue::Ink => "currentColor".into(),
        }
    }

    /// Its marker.
    pub(crate) fn shape(self) -> MarkerShape {
        SHAPES[self.index % SHAPES.len()]
    }

    /// Its stroke.
    pub(crate) fn dash(self) -> LineStyle {
        match self.dashes() {
            "" => LineStyle::Solid,
            dash => LineStyle::Custom(dash.into()),
        }
    }

    fn dashes(self) -> &'static str {
        if self.hue == Hue::Ink { "" } else { DASHES[self.index % DASHES.len()] }
    }

    fn marker(self, x: f64) -> String {
        let d = match self.shape() {
            MarkerShape::Square => "m-4 -4h8v8h-8z",
            MarkerShape::Triangle => "m0 -5l5 9h-10z",
            MarkerShape::TriangleDown => "m0 5l5 -9h-10z",
            MarkerShape::Diamond => "m0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
            MarkerShape::Plus => "m-1 -5h2v4h4v2h-4v4h-2v-4h-4v-2h4z",
            _ => "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
        };
        format!(r#"<path d="M{x} 7{d}" fill="{}"/>"#, self.colour())
    }

    /// Its line in a legend of points.
    pub(crate) fn point_entry(self, label: &str) -> LegendEntry {
        let glyph =
            format!(r#"<svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">{}</svg>"#, self.marker(7.0));
        LegendEntry { glyph, label: label.into() }
    }

    /// Its line in a legend of lines; with the marker of its best epoch unless it is the line of everyone.
    pub(crate) fn line_entry(self, label: &str, with_marker: bool) -> LegendEntry {
        let colour = self.colour();
        let marker = if with_marker && self.hue != Hue::Ink { self.marker(38.0) } else { String::new() };
        let width = if marker.is_empty() { 30 } else { 46 };
        let glyph = format!(
            r#"<svg viewBox="0 0 {width} 14" width="{width}" height="14" aria-hidden="true"><path d="M0 7h30" fill="none" stroke="{colour}" stroke-width="{}" stroke-dasharray="{}"/>{marker}</svg>"#,
            self.stroke(),
            self.dashes()
        );
        LegendEntry { glyph, label: label.into() }
    }

    /// The width of its line.
    pub(crate) fn stroke(self) -> f64 {
        if self.hue == Hue::Ink { 2.5 } else { 1.8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_groups_span_the_scale() {
        let colours: Vec<String> = (0..5).map(|i| Look::group(i, 5).colour()).collect();
        assert_eq!(colours, ["var(--g0)", "var(--g2)", "var(--g3)", "var(--g5)", "var(--g6)"]);
        assert_eq!(Look::group(0, 1).colour(), "var(--g0)");
    }

    #[test]
    fn many_series_still_have_a_look() {
        assert_eq!(Look::model(8).colour(), "var(--m0)");
        assert_ne!(Look::model(8).shape(), Look::model(0).shape());
    }
}
