use super::*;
use crate::config::{DataConfig, SplitConfig};
use crate::dataset::{MainstreamMethod, Manifest, UserColumn};
use crate::id::Vocabulary;
use crate::rows::Rows;

fn dataset(train: Rows, mainstream: Vec<f32>) -> HistoryDataset {
    let (users, items) = (train.len(), 100);
    let manifest = Manifest {
        format: 1,
        data: DataConfig::default(),
        split: SplitConfig::default(),
        steps: Vec::new(),
        users,
        items,
        train: train.pairs(),
        validation: 0,
        test: 0,
        seen: 0,
        seen_validation: 0,
        seen_test: 0,
        seen_rows: Vec::new(),
        train_only_users: 0,
        held_out_users: 0,
        mainstream: MainstreamMethod::Exact,
        skipped_rows: 0,
        skipped_examples: Vec::new(),
        time_unit: None,
        notes: Vec::new(),
        content_hash: String::new(),
    };
    HistoryDataset {
        users: Vocabulary::Int((0..users as i64).collect()),
        items: Vocabulary::Int((0..items as i64).collect()),
        validation: Rows::empty(users),
        test: Rows::empty(users),
        seen: crate::Seen::empty(users),
        learns: vec![true; users],
        mainstream,
        columns: vec![UserColumn {
            name: "community".to_owned(),
            values: vec!["folk".to_owned(), "jazz".to_owned()],
            of_user: (0..users).map(|user| (user % 3 != 2).then_some((user % 3) as u16)).collect(),
        }],
        manifest,
        train,
    }
}

/// Users 0 to 19 with `1 + user / 2` items each, then one without.
fn twenty_and_one_without_history() -> HistoryDataset {
    let mut train = Rows::empty(0);
    for user in 0..20_u32 {
        train.push(&(0..=user / 2).collect::<Vec<u32>>());
    }
    train.push(&[]);
    dataset(train, (0..21).map(|user| ((user * 7) % 20) as f32 / 20.0).collect())
}

fn sizes(grouping: &Grouping) -> Vec<usize> {
    let of = |part| grouping.of_user.iter().filter(|&&group| group == Some(part)).count();
    (0..grouping.names.len() as u16).map(of).collect()
}

#[test]
fn five_parts_have_the_names_of_the_field() {
    let grouping = twenty_and_one_without_history().grouping(&GroupBy::Mainstream { parts: 5 }).unwrap();
    assert_eq!(grouping.names, ["low", "med-low", "medium", "med-high", "high"]);
    assert_eq!(sizes(&grouping), [4; 5]);
    assert_eq!(grouping.of_user[20], None, "a user without history has no group");
    assert_eq!(grouping.of_user[0], Some(0));
}

#[test]
fn held_out_users_fill_the_groups_equally() {
    let mut data = twenty_and_one_without_history();
    // The longest histories validate and test: ranked among all, they would be in the last groups only.
    for user in 10..20 {
        data.learns[user] = false;
    }
    data.validation = Rows::from_lists((0..21).map(|user| if (10..15).contains(&user) { vec![50] } else { vec![] }));
    data.test = Rows::from_lists((0..21).map(|user| if (15..20).contains(&user) { vec![50] } else { vec![] }));
    for by in [GroupBy::Mainstream { parts: 5 }, GroupBy::Activity { parts: 5 }] {
        let grouping = data.grouping(&by).unwrap();
        for (users, each) in [(0..10, 2), (10..15, 1), (15..20, 1)] {
            for part in 0..5 {
                let of = users.clone().filter(|&user| grouping.of_user[user] == Some(part)).count();
                assert_eq!(of, each, "{by:?}, users {users:?}, group {part}");
            }
        }
    }
    let within = data.grouping(&GroupBy::MainstreamWithinActivity { parts: 5 }).unwrap();
    assert_eq!(sizes(&within), [4; 5], "few users leave no group empty");
}

#[test]
fn new_users_stand_beside_known_ones_of_the_same_part() {
    let mut data = twenty_and_one_without_history();
    for user in [1, 4, 7, 10, 13] {
        data.learns[user] = false;
    }
    let grouping = data.grouping(&GroupBy::Newness { parts: 5 }).unwrap();
    assert_eq!((&*grouping.names[0], &*grouping.names[5]), ("newness:known, low", "newness:new, low"));
    assert_eq!(sizes(&grouping), [3, 3, 3, 3, 3, 1, 1, 1, 1, 1]);
    for (user, group) in grouping.of_user.iter().enumerate() {
        assert!(group.is_none_or(|group| data.learns[user] == (group < 5)));
    }
}

#[test]
fn users_of_equal_activity_rank_by_index() {
    let grouping = twenty_and_one_without_history().grouping(&GroupBy::Activity { parts: 4 }).unwrap();
    assert_eq!(grouping.names, ["activity:1/4", "activity:2/4", "activity:3/4", "activity:4/4"]);
    let expected: Vec<Option<u16>> = (0..20).map(|user| Some((user / 5) as u16)).chain([None]).collect();
    assert_eq!(grouping.of_user, expected, "users 4 and 5 have three items each");
}

#[test]
fn groups_within_deciles_of_activity_do_not_differ_in_activity() {
    let data = twenty_and_one_without_history();
    let grouping = data.grouping(&GroupBy::MainstreamWithinActivity { parts: 2 }).unwrap();
    assert_eq!(grouping.names, ["within-activity:1/2", "within-activity:2/2"]);
    assert_eq!(sizes(&grouping), [10, 10]);
    let mean = |part| {
        let of = (0..20).filter(|&user| grouping.of_user[user] == Some(part));
        of.map(|user| data.train.row(user).len()).sum::<usize>()
    };
    assert_eq!(mean(0), mean(1));
}

#[test]
fn a_column_groups_by_its_values() {
    let grouping =
        twenty_and_one_without_history().grouping(&GroupBy::Column { column: "community".to_owned() }).unwrap();
    assert_eq!(grouping.names, ["community:folk", "community:jazz", "community:(no value)"]);
    assert_eq!(grouping.of_user[..4], [Some(0), Some(1), Some(2), Some(0)], "users without a value are a group");
}

#[test]
fn an_unknown_column_is_refused_with_the_nearest() {
    let error = twenty_and_one_without_history()
        .grouping(&GroupBy::Column { column: "comunity".to_owned() })
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "groups by column: there is no column `comunity`; did you mean `community`? (there are: community)"
    );
}

#[test]
fn a_number_of_parts_out_of_range_is_refused() {
    for parts in [0, 1, MOST_PARTS + 1] {
        let error = twenty_and_one_without_history().grouping(&GroupBy::Activity { parts }).unwrap_err();
        assert!(matches!(error, DataError::Group(GroupError::Parts { by: "activity", .. })), "{error}");
    }
}

#[test]
fn quintiles_of_the_mainstream_score_are_the_golden_ones() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("../../tests/golden/mainstream.json")).unwrap();
    let train: Vec<Vec<u32>> = serde_json::from_value(golden["train"].clone()).unwrap();
    let quintile: Vec<u16> = serde_json::from_value(golden["quintile"].clone()).unwrap();
    let train = Rows::from_lists(train);
    let (scores, _) = crate::mainstream::mainstream_scores(&train, 31, 0);
    let grouping = dataset(train, scores).grouping(&GroupBy::Mainstream { parts: 5 }).unwrap();
    assert_eq!(grouping.of_user, quintile.into_iter().map(Some).collect::<Vec<_>>());
}
