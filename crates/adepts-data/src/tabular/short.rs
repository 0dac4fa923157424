//! Settings of a column that are written as its name alone where there are none.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::item::ItemConfig;
use crate::config::Column;

/// A column alone, or a table of settings, whose errors then name the key (which an untagged enum would hide).
struct ShortOrFull<T>(T);

impl<'de, T: DeserializeOwned + From<Column>> Deserialize<'de> for ShortOrFull<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: DeserializeOwned + From<Column>> Visitor<'de> for Either<T> {
            type Value = ShortOrFull<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column or a table with `column`")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(ShortOrFull(Column::Name(name.to_owned()).into()))
            }

            fn visit_i64<E: Error>(self, position: i64) -> Result<Self::Value, E> {
                let position = usize::try_from(position).map_err(|_| E::custom("a position is counted from 1"))?;
                Ok(ShortOrFull(Column::Position(position).into()))
            }

            fn visit_u64<E: Error>(self, position: u64) -> Result<Self::Value, E> {
                Ok(ShortOrFull(Column::Position(position as usize).into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(ShortOrFull)
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// A column or a table.
pub(super) fn short_or_full<'de, D: Deserializer<'de>, T: DeserializeOwned + From<Column>>(
    from: D,
) -> Result<T, D::Error> {
    ShortOrFull::deserialize(from).map(|either| either.0)
}

/// As [`short_or_full`], for what may be left out.
pub(super) fn some_short_or_full<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ItemConfig>, D::Error> {
    ShortOrFull::deserialize(from).map(|either| Some(either.0))
}

/// A list of columns or tables.
pub(super) fn each_short_or_full<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + From<Column>,
{
    Vec::<ShortOrFull<T>>::deserialize(from).map(|all| all.into_iter().map(|either| either.0).collect())
}
