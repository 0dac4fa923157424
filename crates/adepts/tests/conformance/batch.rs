//! Lists for a file of users or histories: those that each gets alone, whole or not at all, and resumed to the byte.

#![expect(clippy::disallowed_methods, reason = "tables are written as a user would")]

use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use adepts::Artefact;
use adepts::data::{BadRows, Encoding, Id, progress};
use adepts::serve::batch::{BatchError, Done, Job, PART, TableFile, Whom};
use adepts::serve::{Answer, Answerer, HistoryAnswerer, Question};

use crate::support::{COMMUNITY, trained};

fn answerer(name: &str) -> HistoryAnswerer {
    Artefact::open(&trained(name).folder).unwrap().answerer()
}

fn job(out: &Path) -> Job<'_> {
    Job { out, resume: false, overwrite: false, part: PART }
}

fn table(path: &Path) -> Whom {
    let source = path.display().to_string();
    Whom::Table(TableFile {
        source,
        user: None,
        history: None,
        separator: "|".into(),
        bad_rows: BadRows::Fail,
        encoding: Encoding::Auto,
    })
}

fn written(answerer: &HistoryAnswerer, whom: &Whom, job: Job<'_>) -> Result<Done, BatchError> {
    answerer.batch(whom, &Question { n: 6, ..Question::default() }, job, &mut progress::silent)
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The answer in a line.
fn answer(line: &serde_json::Value) -> Answer {
    let mut line = line.clone();
    line.as_object_mut().unwrap().remove("row");
    serde_json::from_value(line).unwrap()
}

#[test]
fn ids_of_a_table_are_those_that_prepare_makes_of_the_same_values() {
    let (folder, answerer) = (tempfile::tempdir().unwrap(), answerer("ease"));
    let (path, out) = (folder.path().join("users.jsonl"), folder.path().join("lists.jsonl"));
    let user = COMMUNITY.users.id(3);
    let rows = format!("{{\"user\":\"{user}\"}}\n{{\"user\":true}}\n{{\"user\":1.5}}\n{{\"user\":12.0}}\n");
    fs::write(&path, rows).unwrap();
    let failed = folder.path().join("failed.jsonl");
    let error = written(&answerer, &table(&path), job(&failed)).unwrap_err();
    assert!(error.to_string().contains("line 2, column `user`: found `true`"), "{error}");
    let Whom::Table(file) = table(&path) else { panic!("a table is asked for") };
    let done = written(&answerer, &Whom::Table(TableFile { bad_rows: BadRows::Skip, ..file }), job(&out)).unwrap();
    assert_eq!((done.answered, done.skipped.rows), (1, 2));
    assert_eq!(done.unknown_users.ids, [Id::Int(12)]);
}

#[test]
fn a_table_of_users_gets_the_lists_that_they_get_alone() {
    let (folder, answerer) = (tempfile::tempdir().unwrap(), answerer("tall"));
    let (users, out) = (folder.path().join("users.csv"), folder.path().join("lists.jsonl"));
    let mut text = "user\n".to_owned();
    for index in (0..300).step_by(3) {
        writeln!(text, "{}", COMMUNITY.users.id(index)).unwrap();
    }
    fs::write(&users, text + "nobody\n").unwrap();
    let done = written(&answerer, &table(&users), job(&out)).unwrap();
    assert_eq!((done.rows, done.answered, done.popular, done.unknown_users.count), (101, 100, 0, 1));
    assert_eq!(done.unknown_users.ids, [Id::Text("nobody".into())]);
    let lines = lines(&out);
    for (at, line) in lines[..100].iter().enumerate() {
        let user = COMMUNITY.users.id(3 * at as u32);
        let alone = answerer.answer(&[Question { n: 6, ..Question::of_user(user) }.into()]).remove(0).unwrap();
        assert_eq!(line["row"], at as u64 + 1);
        assert_eq!(answer(line), Answer { gate_entropy: None, ..alone });
    }
    assert!(lines[100]["error"].as_str().unwrap().contains("nobody"));
}

#[test]
fn histories_are_read_from_text_and_from_lists() {
    let (folder, answerer) = (tempfile::tempdir().unwrap(), answerer("ease"));
    let ids = |from: u32| (from..from + 4).map(|item| COMMUNITY.items.id(item)).collect::<Vec<Id>>();
    let (mut csv, mut jsonl) = ("name,history\n".to_owned(), String::new());
    for from in 0..20 {
        let texts: Vec<String> = ids(from).iter().map(ToString::to_string).collect();
        writeln!(csv, "n{from},{}", texts.join("|")).unwrap();
        writeln!(jsonl, "{}", serde_json::json!({ "name": format!("n{from}"), "history": ids(from) })).unwrap();
    }
    csv += "empty,\n";
    jsonl += "{\"name\": \"empty\", \"history\": []}\n";
    for (name, text) in [("baskets.csv", csv), ("baskets.jsonl", jsonl)] {
        let (baskets, out) = (folder.path().join(name), folder.path().join(format!("{name}.out.jsonl")));
        fs::write(&baskets, text).unwrap();
        let source = baskets.display().to_string();
        let whom = Whom::Table(TableFile {
            source,
            user: Some("name".into()),
            history: None,
            separator: "|".into(),
            bad_rows: BadRows::Fail,
            encoding: Encoding::Auto,
        });
        let done = written(&answerer, &whom, job(&out)).unwrap();
        assert_eq!((done.rows, done.answered, done.popular), (21, 21, 1));
        for (from, line) in (0..20).zip(lines(&out)) {
            let question = Question { n: 6, ..Question::of_history(ids(from)) };
            let alone = answerer.answer(&[question.into()]).remove(0).unwrap();
            let user = Some(Id::Text(format!("n{from}").into()));
            assert_eq!(answer(&line), Answer { user, gate_entropy: None, ..alone });
        }
    }
}

#[test]
fn work_that_was_stopped_goes_on_and_ends_with_the_same_bytes() {
    let (folder, answerer) = (tempfile::tempdir().unwrap(), answerer("ease"));
    for suffix in ["jsonl", "parquet"] {
        let whole = folder.path().join(format!("whole.{suffix}"));
        let small = |out| Job { part: 64, ..job(out) };
        let everything = written(&answerer, &Whom::Everyone, small(&whole)).unwrap();
        assert_eq!(everything.rows, 300);
        let users = folder.path().join("users.csv");
        let ids: Vec<String> = (0..300).map(|user| COMMUNITY.users.id(user).to_string()).collect();
        fs::write(&users, format!("user\n{}\n", ids.join("\n"))).unwrap();
        let out = folder.path().join(format!("stopped.{suffix}"));
        let parts = folder.path().join(format!("stopped.{suffix}.parts"));
        // The writer is stopped in the middle: the parts before are kept, the output is not there.
        let question = Question { n: 6, ..Question::default() };
        let stop = &mut |_: &str, _: u64, _: Option<u64>| panic!("stopped");
        let stopped = catch_unwind(AssertUnwindSafe(|| {
            drop(answerer.batch(&table(&users), &question, small(&out), stop));
        }));
        assert!(stopped.is_err() && !out.exists() && parts.is_dir(), "{suffix}");
        let refused = written(&answerer, &table(&users), small(&out)).unwrap_err();
        assert!(matches!(refused, BatchError::Begun { .. }), "{refused}");
        let resume = Job { resume: true, ..small(&out) };
        let other = answerer.batch(&table(&users), &Question { n: 7, ..question }, resume, &mut progress::silent);
        assert!(matches!(other, Err(BatchError::Other { what: "other options", .. })));
        let done = written(&answerer, &table(&users), resume).unwrap();
        assert_eq!((done.rows, done.answered), (300, 300));
        assert!(!parts.exists());
        let again = folder.path().join(format!("again.{suffix}"));
        written(&answerer, &table(&users), small(&again)).unwrap();
        assert_eq!(fs::read(&out).unwrap(), fs::read(&again).unwrap(), "{suffix}");
        let exists = written(&answerer, &table(&users), small(&out)).unwrap_err();
        assert!(matches!(exists, BatchError::Exists { .. }), "{exists}");
    }
}

#[test]
fn a_part_that_is_there_is_not_done_again() {
    let (folder, answerer) = (tempfile::tempdir().unwrap(), answerer("ease"));
    let (out, whole) = (folder.path().join("lists.jsonl"), folder.path().join("whole.jsonl"));
    written(&answerer, &Whom::Everyone, Job { part: 100, ..job(&whole) }).unwrap();
    // The third part, or the fourth, is never begun: progress is told before.
    let mut told = 0;
    let stop = &mut |_: &str, done: u64, _: Option<u64>| {
        told += 1;
        assert!(done == 0 || told < 2, "stopped");
    };
    let question = Question { n: 6, ..Question::default() };
    let _either = catch_unwind(AssertUnwindSafe(|| {
        drop(answerer.batch(&Whom::Everyone, &question, Job { part: 100, ..job(&out) }, stop));
    }));
    let resume = Job { part: 100, resume: true, overwrite: false, out: &out };
    if !out.exists() {
        written(&answerer, &Whom::Everyone, resume).unwrap();
    }
    assert_eq!(fs::read(&out).unwrap(), fs::read(&whole).unwrap());
}

#[test]
fn rows_that_cannot_be_read_are_skipped_counted_and_named_also_when_the_work_goes_on() {
    let (folder, answerer) = (tempfile::tempdir().unwrap(), answerer("ease"));
    let (users, out) = (folder.path().join("users.csv"), folder.path().join("lists.jsonl"));
    let mut text = "user,country\n".to_owned();
    for index in 0..300 {
        let broken = if index % 10 == 7 && index > 200 { ",too,many" } else { "" };
        writeln!(text, "{},a{broken}", COMMUNITY.users.id(index)).unwrap();
    }
    fs::write(&users, text).unwrap();
    let Whom::Table(file) = table(&users) else { panic!("not a table") };
    let small = Job { part: 64, ..job(&out) };
    assert!(matches!(written(&answerer, &Whom::Table(file.clone()), small), Err(BatchError::Data(_))));
    // What was written before the first of them need not be written again.
    let skipping = Whom::Table(TableFile { bad_rows: BadRows::Skip, ..file });
    let done = written(&answerer, &skipping, Job { resume: true, ..small }).unwrap();
    assert_eq!((done.rows, done.answered, done.skipped.rows, done.skipped.first.len()), (290, 290, 10, 5));
    assert!(done.skipped.first[0].contains("users.csv, line 209: found 4 values"), "{:?}", done.skipped.first);
    let rows: Vec<u64> = lines(&out).iter().map(|line| line["row"].as_u64().unwrap()).collect();
    assert_eq!((rows[206], rows[207], rows[289]), (207, 209, 300), "a row keeps its place in the table");
    let whole = folder.path().join("whole.jsonl");
    assert_eq!(written(&answerer, &skipping, Job { out: &whole, ..small }).unwrap(), done);
    assert_eq!(fs::read(&out).unwrap(), fs::read(&whole).unwrap());
    fs::write(&users, "user,country\na\nb\n").unwrap();
    let refused = written(&answerer, &skipping, job(&folder.path().join("none.jsonl"))).unwrap_err();
    assert!(matches!(&refused, BatchError::AllBad { rows: 2, .. }), "{refused}");
}

#[test]
fn a_separator_that_was_not_said_is_found_where_no_item_is_known() {
    let (folder, answerer) = (tempfile::tempdir().unwrap(), answerer("ease"));
    let (baskets, out) = (folder.path().join("baskets.jsonl"), folder.path().join("lists.jsonl"));
    let [a, b] = [3, 4].map(|item| COMMUNITY.items.id(item));
    let job = Job { overwrite: true, ..job(&out) };
    for (line, expected) in [
        (format!("{a} {b}"), Some(" ")),
        (format!("{a}, {b}"), Some(",")),
        (format!("{a}; nothing"), Some(";")),
        (format!("{a}|{b}"), None),
        ("nothing, nowhere".to_owned(), None),
    ] {
        fs::write(&baskets, format!("{}\n", serde_json::json!({ "history": line }))).unwrap();
        let done = written(&answerer, &table(&baskets), job).unwrap();
        assert_eq!(done.separator.as_deref(), expected, "{line}");
    }
    // One known item is enough to know that the separator is right.
    fs::write(&baskets, format!("{{\"history\": \"{a} {b}\"}}\n{{\"history\": \"{a}\"}}\n")).unwrap();
    assert_eq!(written(&answerer, &table(&baskets), job).unwrap().separator, None);
}

#[test]
fn what_cannot_be_written_is_refused_before_the_work() {
    let (folder, answerer) = (tempfile::tempdir().unwrap(), answerer("ease"));
    let sheet = folder.path().join("lists.xlsx");
    assert!(matches!(written(&answerer, &Whom::Everyone, job(&sheet)), Err(BatchError::Format { .. })));
    let parquet = folder.path().join("lists.parquet");
    let explained = Question { explain: true, ..Question::default() };
    let refused = answerer.batch(&Whom::Everyone, &explained, job(&parquet), &mut progress::silent);
    assert!(matches!(refused, Err(BatchError::Explained { .. })));
    let none = Question { n: 0, ..Question::default() };
    let refused = answerer.batch(&Whom::Everyone, &none, job(&parquet), &mut progress::silent);
    assert!(matches!(refused, Err(BatchError::Answer(_))));
    let strange = folder.path().join("strange.csv");
    fs::write(&strange, "a,b\n1,2\n").unwrap();
    let refused = written(&answerer, &table(&strange), job(&parquet)).unwrap_err();
    assert!(matches!(&refused, BatchError::NoColumn { columns, .. } if columns.len() == 2), "{refused}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
