use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::config::SplitConfig;
use crate::progress::silent;
use crate::rows::Rows;
use crate::split::split;

fn small() -> SimulationConfig {
    SimulationConfig { users: 150, items: 120, interactions: 20.0, least: 5, ..SimulationConfig::default() }
}

fn text(config: &SimulationConfig, name: &str) -> (Vec<u8>, SimulationSummary) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let summary = simulate(config, &path, &mut silent).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    (std::fs::read(&path).unwrap(), summary)
}

fn in_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn equal_configs_give_equal_bytes_for_any_number_of_threads() {
    for name in ["a.csv", "a.csv.gz", "a.parquet"] {
        let (bytes, summary) = text(&small(), name);
        for threads in 1..=3 {
            assert_eq!(in_threads(threads, || text(&small(), name)), (bytes.clone(), summary.clone()), "{name}");
        }
        let other = text(&SimulationConfig { seed: 1, ..small() }, name).0;
        assert_ne!(other, bytes);
    }
}

#[test]
fn the_rows_are_what_the_header_says() {
    let (bytes, summary) = text(&small(), "a.csv");
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    assert_eq!(reader.headers().unwrap(), vec!["user", "item", "rating", "time", "community"]);
    let mut pairs = std::collections::BTreeSet::new();
    let mut before = (String::new(), 0);
    for row in reader.records() {
        let row = row.unwrap();
        assert!(row[0].starts_with('u') && row[0].len() == 6 && row[1].starts_with('i') && row[1].len() == 6);
        assert!((1..=5).contains(&row[2].parse::<i32>().unwrap()));
        assert!(row[4] == *"mainstream" || row[4].starts_with("niche-"));
        assert!(pairs.insert((row[0].to_owned(), row[1].to_owned())), "a pair stands once");
        let now = (row[0].to_owned(), row[3].parse::<i64>().unwrap());
        assert!(before <= now, "by user, then by time");
        before = now;
    }
    assert_eq!(pairs.len() as u64, summary.rows);
    assert_eq!(summary.users, 150);
    assert_eq!(summary.communities.iter().map(|c| c.users).sum::<u64>(), 150);
    assert_eq!(summary.communities[0].name, "mainstream");
}

#[test]
fn the_kinds_of_file_hold_the_same_rows() {
    let (plain, _) = text(&small(), "a.csv");
    let (packed, _) = text(&small(), "a.csv.gz");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let summary = simulate(&small(), &path, &mut silent).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let rows: usize = reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows as u64, summary.rows);
}

#[test]
fn a_user_stays_as_he_is_when_there_are_more() {
    let config = SimulationConfig { ratings: false, ..small() };
    let (few, _) = text(&config, "a.csv");
    let (more, _) = text(&SimulationConfig { users: 300, ..config }, "a.csv");
    assert!(more.starts_with(&few));
}

#[test]
fn a_simulation_in_memory_is_the_one_in_the_file() {
    let (bytes, summary) = text(&small(), "a.csv");
    let log = simulated(&small()).unwrap();
    assert_eq!(log.user.len() as u64, summary.rows);
    assert_eq!(log.items.len() as u64, summary.items);
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    for (row, record) in reader.records().enumerate() {
        let record = record.unwrap();
        assert_eq!(log.users.id(log.user[row]).to_string(), record[0]);
        assert_eq!(log.items.id(log.item[row]).to_string(), record[1]);
        assert_eq!((log.time.as_ref().unwrap()[row] / 1_000_000_000).to_string(), record[3]);
        let community = log.columns[0].of_user[log.user[row] as usize].unwrap();
        assert_eq!(log.columns[0].values[usize::from(community)], record[4]);
    }
}

/// Shares of the interactions that the most used tenth and half of the items take.
fn top_shares(log: &Interactions) -> [f64; 2] {
    let mut counts = vec![0_u32; log.items.len()];
    log.item.iter().for_each(|&item| counts[item as usize] += 1);
    counts.sort_unstable_by(|a, b| b.cmp(a));
    [10, 2].map(|part| f64::from(counts[..counts.len() / part].iter().sum::<u32>()) / log.item.len() as f64)
}

#[test]
fn the_default_looks_like_the_logs_that_it_imitates() {
    let config = SimulationConfig::default();
    let log = simulated(&config).unwrap();
    let mut counts = vec![0_u32; config.users];
    log.user.iter().for_each(|&user| counts[user as usize] += 1);
    counts.sort_unstable();
    let mean = log.user.len() as f64 / config.users as f64;
    assert!((mean - 60.0).abs() < 3.0, "mean {mean}");
    let ratio = f64::from(counts[1000]) / mean;
    assert!((0.53..0.67).contains(&ratio), "median over mean is .58 in MovieLens 1M, here {ratio}");
    let [tenth, half] = top_shares(&log);
    assert!((0.445..0.531).contains(&tenth), "the top tenth takes .445 and .531 in the logs, here {tenth}");
    assert!((0.85..0.93).contains(&half), "the top half takes .924 and .874 in the logs, here {half}");
    let niche = log.columns[0].of_user.iter().filter(|&&community| community != Some(0)).count();
    assert!((350..450).contains(&niche), "{niche} of 2,000 belong to a niche");
}

#[test]
fn members_of_a_niche_are_less_mainstream_and_no_less_active() {
    let log = simulated(&SimulationConfig::default()).unwrap();
    let mut lists = vec![Vec::new(); log.users.len()];
    (0..log.user.len()).for_each(|row| lists[log.user[row] as usize].push(log.item[row]));
    let rows = Rows::from_lists(lists);
    let (scores, _) = crate::mainstream::mainstream_scores(&rows, log.items.len(), 0);
    let mean = |niche: bool, of: &dyn Fn(usize) -> f64| {
        let users = (0..rows.len()).filter(|&user| (log.columns[0].of_user[user] != Some(0)) == niche);
        let values: Vec<f64> = users.map(of).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    let score = |user: usize| f64::from(scores[user]);
    assert!(mean(true, &score) < 0.8 * mean(false, &score));
    let length = |user: usize| rows.row(user).len() as f64;
    assert!((mean(true, &length) / mean(false, &length) - 1.0).abs() < 0.2);
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |config: &SimulationConfig, name: &str| {
        let error = simulate(config, &folder.path().join(name), &mut silent).unwrap_err().to_string();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        error.replace(&folder.path().display().to_string(), "DIR")
    };
    assert_eq!(
        refused(&small(), "a.xlsx"),
        "simulate: DIR/a.xlsx ends with none of the known suffixes, expected .csv, .csv.gz or .parquet"
    );
    assert_eq!(
        refused(&SimulationConfig { users: 0, ..small() }, "a.csv"),
        "simulate: `users` is 0, expected 1 to 1000000000"
    );
    assert_eq!(
        refused(&SimulationConfig { topical: f64::NAN, ..small() }, "a.csv"),
        "simulate: `topical` is NaN, expected 0 to 1"
    );
    assert_eq!(
        refused(&SimulationConfig { interactions: 100.0, ..small() }, "a.csv"),
        "simulate: `interactions` is 100, expected 5 to 60"
    );
    assert_eq!(
        refused(&SimulationConfig { niche_items: 0.3, ..small() }, "a.csv"),
        "simulate: 4 niches with a share of 0.3 of the 120 items each, expected together at most the less popular four \
         fifths of the items and at least one item each"
    );
}

#[test]
fn an_unknown_field_is_refused_and_missing_ones_have_defaults() {
    let config: SimulationConfig = serde_json::from_str(r#"{"users": 7}"#).unwrap();
    assert_eq!(config, SimulationConfig { users: 7, ..SimulationConfig::default() });
    assert!(serde_json::from_str::<SimulationConfig>(r#"{"user": 7}"#).is_err());
}

#[test]
fn the_checkerboard_holds_out_two_items_of_the_right_colour() {
    let log = checkerboard(8, 12);
    let config = SplitConfig::Column { column: crate::config::Column::Name("split".to_owned()) };
    let cut = split(&log, &config, 0).unwrap();
    for user in 0..8 {
        let (test, validation) = (cut.test.row(user), cut.validation.row(user));
        assert_eq!((test.len(), validation.len(), cut.train.row(user).len()), (1, 1, 4));
        assert!(test.iter().chain(validation).all(|item| *item as usize % 2 == user % 2));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_user_has_distinct_items_for_any_taste(
        seed in 0_u64..1000, topical in 0.0..=1.0_f64, niche_taste in 0.0..=1.0_f64, popularity in 0.0..4.0_f64,
        interactions in 5.0..40.0_f64, spread in 0.0..3.0_f64, niches in 0_usize..12, edge in 0_u8..3,
    ) {
        // At the edges nothing but the user's own taste counts, and it may have fewer items than he wants.
        let sharp = |share: f64| match edge { 0 => share, 1 => 0.0, _ => 1.0 };
        let config = SimulationConfig {
            users: 40, items: 90, least: 5, niche_items: 0.06, topics: 18,
            topical: sharp(topical), niche_taste: sharp(niche_taste), niche_users: 0.5,
            interactions, spread, niches, popularity, seed, ..SimulationConfig::default()
        };
        let log = simulated(&config).unwrap();
        let pairs: std::collections::BTreeSet<(u32, u32)> = log.user.iter().copied().zip(log.item.iter().copied()).collect();
        prop_assert_eq!(pairs.len(), log.user.len());
        let users: std::collections::BTreeSet<u32> = log.user.iter().copied().collect();
        prop_assert_eq!(users.len(), 40);
        prop_assert!(log.columns[0].values.is_sorted());
        let Vocabulary::Text(items) = &log.items else { unreachable!() };
        prop_assert!(items.is_sorted());
    }
}
