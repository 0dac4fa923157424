//! What an inspection proposes: a least rating, a split, and what a core would leave.

use serde::Serialize;

use super::ColumnSummary;
use crate::config::SplitConfig;
use crate::interactions::Interactions;
use crate::read::left_by_core;
use crate::split::split;

/// Ratings beyond this are counts of something.
const GREATEST_RATING: f64 = 100.0;
/// A user or an item with fewer rows says little.
const CORE: usize = 5;

/// How many rows have a rating.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RatingCount {
    /// The rating.
    pub rating: f64,
    /// Rows that have it.
    pub rows: u64,
}

/// How many rows are of a kind of event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventCount {
    /// The kind.
    pub event: String,
    /// Rows of it.
    pub rows: u64,
}

/// How many users have so many items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LengthCount {
    /// The fewest items.
    pub from: usize,
    /// The most; `None` without a bound.
    pub to: Option<usize>,
    /// Users who have as many.
    pub users: usize,
}

/// The least rating that says that an item was liked: four fifths of the greatest, and the greatest where that is at most 1.
/// `None` if all ratings are equal, go beyond those of ratings or look like counts.
pub(super) fn least_rating(column: &ColumnSummary) -> Option<f64> {
    let (least, greatest) = (column.numbers.first()?.0, column.numbers.last()?.0);
    if column.looks_like_counts() || least >= greatest || greatest > GREATEST_RATING || greatest <= 0.0 {
        return None;
    }
    let wanted = if greatest <= 1.0 { greatest } else { (0.8 * greatest).round() };
    (least < wanted).then_some(wanted)
}

/// How many users have how many items.
pub(super) fn lengths(log: &Interactions) -> Vec<LengthCount> {
    const FROM: [usize; 8] = [1, 2, 3, 5, 10, 20, 50, 100];
    let mut counts: Vec<LengthCount> = (0..FROM.len())
        .map(|nth| LengthCount { from: FROM[nth], to: FROM.get(nth + 1).map(|next| next - 1), users: 0 })
        .collect();
    for items in of_users(log) {
        counts[FROM.partition_point(|from| *from <= items) - 1].users += 1;
    }
    counts
}

fn of_users(log: &Interactions) -> Vec<usize> {
    let mut items = vec![0; log.users.len()];
    log.user.iter().for_each(|user| items[*user as usize] += 1);
    items
}

/// A split by time that leaves most of the users who are judged a history: by two moments, or else by each user's last
/// items. `None` without times, or where neither can be made.
pub(super) fn by_time(log: &Interactions) -> Option<SplitConfig> {
    log.time.as_ref()?;
    let temporal = SplitConfig::Temporal { validation: 0.1, test: 0.2 };
    if let Ok(cut) = split(log, &temporal, 0) {
        let judged: Vec<usize> = (0..cut.test.len()).filter(|user| !cut.test.row(*user).is_empty()).collect();
        let known = judged.iter().filter(|user| !cut.train.row(**user).is_empty()).count();
        if 2 * known >= judged.len() {
            return Some(temporal);
        }
    }
    let last = SplitConfig::LeaveLast { validation: 1, test: 1 };
    split(log, &last, 0).is_ok().then_some(last)
}

/// What a core would leave, where a fifth of the users or items have few rows.
pub(super) fn core(log: &Interactions) -> Option<String> {
    let few = |counts: &[usize]| counts.iter().filter(|n| **n < CORE).count() as f64 / counts.len().max(1) as f64;
    let mut of_items = vec![0; log.items.len()];
    log.item.iter().for_each(|item| of_items[*item as usize] += 1);
    let (users, items) = (few(&of_users(log)), few(&of_items));
    if users.max(items) < 0.2 {
        return None;
    }
    let [rows, left_users, left_items] = left_by_core(log, CORE);
    let left = if rows == 0 {
        "would leave nothing".to_owned()
    } else {
        format!(
            "would leave {rows} of {} pairs, {left_users} of {} users and {left_items} of {} items",
            log.user.len(),
            log.users.len(),
            log.items.len()
        )
    };
    Some(format!(
        "{:.1} % of the users and {:.1} % of the items have fewer than {CORE} rows, of which little can be learned; \
         `--core {CORE}` (data.filter.core) {left}",
        100.0 * users,
        100.0 * items
    ))
}
