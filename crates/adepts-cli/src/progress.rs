//! Where the work is, on stderr: one moving line in a terminal; elsewhere plain lines, few and far between.

use std::cell::RefCell;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use adepts::contract::{EpochRecord, Stopwatch};
use adepts::train::{Observer, Progress};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::duration;

/// Thrown through work that has nothing to keep when it is asked to stop, so that temporary files go with it.
pub(crate) struct Stopped;

/// Least seconds between plain lines of one stage.
const PAUSE: f64 = 5.0;

/// Shows progress.
pub(crate) struct Terminal {
    quiet: bool,
    stop: Arc<AtomicBool>,
    bar: Option<ProgressBar>,
    watch: Stopwatch,
    last: RefCell<Last>,
}

/// The last plain line.
#[derive(Default)]
struct Last {
    stage: String,
    at: f64,
}

impl Terminal {
    pub(crate) fn new(quiet: bool, stop: Arc<AtomicBool>) -> Self {
        let bar = (!quiet && stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(style("{spinner} {wide_msg}"));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { quiet, stop, bar, watch: Stopwatch::start(), last: RefCell::default() }
    }

    /// Whether a signal asked to stop.
    pub(crate) fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
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
        } else if !self.quiet {
            let mut last = self.last.borrow_mut();
            let now = self.watch.seconds();
            if last.stage != stage || now - last.at >= PAUSE {
                *last = Last { stage: stage.to_owned(), at: now };
                line(&text);
            }
        }
    }
}

fn line(text: &str) {
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
            let mut last = self.terminal.last.borrow_mut();
            let now = self.terminal.watch.seconds();
            let first = last.stage != "train";
            let ends = progress.epoch == progress.epochs || progress.patience_left == 0;
            if first || ends || now - last.at >= PAUSE {
                *last = Last { stage: "train".into(), at: now };
                line(&format!("{text}{}", left(progress)));
            }
        }
    }
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

fn left(progress: &Progress) -> String {
    match (progress.seconds_at_least(), progress.seconds_at_most()) {
        (Some(least), Some(most)) => format!("  {} to {} left", duration(least), duration(most)),
        _ => String::new(),
    }
}
