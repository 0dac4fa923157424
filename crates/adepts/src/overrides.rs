//! Configurations as tables of TOML: overrides, defaults of kinds, and variables in paths.

use adepts_core::ConfigError;

use crate::error::Error;

/// The name of an experiment that has none of its own.
pub const UNNAMED: &str = "experiment";

pub(crate) fn unnamed() -> String {
    UNNAMED.into()
}
pub(crate) fn seed() -> u64 {
    2024
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
