//! An experiment as one TOML file: everything that changes the result, nothing that does not.

use std::path::Path;

use adepts_core::{ConfigError, Recipe, Spec, config};
use adepts_data::{DataConfig, GroupBy, SplitConfig};
use adepts_eval::MetricAt;
use adepts_models::registry;
use adepts_train::TrainConfig;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::hints::hinted;
use crate::ranker::RankerExperiment;
use crate::ranker::config::is_ranker;

/// An experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
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
    /// Those that more users have come first, and then by who has them: [`adepts_data::Dataset::tie_order`]. The lists do not
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

/// The name of an experiment that has none of its own.
pub const UNNAMED: &str = "experiment";

pub(crate) fn unnamed() -> String {
    UNNAMED.into()
}
pub(crate) fn seed() -> u64 {
    2024
}

impl Experiment {
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
            let problem = "expected nothing: models of histories have no embedding tables";
            return Err(ConfigError::invalid("train.tables", problem));
        }
        if !experiment.eval.metrics.iter().any(|m| m.per_user().is_some()) {
            return Err(ConfigError::invalid("eval.metrics", "expected at least one per-user metric, such as ndcg@20"));
        }
        let metrics = &experiment.eval.metrics;
        if let Some(twice) = metrics.iter().enumerate().find_map(|(i, at)| metrics[..i].contains(at).then_some(at)) {
            return Err(ConfigError::invalid("eval.metrics", format!("{twice} stands twice")));
        }
        for name in experiment.train.stop.metric.names() {
            let metric: MetricAt =
                name.parse().map_err(|e| ConfigError::invalid("train.stop.metric", format!("{e}")))?;
            if metric.per_user().is_none() {
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
    pub fn recipe(&self) -> Result<(&'static Spec, Box<dyn Recipe>), ConfigError> {
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

/// A configuration without `[train.stop]`: where nothing is held out, nothing stops a training before its last epoch.
pub(crate) fn without_stop(text: &str) -> String {
    let mut table: toml::Table = text.parse().expect("a configuration is a table");
    if let Some(train) = table.get_mut("train").and_then(toml::Value::as_table_mut) {
        train.remove("stop");
    }
    toml::to_string(&table).expect("a configuration is a table")
}

/// The table of a configuration with its overrides.
pub(crate) fn table_of(file: &str, text: &str, sets: &[String]) -> Result<toml::Table, Error> {
    let syntax = |e: toml::de::Error| {
        let source = ConfigError::Syntax(e.to_string().trim_end().to_owned());
        Error::Config { file: file.to_owned(), source }
    };
    let mut table: toml::Table = text.parse().map_err(syntax)?;
    for set in sets {
        override_key(&mut table, set).map_err(|source| Error::Config { file: format!("--set {set}"), source })?;
    }
    Ok(table)
}

/// So that one key of a table can be set alone.
pub(crate) fn default_kind(table: Option<&mut toml::Value>, kind: &str) {
    if let Some(table) = table.and_then(toml::Value::as_table_mut) {
        table.entry("kind").or_insert_with(|| kind.into());
    }
}

/// Replaces `${NAME}`.
pub(crate) fn expand(source: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, ConfigError> {
    expand_of("data.source", source, variable)
}

/// As [`expand`], of the value of another key.
pub(crate) fn expand_of(
    key: &str,
    value: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, ConfigError> {
    let Some((before, rest)) = value.split_once("${") else { return Ok(value.to_owned()) };
    let Some((name, after)) = rest.split_once('}') else {
        return Err(ConfigError::invalid(key, format!("`${{` without `}}` in {value}")));
    };
    let found = variable(name).ok_or_else(|| {
        ConfigError::invalid(
            key,
            format!("the environment variable {name} is not set; expected the folder of the data"),
        )
    })?;
    Ok(format!("{before}{found}{}", expand_of(key, after, variable)?))
}

/// Sets `a.b.c=value`; the value is TOML, or text if it is none.
pub fn override_key(table: &mut toml::Table, set: &str) -> Result<(), ConfigError> {
    let (path, value) =
        set.split_once('=').ok_or_else(|| ConfigError::Syntax("expected key=value, such as train.batch=256".into()))?;
    let value = value.trim();
    let value = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let keys: Vec<&str> = path.trim().split('.').collect();
    let (last, outer) = keys.split_last().unwrap_or((&"", &[]));
    let mut table = table;
    for key in outer {
        let entry = table.entry(*key).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        table = entry
            .as_table_mut()
            .ok_or_else(|| ConfigError::invalid(path, format!("`{key}` is a value, not a table")))?;
    }
    table.insert((*last).to_owned(), value);
    Ok(())
}

/// An experiment of either family of models.
#[derive(Clone, Debug, PartialEq)]
pub enum Planned {
    /// With a model of users' histories.
    Histories(Box<Experiment>),
    /// With a model of examples.
    Examples(Box<RankerExperiment>),
}

impl Planned {
    /// Reads a configuration as [`Experiment::read`] does; its model says of which family it is.
    pub fn read(
        file: &str,
        text: &str,
        sets: &[String],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let table = table_of(file, text, sets)?;
        Self::of_table(&table, file, text, sets, variable).map_err(|error| hinted(error, &table, sets))
    }

    fn of_table(
        table: &toml::Table,
        file: &str,
        text: &str,
        sets: &[String],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let kind = table.get("model").and_then(|model| model.get("kind")).and_then(toml::Value::as_str);
        // Which keys are right depends on the model, so its name is looked at first.
        if let Some(kind) = kind.filter(|kind| !registry::names().any(|name| name == *kind)) {
            let source = ConfigError::Invalid {
                path: "model.kind".into(),
                problem: format!("there is no model `{kind}`"),
                hint: registry::nearest(kind).map(str::to_owned),
            };
            return Err(Error::Config { file: file.to_owned(), source });
        }
        if is_ranker(table) {
            return Ok(Self::Examples(Box::new(RankerExperiment::read(file, text, sets, variable)?)));
        }
        Ok(Self::Histories(Box::new(Experiment::read(file, text, sets, variable)?)))
    }

    /// Reads an experiment file. `${ADEPTS_DATA}` is the folder `data` beside the file where the variable is not set.
    pub fn open(path: &Path, sets: &[String], variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::Request(format!("cannot read {}: {e}", path.display())))?;
        let beside = path.parent().unwrap_or(Path::new(".")).join("data");
        let beside = |name: &str| (name == "ADEPTS_DATA").then(|| beside.to_string_lossy().into_owned());
        let variable = |name: &str| variable(name).or_else(|| beside(name));
        Self::read(&path.display().to_string(), &text, sets, &variable)
    }
}
