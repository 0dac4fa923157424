//! A prepared data set with everything in the training part: what a final model is trained on.

use crate::config::SplitConfig;
use crate::dataset::{HistoryDataset, Manifest};
use crate::mainstream::mainstream_among;
use crate::rows::Rows;

impl HistoryDataset {
    /// The same data with nothing held out: each user's training, validation and test items are his history, every user is
    /// learned from, and the mainstream scores are those of the whole histories. `seed` is that of a sample of the users, where
    /// they are too many to compare all.
    #[must_use]
    pub fn whole(&self, seed: u64) -> Self {
        let users = self.users.len();
        let of_user = |user: usize| [&self.train, &self.validation, &self.test].map(|part| part.row(user)).concat();
        let train = Rows::from_lists((0..users).map(of_user));
        let learns = vec![true; users];
        let (mainstream, method) = mainstream_among(&train, &learns, self.items.len(), seed);
        let manifest = Manifest {
            split: SplitConfig::All {},
            train: train.pairs(),
            validation: 0,
            test: 0,
            train_only_users: 0,
            held_out_users: 0,
            mainstream: method,
            ..self.manifest.clone()
        };
        let (validation, test) = (Rows::empty(users), Rows::empty(users));
        let mut whole = Self { train, validation, test, learns, mainstream, manifest, ..self.clone() };
        whole.manifest.content_hash = whole.content_hash();
        whole
    }
}
