//! How is a question answered? What can be asked of a trained model, and what comes back.
//!
//! A [`Question`] names a user or a history of items and says what the list is to be like; an [`Answer`] is the list, with
//! what is to be known of it: ids that nobody has seen, whether popularity stood in for a history, and, if it was asked for,
//! why. Both are what travels as JSON too, so that a line of a file, a request and a call from a program are one thing.
//!
//! Whoever answers is an [`Answerer`]: an object that was opened from a run and may be asked by many at once. An answer does
//! not depend on what else is in the batch, so that questions may be gathered into batches as it suits. A run is opened by an
//! [`Opener`], a closure, because what a run is, and which models there are, is known to the front hall alone.
//!
//! A [`Server`] asks on behalf of whoever reaches it over HTTP, gathers what comes in at the same time, keeps what users do in
//! the meantime ([`events`]) and adds it to what the model knows of them.

pub mod answer;
pub mod answerer;
pub mod batch;
pub mod error;
pub mod events;
pub mod history;
mod http;
pub mod question;
pub mod rank;
pub mod retrieval;
pub mod seen;
pub mod server;
pub mod tabular;

pub use answer::{Answer, Fallback, Group, Reason, Recommended, Unknown};
pub use answerer::{Answerer, Facts, Family, ItemFound, OpenError, Opener, Page};
pub use error::AnswerError;
pub use events::{Event, Receipt};
pub use history::HistoryAnswerer;
pub use question::{Asked, Exclude, NothingKnown, Question};
pub use rank::{Dropped, FieldValue, Output, RankQuestion, Ranked, Ranking};
pub use retrieval::{FoundItem, Retrieval, RetrievalQuestion};
pub use seen::{SeenError, SeenPairs};
pub use server::{Limits, ServeError, Server, Settings, Tokens};
pub use tabular::TabularAnswerer;
