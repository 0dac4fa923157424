//! A prepared data set: who used what, cut into training, validation and test.

use serde::{Deserialize, Serialize};

use crate::config::{DataConfig, SplitConfig};
use crate::id::Vocabulary;
pub use crate::interactions::UserColumn;
use crate::rows::Rows;
use crate::seen::Seen;
use crate::time::TimeUnit;

/// A prepared data set in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryDataset {
    /// The users.
    pub users: Vocabulary,
    /// The catalogue.
    pub items: Vocabulary,
    /// What a model sees of each user: the training interactions, or the input of a held-out user.
    pub train: Rows,
    /// Held-out items for choosing between models and epochs.
    pub validation: Rows,
    /// Held-out items for the final figures.
    pub test: Rows,
    /// Items that the user has in the log and that are in none of the three parts, because a filter dropped them: a low
    /// rating, a row before `from`, or an event of a kind that `seen_events` names. Nothing is learned from them and nobody
    /// is judged by them; they are not recommended.
    pub seen: Seen,
    /// Whether a model may learn from the user; false for whole users held out by the split `users`.
    pub learns: Vec<bool>,
    /// Mainstream score of each user: mean Jaccard similarity of the training row with those of others who are learned
    /// from, in 0..=1.
    pub mainstream: Vec<f32>,
    /// Groups of the user's own.
    pub columns: Vec<UserColumn>,
    /// How it was made.
    pub manifest: Manifest,
}

/// How a data set was made, and what came out: `manifest.json` of a prepared folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format of the folder.
    pub format: u32,
    /// The source and its filters, as resolved.
    pub data: DataConfig,
    /// The split, with its seed filled in.
    pub split: SplitConfig,
    /// What each step kept and dropped.
    pub steps: Vec<StepCount>,
    /// Number of users.
    pub users: usize,
    /// Number of items.
    pub items: usize,
    /// Number of training pairs.
    pub train: usize,
    /// Number of validation pairs.
    pub validation: usize,
    /// Number of test pairs.
    pub test: usize,
    /// Number of pairs that were only seen: see [`HistoryDataset::seen`].
    #[serde(default)]
    pub seen: usize,
    /// Those of them that lie in the time of the validation part.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seen_validation: usize,
    /// Those of them that lie in the time of the test part.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seen_test: usize,
    /// Which dropped rows count as seen. They may be more than the pairs: a pair that is also kept counts as kept, and
    /// users and items that are not left do not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen_rows: Vec<SeenCount>,
    /// Users with fewer than three interactions, who only train.
    pub train_only_users: usize,
    /// Users that are held out whole, of whom nothing is learned.
    #[serde(default)]
    pub held_out_users: usize,
    /// How the mainstream score was computed.
    pub mainstream: MainstreamMethod,
    /// Rows that could not be read and were skipped.
    pub skipped_rows: u64,
    /// The first of them, as messages.
    pub skipped_examples: Vec<String>,
    /// What the numbers of the column of times count; absent where there are no times or they are no numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_unit: Option<TimeUnit>,
    /// What was decided of the columns, and what of them is not used, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// blake3 over the content: vocabularies, rows, scores and columns.
    pub content_hash: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// What one step of the preparation kept and dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepCount {
    /// The step, such as `read` or `rating >= 4`.
    pub step: String,
    /// Interactions after it.
    pub rows: u64,
    /// Users after it; `None` where a streaming step does not know yet.
    pub users: Option<u64>,
    /// Items after it; `None` where a streaming step does not know yet.
    pub items: Option<u64>,
    /// Interactions that it dropped.
    pub dropped: u64,
}

/// Rows that a filter dropped and that count as seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenCount {
    /// Which rows, such as `rating < 4` or `event view`.
    pub what: String,
    /// How many.
    pub rows: u64,
}

/// How the mainstream score was computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MainstreamMethod {
    /// Against every other user.
    Exact,
    /// Against a seeded sample of the users.
    Sample {
        /// Size of the sample.
        users: usize,
        /// Its seed.
        seed: u64,
    },
}
