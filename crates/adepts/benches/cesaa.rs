//! A training step of CESAA with 64 experts against one with 8, both taking two for each row, in one run and by turns:
//! `cargo bench --workspace --bench cesaa`.
#![expect(clippy::print_stdout, reason = "a benchmark prints times")]

use adepts_core::{LazyTables, Step, Stopwatch, TabularModel, TabularSizes};
use adepts_data::seed;
use adepts_data::tabular::{Codes, Field, Schema, TabularBatch};
use adepts_models::registry;
use adepts_train::{Adam, OptimizerConfig};
use burn::tensor::Device;
use rand::RngExt;

#[global_allocator]
static ALLOCATOR: adepts::allocator::MiMalloc = adepts::allocator::MiMalloc;

/// Rounds, of which the fastest counts.
const ROUNDS: usize = 40;

/// Fields of the sizes that `MovieLens-1M` as three domains has.
fn schema() -> Schema {
    let field = |(name, size): (&str, usize)| Field { name: name.to_owned(), size, many: false };
    let fields = [("user", 6041), ("item", 3707), ("gender", 3), ("occupation", 22), ("zip", 3440), ("genre", 19)];
    Schema {
        fields: fields.map(field).to_vec(),
        dense: vec!["age".to_owned()],
        domains: ["a", "b", "c"].map(str::to_owned).to_vec(),
        ..Schema::default()
    }
}

fn rows_of(schema: &Schema, rows: usize) -> TabularBatch {
    let mut random = seed::stream(1, "benchmark", &[]);
    let mut below = |n: usize| random.random_range(0..n as u32);
    let fields = schema.fields.iter().map(|f| Codes::One((0..rows).map(|_| below(f.size)).collect())).collect();
    let domain = (0..rows).map(|_| [0, 0, 0, 0, 1, 1, 1, 1, 2, 2][below(10) as usize]).collect();
    let label = (0..rows).map(|_| below(2) as f32).collect();
    let dense = (0..rows).map(|_| below(1000) as f32 / 500.0 - 1.0).collect();
    TabularBatch { fields, dense, domain, label, ..TabularBatch::default() }
}

/// A model in training.
struct Trained {
    model: Box<dyn TabularModel>,
    adam: Adam,
    batch: TabularBatch,
    taken: u64,
}

impl Trained {
    fn new(experts: usize, rows: usize) -> Self {
        let spec = registry::find_tabular("cesaa").expect("the model exists");
        let table = format!("experts = {experts}\nk = 2").parse().expect("a table");
        let recipe = (spec.recipe)(table).expect("the configuration is right");
        let schema = schema();
        let batch = rows_of(&schema, rows);
        let sizes = TabularSizes { schema, rows, batch: rows, lazy: LazyTables::Large };
        let model = recipe.build(&sizes, 1, &Device::flex().autodiff());
        Self { model, adam: Adam::new(&OptimizerConfig::default(), 1.0), batch, taken: 0 }
    }

    /// Seconds of a step: loss, gradients, Adam.
    fn step(&mut self) -> f64 {
        let watch = Stopwatch::start();
        let learner = self.model.learner();
        let loss = learner.loss(&self.batch, &Step { seed: 1, epoch: 1, taken: self.taken });
        let mut gradients = loss.total.backward();
        self.taken += 1;
        self.adam.step(self.taken, learner.parameters(), &mut gradients);
        watch.seconds()
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn main() {
    adepts::allocator::keep_memory();
    // As the binary: on a thread of the pool.
    rayon::scope(|_| run());
}

fn run() {
    println!("{} threads; cesaa, two experts of each row", rayon::current_num_threads());
    for rows in [1024, 4096] {
        let [mut few, mut many] = [8, 64].map(|experts| Trained::new(experts, rows));
        // The first steps choose experts at random; it is the state in which all of them are met.
        let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            of_few.push(few.step());
            of_many.push(many.step());
        }
        let least = |of: &[f64]| of.iter().copied().fold(f64::INFINITY, f64::min);
        let ratios = of_few.iter().zip(&of_many).map(|(few, many)| many / few).collect();
        println!(
            "{rows} rows: {:.2} ms with 8 experts, {:.2} ms with 64, ratio {:.2}; median of the ratios by turn {:.2}",
            least(&of_few) * 1e3,
            least(&of_many) * 1e3,
            least(&of_many) / least(&of_few),
            median(ratios)
        );
    }
}
