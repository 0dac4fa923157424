//! What is refused before it is begun, and what is stopped while it goes on.

use adepts::contract::{Fit, HistorySizes, LazyTables, Memory, TabularSizes};
use adepts::data::Part;
use adepts::data::tabular::TabularDataset;
use adepts::models::{HISTORY_MODELS, TABULAR_MODELS};
use adepts::tabular::config::Mask;
use adepts::tabular::queries::Queries;
use adepts::train::TrainError;
use adepts::{Error, TabularExperiment};
use burn::tensor::Device;

use crate::support::{COMMUNITY, How, experiment, learners, recipe, run};
use crate::{retrieval, tabular_models};

#[test]
fn the_memory_foretold_holds_the_parameters_and_what_training_adds() {
    for spec in HISTORY_MODELS {
        let (recipe, name) = (recipe(spec), spec.name);
        for (users, items, pairs, batch) in [(300, 120, 5000, 64), (50, 2000, 900, 50), (5000, 37, 60_000, 1)] {
            let sizes = HistorySizes { users, items, pairs, batch };
            let mut model = recipe.build(&sizes, 1, &Device::flex().autodiff());
            let tensors = model.save();
            let of = |name: &str| tensors.array(name).unwrap().values.len();
            let parameters = 4 * tensors.names().map(of).sum::<usize>() as u64;
            // A learner holds parameters, gradients and two moments.
            let copies = if matches!(model.fit(), Fit::Steps(_)) { 4 } else { 1 };
            let foretold = recipe.memory(&sizes);
            assert!(foretold.total() >= copies * parameters, "{name}: {foretold} for {parameters} bytes");
            assert!(foretold.parts.iter().all(|(part, _)| !part.is_empty()));
        }
    }
}

#[test]
fn a_catalogue_that_a_model_cannot_save_is_refused_before_it_is_built() {
    let sizes = |items| HistorySizes { users: 2, items, pairs: 4, batch: 2 };
    for spec in HISTORY_MODELS {
        let recipe = recipe(spec);
        recipe.check_sizes(&sizes((1 << 24) - 1)).unwrap();
        let refused = recipe.check_sizes(&sizes(1 << 24)).err().map(|error| error.to_string());
        let expected = "model.kind: the catalogue has 16777216 items, `itemknn` takes fewer than 16777216";
        assert_eq!(refused.as_deref(), (spec.name == "itemknn").then_some(expected), "{}", spec.name);
    }
}

#[test]
fn too_much_memory_is_refused_with_the_numbers_before_anything_is_written() {
    let home = tempfile::tempdir().unwrap();
    for spec in HISTORY_MODELS {
        let (experiment, folder) = (experiment(spec, &[]), home.path().join(spec.name));
        let sizes = adepts::history::run::sizes(&experiment, &COMMUNITY);
        let foretold = adepts::history::experiment::memory(&*recipe(spec), &sizes);
        let scores = 4 * (adepts::part::batch(sizes.items).min(sizes.users) * sizes.items) as u64;
        assert!(foretold.total() >= recipe(spec).memory(&sizes).total() + scores, "{}: {foretold}", spec.name);
        let needed = foretold.total();
        let available = Some(needed - 1);
        let error = run(&experiment, &COMMUNITY, &folder, How { available, ..How::default() }).unwrap_err();
        assert!(matches!(error, Error::Memory { .. }), "{error}");
        let numbers = adepts::contract::Bytes(needed).to_string();
        assert!(error.to_string().starts_with(&format!("this needs {numbers} of memory and")), "{error}");
        assert!(!folder.exists(), "{}", spec.name);
    }
    for spec in learners().filter(|spec| (spec.recipe)(toml::Table::new()).unwrap().resolved().contains_key("experts"))
    {
        // Nothing of this size can be allocated, so to get an answer is to see that nothing was.
        let huge = experiment(spec, &["model.experts=1000000000"]);
        let error =
            run(&huge, &COMMUNITY, &home.path().join("huge"), How { available: Some(1 << 40), ..How::default() });
        assert!(matches!(error, Err(Error::Memory { .. })), "{error:?}");
    }
}

/// Small experiments with every tabular model, and with those that can be towers also for retrieval.
fn of_tabular() -> Vec<(TabularExperiment, &'static TabularDataset)> {
    let mut all = Vec::new();
    for spec in TABULAR_MODELS {
        all.push((tabular_models::experiment(spec, &[]), &tabular_models::DATA.1));
        if spec.name != "fm" {
            all.push((retrieval::experiment(spec.name, &[]), &retrieval::DATA.1));
        }
    }
    all
}

/// What is foretold where nothing may be used.
fn refused(experiment: &TabularExperiment, data: &TabularDataset, how: How) -> Memory {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("run");
    let error = tabular_models::run_with(experiment, data, &folder, how).unwrap_err();
    assert!(!folder.exists(), "{}", experiment.kind());
    let told = error.to_string();
    let Error::Memory { needed, needed_parts, .. } = error else { panic!("{}: {told}", experiment.kind()) };
    assert_eq!(needed.0, needed_parts.total());
    assert!(told.starts_with(&format!("this needs {needed} of memory and")), "{told}");
    needed_parts
}

#[test]
fn the_memory_foretold_for_examples_holds_the_parameters_and_what_training_adds() {
    for (experiment, data) in of_tabular() {
        let recipe = experiment.recipe().unwrap().1;
        for batch in [1, 64, 2000] {
            let of_run = adepts::tabular::run::sizes(&experiment, data);
            let sizes = TabularSizes { batch, lazy: LazyTables::None, ..of_run };
            let tensors = recipe.build(&sizes, 1, &Device::flex().autodiff()).save();
            let of = |name: &str| tensors.array(name).unwrap().values.len();
            let parameters = 4 * tensors.names().map(of).sum::<usize>() as u64;
            let foretold = recipe.memory(&sizes);
            // Parameters, gradients and two moments.
            assert!(foretold.total() >= 4 * parameters, "{}: {foretold}", experiment.kind());
            assert!(foretold.parts.iter().all(|(part, _)| !part.is_empty()));
        }
    }
}

#[test]
fn examples_that_do_not_fit_are_refused_with_the_parts_before_anything_is_written() {
    for (experiment, data) in of_tabular() {
        let with = |available: u64| refused(&experiment, data, How { available: Some(available), ..How::default() });
        let foretold = with(0);
        assert_eq!(with(foretold.total() - 1), foretold);
        let of_model = experiment.recipe().unwrap().1.memory(&adepts::tabular::run::sizes(&experiment, data));
        assert_eq!(foretold.parts[..of_model.parts.len()], of_model.parts);
        let part = |name: &str| {
            let found = foretold.parts.iter().find(|(part, _)| part == name);
            found.unwrap_or_else(|| panic!("{}: no part `{name}` of {foretold}", experiment.kind())).1
        };
        let judged = data.rows(Part::Test).max(data.rows(Part::Validation)) as u64;
        assert!(part("the rows that are judged and their scores") >= 4 * 4 * judged);
        assert!(part("training rows that are read at once") > 0);
        let Some(towers) = &experiment.retrieval else { continue };
        let items = data.schema().items.as_ref().unwrap().count as u64;
        let queries = Queries::of(data, Part::Test, Mask::Known).unwrap();
        let seen = queries.seen_train.pairs() + queries.seen_validation.pairs();
        let known = (queries.train.pairs() + queries.validation.pairs() + seen) as u64;
        assert!(part("what users have already") >= 4 * known);
        assert!(part("what is to be found") >= 4 * (3 * queries.len() + queries.relevant.pairs()) as u64);
        assert!(part("vectors of those who ask") >= 4 * (queries.len() * towers.dimension) as u64);
        assert!(part("the items and their vectors") >= 4 * 2 * items * towers.dimension as u64);
        assert!(part("shares of the training rows") >= 4 * items);
        assert!(part("scores that are ranked") >= 4 * 3 * items * queries.len().min(1024) as u64);
    }
}

#[test]
fn what_no_machine_holds_is_refused_before_it_is_allocated() {
    for (kind, set) in [("cesaa", "model.experts=1000000000"), ("mmoe", "model.experts=1000000000")] {
        let spec = adepts::models::find_tabular(kind).unwrap();
        let how = How { available: Some(1 << 40), ..How::default() };
        refused(&tabular_models::experiment(spec, &[set]), &tabular_models::DATA.1, how);
        refused(&retrieval::experiment(kind, &[set]), &retrieval::DATA.1, how);
        refused(&retrieval::experiment(kind, &["retrieval.dimension=1000000000000"]), &retrieval::DATA.1, how);
    }
}

#[test]
fn a_loss_that_is_no_number_ends_training_with_its_place() {
    let home = tempfile::tempdir().unwrap();
    for spec in learners() {
        let experiment = experiment(spec, &["train.optimizer.learning_rate=1e30"]);
        let error = run(&experiment, &COMMUNITY, &home.path().join(spec.name), How::default()).unwrap_err();
        let Error::Train(TrainError::NotFinite { epoch, batch, part, value }) = &error else {
            panic!("{}: {error}", spec.name)
        };
        assert!(*epoch == 1 && *batch > 1 && !part.is_empty() && !value.is_finite());
        let place = format!("the loss `{part}` is {value} in batch {batch} of epoch {epoch}");
        assert!(error.to_string().contains(&place), "{error}");
    }
}
