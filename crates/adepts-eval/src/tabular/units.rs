//! What a bootstrap draws: users with all their rows where users are known, or else single rows.

use std::ops::Range;

use adepts_data::seed;
use adepts_data::tabular::NO_USER;
use serde::{Deserialize, Serialize};

use crate::bootstrap::below;

use super::rows::Places;

/// What intervals and p-values take as independent of each other, and draw with replacement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resampled {
    /// Not known: the evaluation is of a version that did not say.
    #[default]
    Unknown,
    /// Users, each with all of his rows or lists; a row without a user alone.
    Users,
    /// Rows, because users are not known.
    Rows,
    /// Lists, because users are not known.
    Lists,
}

impl Resampled {
    /// Whether that is not known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }
}

/// The units of a bootstrap, in the places of their rows.
///
/// The number of units of a domain is taken as given, so that what holds for rows of other domains changes as little as can be in
/// one: units are drawn domain by domain, and a user with rows in several counts as one of the domain in which he has most (of equals
/// the first).
pub(super) enum Units<'a> {
    /// Each row by itself.
    Rows(&'a Places),
    /// The rows of a user together.
    Users(Users),
}

/// Rows by user.
pub(super) struct Users {
    /// The places of the first user, those of the second, and so on.
    places: Vec<u32>,
    /// Where the places of each user begin, and at the end their number.
    start: Vec<usize>,
    /// The users of each domain, domain after domain.
    of_domain: Vec<Range<usize>>,
    /// How many users have rows in each domain.
    present: Vec<usize>,
}

impl<'a> Units<'a> {
    /// The units of rows whose users are these, by row; single rows where users are not known.
    pub(super) fn of(user: &[u32], places: &'a Places) -> Self {
        if user.is_empty() { Self::Rows(places) } else { Self::Users(Users::of(user, places)) }
    }

    /// How many units have rows in a domain.
    pub(super) fn in_domain(&self, domain: usize) -> usize {
        match self {
            Self::Rows(places) => places.start[domain + 1] - places.start[domain],
            Self::Users(users) => users.present[domain],
        }
    }

    /// How many units there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Rows(places) => places.row.len(),
            Self::Users(users) => users.start.len() - 1,
        }
    }

    /// How often each row counts in one draw of as many units as there are.
    ///
    /// Each draw and domain has a random stream of its own, so the result is the same for any number of threads, and the same draws
    /// serve all runs.
    pub(super) fn draw(&self, seed: u64, resample: usize, counts: &mut [u32]) {
        counts.fill(0);
        let key = |domain: usize| [resample as u64, domain as u64];
        match self {
            Self::Rows(places) => {
                for (domain, ends) in places.start.windows(2).enumerate() {
                    let mut random = seed::stream(seed, "bootstrap rows", &key(domain));
                    let of_domain = &mut counts[ends[0]..ends[1]];
                    for _ in 0..of_domain.len() {
                        of_domain[below(&mut random, of_domain.len() as u32) as usize] += 1;
                    }
                }
            }
            Self::Users(users) => {
                for (domain, of_domain) in users.of_domain.iter().enumerate() {
                    let mut random = seed::stream(seed, "bootstrap users", &key(domain));
                    for _ in 0..of_domain.len() {
                        let user = of_domain.start + below(&mut random, of_domain.len() as u32) as usize;
                        for &place in &users.places[users.start[user]..users.start[user + 1]] {
                            counts[place as usize] += 1;
                        }
                    }
                }
            }
        }
    }
}

impl Users {
    fn of(user: &[u32], places: &Places) -> Self {
        let domains = places.start.len() - 1;
        // Rows by user, and of a user by place, that is domain by domain; a row without a user is one by itself.
        let mut rows: Vec<(u64, u32)> = (0..places.row.len())
            .map(|place| match user[places.row[place] as usize] {
                NO_USER => (u64::from(NO_USER) + u64::from(places.row[place]), place as u32),
                user => (u64::from(user), place as u32),
            })
            .collect();
        rows.sort_unstable();
        let domain_of = |place: u32| places.start.partition_point(|start| *start <= place as usize) - 1;
        let mut present = vec![0; domains];
        let mut users: Vec<(usize, &[(u64, u32)])> = Vec::new();
        for of_user in rows.chunk_by(|a, b| a.0 == b.0) {
            let (mut home, mut most) = (0, 0);
            for of_domain in of_user.chunk_by(|a, b| domain_of(a.1) == domain_of(b.1)) {
                let domain = domain_of(of_domain[0].1);
                present[domain] += 1;
                if of_domain.len() > most {
                    (home, most) = (domain, of_domain.len());
                }
            }
            users.push((home, of_user));
        }
        users.sort_by_key(|(home, _)| *home);
        let first = |domain: usize| users.partition_point(|(home, _)| *home < domain);
        let of_domain = (0..domains).map(|domain| first(domain)..first(domain + 1)).collect();
        let mut start = vec![0];
        for (_, of_user) in &users {
            start.push(start[start.len() - 1] + of_user.len());
        }
        let places = users.iter().flat_map(|(_, of_user)| of_user.iter().map(|(_, place)| *place)).collect();
        Self { places, start, of_domain, present }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_of_a_user_count_alike_and_the_users_of_a_domain_are_as_many_as_before() {
        // User 7 has two rows in the first domain and one in the second, user 3 one in each, user 9 one in the second.
        let domain = [0, 1, 0, 1, 0, 1, 1];
        let user = [7, 7, 7, 3, 3, 9, NO_USER];
        let places = Places::of_domains(&domain, 2);
        let units = Units::of(&user, &places);
        assert_eq!((units.len(), units.in_domain(0), units.in_domain(1)), (4, 2, 4));
        let mut seen = vec![false; 3];
        for resample in 0..50 {
            let mut counts = vec![0; 7];
            units.draw(1, resample, &mut counts);
            let of_row = |row: u32| counts[places.row.iter().position(|of| *of == row).unwrap()];
            assert!(of_row(0) == of_row(1) && of_row(1) == of_row(2) && of_row(3) == of_row(4));
            assert_eq!((of_row(0) + of_row(3), of_row(5) + of_row(6)), (2, 2), "two users of either domain");
            seen[of_row(0) as usize] = true;
        }
        assert_eq!(seen, [true; 3]);
    }

    #[test]
    fn without_users_each_row_is_drawn_by_itself() {
        let places = Places::of_domains(&[0, 0, 1], 2);
        let units = Units::of(&[], &places);
        let mut counts = vec![0; 3];
        units.draw(1, 0, &mut counts);
        assert_eq!((units.len(), units.in_domain(0), counts[0] + counts[1], counts[2]), (3, 2, 2, 1));
    }
}
