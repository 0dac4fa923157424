//! What writing the best epoch and a checkpoint costs.

use std::fs;

use adepts_core::{EpochRecord, Stopwatch};
use adepts_train::TrainConfig;

use super::{Case, case};

#[test]
#[ignore = "measures with 0.4 GB of parameters"]
#[expect(clippy::print_stderr, reason = "the figures are what it is for")]
fn what_the_best_epoch_and_a_checkpoint_cost() {
    let mut case = case(24_400, 2_000);
    case.config = TrainConfig { batch: 64, epochs: 2, ..case.config };
    let folder = tempfile::tempdir_in(".").unwrap();
    let timed = |case: &Case, name: &str, stop_after| {
        let mut model = case.model();
        let watch = Stopwatch::start();
        case.run(&mut model, folder.path(), false, stop_after).unwrap();
        let whole = watch.seconds();
        let text = fs::read_to_string(folder.path().join("epochs.jsonl")).unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<EpochRecord>(line).unwrap());
        let (bests, spent) = records.fold((0, 0.0), |(bests, spent), record| {
            (bests + usize::from(record.best), spent + record.train_seconds + record.eval_seconds)
        });
        eprintln!("{name}: {:.2} s beside updates and validation, {bests} bests", whole - spent);
    };
    timed(&case, "best written, made to last and read back", usize::MAX);
    timed(&case, "the same with a checkpoint on request", 2);
    case.checkpoint_every = 0.0;
    timed(&case, "the same with a checkpoint per update", 2);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    eprintln!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}
