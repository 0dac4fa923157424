//! Ctrl-C and SIGTERM: what ends at once, what ends at its next safe point, and what is said then.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// What a shell adds to the number of a signal that ended a program.
const BY_SIGNAL: i32 = 128;

/// The signals that ask the program to end.
pub(crate) struct Signals {
    /// Whether the next one ends the program at once.
    at_once: Arc<AtomicBool>,
    /// The last one, or 0.
    met: Arc<AtomicUsize>,
}

impl Signals {
    /// From here on a signal ends the program at once, with the exit code of that signal.
    pub(crate) fn register() -> io::Result<Self> {
        let (at_once, met) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, BY_SIGNAL + signal, Arc::clone(&at_once))?;
            flag::register_usize(signal, Arc::clone(&met), signal.unsigned_abs() as usize)?;
            flag::register(signal, Arc::clone(&at_once))?;
        }
        Ok(Self { at_once, met })
    }

    /// From here on the first signal is left to the work, which ends at its next safe point; a second one ends it at once.
    pub(crate) fn heed(&self) {
        if !self.met() {
            self.at_once.store(false, Ordering::Relaxed);
        }
    }

    /// Whether there was one.
    pub(crate) fn met(&self) -> bool {
        self.met.load(Ordering::Relaxed) != 0
    }

    /// The exit code of work that a signal ended.
    pub(crate) fn code(&self) -> u8 {
        let signal = match self.met.load(Ordering::Relaxed) {
            0 => SIGINT.unsigned_abs() as usize,
            met => met,
        };
        u8::try_from(signal + BY_SIGNAL.unsigned_abs() as usize).unwrap_or(u8::MAX)
    }
}

/// What goes on with work that was interrupted.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    /// What is there once there is something to go on with.
    pub(crate) once: PathBuf,
    /// What to say before the command.
    pub(crate) verb: &'static str,
    /// The command.
    pub(crate) command: String,
}

impl Again {
    /// `continue with: adepts …`, if there is something to go on with.
    pub(crate) fn told(&self) -> Option<String> {
        self.once.exists().then(|| format!("{}: {}", self.verb, self.command))
    }
}

/// Words as they are typed in a shell.
pub(crate) fn typed<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+".contains(c);
    let word = |word: S| match word.as_ref() {
        word if !word.is_empty() && word.chars().all(plain) => word.to_owned(),
        word => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_change_them() {
        assert_eq!(typed(["adepts", "train", "--resume", "runs/a-1"]), "adepts train --resume runs/a-1");
        assert_eq!(typed(["a b", "it's", "", "x[1]", "ü"]), r"'a b' 'it'\''s' '' 'x[1]' 'ü'");
    }
}
