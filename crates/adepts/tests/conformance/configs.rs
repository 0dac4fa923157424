//! Configurations: examples, defaults, round trips, and what is refused.

use adepts::contract::HistorySpec;
use adepts::models::HISTORY_MODELS;
use adepts::{Error, HistoryExperiment};

use crate::support::small;

fn table(spec: &HistorySpec, text: &str) -> toml::Table {
    let mut table: toml::Table = text.parse().unwrap_or_else(|e| panic!("{}: {e}", spec.name));
    table.remove("kind");
    table
}

fn read(text: &str, sets: &[String]) -> Result<HistoryExperiment, Error> {
    HistoryExperiment::read("experiment.toml", text, sets, &|_| None)
}

#[test]
fn the_commented_example_is_the_default() {
    for spec in HISTORY_MODELS {
        let kind = spec.example.parse::<toml::Table>().unwrap().remove("kind");
        assert_eq!(kind.as_ref().and_then(toml::Value::as_str), Some(spec.name));
        let example = (spec.recipe)(table(spec, spec.example)).unwrap().resolved();
        let default = (spec.recipe)(toml::Table::new()).unwrap().resolved();
        assert_eq!(example, default, "{}", spec.name);
        assert!(spec.example.contains('#'), "{}: a comment says what the settings do", spec.name);
    }
}

#[test]
fn a_resolved_configuration_reads_as_itself() {
    for spec in HISTORY_MODELS {
        let mut table = small(spec);
        let kind = table.remove("kind");
        let once = (spec.recipe)(table).unwrap().resolved();
        let twice = (spec.recipe)(once.clone()).unwrap().resolved();
        assert_eq!(once, twice, "{}", spec.name);
        let mut model = once;
        model.insert("kind".into(), kind.unwrap());
        let text = format!("seed = 7\n{}", toml::Table::from_iter([("model".to_owned(), model.into())]));
        let experiment = read(&text, &["train.batch=99".into()]).unwrap();
        assert_eq!(read(&experiment.to_toml(), &[]).unwrap(), experiment, "{}", spec.name);
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_name() {
    for spec in HISTORY_MODELS {
        let keys = (spec.recipe)(toml::Table::new()).unwrap().resolved();
        let text = format!("[model]\nkind = \"{}\"\n", spec.name);
        let error = read(&text, &["model.nonsense=1".into()]).unwrap_err().to_string();
        assert!(error.contains("experiment.toml: model: ") && error.contains("`nonsense`"), "{error}");
        for key in keys.keys().filter(|key| key.len() > 3) {
            let misspelt = format!("{}x", &key[..key.len() - 1]);
            let error = read(&text, &[format!("model.{misspelt}=1")]).unwrap_err().to_string();
            assert!(error.contains(&format!("`{misspelt}`")), "{error}");
            assert!(error.contains(&format!("(did you mean `{key}`?)")), "{error}");
        }
        for (key, value) in keys.iter().filter_map(|(key, value)| Some((key, value.as_table()?))) {
            let error = read(&text, &[format!("model.{key}.nonsense=1")]).unwrap_err().to_string();
            assert!(
                error.contains(&format!("experiment.toml: model.{key}: unknown field `nonsense`")),
                "{value}: {error}"
            );
        }
        let error = read(&text, &["modl.kind=1".into()]).unwrap_err().to_string();
        assert!(error.contains("(did you mean `model`?)"), "{error}");
    }
}

#[test]
fn an_unknown_kind_names_the_nearest_model() {
    for spec in HISTORY_MODELS {
        let misspelt = format!("{}s", spec.name);
        let error = read(&format!("[model]\nkind = \"{misspelt}\"\n"), &[]).unwrap_err().to_string();
        assert!(error.contains("model.kind: ") && error.contains(&format!("`{misspelt}`")), "{error}");
        assert!(error.contains("did you mean"), "{error}");
    }
    let error = read("[model]\nkind = \"tal\"\n", &[]).unwrap_err().to_string();
    assert!(error.ends_with("model.kind: there is no model `tal` (did you mean `tall`?)"), "{error}");
    let error = read("[model]\n", &[]).unwrap_err().to_string();
    assert!(HISTORY_MODELS.iter().all(|spec| error.contains(spec.name)), "{error}");
}

#[test]
fn what_was_expected_of_a_value_is_said_in_plain_words() {
    for (set, expected) in [
        ("train.batch=0.5", "train.batch: found `0.5`, expected a whole number, 0 or more"),
        ("train.batch=-1", "train.batch: found `-1`, expected a whole number, 0 or more"),
        ("train.batch=many", "train.batch: found the text \"many\", expected a whole number, 0 or more"),
        ("eval.mask_validation=1", "eval.mask_validation: found `1`, expected `true` or `false`"),
        ("data.user=1.5", "data.user: expected the name of a column, or its position from 1"),
        ("data.filter.min_rating=x", "data.filter.min_rating: found the text \"x\", expected a number"),
        ("data.filter.events=buy", "data.filter.events: found the text \"buy\", expected a list, such as [\"buy\"]"),
    ] {
        let error = read("[model]\nkind = \"ease\"\n", &[set.to_owned()]).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{set}: {error}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_path() {
    for spec in HISTORY_MODELS {
        for key in (spec.recipe)(toml::Table::new()).unwrap().resolved().keys() {
            let text = format!("[model]\nkind = \"{}\"\n", spec.name);
            let error = read(&text, &[format!("model.{key}=[{{}}]")]).unwrap_err().to_string();
            assert!(error.contains(&format!("model.{key}")), "{error}");
        }
    }
}
