//! What the columns of a file without names are for, by their content.

use super::ColumnSummary;
use super::evidence::Evidence;
use crate::config::{Column, DataConfig};
use crate::source::Role;

/// Parts of usual kinds of events.
const EVENTS: [&str; 25] = [
    "view",
    "click",
    "buy",
    "bought",
    "purchas",
    "order",
    "transact",
    "cart",
    "basket",
    "fav",
    "like",
    "play",
    "skip",
    "share",
    "follow",
    "comment",
    "watch",
    "wish",
    "impression",
    "checkout",
    "download",
    "install",
    "listen",
    "search",
    "rate",
];
/// Usual kinds of events that may be parts of other words.
const WHOLE_EVENTS: [&str; 4] = ["pv", "read", "add", "remove"];
/// More different values are no kinds of events.
const KINDS: u64 = 20;
/// Fewer rows say little of what their columns hold.
const SHORT: u64 = 20;
/// Columns with more different values are hardly categories.
const FEW: u64 = 20;

/// The columns as far as they are known; places are those in the file.
struct Roles<'a> {
    columns: &'a [ColumnSummary],
    taken: Vec<Option<Role>>,
}

/// Fills in the columns that are left open.
pub(super) fn fill(data: &mut DataConfig, given: &[(Role, usize)], columns: &[ColumnSummary]) {
    let mut roles = Roles { columns, taken: vec![None; columns.len()] };
    for (role, at) in given {
        roles.taken[*at] = Some(*role);
    }
    let open = |roles: &Roles<'_>, role| !roles.taken.contains(&Some(role));
    if open(&roles, Role::Event) {
        roles.take(Role::Event, Roles::event);
    }
    // First, because what may be a rating may be needed for ids when it is asked what may be a time.
    let rating = if open(&roles, Role::Rating) { roles.rating() } else { None };
    if open(&roles, Role::Time) {
        roles.take(Role::Time, |roles| roles.time(rating));
    }
    if let Some(at) = rating.filter(|at| roles.taken[*at].is_none()) {
        roles.taken[at] = Some(Role::Rating);
    }
    roles.ids();
    for (role, column) in [
        (Role::User, &mut data.user),
        (Role::Item, &mut data.item),
        (Role::Rating, &mut data.rating),
        (Role::Event, &mut data.event),
        (Role::Time, &mut data.time),
    ] {
        if column.is_none() {
            let at = roles.taken.iter().position(|taken| *taken == Some(role));
            *column = at.map(|at| Column::Position(at + 1));
        }
    }
}

impl<'a> Roles<'a> {
    fn take(&mut self, role: Role, find: impl FnOnce(&Self) -> Option<usize>) {
        if let Some(at) = find(self) {
            self.taken[at] = Some(role);
        }
    }

    /// The columns without a role.
    fn free(&self) -> impl Iterator<Item = (usize, &'a ColumnSummary)> {
        self.columns.iter().enumerate().filter(|(at, _)| self.taken[*at].is_none())
    }

    /// Those of them that can hold ids.
    fn for_ids(&self) -> impl Iterator<Item = (usize, &'a ColumnSummary)> {
        self.free().filter(|(_, c)| c.can_be_id())
    }

    /// How many ids are still to be found.
    fn wanted(&self) -> usize {
        2 - self.taken.iter().flatten().filter(|role| matches!(role, Role::User | Role::Item)).count()
    }

    /// Whether there are enough columns for ids besides one, which are not better taken for times.
    fn spares(&self, at: usize, fits: impl Fn(&ColumnSummary) -> bool) -> bool {
        let clear = |at: &usize| self.columns[*at].time_evidence().is_some_and(|evidence| evidence >= 0.7);
        let time = self.likeliest_time().filter(clear);
        self.for_ids().filter(|(other, c)| *other != at && Some(*other) != time && fits(c)).count() >= self.wanted()
    }

    fn event(&self) -> Option<usize> {
        let few = |c: &ColumnSummary| c.kind == "text" && c.distinct <= KINDS && c.evidence.dates == 0;
        let known = self.free().find(|(_, c)| few(c) && c.kinds().iter().any(|(kind, _)| is_event(kind)));
        let word = |kind: &str| kind.len() >= 3 && kind.bytes().all(|b| b.is_ascii_lowercase() || b"_- ".contains(&b));
        let words = |at: usize, c: &ColumnSummary| {
            few(c)
                && (2..=10).contains(&c.distinct)
                && c.evidence.values >= 10 * c.distinct
                && c.kinds().iter().all(|(kind, _)| word(kind))
                && self.spares(at, |other| other.distinct > c.distinct)
        };
        known.or_else(|| self.free().find(|(at, c)| words(*at, c))).map(|(at, _)| at)
    }

    /// The column that looks most like ratings: of fractions rather than of whole numbers, from the ends of a usual scale rather than
    /// from elsewhere, of few different numbers rather than of many, and the last of several. Of a short log only its place says
    /// something.
    fn rating(&self) -> Option<usize> {
        // Where rows are events of several kinds, another number is hardly a rating.
        if self.taken.contains(&Some(Role::Event)) {
            return None;
        }
        let short = |c: &ColumnSummary| c.evidence.values < SHORT;
        let varied = |c: &ColumnSummary| c.distinct > 1 || short(c);
        let more = |at: usize, c: &ColumnSummary| {
            self.spares(at, |other| other.distinct >= c.distinct && !other.looks_like_counts())
        };
        let clear = |at: usize, c: &ColumnSummary| c.is_on_a_scale() || short(c) || more(at, c);
        let possible = self
            .free()
            .filter(|(at, c)| c.looks_like_rating() && (!c.can_be_id() || self.spares(*at, varied) && clear(*at, c)));
        let better = |(at, c): &(usize, &ColumnSummary)| {
            let (scale, few) = if short(c) { (false, 0) } else { (c.is_on_a_scale(), c.distinct) };
            (c.kind == "number", scale, std::cmp::Reverse(few), *at)
        };
        possible.max_by_key(better).map(|(at, _)| at)
    }

    fn likeliest_time(&self) -> Option<usize> {
        let evidence = self.free().filter_map(|(at, c)| Some((at, c.time_evidence()?)));
        evidence.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
    }

    /// The column that looks most like times, unless it is needed for ids and may hold some.
    fn time(&self, rating: Option<usize>) -> Option<usize> {
        let best = self.likeliest_time()?;
        let other = |at: usize, c: &ColumnSummary| Some(at) != rating && !c.looks_like_counts() && c.distinct > 1;
        let enough = self.for_ids().filter(|(at, c)| *at != best && other(*at, c)).count() >= self.wanted();
        (enough || self.columns[best].is_time_for_sure()).then_some(best)
    }

    /// User and item: of the columns that can hold ids those with the least against them, the user before the item.
    fn ids(&mut self) {
        // Of columns that are doubtful the one with the most ids is the likelier one.
        let order = |(at, c): (usize, &ColumnSummary)| {
            let doubt = doubt(c);
            (doubt, std::cmp::Reverse(if doubt > 2 { c.distinct } else { 0 }), at)
        };
        let mut found: Vec<_> = self.for_ids().map(order).collect();
        found.sort_unstable();
        found.truncate(self.wanted());
        let mut found: Vec<usize> = found.into_iter().map(|(_, _, at)| at).collect();
        found.sort_unstable();
        let mut found = found.into_iter();
        for role in [Role::User, Role::Item] {
            if !self.taken.contains(&Some(role))
                && let Some(at) = found.next()
            {
                self.taken[at] = Some(role);
            }
        }
    }
}

/// How much speaks against ids.
fn doubt(c: &ColumnSummary) -> u8 {
    let rows = c.evidence.values;
    let negative = c.number_range().is_some_and(|(least, _)| least < 0.0);
    let doubts = [
        (c.is_time_by_its_course(), 9),
        (c.missing > rows, 8),
        (c.distinct <= 1 && rows > 1, 7),
        (c.looks_like_counts() || negative, 6),
        (c.numbers_rows() || c.is_time_for_sure(), 5),
        (c.distinct <= FEW && rows >= 10 * c.distinct, 4),
        (c.time_evidence().is_some_and(|evidence| evidence >= 0.5), 3),
        (10 * c.evidence.phrases >= rows.max(1), 2),
        (5 * c.missing > rows, 1),
    ];
    doubts.iter().find(|(there, _)| *there).map_or(0, |(_, doubt)| *doubt)
}

/// Whether a text is a usual kind of event.
pub(super) fn is_event(kind: &str) -> bool {
    let kind = kind.to_lowercase();
    WHOLE_EVENTS.contains(&&*kind) || kind.len() <= 24 && EVENTS.iter().any(|part| kind.contains(part))
}

impl ColumnSummary {
    /// Whether the content does not speak against ids: no dates, and no numbers with a fraction.
    pub(super) fn can_be_id(&self) -> bool {
        matches!(self.kind, "integer" | "number" | "text")
            && self.evidence.dates == 0
            && self.evidence.fractions == 0
            && !self.looks_like_unread_dates()
    }

    fn looks_like_rating(&self) -> bool {
        let within = |least: f64, greatest: f64| least >= -10.0 && greatest <= 10.0;
        self.can_be(Role::Rating)
            && (2..=101).contains(&self.distinct)
            && self.number_range().is_some_and(|(least, greatest)| within(least, greatest))
            && !self.looks_like_counts()
            && (self.evidence.values < SHORT || self.number_range() != Some((1.0, 2.0)) || self.evidence.fractions > 0)
    }

    /// Whether the numbers end where a usual scale of ratings does.
    pub(super) fn is_on_a_scale(&self) -> bool {
        let ends = |(least, greatest): (f64, f64)| least <= 1.0 && [1.0, 3.0, 4.0, 5.0, 10.0].contains(&greatest);
        self.number_range().is_some_and(ends)
    }

    /// Whether nothing but few different numbers says that it is a rating.
    pub(super) fn is_hardly_a_rating(&self) -> bool {
        self.evidence.values >= SHORT && self.evidence.fractions == 0 && !self.is_on_a_scale()
    }

    /// Whether each row has the next number, as rows do that are numbered.
    fn numbers_rows(&self) -> bool {
        let Evidence { values, .. } = &self.evidence;
        self.kind == "integer"
            && *values >= SHORT
            && self.distinct == *values
            && self.evidence.only_rises()
            && self.number_range().is_some_and(|(a, b)| b - a < *values as f64)
    }
}
