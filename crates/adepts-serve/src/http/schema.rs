//! How ids and values look in the description of the interface.

use utoipa::ToSchema;

/// The id of a user or an item: a whole number or text. `42` and `"42"` are the same id.
#[derive(ToSchema)]
#[schema(as = Id)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes adepts_data::Id")]
pub(crate) enum IdSchema {
    /// A whole number.
    Number(i64),
    /// Text.
    Text(String),
}
