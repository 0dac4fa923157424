//! What is said of the beginning of a training.

use std::cell::Cell;

use adepts_train::{Beginning, Observer, Progress, fit};

use super::case;

/// Remembers how training began, and where.
struct Start(Vec<(Beginning, usize, usize)>);

impl Observer for Start {
    fn begin(&mut self, beginning: Beginning, progress: &Progress) {
        self.0.push((beginning, progress.epoch, progress.batch));
    }
}

#[test]
fn the_observer_is_told_where_training_begins() {
    let (case, folder, mut start) = (case(30, 8), tempfile::tempdir().unwrap(), Start(Vec::new()));
    for (resume, stop_after) in [(false, 1), (true, 5), (true, usize::MAX), (true, 1)] {
        let asked = Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) + 1 >= stop_after;
        let (training, mut model) = (case.training(folder.path(), resume), case.model());
        fit(&mut model, &training, &mut |model| case.validate(model), &mut start, &stop).unwrap();
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let training = case.training(elsewhere.path(), true);
    fit(&mut case.model(), &training, &mut |model| case.validate(model), &mut start, &|| true).unwrap();
    let continued = |at: usize| (start.0[at].0, start.0[at].1, start.0[at].2);
    assert_eq!(continued(0), (Beginning::Afresh, 1, 0));
    assert_eq!(continued(1), (Beginning::Continued, 1, 1));
    // Of three batches in an epoch, one was done, and a stop is asked for after each update and each epoch.
    assert_eq!(continued(2), (Beginning::Continued, 2, 2));
    assert_eq!(start.0[3].0, Beginning::Ended);
    assert_eq!(continued(4), (Beginning::NoCheckpoint, 1, 0));
}
