//! Rows of domains that are not listed: as if they were not there, but counted.

use std::fmt::Write;

use adepts_data::tabular::{TabularConfig, TabularSplit};
use adepts_data::{BadRows, Part};
use tempfile::tempdir;

use crate::support::file;
use crate::{PARTS, column, config, prepare, source};

const TEMPORAL: TabularSplit = TabularSplit::Temporal { validation: 0.1, test: 0.1 };

/// A configuration of rows `c,time,label,site`, of which those of the site `a` are meant.
fn of_a(source: String) -> TabularConfig {
    TabularConfig {
        time: Some(column("time")),
        fields: vec![column("c").into()],
        domains: vec!["a".into()],
        ..TabularConfig::new(source, column("label"), column("site"))
    }
}

#[test]
fn a_split_by_time_is_cut_by_the_rows_of_listed_domains_alone() {
    let dir = tempdir().unwrap();
    let mut text = String::from("c,time,label,site\n");
    (0..600).for_each(|row| writeln!(text, "x,{row},{},a", row % 2).unwrap());
    let alone = of_a(file(dir.path(), "alone.csv", &text));
    (600..3_600).for_each(|row| writeln!(text, "x,{row},{},b", row % 2).unwrap());
    let both = of_a(file(dir.path(), "both.csv", &text));
    let [alone, both] = [alone, both].map(|config| {
        let set = prepare(&config, &TEMPORAL, &dir.path().join("prepared")).unwrap();
        assert_eq!(PARTS.map(|part| set.rows(part)), [480, 60, 60]);
        set.manifest().clone()
    });
    assert_eq!((alone.other_domains, both.other_domains), (0, 3_000));
    assert_eq!(alone.content_hash, both.content_hash);
}

#[test]
fn an_empty_part_is_told_with_the_number_of_rows_of_listed_domains() {
    let dir = tempdir().unwrap();
    let mut text = String::from("c,time,label,site\n");
    (0..600).for_each(|row| writeln!(text, "x,7,{},{}", row % 2, if row < 200 { "a" } else { "b" }).unwrap());
    let config = of_a(file(dir.path(), "a.csv", text));
    let error = prepare(&config, &TEMPORAL, &dir.path().join("prepared")).unwrap_err().to_string();
    assert!(error.contains("part is empty after cutting 200 rows"), "{error}");
    assert!(error.contains("rows of one time are not split; split row by row with `--split random`"), "{error}");
}

#[test]
fn nothing_is_wrong_with_a_row_of_a_domain_that_is_not_listed() {
    let dir = tempdir().unwrap();
    let text = std::fs::read_to_string(source(dir.path())).unwrap();
    let config = TabularConfig { domains: vec!["app".into(), "shop".into()], ..config(source(dir.path())) };
    // No user, no label, no number, no time.
    let (head, rows) = text.split_once('\n').unwrap();
    let others = ",red,a,1,old,many,bad,never,kiosk\n".repeat(3);
    let more = TabularConfig {
        source: file(dir.path(), "more.csv", format!("{head}\n{others}{rows}{others}")),
        ..config.clone()
    };
    let by_user = TabularSplit::Users { validation: 0.2, test: 0.2, seed: None };
    for split in [TabularSplit::default(), by_user, TEMPORAL] {
        let [without, with] = [("without", &config), ("with", &more)]
            .map(|(name, config)| prepare(config, &split, &dir.path().join(name)).unwrap());
        assert_eq!(with.manifest().content_hash, without.manifest().content_hash, "{split:?}");
        assert_eq!((with.manifest().other_domains, with.manifest().skipped_rows), (6, 0));
        let [with, without] = [with, without].map(|set| set.origins(Part::Test).unwrap().unwrap());
        assert_eq!(
            with.rows,
            without.rows.iter().map(|row| row + 3).collect::<Vec<_>>(),
            "places are those of the source"
        );
        assert_eq!(with.users, without.users);
    }
}

#[test]
fn a_listed_domain_of_which_no_row_can_be_read_is_named() {
    let dir = tempdir().unwrap();
    let text = std::fs::read_to_string(source(dir.path())).unwrap() + "400,red,a,1,old,1,bad,1,kiosk\n";
    let config = TabularConfig {
        domains: vec!["shop".into(), "kiosk".into()],
        bad_rows: BadRows::Skip,
        ..config(file(dir.path(), "more.csv", text))
    };
    let told = prepare(&config, &TabularSplit::default(), &dir.path().join("prepared")).unwrap_err().to_string();
    assert_eq!(told, "no row that can be read has the domain `kiosk` of data.domains; the column has `shop`, `app`");
}
