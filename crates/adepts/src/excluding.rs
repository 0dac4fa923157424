//! What lists leave out because users have it already.

use adepts_data::Encoding;
use adepts_serve::Exclude;

/// What lists leave out because users have it already.
#[derive(Clone, Debug, Default)]
pub struct Excluding {
    /// What is left out where a question does not say.
    pub exclude: Exclude,
    /// A file of more pairs of a user and an item that were seen: see [`adepts_serve::SeenPairs::read`].
    pub seen: Option<String>,
    /// The encoding of that file, where it is text.
    pub encoding: Encoding,
}
