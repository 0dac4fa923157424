//! Settings, rows and files that cannot be right.

use adepts_data::tabular::{Ahead, TabularConfig, TabularDataset, TabularError, TabularSplit};
use adepts_data::{BadRows, DataError, FolderError, Part};
use tempfile::tempdir;

use crate::support::file;
use crate::{column, config, prepare, prepared, source};

#[test]
fn a_list_where_one_value_is_needed_is_refused() {
    let dir = tempdir().unwrap();
    let rows = "{\"c\":\"x\",\"label\":[1],\"site\":\"a\"}\n";
    let mut config = TabularConfig::new(file(dir.path(), "a.jsonl", rows), column("label"), column("site"));
    config.fields = vec![column("c").into()];
    let error = prepare(&config, &TabularSplit::default(), &dir.path().join("prepared")).unwrap_err();
    assert!(matches!(&error, DataError::BadValue { column, .. } if column == "label"), "{error}");
}

#[test]
fn settings_that_cannot_be_meant_are_named() {
    let dir = tempdir().unwrap();
    let good = config(source(dir.path()));
    let place = dir.path().join("prepared");
    let refused = |change: &dyn Fn(&mut TabularConfig)| {
        let mut config = good.clone();
        change(&mut config);
        prepare(&config, &TabularSplit::default(), &place).unwrap_err().to_string()
    };
    let nothing = refused(&|c| (c.fields, c.dense) = (Vec::new(), Vec::new()));
    assert!(nothing.starts_with("[data] names no field"), "{nothing}");
    let hash = refused(&|c| c.fields[2].hash = Some(0));
    assert_eq!(hash, "the field `zip`: `hash` is 0; expected 1 to 4294967294 codes");
    let buckets = refused(&|c| c.dense[0].buckets = Some(4));
    assert_eq!(buckets, "the field `age`: `buckets` is 4; expected none unless `transform` is `quantile`");
    let twice = refused(&|c| c.fields.push(column("views").into()));
    assert_eq!(twice, "the column `views` is named twice among the categorical fields; expected each once");
    let one_class = refused(&|c| c.label.at_least = Some(0.0));
    assert!(
        one_class.contains("have the label 1; expected some of either class in the column `rating`"),
        "{one_class}"
    );
    let label = refused(&|c| c.label.at_least = None);
    assert!(label.contains("column `rating`: found") && label.contains("at_least"), "{label}");
    let unknown = refused(&|c| c.domain = column("sites"));
    assert!(unknown.contains("did you mean `site`"), "{unknown}");
    let nameless = refused(&|c| c.domain = TabularConfig::default().domain);
    assert!(
        nameless.starts_with("a tabular model needs the column of the domain: set `domain` in [data]"),
        "{nameless}"
    );
    assert!(nameless.ends_with("`adepts inspect FILE --tabular` proposes one"), "{nameless}");
    let mut without = good.clone();
    without.time = None;
    let split = TabularSplit::Temporal { validation: 0.1, test: 0.1 };
    let error = prepare(&without, &split, &place).unwrap_err();
    assert!(matches!(error, DataError::Tabular(TabularError::NeedsColumn { role: "time", .. })), "{error}");
    let split = TabularSplit::Random { validation: 0.5, test: 0.5, seed: None };
    assert!(matches!(prepare(&good, &split, &place).unwrap_err(), DataError::Split(_)));
    assert!(!place.exists() && std::fs::read_dir(dir.path()).unwrap().count() == 1, "nothing is left behind");
}

#[test]
fn fields_are_named_alone_or_with_settings() {
    let json = r#"{"source":"a.csv","label":{"column":"rating","at_least":4},"domain":"site","user":"row","time":"time",
        "fields":["colour",{"column":"tags","separator":"|"},{"column":"zip","hash":50}],
        "dense":["age",{"column":"views","transform":"quantile","buckets":4},{"column":"time","transform":"log"}]}"#;
    let read: TabularConfig = serde_json::from_str(json).unwrap();
    assert_eq!(read, config("a.csv"));
    assert_eq!(serde_json::from_str::<TabularConfig>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
    let error = serde_json::from_str::<TabularConfig>(&json.replace("hash", "hsah")).unwrap_err();
    assert!(error.to_string().contains("unknown field `hsah`"), "{error}");
}

#[test]
fn bad_rows_are_counted_when_they_may_be_skipped() {
    let dir = tempdir().unwrap();
    let text = std::fs::read_to_string(source(dir.path())).unwrap();
    let broken = format!("{text}400,red,a,1,old,1,5,1,app\n401,red,a,1,30,1,,1,app\n402,red\n");
    let mut config = config(file(dir.path(), "broken.csv", broken));
    let folder = dir.path().join("prepared");
    let error = prepare(&config, &TabularSplit::default(), &folder).unwrap_err();
    assert!(error.to_string().ends_with("line 402, column `age`: found `old`, expected a finite number"), "{error}");
    config.bad_rows = BadRows::Skip;
    let set = prepare(&config, &TabularSplit::default(), &folder).unwrap();
    assert_eq!((set.manifest().rows.total(), set.manifest().skipped_rows), (400, 3));
    assert_eq!(set.manifest().skipped_examples.len(), 3);
    let reasons: Vec<(&str, u64)> =
        set.manifest().skipped_reasons.iter().map(|reason| (reason.reason.as_str(), reason.rows)).collect();
    let label = "no value in the column `rating`";
    let values = "found 2 values, expected 9 separated by `,`";
    assert_eq!(reasons, [("in the column `age` something else than a finite number", 1), (label, 1), (values, 1)]);

    let none =
        "row,colour,tags,zip,age,views,rating,time,site\n1,red,a,1,old,1,5,1,app\n2,red,a,1,old,1,5,1,app\n3,red\n";
    config.source = file(dir.path(), "none.csv", none);
    let told = prepare(&config, &TabularSplit::default(), &folder).unwrap_err().to_string();
    let age = "2 × in the column `age` something else than a finite number (first: ";
    assert!(
        told.contains("all 3 rows are bad: ") && told.contains(age) && told.contains("line 2, column `age`"),
        "{told}"
    );
}

#[test]
fn a_listed_domain_that_no_row_has_is_named_with_the_nearest() {
    let dir = tempdir().unwrap();
    let mut config = config(source(dir.path()));
    let folder = dir.path().join("prepared");
    config.domains = vec!["shop".into(), "apq".into()];
    let told = prepare(&config, &TabularSplit::default(), &folder).unwrap_err().to_string();
    let want = "no row that can be read has the domain `apq` of data.domains (did you mean `app`?); the column has `shop`, `app`";
    assert_eq!(told, want);
    config.domains = vec!["shop".into(), "shop".into()];
    let told = prepare(&config, &TabularSplit::default(), &folder).unwrap_err().to_string();
    assert_eq!(told, "data.domains lists `shop` twice");
    config.domains = vec!["shop".into()];
    let set = prepare(&config, &TabularSplit::default(), &folder).unwrap();
    let manifest = set.manifest();
    assert_eq!((manifest.rows.total(), manifest.other_domains, manifest.domains.len()), (266, 134, 1));
    assert_eq!(set.schema().domains, ["shop"]);
}

#[test]
fn what_is_read_back_is_not_trusted() {
    let (_dir, set) = prepared();
    let folder = set.folder();
    let spoil = |name: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let path = folder.join(name);
        let before = std::fs::read(&path).unwrap();
        file(folder, name, change(before.clone()));
        let error = TabularDataset::open(folder).unwrap_err();
        file(folder, name, before);
        error
    };
    for name in ["train.parquet", "vocabulary-0.parquet"] {
        let error = spoil(name, &|mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        });
        assert!(matches!(error, DataError::Tabular(TabularError::FileChanged { .. })), "{error}");
        let error = spoil(name, &|bytes| bytes[..20].to_vec());
        assert!(error.to_string().contains("found 20 bytes"), "{error}");
    }
    let text = |from: &'static str, to: &'static str| {
        spoil("manifest.json", &|bytes| String::from_utf8(bytes).unwrap().replacen(from, to, 1).into_bytes())
    };
    let error = text("\"format\": 2", "\"format\": 9");
    assert!(matches!(error, DataError::Folder(FolderError::NewerFormat { found: 9, .. })), "{error}");
    let error = text("\"family\": \"examples\"", "\"kin\": \"examples\"");
    assert!(matches!(error, DataError::Tabular(TabularError::OtherFamily { .. })), "{error}");
    let error = text("\"size\": 4", "\"size\": 400");
    assert!(matches!(error, DataError::Folder(FolderError::BadManifest { .. })), "{error}");
}

#[test]
fn codes_out_of_range_are_an_error_of_the_block() {
    let (_dir, set) = prepared();
    let path = set.folder().join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    file(set.folder(), "manifest.json", text.replace("\"users\": 400", "\"users\": 3"));
    let set = TabularDataset::open(set.folder()).unwrap();
    let error = set.blocks(Part::Train, 50).unwrap().find_map(Result::err).unwrap();
    assert!(error.to_string().contains("column `user`: found"), "{error}");
    assert!(set.epoch(1, 1, 50).unwrap().next().is_err());
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut ahead = pool.install(|| Ahead::of(set.epoch(1, 1, 50).unwrap()));
        assert!(ahead.next().is_err());
        assert!(ahead.next().unwrap().is_none(), "nothing after an error");
    }
}
