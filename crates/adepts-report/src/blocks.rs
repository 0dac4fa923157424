//! What a section is made of. The templates turn blocks into HTML; nothing else does.

use askama::Template;

/// A section of the page.
pub(crate) struct Section {
    /// Its anchor.
    pub(crate) id: &'static str,
    /// Its heading.
    pub(crate) title: &'static str,
    /// What it says, in order.
    pub(crate) blocks: Vec<Block>,
}

/// A piece of a section.
pub(crate) enum Block {
    /// A paragraph.
    Text(String),
    /// A remark that must not be overlooked.
    Note(String),
    /// Findings, one a line.
    Points(Vec<String>),
    /// A table.
    Table(Table),
    /// Plots that share a legend.
    Plots(Plots),
    /// Tables behind a fold: the numbers of the plots.
    More(Vec<Table>),
    /// A table behind a fold, with the words that open it.
    Fold(&'static str, Table),
    /// Terms and their explanations.
    Terms(Vec<(&'static str, &'static str)>),
}

/// Plots that share a legend.
pub(crate) struct Plots {
    /// What the shapes and dashes stand for; may be empty.
    pub(crate) legend: Vec<LegendEntry>,
    /// The plots.
    pub(crate) figures: Vec<Figure>,
}

/// One line of a legend.
pub(crate) struct LegendEntry {
    /// A small SVG.
    pub(crate) glyph: String,
    /// What it stands for.
    pub(crate) label: String,
}

/// A plot with its words.
pub(crate) struct Figure {
    /// Its heading.
    pub(crate) title: String,
    /// The SVG.
    pub(crate) svg: String,
    /// What it shows, for someone who does not see it.
    pub(crate) alt: String,
    /// How to read it.
    pub(crate) caption: String,
}

/// A table.
#[derive(Template)]
#[template(path = "table.html")]
pub(crate) struct Table {
    /// What it shows.
    pub(crate) caption: String,
    /// The names of the columns; the first is that of the rows' names.
    pub(crate) head: Vec<String>,
    /// The rows: the name, then the cells.
    pub(crate) rows: Vec<(String, Vec<Cell>)>,
}

/// A cell of a table.
#[derive(Default)]
pub(crate) struct Cell {
    /// What it says.
    pub(crate) text: String,
    /// What it adds in small print, such as an interval.
    pub(crate) small: String,
    /// The best of its column.
    pub(crate) best: bool,
    /// Length of a bar under it, in percent of the cell.
    pub(crate) bar: Option<u8>,
}

impl Cell {
    /// What is given, and nothing else.
    pub(crate) fn of(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// With small print.
    pub(crate) fn small(self, small: String) -> Self {
        Self { small, ..self }
    }

    /// The best of its column, or not.
    pub(crate) fn best(self, best: bool) -> Self {
        Self { best, ..self }
    }

    /// With a bar whose length is a share of the cell.
    pub(crate) fn bar(self, share: f64) -> Self {
        Self { bar: share.is_finite().then(|| (share.clamp(0.0, 1.0) * 100.0).round() as u8), ..self }
    }
}
