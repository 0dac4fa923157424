//! What can be wrong with a simulation.

/// What can be wrong with a simulation.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// A field is out of range.
    #[error("simulate: `{field}` is {value}, expected {least} to {most}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it is.
        value: f64,
        /// The least that it can be.
        least: f64,
        /// The most that it can be.
        most: f64,
    },
    /// The clusters do not fit.
    #[error(
        "simulate: {niches} niches with a share of {niche_items} of the {items} items each, expected together at most \
         the less popular four fifths of the items and at least one item each"
    )]
    Clusters {
        /// Number of niches.
        niches: usize,
        /// Share of each.
        niche_items: f64,
        /// Size of the catalogue.
        items: usize,
    },
    /// The suffix of the output is not known.
    #[error("simulate: {path} ends with none of the known suffixes, expected .csv, .csv.gz or .parquet")]
    Suffix {
        /// The output.
        path: String,
    },
}
