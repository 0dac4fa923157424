//! What happened since the model was trained: kept on disk, and part of the next answer.
//!
//! One thread writes. It takes all that has come in while it was busy, writes that in one transaction and then tells everyone
//! that theirs is kept, so the cost of a sync to disk is shared by those who wait for it (group commit). Nothing is
//! acknowledged before the transaction is on disk. Others read through connections of their own and see what was committed
//! before they began.

mod error;
mod export;
mod journal;
mod schema;

pub use error::EventsError;
pub use export::export;
pub use journal::{Journal, Told, Waiting};

use std::fmt;

use adepts_data::Id;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::http::schema::IdSchema;

/// The most bytes of an id.
pub const LONGEST_ID: usize = 512;

/// The first moment that is taken: 1677-09-21, in seconds since 1970; what comes out of the store is a log, whose times are
/// 64-bit nanoseconds.
pub const FIRST_TIME: i64 = -9_223_372_036;
/// The last moment that is taken: 2262-04-11, in seconds since 1970.
pub const LAST_TIME: i64 = 9_223_372_036;

/// A user has used an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The event's own id, by which it is recognised when it is delivered again.
    #[schema(value_type = IdSchema)]
    pub id: Id,
    /// The user.
    #[schema(value_type = IdSchema)]
    pub user: Id,
    /// The item.
    #[schema(value_type = IdSchema)]
    pub item: Id,
    /// When, in whole seconds since 1970; the moment at which it was received if absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "whole_seconds")]
    #[schema(minimum = -9_223_372_036_i64, maximum = 9_223_372_036_i64, nullable = true)]
    pub time: Option<i64>,
}

/// Reads a time, and says of anything else what it should be.
fn whole_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    /// Whole seconds, or null.
    struct Seconds;

    impl Visitor<'_> for Seconds {
        type Value = Option<i64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("whole seconds since 1970 as a number, such as 1601498853, or no time at all")
        }

        fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
            Ok(Some(value))
        }

        fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
            // A larger one is refused with all that lie beyond the last moment.
            Ok(Some(i64::try_from(value).unwrap_or(i64::MAX)))
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Seconds)
}

impl Event {
    /// Refuses what could not be kept or read back; `index` is its place in the delivery, from 0.
    pub fn check(&self, index: usize) -> Result<(), EventsError> {
        for (field, id) in [("id", &self.id), ("user", &self.user), ("item", &self.item)] {
            let text = id.to_string();
            let found = if text.trim().is_empty() {
                "an empty text".to_owned()
            } else if text.len() > LONGEST_ID {
                format!("a text of {} bytes", text.len())
            } else if text.chars().any(char::is_control) {
                "a text with control characters".to_owned()
            } else {
                continue;
            };
            return Err(EventsError::BadId { index, field, found });
        }
        match self.time {
            Some(time) if !(FIRST_TIME..=LAST_TIME).contains(&time) => Err(EventsError::BadTime { index, time }),
            _ => Ok(()),
        }
    }
}

/// What became of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Events that are kept now and were not before.
    pub accepted: usize,
    /// Events that were kept already, told by their ids.
    pub duplicates: usize,
    /// Ids that stand for another event already; the earlier one stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<IdSchema>)]
    pub conflicts: Vec<Id>,
}
