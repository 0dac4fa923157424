//! From the files of a log to [`Interactions`].
//!
//! Rows stream; what is kept of one is 8 bytes (the numbers of its user and item), 8 more with times and 1 more with a
//! split in the log. Growing columns may hold twice that for a moment; ordering them takes 4 bytes a row and one more
//! copy of the widest column. Preparing 20 million rows was measured at 27 bytes a row with times (0.54 GB) and 17
//! without, ids included; the most it can be is 50 and 30. An id takes about 26 bytes if it is a number, its length and
//! 40 bytes if it is text.

mod reader;
mod seen;

use crate::config::{BadRows, Column, DataConfig, Filter, SplitConfig};
use crate::cores::Core;
use crate::dataset::{SeenCount, StepCount};
use crate::error::DataError;
use crate::filter::{Pairs, Sieve, counts};
use crate::groups::GroupColumn;
use crate::id::Vocabulary;
use crate::interactions::Interactions;
use crate::intern::Interner;
use crate::layout;
use crate::nobody;
use crate::progress::{Progress, silent};
use crate::seen::SeenLog;
use crate::source::{Role, Source, usual};
use crate::time::{self, Clock, TimeUnit, unit_of};
use reader::Reader;

/// A log that has been read and filtered.
#[derive(Clone, Debug)]
pub struct Read {
    /// What is left, ordered by user, then item.
    pub interactions: Interactions,
    /// For each user that is left the items that are left and that he has in dropped rows alone: see
    /// [`crate::HistoryDataset::seen`].
    pub seen: SeenLog,
    /// Which dropped rows count as seen.
    pub seen_rows: Vec<SeenCount>,
    /// What each step kept and dropped.
    pub steps: Vec<StepCount>,
    /// Rows that could not be read and were skipped.
    pub skipped_rows: u64,
    /// The first of them, as messages.
    pub skipped_examples: Vec<String>,
    /// The configuration with the layout and the columns that were guessed.
    pub data: DataConfig,
    /// What the numbers of the column of times count; `None` where there are no times or they are no numbers.
    pub time_unit: Option<TimeUnit>,
    /// What was decided of the columns, and what of them is not used, in sentences.
    pub notes: Vec<String>,
}

/// Reads and filters a log. `split` says whether times are needed, and which column holds the split, if one does.
///
/// # Errors
/// Everything that can be wrong with files, columns, rows and filters; see [`DataError`].
pub fn read(data: &DataConfig, split: &SplitConfig, progress: Progress) -> Result<Read, DataError> {
    let sieve = Sieve::new(&data.filter)?;
    check_needs(data, split)?;
    let mut resolved = data.clone();
    let guessed = layout::fill(&mut resolved)?;
    if guessed.any() {
        progress(&guessed.to_string(), 0, None);
    }
    let mut source = Source::open(&resolved)?;
    let has = |role| usual(role, source.columns()).is_some();
    let usual_ones = (data.user.is_some() || has(Role::User)) && (data.item.is_some() || has(Role::Item));
    if !usual_ones || matches!(split, SplitConfig::Column { column } if source.find(column).is_err()) {
        source = source.with_all_keys()?;
    }
    let wanted = Wanted::new(&source, &mut resolved, split)?;

    let mut reader = Reader::new(&wanted, sieve, data.bad_rows);
    source.read(&wanted.columns, &mut reader, progress)?;
    let Reader { users, items, pairs, seen, groups, sieve, rows, skipped_rows, skipped_examples, .. } = reader;
    let time_unit = wanted.time_unit;
    let mut notes: Vec<String> =
        [users.note(&wanted.names[0]), items.note(&wanted.names[1])].into_iter().flatten().collect();
    notes.extend(guessed_columns(&wanted.names, data));
    notes.extend([(&users, 0), (&items, 1)].into_iter().filter_map(|(ids, slot)| ids.decimals(&wanted.names[slot])));
    notes.extend(ratings(&source, data));
    notes.extend(events(&source, data));
    let of_users: Vec<u64> = counts(&pairs.user, users.len()).into_iter().map(u64::from).collect();
    notes.extend(
        nobody::warnings(&of_users, |user| users.spelling(user)).into_iter().map(|text| format!("warning: {text}")),
    );

    let mut steps = vec![StepCount { step: "read".into(), rows, users: None, items: None, dropped: skipped_rows }];
    steps.extend(sieve.steps(rows));
    if let Some(last) = steps.last_mut() {
        (last.users, last.items) = (Some(users.len() as u64), Some(items.len() as u64));
    }
    let mut before = rows + skipped_rows;
    for step in &steps {
        some_left(step, before, |step| {
            let unread = || skipped_examples.first().filter(|_| step == "read").map(|row| format!("such as {row}"));
            sieve.instead(step).or_else(unread)
        })?;
        before = step.rows;
    }
    progress("order", 0, None);
    let interactions = finish(users, items, pairs, groups, &data.filter, &mut steps)?;
    let seen = match seen {
        Some(seen) => seen.log(&interactions),
        None => SeenLog::empty(interactions.users.len()),
    };
    let seen_rows = sieve.seen_rows();
    notes.extend(times(&interactions, wanted.time.map(|slot| wanted.names[slot].as_str()), time_unit));
    let data = resolved;
    Ok(Read { interactions, seen, seen_rows, steps, skipped_rows, skipped_examples, data, time_unit, notes })
}

/// Says that ratings drop no row, where there seem to be some.
fn ratings(source: &Source, data: &DataConfig) -> Option<String> {
    let columns = source.columns();
    if data.filter.min_rating.is_some() {
        return None;
    }
    if let Some(column) = &data.rating {
        let name = &columns[source.find(column).ok()?];
        return Some(format!(
            "a row counts whatever its `{name}`; `--min-rating` (data.filter.min_rating) sets the least that counts"
        ));
    }
    let name = &columns[usual(Role::Rating, columns)?];
    Some(format!(
        "the column `{name}` is not used, so a row counts whatever its rating; `--rating {name} --min-rating` sets the least \
         that counts"
    ))
}

/// Says which columns were taken for users and items by their names, where these do not say it themselves.
fn guessed_columns(names: &[String], data: &DataConfig) -> Option<String> {
    let of = |given: &Option<Column>, role: &str, name: &String| {
        let plain = name.to_lowercase().starts_with(role);
        (given.is_none() && !plain).then(|| format!("{role}s are in the column `{name}`, by its name"))
    };
    let found: Vec<String> =
        [of(&data.user, "user", &names[0]), of(&data.item, "item", &names[1])].into_iter().flatten().collect();
    (!found.is_empty()).then(|| found.join("; "))
}

/// Says that all kinds of events count alike, where there seem to be several.
fn events(source: &Source, data: &DataConfig) -> Option<String> {
    let columns = source.columns();
    if data.event.is_some() {
        return None;
    }
    let name = &columns[usual(Role::Event, columns)?];
    Some(format!(
        "the column `{name}` is not used, so all its kinds count alike; `--event {name} --events KIND` keeps only some kinds of \
         events"
    ))
}

/// Says how times were read, and from when to when they are.
fn times(log: &Interactions, column: Option<&str>, unit: Option<TimeUnit>) -> Option<String> {
    let (column, times) = (column?, log.time.as_ref()?);
    let (first, last) = (times.iter().min()?, times.iter().max()?);
    let unit = unit.map_or(String::new(), |unit| time::note(column, unit) + "; ");
    let (from, to) = (time::shown(*first), time::shown(*last));
    // A year after 1970, in nanoseconds.
    if (0..31_536_000_000_000_000).contains(first) && *last < 31_536_000_000_000_000 {
        return Some(format!("warning: {unit}all times lie in 1970, from {from} to {to}; does `{column}` hold times?"));
    }
    Some(format!("{unit}times are from {from} to {to}"))
}

/// What [`read`] would make of a log.
pub(crate) struct Readable {
    /// Rows that it could read, kept by the filter or not.
    pub(crate) rows: u64,
    /// Rows that it could not.
    pub(crate) skipped: u64,
    /// The first of those, as a message.
    pub(crate) example: Option<String>,
    /// What is left; `None` if that is nothing.
    pub(crate) left: Option<Interactions>,
}

/// What [`read`] would make of the rows if bad ones were skipped.
pub(crate) fn readable(source: &Source, data: &DataConfig) -> Result<Readable, DataError> {
    let wanted = Wanted::new(source, &mut data.clone(), &SplitConfig::default())?;
    let mut reader = Reader::new(&wanted, Sieve::new(&data.filter)?, BadRows::Skip);
    source.read(&wanted.columns, &mut reader, &mut silent)?;
    let Reader { users, items, pairs, rows, skipped_rows: skipped, skipped_examples, .. } = reader;
    let left = finish(users, items, pairs, Vec::new(), &Filter::default(), &mut Vec::new()).ok();
    Ok(Readable { rows, skipped, example: skipped_examples.into_iter().next(), left })
}

/// How many rows, users and items of a log are left if users and items with fewer rows than `core` are dropped.
pub(crate) fn left_by_core(log: &Interactions, core: usize) -> [usize; 3] {
    let mut pairs = Pairs { user: log.user.clone(), item: log.item.clone(), time: None, part: None };
    if pairs.core(log.users.len(), log.items.len(), Core { users: core, items: core }) == 0 {
        return [0; 3];
    }
    let present = |of: &[u32], len| counts(of, len).iter().filter(|&&n| n > 0).count();
    [pairs.len(), present(&pairs.user, log.users.len()), present(&pairs.item, log.items.len())]
}

/// Vocabularies in order, each pair once, the core, and only ids that are left.
fn finish(
    users: Interner,
    items: Interner,
    mut pairs: Pairs,
    groups: Vec<GroupColumn>,
    filter: &Filter,
    steps: &mut Vec<StepCount>,
) -> Result<Interactions, DataError> {
    let (users, user_place) = users.into_sorted();
    let (items, item_place) = items.into_sorted();
    for user in &mut pairs.user {
        *user = user_place[*user as usize];
    }
    for item in &mut pairs.item {
        *item = item_place[*item as usize];
    }
    let mut count = |pairs: &Pairs, step: String, before: usize| {
        let present = |of: &[u32], len| counts(of, len).iter().filter(|&&n| n > 0).count() as u64;
        let step = StepCount {
            step,
            rows: pairs.len() as u64,
            users: Some(present(&pairs.user, users.len())),
            items: Some(present(&pairs.item, items.len())),
            dropped: (before - pairs.len()) as u64,
        };
        let left = some_left(&step, before as u64, |_| None);
        steps.push(step);
        left
    };

    let before = pairs.len();
    let mut pairs = pairs.once_each(users.len());
    count(&pairs, "each pair once".into(), before)?;

    if let Some(core) = Core::of(filter) {
        let before = pairs.len();
        if pairs.core(users.len(), items.len(), core) == 0 {
            let instead = Some(pairs.instead_of(users.len(), items.len(), core));
            return Err(DataError::EmptyResult { step: core.step(), before: before as u64, instead });
        }
        count(&pairs, core.step(), before)?;
    }

    let mut number_of = vec![0; user_place.len()];
    for (number, &place) in user_place.iter().enumerate() {
        number_of[place as usize] = number as u32;
    }
    let (users, kept) = compact(users, &mut pairs.user);
    let (items, _) = compact(items, &mut pairs.item);
    let numbers: Vec<u32> = kept.iter().map(|&place| number_of[place as usize]).collect();
    let Pairs { user, item, time, part } = pairs;
    let columns = groups.into_iter().map(|group| group.finish(&numbers)).collect();
    Ok(Interactions { users, items, user, item, time, part, columns })
}

/// Drops ids that no row has; also gives the old index of each that is left.
fn compact(ids: Vocabulary, rows: &mut [u32]) -> (Vocabulary, Vec<u32>) {
    let counts = counts(rows, ids.len());
    let kept: Vec<u32> = (0..ids.len() as u32).filter(|&i| counts[i as usize] > 0).collect();
    if kept.len() == ids.len() {
        return (ids, kept);
    }
    let mut place = vec![0; ids.len()];
    for (at, &i) in kept.iter().enumerate() {
        place[i as usize] = at as u32;
    }
    for row in rows {
        *row = place[*row as usize];
    }
    let mut stays = counts.iter().map(|&n| n > 0);
    let mut stays = || stays.next().unwrap_or(false);
    let ids = match ids {
        Vocabulary::Int(mut ids) => {
            ids.retain(|_| stays());
            Vocabulary::Int(ids)
        }
        Vocabulary::Text(mut ids) => {
            ids.retain(|_| stays());
            Vocabulary::Text(ids)
        }
    };
    (ids, kept)
}

fn some_left(step: &StepCount, before: u64, instead: impl Fn(&str) -> Option<String>) -> Result<(), DataError> {
    if step.rows > 0 {
        return Ok(());
    }
    let step = step.step.clone();
    Err(DataError::EmptyResult { instead: instead(&step), step, before })
}

/// Columns that the filter or the split cannot do without.
fn check_needs(data: &DataConfig, split: &SplitConfig) -> Result<(), DataError> {
    let filter = &data.filter;
    let kind = match split {
        SplitConfig::LeaveLast { .. } => Some("leave-last"),
        SplitConfig::Temporal { .. } => Some("temporal"),
        _ => None,
    };
    let needs = [
        (filter.min_rating.map(|_| "the filter `min_rating`".to_owned()), &data.rating, Role::Rating),
        ((!filter.events.is_empty()).then(|| "the filter `events`".to_owned()), &data.event, Role::Event),
        ((!filter.seen_events.is_empty()).then(|| "the filter `seen_events`".to_owned()), &data.event, Role::Event),
        (filter.from.as_ref().map(|_| "the filter `from`".to_owned()), &data.time, Role::Time),
        (filter.until.as_ref().map(|_| "the filter `until`".to_owned()), &data.time, Role::Time),
        (kind.map(|kind| format!("the split `{kind}`")), &data.time, Role::Time),
    ];
    for (what, column, role) in needs {
        if let (Some(what), None) = (what, column) {
            return Err(DataError::NeedsColumn { what, role: role.key() });
        }
    }
    Ok(())
}

/// The columns to read, and which of them is what; the user's and the item's come first.
struct Wanted {
    columns: Vec<usize>,
    names: Vec<String>,
    rating: Option<usize>,
    event: Option<usize>,
    time: Option<usize>,
    time_unit: Option<TimeUnit>,
    clock: Clock,
    part: Option<usize>,
    groups: Vec<usize>,
}

impl Wanted {
    fn new(source: &Source, data: &mut DataConfig, split: &SplitConfig) -> Result<Self, DataError> {
        for (role, column) in [(Role::User, &mut data.user), (Role::Item, &mut data.item)] {
            if column.is_none() {
                let names = source.columns();
                let found = usual(role, names).ok_or_else(|| DataError::NoColumnFor {
                    path: source.files()[0].path.clone(),
                    role: role.key(),
                    columns: names.to_vec(),
                    named: source.delimiter().is_some() && data.header != Some(false),
                })?;
                *column = Some(Column::Name(names[found].clone()));
            }
        }
        let mut columns = Vec::new();
        let mut slot = |column: &Column| {
            columns.push(source.find(column)?);
            Ok::<_, DataError>(columns.len() - 1)
        };
        for column in data.user.iter().chain(&data.item) {
            slot(column)?;
        }
        let (user, item) = (columns[0], columns[1]);
        if user == item {
            return Err(DataError::SameColumn { column: source.columns()[user].clone() });
        }
        let mut slot = |column: &Column| {
            columns.push(source.find(column)?);
            Ok::<_, DataError>(columns.len() - 1)
        };
        let rating = data.rating.as_ref().map(&mut slot).transpose()?;
        let event = data.event.as_ref().map(&mut slot).transpose()?;
        let time = data.time.as_ref().map(&mut slot).transpose()?;
        let part = if let SplitConfig::Column { column } = split { Some(slot(column)?) } else { None };
        let groups = data.groups.iter().map(&mut slot).collect::<Result<_, _>>()?;
        let names = columns.iter().map(|&c| source.columns()[c].clone()).collect();
        let time_unit = match time {
            Some(slot) => unit_of(source, columns[slot])?,
            None => None,
        };
        let clock = Clock::new(time_unit.unwrap_or(TimeUnit::Seconds));
        Ok(Self { columns, names, rating, event, time, time_unit, clock, part, groups })
    }
}
