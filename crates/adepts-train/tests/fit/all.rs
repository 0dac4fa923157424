//! Training on everything: no validation, and the last epoch is the one that is kept.

use std::cell::Cell;
use std::path::Path;

use adepts_core::EpochRecord;
use adepts_train::{Observer, Outcome, Progress, TrainError, fit_all};

use super::{Case, Ended, case, with_a_peak};
use crate::tiny::Tiny;

impl Case {
    /// Trains without validation until `stop_after` updates and epochs of this call are over.
    fn run_all(
        &self,
        model: &mut Tiny,
        folder: &Path,
        observer: &mut dyn Observer,
        stop_after: usize,
    ) -> Result<Outcome, TrainError> {
        let asked = Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) + 1 >= stop_after;
        fit_all(model, &self.training(folder, true), observer, &stop)
    }

    fn whole_all(&self) -> Ended {
        let (folder, mut model) = (tempfile::tempdir().unwrap(), self.model());
        let outcome = self.run_all(&mut model, folder.path(), &mut (), usize::MAX).unwrap();
        Ended::of(&model, outcome, folder.path())
    }
}

/// Remembers the epochs that are told to be left.
struct Left(Vec<(usize, usize, bool)>);

impl Observer for Left {
    fn epoch(&mut self, record: &EpochRecord, progress: &Progress) {
        assert_eq!(progress.best, None, "nothing is known to be best");
        self.0.push((record.epoch, progress.patience_left, record.best));
    }
}

#[test]
fn without_validation_the_parameters_are_those_of_the_last_epoch() {
    // Here validation never lets training stop, and the last epoch is the best.
    let validated = case(30, 8).whole();
    assert_eq!((validated.epochs, validated.best_epoch), (4, 4));
    let all = case(30, 8).whole_all();
    assert_eq!((all.epochs, all.best_epoch, f64::from_bits(all.best).is_nan()), (4, 4, true));
    assert_eq!((&all.parameters, &all.best_file), (&validated.parameters, &validated.best_file));
    assert!(
        all.log.iter().all(|epoch| epoch.validation.is_empty() && epoch.groups.iter().all(|g| g.validation.is_none()))
    );
    assert_eq!(all.log.iter().map(|epoch| &epoch.losses).collect::<Vec<_>>(), {
        validated.log.iter().map(|epoch| &epoch.losses).collect::<Vec<_>>()
    });
    // Where validation would stop it, it goes on.
    let peak = with_a_peak();
    assert_eq!(peak.whole_all().epochs, 20);
    let (folder, mut left) = (tempfile::tempdir().unwrap(), Left(Vec::new()));
    let case = case(30, 8);
    case.run_all(&mut case.model(), folder.path(), &mut left, usize::MAX).unwrap();
    assert_eq!(left.0, [(1, 3, false), (2, 2, false), (3, 1, false), (4, 0, true)]);
}

#[test]
fn a_stop_changes_nothing_without_validation_either() {
    let case = case(30, 8);
    let whole = case.whole_all();
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..100 {
        let mut model = case.model();
        let outcome = case.run_all(&mut model, folder.path(), &mut (), 1).unwrap();
        if let Outcome::Finished(_) = outcome {
            assert_eq!(Ended::of(&model, outcome, folder.path()), whole);
            return;
        }
    }
    panic!("it never ends");
}
