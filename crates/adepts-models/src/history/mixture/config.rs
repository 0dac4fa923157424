//! The configuration of a mixture: how experts are mixed, how rows are weighted.

use adepts_core::{ConfigError, Probe};
use adepts_ops::mixture::kernel::{Rule, Score};
use serde::{Deserialize, Serialize};

/// Below it, and above its inverse, scores and their slopes leave the range of 32-bit floats.
const LEAST_TEMPERATURE: f64 = 1e-20;

/// The `[model]` table of every preset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureConfig {
    /// Number of experts K.
    pub experts: usize,
    /// Widths of the layers of an expert's encoder; the last is the latent, the others have tanh. The decoder mirrors them.
    pub hidden: Vec<usize>,
    /// Share of a history's items that is left out of the input in training.
    pub dropout: f64,
    /// Standard deviation of the latent noise in training.
    pub noise: f64,
    /// The weight of the divergence.
    pub kl: Kl,
    /// How experts are mixed.
    pub gate: Gate,
    /// How rows are weighted.
    pub weights: Weights,
}

/// The weight of the divergence: β = cap · min(1, updates / steps).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kl {
    /// Over the rows of a batch: their mean (Liang et al. 2018) or their sum (TALL).
    pub reduce: Reduce,
    /// The largest β.
    pub cap: f64,
    /// Updates until β reaches the cap as the published code counts: β = min(cap, updates / steps); 0 for the cap at once.
    pub steps: u64,
}

impl Kl {
    /// β after `taken` updates.
    #[must_use]
    pub fn beta(&self, taken: u64) -> f64 {
        if self.steps == 0 { self.cap } else { self.cap.min(taken as f64 / self.steps as f64) }
    }
}

/// How numbers are brought together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reduce {
    /// Added.
    Sum,
    /// Averaged.
    Mean,
}

/// How experts are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Gate {
    /// Equal shares. (Without the braces serde would take any other keys in silence.)
    Uniform {},
    /// A softmax of each expert's score for the user, driven by its loss on the probe items; without parameters.
    LossDriven {
        /// The score of a loss L: `inverse` 1/L as published, `negative` −L.
        #[serde(default = "inverse")]
        score: GateScore,
        /// Over the probe items: `sum` as published, or `mean`.
        #[serde(default = "sum")]
        reduce: Reduce,
        /// The score is divided by it; smaller is sharper.
        #[serde(default = "one")]
        temperature: f64,
        /// Whether the gradient does not flow through the gate.
        #[serde(default)]
        detach: bool,
        /// The items by which experts are judged.
        #[serde(default = "validation")]
        probe: Probe,
    },
    /// A softmax over the outputs of a small network that sees the history.
    Mlp {
        /// Its width (ReLU).
        #[serde(default = "wide")]
        hidden: usize,
    },
}

/// A score of an expert from its loss L.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateScore {
    /// 1/L.
    Inverse,
    /// −L.
    Negative,
}

/// How rows are weighted in the loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Weights {
    /// Equally.
    Uniform {},
    /// Less mainstream users more (WL, Zhu & Caverlee 2022).
    Mainstream {
        /// Contrast.
        #[serde(default = "contrast")]
        exponent: f64,
    },
    /// By the loss of the mix on each user's probe items: users whose loss falls faster than the mean of all users get more
    /// weight, the others less (TALL).
    Adaptive {
        /// What is compared: `loss_change` as published, or `loss`.
        #[serde(default = "loss_change")]
        signal: Signal,
        /// The loss of a user over the probe items: their `sum` as published, so that a change counts as many times as the
        /// user has probe items, or their `mean`, which does not depend on that number.
        #[serde(default = "sum")]
        reduce: Reduce,
        /// Epochs with equal weights.
        #[serde(default = "gap")]
        gap: usize,
        /// A weight is 1 + (signal − mean signal of all users) / 2α: a difference of α adds or takes half a weight. The default
        /// is [`default_alpha`].
        alpha: f64,
        /// Epochs that the signal is averaged over.
        #[serde(default = "window")]
        window: usize,
        /// The items whose loss is the signal.
        #[serde(default = "validation")]
        probe: Probe,
    },
}

/// What adaptive weights compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// By how much the probe loss of the mix fell from one epoch to the next.
    LossChange,
    /// The probe loss of the mix itself.
    Loss,
}

fn inverse() -> GateScore {
    GateScore::Inverse
}
fn sum() -> Reduce {
    Reduce::Sum
}
fn one() -> f64 {
    1.0
}
fn validation() -> Probe {
    Probe::Validation
}
fn wide() -> usize {
    2000
}
fn contrast() -> f64 {
    1.5
}
fn loss_change() -> Signal {
    Signal::LossChange
}
fn gap() -> usize {
    40
}
fn window() -> usize {
    8
}

/// The α of adaptive weights where none is configured.
///
/// The published .08 belongs to the change of a sum. The others are such that weights differ as much between users as with it:
/// on `MovieLens-1M`, 20 experts, after 40 epochs, the signals have standard deviations of .110 (change of the sum), .0118
/// (change of the mean), 134 (sum) and .62 (mean).
#[must_use]
pub fn default_alpha(signal: Signal, reduce: Reduce) -> f64 {
    match (signal, reduce) {
        (Signal::LossChange, Reduce::Sum) => 0.08,
        (Signal::LossChange, Reduce::Mean) => 0.008,
        (Signal::Loss, Reduce::Sum) => 100.0,
        (Signal::Loss, Reduce::Mean) => 0.5,
    }
}

impl MixtureConfig {
    /// Checks what types cannot say.
    pub fn check(&self) -> Result<(), ConfigError> {
        let positive = |path: &str, ok: bool| {
            if ok { Ok(()) } else { Err(ConfigError::invalid(path, "expected a number above 0")) }
        };
        positive("experts", self.experts > 0)?;
        positive("hidden", !self.hidden.is_empty() && !self.hidden.contains(&0))?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ConfigError::invalid("dropout", format!("{} is not in 0 ≤ dropout < 1", self.dropout)));
        }
        if !(self.noise >= 0.0 && self.kl.cap >= 0.0) {
            return Err(ConfigError::invalid("noise", "noise and kl.cap must not be negative"));
        }
        if let Gate::LossDriven { temperature, .. } = self.gate
            && !(LEAST_TEMPERATURE..=1.0 / LEAST_TEMPERATURE).contains(&temperature)
        {
            let problem = format!(
                "is {temperature:e}, expected a number from {LEAST_TEMPERATURE:e} to {:e}",
                1.0 / LEAST_TEMPERATURE
            );
            return Err(ConfigError::invalid("gate.temperature", problem));
        }
        if let Gate::Mlp { hidden } = self.gate {
            positive("gate.hidden", hidden > 0)?;
        }
        if let Weights::Mainstream { exponent } = self.weights {
            positive("weights.exponent", exponent > 0.0 && exponent.is_finite())?;
        }
        if let Weights::Adaptive { alpha, window, .. } = self.weights {
            positive("weights.alpha", alpha > 0.0 && alpha.is_finite())?;
            positive("weights.window", window > 0)?;
        }
        match (self.gate.probe(), self.weights_probe()) {
            (Some(gate), Some(weights)) if gate != weights => Err(ConfigError::invalid(
                "weights.probe",
                format!("is `{}` while gate.probe is `{}`; expected the same", weights.name(), gate.name()),
            )),
            _ => Ok(()),
        }
    }

    /// The probe of gate or weights.
    #[must_use]
    pub fn probe(&self) -> Option<Probe> {
        self.gate.probe().or(self.weights_probe())
    }

    /// The probe of the gate, if there is more than one expert to choose from.
    #[must_use]
    pub fn gate_probe(&self) -> Option<Probe> {
        self.gate.probe().filter(|_| self.experts > 1)
    }

    fn weights_probe(&self) -> Option<Probe> {
        match self.weights {
            Weights::Adaptive { probe, .. } => Some(probe),
            _ => None,
        }
    }

    /// Width of the latent.
    #[must_use]
    pub fn latent(&self) -> usize {
        self.hidden.last().copied().unwrap_or(0)
    }
}

impl Weights {
    /// How the loss of a user is taken over the probe items, of weights that follow it.
    #[must_use]
    pub fn reduce(&self) -> Option<Reduce> {
        match *self {
            Self::Adaptive { reduce, .. } => Some(reduce),
            _ => None,
        }
    }
}

impl Gate {
    fn probe(&self) -> Option<Probe> {
        match *self {
            Self::LossDriven { probe, .. } => Some(probe),
            _ => None,
        }
    }

    /// Whether it is the gate of TALL and LMoE as published, with its score 1/L of the sum over validation items.
    #[must_use]
    pub fn is_published(&self) -> bool {
        matches!(
            *self,
            Self::LossDriven {
                score: GateScore::Inverse,
                reduce: Reduce::Sum,
                temperature: 1.0,
                probe: Probe::Validation,
                ..
            }
        )
    }

    /// The rule of a loss-driven gate.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        let Self::LossDriven { score, reduce, temperature, detach, .. } = *self else { return None };
        Some(Rule {
            score: match score {
                GateScore::Inverse => Score::Inverse,
                GateScore::Negative => Score::Negative,
            },
            mean: reduce == Reduce::Mean,
            temperature: temperature as f32,
            detach,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::history::mixture::presets::LMOE;

    #[test]
    fn a_temperature_beyond_32_bit_floats_is_refused() {
        let read = |temperature: &str| {
            let table = format!("gate = {{ kind = \"loss_driven\", temperature = {temperature} }}").parse().unwrap();
            (LMOE.recipe)(table).map(|_| ()).map_err(|error| error.to_string())
        };
        for temperature in ["1e-46", "1e-39", "0.0", "-1.0", "inf", "1e30", "nan"] {
            let error = read(temperature).unwrap_err();
            assert!(error.starts_with("gate.temperature: is ") && error.contains("expected a number from"), "{error}");
        }
        for temperature in ["1e-20", "0.01", "1.0", "1e20"] {
            read(temperature).unwrap();
        }
    }
}
