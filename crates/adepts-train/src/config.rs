//! What may be configured about training, with the defaults.

use adepts_core::{ConfigError, LazyTables};
use serde::{Deserialize, Serialize};

/// The `[train]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Users or rows per update.
    pub batch: usize,
    /// The most epochs.
    pub epochs: usize,
    /// How parameters follow their gradients.
    pub optimizer: OptimizerConfig,
    /// When to stop before the last epoch.
    pub stop: StopConfig,
    /// How the embedding tables of tabular models follow their gradients; history models have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<TablesConfig>,
}

/// `[train.tables]`: embedding tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TablesConfig {
    /// By the optimizer: tables of more than 100,000 rows as `lazy`, others as `dense`.
    Auto {},
    /// By the optimizer, all of them row by row: a row that a batch does not use stays as it is, moments and weight decay too.
    Lazy {},
    /// By the optimizer, all of them whole: moments and weight decay change every row with every update.
    Dense {},
    /// By Adagrad (Duchi, Hazan & Singer 2011), all of them row by row, with the optimizer's `l2`.
    Adagrad {
        /// Step size.
        #[serde(default = "learning_rate_of_adagrad")]
        learning_rate: f64,
        /// Added to the root of the sum of squares.
        #[serde(default = "epsilon_of_adagrad")]
        epsilon: f64,
    },
}

/// `[train.optimizer]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Adam (Kingma & Ba 2015).
    Adam {
        /// Step size.
        #[serde(default = "learning_rate")]
        learning_rate: f64,
        /// Decay of the mean of gradients.
        #[serde(default = "beta1")]
        beta1: f64,
        /// Decay of the mean of squared gradients.
        #[serde(default = "beta2")]
        beta2: f64,
        /// Added to the root of the mean of squared gradients.
        #[serde(default = "epsilon")]
        epsilon: f64,
        /// Coupled weight decay: `l2 · w` is added to the gradient of every parameter, biases too, and `l2 · (w − 1)` to that
        /// of a factor (the scale of a normalisation, the weights of a domain in `star`), which at 1 has no effect. It is
        /// divided by [`adepts_core::HistoryLearner::l2_divisor`].
        #[serde(default)]
        l2: f64,
    },
}

/// `[train.stop]`: early stopping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StopConfig {
    /// The validation score that is watched; of several, their mean.
    pub metric: Metric,
    /// Epochs without a new best after which training stops.
    pub patience: usize,
}

/// One metric, or several whose mean counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected the name of a metric or a list of names")]
pub enum Metric {
    /// Such as `"ndcg@10"`.
    One(String),
    /// Such as `["ndcg@5", "recall@20"]`.
    Several(Vec<String>),
}

fn learning_rate() -> f64 {
    1e-3
}

fn learning_rate_of_adagrad() -> f64 {
    1e-2
}

fn epsilon_of_adagrad() -> f64 {
    1e-10
}

fn beta1() -> f64 {
    0.9
}

fn beta2() -> f64 {
    0.999
}

fn epsilon() -> f64 {
    1e-8
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            batch: 512,
            epochs: 1000,
            optimizer: OptimizerConfig::default(),
            stop: StopConfig::default(),
            tables: None,
        }
    }
}

impl TablesConfig {
    /// Which tables are updated row by row.
    #[must_use]
    pub fn lazy(&self) -> LazyTables {
        match self {
            Self::Auto {} => LazyTables::Large,
            Self::Lazy {} | Self::Adagrad { .. } => LazyTables::All,
            Self::Dense {} => LazyTables::None,
        }
    }
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adam { learning_rate: learning_rate(), beta1: beta1(), beta2: beta2(), epsilon: epsilon(), l2: 0.0 }
    }
}

impl Default for StopConfig {
    fn default() -> Self {
        let metric = ["ndcg@1", "ndcg@5", "ndcg@10", "ndcg@20"].map(str::to_owned).to_vec();
        Self { metric: Metric::Several(metric), patience: 15 }
    }
}

impl Metric {
    /// The names of the metrics.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

impl TrainConfig {
    /// Whether the values make sense; paths in errors begin below `[train]`. Names of metrics are checked by who computes
    /// them.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (path, value) in [("batch", self.batch), ("epochs", self.epochs), ("stop.patience", self.stop.patience)] {
            require(value > 0, path, value, "at least 1")?;
        }
        if self.stop.metric.names().is_empty() {
            return Err(ConfigError::invalid("stop.metric", "the list is empty, expected at least one metric"));
        }
        let OptimizerConfig::Adam { learning_rate, beta1, beta2, epsilon, l2 } = self.optimizer;
        let positive = |value: f64| value > 0.0 && value.is_finite();
        require(positive(learning_rate), "optimizer.learning_rate", learning_rate, "a positive number")?;
        require((0.0..1.0).contains(&beta1), "optimizer.beta1", beta1, "at least 0 and below 1")?;
        require((0.0..1.0).contains(&beta2), "optimizer.beta2", beta2, "at least 0 and below 1")?;
        require(positive(epsilon), "optimizer.epsilon", epsilon, "a positive number")?;
        require(l2 >= 0.0 && l2.is_finite(), "optimizer.l2", l2, "0 or a positive number")?;
        if let Some(TablesConfig::Adagrad { learning_rate, epsilon }) = self.tables {
            require(positive(learning_rate), "tables.learning_rate", learning_rate, "a positive number")?;
            require(positive(epsilon), "tables.epsilon", epsilon, "a positive number")?;
        }
        Ok(())
    }
}

fn require(holds: bool, path: &str, value: impl std::fmt::Display, expected: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::invalid(path, format!("is {value}, expected {expected}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TrainConfig, ConfigError> {
        let config: TrainConfig = adepts_core::config::read(toml::from_str(text).unwrap())?;
        config.check().map(|()| config)
    }

    #[test]
    fn an_empty_table_is_the_default_and_writing_it_out_changes_nothing() {
        let config = read("").unwrap();
        assert_eq!(config, TrainConfig::default());
        assert_eq!(read(&toml::to_string(&config).unwrap()).unwrap(), config);
        assert_eq!(config.stop.metric.names().len(), 4);
    }

    #[test]
    fn the_form_of_the_experiment_files_is_understood() {
        let config = read(
            "batch = 256\noptimizer = { kind = \"adam\", l2 = 1e-3 }\nstop = { metric = \"ndcg@10\", patience = 3 }",
        )
        .unwrap();
        let OptimizerConfig::Adam { learning_rate, l2, .. } = config.optimizer;
        assert_eq!((config.batch, learning_rate, l2, config.stop.patience), (256, 1e-3, 1e-3, 3));
        assert_eq!(config.stop.metric.names(), ["ndcg@10"]);
    }

    #[test]
    fn tables_are_updated_as_their_kind_says_and_take_no_setting_of_another() {
        let lazy = |text: &str| read(text).map(|config| config.tables.map(|tables| tables.lazy()));
        assert_eq!(lazy("").unwrap(), None);
        for (kind, want) in [
            ("auto", LazyTables::Large),
            ("lazy", LazyTables::All),
            ("dense", LazyTables::None),
            ("adagrad", LazyTables::All),
        ] {
            assert_eq!(lazy(&format!("tables.kind = '{kind}'")).unwrap(), Some(want));
        }
        let adagrad = read("tables.kind = 'adagrad'").unwrap().tables;
        assert_eq!(adagrad, Some(TablesConfig::Adagrad { learning_rate: 1e-2, epsilon: 1e-10 }));
        assert!(lazy("tables = { kind = 'lazy', learning_rate = 0.1 }").is_err());
        assert!(lazy("tables = { kind = 'sparse' }").is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_path() {
        for (text, message) in [
            ("batch = 0", "batch: is 0, expected at least 1"),
            ("stop.patience = 0", "stop.patience: is 0, expected at least 1"),
            ("stop.metric = []", "stop.metric: the list is empty, expected at least one metric"),
            (
                "optimizer = { kind = 'adam', learning_rate = nan }",
                "optimizer.learning_rate: is NaN, expected a positive number",
            ),
            ("optimizer = { kind = 'adam', beta2 = 1.0 }", "optimizer.beta2: is 1, expected at least 0 and below 1"),
            ("optimizer = { kind = 'adam', l2 = -1.0 }", "optimizer.l2: is -1, expected 0 or a positive number"),
            (
                "tables = { kind = 'adagrad', learning_rate = 0.0 }",
                "tables.learning_rate: is 0, expected a positive number",
            ),
            ("tables = { kind = 'adagrad', epsilon = -1.0 }", "tables.epsilon: is -1, expected a positive number"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), message);
        }
        assert!(read("epoch = 3").unwrap_err().to_string().contains("did you mean `epochs`?"));
    }
}
