use super::*;

fn measured() -> Measured {
    let metrics = ["ndcg@20", "recall@5"].map(|m| m.parse().unwrap()).to_vec();
    Measured { users: vec![2, 0], metrics, values: vec![0.1, 0.2, 1.0 / 3.0, 0.4], ..Measured::default() }
}

fn ids() -> Vocabulary {
    Vocabulary::Int(vec![-5, 7, 70])
}

/// Writes columns as they are and reads them as per-user values.
fn read_back(columns: Vec<(&str, ArrayRef)>) -> Result<Measured, PerUserError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.parquet");
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, c)| (name, c, true))).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    read_per_user(&path, &ids())
}

fn users(ids: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(ids.to_vec()))
}

fn values(values: &[Option<f64>]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

#[test]
fn what_is_written_is_read_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.parquet");
    for ids in [ids(), Vocabulary::Text(vec!["anna".into(), "ben".into(), "chloé".into()])] {
        write_per_user(&path, &measured(), &ids, None).unwrap();
        assert_eq!(read_per_user(&path, &ids).unwrap(), measured());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn what_is_known_of_users_stands_beside_their_figures_and_is_no_figure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.parquet");
    let names = ["de", "fr"].map(|country| format!("country:{country}")).to_vec();
    let grouping = Grouping { by: "country".into(), names, of_user: vec![None, Some(0), Some(1)] };
    let facts = UserFacts { history_lengths: &[4, 5, 6], groupings: &[grouping] };
    write_per_user(&path, &measured(), &ids(), Some(facts)).unwrap();
    assert_eq!(read_per_user(&path, &ids()).unwrap(), measured());
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap().build().unwrap();
    let batch = reader.map(Result::unwrap).next().unwrap();
    let lengths = batch.column_by_name("history_length").unwrap().as_primitive::<Int64Type>();
    assert_eq!(lengths.values(), &[6, 4]);
    let groups = batch.column_by_name("group_country").unwrap().as_string::<i32>();
    assert_eq!(groups.iter().collect::<Vec<_>>(), [Some("country:fr"), None]);
}

#[test]
fn columns_follow_the_users() {
    let expected = [("ndcg@20".to_owned(), vec![0.1, 1.0 / 3.0]), ("recall@5".to_owned(), vec![0.2, 0.4])];
    assert_eq!(columns(&measured()), expected);
    assert!(columns(&Measured { users: vec![1], ..Measured::default() }).is_empty());
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let error = read_per_user(Path::new("/nowhere/users.parquet"), &ids()).unwrap_err();
    assert!(error.to_string().starts_with("cannot open /nowhere/users.parquet: "), "{error}");
    let error = write_per_user(Path::new("/nowhere/users.parquet"), &measured(), &ids(), None).unwrap_err();
    assert!(matches!(error, PerUserError::Io { action: "write", .. }));
}

#[test]
fn a_file_that_is_no_parquet_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().write_all(b"user,ndcg@20\n7,0.5\n").unwrap();
    assert!(matches!(read_per_user(file.path(), &ids()), Err(PerUserError::Parquet { .. })));
}

#[test]
fn wrong_columns_are_refused_by_name() {
    let half = || values(&[Some(0.5)]);
    let no_user = read_back(vec![("ndcg@20", half())]).unwrap_err();
    assert!(matches!(&no_user, PerUserError::Column { column, found, .. } if column == "user" && found == "missing"));
    let user_type = read_back(vec![("user", half())]).unwrap_err();
    assert!(matches!(&user_type, PerUserError::Column { column, .. } if column == "user"));
    let type_of_value = read_back(vec![("user", users(&[7])), ("ndcg@20", users(&[7]))]).unwrap_err();
    assert!(matches!(&type_of_value, PerUserError::Column { column, .. } if column == "ndcg@20"));
    let metric = read_back(vec![("user", users(&[7])), ("ndgc@20", half())]).unwrap_err();
    assert!(matches!(metric, PerUserError::Metric { .. }));
}

#[test]
fn wrong_rows_are_refused_by_number() {
    let half = |n| values(&vec![Some(0.5); n]);
    let ask = |ids: &[i64], values| read_back(vec![("user", users(ids)), ("ndcg@20", values)]).unwrap_err();
    assert!(matches!(ask(&[7, 8], half(2)), PerUserError::UnknownUser { row: 2, .. }));
    assert!(matches!(ask(&[7, 7], half(2)), PerUserError::DuplicateUser { row: 2, .. }));
    assert!(matches!(ask(&[7, 70, -5, 1], half(4)), PerUserError::TooManyRows { rows: 4, users: 3, .. }));
    for bad in [None, Some(f64::NAN), Some(f64::INFINITY)] {
        assert!(matches!(ask(&[7, 70], values(&[Some(0.5), bad])), PerUserError::Value { row: 2, .. }));
    }
    let absent: ArrayRef = Arc::new(Int64Array::from(vec![None]));
    assert!(matches!(read_back(vec![("user", absent)]), Err(PerUserError::Value { row: 1, .. })));
}

#[test]
fn no_damaged_byte_and_no_cut_is_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.parquet");
    write_per_user(&path, &measured(), &ids(), None).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        File::create(&path).unwrap().write_all(&bytes).unwrap();
        if let Ok(read) = read_per_user(&path, &ids()) {
            assert_eq!(read.values.len(), read.users.len() * read.metrics.len(), "byte {at}");
        }
        File::create(&path).unwrap().write_all(&whole[..at]).unwrap();
        assert!(read_per_user(&path, &ids()).is_err(), "cut at {at}");
    }
}
