//! A simulated community.

/// What can be wrong with a simulation.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// A field that cannot be.
    #[error("simulate: `{field}` is {value}, expected {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it is.
        value: String,
        /// What it should be.
        expected: String,
    },
}
