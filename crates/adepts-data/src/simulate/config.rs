//! What a simulated community is like.

use serde::{Deserialize, Serialize};

use crate::error::SimulationError;

/// What a simulated community is like; every field has a default, and the defaults imitate `MovieLens` 1M at the size
/// of a row: 2,000 users, 1,000 items, 60 interactions a user.
///
/// Sources of the numbers. **ML-1M**: 6,040 users, 3,706 items, 1,000,209 ratings, density 4.47 % (Harper and Konstan
/// 2015; the `LensKit` codex gives item Gini .634 and the days from 2000-04-25 to 2003-02-28), of which we measured: 20 ratings
/// at least, median 96, mean 165.6; the top 1, 5, 10, 20 and 50 % of the items take 8.7, 28.3, 44.5, 65.2 and 92.4 %.
/// **goodbooks**: 2,672 users of goodbooks-10k, of which we measured: the same shares are 17.1, 40.0, 53.1, 67.6 and
/// 87.4 %, item Gini .620.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationConfig {
    /// Number of users.
    pub users: usize,
    /// Size of the catalogue; items of the far tail may stay unused.
    pub items: usize,
    /// Mean number of interactions per user. The default of 60 in 1,000 items gives a density of 6 %, near the 4.5 % of
    /// ML-1M.
    pub interactions: f64,
    /// The fewest interactions of a user. The default is to the mean as in ML-1M, where both 20 of 166 were taken by
    /// choice of users: 10 of 60.
    pub least: usize,
    /// Spread of activity: interactions above `least` are log-normal with this standard deviation of the logarithm.
    /// ML-1M: median 96 and mean 166 over 20 at least give `sqrt(2 ln(146 / 76)) = 1.14`, which also meets the upper end
    /// (90 % of users under 347, measured 400; 99 % under 1,098, measured 903).
    pub spread: f64,
    /// Fall of popularity: the item with rank `r` (from 0) of `n` has weight `(r + 1 + head * n)^-popularity`. Together
    /// with `head` fitted, on a grid, to the mean of the shares of the top items in ML-1M and goodbooks. The defaults
    /// come out at 9.3, 31.5, 46.4, 63.3 and 86.7 %, item Gini .58.
    pub popularity: f64,
    /// How flat the head of popularity is, as a share of the items; see `popularity`.
    pub head: f64,
    /// Number of topics over the whole catalogue. ML-1M has 18 genres.
    pub topics: usize,
    /// The share of a mainstream user's interactions that comes from his favourite topic alone. In ML-1M the total
    /// variation distance between a user's first genres and everybody's is .32 for users of 50 to 200 ratings and .24
    /// for 200 to 400, of which .12 and .07 are expected by chance: about a fifth.
    pub topical: f64,
    /// Number of niches; the first is the largest, the k-th has members in proportion to 1/k. Kowald et al. ("Support the
    /// Underground", EPJ Data Science 2021) find four such groups, of uneven size, among listeners beyond the mainstream.
    pub niches: usize,
    /// The share of the users who belong to a niche. Abdollahpouri et al. ("The Unfairness of Popularity Bias in
    /// Recommendation", 2019) call the fifth of the users with the least popular histories the niche.
    pub niche_users: f64,
    /// The share of the items in the cluster of each niche, all from the less popular four fifths of the catalogue. No
    /// published figure: the default leaves as much of that part to nobody in particular as four niches take.
    pub niche_items: f64,
    /// The share of a niche user's interactions that comes from the cluster of his niche. Fitted to how popular
    /// histories are: from the fifth of the users with the least popular ones to the fifth with the most, .51, .65, .73,
    /// .80, .88 of them are among the most popular fifth of the items in ML-1M, and .43, .60, .68, .76, .85 in goodbooks;
    /// the defaults come out at .51, .66, .72, .77, .86.
    pub niche_taste: f64,
    /// Days from the first to the last interaction. ML-1M: 1,039.
    pub days: u32,
    /// Mean days for which a user stays. No published figure: short against `days`, so that a split by time sees users
    /// come and go.
    pub stay: f64,
    /// Whether there is a column `rating`. Ratings are the sum of 3.58, the user's leaning, the item's quality and
    /// chance (standard deviations .43, .55 and .87), rounded to 1 to 5: in ML-1M the mean is 3.58 and the deviations of
    /// the user means, the item means and of all ratings are .44, .55 and 1.12.
    pub ratings: bool,
    /// Seed of every draw.
    pub seed: u64,
}

impl Default for SimulationConfig {
    fn default() -> Self {
        Self {
            users: 2_000,
            items: 1_000,
            interactions: 60.0,
            least: 10,
            spread: 1.14,
            popularity: 1.5,
            head: 0.02,
            topics: 18,
            topical: 0.2,
            niches: 4,
            niche_users: 0.2,
            niche_items: 0.1,
            niche_taste: 0.7,
            days: 1_039,
            stay: 100.0,
            ratings: true,
            seed: 2024,
        }
    }
}

impl SimulationConfig {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// [`SimulationError`] with the field, its value and its range.
    pub fn check(&self) -> Result<(), SimulationError> {
        let items = self.items as f64;
        let ranges = [
            ("users", self.users as f64, 1.0, 1e9),
            ("items", items, 5.0, 1e7),
            ("least", self.least as f64, 1.0, items / 2.0),
            ("interactions", self.interactions, self.least as f64, items / 2.0),
            ("spread", self.spread, 0.0, 3.0),
            ("popularity", self.popularity, 0.0, 4.0),
            ("head", self.head, 0.0, 1.0),
            ("topics", self.topics as f64, 1.0, 1_000.0),
            ("topical", self.topical, 0.0, 1.0),
            ("niches", self.niches as f64, 0.0, 99.0),
            ("niche_users", self.niche_users, 0.0, 1.0),
            ("niche_taste", self.niche_taste, 0.0, 1.0),
            ("days", f64::from(self.days), 1.0, 36_525.0),
            ("stay", self.stay, 0.01, 36_525.0),
        ];
        for (field, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(SimulationError::Field { field, value, least, most });
            }
        }
        let fits = self.cluster() >= 1 && self.niches * self.cluster() <= self.items - self.items / 5;
        if self.niches > 0 && !(self.niche_items > 0.0 && fits) {
            let &Self { niches, niche_items, items, .. } = self;
            return Err(SimulationError::Clusters { niches, niche_items, items });
        }
        Ok(())
    }

    /// Number of items in the cluster of a niche.
    pub(super) fn cluster(&self) -> usize {
        (self.niche_items * self.items as f64).round() as usize
    }
}
