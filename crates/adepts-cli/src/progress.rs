//! Where the work is, on stderr: one moving line in a terminal; elsewhere plain lines, few and far between.

use std::cmp::Reverse;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use adepts::contract::{Bytes, EpochRecord, Memory, Stopwatch};
use adepts::data::{agreeing, counted};
use adepts::train::{Beginning, Observer, Progress};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::duration;
use crate::signals::{Again, Signals};

/// Thrown through work that has nothing to keep when it is asked to stop, so that temporary files go with it.
pub(crate) struct Stopped;

/// Least seconds between plain lines of one stage.
const PAUSE: f64 = 5.0;

/// The same as a share of the time that the stage took so far, so that long work does not fill a log.
const SHARE: f64 = 0.1;

/// Shows progress.
pub(crate) struct Terminal {
    quiet: bool,
    signals: Signals,
    again: Mutex<Option<Again>>,
    bar: Option<ProgressBar>,
    watch: Stopwatch,
    last: Mutex<Last>,
}

/// The last plain line.
#[derive(Default)]
struct Last {
    stage: String,
    /// When the stage began.
    began: f64,
    at: f64,
}

impl Last {
    /// Whether a line about this stage is due; if so it counts as the last.
    fn due(&mut self, stage: &str, now: f64, important: bool) -> bool {
        if self.stage != stage {
            *self = Self { stage: stage.to_owned(), began: now, at: now };
            return true;
        }
        let due = important || now - self.at >= PAUSE.max(SHARE * (now - self.began));
        if due {
            self.at = now;
        }
        due
    }
}

impl Terminal {
    pub(crate) fn new(quiet: bool, signals: Signals) -> Self {
        let bar = (!quiet && stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(style("{spinner} {wide_msg}"));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { quiet, signals, again: Mutex::default(), bar, watch: Stopwatch::start(), last: Mutex::default() }
    }

    /// Whether a plain line about this stage is due, which then counts as the last.
    fn due(&self, stage: &str, ends: bool) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).due(stage, self.watch.seconds(), ends)
    }

    /// Whether nothing but results is to be said.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The signals that ask to stop.
    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Whether a signal asked to stop.
    pub(crate) fn stop(&self) -> bool {
        self.signals.met()
    }

    /// Notes what goes on with the work if it is interrupted.
    pub(crate) fn go_on_with(&self, again: Again) {
        *self.again.lock().unwrap_or_else(PoisonError::into_inner) = Some(again);
    }

    /// What goes on with work that was interrupted, as it is to be said.
    pub(crate) fn again(&self) -> Option<String> {
        self.again.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.told()
    }

    /// Says something that is to stay.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None if !self.quiet => line(text),
            None => {}
        }
    }

    /// Takes the moving line away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// For work that says where it is; it is ended here when a signal asked to.
    pub(crate) fn progress(&self) -> impl FnMut(&str, u64, Option<u64>) + '_ {
        self.signals.heed();
        |stage, done, total| {
            if self.stop() {
                self.clear();
                std::panic::resume_unwind(Box::new(Stopped));
            }
            self.stage(stage, done, total);
        }
    }

    fn stage(&self, stage: &str, done: u64, total: Option<u64>) {
        let text = match total {
            Some(total) if total > 0 => format!("{stage}: {:.0} %", 100.0 * done as f64 / total as f64),
            _ if done > 0 => format!("{stage}: {done}"),
            _ => stage.to_owned(),
        };
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        } else if !self.quiet && self.due(stage, false) {
            line(&text);
        }
    }

    /// Says what must not be missed, above the moving line if there is one.
    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None if self.quiet => {}
            None => line(text),
        }
    }
}

/// Says something on a line of its own.
pub(crate) fn line(text: &str) {
    // Where stderr is closed there is nobody to tell.
    let _closed = writeln!(stderr(), "{text}");
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Told of a training.
pub(crate) struct Watcher<'a> {
    terminal: &'a Terminal,
    last: Option<String>,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(terminal: &'a Terminal) -> Self {
        Self { terminal, last: None }
    }
}

impl Observer for Watcher<'_> {
    fn memory(&mut self, needed: &Memory) {
        self.terminal.note(&memory_line(needed));
    }

    fn note(&mut self, text: &str) {
        self.terminal.note(text);
    }

    fn begin(&mut self, beginning: Beginning, progress: &Progress) {
        let Progress { epoch, batch, .. } = progress;
        match beginning {
            Beginning::Afresh => {}
            Beginning::NoCheckpoint => {
                self.terminal.say("there is no checkpoint to continue from: training starts from the beginning");
            }
            Beginning::Continued => {
                let batches = if *batch == 1 { "1 batch".to_owned() } else { format!("{batch} batches") };
                self.terminal.say(&format!("continues at epoch {epoch}, after {batches}"));
            }
            Beginning::Ended => self.terminal.say("training had ended already: what is left is the evaluation"),
        }
    }

    fn step(&mut self, progress: &Progress) {
        if let Some(bar) = &self.terminal.bar {
            let Progress { epoch, epochs, batch, batches, .. } = progress;
            let last = self.last.as_deref().unwrap_or("");
            bar.set_message(format!("epoch {epoch}/{epochs}  batch {batch}/{batches}{}{last}", left(progress)));
        }
    }

    fn epoch(&mut self, record: &EpochRecord, progress: &Progress) {
        let text = epoch_line(record, progress);
        if self.terminal.bar.is_some() {
            self.last = Some(format!("  · {text}"));
        } else if !self.terminal.quiet {
            let ends = record.epoch == progress.epochs || progress.patience_left == 0;
            if self.terminal.due("epochs", ends) {
                line(&format!("{text}{}", if ends { String::new() } else { left(progress) }));
            }
        }
        if let Some(warning) = limited(record, progress) {
            self.terminal.say(&warning);
        }
    }
}

/// `memory: about 2.46 GB, of it embeddings updated row by row, with moments 2.01 GB`: what is large, the largest first.
fn memory_line(needed: &Memory) -> String {
    let total = needed.total();
    let mut large: Vec<&(String, u64)> =
        needed.parts.iter().filter(|(_, bytes)| bytes.saturating_mul(10) >= total).collect();
    large.sort_by_key(|(_, bytes)| Reverse(*bytes));
    let large: Vec<String> = large.into_iter().map(|(part, bytes)| format!("{part} {}", Bytes(*bytes))).collect();
    format!("memory: about {}, of it {}", Bytes(total), large.join("; "))
}

/// A best epoch that is among so many last ones may not be the best there is; in a short training among the last third.
const FEW: usize = 3;

/// What to say of a training that its last epoch ended, and not its patience.
fn limited(record: &EpochRecord, progress: &Progress) -> Option<String> {
    let Progress { epochs, patience_left, best, .. } = *progress;
    let (best, _) = best.filter(|_| record.epoch == epochs && patience_left > 0)?;
    let limit = counted(epochs, "epoch");
    Some(if epochs - best < FEW.min(epochs / 3).max(1) {
        format!(
            "stopped at the limit of {limit} and may still be improving (the best is epoch {best}); a new run with a \
             larger train.epochs would train for longer"
        )
    } else {
        let left = counted(patience_left, "more epoch");
        format!("stopped at the limit of {limit}, worse since epoch {best}; patience would have ended it after {left}")
    })
}

/// `epoch 12/1000  loss 423.100  ce 420.100  kl 3.000  validation 0.3121 (best)  worst low 0.2410  1.10 s`
fn epoch_line(record: &EpochRecord, progress: &Progress) -> String {
    let mut parts = vec![format!("epoch {}/{}", record.epoch, progress.epochs)];
    parts.extend(record.losses.get("total").map(|loss| format!("loss {loss:.3}")));
    let others = record.losses.iter().filter(|(name, _)| *name != "total");
    parts.extend(others.map(|(name, value)| format!("{name} {value:.3}")));
    parts.extend(record.validation.get("stop").map(|score| {
        let best = match progress.best {
            Some((epoch, _)) if epoch == record.epoch => " (best)".to_owned(),
            Some((epoch, best)) => format!(" (best {best:.4}, epoch {epoch})"),
            None => String::new(),
        };
        format!("validation {score:.4}{best}")
    }));
    let scored = record.groups.iter().filter_map(|group| Some((group.validation?, &group.name)));
    let worst = scored.min_by(|a, b| a.0.total_cmp(&b.0));
    parts.extend(worst.map(|(score, name)| format!("worst {name} {score:.4}")));
    parts.push(duration(record.train_seconds + record.eval_seconds));
    parts.join("  ")
}

/// How long it can take from here.
fn left(progress: &Progress) -> String {
    let Some(most) = progress.seconds_at_most() else { return String::new() };
    let Progress { epoch, epochs, patience_left, .. } = *progress;
    // Where patience reaches to the last epoch it ends nothing.
    let patience = if patience_left <= epochs.saturating_sub(epoch) {
        let (epochs, bring) = (counted(patience_left, "epoch"), agreeing(patience_left, "brings", "bring"));
        format!("; stops earlier if {epochs} {bring} nothing")
    } else {
        String::new()
    };
    format!("  at most {} left{patience}", duration(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_of_one_stage_become_rarer_the_longer_it_takes() {
        let mut last = Last::default();
        let mut told = |hours: f64| {
            let from = last.at;
            (0..(3600.0 * hours) as u32).filter(|s| last.due("epochs", from + f64::from(*s), false)).count()
        };
        assert!((30..80).contains(&told(1.0)));
        assert!(told(24.0) < 120);
        assert!(last.due("rank", 1e6, false) && !last.due("rank", 1e6 + 1.0, false));
        assert!(last.due("rank", 1e6 + 2.0, true), "the last line of a stage is never left out");
    }

    #[test]
    fn of_what_is_needed_the_large_parts_are_told() {
        let needed =
            Memory::default().bytes("scores", 200_000_000).bytes("the batch", 3).bytes("tables", 1_900_000_000);
        assert_eq!(memory_line(&needed), "memory: about 2.10 GB, of it tables 1.90 GB");
        let needed = Memory::default().bytes("scores", 300_000_000).bytes("tables", 700_000_000);
        assert_eq!(memory_line(&needed), "memory: about 1.00 GB, of it tables 700.0 MB; scores 300.0 MB");
    }

    #[test]
    fn an_end_by_the_limit_is_told_from_one_by_patience() {
        let at = |epoch: usize, patience_left: usize| {
            let progress = Progress {
                epoch: epoch + 1,
                epochs: 12,
                batch: 0,
                batches: 4,
                best: Some((11, 0.5)),
                patience_left,
                epoch_seconds: Some(1.0),
            };
            limited(&EpochRecord { epoch, ..EpochRecord::default() }, &progress)
        };
        assert!(at(12, 3).unwrap().contains("stopped at the limit of 12 epochs and may still be improving"));
        assert_eq!((at(11, 3), at(12, 0)), (None, None));
    }

    #[test]
    fn a_training_that_has_been_getting_worse_is_not_said_to_be_improving() {
        let at = |best: usize| {
            let progress = Progress { best: Some((best, 0.5)), patience_left: 1, ..near_the_end() };
            limited(&EpochRecord { epoch: 30, ..EpochRecord::default() }, &progress).unwrap()
        };
        assert_eq!(
            at(16),
            "stopped at the limit of 30 epochs, worse since epoch 16; patience would have ended it after 1 more epoch"
        );
        for (best, improving) in [(27, false), (28, true), (30, true)] {
            assert_eq!(at(best).contains("may still be improving"), improving, "{best}");
        }
    }

    fn near_the_end() -> Progress {
        Progress {
            epoch: 31,
            epochs: 30,
            batch: 0,
            batches: 4,
            best: Some((16, 0.5)),
            patience_left: 1,
            epoch_seconds: Some(6.0),
        }
    }

    #[test]
    fn the_time_left_is_the_most_it_can_be_and_what_ends_it_earlier() {
        let at = |epoch: usize, patience_left: usize| left(&Progress { epoch, patience_left, ..near_the_end() });
        assert_eq!(at(1, 15), "  at most 3 min left; stops earlier if 15 epochs bring nothing");
        assert_eq!(at(2, 1), "  at most 3 min left; stops earlier if 1 epoch brings nothing");
        assert_eq!(at(21, 15), "  at most 60.0 s left");
        assert_eq!(left(&Progress { epoch_seconds: None, ..near_the_end() }), "");
    }
}
