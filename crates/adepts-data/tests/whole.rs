//! A data set with nothing held out, for a final model.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::path::Path;

use adepts_data::progress::silent;
use adepts_data::{
    DataConfig, DataError, HistoryDataset, Manifest, SimulationConfig, SplitConfig, SplitError, mainstream_scores,
    open_or_prepare, prepare, read, simulate,
};

/// A simulated log in this folder.
fn log(home: &Path) -> DataConfig {
    let source = home.join("log.csv");
    let config = SimulationConfig { users: 60, items: 40, interactions: 12.0, ..SimulationConfig::default() };
    simulate(&config, &source, &mut silent).unwrap();
    DataConfig { source: source.display().to_string(), ..DataConfig::default() }
}

fn prepared(log: &DataConfig, split: &SplitConfig) -> Result<HistoryDataset, DataError> {
    prepare(log, split, 5, &mut silent)
}

#[test]
fn the_whole_of_a_data_set_is_its_log() {
    let by_user = SplitConfig::Users { validation: 0.1, test: 0.2, input: 0.8, known: 0.1, seed: None };
    let home = tempfile::tempdir().unwrap();
    let config = log(home.path());
    for split in [SplitConfig::default(), by_user] {
        let cut = prepared(&config, &split).unwrap();
        let whole = cut.whole(5);
        assert_eq!((&whole.users, &whole.items, &whole.columns), (&cut.users, &cut.items, &cut.columns));
        let log = read(&config, &split, &mut silent).unwrap().interactions;
        let mut pairs: Vec<(u32, u32)> = log.user.into_iter().zip(log.item).collect();
        pairs.sort_unstable();
        let rows = whole.train.iter().enumerate();
        let found: Vec<(u32, u32)> = rows.flat_map(|(u, row)| row.iter().map(move |item| (u as u32, *item))).collect();
        assert_eq!(found, pairs, "each pair once, by user and item");
        assert_eq!((whole.validation.pairs(), whole.test.pairs()), (0, 0));
        assert!(whole.learns.iter().all(|learns| *learns));
        assert_eq!(whole.mainstream, mainstream_scores(&whole.train, whole.items.len(), 5).0);
        let Manifest { train, validation, test, held_out_users, split, .. } = &whole.manifest;
        assert_eq!((*train, *validation, *test, *held_out_users), (pairs.len(), 0, 0, 0));
        assert_eq!(*split, SplitConfig::All {});
        assert_ne!(whole.manifest.content_hash, cut.manifest.content_hash);
        // Once more changes nothing.
        assert_eq!(whole.whole(5), whole);
    }
}

#[test]
fn the_whole_is_saved_and_opened_but_nothing_is_trained_and_judged_on_it() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("whole");
    let config = log(home.path());
    let whole = prepared(&config, &SplitConfig::default()).unwrap().whole(5);
    whole.save(&folder).unwrap();
    assert_eq!(HistoryDataset::open(&folder).unwrap(), whole);
    assert_eq!(Manifest::of_folder(&folder).unwrap(), whole.manifest);
    let data = DataConfig { source: folder.display().to_string(), ..DataConfig::default() };
    for error in [
        open_or_prepare(&data, &SplitConfig::default(), 5, &mut silent).unwrap_err(),
        prepared(&config, &SplitConfig::All {}).unwrap_err(),
    ] {
        assert!(matches!(error, DataError::Split(SplitError::All)), "{error}");
        assert!(error.to_string().contains("adepts finalize RUN --out DIR"), "{error}");
    }
}
