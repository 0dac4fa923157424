//! The loop with a small learner: it learns, stops, resumes bit for bit, and says what is wrong.

#![expect(clippy::disallowed_methods, reason = "files are damaged on purpose")]
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

#[path = "fit/all.rs"]
mod all;
#[path = "fit/begin.rs"]
mod begin;
#[path = "fit/cost.rs"]
mod cost;
#[path = "fit/tiny.rs"]
mod tiny;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use adepts_core::{EpochRecord, HistoryLearner, HistoryModel, Step};
use adepts_data::{Grouping, Rows, seed};
use adepts_train::{
    Adam, Fingerprint, Metric, OptimizerConfig, Outcome, StopConfig, TrainConfig, TrainError, Training, ValidateError,
    Validation, fit,
};
use rand::seq::SliceRandom;
use tiny::{Poison, Tiny, likelihood};

const USERS: usize = 44;

/// Reached in the fourth epoch or so.
const PEAK: f64 = -3.3;

struct Case {
    items: usize,
    hidden: usize,
    train: Rows,
    validation: Rows,
    learners: Vec<u32>,
    mainstream: Vec<f32>,
    groups: Grouping,
    config: TrainConfig,
    fingerprint: Fingerprint,
    checkpoint_every: f64,
    /// The likelihood that scores best; above it, scores fall again.
    peak: f64,
}

/// Two tastes: even users like even items, odd users odd ones. The first user has no history, the last is not learned from.
fn case(items: usize, hidden: usize) -> Case {
    let part = |user: usize, range: std::ops::Range<usize>| {
        let mut taste: Vec<u32> = (0..items as u32).filter(|item| *item as usize % 2 == user % 2).collect();
        taste.shuffle(&mut seed::stream(3, "taste", &[user as u64]));
        if user == 0 { Vec::new() } else { taste[range].to_vec() }
    };
    let train = Rows::from_lists((0..USERS).map(|user| part(user, 0..6)));
    let validation = Rows::from_lists((0..USERS).map(|user| part(user, 6..9)));
    let of_user = (0..USERS).map(|user| (user > 0).then_some((user % 2) as u16)).collect();
    let optimizer = OptimizerConfig::Adam { learning_rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 1e-3 };
    let stop = StopConfig { metric: Metric::One("likelihood".to_owned()), patience: 3 };
    Case {
        items,
        hidden,
        train,
        validation,
        learners: (1..USERS as u32 - 1).collect(),
        mainstream: vec![0.1; USERS],
        groups: Grouping { by: "taste".to_owned(), names: vec!["even".to_owned(), "odd".to_owned()], of_user },
        config: TrainConfig { batch: 16, epochs: 4, optimizer, stop, tables: None },
        fingerprint: Fingerprint::default().with("seed", &5),
        checkpoint_every: 1e9,
        peak: 0.0,
    }
}

/// The best epoch is neither the first nor the last, and patience ends training.
fn with_a_peak() -> Case {
    let mut case = case(30, 8);
    (case.config.epochs, case.config.stop.patience, case.peak) = (20, 2, PEAK);
    let whole = case.whole();
    assert!(whole.best_epoch > 1 && whole.epochs == whole.best_epoch + 2, "{:?}", whole.log);
    case
}

impl Case {
    fn model(&self) -> Tiny {
        Tiny::new(self.items, self.hidden)
    }

    fn training<'a>(&'a self, folder: &'a Path, resume: bool) -> Training<'a> {
        Training {
            config: &self.config,
            seed: 5,
            train: &self.train,
            validation: &self.validation,
            items: self.items,
            learners: &self.learners,
            mainstream: &self.mainstream,
            groups: Some(&self.groups),
            folder,
            fingerprint: &self.fingerprint,
            checkpoint_every: self.checkpoint_every,
            resume,
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form of the loop's closure")]
    fn validate(&self, model: &dyn HistoryModel) -> Result<Validation, ValidateError> {
        let likelihood = likelihood(model, &self.train, &self.validation);
        let stop = -(likelihood - self.peak).abs();
        let scores = BTreeMap::from([("likelihood".to_owned(), stop), ("none".to_owned(), f64::NAN)]);
        Ok(Validation { scores, stop, groups: vec![("odd".to_owned(), stop)] })
    }

    /// Trains until `stop_after` updates of this call are taken.
    fn run(&self, model: &mut Tiny, folder: &Path, resume: bool, stop_after: usize) -> Result<Outcome, TrainError> {
        let asked = Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) + 1 >= stop_after;
        fit(model, &self.training(folder, resume), &mut |model| self.validate(model), &mut (), &stop)
    }

    fn whole(&self) -> Ended {
        let folder = tempfile::tempdir().unwrap();
        let mut model = self.model();
        let outcome = self.run(&mut model, folder.path(), false, usize::MAX).unwrap();
        Ended::of(&model, outcome, folder.path())
    }
}

/// All that must not depend on interruptions.
#[derive(Debug, PartialEq)]
struct Ended {
    epochs: usize,
    best_epoch: usize,
    best: u64,
    parameters: Vec<(String, Vec<u32>)>,
    best_file: Vec<u8>,
    log: Vec<EpochRecord>,
}

impl Ended {
    fn of(model: &Tiny, outcome: Outcome, folder: &Path) -> Self {
        let Outcome::Finished(summary) = outcome else { panic!("{outcome:?}") };
        let saved = model.save();
        let bits = |name: &str| saved.array(name).unwrap().values.iter().map(|value| value.to_bits()).collect();
        Self {
            epochs: summary.epochs,
            best_epoch: summary.best_epoch,
            best: summary.best.to_bits(),
            parameters: saved.names().map(|name| (name.to_owned(), bits(name))).collect(),
            best_file: fs::read(folder.join("best.safetensors")).unwrap(),
            log: log(folder),
        }
    }
}

/// The log without times.
fn log(folder: &Path) -> Vec<EpochRecord> {
    let text = fs::read_to_string(folder.join("epochs.jsonl")).unwrap();
    let timeless = |record| EpochRecord { train_seconds: 0.0, eval_seconds: 0.0, ..record };
    text.lines().map(|line| timeless(serde_json::from_str(line).unwrap())).collect()
}

#[test]
fn the_loss_falls_and_the_log_says_how() {
    let mut case = case(30, 8);
    (case.config.epochs, case.config.stop.patience) = (12, 12);
    let ended = case.whole();
    let (first, last) = (&ended.log[0], &ended.log[11]);
    assert!(last.losses["ce"] < 0.9 * first.losses["ce"], "{:?}, {:?}", first.losses, last.losses);
    assert!(last.validation["stop"] > first.validation["stop"]);
    assert_eq!(first.validation.len(), 2, "a score that is not a number is left out");
    assert_eq!((first.step, last.step), (3, 36), "42 learners in batches of 16");
    let gate = last.gate.as_ref().unwrap();
    assert!((gate.shares.iter().sum::<f64>() - 1.0).abs() < 1e-6 && gate.entropy < 1.0 && gate.largest_share <= 0.5);
    assert_eq!(gate.never_preferred, 1, "the share of the second is never the largest");
    assert_eq!((first.groups[0].weight, first.groups[0].at_floor), (1.0, 1.0), "all weigh the same in the first epoch");
    assert_ne!((last.groups[0].weight, last.groups[1].weight), (1.0, 1.0), "signals move the weights");
    assert_eq!((last.groups[0].validation, last.groups[1].validation), (None, Some(last.validation["stop"])));
}

#[test]
fn a_stop_at_any_batch_changes_nothing() {
    let case = with_a_peak();
    let whole = case.whole();
    for stop_after in 1..3 * whole.epochs {
        let folder = tempfile::tempdir().unwrap();
        let stopped = case.run(&mut case.model(), folder.path(), false, stop_after).unwrap();
        assert!(matches!(stopped, Outcome::Interrupted { .. }), "{stop_after}: {stopped:?}");
        let mut model = case.model();
        let outcome = case.run(&mut model, folder.path(), true, usize::MAX).unwrap();
        assert_eq!(Ended::of(&model, outcome, folder.path()), whole, "stopped after {stop_after}");
    }
}

#[test]
fn a_stop_at_every_batch_changes_nothing() {
    let case = with_a_peak();
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..100 {
        let mut model = case.model();
        let outcome = case.run(&mut model, folder.path(), true, 1).unwrap();
        if let Outcome::Finished(_) = outcome {
            assert_eq!(Ended::of(&model, outcome, folder.path()), case.whole());
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn a_kill_at_any_moment_after_a_checkpoint_changes_nothing() {
    let case = with_a_peak();
    let whole = case.whole();
    for (checkpoint, killed) in (1..3 * whole.epochs).flat_map(|n| [(n, n + 2), (n, 100)]) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("checkpoint.safetensors");
        case.run(&mut case.model(), folder.path(), false, checkpoint).unwrap();
        let old = fs::read(&file).unwrap();
        // What a process leaves that wrote more epochs and bests, and died while writing a line and a checkpoint.
        case.run(&mut case.model(), folder.path(), true, killed - checkpoint).unwrap();
        fs::write(&file, &old).unwrap();
        fs::write(folder.path().join("checkpoint.safetensors.new"), &old[..old.len() / 2]).unwrap();
        let mut text = fs::read(folder.path().join("epochs.jsonl")).unwrap_or_default();
        text.extend(b"{\"epoch\":");
        fs::write(folder.path().join("epochs.jsonl"), text).unwrap();
        let mut model = case.model();
        let outcome = case.run(&mut model, folder.path(), true, usize::MAX).unwrap();
        assert_eq!(Ended::of(&model, outcome, folder.path()), whole, "{checkpoint}, {killed}");
    }
}

#[test]
fn a_finished_training_is_not_trained_again_and_without_resuming_all_begins_anew() {
    let mut case = case(30, 8);
    case.checkpoint_every = 0.0;
    let folder = tempfile::tempdir().unwrap();
    let mut model = case.model();
    let outcome = case.run(&mut model, folder.path(), false, usize::MAX).unwrap();
    let ended = Ended::of(&model, outcome, folder.path());
    let never = &mut |_: &dyn HistoryModel| -> Result<Validation, ValidateError> { panic!("it was finished") };
    let mut again = case.model();
    let outcome = fit(&mut again, &case.training(folder.path(), true), never, &mut (), &|| false).unwrap();
    assert_eq!(Ended::of(&again, outcome, folder.path()), ended);
    let mut afresh = case.model();
    let outcome = case.run(&mut afresh, folder.path(), false, usize::MAX).unwrap();
    assert_eq!(Ended::of(&afresh, outcome, folder.path()), ended);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let case = case(300, 64);
    let with = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| case.whole());
    let one = with(1);
    assert!(one == with(2) && one == with(3));
}

#[test]
fn a_loss_that_is_no_number_is_named_with_its_place() {
    let case = case(30, 8);
    for (part, name) in [("ce", "ce"), ("", "total")] {
        let folder = tempfile::tempdir().unwrap();
        let mut model = case.model();
        model.poison = Some(Poison { taken: 7, part });
        let error = case.run(&mut model, folder.path(), false, usize::MAX).unwrap_err();
        let TrainError::NotFinite { epoch: 3, batch: 2, part, value } = &error else { panic!("{error}") };
        assert!(part == name && !value.is_finite(), "{error}");
    }
    let broken = &mut |_: &dyn HistoryModel| Ok(Validation { stop: f64::NAN, ..Validation::default() });
    let folder = tempfile::tempdir().unwrap();
    let error = fit(&mut case.model(), &case.training(folder.path(), false), broken, &mut (), &|| false).unwrap_err();
    assert!(matches!(error, TrainError::ScoreNotFinite { epoch: 1, .. }), "{error}");
}

#[test]
fn patience_ends_training_with_the_best_epoch() {
    let mut case = case(30, 8);
    case.config.epochs = 100;
    let folder = tempfile::tempdir().unwrap();
    let mut scores = [0.1, 0.3, 0.2, 0.3, 0.29].into_iter();
    let mut saved = Vec::new();
    let mut validate = |model: &dyn HistoryModel| {
        saved.push(model.save());
        Ok(Validation { stop: scores.next().unwrap(), ..Validation::default() })
    };
    let mut model = case.model();
    let outcome = fit(&mut model, &case.training(folder.path(), false), &mut validate, &mut (), &|| false).unwrap();
    let Outcome::Finished(summary) = outcome else { panic!("{outcome:?}") };
    assert_eq!((summary.epochs, summary.best_epoch, summary.best), (5, 2, 0.3), "as good as the best is no new best");
    assert!(model.save() == saved[1] && saved[1] != saved[4]);
    let best: Vec<bool> = log(folder.path()).iter().map(|record| record.best).collect();
    assert_eq!(best, [true, true, false, false, false]);
    let mut loaded = case.model();
    loaded.load(&adepts_core::Tensors::read(&folder.path().join("best.safetensors")).unwrap()).unwrap();
    assert_eq!(loaded.save(), saved[1], "the best parameters are a file of the model");
}

#[test]
fn a_checkpoint_that_is_damaged_or_of_another_training_is_refused() {
    let mut case = case(30, 8);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    case.run(&mut case.model(), folder.path(), false, 4).unwrap();
    let good = fs::read(&path).unwrap();
    let resume = |bytes: &[u8], model: &mut Tiny| {
        fs::write(&path, bytes).unwrap();
        case.run(model, folder.path(), true, usize::MAX).unwrap_err()
    };
    let header_end = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    for length in [0, 5, 8, header_end - 1, header_end, good.len() - 1] {
        let error = resume(&good[..length], &mut case.model());
        assert!(matches!(error, TrainError::Damaged { .. }), "{length}: {error}");
    }
    let text = String::from_utf8_lossy(&good[..header_end]).into_owned();
    for (from, to) in [("\\\"taken\\\"", "\\\"token\\\""), ("\"F32\"", "\"F31\""), ("\"state\"", "\"stare\"")] {
        assert!(text.contains(from), "{text}");
        let mut bytes = good.clone();
        let at = good.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        let error = resume(&bytes, &mut case.model());
        assert!(matches!(error, TrainError::Damaged { .. }), "{from}: {error}");
    }
    let other_format = text.replace("\"format\":\"1\"", "\"format\":\"2\"");
    let bytes = [&good[..8], &other_format.as_bytes()[other_format.find('{').unwrap()..], &good[header_end..]].concat();
    let error = resume(&bytes, &mut case.model());
    assert!(matches!(error, TrainError::Format { found: 2, expected: 1, .. }), "{error}");

    let error = resume(&good, &mut Tiny::new(30, 9));
    assert!(error.to_string().contains("parameter/encoder has shape [30, 8], expected [30, 9]"), "{error}");
    let mut renamed = case.model();
    renamed.rename = true;
    let error = resume(&good, &mut renamed);
    assert!(error.to_string().contains("parameter/other is missing"), "{error}");

    fs::remove_file(folder.path().join("epochs.jsonl")).unwrap();
    let error = resume(&good, &mut case.model());
    assert!(matches!(error, TrainError::Log { found: 0, expected: 1, .. }), "{error}");

    case.fingerprint = Fingerprint::default().with("seed", &6);
    let error = case.run(&mut case.model(), folder.path(), true, usize::MAX).unwrap_err();
    assert!(error.to_string().ends_with("was written by another training: seed was 5 and is now 6"), "{error}");
}

#[test]
fn an_update_copies_no_parameter() {
    let case = case(30, 8);
    let mut model = case.model();
    let mut adam = Adam::new(&case.config.optimizer, 1.0);
    for taken in 0..3 {
        let mut gradients = gradients(&case, &model, taken);
        adam.step(taken + 1, model.parameters(), &mut gradients);
    }
    assert_eq!(adam.copies(), 0);
}

#[test]
#[should_panic(expected = "parameter `unused` has no gradient")]
fn a_parameter_without_gradient_is_named() {
    let case = case(30, 8);
    let mut model = case.model().with_unused();
    let mut gradients = gradients(&case, &model, 0);
    Adam::new(&case.config.optimizer, 1.0).step(1, model.parameters(), &mut gradients);
}

fn gradients(case: &Case, model: &Tiny, taken: u64) -> burn::tensor::Gradients {
    let (histories, validation) = (&case.train, &case.validation);
    let batcher = adepts_core::Batcher {
        histories,
        validation,
        items: case.items,
        probe: None,
        seed: 0,
        split: adepts_core::ProbeSplit::default(),
    };
    model.loss(&batcher.batch(&case.learners), &Step { seed: 5, epoch: 1, taken }).total.backward()
}
