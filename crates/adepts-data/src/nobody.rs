//! Users who may be nobody, or many: ids that stand for a missing one, and ids with a large share of the rows.

/// Ids that stand for nobody as often as not.
const NOBODY: [&str; 11] =
    ["na", "n/a", "nan", "null", "none", "nil", "unknown", "anonymous", "guest", "undefined", "-1"];
/// Counters begin here, so that it may be a user as well.
const ZERO: &str = "0";
/// Of fewer users one may well have a fifth of the rows.
const FEW_USERS: u64 = 10;
/// No id of nobody is longer.
const LONGEST: usize = 9;

/// Whether an id is one that often stands for a missing one.
pub(crate) fn is_nobody(id: &str) -> bool {
    id.len() <= LONGEST && NOBODY.contains(&id.trim().to_lowercase().as_str())
}

/// Whether so many rows are a large share.
pub(crate) fn is_large(rows: u64, of: u64) -> bool {
    5 * rows >= of
}

/// Says that a user may be nobody, or many, and what to do: the user has a fifth of the rows, or an id that often means a missing
/// one, and more than three times as many rows as users have on average.
pub(crate) fn warning(user: &str, rows: u64, of: u64, users: u64) -> Option<String> {
    let (large, nobody) = (is_large(rows, of), is_nobody(user));
    let many = nobody && rows > 1 && (large || rows * users > 3 * of);
    let unlike_others = large && users >= FEW_USERS && rows * users > 3 * of;
    if !(many || unlike_others) {
        return None;
    }
    let like = if nobody || user == ZERO { ", and the id looks like that of nobody" } else { "" };
    Some(format!(
        "the user `{user}` has {:.1} % of the rows ({rows}){like}; if it means many people or none, remove these rows from the log",
        100.0 * rows as f64 / of.max(1) as f64
    ))
}

/// The warnings of all users, by the number of rows of each.
pub(crate) fn warnings(rows: &[u64], spelling: impl Fn(u32) -> String) -> Vec<String> {
    let of = rows.iter().sum();
    let users = rows.iter().filter(|rows| **rows > 0).count() as u64;
    let of_user = |(number, rows): (usize, &u64)| warning(&spelling(number as u32), *rows, of, users);
    rows.iter().enumerate().filter(|(_, rows)| **rows > 0).filter_map(of_user).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_nobody_and_large_shares_are_named() {
        for (user, rows, of, users, warns) in [
            ("NA", 600, 1000, 41, true),
            ("null", 600, 1000, 3, true),
            ("unknown", 40, 1000, 100, true),
            ("guest", 10, 1000, 100, false),
            ("ann", 600, 1000, 41, true),
            ("ann", 600, 1000, 3, false),
            ("ann", 40, 1000, 100, false),
            ("0", 40, 1000, 100, false),
            ("0", 200, 1000, 100, true),
            ("NA", 1, 4, 4, false),
        ] {
            assert_eq!(warning(user, rows, of, users).is_some(), warns, "{user} {rows} {of} {users}");
        }
        let all = warnings(&[3, 0, 97], |number| ["a", "b", "None"][number as usize].to_owned());
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(
            all[0].starts_with("the user `None` has 97.0 % of the rows (97), and the id looks like that of nobody")
        );
    }
}
