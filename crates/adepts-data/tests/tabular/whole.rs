//! Everything as training rows, for a final model.

use adepts_data::progress::silent;
use adepts_data::tabular::{TabularDataset, TabularSplit};
use adepts_data::{DataError, Part, SplitError};

use crate::support::file;
use crate::{PARTS, all, bytes, config, prepare, prepared};

#[test]
fn every_row_trains_and_vocabularies_and_statistics_come_from_all_of_them() {
    let (dir, set) = prepared();
    let folder = dir.path().join("whole");
    let whole = TabularDataset::prepare_whole(&set.manifest().data, 7, &folder, &mut silent).unwrap();
    assert_eq!(PARTS.map(|part| whole.rows(part)), [400, 0, 0]);
    assert_eq!(whole.manifest().split, TabularSplit::All {});
    assert_eq!(all(&whole, Part::Train).user, (0..400).collect::<Vec<u32>>(), "in the order of the source");
    assert_eq!(all(&whole, Part::Test).rows(), 0);
    // 300 of 400 rows have a colour.
    let counts = |set: &TabularDataset| set.vocabulary(0).unwrap().unwrap().1.iter().sum::<u64>();
    assert_eq!(counts(&whole), 300);
    assert!(counts(&set) < 300);
    assert_ne!(whole.manifest().dense[0].mean, set.manifest().dense[0].mean);
    assert_eq!(TabularDataset::open(&folder).unwrap().manifest(), whole.manifest());
    assert_eq!(whole.origins(Part::Test).unwrap().unwrap().rows, [0_u64; 0]);
    let again = dir.path().join("again");
    TabularDataset::prepare_whole(&set.manifest().data, 7, &again, &mut silent).unwrap();
    assert_eq!(bytes(&folder), bytes(&again));
}

#[test]
fn a_domain_of_which_only_held_out_rows_are_is_known_when_all_rows_train() {
    let (dir, _) = prepared();
    let text = std::fs::read_to_string(dir.path().join("source.csv")).unwrap();
    // The latest row is the only one of its domain.
    let later = file(dir.path(), "later.csv", format!("{text}400,red,a,00001,20,1,5,99000,kiosk\n"));
    let split = TabularSplit::Temporal { validation: 0.1, test: 0.1 };
    let set = prepare(&config(later), &split, &dir.path().join("cut")).unwrap();
    assert_eq!((set.manifest().left_out.total(), set.schema().domains.len()), (1, 2));
    let whole = TabularDataset::prepare_whole(&set.manifest().data, 7, &dir.path().join("whole"), &mut silent).unwrap();
    assert_eq!((whole.manifest().left_out.total(), whole.schema().domains.len()), (0, 3));
    assert_eq!(whole.rows(Part::Train), 401);
}

#[test]
fn a_log_is_not_cut_so_that_nothing_is_held_out() {
    let (dir, set) = prepared();
    let folder = dir.path().join("refused");
    let error = prepare(&set.manifest().data, &TabularSplit::All {}, &folder).unwrap_err();
    assert!(matches!(error, DataError::Split(SplitError::All)), "{error}");
    assert!(error.to_string().contains("adepts finalize RUN --out DIR") && !folder.exists(), "{error}");
}
