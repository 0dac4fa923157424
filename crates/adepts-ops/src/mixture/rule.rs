//! How a gate turns losses into shares.

/// How a gate turns the experts' probe losses into shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// What the shares are a softmax of.
    pub score: Score,
    /// Whether a loss is the mean over the probe items instead of their sum.
    pub mean: bool,
    /// The score is divided by it.
    pub temperature: f32,
    /// Whether the gradient does not flow through the gate.
    pub detach: bool,
}

/// A score of an expert from its loss L.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// 1 / L, as published (TALL).
    Inverse,
    /// −L: the shares are then the posterior of the experts under equal priors.
    Negative,
}
