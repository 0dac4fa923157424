//! What columns are usually called.

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The user's id.
    User,
    /// The item's id.
    Item,
    /// The rating.
    Rating,
    /// The kind of event.
    Event,
    /// The time.
    Time,
}

impl Role {
    /// The key in `[data]`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Item => "item",
            Self::Rating => "rating",
            Self::Event => "event",
            Self::Time => "time",
        }
    }

    /// Usual names, the likeliest first, in lower case without what separates words.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::User => &[
                "user",
                "userid",
                "uid",
                "useridx",
                "member",
                "memberid",
                "customer",
                "customerid",
                "visitor",
                "visitorid",
                "account",
                "accountid",
                "reviewerid",
                "session",
                "sessionid",
                "person",
                "personid",
            ],
            Self::Item => &[
                "item",
                "itemid",
                "iid",
                "itemidx",
                "movie",
                "movieid",
                "book",
                "bookid",
                "product",
                "productid",
                "track",
                "trackid",
                "song",
                "songid",
                "artist",
                "artistid",
                "article",
                "articleid",
                "news",
                "newsid",
                "video",
                "videoid",
                "game",
                "gameid",
                "asin",
                "isbn",
                "sku",
                "business",
                "businessid",
                "recipeid",
                "anime",
                "animeid",
                "poi",
                "poiid",
                "venueid",
            ],
            Self::Rating => &["rating", "ratings", "score", "stars", "overall", "userrating", "bookrating"],
            Self::Event => &[
                "event",
                "eventtype",
                "eventname",
                "action",
                "actiontype",
                "behavior",
                "behaviour",
                "behaviortype",
                "behaviourtype",
                "interaction",
                "eventkind",
                "activitytype",
                "kind",
                "type",
            ],
            Self::Time => &[
                "timestamp",
                "time",
                "ts",
                "unixtime",
                "unixreviewtime",
                "datetime",
                "date",
                "createdat",
                "eventtime",
                "ratedat",
            ],
        }
    }
}

/// The position of the column with the likeliest usual name for a role.
pub(crate) fn usual(role: Role, columns: &[String]) -> Option<usize> {
    let plain: Vec<String> = columns.iter().map(|c| plain(c)).collect();
    let named = role.names().iter().find_map(|name| plain.iter().position(|p| p == name));
    // `bought_at`, `viewedAt`, `event_ts`; not `release_date` or `watch_time`, which are something else as often as not.
    let when = || columns.iter().position(|name| ["at", "ts"].contains(&&*last_word(name)));
    named.or_else(|| (role == Role::Time).then(when).flatten())
}

/// The last of several words of a name, in lower case; nothing of a name that is one word.
fn last_word(name: &str) -> String {
    let name = name.split(':').next().unwrap_or(name);
    let pairs = name.char_indices().skip(1).zip(name.chars());
    let begins = |((at, c), before): ((usize, char), char)| {
        (!c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase())).then_some(at)
    };
    let Some(start) = pairs.filter_map(begins).last() else { return String::new() };
    name[start..].chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A name in lower case without what separates words, and without the type that `RecBole` appends (`user_id:token`).
fn plain(name: &str) -> String {
    let name = name.split(':').next().unwrap_or(name);
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The name that was probably meant, if one is near enough.
pub(crate) fn nearest(name: &str, names: &[String]) -> Option<String> {
    let wanted = plain(name);
    names
        .iter()
        .map(|n| (strsim::damerau_levenshtein(&wanted, &plain(n)), n))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, n)| *distance <= 1 + wanted.chars().count().min(n.chars().count()) / 4)
        .map(|(_, n)| n.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|&n| n.to_owned()).collect()
    }

    #[test]
    fn usual_names_are_found_however_they_are_written() {
        assert_eq!(usual(Role::User, &columns(&["id", "userId"])), Some(1));
        assert_eq!(usual(Role::User, &columns(&["User-ID", "ISBN"])), Some(0));
        assert_eq!(usual(Role::Item, &columns(&["User-ID", "ISBN"])), Some(1));
        assert_eq!(usual(Role::Item, &columns(&["user_id:token", "item_id:token"])), Some(1));
        assert_eq!(usual(Role::Item, &columns(&["movie_id", "item_id"])), Some(1));
        assert_eq!(usual(Role::Time, &columns(&["a", "b"])), None);
        for name in ["bought_at", "viewedAt", "order at", "Event-TS:float"] {
            assert_eq!(usual(Role::Time, &columns(&["user_id", name])), Some(1), "{name}");
        }
        assert_eq!(usual(Role::Time, &columns(&["seat", "format", "release_date", "watch_time", "at_home"])), None);
    }

    #[test]
    fn only_a_near_name_is_a_hint() {
        let names = columns(&["user_id", "movie_id", "rating"]);
        assert_eq!(nearest("movieid", &names).as_deref(), Some("movie_id"));
        assert_eq!(nearest("raitng", &names).as_deref(), Some("rating"));
        assert_eq!(nearest("zip", &names), None);
    }
}
