//! What was decided of a log, and what could be.

use super::roles::is_event;
use super::show::shell;
use super::{ColumnSummary, Inspection, advice};
use crate::config::SplitConfig;
use crate::interactions::Interactions;
use crate::source::Role;
use crate::time;

/// Names of columns that hold counts.
const COUNTS: [&str; 7] = ["count", "plays", "quantity", "qty", "listens", "clicks", "views"];
/// Kinds of events that say most, the strongest first.
const STRONG: [&str; 8] = ["purchas", "buy", "bought", "order", "transact", "cart", "fav", "like"];

/// What was decided of the log, and what could be. `ids_by_content` says that user or item were found without a name.
pub(super) fn notes(seen: &Inspection, left: Option<&Interactions>, ids_by_content: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if ids_by_content {
        notes.extend(ids(seen));
    }
    notes.extend(times(seen, left));
    notes.extend(events(seen));
    notes.extend(rating(seen));
    notes.extend(counts(seen));
    notes.extend(seen.split.as_ref().map(split));
    notes.extend(left.and_then(advice::core));
    notes
}

fn with_role(seen: &Inspection, role: Role) -> Option<&ColumnSummary> {
    seen.columns.iter().find(|c| c.role == Some(role))
}

/// Nothing but the order of the columns tells users from items.
fn ids(seen: &Inspection) -> Option<String> {
    let (user, item) = with_role(seen, Role::User).zip(with_role(seen, Role::Item))?;
    let others: Vec<String> = seen
        .columns
        .iter()
        .filter(|c| c.role.is_none() && c.can_be_id() && !c.looks_like_counts() && c.missing == 0 && c.distinct > 1)
        .map(|c| format!("`{}`", c.name))
        .collect();
    let others =
        if others.is_empty() { String::new() } else { format!(", and {} could hold ids too", others.join(", ")) };
    Some(format!(
        "that column `{}` is the user and column `{}` the item is a guess by their order{others}; if it is otherwise, set \
         `--user` and `--item`",
        user.name, item.name
    ))
}

fn times(seen: &Inspection, left: Option<&Interactions>) -> Vec<String> {
    if let Some(c) = with_role(seen, Role::Time) {
        let unit = c.time_unit.map_or(String::new(), |unit| time::note(&c.name, unit) + "; ");
        let times = left.and_then(|log| log.time.as_ref());
        let range = times.and_then(|times| times.iter().min().zip(times.iter().max()));
        let range = range
            .map(|(first, last)| format!("{unit}times are from {} to {}", time::shown(*first), time::shown(*last)));
        return range.into_iter().collect();
    }
    let free = || seen.columns.iter().filter(|c| c.role.is_none());
    let dates = free().filter(|c| c.kind == "time");
    let read = dates.chain(free().filter(|c| c.looks_recent())).map(|c| {
        format!(
            "column `{}` seems to hold times; if that is when each row happened, set `--time {}` (data.time)",
            c.name,
            shell(&c.name)
        )
    });
    let unread = free().filter(|c| c.looks_like_unread_dates()).map(|c| {
        format!(
            "column `{}` looks like dates in a form that is not read, such as `{}`; {}; write them so to use them as times",
            c.name,
            c.examples.first().map_or("", String::as_str),
            time::FORMS
        )
    });
    read.chain(unread).collect()
}

fn events(seen: &Inspection) -> Option<String> {
    let column = with_role(seen, Role::Event)?;
    if column.distinct < 2 {
        return None;
    }
    let kinds: Vec<&str> = seen.events.iter().map(|count| count.event.as_str()).collect();
    let strong = STRONG.iter().find_map(|part| kinds.iter().find(|kind| kind.to_lowercase().contains(part)));
    let rarest = || kinds.iter().rev().find(|kind| is_event(kind)).or(kinds.last());
    let example = strong.or_else(rarest).map_or(String::new(), |kind| format!(", as `--events {}` does", shell(kind)));
    Some(format!(
        "column `{}` has {} kinds of events, and all count alike; `--events` (data.filter.events) keeps only the kinds \
         that it names{example}, and `--seen-events` (data.filter.seen_events) names kinds that say only what a user has seen",
        column.name, column.distinct
    ))
}

fn rating(seen: &Inspection) -> Option<String> {
    let c = with_role(seen, Role::Rating)?;
    let Some(least) = seen.min_rating else {
        let why = match seen.header {
            _ if c.looks_like_counts() => ", which looks like counts",
            Some(false) if c.is_hardly_a_rating() => ", which could hold ratings or counts",
            _ => "",
        };
        return Some(format!(
            "no least rating is proposed for `{}`{why}, so a row counts whatever its rating; `--min-rating` sets one",
            c.name
        ));
    };
    let (all, kept) = seen.ratings.iter().fold((0, 0), |(all, kept), count| {
        (all + count.rows, kept + if count.rating >= least { count.rows } else { 0 })
    });
    let doubt = if seen.header == Some(false) { "; if these are counts and no ratings, leave it out" } else { "" };
    Some(format!(
        "`--min-rating {least}` is proposed, so that a low `{}` does not count as liking; it keeps {:.1} % of the rows{doubt}",
        c.name,
        100.0 * kept as f64 / (all as f64).max(1.0)
    ))
}

/// Columns of counts, which could be taken for ratings.
fn counts(seen: &Inspection) -> Vec<String> {
    let named = |c: &ColumnSummary| {
        let name = c.name.to_lowercase();
        seen.header == Some(false) || COUNTS.iter().any(|part| name.contains(part))
    };
    let counts = seen.columns.iter().filter(|c| c.role.is_none() && named(c) && c.looks_like_counts());
    counts
        .map(|c| {
            let most = c.commonest_count().map_or(String::new(), |(count, share)| {
                format!("{:.1} % are {count}, ", 100.0 * share)
            });
            format!(
                "column `{0}` looks like counts ({most}the most is {1}) and not like ratings, so a row counts whatever its number; \
                 `--rating {2} --min-rating N` would keep only rows from N on",
                c.name,
                c.max.as_deref().unwrap_or_default(),
                shell(&c.name)
            )
        })
        .collect()
}

fn split(split: &SplitConfig) -> String {
    match split {
        SplitConfig::Temporal { .. } => {
            "`--split temporal` is proposed, which tests on what happened last in the whole log; \
                                         `--split leave-last` would test on each user's last item"
        }
        _ => {
            "`--split leave-last` is proposed, which tests on each user's last item: most users who would be tested by \
              `--split temporal` have no earlier rows"
        }
    }
    .to_owned()
}
