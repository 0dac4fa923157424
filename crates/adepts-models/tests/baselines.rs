//! The closed-form baselines against golden values, slow plain versions and their own promises.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::sync::Arc;

use adepts_core::{
    ConfigError, Fit, FitError, HistoryBatch, HistoryModel, HistorySizes, HistorySpec, TensorsError, config,
};
use adepts_data::{Rows, progress::silent};
use adepts_models::history::{ease, itemknn, popularity};
use adepts_ops::Csr;
use burn::tensor::Device;

static BASELINES: [&HistorySpec; 3] = [&popularity::SPEC, &itemknn::SPEC, &ease::SPEC];

fn table(text: &str) -> toml::Table {
    text.parse().unwrap()
}

fn built(spec: &HistorySpec, settings: &str, rows: &Rows, items: usize) -> Box<dyn HistoryModel> {
    let sizes = HistorySizes { users: rows.len(), items, pairs: rows.pairs(), batch: 64 };
    (spec.recipe)(table(settings)).unwrap().build(&sizes, 1, &Device::default())
}

fn try_fit(model: &mut dyn HistoryModel, rows: &Rows) -> Result<(), FitError> {
    match model.fit() {
        Fit::Closed(closed) => closed.fit(rows, &mut silent),
        Fit::Steps(_) => panic!("not a closed form"),
    }
}

fn fitted(spec: &HistorySpec, settings: &str, rows: &Rows, items: usize) -> Box<dyn HistoryModel> {
    let mut model = built(spec, settings, rows, items);
    try_fit(&mut *model, rows).unwrap();
    model
}

fn scores(model: &dyn HistoryModel, histories: &[&[u32]]) -> Vec<f32> {
    let input = Arc::new(Csr::from_rows(model.items(), histories.iter().copied()));
    let batch =
        HistoryBatch { users: vec![0; histories.len()], input, gate: None, weights: vec![1.0; histories.len()] };
    let mut scores = vec![f32::NAN; histories.len() * model.items()];
    model.score(&batch, &mut scores, &mut []);
    scores
}

/// Histories of uneven length in which low items are popular; reproducible (a linear congruential generator).
fn random(users: usize, items: usize, mean: u64) -> Rows {
    let mut state = 9_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    Rows::from_lists((0..users).map(|_| {
        let length = next() % (2 * mean + 1);
        (0..length).map(|_| (next() % (1 + next() % items as u64)) as u32).collect::<Vec<_>>()
    }))
}

fn largest_difference(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

fn golden() -> (Rows, usize, f64, Vec<f64>, Vec<f64>) {
    let golden: serde_json::Value = serde_json::from_str(include_str!("golden/ease.json")).unwrap();
    let lists: Vec<Vec<u32>> = serde_json::from_value(golden["train"].clone()).unwrap();
    let matrix = |name: &str| serde_json::from_value::<Vec<Vec<f64>>>(golden[name].clone()).unwrap().concat();
    let items = golden["items"].as_u64().unwrap() as usize;
    (Rows::from_lists(lists), items, golden["l2"].as_f64().unwrap(), matrix("weights"), matrix("scores"))
}

#[test]
fn ease_agrees_with_its_golden_values_within_1e_6() {
    let (rows, items, l2, weights, golden_scores) = golden();
    let model = fitted(&ease::SPEC, &format!("l2 = {l2:?}"), &rows, items);
    assert!(largest_difference(model.save().get("weights", &[items, items]).unwrap(), &weights) < 1e-6);
    let histories: Vec<&[u32]> = rows.iter().collect();
    assert!(largest_difference(&scores(&*model, &histories), &golden_scores) < 1e-6);
}

#[test]
fn ease_in_several_blocks_solves_its_normal_equations() {
    let (items, l2) = (300, 20.0);
    let rows = random(500, items, 15);
    let model = fitted(&ease::SPEC, "l2 = 20", &rows, items);
    let tensors = model.save();
    let weights = tensors.get("weights", &[items, items]).unwrap();
    let mut gram = vec![0.0_f64; items * items];
    for row in rows.iter() {
        for &i in row {
            for &j in row {
                gram[i as usize * items + j as usize] += 1.0;
            }
        }
    }
    for i in 0..items {
        gram[i * items + i] += l2;
        assert_eq!(weights[i * items + i], 0.0);
    }
    // The gradient of the loss is zero off the diagonal: (XᵀX + λI) B = XᵀX there.
    for i in 0..items {
        for j in (0..items).filter(|j| *j != i) {
            let product: f64 = (0..items).map(|k| gram[i * items + k] * f64::from(weights[k * items + j])).sum();
            assert!((product - gram[i * items + j]).abs() < 1e-4, "({i}, {j})");
        }
    }
}

#[test]
fn ease_without_l2_refuses_two_items_that_nobody_has() {
    let rows = Rows::from_lists([vec![0_u32, 1], vec![1]]);
    let error = try_fit(&mut *built(&ease::SPEC, "l2 = 0", &rows, 4), &rows).unwrap_err();
    let FitError::NotPositiveDefinite { items: 4, l2 } = error else { panic!("{error}") };
    assert_eq!(l2, 0.0);
    try_fit(&mut *built(&ease::SPEC, "l2 = 0.5", &rows, 4), &rows).unwrap();
}

#[test]
fn ease_says_what_it_needs_before_it_starts() {
    let sizes = HistorySizes { users: 6_040, items: 3_260, pairs: 700_000, batch: 512 };
    let memory = (ease::SPEC.recipe)(table("")).unwrap().memory(&sizes);
    assert_eq!(memory.parts[0], ("weights".to_owned(), 4 * 3_260 * 3_260));
    assert!(memory.total() >= 12 * 3_260 * 3_260, "{memory}");
}

/// Every similarity, by the definition; then the best of each item.
fn slow_itemknn(rows: &Rows, items: usize, kept: usize, shrinkage: f64, history: &[u32]) -> Vec<f64> {
    let has = |user: usize, item: usize| rows.row(user).contains(&(item as u32));
    let users = |test: &dyn Fn(usize) -> bool| (0..rows.len()).filter(|user| test(*user)).count() as f64;
    let mut scores = vec![0.0; items];
    for &item in history {
        let item = item as usize;
        let mut others: Vec<(f64, usize)> = (0..items)
            .filter(|other| *other != item)
            .map(|other| {
                let both = users(&|user| has(user, item) && has(user, other));
                let norms = users(&|user| has(user, item)).sqrt() * users(&|user| has(user, other)).sqrt();
                (if both == 0.0 { 0.0 } else { both / (norms + shrinkage) }, other)
            })
            .collect();
        others.sort_by(|a, b| (b.0 as f32).total_cmp(&(a.0 as f32)).then(a.1.cmp(&b.1)));
        others.truncate(kept);
        for (similarity, other) in others {
            scores[other] += similarity;
        }
    }
    scores
}

#[test]
fn itemknn_agrees_with_a_slow_plain_version() {
    let rows = random(60, 40, 5);
    for (kept, shrinkage) in [(5, 10.0), (39, 0.0), (100, 3.5)] {
        let settings = format!("neighbours = {kept}\nshrinkage = {shrinkage:?}");
        let model = fitted(&itemknn::SPEC, &settings, &rows, 40);
        for history in [&[][..], &[0], &[0, 3, 17, 39], rows.row(1)] {
            let slow = slow_itemknn(&rows, 40, kept, shrinkage, history);
            assert!(largest_difference(&scores(&*model, &[history]), &slow) < 1e-5, "{settings}");
        }
    }
}

#[test]
fn itemknn_agrees_with_the_slow_version_on_a_catalogue_that_is_mostly_empty() {
    let rows = random(8, 900, 3);
    let model = fitted(&itemknn::SPEC, "neighbours = 4", &rows, 900);
    for history in rows.iter() {
        let slow = slow_itemknn(&rows, 900, 4, 10.0, history);
        assert!(largest_difference(&scores(&*model, &[history]), &slow) < 1e-5);
    }
}

#[test]
fn equally_similar_neighbours_stand_in_ascending_order() {
    let rows = Rows::from_lists(vec![vec![0_u32, 1, 2, 3, 4]; 3]);
    let tensors = fitted(&itemknn::SPEC, "neighbours = 3", &rows, 6).save();
    let neighbours = tensors.get("neighbours", &[6, 3]).unwrap();
    assert_eq!(neighbours[..6], [1.0, 2.0, 3.0, 0.0, 2.0, 3.0]);
    assert_eq!(tensors.get("similarities", &[6, 3]).unwrap()[15..], [0.0; 3]);
}

#[test]
fn popularity_is_the_number_of_users_of_an_item() {
    let rows = Rows::from_lists([vec![0_u32, 2], vec![2], vec![], vec![1, 2]]);
    let model = fitted(&popularity::SPEC, "", &rows, 4);
    assert_eq!(scores(&*model, &[&[], &[2]]), [1.0, 1.0, 3.0, 0.0, 1.0, 1.0, 3.0, 0.0]);
}

#[test]
fn an_empty_history_gives_zeros_to_models_of_the_history() {
    let rows = random(60, 40, 5);
    for spec in [&itemknn::SPEC, &ease::SPEC] {
        assert_eq!(scores(&*fitted(spec, "", &rows, 40), &[&[]]), [0.0; 40], "{}", spec.name);
    }
}

#[test]
fn a_row_is_scored_as_if_alone() {
    let rows = random(300, 150, 12);
    let histories: Vec<&[u32]> = rows.iter().collect();
    for spec in BASELINES {
        let model = fitted(spec, "", &rows, 150);
        let together = scores(&*model, &histories);
        for (history, row) in histories.iter().zip(together.chunks(150)) {
            assert_eq!(scores(&*model, &[history]), row, "{}", spec.name);
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let items = 2_100;
    let rows = random(1_500, items, 20);
    for spec in BASELINES {
        let [one, two, three] = [1, 2, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fitted(spec, "", &rows, items).save())
        });
        assert!(one == two && one == three, "{}", spec.name);
    }
}

#[test]
fn a_saved_model_scores_the_same_bits() {
    let rows = random(300, 150, 12);
    for spec in BASELINES {
        let model = fitted(spec, "", &rows, 150);
        let mut loaded = built(spec, "", &rows, 150);
        loaded.load(&model.save()).unwrap();
        assert_eq!(scores(&*loaded, &[rows.row(7)]), scores(&*model, &[rows.row(7)]), "{}", spec.name);
        let mut smaller = built(spec, "", &rows, 99);
        assert!(matches!(smaller.load(&model.save()), Err(TensorsError::Shape { .. })), "{}", spec.name);
    }
}

#[test]
fn a_saved_neighbour_outside_the_catalogue_is_refused() {
    let rows = random(60, 40, 5);
    let mut model = fitted(&itemknn::SPEC, "neighbours = 2", &rows, 40);
    for wrong in [40.0, -1.0, 0.5, f32::NAN] {
        let mut tensors = model.save();
        let mut neighbours = tensors.remove("neighbours").unwrap().values.to_vec();
        neighbours[3] = wrong;
        tensors.insert("neighbours", &[40, 2], neighbours);
        assert!(matches!(model.load(&tensors), Err(TensorsError::Damaged { .. })), "{wrong}");
    }
}

#[test]
fn a_catalogue_of_none_or_one_works() {
    for items in [0, 1] {
        let rows = Rows::from_lists(vec![(0..items as u32).collect::<Vec<_>>(); 3]);
        for spec in BASELINES {
            let model = fitted(spec, "", &rows, items);
            assert_eq!(scores(&*model, &[rows.row(0)]).len(), items, "{}", spec.name);
        }
    }
}

#[test]
fn examples_hold_the_defaults() {
    for spec in BASELINES {
        let mut example = table(spec.example);
        assert_eq!(example.remove("kind"), Some(spec.name.into()));
        assert_eq!(example, (spec.recipe)(table("")).unwrap().resolved());
    }
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let refused = |spec: &HistorySpec, settings: &str| match (spec.recipe)(table(settings)) {
        Err(error @ ConfigError::Invalid { .. }) => error.to_string(),
        _ => panic!("{settings} was accepted"),
    };
    assert_eq!(refused(&ease::SPEC, "l2 = -1.0"), "l2: expected a finite number of at least 0, found -1");
    assert!(refused(&ease::SPEC, "l2 = nan").starts_with("l2: "));
    assert!(refused(&ease::SPEC, "l3 = 1.0").contains("did you mean `l2`"));
    assert_eq!(refused(&itemknn::SPEC, "neighbours = 0"), "neighbours: expected at least 1, found 0");
    assert!(refused(&itemknn::SPEC, "shrinkage = inf").starts_with("shrinkage: "));
    assert!(refused(&popularity::SPEC, "l2 = 1.0").contains("unknown field `l2`"));
    assert!(config::read::<ease::EaseConfig>(table("l2 = 2")).is_ok());
}
