//! Tables that stand outside automatic differentiation.

use std::sync::Arc;

use adepts_core::{LazyTables, Step, TabularSizes, tensors};
use adepts_data::tabular::{Codes, Field};
use burn::tensor::Device;

use crate::plain::{Plain, Rows, arrays, beside};
use crate::support::{
    ROWS, assert_close, bits_of, build, gradients, model, random_rows, recipe, schema, scores, sizes,
};

const BIG: usize = 100_001;

#[test]
fn rows_of_a_large_table_are_leaves_whose_gradient_is_that_of_the_equations() {
    let mut schema = schema();
    schema.fields.push(Field { name: "item".to_owned(), size: BIG, many: true });
    let mut batch = random_rows(&schema, ROWS);
    // Codes that stand twice in a row and in several rows.
    let starts: Vec<u32> = (0..=ROWS as u32).map(|row| 2 * row).collect();
    let codes: Vec<u32> =
        (0..ROWS as u32).flat_map(|row| [row % 3, if row % 2 == 0 { row % 3 } else { 100_000 }]).collect();
    batch.fields[2] = Codes::Many { starts, codes };
    let mut model = model("mlp", "embedding = 3\nhidden = [4]", &schema);
    let mut plain = Plain { arrays: arrays(&model.save()), batch: &batch, predict: false, still: None };
    let forward = |p: &Plain<'_>| -> Rows {
        let [user, tags] = <[Rows; 2]>::try_from(p.fields(false)).unwrap();
        let (_, values) = &p.arrays["embedding.item"];
        let item = |row: usize| {
            let listed = batch.fields[2].row(row);
            (0..3).map(|c| listed.iter().map(|code| values[*code as usize * 3 + c]).sum::<f64>() / 2.0).collect()
        };
        let item = (0..ROWS).map(item).collect();
        let z = [tags, item, p.by_domain("domain_embedding"), p.dense()].iter().fold(user, |a, b| beside(&a, b));
        p.one("layers", 0, &z, true)
    };
    let want: Vec<f64> = forward(&plain).iter().map(|x| 1.0 / (1.0 + (-x[0]).exp())).collect();
    assert_close("scores", &scores(&*model, &batch), &want, 3e-5);

    let names: Vec<String> = model.learner().tables().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["embedding.item"]);
    let loss = model.learner().loss(&batch, &Step { seed: 1, epoch: 1, taken: 0 });
    let [leaf] = <[_; 1]>::try_from(loss.leaves).unwrap();
    assert_eq!((leaf.table, leaf.codes.rows()), (0, ROWS));
    let found = loss.total.backward();
    assert!(gradients(&mut *model, &found).iter().all(|(name, _)| name != "embedding.item"));
    let rows = tensors::values(&leaf.rows.grad(&found).unwrap());
    for code in [0, 1, 2, 100_000] {
        let mut got = vec![0.0f32; 3];
        for (row, rows) in rows.chunks(3).enumerate() {
            let times = batch.fields[2].row(row).iter().filter(|listed| **listed == code).count();
            got.iter_mut().zip(rows).for_each(|(got, g)| *got += times as f32 / 2.0 * g);
        }
        let mut want = Vec::new();
        for c in 0..3 {
            let mut ahead = |by: f64| {
                plain.arrays.get_mut("embedding.item").unwrap().1[code as usize * 3 + c] += by;
                plain.losses(&forward(&plain)).iter().sum::<f64>() / ROWS as f64
            };
            let difference = ahead(1e-6) - ahead(-2e-6);
            ahead(1e-6);
            want.push(difference / 2e-6);
        }
        assert_close(&format!("gradient of row {code}"), &got, &want, 3e-5);
    }
}

#[test]
fn which_tables_stand_outside_is_as_asked_and_a_domains_own_rows_say_what_is_large() {
    let mut schema = schema();
    schema.fields[0].size = BIG;
    schema.fields[1].size = BIG / 3 + 1;
    let outside = |kind: &str, lazy: LazyTables| {
        let sizes = TabularSizes { lazy, ..sizes(&schema) };
        let recipe = recipe(kind, "embedding = 1");
        let mut model = recipe.build(&sizes, 1, &Device::flex().autodiff());
        let names: Vec<String> = model.learner().tables().into_iter().map(|(name, _)| name).collect();
        (names, recipe.memory(&sizes).total())
    };
    // The tables of `single` have three times as many rows, of which a domain sees a third.
    for kind in ["mlp", "single"] {
        let (names, large) = outside(kind, LazyTables::Large);
        assert_eq!(names, ["embedding.user"], "{kind}");
        let (names, all) = outside(kind, LazyTables::All);
        assert_eq!(names[..2], ["embedding.user", "embedding.tags"], "{kind}");
        let (names, none) = outside(kind, LazyTables::None);
        assert!(names.is_empty(), "{kind}: {names:?}");
        // A dense update has a gradient for every row.
        assert!(all < large && large < none, "{kind}: {all}, {large}, {none} bytes");
    }
    assert_eq!(outside("mlp", LazyTables::All).0.len(), 3, "the domain's embedding is a table too");
}

#[test]
fn a_large_table_is_saved_and_opened_bit_for_bit() {
    let mut schema = schema();
    schema.fields[0].size = BIG;
    let recipe = recipe("single", "embedding = 2\nhidden = [3]");
    let (first, mut second) = (build(&*recipe, &schema, 1), build(&*recipe, &schema, 2));
    let saved = first.save();
    assert_ne!(bits_of(&saved), bits_of(&second.save()));
    second.load(&saved).unwrap();
    assert_eq!(bits_of(&saved), bits_of(&second.save()));
    assert_eq!(second.learner().tables().len(), 1);
}

#[test]
fn a_large_table_is_in_memory_once_while_it_is_saved_and_opened() {
    let mut schema = schema();
    schema.fields[0].size = BIG;
    let recipe = recipe("mlp", "embedding = 2\nhidden = [3]");
    let (mut first, mut second) = (build(&*recipe, &schema, 1), build(&*recipe, &schema, 2));
    let saved = first.save();
    second.load(&saved).unwrap();
    let held = saved.share("embedding.user", &[BIG, 2]).unwrap();
    for model in [&mut first, &mut second] {
        assert!(Arc::ptr_eq(&held, &model.learner().tables()[0].1.weight()));
    }
}

#[test]
fn ten_million_rows_of_sixteen_floats_take_three_times_their_size() {
    let mut schema = schema();
    schema.fields[0].size = 10_000_001;
    for kind in ["mlp", "cesaa"] {
        let sizes = TabularSizes { batch: 4096, ..sizes(&schema) };
        let memory = recipe(kind, "embedding = 16").memory(&sizes);
        let of_table = memory.parts.iter().find(|(part, _)| part.starts_with("embeddings updated row by row")).unwrap();
        assert_eq!(of_table.1, 3 * 4 * 16 * 10_000_001, "{kind}: weights and two moments");
        assert!(memory.total() < of_table.1 + 100_000_000, "{kind}: {memory}");
    }
}
