//! Times and ids: every digit that stands in a file, from every format.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod support;

use std::fmt::Write as _;
use std::sync::Arc;

use adepts_data::time::TimeUnit;
use adepts_data::{BadRows, Column, DataConfig, Part, SplitConfig, TimeBound, Vocabulary, prepare};
use arrow_array::{
    ArrayRef, BinaryArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeBinaryArray, Float64Array,
    Int64Array, NullArray, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt64Array,
};
use proptest::prelude::*;
use support::{config, file, parquet, read, rows};
use tempfile::tempdir;

const SECOND: i64 = 1_000_000_000;

fn timed(source: String) -> DataConfig {
    DataConfig { time: Some(Column::Name("time".into())), ..config(source) }
}

/// The times of a log of one user, in the order of the rows.
fn times(name: &str, content: impl AsRef<[u8]>) -> (Vec<i64>, Option<TimeUnit>) {
    let dir = tempdir().unwrap();
    let log = read(&timed(file(dir.path(), name, content))).unwrap();
    (log.interactions.time.unwrap(), log.time_unit)
}

fn message(data: &DataConfig) -> String {
    read(data).unwrap_err().to_string()
}

fn csv(values: &[&str]) -> String {
    let rows = values.iter().enumerate().map(|(item, value)| format!("1,{item},\"{value}\"\n"));
    "user,item,time\n".to_owned() + &rows.collect::<String>()
}

fn of_parquet(time: ArrayRef) -> Vec<u8> {
    let rows = time.len() as i64;
    parquet(vec![
        ("user", Arc::new(Int64Array::from(vec![1; rows as usize]))),
        ("item", Arc::new(Int64Array::from_iter_values(0..rows))),
        ("time", time),
    ])
}

#[test]
fn times_are_kept_to_the_last_digit_in_every_format() {
    let expected = vec![1_601_498_853_001_000_000, 1_601_498_853_002_000_000];
    for (name, content, unit) in [
        ("a.csv", csv(&["1601498853.001", "1601498853.002"]), Some(TimeUnit::Seconds)),
        ("b.csv", csv(&["1601498853001", "1601498853002"]), Some(TimeUnit::Milliseconds)),
        ("c.csv", csv(&["1601498853001000", "1601498853002000"]), Some(TimeUnit::Microseconds)),
        ("d.csv", csv(&["1601498853001000000", "1601498853002000000"]), Some(TimeUnit::Nanoseconds)),
        ("e.csv", csv(&["2020-09-30T20:47:33.001Z", "2020-09-30 20:47:33.002 UTC"]), None),
        (
            "f.jsonl",
            "{\"user\":1,\"item\":0,\"time\":1601498853.001}\n{\"user\":1,\"item\":1,\"time\":1601498853.002}\n".into(),
            Some(TimeUnit::Seconds),
        ),
    ] {
        assert_eq!(times(name, content), (expected.clone(), unit), "{name}");
    }
    let exact = "{\"user\":1,\"item\":0,\"time\":1601498853.123456788}\n{\"user\":1,\"item\":1,\"time\":1601498853.123456789}\n";
    assert_eq!(times("g.jsonl", exact).0, [1_601_498_853_123_456_788, 1_601_498_853_123_456_789]);
    let decimal = |values: Vec<i128>| Decimal128Array::from(values).with_precision_and_scale(20, 9).unwrap();
    for (column, unit) in [
        (Arc::new(TimestampMillisecondArray::from(vec![1_601_498_853_001, 1_601_498_853_002])) as ArrayRef, None),
        (Arc::new(TimestampMicrosecondArray::from(vec![1_601_498_853_001_000, 1_601_498_853_002_000])), None),
        (Arc::new(TimestampNanosecondArray::from(expected.clone()).with_timezone("Europe/Berlin")), None),
        (Arc::new(Float64Array::from(vec![1_601_498_853.001, 1_601_498_853.002])), Some(TimeUnit::Seconds)),
        (Arc::new(Int64Array::from(vec![1_601_498_853_001, 1_601_498_853_002])), Some(TimeUnit::Milliseconds)),
        (Arc::new(decimal(vec![1_601_498_853_001_000_000, 1_601_498_853_002_000_000])), Some(TimeUnit::Seconds)),
    ] {
        assert_eq!(times("a.parquet", of_parquet(column)), (expected.clone(), unit));
    }
    assert_eq!(
        times("b.parquet", of_parquet(Arc::new(Date32Array::from(vec![1, -1])))).0,
        [86_400 * SECOND, -86_400 * SECOND]
    );
    assert_eq!(times("c.parquet", of_parquet(Arc::new(TimestampSecondArray::from(vec![7])))).0, [7 * SECOND]);
}

#[test]
fn the_digits_of_a_date_are_a_date() {
    let (found, unit) = times("a.csv", csv(&["20200930", "20201001"]));
    assert_eq!((found, unit), (vec![1_601_424_000 * SECOND, 1_601_510_400 * SECOND], Some(TimeUnit::Dates)));
    let column = Arc::new(Int64Array::from(vec![20_200_930, 20_201_001]));
    assert_eq!(times("a.parquet", of_parquet(column)).1, Some(TimeUnit::Dates));
}

#[test]
fn a_time_that_cannot_be_kept_is_named_with_its_place_and_the_range() {
    let dir = tempdir().unwrap();
    for (values, place, expected) in [
        (
            vec!["2020-09-30", "9999-12-31"],
            "line 3, column `time`: found `9999-12-31`",
            "from 1677-09-21 to 2262-04-11",
        ),
        (vec!["30/09/2020"], "line 2, column `time`: found `30/09/2020`", "the year first"),
        (vec!["20-09-30"], "line 2, column `time`: found `20-09-30`", "the year first"),
        (
            vec!["1601498853000", "1601498854000", "1601498855"],
            "line 4, column `time`: found `1601498855`",
            "milliseconds since 1970, as the other numbers of the column",
        ),
        (vec!["1601498853", "253402300799"], "line 3, column `time`: found `253402300799`", "seconds since 1970"),
        (vec!["Thu Sep 30 20:47:33 +0000 2020"], "line 2, column `time`", "2020-09-30 20:47"),
    ] {
        let mut data = timed(file(dir.path(), "a.csv", csv(&values)));
        let text = message(&data);
        assert!(text.contains(place) && text.contains(expected), "{text}");
        data.bad_rows = BadRows::Skip;
        if values.len() > 1 {
            let log = read(&data).unwrap();
            assert_eq!((log.steps[0].rows, log.skipped_rows), (values.len() as u64 - 1, 1), "{values:?}");
        }
    }
    let far = of_parquet(Arc::new(TimestampSecondArray::from(vec![0, 253_402_300_799])));
    let text = message(&timed(file(dir.path(), "a.parquet", far)));
    assert!(text.contains("row 2, column `time`: found `9999-12-31T23:59:59Z`"), "{text}");
}

#[test]
fn bounds_and_times_are_compared_in_one_unit() {
    let dir = tempdir().unwrap();
    for values in [
        ["1605398399.5", "1605398400", "1605398401"],
        ["1605398399500", "1605398400000", "1605398401000"],
        ["2020-11-14T23:59:59.5", "2020-11-15", "2020-11-15T01:00:01+01:00"],
    ] {
        for bound in [TimeBound::Text("2020-11-15".into()), TimeBound::Number(1_605_398_400)] {
            let mut data = timed(file(dir.path(), "a.csv", csv(&values)));
            data.filter.from = Some(bound.clone());
            let log = read(&data).unwrap();
            assert_eq!(rows(&log), ["1 1", "1 2"], "{values:?}");
            assert_eq!(log.steps[1].step, "time >= 2020-11-15");
            (data.filter.from, data.filter.until) = (None, Some(bound));
            assert_eq!(rows(&read(&data).unwrap()), ["1 0"], "{values:?}");
        }
    }
}

#[test]
fn how_numbers_were_read_and_what_is_not_used_is_said() {
    let dir = tempdir().unwrap();
    let text = "user,item,rating,time\n1,1,5,1601498853000\n1,2,1,1601498854000\n";
    let data = timed(file(dir.path(), "a.csv", text));
    let notes = read(&data).unwrap().notes;
    assert!(notes[0].starts_with("the column `rating` is not used, so a row counts whatever its rating"), "{notes:?}");
    let expected = "the numbers of `time` are milliseconds since 1970; times are from 2020-09-30T20:47:33Z to 2020-09-30T20:47:34Z";
    assert_eq!(notes[1], expected);
    let mut rated = DataConfig { rating: Some(Column::Name("rating".into())), ..data };
    assert!(read(&rated).unwrap().notes[0].starts_with("a row counts whatever its `rating`"));
    rated.filter.min_rating = Some(4.0);
    assert_eq!(read(&rated).unwrap().notes.len(), 1);
}

#[test]
fn order_within_a_second_decides_what_is_last_and_what_is_first() {
    let dir = tempdir().unwrap();
    // The later an item, the smaller its number, so that neither the order of rows nor that of items helps.
    let mut log = "user,item,time\n".to_owned();
    for user in 0..9 {
        for step in 0..5 {
            writeln!(log, "{user},{},2020-09-30T20:47:3{user}.{step}5Z", 4 - step).unwrap();
        }
    }
    let data = timed(file(dir.path(), "a.csv", &log));
    let split = SplitConfig::LeaveLast { validation: 1, test: 1 };
    let cut = prepare(&data, &split, 0, &mut adepts_data::progress::silent).unwrap();
    let item = |index: u32| cut.items.id(index).to_string();
    for user in 0..9 {
        assert_eq!(cut.test.row(user).iter().map(|i| item(*i)).collect::<Vec<_>>(), ["0"]);
        assert_eq!(cut.validation.row(user).iter().map(|i| item(*i)).collect::<Vec<_>>(), ["1"]);
    }
    let temporal = SplitConfig::Temporal { validation: 0.1, test: 0.2 };
    let one =
        log.lines().filter(|line| !line.contains(",2020") || line.starts_with("0,")).collect::<Vec<_>>().join("\n");
    let cut =
        prepare(&timed(file(dir.path(), "b.csv", one)), &temporal, 0, &mut adepts_data::progress::silent).unwrap();
    assert_eq!(cut.test.row(0).iter().map(|i| cut.items.id(*i).to_string()).collect::<Vec<_>>(), ["0"]);
    let twice = "user,item,time,part\n1,1,2020-09-30T20:47:33.9,test\n1,1,2020-09-30T20:47:33.1,train\n";
    let by_column = SplitConfig::Column { column: Column::Name("part".into()) };
    let data = timed(file(dir.path(), "c.csv", twice));
    let log = adepts_data::read(&data, &by_column, &mut adepts_data::progress::silent).unwrap();
    assert_eq!(log.interactions.part, Some(vec![Part::Train]), "the earliest of a pair stays");
}

#[test]
fn ids_of_every_parquet_type_are_exact() {
    let dir = tempdir().unwrap();
    let ids = |item: ArrayRef| {
        let users: ArrayRef = Arc::new(Int64Array::from(vec![1; item.len()]));
        let path = file(dir.path(), "a.parquet", parquet(vec![("user", users), ("item", item)]));
        read(&config(path)).map(|log| log.interactions.items).map_err(|e| e.to_string())
    };
    let decimal =
        |values: Vec<i128>, scale| Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, scale).unwrap());
    let texts = |texts: &[&str]| Ok(Vocabulary::Text(texts.iter().map(|&text| text.into()).collect()));
    let large = [9_007_199_254_740_992_i128, 9_007_199_254_740_993];
    assert_eq!(ids(decimal(large.to_vec(), 0)), Ok(Vocabulary::Int(large.map(|id| id as i64).to_vec())));
    assert_eq!(
        ids(decimal(large.map(|id| id * 100).to_vec(), 2)),
        Ok(Vocabulary::Int(large.map(|id| id as i64).to_vec()))
    );
    let beyond = "99999999999999999999999999999999999999";
    assert_eq!(ids(decimal(vec![beyond.parse().unwrap(), 7], 0)), texts(&["7", beyond]));
    assert!(ids(decimal(vec![150], 2)).unwrap_err().contains("found `1.5`"));
    assert_eq!(
        ids(Arc::new(UInt64Array::from(vec![u64::MAX, u64::MAX - 1]))),
        texts(&["18446744073709551614", "18446744073709551615"])
    );
    assert_eq!(ids(Arc::new(UInt64Array::from(vec![5, 4]))), Ok(Vocabulary::Int(vec![4, 5])));
    assert_eq!(ids(Arc::new(BinaryArray::from_vec(vec![b"b", "ä".as_bytes()]))), texts(&["b", "ä"]));
    let fixed = FixedSizeBinaryArray::try_from_iter([*b"ab\0", *b"abc"].into_iter()).unwrap();
    assert_eq!(ids(Arc::new(fixed)), texts(&["ab", "abc"]));
    let wrong = ids(Arc::new(BinaryArray::from_vec(vec![b"b", b"\xff\xfe"]))).unwrap_err();
    assert!(wrong.contains("row 2, column `item`: found `bytes that are no UTF-8 text`"), "{wrong}");
    let dictionary: DictionaryArray<arrow_array::types::Int32Type> = vec!["x", "y", "x"].into_iter().collect();
    assert_eq!(ids(Arc::new(dictionary)), texts(&["x", "y"]));
    assert_eq!(ids(Arc::new(Float64Array::from(vec![-0.0, 7.0]))), Ok(Vocabulary::Int(vec![0, 7])));
    let rounded = ids(Arc::new(Float64Array::from(vec![9_007_199_254_741_016.0]))).unwrap_err();
    assert!(rounded.contains("found `9007199254741016`") && rounded.contains("are rounded"), "{rounded}");
    assert!(ids(Arc::new(NullArray::new(2))).unwrap_err().contains("row 1, column `item`: the value is missing"));
    assert!(ids(Arc::new(Float64Array::from(vec![f64::NAN]))).unwrap_err().contains("the value is missing"));
}

#[test]
fn numbers_and_text_in_one_column_are_text_in_every_format_with_types() {
    let dir = tempdir().unwrap();
    let lines = "{\"user\":7,\"item\":1}\n{\"user\":\"7\",\"item\":2}\n{\"user\":7.0,\"item\":3}\n{\"user\":\"guest\",\"item\":1}\n";
    let log = read(&config(file(dir.path(), "a.jsonl", lines))).unwrap();
    assert_eq!(rows(&log), ["7 1", "7 2", "7 3", "guest 1"]);
    assert_eq!(log.interactions.users, Vocabulary::Text(vec!["7".into(), "guest".into()]));
    let note = "column `user` has 2 numbers and 2 texts; its ids are text, and 7 and \"7\" are one id";
    assert_eq!(log.notes, [note]);
    let column = |item: ArrayRef| parquet(vec![("user", Arc::new(Int64Array::from(vec![1]))), ("item", item)]);
    file(dir.path(), "b1.parquet", column(Arc::new(Int64Array::from(vec![5]))));
    file(dir.path(), "b2.parquet", column(Arc::new(StringArray::from(vec!["05"]))));
    let log = read(&config(dir.path().join("b*.parquet").to_str().unwrap())).unwrap();
    assert_eq!(log.interactions.items, Vocabulary::Text(vec!["05".into(), "5".into()]));
}

#[test]
fn json_numbers_of_any_length_are_exact_ids() {
    let dir = tempdir().unwrap();
    let ids = ["9223372036854775807", "9223372036854775808", "18446744073709551615", "123456789012345678901234567890"];
    let lines = ids.map(|id| format!("{{\"user\":1,\"item\":{id}}}")).join("\n");
    let log = read(&config(file(dir.path(), "a.jsonl", lines))).unwrap();
    let mut expected: Vec<Box<str>> = ids.iter().map(|&id| id.into()).collect();
    expected.sort();
    assert_eq!(log.interactions.items, Vocabulary::Text(expected));
    assert!(log.notes[0].contains("3 values are beyond whole numbers of 64 bits"), "{:?}", log.notes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_moment_written_in_any_unit_is_read_back(
        moments in proptest::collection::vec(946_684_800_000_000_000_i64..4_102_444_800_000_000_000, 1..20),
        digits in 0_usize..4,
    ) {
        let unit = 1000_i64.pow(3 - digits as u32);
        let spelled: Vec<String> = moments.iter().map(|m| (m / unit).to_string()).collect();
        let spelled: Vec<&str> = spelled.iter().map(String::as_str).collect();
        let expected: Vec<i64> = moments.iter().map(|m| m / unit * unit).collect();
        prop_assert_eq!(times("a.csv", csv(&spelled)).0, expected);
        let shown: Vec<String> = moments.iter().map(|m| adepts_data::time::shown(*m)).collect();
        let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        prop_assert_eq!(times("b.csv", csv(&shown)).0, moments);
    }
}
