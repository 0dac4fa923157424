//! Every format, new files, proposals, and a public log.

use std::fmt::Write;
use std::path::Path;

use adepts_data::progress::silent;
use adepts_data::tabular::{
    Codes, DomainsConfig, FieldConfig, NO_USER, NamedColumns, NoProposal, RawFiles, TabularBatch, TabularConfig,
    TabularSplit, propose, simulate_domains,
};
use adepts_data::{BadRows, Part};
use tempfile::tempdir;

use crate::support::{file, real};
use crate::{PARTS, all, column, config, encode, prepare, prepared, source};

#[test]
fn new_files_are_coded_as_the_prepared_ones_were() {
    let (dir, set) = prepared();
    let (blocks, summary) = encode(&set, &RawFiles::new(set.manifest().data.source.clone())).unwrap();
    assert!(summary.labelled && summary.rows == 400);
    assert_eq!(blocks.iter().map(|block| block.rows.len()).collect::<Vec<_>>(), [64, 64, 64, 64, 64, 64, 16]);
    assert_eq!(blocks.iter().flat_map(|block| block.rows.clone()).collect::<Vec<_>>(), (1..=400).collect::<Vec<u64>>());
    let mut coded = TabularBatch::none(set.schema());
    for block in &blocks {
        coded.append(&block.batch);
    }
    for part in PARTS {
        let rows = all(&set, part);
        assert_eq!(coded.select(&rows.user), rows);
    }
    assert_eq!(
        summary.missing.iter().map(|(name, n)| (name.as_str(), *n)).collect::<Vec<_>>(),
        [("colour", 100), ("tags", 99), ("age", 40)]
    );

    let rows = "site,colour,zip,views,time,age,tags\napp,red,1,5,9,30,a\napp,pink,1,5,9,30,a|z\nkiosk,red,1,5,9,30,a\n";
    let mut files = RawFiles::new(file(dir.path(), "new.csv", rows));
    let error = encode(&set, &files).unwrap_err();
    let expected = "line 4: the domain `kiosk` is none of those that were trained on: `app`, `shop`";
    assert!(error.to_string().ends_with(expected), "{error}");
    files.bad_rows = BadRows::Skip;
    let (blocks, summary) = encode(&set, &files).unwrap();
    assert_eq!((summary.rows, summary.skipped_rows, summary.labelled), (2, 1, false));
    assert_eq!(summary.unknown, [("colour".to_owned(), 1), ("tags".to_owned(), 1)]);
    assert_eq!(blocks[0].batch.fields[0], Codes::One(vec![3, 0]));
    assert!(blocks[0].batch.user.is_empty());
}

#[test]
fn a_row_of_a_new_file_needs_neither_label_nor_user() {
    let (dir, set) = prepared();
    let rows = "row,rating,site,colour,zip,views,time,age,tags\n9,,app,red,1,5,9,30,a\n,bad,shop,red,1,5,9,,a\n7,5,app,,1,5,9,30,a\n";
    let files = RawFiles::new(file(dir.path(), "new.csv", rows));
    let (blocks, summary) = encode(&set, &files).unwrap();
    assert_eq!((summary.rows, summary.skipped_rows), (3, 0));
    assert_eq!(blocks[0].batch.user, [0, NO_USER, 1]);
    assert_eq!(blocks[0].batch.label, [0.0, 0.0, 1.0]);
    assert_eq!(summary.missing, [("colour".to_owned(), 1), ("age".to_owned(), 1)]);
}

#[test]
fn rows_without_a_user_are_prepared_with_where_they_come_from() {
    let dir = tempdir().unwrap();
    let text = std::fs::read_to_string(source(dir.path())).unwrap();
    // Every fifth row names nobody.
    let nobody = |(nth, line): (usize, &str)| match line.split_once(',') {
        Some((_, rest)) if nth > 0 && nth % 5 == 0 => format!(",{rest}"),
        _ => line.to_owned(),
    };
    let lines: Vec<String> = text.lines().enumerate().map(nobody).collect();
    let config = config(file(dir.path(), "some.csv", lines.join("\n")));
    let set = prepare(&config, &TabularSplit::default(), &dir.path().join("some")).unwrap();
    let manifest = set.manifest();
    assert_eq!((manifest.users, manifest.without_user.total(), manifest.rows.total()), (320, 80, 400));
    assert!(set.origins(Part::Train).unwrap().is_none());
    for part in [Part::Validation, Part::Test] {
        let (rows, origins) = (all(&set, part), set.origins(part).unwrap().unwrap());
        assert_eq!(origins.rows.len(), set.rows(part));
        for (at, row) in origins.rows.iter().enumerate() {
            let id = lines[*row as usize].split(',').next().filter(|id| !id.is_empty()).map(str::to_owned);
            assert_eq!(origins.users[at], id, "row {row}");
            assert_eq!(rows.user[at] == NO_USER, id.is_none(), "row {row}");
        }
    }
    let copy = set.copy_to(&dir.path().join("copy")).unwrap();
    assert_eq!(copy.origins(Part::Test).unwrap(), set.origins(Part::Test).unwrap());
    let by_user = TabularSplit::Users { validation: 0.2, test: 0.2, seed: None };
    let error = prepare(&config, &by_user, &dir.path().join("by-user")).unwrap_err();
    assert!(error.to_string().contains("line 6, column `row`: the value is missing"), "{error}");
}

#[test]
fn lists_are_the_same_in_every_format() {
    let dir = tempdir().unwrap();
    let domains = DomainsConfig { rows: 6_000, users: 100, items: 50, ..DomainsConfig::default() };
    let mut hashes = Vec::new();
    for name in ["a.csv", "a.parquet"] {
        let path = dir.path().join(name);
        simulate_domains(&domains, &path, &mut silent).unwrap();
        hashes.push(simulated(&path, name.ends_with("csv")));
    }
    let text = std::fs::read_to_string(dir.path().join("a.csv")).unwrap();
    let mut json = String::new();
    for line in text.lines().skip(1) {
        let v: Vec<&str> = line.split(',').collect();
        let tags: Vec<&str> = v[3].split('|').filter(|tag| !tag.is_empty()).collect();
        let price = if v[5].is_empty() { "null" } else { v[5] };
        let (user, item, category, hour, domain, label) = (v[0], v[1], v[2], v[4], v[6], v[7]);
        writeln!(
            json,
            r#"{{"user":"{user}","item":"{item}","category":"{category}","tags":{tags:?},"hour":{hour},"price":{price},"domain":"{domain}","label":{label}}}"#
        )
        .unwrap();
    }
    file(dir.path(), "a.jsonl", json);
    hashes.push(simulated(&dir.path().join("a.jsonl"), false));
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[0], hashes[2]);
}

fn simulated(path: &Path, separated: bool) -> String {
    let fields = ["user", "item", "category", "tags", "hour"].map(|name| FieldConfig {
        separator: (separated && name == "tags").then(|| "|".to_owned()),
        ..column(name).into()
    });
    let config = TabularConfig {
        user: Some(column("user")),
        fields: fields.into(),
        dense: vec![column("price").into()],
        ..TabularConfig::new(path.to_str().unwrap(), column("label"), column("domain"))
    };
    let split = TabularSplit::Users { validation: 0.2, test: 0.2, seed: None };
    let set = prepare(&config, &split, &path.with_extension("prepared")).unwrap();
    assert!(set.schema().fields[3].many);
    let (train, test) = (all(&set, Part::Train), all(&set, Part::Test));
    assert!(test.user.iter().all(|user| !train.user.contains(user)), "whole users are held out");
    set.manifest().content_hash.clone()
}

#[test]
fn an_inspection_proposes_the_table() {
    let dir = tempdir().unwrap();
    let domains = DomainsConfig { rows: 6_000, users: 100, items: 50, ..DomainsConfig::default() };
    let proposed = |name: &str| {
        let path = dir.path().join(name);
        simulate_domains(&domains, &path, &mut silent).unwrap();
        let inspection = adepts_data::inspect(path.to_str().unwrap(), &adepts_data::DataConfig::default()).unwrap();
        propose(&inspection, &NamedColumns::default()).unwrap().to_toml()
    };
    let tail = r#"label = "label"
domain = "domain"
user = "user"
fields = ["user", "item", "category", { column = "tags", separator = "|" }, "hour"]
dense = ["price"]
"#;
    assert_eq!(proposed("a.csv"), format!("[data]\nsource = \"\"\n{tail}"));
    // Lists that are lists need no separator.
    let plain = tail.replace(r#"{ column = "tags", separator = "|" }"#, r#""tags""#);
    assert_eq!(proposed("a.parquet"), format!("[data]\nsource = \"\"\n{plain}"));
    let log = "user,item,rating,time,country\n1,2,5,978300760,de\n2,3,1,978300761,fr\n";
    let log = file(dir.path(), "log.csv", log);
    let inspection = adepts_data::inspect(&log, &adepts_data::DataConfig::default()).unwrap();
    let table = propose(&inspection, &NamedColumns::default()).unwrap().to_toml();
    assert!(table.contains("label = { column = \"rating\", at_least = 4 }\ndomain = \"country\"\n"), "{table}");
    assert!(table.ends_with("time = \"time\"\nfields = [\"user\", \"item\"]\ndense = []\n"), "{table}");
    let named = |label: &str, domain: &str| {
        let name = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        propose(&inspection, &NamedColumns { label: name(label), domain: name(domain) })
    };
    assert_eq!(named("rating", "").unwrap().to_toml(), table);
    let table = named("", "item").unwrap().to_toml();
    assert!(table.contains("domain = \"item\"\n") && table.contains("fields = [\"user\", \"country\"]"), "{table}");
    assert!(matches!(named("user", ""), Err(NoProposal::OddLabel { value, .. }) if value == "2"));
    assert_eq!(named("rating", "rating"), Err(NoProposal::Both { column: "rating".into() }));
}

#[test]
fn movielens_1m_as_three_domains_is_prepared_and_streamed() {
    let Some(path) = real("ml-1m.parquet") else { return };
    let fields = ["user_id", "movie_id", "gender", "occupation", "zip", "genre"].map(|name| column(name).into());
    let config = TabularConfig {
        user: Some(column("user_id")),
        fields: fields.into(),
        dense: vec![column("age").into()],
        ..TabularConfig::new(path.to_str().unwrap(), column("label"), column("age_group"))
    };
    let dir = tempdir().unwrap();
    let set = prepare(&config, &TabularSplit::default(), &dir.path().join("prepared")).unwrap();
    let manifest = set.manifest();
    assert_eq!(manifest.rows.total() + manifest.left_out.total(), 1_000_209);
    let sizes: Vec<u64> = manifest.domains.iter().map(|domain| domain.rows.total()).collect();
    assert_eq!(sizes, [210_747, 395_556, 393_906]);
    assert_eq!(set.schema().users, 6_040);
    assert!(set.rows(Part::Train).abs_diff(800_167) < 2_000);
    for (domain, rate) in manifest.domains.iter().zip([0.5524, 0.5626, 0.5999]) {
        assert!((domain.base_rate(Part::Train) - rate).abs() < 0.003);
    }
    let mut epoch = set.epoch(1, 1, 4_096).unwrap();
    let (mut rows, mut batches, mut users) = (0, 0, 0_u64);
    while let Some(batch) = epoch.next().unwrap() {
        rows += batch.rows();
        batches += 1;
        users += batch.user.iter().map(|&user| u64::from(user)).sum::<u64>();
    }
    assert_eq!((rows, batches), (set.rows(Part::Train), epoch.batches()));
    let in_order: u64 = set
        .blocks(Part::Train, 4_096)
        .unwrap()
        .map(|block| block.unwrap().user.iter().map(|&user| u64::from(user)).sum::<u64>())
        .sum();
    assert_eq!(users, in_order);
}
