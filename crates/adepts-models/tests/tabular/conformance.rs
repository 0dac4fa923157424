//! What every tabular model must hold to, through the registry.

use adepts_core::{Parameter, Step, TensorsError, tensors};
use adepts_models::registry::{TABULAR_MODELS, find_tabular, nearest};
use rayon::ThreadPoolBuilder;

use crate::support::{bits, bits_of, build, gradients, model, random_rows, recipe, schema, scores};

const STEP: Step = Step { seed: 1, epoch: 1, taken: 0 };
/// Settings beside the defaults, of the models that know them.
const NORMED: &str = "norm = \"batch\"";

/// Each model by its defaults, and with normalisation where it has any.
fn variants() -> Vec<(&'static str, &'static str)> {
    let all = TABULAR_MODELS.iter().flat_map(|spec| [(spec.name, ""), (spec.name, NORMED)]);
    all.filter(|(name, settings)| *name != "fm" || settings.is_empty()).collect()
}

#[test]
fn examples_are_the_defaults_written_out() {
    for spec in TABULAR_MODELS {
        let mut example: toml::Table = spec.example.parse().unwrap();
        assert_eq!(example.remove("kind").unwrap().as_str(), Some(spec.name));
        let defaults = (spec.recipe)(toml::Table::new()).unwrap().resolved();
        assert_eq!((spec.recipe)(example).unwrap().resolved(), defaults, "{}", spec.name);
        assert_eq!((spec.recipe)(defaults.clone()).unwrap().resolved(), defaults, "{}", spec.name);
    }
}

#[test]
fn weight_decay_draws_what_begins_at_1_to_1_and_all_else_to_0() {
    let schema = schema();
    let mut factors = Vec::new();
    for (name, settings) in variants() {
        let mut model = build(&*recipe(name, settings), &schema, 1);
        let initial = model.save();
        for (parameter, Parameter { neutral, .. }) in model.learner().parameters() {
            let begins_at_1 = initial.array(&parameter).unwrap().values.iter().all(|value| *value == 1.0);
            assert_eq!(neutral, f32::from(u8::from(begins_at_1)), "{name} {settings}: {parameter}");
            factors.extend(begins_at_1.then_some((name, parameter)));
        }
    }
    for (name, parameter) in [("star", "norm.scales"), ("star", "domains.0.weight"), ("mlp", "layers.0.scale")] {
        assert!(factors.contains(&(name, parameter.to_owned())), "{name} {parameter}: {factors:?}");
    }
}

#[test]
fn a_misspelt_key_is_refused_with_the_nearest_known_one() {
    for spec in TABULAR_MODELS {
        let error = (spec.recipe)("embeding = 3".parse().unwrap()).err().unwrap().to_string();
        assert!(error.contains("did you mean `embedding`?"), "{}: {error}", spec.name);
        assert!((spec.recipe)("embedding = 0".parse().unwrap()).is_err(), "{}", spec.name);
    }
    assert_eq!(nearest("cesa"), Some("cesaa"));
    assert!(find_tabular("tall").is_none());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for (name, settings, place) in [
        ("cesaa", "k = 0", "k"),
        ("cesaa", "k = 9", "k"),
        ("cesaa", "noise = -1.0", "noise"),
        ("cesaa", "mi = nan", "mi"),
        ("cesaa", "gate = { input = \"all\" }", "gate.input"),
        ("mmoe", "hidden = []", "hidden"),
        ("mlp", "hidden = [8, 0]", "hidden"),
        ("mlp", "hidden = [1, 1, 1, 1, 1, 1, 1, 1]", "hidden"),
        ("ple", "shared = 0", "shared"),
        ("epnet", "gate = { hidden = 0 }", "gate.hidden"),
    ] {
        let error = (find_tabular(name).unwrap().recipe)(settings.parse().unwrap()).err().unwrap().to_string();
        assert!(error.starts_with(place), "{name} {settings}: {error}");
    }
}

#[test]
fn a_batch_equals_its_rows_one_by_one() {
    let schema = schema();
    let batch = random_rows(&schema, 40);
    for (name, settings) in variants() {
        let model = model(name, settings, &schema);
        let (together, shares) = (scores(&*model, &batch), model.gates(&batch));
        assert!(together.iter().all(|p| (0.0..=1.0).contains(p)), "{name}: {together:?}");
        for row in 0..batch.rows() {
            let one = batch.select(&[row as u32]);
            assert_eq!(bits(&scores(&*model, &one)), bits(&together[row..=row]), "{name} {settings}: row {row}");
            let experts = model.experts();
            assert_eq!(
                bits(&model.gates(&one)),
                bits(&shares[row * experts..][..experts]),
                "{name}: gate of row {row}"
            );
        }
    }
}

#[test]
fn labels_do_not_change_scores() {
    let schema = schema();
    let batch = random_rows(&schema, 40);
    let mut other = batch.clone();
    other.label.iter_mut().for_each(|label| *label = 1.0 - *label);
    for (name, settings) in variants() {
        let model = model(name, settings, &schema);
        assert_eq!(scores(&*model, &batch), scores(&*model, &other), "{name}");
    }
}

#[test]
fn threads_change_no_bit_of_scores_losses_and_gradients() {
    let schema = schema();
    let batch = random_rows(&schema, 300);
    for (name, settings) in variants() {
        let work = || {
            let mut model = model(name, settings, &schema);
            let loss = model.learner().loss(&batch, &STEP);
            let value = bits(&tensors::values(&loss.total));
            let found = loss.total.backward();
            let gradients: Vec<_> = gradients(&mut *model, &found).iter().map(|(_, g)| bits(g)).collect();
            (value, gradients, bits(&scores(&*model, &batch)), bits_of(&model.save()))
        };
        let within = |threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work);
        let one = within(1);
        assert!(within(2) == one && within(3) == one, "{name} {settings}");
    }
}

#[test]
fn seeds_decide_the_initial_parameters_and_saving_loses_nothing() {
    let schema = schema();
    let batch = random_rows(&schema, 20);
    for (name, settings) in variants() {
        let recipe = recipe(name, settings);
        let [first, again, mut other] = [1, 1, 2].map(|seed| build(&*recipe, &schema, seed));
        let saved = first.save();
        assert_eq!(bits_of(&saved), bits_of(&again.save()), "{name}");
        assert_ne!(bits_of(&saved), bits_of(&other.save()), "{name}");
        other.load(&saved).unwrap();
        assert_eq!(bits_of(&saved), bits_of(&other.save()), "{name}");
        assert_eq!(bits(&scores(&*first, &batch)), bits(&scores(&*other, &batch)), "{name}");
    }
}

#[test]
fn arrays_that_do_not_fit_are_refused_by_name() {
    let schema = schema();
    for (name, settings) in variants() {
        let mut model = build(&*recipe(name, settings), &schema, 1);
        let saved = model.save();
        for array in saved.names() {
            let mut missing = saved.clone();
            let taken = missing.remove(array).unwrap();
            let error = model.load(&missing).unwrap_err();
            assert!(matches!(&error, TensorsError::Missing { name, .. } if name == array), "{name}: {error}");
            missing.insert(array, &[taken.values.len() + 1], vec![0.0; taken.values.len() + 1]);
            let error = model.load(&missing).unwrap_err();
            assert!(matches!(&error, TensorsError::Shape { name, .. } if name == array), "{name}: {error}");
        }
        let mut more = saved.clone();
        more.insert("more", &[1], vec![0.0]);
        assert!(matches!(model.load(&more), Err(TensorsError::Unknown { name }) if name == "more"), "{name}");
    }
}
