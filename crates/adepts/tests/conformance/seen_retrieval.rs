//! What users have only seen, in retrieval: it is not recommended, and an evaluation keeps out of the lists what had happened by then.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use adepts::data::tabular::{RawFiles, TabularDataset};
use adepts::data::{Id, progress, write_atomically};
use adepts::part::Part;
use adepts::serve::{Exclude, FieldValue, RetrievalQuestion};
use adepts::tabular::config::Mask;
use adepts::tabular::predict::Retrieved;
use adepts::tabular::queries::Queries;
use adepts::{Error, TabularExperiment, TabularRun, finalize};

use crate::retrieval::recall;
use crate::support::{How, working};
use crate::tabular_models::run_with;

/// Ten positive rows, one at each moment from 0 on: 0 to 5 train, 6 and 7 validate, 8 and 9 test. Below them are low ratings.
const LOG: &str = "\
who,item,site,stars,time
ann,a,shop,5,0
bob,b,shop,5,1
ann,b,shop,4,2
bob,a,shop,5,3
ann,c,shop,5,4
bob,c,shop,4,5
ann,d,shop,5,6
bob,d,shop,5,7
ann,e,shop,5,8
bob,f,shop,5,9
ann,g,shop,1,2
ann,h,shop,1,7
ann,f,shop,1,9
ann,e,shop,2,1
bob,g,shop,2,3
bob,h,shop,2,4
bob,e,shop,2,6
";

/// Log, configuration and prepared tabular data.
fn made(home: &Path, log: &str, sets: &[&str]) -> (TabularExperiment, TabularDataset) {
    let source = home.join("log.csv");
    write_atomically(&source, |out| out.write_all(log.as_bytes())).unwrap();
    let text = r#"
        [data]
        label = { column = "stars", at_least = 4 }
        domain = "site"
        user = "who"
        time = "time"
        fields = ["who", "item"]
        item = "item"
        [split]
        kind = "temporal"
        validation = 0.2
        test = 0.2
        [model]
        kind = "mlp"
        embedding = 4
        hidden = [8]
        [retrieval]
        dimension = 4
        [train]
        batch = 16
        epochs = 3
        stop.metric = "recall@1"
        [eval]
        resamples = 20
        metrics = ["recall@1", "recall@2", "recall@5"]
    "#;
    let source = [format!("data.source={}", source.display())];
    let all: Vec<String> = sets.iter().map(|set| (*set).to_owned()).chain(source).collect();
    let experiment = TabularExperiment::read("seen", text, &all, &|_| None).unwrap();
    let data =
        TabularDataset::prepare(&experiment.data, &experiment.split, 7, &home.join("data"), &mut progress::silent);
    (experiment, data.unwrap())
}

fn trained(home: &Path, log: &str, sets: &[&str]) -> PathBuf {
    let (experiment, data) = made(home, log, sets);
    let folder = home.join("run");
    run_with(&experiment, &data, &folder, How { overwrite: true, ..How::default() }).unwrap();
    folder
}

/// The lists of both users, best first.
fn lists(run: &TabularRun, home: &Path, exclude: Exclude) -> [Vec<String>; 2] {
    let asks = home.join("asks.csv");
    write_atomically(&asks, |out| out.write_all(b"who,site\nann,shop\nbob,shop\n")).unwrap();
    let mut lists = Vec::new();
    let each = |block: Retrieved| {
        let names = |list: Vec<(Id, f32)>| list.into_iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>();
        lists.extend(block.lists.into_iter().map(names));
        Ok::<(), Error>(())
    };
    run.retrieve(&RawFiles::new(asks.display().to_string()), 100, exclude, each, &mut progress::silent).unwrap();
    lists.try_into().unwrap()
}

fn sorted(list: &[String]) -> String {
    list.iter().map(String::as_str).collect::<BTreeSet<&str>>().into_iter().collect()
}

#[test]
fn items_that_a_user_rated_low_are_not_found_for_him_unless_they_are_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let folder = trained(home.path(), LOG, &[]);
    let last = home.path().join("final");
    let made = working(How::default(), |work| finalize::run(&folder, None, &last, work)).0.unwrap();
    assert_eq!(made.rows, 10);
    for (folder, of_learned) in [(&folder, ["defgh", "defgh"]), (&last, ["fgh", "egh"])] {
        let run = TabularRun::open(folder).unwrap();
        let answerer = adepts::answers::open(folder).unwrap();
        for (exclude, left) in
            [(Exclude::Seen, ["", ""]), (Exclude::Learned, of_learned), (Exclude::None, ["abcdefgh", "abcdefgh"])]
        {
            let found = lists(&run, home.path(), exclude);
            assert_eq!(found.each_ref().map(|list| sorted(list)), left, "{exclude:?} of {}", folder.display());
            for (user, list) in ["ann", "bob"].into_iter().zip(&found) {
                let context = [("who".to_owned(), FieldValue::Text(user.into()))].into();
                let domain = Id::Text("shop".into());
                let question = RetrievalQuestion { domain, context, n: 100, exclude: Some(exclude) };
                let default = RetrievalQuestion { exclude: None, ..question.clone() };
                let [asked, default] = answerer.retrieve(&[question, default]).try_into().unwrap();
                let names = |answer: adepts::serve::Retrieval| -> Vec<String> {
                    answer.items.into_iter().map(|found| found.item.to_string()).collect()
                };
                assert_eq!((&names(asked.unwrap()), names(default.unwrap())), (list, Vec::new()));
            }
        }
    }
}

#[test]
fn an_evaluation_masks_what_was_seen_before_and_nothing_that_is_to_be_found() {
    let home = tempfile::tempdir().unwrap();
    let folder = trained(home.path(), LOG, &[]);
    let run = TabularRun::open(&folder).unwrap();
    let ids = run.data.catalogue().unwrap().unwrap().ids;
    let rows = |rows: &adepts::data::Rows| -> Vec<String> {
        rows.iter().map(|row| row.iter().map(|item| ids.id(*item).to_string()).collect()).collect()
    };
    // `ann` asks first; the last row is that of nobody. `ann,f` is of the test part, `ann,e` is to be found.
    for (part, mask, train, validation) in [
        (adepts::data::Part::Test, Mask::Known, ["g", "gh", ""], ["h", "e", ""]),
        (adepts::data::Part::Test, Mask::Training, ["g", "gh", ""], [""; 3]),
        (adepts::data::Part::Test, Mask::None, [""; 3], [""; 3]),
        (adepts::data::Part::Validation, Mask::Known, ["g", "gh", ""], [""; 3]),
    ] {
        let queries = Queries::of(&run.data, part, mask).unwrap();
        assert_eq!(
            (rows(&queries.seen_train), rows(&queries.seen_validation)),
            (train.map(str::to_owned).to_vec(), validation.map(str::to_owned).to_vec())
        );
        let found = if part == adepts::data::Part::Test { ["e", "f"] } else { ["d", "d"] };
        assert_eq!(rows(&queries.relevant), found);
    }
    // For `ann` e and f are left, of which e is to be found; for `bob` f alone.
    let summary = run.evaluate(Part::Test, &[], &mut progress::silent).unwrap();
    let order = lists(&run, home.path(), Exclude::None)[0].clone();
    let place = |item: &str| order.iter().position(|other| other == item).unwrap();
    let of_ann = if place("e") < place("f") { 1.0 } else { 0.0 };
    assert_eq!((summary.metrics["recall@1"], summary.metrics["recall@2"]), (f64::midpoint(of_ann, 1.0), 1.0));
    assert_eq!((summary.protocol.mask_seen, summary.protocol.seen), (true, 5));
    // With validation items left in d and h are candidates too, for `bob` d and e.
    assert_eq!(summary.metrics_validation_unmasked["recall@5"], 1.0);
    let chosen = run.evaluate(Part::Validation, &[], &mut progress::silent).unwrap();
    assert_eq!(chosen.protocol.seen, 3);
}

/// 20 users and 30 items, of which each row has one, with a rating and the time.
fn long() -> String {
    let mut text = String::from("who,item,site,stars,time\n");
    let mut state = 1_u64;
    for time in 0..700 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = |of: u64, shift: u32| (state >> shift) % of;
        let line = format!("u{},i{},s{},{},{time}\n", draw(20, 33), draw(30, 40), draw(2, 50), 1 + draw(5, 20));
        text.push_str(&line);
    }
    text
}

#[test]
fn recall_is_that_of_a_plain_loop_which_knows_nothing_of_the_future() {
    let home = tempfile::tempdir().unwrap();
    let both = [adepts::data::Part::Train, adepts::data::Part::Validation];
    let mut found = Vec::new();
    for (sets, seen) in [(&[][..], &both[..]), (&["eval.mask_seen=false"], &[])] {
        let folder = trained(home.path(), &long(), sets);
        let run = TabularRun::open(&folder).unwrap();
        let of = |seen: &[adepts::data::Part]| recall(&run.data, &*run.model, &both, seen);
        let want = of(seen);
        let summary = run.evaluate(Part::Test, &[], &mut progress::silent).unwrap();
        for (domain, of_domain) in summary.domains.iter().enumerate() {
            let mean = of_domain.metrics["recall@5"].mean;
            assert!((mean - want[&(domain as u32)]).abs() < 1e-9, "{domain}: {mean} {want:?}");
        }
        assert_eq!((summary.protocol.mask_seen, summary.protocol.seen > 50), (!seen.is_empty(), true));
        assert_ne!(want, of(&[both[0], both[1], adepts::data::Part::Test]), "what comes later would tell");
        found.push(summary.metrics["recall@5"]);
    }
    assert_ne!(found[0], found[1]);
}

#[test]
fn runs_that_mask_otherwise_what_was_seen_are_not_compared() {
    let home = tempfile::tempdir().unwrap();
    let (experiment, data) = made(home.path(), LOG, &[]);
    let (open, _) = made(home.path(), LOG, &["eval.mask_seen=false"]);
    let [masked, left_in] = ["masked", "open"].map(|name| home.path().join(name));
    run_with(&experiment, &data, &masked, How::default()).unwrap();
    run_with(&open, &data, &left_in, How::default()).unwrap();
    let records = [masked, left_in].map(|folder| adepts::tabular::report::Record::open(&folder).unwrap());
    let told = adepts::tabular::report::compare(&records, None, None).unwrap_err().to_string();
    assert!(told.contains("different masks (eval.mask_seen)"), "{told}");
}
