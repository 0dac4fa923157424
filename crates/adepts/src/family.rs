//! The two families of models, as far as the folder of a run shows them.

use std::path::Path;

use adepts_models::registry;
use adepts_train::TrainConfig;
use serde::{Deserialize, Serialize};

use crate::error::{Error, RunError};
use crate::files::{CONFIG, LARGEST, read};

/// The name of the model in the configuration of a run, finished or not.
#[must_use]
pub fn model_of(folder: &Path) -> Option<String> {
    let text = read(&folder.join(CONFIG), LARGEST).ok()?;
    let table: toml::Table = String::from_utf8_lossy(&text).parse().ok()?;
    kind_of(&table).map(str::to_owned)
}

/// Whether a folder holds a run of a tabular model, finished or not: its configuration says so.
#[must_use]
pub fn is_tabular(folder: &Path) -> bool {
    model_of(folder).is_some_and(|kind| registry::find_tabular(&kind).is_some())
}

/// Whether a configuration is of a tabular model.
#[must_use]
pub fn is_tabular_run(table: &toml::Table) -> bool {
    kind_of(table).is_some_and(|kind| registry::find_tabular(kind).is_some())
}

fn kind_of(table: &toml::Table) -> Option<&str> {
    table.get("model").and_then(|model| model.get("kind")).and_then(toml::Value::as_str)
}

/// The settings of a run, of whichever family, and how they stand in its folder.
pub trait Settings: Sized {
    /// What a finished run says of itself.
    type Manifest;

    /// Every setting written out.
    fn to_toml(&self) -> String;

    /// Those of the run in a folder.
    fn of_run(folder: &Path) -> Result<Self, Error>;

    /// What the finished run in a folder says of itself.
    fn manifest(folder: &Path) -> Result<Self::Manifest, Error>;

    /// Hash of the data that the run was trained on.
    fn data_of(manifest: &Self::Manifest) -> &str;

    /// The evaluated run that it is the final form of, if it is one.
    fn final_of(manifest: &Self::Manifest) -> Option<&FinalOf>;

    /// The name of the run.
    fn name(&self) -> &str;

    /// The kind of its model.
    fn kind(&self) -> &str;

    /// How its model is trained.
    fn train(&self) -> &TrainConfig;

    /// The seed of the training, and that of the split where it has its own.
    fn seeds(&self) -> (u64, Option<u64>);
}

/// Of which evaluated run a model is the final form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinalOf {
    /// The name of the evaluated run.
    pub run: String,
    /// Its folder, as it was named.
    pub folder: String,
    /// Hash of its manifest but for its page, as its server gives it.
    pub manifest: String,
    /// The kind of split by which its data was cut.
    pub split: String,
    /// Its interactions or rows: of training, validation and test.
    pub parts: [u64; 3],
    /// The epochs that it was trained for, of which the best one gave their number here; absent for closed forms.
    pub epochs: Option<usize>,
    /// Where its gate or weights looked at held-out items, and those of the final model look at histories: what they looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
}

/// Refuses a final model where an evaluated run is needed.
pub fn refuse(folder: &Path, final_of: Option<&FinalOf>) -> Result<(), Error> {
    match final_of {
        None => Ok(()),
        Some(FinalOf { run, folder: of, .. }) => {
            Err(RunError::Final { path: folder.to_owned(), run: run.clone(), folder: of.clone() }.into())
        }
    }
}
