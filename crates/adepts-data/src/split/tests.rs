use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::id::Vocabulary;

type Pair = (i64, i64);

/// A log of pairs with ids; times and parts follow from the pair, so that any order of rows tells the same story.
fn log(pairs: &[Pair]) -> Interactions {
    let vocabulary = |of: fn(&Pair) -> i64| {
        let mut ids: Vec<i64> = pairs.iter().map(of).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let (users, items) = (vocabulary(|p| p.0), vocabulary(|p| p.1));
    let part = |p: &Pair| [Part::Train, Part::Train, Part::Validation, Part::Test][((p.0 + p.1) % 4) as usize];
    Interactions {
        user: pairs.iter().map(|p| users.binary_search(&p.0).unwrap() as u32).collect(),
        item: pairs.iter().map(|p| items.binary_search(&p.1).unwrap() as u32).collect(),
        time: Some(pairs.iter().map(|p| (p.0 * 31 + p.1 * 17) % 101).collect()),
        part: Some(pairs.iter().map(part).collect()),
        users: Vocabulary::Int(users),
        items: Vocabulary::Int(items),
        columns: Vec::new(),
    }
}

/// `users` users with `3 + user % 9` items each.
fn plain(users: i64) -> Vec<Pair> {
    (0..users).flat_map(|user| (0..3 + user % 9).map(move |nth| (user, (user * 5 + nth * 3) % 40))).collect()
}

fn kinds() -> Vec<SplitConfig> {
    vec![
        SplitConfig::default(),
        SplitConfig::LeaveLast { validation: 1, test: 2 },
        SplitConfig::Temporal { validation: 0.1, test: 0.2 },
        SplitConfig::Users { validation: 0.1, test: 0.2, input: 0.8, known: 0.0, seed: None },
        SplitConfig::Column { column: crate::config::Column::Name("split".to_owned()) },
    ]
}

fn shuffled(pairs: &[Pair], seed: u64) -> Vec<Pair> {
    use rand::seq::SliceRandom;
    let mut pairs = pairs.to_vec();
    pairs.shuffle(&mut crate::seed::stream(seed, "test", &[]));
    pairs
}

fn ids(log: &Interactions, rows: &Rows) -> BTreeMap<String, Vec<String>> {
    let of = |row: &[u32]| row.iter().map(|&item| log.items.id(item).to_string()).collect();
    rows.iter().enumerate().map(|(user, row)| (log.users.id(user as u32).to_string(), of(row))).collect()
}

proptest! {
    #[test]
    fn a_split_is_a_partition_that_depends_on_the_seed_and_not_on_the_order_of_rows(
        pairs in prop::collection::btree_set((0_i64..25, 0_i64..40), 60..300), seed in 0_u64..100,
    ) {
        let pairs: Vec<Pair> = pairs.into_iter().collect();
        let log_in_order = log(&pairs);
        let log_shuffled = log(&shuffled(&pairs, seed));
        for config in kinds() {
            let Ok(cut) = split(&log_in_order, &config, seed) else { continue };
            prop_assert_eq!(&cut, &split(&log_shuffled, &config, seed).unwrap());
            let mut all: Vec<Pair> = Vec::new();
            for rows in [&cut.train, &cut.validation, &cut.test] {
                prop_assert_eq!(rows.len(), log_in_order.users.len());
                for (user, row) in rows.iter().enumerate() {
                    let (Vocabulary::Int(users), Vocabulary::Int(items)) = (&log_in_order.users, &log_in_order.items)
                    else { unreachable!() };
                    all.extend(row.iter().map(|&item| (users[user], items[item as usize])));
                }
            }
            all.sort_unstable();
            prop_assert_eq!(&all, &pairs);
        }
    }

    #[test]
    fn every_user_with_three_interactions_has_all_parts(
        pairs in prop::collection::btree_set((0_i64..25, 0_i64..40), 60..300),
        validation in 0.01..0.98_f64, of_rest in 0.01..0.98_f64, seed in 0_u64..100,
    ) {
        let log = log(&pairs.into_iter().collect::<Vec<Pair>>());
        let config = SplitConfig::Random { validation, test: (1.0 - validation) * of_rest, seed: None };
        let cut = split(&log, &config, seed).unwrap();
        let mut short = 0;
        for user in 0..log.users.len() {
            let lengths = [&cut.train, &cut.validation, &cut.test].map(|rows| rows.row(user).len());
            if lengths.iter().sum::<usize>() < 3 {
                short += 1;
                prop_assert_eq!(&lengths[1..], &[0, 0]);
            } else {
                prop_assert!(lengths.iter().all(|&length| length > 0), "{:?}", lengths);
            }
        }
        prop_assert_eq!(cut.train_only_users, short);
        prop_assert!(cut.learns.iter().all(|&learns| learns));
    }
}

#[test]
fn the_seed_of_the_split_comes_before_that_of_the_experiment_and_is_filled_in() {
    let log = log(&plain(30));
    let with = |own, seed| split(&log, &SplitConfig::Random { validation: 0.1, test: 0.2, seed: own }, seed).unwrap();
    assert_eq!(with(Some(5), 1), with(None, 5));
    assert_eq!(with(None, 5).split, SplitConfig::Random { validation: 0.1, test: 0.2, seed: Some(5) });
    assert_ne!(with(None, 5).test, with(None, 6).test);
}

#[test]
fn a_user_keeps_his_cut_when_others_join() {
    let few = plain(40);
    let mut many: Vec<Pair> = few.iter().map(|&(user, item)| (user * 2 + 100, item)).collect();
    let before_log = log(&many);
    many.extend([(1, 3), (1, 4), (1, 5), (103, 0), (103, 7), (103, 41), (999, 2)]);
    let after_log = log(&many);
    let before = split(&before_log, &SplitConfig::default(), 9).unwrap();
    let after = split(&after_log, &SplitConfig::default(), 9).unwrap();
    let (before, after) = (ids(&before_log, &before.test), ids(&after_log, &after.test));
    for (user, items) in before {
        assert_eq!(after[&user], items, "user {user}");
    }
}

#[test]
fn leave_last_takes_the_latest_and_leaves_short_histories_alone() {
    let mut log = log(&[(1, 10), (1, 11), (1, 12), (1, 13), (2, 10), (2, 11), (3, 10), (3, 11), (3, 12)]);
    log.time = Some(vec![40, 10, 30, 20, 1, 2, 3, 2, 1]);
    let cut = split(&log, &SplitConfig::LeaveLast { validation: 1, test: 1 }, 0).unwrap();
    assert_eq!((cut.validation.row(0), cut.test.row(0)), (&[2][..], &[0][..]));
    assert_eq!(cut.train.row(1), [0, 1], "two interactions only train");
    assert_eq!(cut.test.row(2), [0]);
    assert_eq!(cut.train_only_users, 1);
}

#[test]
fn everything_trained_on_happened_before_everything_tested_on() {
    let log = log(&plain(60));
    let cut = split(&log, &SplitConfig::Temporal { validation: 0.1, test: 0.2 }, 0).unwrap();
    let times = log.time.as_ref().unwrap();
    let of = |rows: &Rows| -> Vec<i64> {
        (0..log.user.len())
            .filter(|&row| rows.row(log.user[row] as usize).contains(&log.item[row]))
            .map(|row| times[row])
            .collect()
    };
    assert!(of(&cut.train).iter().max() < of(&cut.validation).iter().min());
    assert!(of(&cut.validation).iter().max() < of(&cut.test).iter().min());
    let share = cut.test.pairs() as f64 / log.user.len() as f64;
    assert!((0.2..0.25).contains(&share), "{share}");
}

#[test]
fn held_out_users_keep_four_fifths_as_input_and_nothing_is_learnt_from_them() {
    let log = log(&plain(100));
    let cut =
        split(&log, &SplitConfig::Users { validation: 0.1, test: 0.2, input: 0.8, known: 0.0, seed: None }, 3).unwrap();
    let held: Vec<usize> = (0..100).filter(|&user| !cut.learns[user]).collect();
    assert_eq!(held.len(), 30);
    for user in 0..100 {
        let (kept, chosen, judged) = (cut.train.row(user), cut.validation.row(user), cut.test.row(user));
        let target = chosen.len() + judged.len();
        assert_eq!(target > 0, held.contains(&user));
        assert!(chosen.is_empty() || judged.is_empty());
        if target > 0 {
            assert_eq!(kept.len(), at_least_one(kept.len() + target, 0.8).min(kept.len() + target - 1));
        }
    }
    assert_eq!((0..100).filter(|&user| !cut.test.row(user).is_empty()).count(), 20);
}

#[test]
fn a_share_of_known_users_items_is_to_be_found_too_and_changes_nothing_of_the_others() {
    let log = log(&plain(100));
    let cut = |known| {
        let config = SplitConfig::Users { validation: 0.1, test: 0.2, input: 0.8, known, seed: None };
        split(&log, &config, 3).unwrap()
    };
    let (without, with) = (cut(0.0), cut(0.2));
    assert_eq!((&with.learns, &with.validation), (&without.learns, &without.validation));
    for user in 0..100 {
        let (seen, sought) = (with.train.row(user), with.test.row(user));
        if with.learns[user] {
            assert_eq!(sought.len(), at_least_one(seen.len() + sought.len(), 0.2));
            assert_eq!(seen.len() + sought.len(), without.train.row(user).len());
        } else {
            assert_eq!((seen, sought), (without.train.row(user), without.test.row(user)));
        }
    }
    let wrong = SplitConfig::Users { validation: 0.1, test: 0.2, input: 0.8, known: 1.0, seed: None };
    assert!(split(&log, &wrong, 3).unwrap_err().to_string().contains("known"));
}

#[test]
fn the_column_is_followed() {
    let mut log = log(&[(1, 1), (1, 2), (2, 1), (2, 2)]);
    log.part = Some(vec![Part::Train, Part::Test, Part::Validation, Part::Train]);
    let config = SplitConfig::Column { column: crate::config::Column::Name("split".to_owned()) };
    let cut = split(&log, &config, 0).unwrap();
    assert_eq!(cut.train, Rows::from_lists(vec![vec![0], vec![1]]));
    assert_eq!(cut.test, Rows::from_lists(vec![vec![1], vec![]]));
    assert_eq!(cut.train_only_users, 0);
}

#[test]
fn what_cannot_be_is_refused_with_what_was_expected() {
    let mut bare = log(&plain(10));
    bare.time = None;
    bare.part = None;
    let column = SplitConfig::Column { column: crate::config::Column::Name("split".to_owned()) };
    let users = |validation, test, input| SplitConfig::Users { validation, test, input, known: 0.0, seed: None };
    let random = |validation, test| SplitConfig::Random { validation, test, seed: None };
    let cases: Vec<(SplitConfig, &str)> = vec![
        (
            random(0.0, 0.2),
            "split random: the share `--validation` (split.validation) is 0, expected more than 0 and less than 1",
        ),
        (
            random(0.1, f64::NAN),
            "split random: the share `--test` (split.test) is NaN, expected more than 0 and less than 1",
        ),
        (
            random(0.5, 0.5),
            "split random: validation 0.5 and test 0.5 leave nothing to train on, expected a sum of `--validation` and \
             `--test` below 1",
        ),
        (
            users(0.1, 0.1, 1.0),
            "split users: the share `--input-share` (split.input) is 1, expected more than 0 and less than 1",
        ),
        (
            SplitConfig::LeaveLast { validation: 0, test: 1 },
            "split leave-last: `--validation` (split.validation) is 0, expected at least 1 item per user",
        ),
        (
            SplitConfig::Temporal { validation: 0.1, test: 0.1 },
            "split temporal: the log has no times; set `--time` (data.time) to the column that holds them",
        ),
        (
            column,
            "split column: the log has no column with the split, expected one that holds `train`, `validation` and \
             `test`",
        ),
        (
            users(0.5, 0.49, 0.8),
            "split users: 10 users would be held out, but there are 10 with at least 3 interactions, of 10 in all; \
             expected that some users are left to learn from; on this log `--split users --validation 0.1 --test 0.2` and \
             `--split random --validation 0.1 --test 0.2` work (split)",
        ),
    ];
    for (config, message) in cases {
        assert_eq!(split(&bare, &config, 0).unwrap_err().to_string(), message);
    }
}

#[test]
fn an_empty_part_is_refused() {
    let short = log(&[(1, 1), (1, 2), (2, 1), (2, 2)]);
    assert_eq!(
        split(&short, &SplitConfig::default(), 0).unwrap_err().to_string(),
        "split random: the validation part is empty after cutting 4 interactions of 2 users, expected at least one \
         interaction in each of train, validation and test; on this log `--split temporal --validation 0.1 --test 0.2` \
         works (split)"
    );
    let mut same_second = log(&plain(10));
    same_second.time = Some(vec![7; same_second.user.len()]);
    let error = split(&same_second, &SplitConfig::Temporal { validation: 0.1, test: 0.1 }, 0).unwrap_err();
    assert!(matches!(error, DataError::Split(SplitError::PartEmpty { part: "train", .. })), "{error}");
    let empty = log(&[]);
    for config in kinds() {
        assert!(split(&empty, &config, 0).is_err());
    }
}

/// The error about a split of this log.
fn message(log: &Interactions, config: &SplitConfig) -> String {
    split(log, config, 0).unwrap_err().to_string()
}

#[test]
fn a_split_that_leaves_a_part_empty_names_one_that_works() {
    let users = |validation, test| SplitConfig::Users { validation, test, input: 0.5, known: 0.0, seed: None };
    let temporal = SplitConfig::Temporal { validation: 0.1, test: 0.2 };
    let last = |validation, test| SplitConfig::LeaveLast { validation, test };
    // Two items a user.
    let mut two = log(&(0..30).flat_map(|user| [(user, user % 7), (user, 7 + user % 5)]).collect::<Vec<_>>());
    for config in [SplitConfig::default(), last(1, 1), users(0.1, 0.1)] {
        let error = message(&two, &config);
        assert!(error.contains("on this log `--split temporal --validation 0.1 --test 0.2` works"), "{error}");
    }
    two.time = None;
    for config in [SplitConfig::default(), users(0.1, 0.1)] {
        let error = message(&two, &config);
        for text in
            ["at least 3, and the most that a user has here is 2", "`--user`", "`--time COLUMN --split temporal`"]
        {
            assert!(error.contains(text), "`{text}` is not in: {error}");
        }
    }
    // Enough for each user, but not for so much.
    let mut many = log(&plain(30));
    let error = message(&many, &last(9, 9));
    assert!(error.contains("`--split leave-last --validation 1 --test 1` and `--split random"), "{error}");
    let error = message(&many, &users(0.5, 0.49));
    assert!(error.contains("`--split users --validation 0.1 --test 0.2 --input-share 0.5` and"), "{error}");
    // Times of which nearly all are equal.
    let times = many.time.as_ref().unwrap();
    let coarse = (0..times.len()).map(|row| if row < 10 { 1 } else { 2 + i64::from(row > 100) }).collect();
    many.time = Some(coarse);
    let error = message(&many, &temporal);
    assert!(error.contains("`--split random --validation 0.1 --test 0.2`"), "{error}");
    let one = log(&[(1, 2)]);
    for config in kinds() {
        let error = message(&one, &config);
        assert!(error.contains("no split works on so few; give a log of more rows"), "{error}");
    }
    assert!(message(&one, &temporal).contains("after cutting 1 interaction of 1 user, expected"));
}
