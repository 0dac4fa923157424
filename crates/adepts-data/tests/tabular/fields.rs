//! Codes and statistics, from the training part alone.

use std::fmt::Write;

use adepts_data::tabular::{Codes, Coding, DenseColumn, FieldConfig, TabularConfig, TabularSplit};
use adepts_data::{Part, Vocabulary};
use tempfile::tempdir;

use crate::support::file;
use crate::{PARTS, all, column, config, prepare, prepared, source};

#[test]
fn vocabularies_and_statistics_come_from_the_training_rows_alone() {
    let dir = tempdir().unwrap();
    // By time: the last rows, which test, have a colour and an age that nobody had before.
    let mut text = String::from("time,colour,age,label,site\n");
    for row in 0..100 {
        let (colour, age) = if row < 80 { (["red", "blue"][row % 2], "10") } else { ("green", "20") };
        writeln!(text, "{row},{colour},{age},{},main", row % 3 / 2).unwrap();
    }
    let config = TabularConfig {
        time: Some(column("time")),
        fields: vec![column("colour").into()],
        dense: vec![column("age").into()],
        ..TabularConfig::new(file(dir.path(), "a.csv", text), column("label"), column("site"))
    };
    let split = TabularSplit::Temporal { validation: 0.1, test: 0.1 };
    let set = prepare(&config, &split, &dir.path().join("prepared")).unwrap();
    assert_eq!(PARTS.map(|part| set.rows(part)), [80, 10, 10]);
    let (colours, counts) = set.vocabulary(0).unwrap().unwrap();
    assert_eq!(colours, Vocabulary::Text(vec!["blue".into(), "red".into()]));
    assert_eq!(counts, [40, 40]);
    let field = &set.manifest().fields[0];
    assert_eq!((field.size, field.unknown.train, field.unknown.test), (3, 0, 10));
    let (train, test) = (all(&set, Part::Train), all(&set, Part::Test));
    assert_eq!(train.fields[0], Codes::One([2, 1].repeat(40)));
    assert_eq!(test.fields[0], Codes::One(vec![0; 10]));
    // All training ages are equal: a deviation of one, so that what differs keeps its distance.
    assert!(train.dense.iter().all(|&age| age == 0.0) && test.dense.iter().all(|&age| age == 10.0));
}

#[test]
fn numbers_far_outside_of_the_training_rows_are_clipped_and_counted_and_others_are_not() {
    let dir = tempdir().unwrap();
    let mut text = String::from("time,price,label,site\n");
    for row in 0..100 {
        let price = match row {
            5 => "1.7976931348623157e308".to_owned(),
            // Of those that test one lies outside of the training rows, but near, and two far off.
            90 => "11".to_owned(),
            91 => "1e9".to_owned(),
            92 => "-1e300".to_owned(),
            _ => (row % 10).to_string(),
        };
        writeln!(text, "{row},{price},{},main", row % 3 / 2).unwrap();
    }
    let config = TabularConfig {
        time: Some(column("time")),
        dense: vec![column("price").into()],
        ..TabularConfig::new(file(dir.path(), "a.csv", text), column("label"), column("site"))
    };
    let split = TabularSplit::Temporal { validation: 0.1, test: 0.1 };
    let set = prepare(&config, &split, &dir.path().join("prepared")).unwrap();
    let price = &set.manifest().dense[0];
    assert_eq!((price.least, price.most), (Some(0.0), Some(9.0)));
    assert!((price.mean - 4.5).abs() < 0.1 && (price.deviation - 2.9).abs() < 0.1, "{price:?}");
    assert_eq!((price.clipped.train, price.clipped.validation, price.clipped.test), (1, 0, 2));
    let (train, test) = (all(&set, Part::Train).dense, all(&set, Part::Test).dense);
    assert!((train[5] - 10.0).abs() < 1e-6 && (train[4] - ((4.0 - price.mean) / price.deviation) as f32).abs() < 1e-6);
    assert!((test[0] - ((11.0 - price.mean) / price.deviation) as f32).abs() < 1e-6);
    assert!((test[1] - 10.0).abs() < 1e-6 && (test[2] + 10.0).abs() < 1e-6);
    // Without a known range, as in folders of before, it is as wide as the training rows can have made it.
    let before = DenseColumn { least: None, most: None, mean: 0.0, deviation: 2.0, ..price.clone() };
    assert_eq!((before.limits(10_000), before.limits(9)), ((-200.0, 200.0), (-20.0, 20.0)));
}

#[test]
fn missing_values_are_counted_and_filled_with_the_mean() {
    let (_dir, set) = prepared();
    let manifest = set.manifest();
    assert_eq!(set.schema().dense, ["age", "time"]);
    assert_eq!((manifest.dense[0].missing.total(), manifest.dense[1].missing.total()), (40, 0));
    assert_eq!((manifest.fields[0].missing.total(), manifest.fields[1].missing.total()), (100, 99));
    let rows = all(&set, Part::Train);
    let missing = |user: &u32| user % 10 == 3;
    let ages = rows.user.iter().zip(rows.dense.chunks(2));
    assert!(ages.clone().all(|(user, dense)| (dense[0] == 0.0) == missing(user)));
    let (mean, square) =
        (ages.clone().map(|(_, d)| f64::from(d[0])), ages.clone().map(|(_, d)| f64::from(d[0]).powi(2)));
    let present = ages.filter(|(user, _)| !missing(user)).count() as f64;
    assert!((mean.sum::<f64>() / present).abs() < 1e-6);
    assert!((square.sum::<f64>() / present - 1.0).abs() < 1e-6);
}

#[test]
fn fields_are_codes_lists_hashes_and_ranges() {
    let (_dir, set) = prepared();
    let names: Vec<(&str, usize, bool)> =
        set.schema().fields.iter().map(|f| (f.name.as_str(), f.size, f.many)).collect();
    assert_eq!(names, [("colour", 4, false), ("tags", 4, true), ("zip", 51, false), ("views", 5, false)]);
    assert!(matches!(&set.manifest().fields[3].coding, Coding::Quantiles { bounds } if bounds.len() == 3));
    assert_eq!(set.schema().domains, ["app", "shop"]);
    assert_eq!(set.schema().users, 400);
    let rows = all(&set, Part::Train);
    for (row, &user) in rows.user.iter().enumerate() {
        let user = user as usize;
        assert_eq!(rows.fields[0].row(row), [[3, 2, 1, 0][user * 7 % 4]]);
        assert_eq!(rows.fields[1].row(row), [&[1, 2][..], &[2], &[], &[3, 1, 1]][user / 3 % 4]);
        assert_eq!(rows.domain[row], u32::from(!user.is_multiple_of(3)));
        assert_eq!(rows.label[row], f32::from(u8::from(1 + user * 13 % 5 >= 4)));
    }
    let Codes::One(views) = &rows.fields[3] else { panic!("ranges are single codes") };
    assert!(views.is_sorted(), "views rise with the row");
    let of_first = views.iter().filter(|&&code| code == 1).count() as f64;
    assert!((of_first / views.len() as f64 - 0.25).abs() < 0.01);
}

#[test]
fn domains_count_their_rows_and_base_rates_in_each_part() {
    let (_dir, set) = prepared();
    for part in PARTS {
        let rows = all(&set, part);
        for (nth, domain) in set.manifest().domains.iter().enumerate() {
            let labels = rows.domain.iter().zip(&rows.label).filter(|(d, _)| **d as usize == nth).map(|(_, l)| *l);
            let labels: Vec<f32> = labels.collect();
            assert_eq!(domain.rows.of(part) as usize, labels.len());
            let rate = f64::from(labels.iter().sum::<f32>()) / labels.len() as f64;
            assert!((domain.base_rate(part) - rate).abs() < 1e-12);
        }
    }
}

#[test]
fn rare_values_share_the_code_of_the_unknown() {
    let dir = tempdir().unwrap();
    let mut config = config(source(dir.path()));
    config.fields = vec![FieldConfig { min_count: 3, ..column("zip").into() }];
    config.dense = Vec::new();
    let set = prepare(&config, &TabularSplit::default(), &dir.path().join("prepared")).unwrap();
    let (zips, counts) = set.vocabulary(0).unwrap().unwrap();
    assert!(zips.len() < 90 && counts.iter().all(|&n| n >= 3));
    let kept: u64 = counts.iter().sum();
    assert_eq!(kept + set.manifest().fields[0].unknown.train, set.rows(Part::Train) as u64);
}

#[test]
fn a_domain_without_training_rows_is_left_out_and_counted() {
    let dir = tempdir().unwrap();
    let mut text = std::fs::read_to_string(source(dir.path())).unwrap();
    // The latest row of all, which the split by time tests on.
    text.push_str("400,red,a,1,30,1,5,99999,kiosk\n");
    let config = config(file(dir.path(), "more.csv", text));
    let split = TabularSplit::Temporal { validation: 0.1, test: 0.1 };
    let set = prepare(&config, &split, &dir.path().join("prepared")).unwrap();
    assert_eq!(set.schema().domains, ["app", "shop"]);
    assert_eq!((set.manifest().left_out.test, set.manifest().rows.total()), (1, 400));
}
