//! What columns without names are for, by their content.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod support;

use adepts_data::source::Role;
use adepts_data::{DataConfig, Inspection, inspect};
use support::file;
use tempfile::tempdir;

const ROWS: usize = 900;

fn look(name: &str, content: &str) -> Inspection {
    let dir = tempdir().unwrap();
    inspect(&file(dir.path(), name, content), &DataConfig::default()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn roles(seen: &Inspection) -> Vec<&'static str> {
    seen.columns.iter().map(|column| column.role.map_or("", Role::key)).collect()
}

/// Numbers that look drawn but are always the same.
fn drawn(row: usize, of: usize, below: usize) -> usize {
    let mut value = (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(of as u64 * 0x1234_5678_9abc);
    value = (value ^ (value >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((value ^ (value >> 29)) % below as u64) as usize
}

/// All orders of so many things.
fn orders(of: usize) -> Vec<Vec<usize>> {
    if of == 0 {
        return vec![Vec::new()];
    }
    let insert = |order: Vec<usize>| {
        (0..of).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, of - 1);
            longer
        })
    };
    orders(of - 1).into_iter().flat_map(insert).collect()
}

/// A log with its columns in an order.
fn log(columns: &[&dyn Fn(usize) -> String], order: &[usize], delimiter: &str) -> String {
    let line = |row| order.iter().map(|at| columns[*at](row)).collect::<Vec<_>>().join(delimiter) + "\n";
    (0..ROWS).map(line).collect()
}

/// In every order each column has its role; of user and item the first is the user, which is said to be a guess.
fn in_every_order(what: &str, columns: &[(&str, &dyn Fn(usize) -> String)]) {
    let values: Vec<&dyn Fn(usize) -> String> = columns.iter().map(|column| column.1).collect();
    for order in orders(columns.len()) {
        let mut ids = ["user", "item"].into_iter();
        let expected: Vec<&str> =
            order.iter().map(|at| if columns[*at].0 == "id" { ids.next().unwrap() } else { columns[*at].0 }).collect();
        let seen = look("log.csv", &log(&values, &order, ","));
        assert_eq!((seen.header, roles(&seen)), (Some(false), expected), "{what} {order:?}: {seen}");
        assert!(seen.notes.iter().any(|note| note.contains("is a guess by their order")), "{what}: {:?}", seen.notes);
    }
}

/// The value of a column in a row.
type Value = Box<dyn Fn(usize) -> String>;

/// The times of a log in every unit and order that logs have.
fn times() -> Vec<(&'static str, Value)> {
    let start = 1_601_536_537_u64;
    let step = |row: usize| row as u64 * 977 + drawn(row, 9, 900) as u64;
    vec![
        ("seconds, rising", Box::new(move |row| (start + step(row)).to_string())),
        ("milliseconds, rising", Box::new(move |row| ((start + step(row)) * 1000 + 123).to_string())),
        ("milliseconds at full seconds", Box::new(move |row| ((start + step(row)) * 1000).to_string())),
        ("microseconds, falling", Box::new(move |row| ((start - step(row)) * 1_000_000 + 7).to_string())),
        ("nanoseconds", Box::new(move |row| ((start + step(drawn(row, 8, ROWS))) * 1_000_000_000).to_string())),
        ("seconds in any order", Box::new(move |row| (start + drawn(row, 7, 50_000_000) as u64).to_string())),
        ("seconds, several rows each", Box::new(move |row| (start + step(row / 4)).to_string())),
        ("seconds of 1997", Box::new(move |row| (881_250_949 + drawn(row, 6, 9_000_000)).to_string())),
        ("days in any order", Box::new(move |row| (1_355_270_400 + 86_400 * drawn(row, 5, 400)).to_string())),
        ("seconds with fractions", Box::new(move |row| format!("{}.378", start + step(row)))),
        (
            "digits of dates",
            Box::new(move |row| format!("2020{:02}{:02}", 1 + drawn(row, 4, 12), 1 + drawn(row, 3, 28))),
        ),
        ("one day", Box::new(|_| "1601510400".to_owned())),
        (
            "a few odd values",
            Box::new(move |row| if row % 50 == 7 { "?".into() } else { (start + step(row)).to_string() }),
        ),
        ("dates", Box::new(move |row| format!("2020-{:02}-{:02}", 1 + drawn(row, 4, 12), 1 + drawn(row, 3, 28)))),
        ("Twitter", Box::new(|row| format!("Tue Apr 03 {:02}:{:02}:09 +0000 2012", row / 60, row % 60))),
    ]
}

#[test]
fn times_are_no_ids_in_any_order_of_columns() {
    let (user, item) = (|row| drawn(row, 1, 60).to_string(), |row| (214_500_000 + drawn(row, 2, 80)).to_string());
    let kinds = ["view", "view", "view", "addtocart", "transaction"];
    let event = |row: usize| kinds[drawn(row, 3, 5)].to_owned();
    let rating = |row: usize| [1, 2, 3, 3, 4, 4, 4, 5, 5][drawn(row, 4, 9)].to_string();
    for (what, time) in times() {
        in_every_order(what, &[("time", &time), ("id", &user), ("id", &item), ("event", &event)]);
        in_every_order(what, &[("time", &time), ("id", &user), ("id", &item), ("rating", &rating)]);
        in_every_order(what, &[("time", &time), ("id", &user), ("id", &item)]);
    }
}

#[test]
fn ids_as_large_as_times_are_ids() {
    let time = |row: usize| (1_601_536_537_000 + row * 977_123).to_string();
    // Counted up from a number that is a time too, drawn among such numbers, and with a user whose rows are together.
    let counted = |row: usize| (1_600_000_000 + drawn(row, 1, 60)).to_string();
    let some = |row: usize| (1_000_000_000 + 7_654_321 * drawn(row, 2, 80)).to_string();
    let sorted = |row: usize| (1_200_000_000 + 3_456_789 * (row / 15)).to_string();
    let rating = |row: usize| (1 + drawn(row, 4, 5)).to_string();
    in_every_order("counted", &[("time", &time), ("id", &counted), ("id", &some)]);
    in_every_order("sorted", &[("time", &time), ("id", &sorted), ("id", &some), ("rating", &rating)]);
    let few = |row: usize| (1 + drawn(row, 5, 5)).to_string();
    in_every_order("few users", &[("time", &time), ("id", &few), ("id", &some)]);
    in_every_order("no time", &[("id", &counted), ("id", &some)]);
    in_every_order("no time, but ratings", &[("id", &sorted), ("id", &counted), ("rating", &rating)]);
}

#[test]
fn kinds_of_events_are_few_words() {
    let (user, item) = (|row| format!("u{}", drawn(row, 1, 60)), |row| format!("i{}", drawn(row, 2, 80)));
    for kinds in [
        ["pv", "pv", "pv", "fav", "buy"],
        ["Detail view", "Detail view", "Add to cart", "Order", "Order"],
        ["seen", "seen", "seen", "kept", "kept"],
    ] {
        let event = |row: usize| kinds[drawn(row, 3, 5)].to_owned();
        in_every_order(kinds[3], &[("id", &user), ("id", &item), ("event", &event)]);
    }
}

#[test]
fn counts_are_no_ratings() {
    let (user, item) = (|row| drawn(row, 1, 60).to_string(), |row| format!("SO{:08}", drawn(row, 2, 80)));
    let quantity = |row: usize| [1, 1, 1, 1, 1, 1, 1, 2, 2, 3][drawn(row, 3, 10)].to_string();
    // Each number about half as often as the one below.
    let plays = |row: usize| (1 + drawn(row, 4, 1 << 12).trailing_zeros()).to_string();
    let long = |row: usize| (1 + 400 / (1 + drawn(row, 5, 500))).to_string();
    let bought = |row: usize| if row.is_multiple_of(2) { "0".to_owned() } else { quantity(row) };
    for (what, count) in
        [("quantity", &quantity as &dyn Fn(usize) -> String), ("plays", &plays), ("long", &long), ("bought", &bought)]
    {
        for order in orders(3) {
            let seen = look("log.tsv", &log(&[&user, &item, count], &order, "\t"));
            let mut ids = ["user", "item"].into_iter();
            let expected: Vec<&str> = order.iter().map(|at| if *at < 2 { ids.next().unwrap() } else { "" }).collect();
            assert_eq!(roles(&seen), expected, "{what} {order:?}: {seen}");
            assert_eq!(seen.min_rating, None, "{what}");
            assert!(!seen.prepare.contains("--rating"), "{what}: {}", seen.prepare);
            let at = 1 + order.iter().position(|at| *at == 2).unwrap();
            let note = seen.notes.iter().find(|note| note.starts_with(&format!("column `{at}` looks like counts")));
            assert!(note.is_some_and(|note| note.contains("--min-rating")), "{what}: {:?}", seen.notes);
        }
    }
    // Of a column whose name says that it is a rating too.
    let named = format!("user,item,rating\n{}", log(&[&user, &item, &quantity], &[0, 1, 2], ","));
    let seen = look("named.csv", &named);
    assert_eq!((seen.min_rating, roles(&seen)), (None, vec!["user", "item", "rating"]), "{seen}");
    assert!(seen.notes.iter().any(|note| note.contains("which looks like counts")), "{:?}", seen.notes);
    let named = format!("user,item,play_count\n{}", log(&[&user, &item, &plays], &[0, 1, 2], ","));
    let seen = look("plays.csv", &named);
    assert!(seen.notes.iter().any(|note| note.starts_with("column `play_count` looks like counts")), "{seen}");
}

#[test]
fn scales_of_ratings_are_no_counts() {
    let (user, item) = (|row| drawn(row, 1, 60).to_string(), |row| drawn(row, 2, 80).to_string());
    let of = |scale: &'static [&'static str]| move |row: usize| scale[drawn(row, 3, scale.len())].to_owned();
    for (scale, least) in [
        (&["1", "2", "3", "3", "4", "4", "5"][..], 4.0),
        (&["5", "5", "5", "4", "1"], 4.0),
        (&["1", "1", "1", "1", "2", "3", "4", "5", "5"], 4.0),
        (&["0", "0", "0", "0", "0", "5", "7", "8", "8", "9", "10"], 8.0),
        (&["0.5", "1.0", "3.0", "3.5", "4.0", "4.0", "4.5", "5.0"], 4.0),
        (&["0", "0", "0", "1"], 1.0),
        (&["-1", "1"], 1.0),
    ] {
        let rating = of(scale);
        let seen = look("log.csv", &log(&[&user, &item, &rating], &[0, 1, 2], ","));
        assert_eq!((roles(&seen), seen.min_rating), (vec!["user", "item", "rating"], Some(least)), "{scale:?}: {seen}");
    }
}

#[test]
fn small_numbers_of_a_log_without_times_are_said_to_be_either() {
    let (user, item) = (|row| format!("u{}", drawn(row, 1, 60)), |row| format!("i{}", drawn(row, 2, 80)));
    let number = |row: usize| (2 + drawn(row, 3, 4)).to_string();
    let seen = look("log.tsv", &log(&[&user, &item, &number], &[0, 1, 2], "\t"));
    assert_eq!((roles(&seen), seen.min_rating), (vec!["user", "item", "rating"], None), "{seen}");
    assert!(seen.notes.iter().any(|note| note.contains("`3`, which could hold ratings or counts")), "{:?}", seen.notes);
}

#[test]
fn an_item_that_a_few_rows_lack_is_the_item() {
    let user = |row: usize| format!("{:040x}", drawn(row, 1, 60));
    let item = |row: usize| if row % 30 == 1 { String::new() } else { format!("{:08x}-ab", drawn(row, 2, 80)) };
    let name = |row: usize| format!("The {} band", drawn(row, 2, 80));
    let hours = |row: usize| format!("{}.5", drawn(row, 3, 400) + 1);
    let plays = |row: usize| (5 + 40_000 / (1 + drawn(row, 4, 900))).to_string();
    let seen = look("plays.tsv", &log(&[&user, &item, &name, &plays], &[0, 1, 2, 3], "\t"));
    assert_eq!(roles(&seen), ["user", "item", "", ""], "{seen}");
    let seen = look("hours.csv", &log(&[&user, &name, &hours], &[0, 1, 2], ","));
    assert_eq!(roles(&seen), ["user", "item", ""], "{seen}");
    assert!(!seen.notes.iter().any(|note| note.contains("counts")), "hours are no counts: {:?}", seen.notes);
}

#[test]
fn purchases_without_names_have_no_ratings() {
    let session = |row: usize| (56 + row / 3).to_string();
    let time = |row: usize| format!("2020-10-{:02}T07:15:37.{:03}Z", row % 28 + 1, row);
    let item = |row: usize| (214_500_000 + drawn(row, 2, 80)).to_string();
    let price = |row: usize| [0, 1046, 523, 2407, 99][drawn(row, 3, 5)].to_string();
    let quantity = |row: usize| [1, 1, 1, 1, 1, 1, 1, 2, 2, 4][drawn(row, 4, 10)].to_string();
    let seen = look("yoochoose-buys.dat", &log(&[&session, &time, &item, &price, &quantity], &[0, 1, 2, 3, 4], ","));
    assert_eq!(roles(&seen), ["user", "time", "item", "", ""], "{seen}");
    assert_eq!(seen.min_rating, None);
}

#[test]
fn what_says_little_is_no_id() {
    let (user, item) = (|row| drawn(row, 1, 60).to_string(), |row| drawn(row, 2, 80).to_string());
    let rows = |row: usize| (row + 1).to_string();
    let empty = |row: usize| if row.is_multiple_of(9) { drawn(row, 3, 500).to_string() } else { String::new() };
    let same = |_: usize| "de".to_owned();
    let category = |row: usize| ["a1", "b2", "c3"][row % 3].to_owned();
    let number = |row: usize| format!("{}-{}-{}", 30 + row % 9, 13 + row % 5, 1000 + row % 200);
    let seen = look("parts.csv", &log(&[&number, &item], &[0, 1], ","));
    assert_eq!(roles(&seen), ["user", "item"], "numbers that are no dates: {seen}");
    let date = |row: usize| format!("{:02}.04.2012", row % 28 + 1);
    for order in orders(3) {
        for (what, other) in [
            ("numbers of rows", &rows as &dyn Fn(usize) -> String),
            ("mostly empty", &empty),
            ("one value", &same),
            ("category", &category),
            ("date", &date),
        ] {
            let seen = look("log.csv", &log(&[&user, &item, other], &order, ","));
            let at = order.iter().position(|at| *at == 2).unwrap();
            assert_eq!(seen.columns[at].role, None, "{what} {order:?}: {seen}");
            assert_eq!(seen.columns.iter().filter(|column| column.role.is_some()).count(), 2, "{what}: {seen}");
        }
    }
}
