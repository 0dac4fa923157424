//! A first look at a log.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod support;

use std::fmt::Write as _;

use adepts_data::{Column, DataConfig, inspect};
use support::{file, read, real};
use tempfile::tempdir;

fn look(path: &str) -> adepts_data::Inspection {
    inspect(path, &DataConfig::default()).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The proposed table as a configuration.
fn proposed(toml: &str) -> DataConfig {
    let mut data = DataConfig::default();
    // The table of the log ends where those of the filter and the split begin.
    for line in toml.lines().skip(1).take_while(|line| !line.is_empty()) {
        let (key, value) = line.split_once(" = ").unwrap();
        let json: serde_json::Value = serde_json::from_str(value).unwrap();
        let column = || serde_json::from_value::<Column>(json.clone()).ok();
        match key {
            "source" => json.as_str().unwrap().clone_into(&mut data.source),
            "format" => data.format = serde_json::from_value(json).unwrap(),
            "bad_rows" => data.bad_rows = serde_json::from_value(json).unwrap(),
            "delimiter" => data.delimiter = json.as_str().map(str::to_owned),
            "header" => data.header = json.as_bool(),
            "user" => data.user = column(),
            "item" => data.item = column(),
            "rating" => data.rating = column(),
            "event" => data.event = column(),
            "time" => data.time = column(),
            other => panic!("{other}"),
        }
    }
    data
}

#[test]
fn what_is_proposed_reads_the_log() {
    let dir = tempdir().unwrap();
    for (name, content) in [
        ("a.csv", "userId,movieId,rating,timestamp\n1,10,4.5,978300760\n2,10,3,978300761\n"),
        ("b.csv", "user;item;event\n1;x;view\n2;y;buy\n"),
        ("ratings.dat", "1::1193::5::978300760\n2::661::3::978302109\n"),
        ("u.data", "196\t242\t3\t881250949\n186\t302\t3\t891717742\n"),
        ("log", "{\"uid\": \"a\", \"sku\": 5}\n{\"uid\": \"b\", \"sku\": 6}\n"),
    ] {
        let seen = look(&file(dir.path(), name, content));
        assert_eq!((seen.rows, seen.users, seen.bad_rows), (2, Some(2), 0), "{name}: {seen}");
        let log = read(&proposed(&seen.toml)).unwrap_or_else(|e| panic!("{name}: {e}\n{}", seen.toml));
        assert_eq!(log.interactions.user.len(), 2, "{name}");
    }
}

#[test]
fn files_without_names_are_guessed_by_content() {
    let dir = tempdir().unwrap();
    let seen = look(&file(dir.path(), "ratings.dat", "1::1193::5::978300760\n2::661::3::978302109\n"));
    assert_eq!(seen.header, Some(false));
    let table = "header = false\nuser = 1\nitem = 2\nrating = 3\ntime = 4\n\n[data.filter]\nmin_rating = 4\n";
    assert!(seen.toml.ends_with(table), "{}", seen.toml);
    assert!(seen.warnings[0].starts_with("the first row looks like data"), "{:?}", seen.warnings);
}

#[test]
fn what_looks_wrong_is_said() {
    let dir = tempdir().unwrap();
    let text = "user,item,rating,timestamp\n007,1,5,978300760000\n007,1,5,978300760000\n8,2,5,978300760000\n9\n";
    let seen = look(&file(dir.path(), "a.csv", text));
    for part in [
        "1 row cannot be read; the first:",
        "2 ids have leading zeros; ids are kept as text",
        "all ratings are equal",
        "33.3 % of the rows repeat a pair",
        "1 user (50.0 %) has a single row",
    ] {
        assert!(seen.warnings.iter().any(|w| w.contains(part)), "{part}: {:?}", seen.warnings);
    }
    let shown = seen.to_string();
    assert!(shown.contains("3 rows, 2 users, 2 items"), "{shown}");
    assert!(shown.contains("rating") && shown.contains("warning: ") && shown.contains("[data]"), "{shown}");
}

#[test]
fn rows_that_cannot_be_read_are_counted_as_in_preparing() {
    let dir = tempdir().unwrap();
    let text = "user,item,rating,time\n1,1,5,10\n1,2,much,11\n,3,4,12\n2,1,,13\n2,2,3,soon\n2,3,3,14\n3\n3,4,1,15\n";
    let json = "{\"user\":1,\"item\":2}\n{\"user\":1.5,\"item\":2}\n{\"item\":2}\nno\n";
    for (name, content, expected) in [
        ("a.csv", text.to_owned(), (8, 3, 5)),
        ("b.csv", text.split_once('\n').unwrap().1.replace("much", ""), (8, 3, 5)),
        ("c.jsonl", json.to_owned(), (4, 1, 3)),
    ] {
        let mut options = DataConfig::default();
        if name == "b.csv" {
            options.header = Some(false);
            (options.rating, options.time) = (Some(Column::Position(3)), Some(Column::Position(4)));
        }
        let path = file(dir.path(), name, content);
        let seen = inspect(&path, &options).unwrap();
        assert_eq!((seen.looked_at, seen.rows, seen.bad_rows), expected, "{name}: {seen}");
        assert!(seen.prepare.contains("--bad-rows skip"), "{name}: {}", seen.prepare);
        let log = read(&proposed(&seen.toml)).unwrap();
        assert_eq!((log.steps[0].rows, log.skipped_rows), (seen.rows, seen.bad_rows), "{name}");
        assert_eq!(log.skipped_examples.first(), seen.bad_example.as_ref(), "{name}");
        let shown = format!("all {} rows were looked at, {} cannot be read", expected.0, expected.2);
        assert!(seen.to_string().contains(&shown), "{seen}");
    }
    let latin1 = look(&file(dir.path(), "e.csv", b"user,item,title\n1,1,caf\xe9\n1,2,tea\n"));
    assert_eq!((latin1.rows, latin1.bad_rows), (2, 0), "a column that nobody needs is not read");
    let mixed = look(&file(dir.path(), "d.jsonl", "{\"user\":1,\"item\":2}\n{\"user\":\"x\",\"item\":2}\n"));
    assert!(mixed.warnings.iter().any(|w| w.contains("1 id is no whole number")) || mixed.rows == 2, "{mixed}");
}

#[test]
fn the_command_that_prepares_the_log_is_ready_for_a_shell() {
    let dir = tempdir().unwrap();
    for (name, content, expected) in [
        (
            "a.csv",
            "userId,movieId,rating\n1,10,4.5\n2,10,3\n",
            " --user userId --item movieId --rating rating --min-rating 4 --out prepared",
        ),
        ("b.csv", "user;item id's;x\n1;2;3\n2;3;4\n", " --user user --item COLUMN --delimiter ';' --out prepared"),
        (
            "u.data",
            "1\t10\t3\n2\t10\t4\n",
            " --user 1 --item 2 --rating 3 --delimiter '\\t' --no-header --out prepared",
        ),
    ] {
        let path = file(dir.path(), name, content);
        let seen = look(&path);
        assert_eq!(seen.prepare, format!("adepts prepare --input {path}{expected}"));
        assert!(seen.to_string().ends_with(&format!("\n{}\n", seen.prepare)), "{seen}");
    }
    let options = DataConfig { item: Some(Column::Name("item id's".into())), ..DataConfig::default() };
    let seen = inspect(dir.path().join("b.csv").to_str().unwrap(), &options).unwrap();
    assert!(seen.prepare.contains(r"--item 'item id'\''s' --delimiter"), "{}", seen.prepare);
}

#[test]
fn real_logs_are_understood() {
    let Some(path) = real("goodbooks-5pct.csv") else { return };
    let seen = look(path.to_str().unwrap());
    assert_eq!((seen.rows, seen.users), (298_176, Some(2672)));
    let table = "user = \"user_id\"\nitem = \"book_id\"\nrating = \"rating\"\n\n[data.filter]\nmin_rating = 4\n";
    assert!(seen.toml.ends_with(table), "{}", seen.toml);
    let rows: Vec<u64> = seen.ratings.iter().map(|count| count.rows).collect();
    assert_eq!((rows.len(), rows.iter().sum()), (5, 298_176));
    assert_eq!(seen.history_lengths.iter().map(|count| count.users).sum::<usize>(), 2671, "one user likes nothing");
}

#[test]
fn times_and_ratings_are_proposed_as_they_are_to_be_used() {
    let dir = tempdir().unwrap();
    // Every user comes each day, so that who is tested has a history.
    let mut log = "user,item,rating,when\n".to_owned();
    for day in 1..=20 {
        (0..12).for_each(|user| {
            writeln!(log, "{user},{},{},2020-09-{day:02} 20:47", day * 7 + user, day % 5 + 1).unwrap();
        });
    }
    let seen = look(&file(dir.path(), "a.csv", &log));
    let time = seen.columns.iter().find(|column| column.name == "when").unwrap();
    assert_eq!(time.role.map(adepts_data::source::Role::key), Some("time"));
    assert_eq!(
        (time.min.as_deref(), time.max.as_deref()),
        (Some("2020-09-01T20:47:00Z"), Some("2020-09-20T20:47:00Z"))
    );
    assert_eq!((seen.min_rating, seen.ratings.len()), (Some(4.0), 5));
    assert!(seen.prepare.ends_with("--time when --min-rating 4 --split temporal --out prepared"), "{}", seen.prepare);
    assert!(seen.toml.ends_with("\n[data.filter]\nmin_rating = 4\n\n[split]\nkind = \"temporal\"\n"), "{}", seen.toml);
    let shown = seen.to_string();
    for part in ["items of a user", "keeps 40.0 % of the rows", "times are from 2020-09-03T20:47:00Z", "`--core 5`"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // Everybody comes on one day alone.
    let mut log = "user,item,time\n".to_owned();
    for user in 0..30 {
        (0..5).for_each(|item| {
            writeln!(log, "{user},{item},{}", 1_600_000_000_000_i64 + user * 86_400_000 + item).unwrap();
        });
    }
    let seen = look(&file(dir.path(), "b.csv", &log));
    assert!(seen.prepare.ends_with("--time time --split leave-last --out prepared"), "{}", seen.prepare);
    assert!(
        seen.notes[0].starts_with("the numbers of `time` are milliseconds since 1970; times are from 2020-09-13"),
        "{seen}"
    );
}

#[test]
fn a_user_who_has_most_rows_is_named() {
    let dir = tempdir().unwrap();
    let mut log = "user,item\n".to_owned();
    (0..60)
        .for_each(|row| writeln!(log, "{},{row}", if row % 3 == 0 { row.to_string() } else { "NA".into() }).unwrap());
    let seen = look(&file(dir.path(), "a.csv", log));
    let warning = "the user `NA` has 66.7 % of the rows (40), and the id looks like that of nobody";
    assert!(seen.warnings.iter().any(|w| w.starts_with(warning)), "{seen}");
}

#[test]
fn dates_that_are_not_taken_for_the_time_are_mentioned() {
    let dir = tempdir().unwrap();
    let text = "user,item,release_date,seen\n1,1,2020-01-01,1601498853\n1,2,2020-01-02,1601498854\n2,1,2020-01-01,1601498855\n";
    let seen = look(&file(dir.path(), "a.csv", text));
    for column in ["release_date", "seen"] {
        let note =
            format!("column `{column}` seems to hold times; if that is when each row happened, set `--time {column}`");
        assert!(seen.notes.iter().any(|n| n.starts_with(&note)), "{column}: {seen}");
    }
}

#[test]
fn columns_without_names_are_known_by_their_content() {
    let dir = tempdir().unwrap();
    let moment = |row: usize| format!("2020-09-{:02}T20:47:33.{:03}Z", row % 28 + 1, row);
    let log = |name: &str, line: &dyn Fn(usize) -> String| {
        file(dir.path(), name, (0..60).map(|row| line(row) + "\n").collect::<String>())
    };
    let of = |source: &str| {
        let seen = inspect(source, &DataConfig::default()).unwrap();
        assert_eq!((seen.header, seen.rows), (Some(false), 60), "{source}");
        seen.columns.iter().map(|column| column.role.map(adepts_data::source::Role::key)).collect::<Vec<_>>()
    };
    // A session, a time, an item, and a category that is a number in some rows only, the first of them among those that are none.
    let clicks = log("clicks.dat", &|row| {
        let category = if row % 3 == 0 { "S".to_owned() } else { (row % 4).to_string() };
        format!("{},{},{},{category}", row / 6, moment(row), 214_500_000 + row % 7)
    });
    assert_eq!(of(&clicks), [Some("user"), Some("time"), Some("item"), None]);
    // A check-in with a place on earth between time and item.
    let places = log("places.txt", &|row| {
        format!("{}\t{}\t{}.25\t-97.{row}1\t{}", row / 6, moment(row), 30 + row % 3, 1000 + row % 7)
    });
    assert_eq!(of(&places), [Some("user"), Some("time"), None, None, Some("item")]);
    // Numbers of a category beside kinds of events are no ratings.
    let kinds = ["pv", "cart", "fav", "buy"];
    let behaviour = log("behaviour.csv", &|row| {
        format!("{},{},{},{},{}", row / 6, 50 + row % 7, row % 5, kinds[row % 4], 1_600_000_000 + row * 1000)
    });
    assert_eq!(of(&behaviour), [Some("user"), Some("item"), None, Some("event"), Some("time")]);
    let rated = log("rated.dat", &|row| format!("{}::{}::{}::{}", row / 6, row % 7, row % 5 + 1, 978_300_760 + row));
    assert_eq!(of(&rated), [Some("user"), Some("item"), Some("rating"), Some("time")]);
}

#[test]
fn dates_in_forms_that_are_not_read_are_named() {
    let dir = tempdir().unwrap();
    for date in ["03.04.2012", "4/13/2012 18:00", "04-13-12", "Apr 3, 2012 6:00 PM"] {
        let text = format!("user,item,when\n1,1,\"{date}\"\n1,2,\"{date}\"\n2,1,\"{date}\"\n");
        let seen = look(&file(dir.path(), "a.csv", text));
        let note = format!("column `when` looks like dates in a form that is not read, such as `{date}`");
        assert!(seen.notes.iter().any(|n| n.starts_with(&note)), "{date}: {seen}");
    }
    let text = "user,item,when\n1,1,12-34-56\n1,2,2.3.40000\n2,1,June is late\n";
    let seen = look(&file(dir.path(), "b.csv", text));
    assert!(!seen.notes.iter().any(|n| n.contains("not read")), "{seen}");
}

#[test]
fn dates_with_the_month_in_english_are_times() {
    let dir = tempdir().unwrap();
    for form in ["Tue Apr 03 18:00:0# +0000 2012", "Tue Apr  3 18:00:0# 2012", "\"Tue, 03 Apr 2012 18:00:0# +0000\""] {
        let mut log = "user,item,utc\n".to_owned();
        (0..9).for_each(|row| {
            writeln!(log, "{},{row},{}", row % 3, form.replace('#', &row.to_string())).unwrap();
        });
        let seen = look(&file(dir.path(), "a.csv", log));
        assert!(seen.prepare.contains("--time utc"), "{form}: {seen}");
        let read = read(&proposed(&seen.toml)).unwrap();
        assert_eq!(read.interactions.time.unwrap()[0], 1_333_476_000_000_000_000, "{form}");
    }
}

#[test]
fn kinds_of_events_are_listed_with_what_keeps_some() {
    let dir = tempdir().unwrap();
    let mut named = "user,item,event\n".to_owned();
    (0..60).for_each(|row| {
        writeln!(named, "{},{},{}", row / 6, row % 7, ["pv", "pv", "pv", "cart", "fav", "buy"][row % 6]).unwrap();
    });
    let numbers = named.replace("event", "behavior_type").replace("pv", "1").replace("buy", "4");
    let numbers = look(&file(dir.path(), "n.csv", numbers.replace("cart", "3").replace("fav", "2")));
    assert_eq!(numbers.events[0].rows, 30, "{numbers}");
    let unnamed = named.split_once('\n').unwrap().1.to_owned();
    for (name, content) in [("a.csv", &named), ("b.csv", &unnamed)] {
        let seen = look(&file(dir.path(), name, content));
        let events: Vec<_> = seen.events.iter().map(|count| (count.event.as_str(), count.rows)).collect();
        assert_eq!(events, [("pv", 30), ("buy", 10), ("cart", 10), ("fav", 10)], "{name}");
        let note = seen.notes.iter().find(|note| note.contains("4 kinds of events, and all count alike"));
        assert!(note.is_some_and(|note| note.contains("as `--events buy` does") && note.contains("--seen-events")));
        assert!(seen.to_string().contains("pv     30    50.0 %"), "{seen}");
    }
}

#[test]
fn ids_beyond_64_bits_with_a_sign_are_shown_exactly() {
    let dir = tempdir().unwrap();
    for (name, text) in [
        ("a.csv", "user,item\n9223372036854775809,1\n18446744073709551615,2\n"),
        ("a.jsonl", "{\"user\":9223372036854775809,\"item\":1}\n{\"user\":18446744073709551615,\"item\":2}\n"),
    ] {
        let seen = look(&file(dir.path(), name, text));
        let user = &seen.columns[0];
        assert_eq!(user.kind, "integer", "{name}");
        let range = (user.min.as_deref(), user.max.as_deref());
        assert_eq!(range, (Some("9223372036854775809"), Some("18446744073709551615")), "{name}");
    }
}

#[test]
fn a_hint_is_given_once() {
    let dir = tempdir().unwrap();
    let seen = look(&file(dir.path(), "a.csv", "user,item\n1,1\n2,1\nuser,item\n1,2\n"));
    let warning = seen.warnings.iter().find(|warning| warning.contains("the header is repeated here")).unwrap();
    assert_eq!(warning.matches("--bad-rows skip").count(), 1, "{warning}");
}

#[test]
fn a_number_beyond_64_bits_in_a_column_of_ones_ends_the_look() {
    let dir = tempdir().unwrap();
    for text in ["1,0\n1,99999999999999990004\n2,1\n", "user,quantity\n1,1\n2,99999999999999999999\n3,1\n"] {
        let seen = look(&file(dir.path(), "a.csv", text));
        assert!(seen.rows >= 2, "{text}");
    }
}

#[test]
fn the_command_for_text_of_another_encoding_reads_it() {
    let dir = tempdir().unwrap();
    let seen = look(&file(dir.path(), "a.csv", b"user,item\nM\xfcller,1\nM\xe4rz,2\n"));
    assert!(seen.rows == 0 && seen.prepare.contains("--encoding latin1"), "{}", seen.prepare);
}
