//! What is kept of a log: row by row while it streams, then once per pair.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::config::Filter;
use crate::dataset::{SeenCount, StepCount};
use crate::error::DataError;
use crate::interactions::Part;
use crate::place::shortened;
use crate::time;

/// The filters that look at one row at a time, in their order, with what each has dropped.
pub(crate) struct Sieve {
    min_rating: Option<f64>,
    events: Vec<String>,
    from: Option<i64>,
    until: Option<i64>,
    seen_events: Vec<String>,
    dropped: [u64; 4],
    /// Dropped rows that count as seen: for a low rating, for being too old, and for each kind of `seen_events`.
    seen_low: u64,
    seen_old: u64,
    seen_of_kind: Vec<u64>,
    dropped_values: DroppedValues,
}

/// Kinds of event that are counted; a column with more holds something else.
const KINDS: usize = 1000;
/// Kinds of event that a message names.
const SHOWN: usize = 10;

/// What the dropped rows had instead, of each filter.
#[derive(Default)]
struct DroppedValues {
    greatest_rating: Option<f64>,
    /// Kinds of event of the rows that any filter dropped, with their numbers.
    events: BTreeMap<String, u64>,
    latest: Option<i64>,
    earliest: Option<i64>,
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays.
    Kept,
    /// It is dropped, and says that the user has seen the item.
    Seen,
    /// It is dropped.
    Dropped,
}

impl Sieve {
    pub(crate) fn new(filter: &Filter) -> Result<Self, DataError> {
        if let Some(value) = filter.min_rating.filter(|v| !v.is_finite()) {
            let expected = "a finite number";
            return Err(DataError::BadFilter { key: "min_rating", value: value.to_string(), expected });
        }
        let from = filter.from.as_ref().map(|b| time::bound("from", b)).transpose()?;
        let until = filter.until.as_ref().map(|b| time::bound("until", b)).transpose()?;
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            let expected = "a time after `--from`";
            return Err(DataError::BadFilter { key: "until", value: time::shown(until), expected });
        }
        check_seen_events(filter)?;
        Ok(Self {
            min_rating: filter.min_rating,
            events: filter.events.clone(),
            from,
            until,
            seen_events: filter.seen_events.clone(),
            dropped: [0; 4],
            seen_low: 0,
            seen_old: 0,
            seen_of_kind: vec![0; filter.seen_events.len()],
            dropped_values: DroppedValues::default(),
        })
    }

    /// Whether a dropped row can count as seen.
    pub(crate) fn sees(&self) -> bool {
        self.min_rating.is_some() || self.from.is_some() || !self.seen_events.is_empty()
    }

    /// What becomes of a row. What a filter needs is there: the caller checks it for each row.
    ///
    /// A dropped row counts as seen unless its event is of a kind that neither `events` nor `seen_events` names, or it lies
    /// at or after `until`: what has not happened yet is not known.
    #[inline]
    pub(crate) fn fate(&mut self, rating: Option<f64>, event: Option<&str>, time: Option<i64>) -> Fate {
        let falls = [
            self.min_rating.zip(rating).is_some_and(|(least, rating)| rating < least),
            !self.events.is_empty() && event.is_some_and(|event| !self.events.iter().any(|e| e == event)),
            self.from.zip(time).is_some_and(|(from, time)| time < from),
            self.until.zip(time).is_some_and(|(until, time)| time >= until),
        ];
        let Some(step) = falls.iter().position(|&falls| falls) else { return Fate::Kept };
        self.dropped[step] += 1;
        self.dropped_values.note(step, rating, event, time);
        let [low, other_kind, _, to_come] = falls;
        let kind = if other_kind { self.seen_events.iter().position(|e| Some(e.as_str()) == event) } else { None };
        if to_come || (other_kind && kind.is_none()) {
            return Fate::Dropped;
        }
        match kind {
            Some(kind) => self.seen_of_kind[kind] += 1,
            None if low => self.seen_low += 1,
            None => self.seen_old += 1,
        }
        Fate::Seen
    }

    /// Which dropped rows count as seen, also where there are none.
    pub(crate) fn seen_rows(&self) -> Vec<SeenCount> {
        let low = self.min_rating.map(|least| SeenCount { what: format!("rating < {least}"), rows: self.seen_low });
        let old =
            self.from.map(|from| SeenCount { what: format!("time < {}", time::shown(from)), rows: self.seen_old });
        let kinds = self.seen_events.iter().zip(&self.seen_of_kind);
        let kinds = kinds.map(|(kind, &rows)| SeenCount { what: format!("event {kind}"), rows });
        low.into_iter().chain(old).chain(kinds).collect()
    }

    /// The rows of the table for the filters that are set, after `rows` that could be read.
    pub(crate) fn steps(&self, mut rows: u64) -> Vec<StepCount> {
        let mut steps = Vec::new();
        for (name, dropped) in self.names().into_iter().zip(self.dropped) {
            if let Some(step) = name {
                rows -= dropped;
                steps.push(StepCount { step, rows, users: None, items: None, dropped });
            }
        }
        steps
    }

    /// The filters as steps; nothing for those that are not set.
    fn names(&self) -> [Option<String>; 4] {
        [
            self.min_rating.map(|least| format!("rating >= {least}")),
            (!self.events.is_empty()).then(|| format!("event is {}", self.events.join(" or "))),
            self.from.map(|from| format!("time >= {}", time::shown(from))),
            self.until.map(|until| format!("time < {}", time::shown(until))),
        ]
    }

    /// What to change where this step dropped all rows.
    pub(crate) fn instead(&self, step: &str) -> Option<String> {
        let DroppedValues { greatest_rating, events, latest, earliest } = &self.dropped_values;
        let place = self.names().iter().position(|name| name.as_deref() == Some(step))?;
        Some(match place {
            0 => {
                format!("the greatest rating is {}; lower `--min-rating` (data.filter.min_rating)", (*greatest_rating)?)
            }
            1 => {
                if let Some(kept) = self.events.iter().find(|kind| events.contains_key(*kind)) {
                    return Some(format!(
                        "the log has `{}`, but another filter, such as `--min-rating`, drops all its rows",
                        shortened(kept)
                    ));
                }
                let mut kinds: Vec<(&String, &u64)> = events.iter().collect();
                kinds.sort_by_key(|(_, rows)| Reverse(**rows));
                let more = kinds.len().saturating_sub(SHOWN);
                let shown = kinds.iter().take(SHOWN).map(|(kind, _)| format!("`{}`", shortened(kind)));
                let mut shown = shown.collect::<Vec<_>>().join(", ");
                if more > 0 {
                    shown = format!("{shown} and {more} more");
                }
                let kinds = if shown.is_empty() { "no kinds of event".to_owned() } else { shown };
                format!("the log has {kinds}; say with `--events` (data.filter.events) which of them are kept")
            }
            2 => format!("the latest time is {}; set `--from` (data.filter.from) before it", time::shown((*latest)?)),
            _ => format!(
                "the earliest time is {}; set `--until` (data.filter.until) after it",
                time::shown((*earliest)?)
            ),
        })
    }
}

impl DroppedValues {
    fn note(&mut self, step: usize, rating: Option<f64>, event: Option<&str>, time: Option<i64>) {
        if let Some(event) = event {
            let room = self.events.len() < KINDS;
            match self.events.get_mut(event) {
                Some(rows) => *rows += 1,
                None if room => drop(self.events.insert(event.to_owned(), 1)),
                None => {}
            }
        }
        match step {
            0 => self.greatest_rating = rating.into_iter().chain(self.greatest_rating).reduce(f64::max),
            1 => {}
            2 => self.latest = self.latest.max(time),
            _ => self.earliest = self.earliest.into_iter().chain(time).min(),
        }
    }
}

/// Refuses kinds of event that cannot be both dropped and seen.
fn check_seen_events(filter: &Filter) -> Result<(), DataError> {
    let key = "seen_events";
    let Some(first) = filter.seen_events.first() else { return Ok(()) };
    if filter.events.is_empty() {
        let expected = "`events` as well, the kinds to keep: without it all kinds are kept";
        return Err(DataError::BadFilter { key, value: first.clone(), expected });
    }
    let seen = filter.seen_events.iter().enumerate();
    for (nth, kind) in seen {
        let expected = if filter.events.contains(kind) {
            "kinds that `events` does not keep; what is kept is seen anyway"
        } else if filter.seen_events[..nth].contains(kind) {
            "each kind once"
        } else {
            continue;
        };
        return Err(DataError::BadFilter { key, value: kind.clone(), expected });
    }
    Ok(())
}

/// The rows that are left, as columns; users and items are indices.
pub(crate) struct Pairs {
    pub(crate) user: Vec<u32>,
    pub(crate) item: Vec<u32>,
    pub(crate) time: Option<Vec<i64>>,
    pub(crate) part: Option<Vec<Part>>,
}

impl Pairs {
    pub(crate) fn len(&self) -> usize {
        self.user.len()
    }

    /// Orders the rows by user, then item, and keeps of several rows of one pair the earliest; of those at one time,
    /// or without times, the first of the log. The result does not depend on the order of rows with distinct times.
    pub(crate) fn once_each(self, users: usize) -> Self {
        let Self { user, item, time, part } = self;
        // A counting sort by user, then small sorts within users: 4 bytes a row, and linear.
        let mut starts = vec![0_u32; users + 1];
        for &u in &user {
            starts[u as usize + 1] += 1;
        }
        for u in 0..users {
            starts[u + 1] += starts[u];
        }
        let mut order = vec![0_u32; user.len()];
        let mut next = starts.clone();
        for (row, &u) in user.iter().enumerate() {
            order[next[u as usize] as usize] = row as u32;
            next[u as usize] += 1;
        }
        drop(next);
        for u in 0..users {
            let rows = &mut order[starts[u] as usize..starts[u + 1] as usize];
            match &time {
                Some(time) => rows.sort_unstable_by_key(|&r| (item[r as usize], time[r as usize], r)),
                None => rows.sort_unstable_by_key(|&r| (item[r as usize], r)),
            }
        }
        order.dedup_by(|later, first| {
            let (a, b) = (*later as usize, *first as usize);
            user[a] == user[b] && item[a] == item[b]
        });
        // Column by column, so that only one stands twice at a time.
        let user = picked(user, &order);
        let item = picked(item, &order);
        let time = time.map(|time| picked(time, &order));
        let part = part.map(|part| picked(part, &order));
        Self { user, item, time, part }
    }
}

fn picked<T: Copy>(from: Vec<T>, order: &[u32]) -> Vec<T> {
    let picked = order.iter().map(|&row| from[row as usize]).collect();
    drop(from);
    picked
}

/// How often each index stands.
pub(crate) fn counts(of: &[u32], len: usize) -> Vec<u32> {
    let mut counts = vec![0; len];
    for &i in of {
        counts[i as usize] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(rows: &[(u32, u32, i64)]) -> Pairs {
        Pairs {
            user: rows.iter().map(|r| r.0).collect(),
            item: rows.iter().map(|r| r.1).collect(),
            time: Some(rows.iter().map(|r| r.2).collect()),
            part: None,
        }
    }

    #[test]
    fn the_earliest_of_a_pair_stays() {
        let once = pairs(&[(1, 0, 5), (0, 7, 9), (1, 0, 3), (0, 2, 1), (0, 7, 10)]).once_each(2);
        assert_eq!(once.user, [0, 0, 1]);
        assert_eq!(once.item, [2, 7, 0]);
        assert_eq!(once.time, Some(vec![1, 9, 3]));
    }

    #[test]
    fn without_times_the_first_of_a_pair_stays() {
        let mut log = pairs(&[(0, 1, 0), (0, 1, 0)]);
        log.time = None;
        log.part = Some(vec![Part::Test, Part::Train]);
        assert_eq!(log.once_each(1).part, Some(vec![Part::Test]));
    }

    #[test]
    fn each_filter_counts_what_it_alone_dropped() {
        let filter = Filter {
            min_rating: Some(4.0),
            from: Some(crate::TimeBound::Number(10)),
            until: Some(crate::TimeBound::Text("1970-01-01T00:00:20Z".into())),
            ..Filter::default()
        };
        let mut sieve = Sieve::new(&filter).unwrap();
        assert_eq!(sieve.fate(Some(3.5), None, Some(5_000_000_000)), Fate::Seen);
        assert_eq!(sieve.fate(Some(4.0), None, Some(9_999_999_999)), Fate::Seen);
        assert_eq!(sieve.fate(Some(4.0), None, Some(10_000_000_000)), Fate::Kept);
        assert_eq!(sieve.fate(Some(5.0), None, Some(20_000_000_000)), Fate::Dropped);
        let table: Vec<_> = sieve.steps(4).into_iter().map(|s| (s.step, s.rows, s.dropped)).collect();
        assert_eq!(
            table,
            [
                ("rating >= 4".into(), 3, 1),
                ("time >= 1970-01-01T00:00:10Z".into(), 2, 1),
                ("time < 1970-01-01T00:00:20Z".into(), 1, 1)
            ]
        );
    }

    #[test]
    fn a_time_range_without_a_moment_is_refused() {
        let filter = Filter {
            from: Some(crate::TimeBound::Number(5)),
            until: Some(crate::TimeBound::Number(5)),
            ..Filter::default()
        };
        assert!(matches!(Sieve::new(&filter), Err(DataError::BadFilter { key: "until", .. })));
    }

    #[test]
    fn a_dropped_row_is_seen_unless_its_kind_is_not_named_or_it_is_yet_to_come() {
        let filter = Filter {
            min_rating: Some(4.0),
            events: vec!["buy".into()],
            seen_events: vec!["return".into(), "view".into()],
            until: Some(crate::TimeBound::Number(10)),
            ..Filter::default()
        };
        let mut sieve = Sieve::new(&filter).unwrap();
        let fates = [
            (5.0, "buy", 1, Fate::Kept),
            (1.0, "buy", 1, Fate::Seen),
            (5.0, "return", 1, Fate::Seen),
            (1.0, "return", 1, Fate::Seen),
            (5.0, "cart", 1, Fate::Dropped),
            (1.0, "cart", 1, Fate::Dropped),
            (1.0, "buy", 10_000_000_000, Fate::Dropped),
            (5.0, "return", 10_000_000_000, Fate::Dropped),
        ];
        for (rating, event, time, fate) in fates {
            assert_eq!(sieve.fate(Some(rating), Some(event), Some(time)), fate, "{rating} {event} {time}");
        }
        let rows: Vec<_> = sieve.seen_rows().into_iter().map(|seen| (seen.what, seen.rows)).collect();
        assert_eq!(rows, [("rating < 4".into(), 1), ("event return".into(), 2), ("event view".into(), 0)]);
    }

    #[test]
    fn kinds_that_are_only_seen_are_named_once_and_beside_those_that_are_kept() {
        let filter = |events: &[&str], seen: &[&str]| Filter {
            events: events.iter().map(ToString::to_string).collect(),
            seen_events: seen.iter().map(ToString::to_string).collect(),
            ..Filter::default()
        };
        assert!(Sieve::new(&filter(&["buy"], &["view"])).is_ok());
        for wrong in [filter(&[], &["view"]), filter(&["buy"], &["buy"]), filter(&["buy"], &["view", "view"])] {
            assert!(matches!(Sieve::new(&wrong), Err(DataError::BadFilter { key: "seen_events", .. })));
        }
    }
}
