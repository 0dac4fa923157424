//! A run as what answers need: opened without its data, and never trusted.

#![expect(clippy::disallowed_methods, reason = "files are damaged on purpose")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use adepts::answers::forget_histories;
use adepts::data::{BadRows, Id, progress};
use adepts::history::titles::{TitleFile, attach};
use adepts::serve::{Answer, AnswerError, Answerer, Asked, Page, Question};
use adepts::{Artefact, Error, HistoryRun, RunError};
use serde_json::Value;

use crate::support::{COMMUNITY, RUNS, copied, files, trained};

/// The answers to some users and histories.
fn answers(folder: &Path) -> Result<Vec<Result<Answer, AnswerError>>, Error> {
    let answerer = Artefact::open(folder)?.answerer();
    let of_user = |index| Question { explain: true, ..Question::of_user(COMMUNITY.users.id(index)) };
    let of_items = |index| Question::of_history(vec![COMMUNITY.items.id(index), COMMUNITY.items.id(index + 7)]);
    let asked: Vec<Asked> = (0..20).map(of_user).chain((0..20).map(of_items)).map(Asked::from).collect();
    Ok(answerer.answer(&asked))
}

#[test]
fn a_run_answers_without_its_data() {
    for trained in RUNS.iter() {
        let expected = answers(&trained.folder).unwrap();
        let copy = copied(&trained.folder);
        fs::remove_dir_all(copy.path().join("data")).unwrap();
        for file in ["epochs.jsonl", "per_user.parquet", "report.json"] {
            let _none = fs::remove_file(copy.path().join(file));
        }
        assert_eq!(answers(copy.path()).unwrap(), expected, "{}", trained.spec.name);
    }
}

/// Damages a file of a copy of a run in many ways, one at a time.
fn damaged(folder: &Path, damage: &mut dyn FnMut(&str, &Path)) {
    let copy = copied(folder);
    for file in files(folder).iter().filter(|file| !file.starts_with("data/")) {
        let (path, whole) = (copy.path().join(file), fs::read(folder.join(file)).unwrap());
        let mut put = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            damage(file, copy.path());
        };
        for nth in 0..30 {
            let mut bytes = whole.clone();
            let at = nth * (whole.len() - 1) / 29;
            bytes[at] ^= 1 << (nth % 8);
            put(&bytes);
            put(&whole[..at]);
        }
        put(&[&whole[..], b"\0"].concat());
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn whatever_answers_depend_on_is_refused_when_it_has_changed() {
    for name in ["tall", "itemknn"] {
        let folder = &trained(name).folder;
        let expected = answers(folder).unwrap();
        let depends = |file: &str| file == "config.toml" || file == "model.safetensors" || file.starts_with("answers/");
        damaged(folder, &mut |file, damaged| match answers(damaged) {
            Err(error) => assert!(!error.to_string().is_empty()),
            // A manifest also tells what no answer depends on, such as seconds.
            Ok(found) => assert!(!depends(file) && found == expected, "{file}"),
        });
        for file in files(folder).into_iter().filter(|file| depends(file)) {
            let copy = copied(folder);
            fs::remove_file(copy.path().join(&file)).unwrap();
            let error = answers(copy.path()).unwrap_err();
            let named = matches!(&error, Error::Run(RunError::Io { path, .. }) if path.ends_with(&file));
            assert!(named, "{file}: {error}");
        }
    }
}

/// The page that whoever answers would show.
fn shown(folder: &Path) -> Page {
    adepts::answers::open(folder).unwrap().report().clone()
}

#[test]
fn a_page_that_has_changed_is_not_shown_and_changes_no_answer() {
    let copy = copied(&trained("ease").folder);
    let (folder, page) = (copy.path(), copy.path().join("report.html"));
    let hash = || adepts::answers::open(folder).unwrap().facts().hash.clone();
    let (expected, before) = (answers(folder).unwrap(), hash());
    assert_eq!(shown(folder), Page::Missing);
    adepts::any::write_page(&page, "One", &[folder.to_owned()]).unwrap();
    let whole = fs::read(&page).unwrap();
    assert_eq!((shown(folder), hash()), (Page::Whole(whole.clone()), before.clone()));
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&flipped[..], &whole[..whole.len() / 2], &[]] {
        fs::write(&page, damaged).unwrap();
        assert!(matches!(shown(folder), Page::Changed { reason } if reason.starts_with("report.html has ")));
        assert_eq!(answers(folder).unwrap(), expected);
    }
    fs::remove_file(&page).unwrap();
    assert!(matches!(shown(folder), Page::Changed { reason } if reason.starts_with("report.html cannot be read")));
    // Written anew, also from elsewhere, it is vouched for, and stays so when histories go.
    adepts::any::write_page(&page, "Another", &[folder.to_owned(), trained("itemknn").folder.clone()]).unwrap();
    let anew = Page::Whole(fs::read(&page).unwrap());
    assert_eq!((shown(folder), hash()), (anew.clone(), before));
    forget_histories(folder).unwrap();
    assert_eq!(shown(folder), anew);
    fs::write(&page, &flipped).unwrap();
    assert!(matches!(shown(folder), Page::Changed { .. }));
}

#[test]
fn a_page_that_cannot_be_written_leaves_the_manifest_true() {
    let copy = copied(&trained("ease").folder);
    let (folder, page) = (copy.path(), copy.path().join("report.html"));
    adepts::any::write_page(&page, "", &[folder.to_owned()]).unwrap();
    fs::remove_file(&page).unwrap();
    fs::create_dir(&page).unwrap();
    assert!(adepts::any::write_page(&page, "", &[folder.to_owned()]).is_err());
    let manifest = adepts::history::run::manifest(folder).unwrap();
    assert!(!manifest.files.contains_key("report.html"), "it vouches for nothing that is not there");
}

#[test]
fn pages_of_runs_of_every_format_are_shown_and_then_vouched_for() {
    for format in 1..=adepts::manifest::FORMAT {
        let old = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/compat/format-{format}/run"));
        let copy = copied(&old);
        let page = copy.path().join("report.html");
        fs::write(&page, "<!doctype html>old").unwrap();
        assert_eq!(shown(copy.path()), Page::Whole(b"<!doctype html>old".to_vec()), "format {format}");
        adepts::any::write_page(&page, "", &[copy.path().to_owned()]).unwrap();
        assert_eq!(shown(copy.path()), Page::Whole(fs::read(&page).unwrap()));
        assert_eq!(adepts::history::run::manifest(copy.path()).unwrap().format, format);
        fs::write(&page, "<!doctype html>old").unwrap();
        assert!(matches!(shown(copy.path()), Page::Changed { .. }));
    }
}

#[test]
fn files_of_another_run_are_refused_even_where_the_manifest_vouches_for_them() {
    let [tall, ease] = ["tall", "ease"].map(|name| &trained(name).folder);
    let manifest =
        |folder: &Path| -> Value { serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap() };
    let copy = copied(tall);
    fs::copy(ease.join("model.safetensors"), copy.path().join("model.safetensors")).unwrap();
    assert!(matches!(answers(copy.path()), Err(Error::Run(RunError::Changed { .. }))));
    let mut vouching = manifest(tall);
    vouching["files"]["model.safetensors"] = manifest(ease)["files"]["model.safetensors"].clone();
    fs::write(copy.path().join("manifest.json"), vouching.to_string()).unwrap();
    assert!(matches!(answers(copy.path()), Err(Error::Model { .. })));
    // Other numbers of items or users fit no file.
    for (key, value) in [("items", 119), ("items", 121), ("users", 299), ("users", 301)] {
        let copy = copied(tall);
        let mut other = manifest(tall);
        other[key] = value.into();
        fs::write(copy.path().join("manifest.json"), other.to_string()).unwrap();
        let error = answers(copy.path()).unwrap_err();
        assert!(matches!(error, Error::Data(_)), "{key} = {value}: {error}");
    }
    let copy = copied(tall);
    let mut other = manifest(tall);
    other["files"].as_object_mut().unwrap().remove("answers/items.parquet");
    fs::write(copy.path().join("manifest.json"), other.to_string()).unwrap();
    let error = answers(copy.path()).unwrap_err();
    assert!(matches!(&error, Error::Run(RunError::Damaged { reason, .. }) if reason.contains("answers/items.parquet")));
    other["format"] = 99.into();
    fs::write(copy.path().join("manifest.json"), other.to_string()).unwrap();
    assert!(matches!(answers(copy.path()), Err(Error::Run(RunError::Newer { found: 99, .. }))));
}

#[test]
fn without_histories_nothing_of_a_user_is_left_and_histories_are_answered() {
    let copy = copied(&trained("tall").folder);
    let expected = answers(copy.path()).unwrap();
    forget_histories(copy.path()).unwrap();
    forget_histories(copy.path()).unwrap();
    let left = files(copy.path());
    let of_users = ["data/", "per_user", "users", "histories", "seen", "groups"];
    assert!(!left.iter().any(|file| of_users.iter().any(|name| file.contains(name))), "{left:?}");
    for file in &left {
        let bytes = fs::read(copy.path().join(file)).unwrap();
        let id = COMMUNITY.users.id(123).to_string();
        assert!(!bytes.windows(id.len()).any(|window| window == id.as_bytes()), "{file}");
    }
    let found = answers(copy.path()).unwrap();
    assert!(found[..20].iter().all(|answer| matches!(answer, Err(error @ AnswerError::NoHistories { .. })
        if error.to_string().contains("\"history\""))));
    assert_eq!(found[20..], expected[20..]);
    assert!(matches!(HistoryRun::open(copy.path()).err(), Some(Error::Run(RunError::WithoutHistories { .. }))));
    assert!(!Artefact::open(copy.path()).unwrap().answerer().facts().histories);
}

#[test]
fn titles_come_with_answers_and_can_be_replaced() {
    let copy = copied(&trained("ease").folder);
    let table = copy.path().join("titles.csv");
    let mut text = "item_id,title\nnothing,Nothing\n".to_owned();
    for item in 0..100 {
        writeln!(text, "{},\"Part {item}, the film\"", COMMUNITY.items.id(item)).unwrap();
    }
    fs::write(&table, &text).unwrap();
    let file = TitleFile::new(table.display().to_string());
    let attached = attach(copy.path(), &file, &mut progress::silent).unwrap();
    assert_eq!((attached.items, attached.titled, attached.others), (120, 100, 1));
    let answerer = Artefact::open(copy.path()).unwrap().answerer();
    assert!(answerer.facts().titles);
    let title = |item: u32| answerer.item(&COMMUNITY.items.id(item)).unwrap().title;
    assert_eq!((title(7).as_deref(), title(110)), (Some("Part 7, the film"), None));
    let found = answerer.items("film PART 42", 5);
    assert_eq!(found.iter().map(|found| found.item.clone()).collect::<Vec<_>>(), [COMMUNITY.items.id(42)]);
    fs::write(&table, text.replace("film", "book")).unwrap();
    attach(copy.path(), &file, &mut progress::silent).unwrap();
    let titles = files(copy.path()).into_iter().filter(|file| file.starts_with("answers/titles")).count();
    let answerer = Artefact::open(copy.path()).unwrap().answerer();
    let title = answerer.item(&COMMUNITY.items.id(7)).unwrap().title;
    assert_eq!((titles, title.as_deref()), (1, Some("Part 7, the book")));
    // A table about something else changes nothing.
    fs::write(&table, "item_id,title\nnothing,Nothing\n").unwrap();
    assert!(matches!(attach(copy.path(), &file, &mut progress::silent), Err(Error::Request(_))));
    assert!(Artefact::open(copy.path()).unwrap().titles.is_some());
    // A row without the id of an item is a row that cannot be read, not one about another item.
    fs::write(&table, format!("{text},No id\n")).unwrap();
    let error = attach(copy.path(), &file, &mut progress::silent).unwrap_err();
    assert!(error.to_string().contains("line 103, column `item_id`"), "{error}");
    let skip = TitleFile { bad_rows: BadRows::Skip, ..file.clone() };
    let attached = attach(copy.path(), &skip, &mut progress::silent).unwrap();
    assert_eq!((attached.titled, attached.others, attached.skipped), (100, 1, 1));
    fs::write(&table, "a,b\n1,2\n").unwrap();
    let error = attach(copy.path(), &file, &mut progress::silent).unwrap_err();
    assert!(error.to_string().contains("--item COLUMN"), "{error}");
}

#[test]
fn a_run_of_format_1_answers_and_becomes_one_of_format_2_with_titles() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/format-1/run");
    let copy = copied(&folder);
    let ask = || {
        let answerer = Artefact::open(copy.path()).unwrap().answerer();
        let histories = answerer.parts().histories.as_ref().unwrap();
        let users: Vec<Asked> = (0..histories.users.len() as u32)
            .map(|user| Question { explain: true, ..Question::of_user(histories.users.id(user)) }.into())
            .collect();
        (answerer.facts().format, answerer.answer(&users))
    };
    let (format, before) = ask();
    assert!(format == 1 && before.iter().all(|answer| answer.as_ref().is_ok_and(|answer| !answer.items.is_empty())));
    let table = copy.path().join("titles.jsonl");
    let item = Artefact::open(copy.path()).unwrap().catalogue.ids.id(0);
    let id = match &item {
        Id::Int(id) => id.to_string(),
        Id::Text(id) => format!("{id:?}"),
    };
    fs::write(&table, format!("{{\"id\": {id}, \"name\": \"First\"}}\n")).unwrap();
    let file = TitleFile::new(table.display().to_string());
    attach(copy.path(), &file, &mut progress::silent).unwrap();
    let (format, after) = ask();
    let plain = |answers: Vec<Result<Answer, AnswerError>>| -> Vec<_> {
        let list =
            |answer: Answer| answer.items.into_iter().map(|row| (row.item, row.score.to_bits())).collect::<Vec<_>>();
        answers.into_iter().map(|answer| list(answer.unwrap())).collect()
    };
    assert_eq!((format, plain(after)), (2, plain(before)));
    assert_eq!(Artefact::open(copy.path()).unwrap().answerer().item(&item).unwrap().title.as_deref(), Some("First"));
}
