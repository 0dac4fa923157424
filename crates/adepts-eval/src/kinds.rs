//! Kinds of metrics: which values are good, what is measured, how a value is written.

/// Which values of a metric are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Larger ones.
    Higher,
    /// Smaller ones.
    Lower,
    /// Those near 1.
    One,
    /// None by itself: the metric describes and does not judge.
    Neither,
}

impl Better {
    /// A value turned so that more of it is better: as it is, with the other sign, or as minus its distance from 1, which is that of
    /// the logarithm.
    #[must_use]
    pub fn upwards(self, value: f64) -> f64 {
        match self {
            Self::Higher | Self::Neither => value,
            Self::Lower => -value,
            Self::One => -value.ln().abs(),
        }
    }
}

/// What a metric is measured of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One list; the mean over lists is reported.
    List,
    /// All lists together.
    AllLists,
    /// Rows with a probability and a label.
    Rows,
}

impl Scope {
    /// The scope in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::List => "of each user's list",
            Self::AllLists => "of all lists together",
            Self::Rows => "of tabular data",
        }
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// As a decimal number.
    Score,
    /// As a percentage.
    Share,
    /// As so many to one.
    Ratio,
}

/// A figure of several domains that early stopping can watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Of all rows or lists.
    Pooled,
    /// The mean over domains.
    Macro,
    /// That of the worst domain.
    Worst,
}

impl Form {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Pooled, Self::Macro, Self::Worst];

    /// What follows the name of the metric, as in `auc_macro`.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Pooled => "",
            Self::Macro => "_macro",
            Self::Worst => "_worst",
        }
    }
}

/// What is known of a metric apart from how it is computed.
#[derive(Debug)]
pub struct About {
    /// Its name, as in `ndcg@20` without the cut-off.
    pub name: &'static str,
    /// Its name for people, as a heading.
    pub label: &'static str,
    /// What it is measured of.
    pub scope: Scope,
    /// Which values are good.
    pub better: Better,
    /// How a value is written.
    pub unit: Unit,
    /// The figures of it that early stopping can watch; none if it cannot stop training.
    pub stop: &'static [Form],
    /// Whether it is measured within the rows of each user, so that it needs to know users.
    pub within_users: bool,
    /// Whether the table of runs in a terminal always has it. Without this it has it only as the main metric.
    pub overview: bool,
    /// What it is, in words and a formula, with its source.
    pub definition: &'static str,
}
