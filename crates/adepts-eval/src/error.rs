//! What can be wrong with an evaluation.

/// Any error of whoever makes the scores.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What can be wrong with an evaluation: always who, what and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// There is nobody to judge by.
    #[error("no user has an item to be found, so there is nothing to measure")]
    NoUsers,
    /// A batch must hold someone.
    #[error("the evaluation batch must be at least 1 user")]
    EmptyBatch,
    /// A metric is asked for twice.
    #[error("the metric `{metric}` is asked for twice")]
    DuplicateMetric {
        /// The metric.
        metric: String,
    },
    /// A user is to be judged twice.
    #[error("user {user} is to be judged twice")]
    DuplicateUser {
        /// Index of the user.
        user: u32,
    },
    /// A user has no row.
    #[error("user {user} is outside the {users} users of the {rows} items")]
    UserOutside {
        /// Index of the user.
        user: u32,
        /// `relevant` or `masked`.
        rows: &'static str,
        /// Number of users in these rows.
        users: usize,
    },
    /// An item is not in the catalogue.
    #[error("item {item} among the {rows} items of user {user} is outside the catalogue of {items} items")]
    ItemOutside {
        /// Index of the user.
        user: u32,
        /// Index of the item.
        item: u32,
        /// `relevant` or `masked`.
        rows: &'static str,
        /// Size of the catalogue.
        items: usize,
    },
    /// A user without relevant items cannot be judged.
    #[error("user {user} has no item to be found, so no list could be right or wrong")]
    NothingToFind {
        /// Index of the user.
        user: u32,
    },
    /// The popularity is not that of the catalogue.
    #[error("the popularity is given for {given} items, the catalogue has {items}")]
    Popularity {
        /// Number of values.
        given: usize,
        /// Size of the catalogue.
        items: usize,
    },
    /// The order of equal scores is not that of the catalogue.
    #[error("the order of equal scores is given for {given} items, the catalogue has {items}")]
    Ties {
        /// Number of places.
        given: usize,
        /// Size of the catalogue.
        items: usize,
    },
    /// A score cannot be ranked.
    #[error(
        "the score of item {item} for user {user} is {value}: a score must be a number, or −∞ for an item never to be listed"
    )]
    Score {
        /// Index of the user.
        user: u32,
        /// Index of the item.
        item: u32,
        /// NaN (also where no score was written) or +∞.
        value: f32,
    },
    /// The scores could not be made.
    #[error("cannot score the {users} users from number {first} of the judged on: {source}")]
    Scores {
        /// Position of the first user of the batch.
        first: usize,
        /// Size of the batch.
        users: usize,
        /// Why.
        source: BoxError,
    },
}
