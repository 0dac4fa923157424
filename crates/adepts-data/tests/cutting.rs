//! Cutting, scoring and grouping as a whole: the same for any order of the rows and any number of threads.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use adepts_data::simulate::{SimulationConfig, simulated};
use adepts_data::{
    Cut, DataConfig, GroupBy, Grouping, HistoryDataset, Interactions, MainstreamMethod, Manifest, SplitConfig,
    mainstream_scores, seed, split,
};
use rand::seq::SliceRandom;

fn log() -> Interactions {
    let config = SimulationConfig { users: 400, items: 200, interactions: 25.0, least: 2, ..Default::default() };
    simulated(&config).unwrap()
}

fn shuffled(log: &Interactions) -> Interactions {
    let mut order: Vec<usize> = (0..log.user.len()).collect();
    order.shuffle(&mut seed::stream(1, "test", &[]));
    let mut out = log.clone();
    for (to, &from) in order.iter().enumerate() {
        out.user[to] = log.user[from];
        out.item[to] = log.item[from];
        if let (Some(to_times), Some(from_times)) = (&mut out.time, &log.time) {
            to_times[to] = from_times[from];
        }
    }
    out
}

/// All that is derived from a log.
fn derived(log: &Interactions, config: &SplitConfig) -> (Cut, Vec<f32>, Vec<Grouping>) {
    let cut = split(log, config, 7).unwrap();
    let (mainstream, method) = mainstream_scores(&cut.train, log.items.len(), 7);
    assert_eq!(method, MainstreamMethod::Exact);
    let dataset = HistoryDataset {
        users: log.users.clone(),
        items: log.items.clone(),
        train: cut.train.clone(),
        validation: cut.validation.clone(),
        test: cut.test.clone(),
        seen: adepts_data::Seen::empty(log.users.len()),
        learns: cut.learns.clone(),
        mainstream: mainstream.clone(),
        columns: log.columns.clone(),
        manifest: manifest(log, &cut, method),
    };
    let kinds = [
        GroupBy::Mainstream { parts: 5 },
        GroupBy::Activity { parts: 3 },
        GroupBy::MainstreamWithinActivity { parts: 5 },
        GroupBy::Column { column: "community".to_owned() },
    ];
    let groupings = kinds.iter().map(|by| dataset.grouping(by).unwrap()).collect();
    (cut, mainstream, groupings)
}

fn manifest(log: &Interactions, cut: &Cut, mainstream: MainstreamMethod) -> Manifest {
    Manifest {
        format: 1,
        data: DataConfig::default(),
        split: cut.split.clone(),
        steps: Vec::new(),
        users: log.users.len(),
        items: log.items.len(),
        train: cut.train.pairs(),
        validation: cut.validation.pairs(),
        test: cut.test.pairs(),
        seen: 0,
        seen_validation: 0,
        seen_test: 0,
        seen_rows: Vec::new(),
        train_only_users: cut.train_only_users,
        held_out_users: cut.learns.iter().filter(|learns| !**learns).count(),
        mainstream,
        skipped_rows: 0,
        skipped_examples: Vec::new(),
        time_unit: None,
        notes: Vec::new(),
        content_hash: String::new(),
    }
}

#[test]
fn nothing_depends_on_the_order_of_the_rows_or_on_the_number_of_threads() {
    let log = log();
    let shuffled = shuffled(&log);
    assert_ne!(log.user, shuffled.user);
    let kinds = [
        SplitConfig::default(),
        SplitConfig::LeaveLast { validation: 1, test: 1 },
        SplitConfig::Temporal { validation: 0.1, test: 0.2 },
        SplitConfig::Users { validation: 0.1, test: 0.1, input: 0.8, known: 0.0, seed: None },
    ];
    for config in kinds {
        let expected = derived(&log, &config);
        for threads in 1..=3 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(self::log), log);
            assert_eq!(pool.install(|| derived(&shuffled, &config)), expected, "{config:?} in {threads} threads");
        }
    }
}

#[test]
fn niche_users_are_the_lower_groups_of_the_mainstream_score() {
    let log = log();
    let (_, _, groupings) = derived(&log, &SplitConfig::default());
    let niche_share = |group: u16| {
        let members = (0..log.users.len()).filter(|&user| groupings[0].of_user[user] == Some(group));
        let members: Vec<usize> = members.collect();
        let niche = members.iter().filter(|&&user| log.columns[0].of_user[user] != Some(0)).count();
        niche as f64 / members.len() as f64
    };
    assert!(niche_share(0) > 2.0 * niche_share(4), "{} against {}", niche_share(0), niche_share(4));
}
