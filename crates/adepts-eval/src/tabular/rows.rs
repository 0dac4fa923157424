//! Rows in the orders that metrics walk through, and how often each of them counts.

use adepts_data::tabular::NO_USER;

use super::truth::Truth;

/// A probability is taken to be at least this far from 0 and 1, so that one certain mistake does not make the loss infinite.
const CLIP: f64 = 1e-7;

/// Where the rows of each domain stand when all rows are put domain by domain, in their own order within one. A row's place there
/// is what its count is kept under, so that one draw serves every run and every metric.
pub(super) struct Places {
    /// The row at each place.
    pub(super) row: Vec<u32>,
    /// The first place of each domain, and at the end the number of rows.
    pub(super) start: Vec<usize>,
}

impl Places {
    pub(super) fn of(truth: &Truth<'_>) -> Self {
        Self::of_domains(truth.domain, truth.domains.len())
    }

    /// Of rows of these domains, each below `domains`.
    pub(super) fn of_domains(domain: &[u32], domains: usize) -> Self {
        let mut start = vec![0; domains + 1];
        for &domain in domain {
            start[domain as usize + 1] += 1;
        }
        for domain in 0..domains {
            start[domain + 1] += start[domain];
        }
        let mut row: Vec<u32> = (0..domain.len() as u32).collect();
        row.sort_by_key(|&row| domain[row as usize]);
        Self { row, start }
    }
}

/// Some rows, sorted.
#[derive(Default)]
pub(super) struct Order {
    /// The place of each row.
    pub(super) place: Vec<u32>,
    /// Its probability.
    pub(super) score: Vec<f32>,
    /// Whether its label is 1.
    pub(super) positive: Vec<bool>,
    /// Whether its score, or its user, is another than that of the row before.
    pub(super) first: Vec<First>,
}

/// What begins with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Nothing: its score is that of the row before.
    Nothing,
    /// A score.
    Score,
    /// A user.
    User,
}

/// The rows of a domain, or all, of one run.
pub(super) struct Part {
    /// By score, from the lowest; of equal scores those with label 0 first, so that the order of the rows changes no figure.
    pub(super) by_score: Order,
    /// What each row of `by_score` costs (nats).
    loss: Vec<f64>,
    /// By user and then by score, without rows that have no user; empty where users are not known.
    pub(super) by_user: Order,
}

impl Part {
    /// The rows at these places.
    pub(super) fn of(truth: &Truth<'_>, score: &[f32], places: &Places, range: std::ops::Range<usize>) -> Self {
        let row = |place: u32| places.row[place as usize] as usize;
        let mut order: Vec<u32> = (range.start as u32..range.end as u32).collect();
        let key = |place: u32| (score[row(place)], truth.label[row(place)]);
        // The rows of all domains stand domain by domain, so equal keys need the row to keep their order. Adding 0 makes of −0 a 0.
        order.sort_unstable_by(|&a, &b| {
            let ((score_a, label_a), (score_b, label_b)) = (key(a), key(b));
            let by_score = (score_a + 0.0).total_cmp(&(score_b + 0.0));
            by_score.then(label_a.total_cmp(&label_b)).then(row(a).cmp(&row(b)))
        });
        let sorted = |place: Vec<u32>, user: Option<&[u32]>| {
            let first = |n: usize| {
                let (this, before) = (row(place[n]), row(place[n.saturating_sub(1)]));
                match user {
                    Some(user) if n == 0 || user[this] != user[before] => First::User,
                    _ if n == 0 || score[this] != score[before] => First::Score,
                    _ => First::Nothing,
                }
            };
            Order {
                score: place.iter().map(|&place| score[row(place)]).collect(),
                positive: place.iter().map(|&place| truth.label[row(place)] == 1.0).collect(),
                first: (0..place.len()).map(first).collect(),
                place,
            }
        };
        let by_user = if truth.user.is_empty() {
            Order::default()
        } else {
            let mut order: Vec<u32> =
                order.iter().copied().filter(|&place| truth.user[row(place)] != NO_USER).collect();
            order.sort_by_key(|&place| truth.user[row(place)]);
            sorted(order, Some(truth.user))
        };
        let by_score = sorted(order, None);
        let loss =
            by_score.score.iter().zip(&by_score.positive).map(|(&score, &label)| log_loss(score, label)).collect();
        Self { by_score, loss, by_user }
    }

    /// These rows, each as often as it counts: `counts` has a number for every place.
    pub(super) fn sample(&self, counts: &[u32]) -> Sample<'_> {
        let of = |order: &Order| order.place.iter().map(|&place| counts[place as usize]).collect();
        Sample { part: self, by_score: of(&self.by_score), by_user: of(&self.by_user) }
    }
}

/// Rows that each count so many times.
pub struct Sample<'a> {
    part: &'a Part,
    /// The counts in the order by score: gathered once, because every metric walks through them.
    by_score: Vec<u32>,
    /// The counts in the order by user.
    by_user: Vec<u32>,
}

/// One row of a sample.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// How often it counts.
    pub(super) count: u32,
    /// Its probability.
    pub(super) score: f32,
    /// Whether its label is 1.
    pub(super) positive: bool,
    /// What begins with it, also where it counts not at all.
    pub(super) first: First,
}

impl Sample<'_> {
    /// By score, from the lowest.
    pub(super) fn by_score(&self) -> impl Iterator<Item = Row> {
        walk(&self.part.by_score, &self.by_score)
    }

    /// By user, then by score; nothing where users are not known.
    pub(super) fn by_user(&self) -> impl Iterator<Item = Row> {
        walk(&self.part.by_user, &self.by_user)
    }

    /// How often each row counts, and what it costs (nats).
    pub(super) fn losses(&self) -> impl Iterator<Item = (u32, f64)> {
        self.by_score.iter().copied().zip(self.part.loss.iter().copied())
    }

    /// Number of rows, repeated ones counted again.
    pub(super) fn rows(&self) -> u64 {
        self.by_score.iter().map(|&count| u64::from(count)).sum()
    }
}

/// −ln of the probability of the label that came.
fn log_loss(score: f32, positive: bool) -> f64 {
    let p = f64::from(score).clamp(CLIP, 1.0 - CLIP);
    if positive { -p.ln() } else { -(-p).ln_1p() }
}

fn walk(order: &Order, counts: &[u32]) -> impl Iterator<Item = Row> {
    let columns = order.score.iter().zip(&order.positive).zip(&order.first);
    counts.iter().zip(columns).map(|(&count, ((&score, &positive), &first))| Row { count, score, positive, first })
}
