//! What lists leave out because a user has it already, as it is asked for.

use adepts::serve::Exclude;
use clap::ValueEnum;

/// What is left out of lists because a user has it already.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ExcludeName {
    /// All items that the user is known to have seen: training items, held-out items, filtered rows, events, and --seen
    Seen,
    /// Items that the model uses as input: the history, and events
    Learned,
    /// Nothing
    None,
}

impl ExcludeName {
    pub(crate) fn of(self) -> Exclude {
        match self {
            Self::Seen => Exclude::Seen,
            Self::Learned => Exclude::Learned,
            Self::None => Exclude::None,
        }
    }
}
