//! What may have been meant by a setting that is wrong: where a key is that stands elsewhere, how a list is written, how several
//! values are tried.

use adepts_core::{ConfigError, config};
use adepts_data::DataConfig;
use adepts_models::registry;

use crate::error::Error;
use crate::history::HistoryExperiment;
use crate::tabular::TabularExperiment;

/// The error about an experiment, with what may have been meant. `sets` are the overrides that were given.
pub(crate) fn hinted(error: Error, table: &toml::Table, sets: &[String]) -> Error {
    let Error::Config { file, source: ConfigError::Invalid { path, problem, hint } } = error else { return error };
    let set = sets.iter().find(|set| set.split('=').next().is_some_and(|key| key.trim() == path));
    let value = set.and_then(|set| Some(set.split_once('=')?.1.trim()));
    // The very name of another setting is nearer than a similar one of this table.
    let hint = unknown(&problem).and_then(|name| elsewhere(name, table)).or(hint);
    let problem = match value {
        Some(value) if problem.ends_with("expected a number") || problem.contains("expected a whole number") => {
            problem + &several(&path, value).unwrap_or_default()
        }
        // Brackets are patterns of file names in some shells.
        Some(value) if problem.contains("expected a list") => {
            let list = if value.starts_with('[') { value.to_owned() } else { format!("[{value}]") };
            format!("{problem}; with --set and quotes: --set '{path}={list}'")
        }
        _ => problem,
    };
    Error::Config { file, source: ConfigError::Invalid { path, problem, hint } }
}

/// The name in the message about an unknown key.
fn unknown(problem: &str) -> Option<&str> {
    problem.strip_prefix("unknown field `")?.split('`').next()
}

/// The full name of a setting that is called so, of the model that the experiment has: one of the model's own before others.
fn elsewhere(name: &str, table: &toml::Table) -> Option<String> {
    let kind = table.get("model")?.get("kind")?.as_str()?;
    let plain = toml::Table::from_iter([("kind".to_owned(), kind.into())]);
    let mut whole = toml::Table::from_iter([("model".to_owned(), plain.into())]);
    let tabular = registry::find_tabular(kind).is_some();
    let written = if tabular {
        whole.insert("data".into(), toml::Table::new().into());
        TabularExperiment::from_table(whole, &|_| None).ok()?.to_toml()
    } else {
        HistoryExperiment::from_table(whole, &|_| None).ok()?.to_toml()
    };
    let mut found = Vec::new();
    collect(name, "", &written.parse().ok()?, &mut found);
    // Keys of the data have no value where they are not set.
    if !tabular && keys_of_data().iter().any(|key| key == name) {
        found.push(format!("data.{name}"));
    }
    found.into_iter().min_by_key(|path| (!path.starts_with("model."), path.matches('.').count()))
}

/// The paths below `outer` that end with this name.
fn collect(name: &str, outer: &str, table: &toml::Table, found: &mut Vec<String>) {
    for (key, value) in table {
        let path = if outer.is_empty() { key.clone() } else { format!("{outer}.{key}") };
        if key == name && !outer.is_empty() {
            found.push(path.clone());
        }
        if let Some(table) = value.as_table() {
            collect(name, &path, table, found);
        }
    }
}

/// The keys of `[data]`, which the refusal of one that is none of them lists.
fn keys_of_data() -> Vec<String> {
    let wrong = toml::Table::from_iter([(String::new(), true.into())]);
    let Err(ConfigError::Invalid { problem, .. }) = config::read::<DataConfig>(wrong) else { return Vec::new() };
    problem.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

/// What to do where several numbers were given for one.
fn several(path: &str, value: &str) -> Option<String> {
    let values: Vec<&str> = value.trim_start_matches('[').trim_end_matches(']').split(',').map(str::trim).collect();
    if values.len() < 2 || values.iter().any(|value| value.parse::<f64>().is_err()) {
        return None;
    }
    let (first, second) = (values[0], values[1]);
    Some(format!(
        "; to try several values train a run for each, --set {path}={first} --out runs/{first} and --set {path}={second} --out \
         runs/{second}, and choose by `adepts evaluate --part validation`"
    ))
}

#[cfg(test)]
mod tests {
    use crate::any::AnyExperiment;

    fn refused(model: &str, set: &str) -> String {
        let sets = [format!("model.kind={model}"), set.to_owned()];
        AnyExperiment::read("the command line", "", &sets, &|_| None).unwrap_err().to_string()
    }

    #[test]
    fn a_key_that_stands_elsewhere_is_named_in_full() {
        for (model, set, meant) in [
            ("ease", "l2=3", "model.l2"),
            ("multvae", "hidden=[3]", "model.hidden"),
            ("multvae", "epochs=3", "train.epochs"),
            ("multvae", "learning_rate=0.1", "train.optimizer.learning_rate"),
            ("multvae", "patience=3", "train.stop.patience"),
            ("ease", "rating=stars", "data.rating"),
            ("ease", "resamples=3", "eval.resamples"),
            ("multvae", "model.learning_rate=3", "train.optimizer.learning_rate"),
            ("cesaa", "epochs=3", "train.epochs"),
            ("ease", "sed=3", "seed"),
        ] {
            let told = refused(model, set);
            assert!(told.contains(&format!("did you mean `{meant}`?")), "{set}: {told}");
        }
        assert!(!refused("ease", "nothing_of_the_kind=3").contains("did you mean"));
    }

    #[test]
    fn a_list_is_shown_and_several_values_are_several_runs() {
        let told = refused("multvae", "model.hidden=200");
        assert!(
            told.contains("expected a list, such as [200]") && told.contains("--set 'model.hidden=[200]'"),
            "{told}"
        );
        for set in ["model.l2=50,100,200", "model.l2=[50, 100]"] {
            let told = refused("ease", set);
            assert!(told.contains("train a run for each, --set model.l2=50 --out runs/50"), "{told}");
        }
        assert!(refused("multvae", "train.epochs=5,10").contains("--set train.epochs=5 --out runs/5"));
    }
}
