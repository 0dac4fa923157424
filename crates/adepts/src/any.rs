//! One door for both families: takes an experiment, or the page of some runs, to the family that it is of.

use std::path::{Path, PathBuf};

use adepts_core::ConfigError;
use adepts_models::registry;

use crate::error::Error;
use crate::family::{is_tabular, is_tabular_run};
use crate::finalize;
use crate::hints::hinted;
use crate::history::{self, HistoryExperiment};
use crate::overrides::table_of;
use crate::record::open_all;
use crate::tabular::{self, TabularExperiment};

/// An experiment of either family of models.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyExperiment {
    /// With a history model.
    History(Box<HistoryExperiment>),
    /// With a tabular model.
    Tabular(Box<TabularExperiment>),
}

impl AnyExperiment {
    /// Reads a configuration as [`HistoryExperiment::read`] does; its model says of which family it is.
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
        if is_tabular_run(table) {
            return Ok(Self::Tabular(Box::new(TabularExperiment::read(file, text, sets, variable)?)));
        }
        Ok(Self::History(Box::new(HistoryExperiment::read(file, text, sets, variable)?)))
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

/// Writes the page of these runs, which must be of one family and on the same data, or that of one final model.
pub fn write_page(path: &Path, title: &str, folders: &[PathBuf]) -> Result<(), Error> {
    if let [folder] = folders
        && finalize::is_final(folder)
    {
        return finalize::write_page(path, title, folder);
    }
    if folders.first().is_some_and(|folder| is_tabular(folder)) {
        return tabular::report::write(path, title, &open_all(folders)?, None, None);
    }
    history::report::write(path, title, &open_all(folders)?, None, None)
}
