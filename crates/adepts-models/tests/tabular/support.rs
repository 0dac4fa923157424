//! Small batches and models.

use adepts_core::{LazyTables, Parameter, TabularModel, TabularRecipe, TabularSizes, Tensors, Values, tensors};
use adepts_data::seed;
use adepts_data::tabular::{Codes, Field, Schema, TabularBatch};
use adepts_models::registry;
use burn::tensor::{Device, Gradients, Tensor};
use rand::RngExt;

pub(crate) const DOMAINS: usize = 3;
pub(crate) const ROWS: usize = 21;

/// Fields of one code and of lists, two dense fields, three domains.
pub(crate) fn schema() -> Schema {
    let field = |name: &str, size, many| Field { name: name.to_owned(), size, many };
    Schema {
        fields: vec![field("user", 7, false), field("tags", 5, true)],
        dense: vec!["age".to_owned(), "price".to_owned()],
        domains: ["a", "b", "c"].map(str::to_owned).to_vec(),
        users: 0,
        items: None,
    }
}

/// Random rows; some lists are empty. Labels follow a field and the domain.
pub(crate) fn random_rows(schema: &Schema, rows: usize) -> TabularBatch {
    let mut random = seed::stream(7, "examples of a test", &[rows as u64]);
    let mut below = |n: usize| (random.random::<f64>() * n as f64) as u32;
    let mut codes = |field: &Field| {
        if !field.many {
            return Codes::One((0..rows).map(|_| below(field.size)).collect());
        }
        let (mut starts, mut codes) = (vec![0], Vec::new());
        for _ in 0..rows {
            for _ in 0..below(4) {
                codes.push(below(field.size));
            }
            starts.push(codes.len() as u32);
        }
        Codes::Many { starts, codes }
    };
    let fields: Vec<Codes> = schema.fields.iter().map(&mut codes).collect();
    let domain: Vec<u32> = (0..rows).map(|_| below(DOMAINS)).collect();
    let dense = (0..rows * schema.dense.len()).map(|_| below(1000) as f32 / 250.0 - 2.0).collect();
    let label = (0..rows).map(|row| f32::from((fields[0].row(row)[0] + domain[row]).is_multiple_of(3))).collect();
    TabularBatch { fields, dense, domain, label, ..TabularBatch::default() }
}

pub(crate) fn recipe(name: &str, settings: &str) -> Box<dyn TabularRecipe> {
    (registry::find_tabular(name).unwrap().recipe)(settings.parse().unwrap()).unwrap()
}

pub(crate) fn sizes(schema: &Schema) -> TabularSizes {
    TabularSizes { schema: schema.clone(), rows: 1000, batch: ROWS, lazy: LazyTables::Large }
}

pub(crate) fn build(recipe: &dyn TabularRecipe, schema: &Schema, seed: u64) -> Box<dyn TabularModel> {
    recipe.build(&sizes(schema), seed, &Device::flex().autodiff())
}

/// A model whose parameters are large enough to matter, variances above 0.
pub(crate) fn model(name: &str, settings: &str, schema: &Schema) -> Box<dyn TabularModel> {
    filled(build(&*recipe(name, settings), schema, 3))
}

/// The model with such parameters.
pub(crate) fn filled(mut model: Box<dyn TabularModel>) -> Box<dyn TabularModel> {
    let mut tensors = model.save();
    let names: Vec<String> = tensors.names().map(str::to_owned).collect();
    for name in names {
        let array = tensors.remove(&name).unwrap();
        let mut random = seed::stream(8, &name, &[]);
        let draw = |_: &f32| {
            let draw = 1.4 * random.random::<f32>() - 0.7;
            if name.ends_with("variance") { 0.5 + draw * draw } else { draw }
        };
        let values = array.values.iter().map(draw).collect();
        tensors.insert(name, &array.shape, values);
    }
    model.load(&tensors).unwrap();
    model
}

pub(crate) fn scores(model: &dyn TabularModel, batch: &TabularBatch) -> Vec<f32> {
    let mut scores = vec![f32::NAN; batch.rows()];
    model.score(batch, &mut scores);
    scores
}

fn gradient<const D: usize>(name: &str, tensor: &Tensor<D>, gradients: &Gradients) -> Vec<f32> {
    tensors::values(&tensor.grad(gradients).unwrap_or_else(|| panic!("{name} has no gradient")))
}

/// The gradient of every parameter; each must have one.
pub(crate) fn gradients(model: &mut dyn TabularModel, gradients: &Gradients) -> Vec<(String, Vec<f32>)> {
    let of = |(name, parameter): (String, Parameter<'_>)| {
        let values = match parameter.values {
            Values::One(tensor) => gradient(&name, tensor, gradients),
            Values::Two(tensor) => gradient(&name, tensor, gradients),
            Values::Three(tensor) => gradient(&name, tensor, gradients),
        };
        (name, values)
    };
    model.learner().parameters().into_iter().map(of).collect()
}

/// Differences up to `tolerance` of the largest entry.
#[track_caller]
pub(crate) fn assert_close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(1e-3f64, |top, x| top.max(x.abs()));
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let close = (f64::from(*got) - want).abs() <= tolerance * largest;
        assert!(close, "{what}[{at}] is {got}, not {want}; the largest is {largest}");
    }
}

pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// All bits of saved parameters.
pub(crate) fn bits_of(tensors: &Tensors) -> Vec<(String, Vec<u32>)> {
    tensors.names().map(|name| (name.to_owned(), bits(&tensors.array(name).unwrap().values))).collect()
}
