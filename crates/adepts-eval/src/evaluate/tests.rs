use adepts_data::progress::silent;
use adepts_data::seed;
use rand_chacha::rand_core::Rng;

use super::*;

/// Users and items with seeded rows: a random split of the catalogue into train, validation and test per user.
struct World {
    items: usize,
    users: Vec<u32>,
    train: Rows,
    validation: Rows,
    test: Rows,
    popularity: Vec<f32>,
}

impl World {
    fn new(users: usize, items: usize) -> Self {
        let mut parts: [Vec<Vec<u32>>; 3] = Default::default();
        for user in 0..users {
            let mut random = seed::stream(1, "world", &[user as u64]);
            let mut rows = [const { Vec::new() }; 3];
            for item in 0..items as u32 {
                if let Some(row) = rows.get_mut(random.next_u32() as usize % 20) {
                    row.push(item);
                }
            }
            rows[2].push(items as u32 - 1);
            parts.iter_mut().zip(rows).for_each(|(part, row)| part.push(row));
        }
        let [train, validation, test] = parts.map(Rows::from_lists);
        let popularity = train.item_counts(items).iter().map(|&n| n as f32 / users as f32).collect();
        Self { items, users: (0..users as u32).collect(), train, validation, test, popularity }
    }

    fn judgement<'a>(&'a self, mask: &'a [&'a Rows], metrics: &'a [MetricAt], batch: usize) -> Judgement<'a> {
        let (users, popularity) = (&self.users, &self.popularity);
        let (items, relevant) = (self.items, &self.test);
        Judgement { users, items, mask, mask_row: None, relevant, metrics, popularity, ties: None, batch }
    }

    fn scores(&self) -> impl FnMut(&[u32], &mut [f32]) -> Result<(), String> {
        let items = self.items;
        move |users, out| {
            for (&user, row) in users.iter().zip(out.chunks_mut(items)) {
                let mut random = seed::stream(2, "scores", &[u64::from(user)]);
                // Few distinct values, so that ties abound.
                for score in row {
                    *score = (random.next_u32() % 64) as f32;
                }
            }
            Ok(())
        }
    }
}

fn metrics(names: &[&str]) -> Vec<MetricAt> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn the_result_does_not_depend_on_batch_or_threads() {
    let world = World::new(70, 90);
    let metrics = metrics(&["ndcg@20", "coverage@5", "recall@5", "gini@20", "popularity@5"]);
    let mask: [&Rows; 2] = [&world.train, &world.validation];
    let reference = evaluate(&world.judgement(&mask, &metrics, 70), &mut world.scores(), &mut silent).unwrap();
    assert_eq!(reference.metrics, [metrics[0], metrics[2]]);
    assert_eq!(reference.lists.keys().collect::<Vec<_>>(), ["coverage@5", "gini@20", "popularity@5"]);
    for (batch, threads) in [(1, 1), (7, 3), (32, 2), (1000, 4)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let again = pool
            .install(|| evaluate(&world.judgement(&mask, &metrics, batch), &mut world.scores(), &mut silent))
            .unwrap();
        assert_eq!(again, reference);
    }
}

#[test]
fn values_equal_those_of_a_full_sort() {
    let world = World::new(30, 60);
    let metrics = metrics(&["ndcg@10", "map@3"]);
    let mask: [&Rows; 1] = [&world.train];
    let measured = evaluate(&world.judgement(&mask, &metrics, 8), &mut world.scores(), &mut silent).unwrap();
    for &user in &world.users {
        let mut row = vec![0.0; world.items];
        world.scores()(&[user], &mut row).unwrap();
        let mut ranked: Vec<u32> = (0..60).filter(|i| !world.train.row(user as usize).contains(i)).collect();
        ranked.sort_by(|&a, &b| row[b as usize].total_cmp(&row[a as usize]).then(a.cmp(&b)));
        let wanted = world.test.row(user as usize);
        let gains: Vec<f32> = ranked.iter().map(|i| f32::from(u8::from(wanted.contains(i)))).collect();
        for (metric, &value) in metrics.iter().zip(measured.row(user as usize)) {
            let judged = Judged { gains: &gains, relevant: wanted.len() };
            assert_eq!((metric.per_user().unwrap().measure)(&judged, metric.k()), value);
        }
    }
}

#[test]
fn two_masks_in_one_pass_equal_two_passes() {
    let world = World::new(40, 80);
    let metrics = metrics(&["ndcg@20", "popularity@20"]);
    // The training rows stand twice in the first mask: what was masked twice must come back too.
    let both: [&Rows; 3] = [&world.train, &world.validation, &world.train];
    let train: [&Rows; 1] = [&world.train];
    let none: [&Rows; 0] = [];
    for other in [&train[..], &none[..]] {
        let (first, second) =
            evaluate_both(&world.judgement(&both, &metrics, 16), other, &mut world.scores(), &mut silent).unwrap();
        let alone = |mask| evaluate(&world.judgement(mask, &metrics, 16), &mut world.scores(), &mut silent).unwrap();
        assert_eq!(first, alone(&both));
        assert_eq!(second, alone(other));
        assert_ne!(first, second);
    }
}

#[test]
fn a_score_that_cannot_be_ranked_is_named_with_user_and_item() {
    let world = World::new(20, 600);
    let metrics = metrics(&["ndcg@20"]);
    for value in [f32::NAN, f32::INFINITY] {
        let mut broken = |users: &[u32], out: &mut [f32]| {
            out.fill(0.0);
            if let Some(row) = users.iter().position(|&user| user == 13) {
                out[row * 600 + 555] = value;
                out[row * 600 + 599] = value;
            }
            Ok::<(), String>(())
        };
        let error = evaluate(&world.judgement(&[], &metrics, 4), &mut broken, &mut silent).unwrap_err();
        assert!(matches!(error, EvalError::Score { user: 13, item: 555, .. }), "{error}");
    }
    let mut idle = |_: &[u32], _: &mut [f32]| Ok::<(), String>(());
    let error = evaluate(&world.judgement(&[], &metrics, 4), &mut idle, &mut silent).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the score of item 0 for user 0 is NaN: a score must be a number, or −∞ for an item never to be listed"
    );
}

#[test]
fn the_error_of_the_scorer_comes_through() {
    let world = World::new(20, 30);
    let mut fails = |_: &[u32], _: &mut [f32]| Err("out of memory");
    let error = evaluate(&world.judgement(&[], &metrics(&["ndcg@20"]), 8), &mut fails, &mut silent).unwrap_err();
    assert_eq!(error.to_string(), "cannot score the 8 users from number 0 of the judged on: out of memory");
}

#[test]
fn a_judgement_that_does_not_fit_together_is_refused() {
    let world = World::new(3, 10);
    let metrics = metrics(&["ndcg@20", "ndcg@20"]);
    let (short, wide) = (Rows::empty(2), Rows::from_lists([vec![], vec![10], vec![]]));
    let masks: [[&Rows; 1]; 2] = [[&short], [&wide]];
    let ask = |judgement: Judgement| evaluate(&judgement, &mut world.scores(), &mut silent).unwrap_err();
    let good = world.judgement(&[], &metrics[..1], 4);
    assert!(matches!(ask(Judgement { users: &[], ..good }), EvalError::NoUsers));
    assert!(matches!(ask(Judgement { batch: 0, ..good }), EvalError::EmptyBatch));
    assert!(matches!(ask(Judgement { popularity: &[], ..good }), EvalError::Popularity { given: 0, items: 10 }));
    assert!(matches!(ask(Judgement { ties: Some(&[0]), ..good }), EvalError::Ties { given: 1, items: 10 }));
    assert!(matches!(ask(Judgement { metrics: &metrics, ..good }), EvalError::DuplicateMetric { .. }));
    assert!(matches!(ask(Judgement { users: &[1, 1], ..good }), EvalError::DuplicateUser { user: 1 }));
    assert!(matches!(ask(Judgement { users: &[3], ..good }), EvalError::UserOutside { user: 3, users: 3, .. }));
    assert!(matches!(ask(Judgement { mask: &masks[0], ..good }), EvalError::UserOutside { user: 2, users: 2, .. }));
    assert!(matches!(ask(Judgement { mask: &masks[1], ..good }), EvalError::ItemOutside { user: 1, item: 10, .. }));
    assert!(matches!(ask(Judgement { relevant: &Rows::empty(3), ..good }), EvalError::NothingToFind { user: 0 }));
    let of_masks = |mask_row| ask(Judgement { mask: &masks[1], mask_row: Some(mask_row), ..good });
    assert!(matches!(of_masks(&[0, 0]), EvalError::UserOutside { user: 2, rows: "masked", users: 2 }));
    assert!(matches!(of_masks(&[0, 3, 0]), EvalError::UserOutside { user: 1, rows: "masked", users: 3 }));
    assert!(matches!(of_masks(&[0, 0, 1]), EvalError::ItemOutside { user: 2, item: 10, .. }));
}

#[test]
fn users_with_a_row_of_the_masks_in_common_are_judged_as_with_rows_of_their_own() {
    let world = World::new(60, 40);
    let metrics = metrics(&["ndcg@5", "recall@9", "coverage@3"]);
    let row_of: Vec<u32> = (0..60).map(|user| 59 - user / 7).collect();
    let own = |of: &Rows| Rows::from_lists(row_of.iter().map(|row| of.row(*row as usize).to_vec()));
    let (train, validation) = (own(&world.train), own(&world.validation));
    let judged = |mask: &[&Rows], mask_row| {
        let judgement = Judgement { mask_row, ..world.judgement(mask, &metrics, 16) };
        evaluate_both(&judgement, &mask[..1], &mut world.scores(), &mut silent).unwrap()
    };
    let common = judged(&[&world.train, &world.validation], Some(row_of.as_slice()));
    assert_eq!(common, judged(&[&train, &validation], None));
    assert_ne!(common, judged(&[&world.train, &world.validation], None));
}

#[test]
fn a_user_whose_items_are_all_masked_measures_zero() {
    let all = Rows::from_lists([vec![0, 1, 2]]);
    let wanted = Rows::from_lists([vec![1]]);
    let metrics = metrics(&["ndcg@2", "coverage@2", "popularity@2", "gini@2"]);
    let judgement = Judgement {
        users: &[0],
        items: 3,
        mask: &[&all],
        mask_row: None,
        relevant: &wanted,
        metrics: &metrics,
        popularity: &[1.0; 3],
        ties: None,
        batch: 4,
    };
    let mut zeros = |_: &[u32], out: &mut [f32]| {
        out.fill(0.0);
        Ok::<(), String>(())
    };
    let measured = evaluate(&judgement, &mut zeros, &mut silent).unwrap();
    assert_eq!(measured.values, [0.0]);
    assert!(measured.lists.values().all(|&value| value == 0.0));
}

#[test]
fn equal_scores_stand_in_the_order_that_is_given() {
    let (train, wanted) = (Rows::from_lists([vec![0]]), Rows::from_lists([vec![3]]));
    let metrics = metrics(&["mrr@4"]);
    let judgement = Judgement {
        users: &[0],
        items: 4,
        mask: &[&train],
        mask_row: None,
        relevant: &wanted,
        metrics: &metrics,
        popularity: &[0.0; 4],
        ties: None,
        batch: 1,
    };
    let found = |ties| {
        let mut equal = |_: &[u32], out: &mut [f32]| {
            out.fill(1.0);
            Ok::<(), String>(())
        };
        evaluate(&Judgement { ties, ..judgement }, &mut equal, &mut silent).unwrap().values[0]
    };
    assert_eq!((found(None), found(Some(&[0, 3, 2, 1])), found(Some(&[0, 3, 1, 2]))), (1.0 / 3.0, 1.0, 0.5));
}
