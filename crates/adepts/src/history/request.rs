//! What may be asked of an evaluation beyond its configuration.

use adepts_core::Probe;

use crate::part::Part;

/// What a gate looks at when a model is evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeChoice {
    /// What it looked at in training; where validation items are to be found, what it looked at when they stopped training,
    /// which is those items only for the published gate.
    #[default]
    AsTrained,
    /// These items.
    At(Probe),
    /// Nothing: equal shares.
    Nothing,
}

/// What may be asked of an evaluation beyond the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// What the gate looks at.
    pub probe: ProbeChoice,
    /// Whether the validation items are part of the histories that the model sees.
    pub validation_as_input: bool,
    /// What is to be found.
    pub part: Part,
}
