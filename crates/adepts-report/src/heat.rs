//! Shares as a grid of shaded cells, drawn as SVG like the plots of `chart`.

use std::fmt::Write as _;

use crate::format::{decimals, percent, shortened};

/// Width of the drawing, that of every plot.
const WIDTH: f64 = 400.0;
/// Height of a row.
const ROW: f64 = 26.0;
/// Cells narrower than this have no room for a number.
const LEGIBLE: f64 = 34.0;
/// Most characters of a row's name.
const NAME: usize = 14;

/// A grid of shares from 0 to 1: `shares[row][column]`. A cell is the darker the nearer it is to the largest share of all. Columns
/// are numbered from 1. `None` where there is nothing to draw.
pub(crate) fn heat_map(names: &[&str], shares: &[&[f64]], x_label: &str) -> Option<String> {
    let columns = shares.iter().map(|row| row.len()).max().unwrap_or(0);
    let largest = shares.iter().copied().flatten().copied().filter(|share| share.is_finite()).fold(0.0, f64::max);
    if columns == 0 || largest <= 0.0 {
        return None;
    }
    let names: Vec<String> = names.iter().map(|name| shortened(name, NAME)).collect();
    let left = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f64 * 7.2 + 12.0;
    let cell = (WIDTH - left - 4.0) / columns as f64;
    let bottom = ROW * shares.len() as f64 + 4.0;
    // A number must be legible on the darkest cell, in either scheme.
    let strength = if cell >= LEGIBLE { 0.55 } else { 1.0 };
    let gap = if cell > 12.0 { 1.0 } else { 0.0 };
    let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {:.0}" font-size="12">"#, bottom + 38.0);
    for (row, (name, shares)) in names.iter().zip(shares).enumerate() {
        let y = ROW * row as f64 + 4.0;
        let text = y + ROW / 2.0 + 4.0;
        let name = escaped(name);
        let _ = write!(
            svg,
            r#"<text x="{:.1}" y="{text:.1}" text-anchor="end" fill="currentColor">{name}</text>"#,
            left - 8.0
        );
        for (column, &share) in shares.iter().enumerate().filter(|(_, share)| share.is_finite()) {
            let (x, shade) = (left + cell * column as f64, strength * (share / largest).clamp(0.0, 1.0));
            let (width, height, said) = (cell - gap, ROW - 1.0, percent(share));
            let _ = write!(
                svg,
                r#"<rect x="{x:.2}" y="{y:.1}" width="{width:.2}" height="{height:.1}" fill="var(--m0)" fill-opacity="{shade:.3}" stroke="var(--grid)" stroke-width="0.5"><title>{name}, {}: {said}</title></rect>"#,
                column + 1
            );
            if cell >= LEGIBLE {
                let (middle, said) = (x + width / 2.0, decimals(share * 100.0, 0));
                let _ = write!(
                    svg,
                    r#"<text x="{middle:.1}" y="{text:.1}" text-anchor="middle" font-size="11" fill="currentColor">{said} %</text>"#
                );
            }
        }
    }
    let every = (24.0 / cell).ceil().max(1.0) as usize;
    for column in (0..columns).filter(|column| column % every == 0) {
        let (x, y) = (left + cell * (column as f64 + 0.5), bottom + 14.0);
        let number = column + 1;
        let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle" fill="currentColor">{number}</text>"#);
    }
    let (x, y) = (f64::midpoint(left, WIDTH), bottom + 32.0);
    let label = escaped(x_label);
    let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle" fill="currentColor">{label}</text></svg>"#);
    Some(svg)
}

/// Text as it may stand in an SVG.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // Control characters have no place in XML.
            other if other.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_share_is_the_darkest_and_is_said() {
        let svg = heat_map(&["a", "b"], &[&[0.75, 0.25], &[0.5, 0.5]], "expert").unwrap();
        assert!(svg.contains("a, 1: 75 %") && svg.contains(r#"fill-opacity="0.550""#));
        assert_eq!(svg.matches("<rect").count(), 4);
    }

    #[test]
    fn names_are_escaped_and_nothing_is_drawn_of_nothing() {
        let svg = heat_map(&["<b>\"&'\u{1}"], &[&[1.0]], "<i>").unwrap();
        assert!(!svg.contains("<b>") && !svg.contains("<i>") && svg.contains("&lt;b&gt;&quot;&amp;&#39; "));
        assert_eq!(heat_map(&[], &[], "x"), None);
        assert_eq!(heat_map(&["a"], &[&[0.0, f64::NAN]], "x"), None);
    }
}
