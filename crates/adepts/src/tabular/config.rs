//! An experiment with a ranker as one TOML file.

use std::path::Path;

use adepts_core::{ConfigError, TabularRecipe, TabularSpec, TowersConfig, config};
use adepts_data::tabular::{TabularConfig, TabularDataset, TabularSplit};
use adepts_eval::about::stop_figures;
use adepts_eval::{MetricAt, main_row_metric};
use adepts_models::registry;
use adepts_train::{Fingerprint, TrainConfig};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::overrides::{default_kind, expand, expand_of, seed, table_of, unnamed, without_stop};

/// An experiment with a tabular model.
#[derive(Clone, Debug, PartialEq)]
pub struct TabularExperiment {
    /// Its name, also that of the run.
    pub name: String,
    /// Seed of the training, and of the split unless that has its own.
    pub seed: u64,
    /// The rows.
    pub data: TabularConfig,
    /// How they are cut.
    pub split: TabularSplit,
    /// The `[model]` table; `kind` names the model.
    pub model: toml::Table,
    /// How the model is trained.
    pub train: TrainConfig,
    /// For retrieval, which is what `data.item` asks for: the vectors of users and items.
    pub retrieval: Option<TowersConfig>,
    /// How it is judged.
    pub eval: TabularEval,
}

/// The `[eval]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TabularEval {
    /// Bootstrap resamples behind the intervals.
    pub resamples: usize,
    /// For retrieval: what is measured of a query's list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Vec<MetricAt>>,
    /// For retrieval: what is kept out of a user's lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
    /// For retrieval: whether items that a user has only seen, such as those with low ratings, are kept out as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_seen: Option<bool>,
}

impl Default for TabularEval {
    fn default() -> Self {
        Self { resamples: adepts_eval::bootstrap::RESAMPLES, metrics: None, mask: None, mask_seen: None }
    }
}

/// Which items that a user is known to have are kept out of his lists. Without a column of users nobody is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mask {
    /// Those of the training part, and when test items are to be found, those of the validation part.
    #[default]
    Known,
    /// Those of the training part.
    Training,
    /// None.
    None,
}

impl Mask {
    /// The name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Training => "training",
            Self::None => "none",
        }
    }
}

/// How retrieval is judged: what [`TabularEval`] has for it, filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrievalEval {
    /// What is measured of a query's list; the first metric decides which domain is served worst.
    pub metrics: Vec<MetricAt>,
    /// What is kept out of a user's lists.
    pub mask: Mask,
    /// Whether what a user has only seen in the rows of these parts is kept out as well.
    pub mask_seen: bool,
}

/// The `[train]` table of all tabular models with its defaults, commented.
pub const TRAINING: &str = include_str!("train.toml");

/// By default training stops by the mean of the domains: the AUC of all rows also rewards knowing which domains have more positive
/// rows, which puts no two rows of one domain in a better order. With one domain both are the same.
const STOP: &str = "auc_macro";

/// Settings that runs of older builds do not have, because there was one way only: the model, the key, and that way. All settings
/// are written out in a run, so that one which is missing was not there yet.
const ONCE: [(&str, &str, &str); 1] = [("cesaa", "tower_domain", "none")];

/// The file as it is typed.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    #[serde(default = "unnamed")]
    name: String,
    #[serde(default = "seed")]
    seed: u64,
    data: TabularConfig,
    #[serde(default)]
    split: TabularSplit,
    model: toml::Table,
    #[serde(default)]
    train: TrainConfig,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retrieval: Option<TowersConfig>,
    #[serde(default)]
    eval: TabularEval,
}

impl TabularExperiment {
    /// Reads a configuration; arguments as in [`crate::HistoryExperiment::read`]. What the columns of a prepared folder mean is
    /// taken from there.
    pub fn read(
        file: &str,
        text: &str,
        sets: &[String],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let mut table = table_of(file, text, sets)?;
        let wrong = |source| Error::Config { file: file.to_owned(), source };
        from_prepared(&mut table, variable).map_err(&wrong)?;
        Self::from_table(table, variable).map_err(wrong)
    }

    /// Reads the configuration of a run, in which everything is written out but what was no setting yet when it was begun.
    pub fn resolved(file: &str, text: &str) -> Result<Self, Error> {
        let mut table = table_of(file, text, &[])?;
        if let Some(model) = table.get_mut("model").and_then(toml::Value::as_table_mut) {
            let kind = kind_of(model).to_owned();
            for (_, key, value) in ONCE.iter().filter(|(of, ..)| kind == *of) {
                model.entry(*key).or_insert((*value).into());
            }
        }
        Self::from_table(table, &|_| None).map_err(|source| Error::Config { file: file.to_owned(), source })
    }

    /// Reads a configuration that is a table already.
    pub fn from_table(mut table: toml::Table, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        default_kind(table.get_mut("split"), "random");
        defaults_of_training(&mut table);
        let typed: Typed = config::read(table)?;
        let Typed { name, seed, mut data, split, model, train, retrieval, eval } = typed;
        data.source = expand(&data.source, variable)?;
        if let Some(catalogue) = data.item.as_mut().and_then(|item| item.catalogue.as_mut()) {
            *catalogue = expand_of("data.item.catalogue", catalogue, variable)?;
        }
        let mut experiment = Self { name, seed, data, split, model, train, retrieval, eval };
        experiment.train.check().map_err(|e| e.within("train"))?;
        experiment.resolve_retrieval()?;
        for name in experiment.train.stop.metric.names() {
            if experiment.retrieval.is_some() {
                list_metric(name).map_err(|problem| ConfigError::invalid("train.stop.metric", problem))?;
            } else if !stop_figures().contains(name) {
                let known = stop_figures();
                let hint = config::nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
                let problem = format!("unknown metric `{name}`, expected one of {}", known.join(", "));
                return Err(ConfigError::Invalid { path: "train.stop.metric".into(), problem, hint });
            }
        }
        let label = &experiment.data.label.column;
        let told = |key: &str| Err(ConfigError::invalid(key, "the column of the label is among what is learned from"));
        if experiment.data.fields.iter().any(|field| field.column == *label) {
            return told("data.fields");
        }
        if experiment.data.dense.iter().any(|dense| dense.column == *label) {
            return told("data.dense");
        }
        let (spec, recipe) = experiment.recipe()?;
        experiment.model = recipe.resolved();
        experiment.model.insert("kind".into(), spec.name.into());
        Ok(experiment)
    }

    /// Fills in what retrieval needs, and refuses what only it has where it is not asked for.
    fn resolve_retrieval(&mut self) -> Result<(), ConfigError> {
        let Self { data, retrieval, eval, .. } = self;
        if data.item.is_none() {
            let only = "this is for retrieval, which `data.item` asks for: the column of the item's id";
            let set = [("retrieval", retrieval.is_some()), ("eval.metrics", eval.metrics.is_some())];
            let masks = [("eval.mask", eval.mask.is_some()), ("eval.mask_seen", eval.mask_seen.is_some())];
            let set = set.into_iter().chain(masks).find(|(_, set)| *set);
            return set.map_or(Ok(()), |(key, _)| Err(ConfigError::invalid(key, only)));
        }
        retrieval.get_or_insert_default();
        eval.mask.get_or_insert_default();
        eval.mask_seen.get_or_insert(true);
        let usual = ["recall@10", "recall@100", "ndcg@10", "ndcg@100", "mrr@100"];
        let usual = || usual.iter().filter_map(|name| name.parse().ok()).collect();
        let metrics = eval.metrics.get_or_insert_with(usual);
        if metrics.first().is_none_or(|metric| metric.per_user().is_none()) {
            let problem = "expected a metric of single lists first, such as recall@10";
            return Err(ConfigError::invalid("eval.metrics", problem));
        }
        match metrics.iter().enumerate().find_map(|(i, at)| metrics[..i].contains(at).then_some(at)) {
            Some(twice) => Err(ConfigError::invalid("eval.metrics", format!("{twice} is listed twice"))),
            None => Ok(()),
        }
    }

    /// How retrieval is judged; `None` where it is not asked for.
    #[must_use]
    pub fn retrieval_eval(&self) -> Option<RetrievalEval> {
        let TabularEval { metrics, mask, mask_seen, .. } = &self.eval;
        self.retrieval.as_ref()?;
        let (mask, mask_seen) = (mask.unwrap_or_default(), mask_seen.unwrap_or(true));
        Some(RetrievalEval { metrics: metrics.clone().unwrap_or_default(), mask, mask_seen })
    }

    /// The metric by which runs are compared unless another is named.
    #[must_use]
    pub fn main_metric(&self) -> String {
        self.retrieval_eval()
            .and_then(|eval| eval.metrics.first().map(ToString::to_string))
            .unwrap_or_else(|| main_row_metric().about.name.into())
    }

    /// The model as configured.
    pub fn recipe(&self) -> Result<(&'static TabularSpec, Box<dyn TabularRecipe>), ConfigError> {
        let mut table = self.model.clone();
        let kind = table.remove("kind");
        let kind = kind.as_ref().and_then(toml::Value::as_str).unwrap_or_default();
        let spec = registry::find_tabular(kind)
            .ok_or_else(|| ConfigError::invalid("model.kind", format!("there is no tabular model `{kind}`")))?;
        let recipe = (spec.recipe)(table).map_err(|e| e.within("model"))?;
        match &self.retrieval {
            Some(towers) => Ok((spec, recipe.retrieval(towers)?)),
            None => Ok((spec, recipe)),
        }
    }

    /// The name of the model.
    #[must_use]
    pub fn kind(&self) -> &str {
        kind_of(&self.model)
    }

    /// The `[model]` table for a fingerprint: without a setting that is what it was before it could be set, so that a training which
    /// an older build began can be continued.
    pub(super) fn model_print(&self) -> toml::Table {
        let mut model = self.model.clone();
        model.retain(|key, value| {
            !ONCE.iter().any(|(kind, of, once)| *kind == self.kind() && *of == key && value.as_str() == Some(once))
        });
        model
    }

    /// The configuration with every default written out.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it never does")]
    pub fn to_toml(&self) -> String {
        let Self { name, seed, data, split, model, train, retrieval, eval } = self.clone();
        let whole = split == (TabularSplit::All {});
        let typed = Typed { name, seed, data, split, model, train, retrieval, eval };
        let text = toml::to_string(&typed).expect("a configuration is a table");
        if whole { without_stop(&text) } else { text }
    }
}

/// The kind that a `[model]` table names.
fn kind_of(model: &toml::Table) -> &str {
    model.get("kind").and_then(toml::Value::as_str).unwrap_or_default()
}

/// Where the source is a prepared folder: takes what its columns mean and how it was cut from there, and refuses settings that
/// differ, because they would do nothing.
fn from_prepared(table: &mut toml::Table, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
    let Some(data) = table.get_mut("data").and_then(toml::Value::as_table_mut) else { return Ok(()) };
    let Some(source) = data.get("source").and_then(toml::Value::as_str) else { return Ok(()) };
    // What is wrong with the source is told when the configuration is read.
    let Ok(source) = expand(source, variable) else { return Ok(()) };
    let folder = Path::new(&source);
    if !TabularDataset::is_prepared(folder) {
        return Ok(());
    }
    let wrong = |path: &str, problem: String| Err(ConfigError::invalid(path, problem));
    let manifest = match TabularDataset::manifest_of(folder) {
        Ok(manifest) => manifest,
        Err(error) => return wrong("data.source", error.to_string()),
    };
    let written = |value: Result<toml::Value, toml::ser::Error>| match value {
        Ok(toml::Value::Table(table)) => table,
        _ => toml::Table::new(),
    };
    for (key, value) in written(toml::Value::try_from(&manifest.data)) {
        data.entry(key).or_insert(value);
    }
    let typed: TabularConfig = config::read(data.clone()).map_err(|e| e.within("data"))?;
    let meaning = |c: &TabularConfig| {
        let TabularConfig { label, domain, domains, user, time, fields, dense, mut item, .. } = c.clone();
        // Where the catalogue was read from does not matter, as for the source.
        item.iter_mut().filter_map(|item| item.catalogue.as_mut()).for_each(String::clear);
        let print = Fingerprint::default().with("label", &label).with("domain", &domain).with("domains", &domains);
        let print = print.with("user", &user).with("time", &time).with("fields", &fields).with("dense", &dense);
        print.with("item", &item)
    };
    let prepared = |differences: &[String]| {
        let differences = differences.join("; ");
        format!("{source} was prepared with other settings ({differences}); prepare it again, or remove these settings")
    };
    let differences = meaning(&manifest.data).differences(&meaning(&typed));
    if !differences.is_empty() {
        return wrong("data", prepared(&differences));
    }
    let cut = written(toml::Value::try_from(&manifest.split));
    if let Some(typed) = table.get("split").and_then(toml::Value::as_table) {
        let mut filled = typed.clone();
        let other_kind = filled.get("kind").is_some_and(|kind| Some(kind) != cut.get("kind"));
        // Another kind may have no seed.
        for key in ["kind", "seed"].into_iter().filter(|_| !other_kind) {
            if let Some(value) = cut.get(key) {
                filled.entry(key).or_insert_with(|| value.clone());
            }
        }
        let typed: TabularSplit = config::read(filled).map_err(|e| e.within("split"))?;
        if typed != manifest.split {
            let print = |split: &TabularSplit| Fingerprint::default().with("split", split);
            return wrong("split", prepared(&print(&manifest.split).differences(&print(&typed))));
        }
    }
    table.insert("split".into(), toml::Value::Table(cut));
    Ok(())
}

/// A metric of a query's list.
fn list_metric(name: &str) -> Result<(), String> {
    let metric: MetricAt =
        name.parse().map_err(|e| format!("{e} (data.item asks for retrieval, which is measured by lists)"))?;
    let stops = metric.about().filter(|about| !about.stop.is_empty());
    stops.map(drop).ok_or_else(|| format!("{name} is not a metric of single lists"))
}

/// Training of this family has defaults of its own: large batches, few epochs, the mean AUC of the domains to stop by.
fn defaults_of_training(table: &mut toml::Table) {
    fn within<'t>(table: &'t mut toml::Table, key: &str) -> Option<&'t mut toml::Table> {
        table.entry(key).or_insert_with(|| toml::Value::Table(toml::Table::new())).as_table_mut()
    }
    let retrieval = table.get("data").is_some_and(|data| data.get("item").is_some());
    let Some(train) = within(table, "train") else { return };
    // The negatives of a row are the batch, which costs its square.
    train.entry("batch").or_insert_with(|| if retrieval { 1024 } else { 4096 }.into());
    train.entry("epochs").or_insert_with(|| 50.into());
    if let Some(stop) = within(train, "stop") {
        let lists = || toml::Value::from(vec!["recall@10", "recall@100"]);
        stop.entry("metric").or_insert_with(|| if retrieval { lists() } else { STOP.into() });
        stop.entry("patience").or_insert_with(|| 4.into());
    }
    if let Some(tables) = within(train, "tables") {
        tables.entry("kind").or_insert_with(|| "auto".into());
    }
    if let Some(optimizer) = within(train, "optimizer") {
        optimizer.entry("kind").or_insert_with(|| "adam".into());
        optimizer.entry("l2").or_insert_with(|| 1e-5.into());
    }
}
