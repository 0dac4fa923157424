//! An experiment as one TOML file: everything that changes the result, nothing that does not.

use adepts_core::{ConfigError, HistoryRecipe, HistorySpec, config};
use adepts_data::{DataConfig, GroupBy, SplitConfig};
use adepts_eval::MetricAt;
use adepts_models::registry;
use adepts_train::TrainConfig;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::overrides::{default_kind, expand, seed, table_of, unnamed, without_stop};

/// An experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryExperiment {
    /// Its name, also that of the run.
    pub name: String,
    /// Seed of the training, and of the split unless that has its own.
    pub seed: u64,
    /// The log.
    pub data: DataConfig,
    /// How it is cut.
    pub split: SplitConfig,
    /// The `[model]` table; `kind` names the model.
    pub model: toml::Table,
    /// How the model is trained.
    pub train: TrainConfig,
    /// How it is judged.
    pub eval: EvalConfig,
}

/// The `[eval]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalConfig {
    /// What is measured; the first decides who is served worst.
    pub metrics: Vec<MetricAt>,
    /// The groups of users; the first grouping is the one that is followed over training.
    pub groups: Vec<GroupBy>,
    /// Whether validation items are kept out of the lists when test items are to be found. Much published work does not.
    pub mask_validation: bool,
    /// Whether items that a user has only seen (low ratings and other rows that a filter dropped) are kept out of the lists.
    pub mask_seen: bool,
    /// In which order items with equal scores stand.
    pub ties: Ties,
    /// What users without a training item are judged by.
    pub without_history: WithoutHistory,
    /// Bootstrap resamples behind the intervals.
    pub resamples: usize,
}

impl Default for EvalConfig {
    fn default() -> Self {
        let names = [
            "ndcg@20",
            "ndcg@1",
            "ndcg@5",
            "ndcg@10",
            "recall@20",
            "precision@20",
            "hit@20",
            "mrr@20",
            "map@20",
            "coverage@20",
            "popularity@20",
            "gini@20",
        ];
        Self {
            metrics: names.iter().filter_map(|name| name.parse().ok()).collect(),
            groups: vec![
                GroupBy::Mainstream { parts: 5 },
                GroupBy::Activity { parts: 5 },
                GroupBy::MainstreamWithinActivity { parts: 5 },
            ],
            mask_validation: true,
            mask_seen: true,
            ties: Ties::Popularity,
            without_history: WithoutHistory::Popular,
            resamples: adepts_eval::bootstrap::RESAMPLES,
        }
    }
}

/// In which order items with equal scores stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ties {
    /// Those that more users have come first, and then by who has them: [`adepts_data::HistoryDataset::tie_order`]. The lists do not
    /// depend on how items are numbered.
    Popularity,
    /// By number, as published work often has it.
    Number,
}

impl Ties {
    /// The name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Popularity => "popularity",
            Self::Number => "number",
        }
    }
}

/// What users without a training item are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WithoutHistory {
    /// The items that most users have, which is what they are answered.
    Popular,
    /// What the model gives to an empty history, which no answer ever is.
    Model,
}

impl EvalConfig {
    /// The rules of before runs of format 3: nothing is known of seen items, equal scores stand by number, and the model ranks
    /// for users without a history.
    pub(crate) fn of_before(&mut self) {
        (self.mask_seen, self.ties, self.without_history) = (false, Ties::Number, WithoutHistory::Model);
    }
}

/// The file as it is typed.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    #[serde(default = "unnamed")]
    name: String,
    #[serde(default = "seed")]
    seed: u64,
    #[serde(default)]
    data: DataConfig,
    #[serde(default)]
    split: SplitConfig,
    model: toml::Table,
    #[serde(default)]
    train: TrainConfig,
    #[serde(default)]
    eval: EvalConfig,
}

impl HistoryExperiment {
    /// Reads a configuration. `file` is for messages; `sets` are overrides such as `train.batch=256`; `variable` gives the
    /// value of `${NAME}` in `data.source`.
    pub fn read(
        file: &str,
        text: &str,
        sets: &[String],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let table = table_of(file, text, sets)?;
        Self::from_table(table, variable).map_err(|source| Error::Config { file: file.to_owned(), source })
    }

    /// Reads a configuration that is a table already.
    pub fn from_table(mut table: toml::Table, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        default_kind(table.get_mut("split"), "random");
        default_kind(table.get_mut("train").and_then(|train| train.get_mut("optimizer")), "adam");
        let typed: Typed = config::read(table)?;
        let Typed { name, seed, mut data, split, model, train, eval } = typed;
        data.source = expand(&data.source, variable)?;
        let mut experiment = Self { name, seed, data, split, model, train, eval };
        experiment.train.check().map_err(|e| e.within("train"))?;
        if experiment.train.tables.is_some() {
            let problem = "expected nothing: history models have no embedding tables";
            return Err(ConfigError::invalid("train.tables", problem));
        }
        if !experiment.eval.metrics.iter().any(|m| m.per_user().is_some()) {
            return Err(ConfigError::invalid("eval.metrics", "expected at least one per-user metric, such as ndcg@20"));
        }
        let metrics = &experiment.eval.metrics;
        if let Some(twice) = metrics.iter().enumerate().find_map(|(i, at)| metrics[..i].contains(at).then_some(at)) {
            return Err(ConfigError::invalid("eval.metrics", format!("{twice} is listed twice")));
        }
        for name in experiment.train.stop.metric.names() {
            let metric: MetricAt =
                name.parse().map_err(|e| ConfigError::invalid("train.stop.metric", format!("{e}")))?;
            if metric.about().is_none_or(|about| about.stop.is_empty()) {
                return Err(ConfigError::invalid(
                    "train.stop.metric",
                    format!("{name} is not a metric of single users"),
                ));
            }
        }
        let (spec, recipe) = experiment.recipe()?;
        experiment.model = recipe.resolved();
        experiment.model.insert("kind".into(), spec.name.into());
        Ok(experiment)
    }

    /// The model as configured.
    pub fn recipe(&self) -> Result<(&'static HistorySpec, Box<dyn HistoryRecipe>), ConfigError> {
        let mut table = self.model.clone();
        let kind = table.remove("kind");
        let kind = kind.as_ref().and_then(toml::Value::as_str).ok_or_else(|| {
            let names: Vec<_> = registry::names().collect();
            ConfigError::invalid("model.kind", format!("expected the name of a model: {}", names.join(", ")))
        })?;
        let spec = registry::find(kind).ok_or_else(|| ConfigError::Invalid {
            path: "model.kind".into(),
            problem: format!("there is no model `{kind}`"),
            hint: registry::nearest(kind).map(str::to_owned),
        })?;
        let recipe = (spec.recipe)(table).map_err(|e| e.within("model"))?;
        Ok((spec, recipe))
    }

    /// The name of the model.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.model.get("kind").and_then(toml::Value::as_str).unwrap_or_default()
    }

    /// The configuration with every default written out.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it never does")]
    pub fn to_toml(&self) -> String {
        let Self { name, seed, data, split, model, train, eval } = self.clone();
        let whole = split == (SplitConfig::All {});
        let typed = Typed { name, seed, data, split, model, train, eval };
        let text = toml::to_string(&typed).expect("a configuration is a table");
        if whole { without_stop(&text) } else { text }
    }
}
