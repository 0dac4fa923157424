//! Two towers and their sampled softmax against plain loops, and what every model must hold to as the tower of users.

use adepts_core::{Step, TabularModel, TabularRecipe, TensorsError, TowersConfig, tensors};
use adepts_data::tabular::{Codes, Field, ItemColumns, NO_USER, Schema, Side, TabularBatch};
use adepts_models::registry::{TABULAR_MODELS, find_tabular};
use rayon::ThreadPoolBuilder;

use crate::equations::cesaa;
use crate::plain::{Arrays, Plain, Rows, arrays, beside};
use crate::support::{
    DOMAINS, ROWS, assert_close, bits, bits_of, build, filled, gradients, random_rows, recipe, schema as of_users,
    scores,
};

const TOLERANCE: f64 = 3e-5;
const DIFFERENCE: f64 = 1e-6;
const STEP: Step = Step { seed: 1, epoch: 1, taken: 0 };
/// Items in the catalogue.
const ITEMS: usize = 9;

/// The columns of users, then the item's: its id, a list of brands and its price.
fn schema() -> Schema {
    let mut schema = of_users();
    let field = |name: &str, size, many| Field { name: name.to_owned(), size, many };
    schema.fields.extend([field("item", ITEMS + 1, false), field("brands", 4, true)]);
    schema.dense.push("weight".to_owned());
    schema.users = 5;
    schema.items = Some(ItemColumns { count: ITEMS, fields: vec![2, 3], dense: vec![2] });
    schema
}

/// Random positives; users have several, some of them twice, some rows have no user, and items stand in the rows of several users.
fn positives(rows: usize) -> TabularBatch {
    let mut batch = random_rows(&schema(), rows);
    batch.user = (0..rows as u32).map(|row| if row % 6 == 5 { NO_USER } else { row * 7 % 5 }).collect();
    batch.item = (0..rows as u32).map(|row| row * row % ITEMS as u32).collect();
    batch.fields[2] = Codes::One(batch.item.iter().map(|item| item + 1).collect());
    batch.log_share = batch.item.iter().map(|item| -1.0 - 0.3 * *item as f32).collect();
    batch
}

/// A model as the tower of users, with parameters large enough to matter.
fn model(name: &str, settings: &str, towers: &TowersConfig) -> Box<dyn TabularModel> {
    filled(build(&*retrieval(name, settings, towers), &schema(), 3))
}

fn retrieval(name: &str, settings: &str, towers: &TowersConfig) -> Box<dyn TabularRecipe> {
    recipe(name, settings).retrieval(towers).unwrap()
}

fn towers() -> TowersConfig {
    TowersConfig { dimension: 3, hidden: vec![4], ..TowersConfig::default() }
}

/// The vectors of users, and what is added to the loss.
type Tower = fn(&Plain<'_>) -> (Rows, f64);

struct Loops<'a> {
    user: &'a TabularBatch,
    item: &'a TabularBatch,
    batch: &'a TabularBatch,
    towers: &'a TowersConfig,
    tower: Tower,
    apart: bool,
}

fn length_one(x: &[f64]) -> Vec<f64> {
    let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    x.iter().map(|x| x / length).collect()
}

impl Loops<'_> {
    /// The vectors of users and of items, and what is added to the loss.
    fn vectors(&self, arrays: &Arrays) -> (Rows, Rows, f64) {
        let plain = |batch| Plain { arrays: arrays.clone(), batch, predict: false, still: None };
        let (mut users, terms) = (self.tower)(&plain(self.user));
        let p = plain(self.item);
        let fields =
            [(0, "embedding.item"), (1, "embedding.brands")].map(|(at, name)| p.embedded(at, name, self.apart));
        let z = beside(&beside(&fields[0], &fields[1]), &p.dense());
        let mut items = if self.apart { p.bank("item", &z, &p.own(), true) } else { p.one("item", 0, &z, true) };
        if self.towers.normalise {
            users.iter_mut().chain(&mut items).for_each(|x| *x = length_one(x));
        }
        (users, items, terms)
    }

    fn loss(&self, arrays: &Arrays) -> f64 {
        let (users, items, terms) = self.vectors(arrays);
        let (batch, rows) = (self.batch, self.batch.rows());
        let has = |row: usize, item: u32| {
            let same =
                |other: usize| other == row || (batch.user[other] != NO_USER && batch.user[other] == batch.user[row]);
            (0..rows).any(|other| same(other) && batch.item[other] == item)
        };
        let mut of_rows = Vec::new();
        for (row, user) in users.iter().enumerate() {
            let score = |other: usize| {
                let product: f64 = user.iter().zip(&items[other]).map(|(u, v)| u * v).sum();
                let share = if self.towers.correction { f64::from(batch.log_share[other]) } else { 0.0 };
                product / self.towers.temperature - share
            };
            let mut sum = 0.0;
            for other in 0..rows {
                let positive = has(row, batch.item[other]);
                let elsewhere = self.apart && batch.domain[row] != batch.domain[other];
                if other == row || !(positive || elsewhere) {
                    sum += score(other).exp();
                }
            }
            of_rows.push(sum.ln() - score(row));
        }
        let mean = |domain: Option<u32>| {
            let of: Vec<f64> = (0..rows)
                .filter(|row| domain.is_none_or(|domain| batch.domain[*row] == domain))
                .map(|row| of_rows[row])
                .collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        let all = if self.apart { (0..DOMAINS as u32).map(|d| mean(Some(d))).sum() } else { mean(None) };
        all + terms
    }
}

/// Checks the scores of pairs, the loss and every gradient.
fn check(name: &str, settings: &str, towers: &TowersConfig, tower: Tower) {
    let (schema, context) = (schema(), format!("{name} {settings} {towers:?}"));
    let batch = positives(ROWS);
    let (user, item) = (batch.side(&schema, Side::User), batch.side(&schema, Side::Item));
    let mut model = model(name, settings, towers);
    let apart = model.towers().unwrap().apart();
    let loops = Loops { user: &user, item: &item, batch: &batch, towers, tower, apart };
    let mut arrays = arrays(&model.save());
    let (users, items, _) = loops.vectors(&arrays);
    let product = |(u, v): (&Vec<f64>, &Vec<f64>)| u.iter().zip(v).map(|(u, v)| u * v).sum();
    let want: Vec<f64> = users.iter().zip(&items).map(product).collect();
    assert_close(&format!("{context}: scores"), &scores(&*model, &batch), &want, TOLERANCE);

    let loss = model.learner().loss(&batch, &STEP);
    assert_close(&format!("{context}: loss"), &tensors::values(&loss.total), &[loops.loss(&arrays)], TOLERANCE);
    let found = loss.total.backward();
    for (parameter, got) in gradients(&mut *model, &found) {
        let mut want = Vec::new();
        for at in 0..got.len() {
            let mut ahead = |by: f64| {
                arrays.get_mut(&parameter).unwrap().1[at] += by;
                loops.loss(&arrays)
            };
            let difference = ahead(DIFFERENCE) - ahead(-2.0 * DIFFERENCE);
            ahead(DIFFERENCE);
            want.push(difference / (2.0 * DIFFERENCE));
        }
        // What shifts all scores of a row alike changes no softmax: there 32-bit sums leave their rounding.
        if want.iter().all(|g: &f64| g.abs() < 1e-8) {
            assert!(got.iter().all(|g| g.abs() < 1e-6), "{context}: gradient of {parameter} is {got:?}, not 0");
            continue;
        }
        assert_close(&format!("{context}: gradient of {parameter}"), &got, &want, TOLERANCE);
    }
}

#[test]
fn a_network_with_a_tower_of_items_is_its_equations() {
    let tower: Tower = |p| (p.one("layers", 0, &p.z(true, false), true), 0.0);
    check("mlp", "embedding = 3\nhidden = [5]", &towers(), tower);
    for (normalise, correction) in [(false, true), (true, false), (false, false)] {
        let towers = TowersConfig { normalise, correction, temperature: 0.7, hidden: vec![], ..towers() };
        check("mlp", "embedding = 3\nhidden = [5]", &towers, tower);
    }
}

#[test]
fn single_has_towers_and_candidates_of_each_domain() {
    let tower: Tower = |p| (p.bank("layers", &p.z(false, true), &p.own(), true), 0.0);
    check("single", "embedding = 2\nhidden = [4]", &towers(), tower);
}

#[test]
fn cesaa_adds_the_information_of_its_gate_to_the_loss() {
    let settings = "embedding = 3\nexperts = 4\nhidden = [4]\ntower = [3]\nnoise = 0.0\nmi = 0.3\nbalance = 0.2\nk = 2";
    check("cesaa", settings, &towers(), |p| cesaa(p, 2));
}

/// Every model that can be the tower of users.
fn names() -> impl Iterator<Item = &'static str> {
    TABULAR_MODELS.iter().map(|spec| spec.name).filter(|name| *name != "fm")
}

#[test]
fn a_factorisation_machine_is_refused_as_the_tower_of_users() {
    let error = recipe("fm", "").retrieval(&TowersConfig::default()).err().unwrap().to_string();
    assert!(error.contains("no vector"), "{error}");
    assert!(find_tabular("fm").is_some());
}

#[test]
fn towers_that_make_no_sense_are_refused() {
    for (change, place) in [
        (TowersConfig { dimension: 0, ..towers() }, "retrieval.dimension"),
        (TowersConfig { hidden: vec![4, 0], ..towers() }, "retrieval.hidden"),
        (TowersConfig { temperature: 0.0, ..towers() }, "retrieval.temperature"),
        (TowersConfig { temperature: f64::NAN, ..towers() }, "retrieval.temperature"),
    ] {
        let error = recipe("mlp", "").retrieval(&change).err().unwrap().to_string();
        assert!(error.starts_with(place), "{error}");
    }
}

/// The scores of all items in each domain, one row after the other.
fn lists(model: &dyn TabularModel, users: &TabularBatch) -> Vec<Vec<u32>> {
    let towers = model.towers().unwrap();
    let width = towers.width();
    let item = positives(ITEMS * 3).side(&schema(), Side::Item);
    let mut found = Vec::new();
    for row in 0..users.rows() {
        let of = users.select(&[row as u32]);
        let mut items = item.clone();
        items.domain.fill(of.domain[0]);
        let vectors = towers.users(&of);
        assert_eq!(vectors.len(), width);
        let mut scores = vec![0.0; items.rows()];
        towers.scores(&vectors, &towers.items(&items), &mut scores);
        found.push(bits(&scores));
    }
    found
}

#[test]
fn the_scores_of_a_user_do_not_depend_on_who_else_is_asked_for() {
    let users = positives(20).side(&schema(), Side::User);
    for name in names() {
        let model = model(name, "embedding = 2", &towers());
        let alone = lists(&*model, &users);
        let towers = model.towers().unwrap();
        let vectors = towers.users(&users);
        let mut items = positives(ITEMS * 3).side(&schema(), Side::Item);
        for domain in 0..DOMAINS as u32 {
            items.domain.fill(domain);
            let mut scores = vec![0.0; users.rows() * items.rows()];
            towers.scores(&vectors, &towers.items(&items), &mut scores);
            for (row, scores) in scores.chunks(items.rows()).enumerate().filter(|(row, _)| users.domain[*row] == domain)
            {
                assert_eq!(bits(scores), alone[row], "{name}: row {row}");
            }
        }
    }
}

#[test]
fn an_item_has_one_vector_in_all_domains_unless_these_share_nothing() {
    let mut items = positives(ITEMS).side(&schema(), Side::Item);
    for name in names() {
        let model = model(name, "embedding = 2", &towers());
        let towers = model.towers().unwrap();
        let mut of = |domain: u32| {
            items.domain.fill(domain);
            bits(&tensors::values(&towers.items(&items)))
        };
        assert_eq!(of(0) == of(1), !towers.apart(), "{name}");
        assert_eq!(towers.apart(), name == "single");
    }
}

#[test]
fn threads_change_no_bit_of_losses_gradients_and_lists() {
    let batch = positives(150);
    let users = batch.side(&schema(), Side::User);
    for name in names() {
        let work = || {
            let mut model = model(name, "embedding = 2", &towers());
            let loss = model.learner().loss(&batch, &STEP);
            let value = bits(&tensors::values(&loss.total));
            let found = loss.total.backward();
            let gradients: Vec<_> = gradients(&mut *model, &found).iter().map(|(_, g)| bits(g)).collect();
            (value, gradients, lists(&*model, &users), bits_of(&model.save()))
        };
        let within = |threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work);
        let one = within(1);
        assert!(within(2) == one && within(3) == one, "{name}");
    }
}

#[test]
fn large_tables_of_users_and_items_are_leaves_in_the_order_of_the_tables() {
    let mut schema = schema();
    schema.fields[0].size = 100_001;
    schema.fields[2].size = 100_001;
    let mut model = build(&*retrieval("mlp", "embedding = 2\nhidden = [3]", &towers()), &schema, 1);
    let names: Vec<String> = model.learner().tables().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["embedding.user", "embedding.item"]);
    let batch = positives(ROWS);
    let loss = model.learner().loss(&batch, &STEP);
    let mut tables: Vec<(usize, Vec<u32>)> = Vec::new();
    let found = loss.total.backward();
    for leaf in &loss.leaves {
        assert!(leaf.rows.grad(&found).is_some());
        tables.push((leaf.table, (0..ROWS).map(|row| leaf.codes.row(row)[0]).collect()));
    }
    tables.sort();
    let of = |field: usize| (0..ROWS).map(|row| batch.fields[field].row(row)[0]).collect::<Vec<u32>>();
    assert_eq!(tables, [(0, of(0)), (1, of(2))]);
}

#[test]
fn saving_loses_nothing_and_arrays_that_do_not_fit_are_refused_by_name() {
    let batch = positives(20);
    for name in names() {
        let recipe = retrieval(name, "embedding = 2", &towers());
        let [first, again, mut other] = [1, 1, 2].map(|seed| build(&*recipe, &schema(), seed));
        let saved = first.save();
        assert_eq!(bits_of(&saved), bits_of(&again.save()), "{name}");
        assert_ne!(bits_of(&saved), bits_of(&other.save()), "{name}");
        other.load(&saved).unwrap();
        assert_eq!(bits(&scores(&*first, &batch)), bits(&scores(&*other, &batch)), "{name}");
        let mut less = saved.clone();
        less.remove("item.0.weight").unwrap();
        let error = other.load(&less).unwrap_err();
        assert!(matches!(&error, TensorsError::Missing { name, .. } if name == "item.0.weight"), "{name}: {error}");
        let mut more = saved.clone();
        more.insert("more", &[1], vec![0.0]);
        assert!(matches!(other.load(&more), Err(TensorsError::Unknown { name }) if name == "more"), "{name}");
    }
}
