//! What is refused before it is begun, and what is stopped while it goes on.

use adepts::Error;
use adepts::contract::{Fit, Sizes};
use adepts::models::MODELS;
use adepts::train::TrainError;
use burn::tensor::Device;

use crate::support::{COMMUNITY, How, experiment, learners, recipe, run};

#[test]
fn the_memory_foretold_holds_the_parameters_and_what_training_adds() {
    for spec in MODELS {
        let (recipe, name) = (recipe(spec), spec.name);
        for (users, items, pairs, batch) in [(300, 120, 5000, 64), (50, 2000, 900, 50), (5000, 37, 60_000, 1)] {
            let sizes = Sizes { users, items, pairs, batch };
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
    let sizes = |items| Sizes { users: 2, items, pairs: 4, batch: 2 };
    for spec in MODELS {
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
    for spec in MODELS {
        let (experiment, folder) = (experiment(spec, &[]), home.path().join(spec.name));
        let sizes = adepts::run::sizes(&experiment, &COMMUNITY);
        let foretold = adepts::experiment::memory(&*recipe(spec), &sizes);
        let scores = 4 * (adepts::evaluate::batch(sizes.items).min(sizes.users) * sizes.items) as u64;
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
