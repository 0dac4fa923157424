//! Who computes what: gates, towers, and what a batch without a domain leaves alone.

use adepts_core::{Step, Work, tensors};
use adepts_data::tabular::TabularBatch;
use adepts_models::tabular::parts::gate;
use burn::tensor::{Device, Tensor, TensorData};

use crate::plain::counted;
use crate::support::{ROWS, assert_close, bits, build, gradients, model, random_rows, recipe, schema, sizes};

const STEP: Step = Step { seed: 1, epoch: 1, taken: 5 };

/// The rows of the first domain.
fn first_domain(batch: &TabularBatch) -> TabularBatch {
    let rows: Vec<u32> = (0..batch.rows() as u32).filter(|row| batch.domain[*row as usize] == 0).collect();
    batch.select(&rows)
}

#[test]
fn experts_and_towers_that_no_row_meets_have_no_gradient() {
    let schema = schema();
    let batch = first_domain(&random_rows(&schema, ROWS));
    for (name, stack, met) in [
        ("mmoe", "towers.", 0..1),
        ("mmoe", "gates.", 0..1),
        ("shared_bottom", "towers.", 0..1),
        ("single", "layers.", 0..1),
        ("star", "domains.", 0..1),
    ] {
        let mut model = model(name, "", &schema);
        let loss = model.learner().loss(&batch, &STEP);
        let found = loss.total.backward();
        let saved = model.save();
        for (parameter, got) in gradients(&mut *model, &found).iter().filter(|(p, _)| p.starts_with(stack)) {
            let each = got.len() / saved.array(parameter).unwrap().shape[0];
            for (network, got) in got.chunks(each).enumerate() {
                let touched = got.iter().any(|g| *g != 0.0);
                assert!(met.contains(&network) || !touched, "{name}: {parameter} of network {network}");
            }
        }
    }
}

#[test]
fn a_cesaa_gate_keeps_k_experts_and_the_others_have_no_gradient() {
    let schema = schema();
    let batch = random_rows(&schema, ROWS).select(&[3]);
    for k in [1, 2, 3] {
        let mut model = model("cesaa", &format!("k = {k}\nexperts = 6\nnoise = 0.0"), &schema);
        let gates = model.gates(&batch);
        assert_eq!(gates.len(), 6);
        assert_eq!(gates.iter().filter(|g| **g > 0.0).count(), k);
        let sum: f32 = gates.iter().sum();
        assert!(if k == 1 { sum < 1.0 } else { (sum - 1.0).abs() < 1e-6 }, "{gates:?}");
        let loss = model.learner().loss(&batch, &STEP);
        let found = loss.total.backward();
        for (parameter, got) in gradients(&mut *model, &found).iter().filter(|(p, _)| p.starts_with("experts.")) {
            for (expert, got) in got.chunks(got.len() / 7).take(6).enumerate() {
                let touched = got.iter().any(|g| *g != 0.0);
                assert!(gates[expert] > 0.0 || !touched, "k = {k}: {parameter} of expert {expert}");
            }
        }
    }
}

#[test]
fn another_number_of_experts_scores_as_a_model_that_has_it() {
    let schema = schema();
    let batch = random_rows(&schema, ROWS);
    let settings = |k: usize| format!("k = {k}\nexperts = 5\nshared = 2");
    let trained = model("cesaa", &settings(2), &schema);
    let mut scores = vec![0.0; ROWS];
    for k in 1..=5 {
        let work = trained.score_selecting(k, &batch, &mut scores).unwrap();
        let other = model("cesaa", &settings(k), &schema);
        let same = |work: Work| (work.parameters, work.activated_parameters, work.multiply_adds.to_bits());
        assert_eq!(same(work), same(other.work()), "k = {k}");
        let want: Vec<f64> = crate::support::scores(&*other, &batch).into_iter().map(f64::from).collect();
        match k {
            2 => assert_eq!(bits(&scores), bits(&crate::support::scores(&*trained, &batch))),
            3.. => assert_close(&format!("k = {k}"), &scores, &want, 1e-6),
            // Trained alone an expert has its share among all, here the whole weight, as in a softmax over those selected.
            _ => assert!(scores.iter().zip(&want).any(|(got, want)| (f64::from(*got) - want).abs() > 1e-3), "k = {k}"),
        }
    }
    assert!(model("mmoe", "", &schema).score_selecting(1, &batch, &mut scores).is_none());
}

#[test]
fn selected_experts_are_weighted_as_in_training() {
    let clean = Tensor::<2>::from_data(TensorData::new(vec![0.0f32, 2.0, 1.0, 1.0, 1.0, 0.0], [2, 3]), &Device::flex());
    let gates = |k, among_all| tensors::values(&gate::select(&clean, k, among_all, 1));
    let (e, [all, two]) = (std::f64::consts::E, [[0.0, 2.0, 1.0], [1.0, 1.0, 0.0]]);
    let sum = |logits: [f64; 3]| logits.iter().map(|x| x.exp()).sum::<f64>();
    assert_close("one", &gates(1, false), &[0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0], 1e-6);
    let share = |x: f64, of: [f64; 3]| x.exp() / sum(of);
    assert_close("among all", &gates(1, true), &[0.0, share(2.0, all), 0.0, 1.0, share(1.0, two), 0.0, 0.0, 1.0], 1e-6);
    assert_close("two", &gates(2, false), &[0.0, e / (e + 1.0), 1.0 / (e + 1.0), 1.0, 0.5, 0.5, 0.0, 1.0], 1e-6);
}

#[test]
fn noise_changes_training_from_step_to_step_and_never_prediction() {
    let schema = schema();
    let batch = random_rows(&schema, ROWS);
    let mut model = model("cesaa", "", &schema);
    let mut loss = |taken| tensors::values(&model.learner().loss(&batch, &Step { taken, ..STEP }).total)[0];
    assert_eq!(loss(1), loss(1));
    assert_ne!(loss(1), loss(2));
    assert_eq!(model.gates(&batch), model.gates(&batch));
}

#[test]
fn shares_of_dense_gates_add_up_to_one_and_ple_gives_none_to_other_domains() {
    let schema = schema();
    let batch = random_rows(&schema, ROWS);
    for (name, settings) in [("mmoe", ""), ("ple", ""), ("ple", "levels = 2")] {
        let model = model(name, settings, &schema);
        let experts = model.experts();
        for (row, shares) in model.gates(&batch).chunks(experts).enumerate() {
            assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{name}: {shares:?}");
            let domain = batch.domain[row] as usize;
            let met = |expert: usize| name == "mmoe" || expert / 2 == domain || expert == experts - 1;
            assert!(shares.iter().enumerate().all(|(e, share)| (*share > 0.0) == met(e)), "{name}: {shares:?}");
        }
    }
}

#[test]
fn mutual_information_is_none_for_one_domain_and_bounded() {
    let schema = schema();
    let all = random_rows(&schema, ROWS);
    let mut model = model("cesaa", "", &schema);
    let mut information = |batch: &TabularBatch| {
        let loss = model.learner().loss(batch, &STEP);
        loss.parts.iter().find(|(name, _)| *name == "mi").unwrap().1
    };
    assert!(information(&first_domain(&all)).abs() < 1e-6);
    let found = information(&all);
    assert!(found > 1e-4 && found <= 3f64.ln(), "{found}");
}

/// Φ by its integral.
fn normal_below(x: f64) -> f64 {
    let n = 20_000;
    let (from, to) = (-8.0, x.clamp(-8.0, 8.0));
    let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let width = (to - from) / f64::from(n);
    (0..n).map(|i| density(from + (f64::from(i) + 0.5) * width) * width).sum()
}

fn variation(rows: &[Vec<f64>]) -> f64 {
    let sums: Vec<f64> = (0..rows[0].len()).map(|c| rows.iter().map(|row| row[c]).sum()).collect();
    let mean = sums.iter().sum::<f64>() / sums.len() as f64;
    sums.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / sums.len() as f64 / (mean * mean)
}

#[test]
fn load_is_the_chance_that_an_expert_is_kept() {
    let [clean, noisy, deviation] = ["clean", "noisy", "deviation"].map(|name| {
        let mut random = adepts_data::seed::stream(1, name, &[]);
        (0..6 * 5).map(|_| rand::RngExt::random::<f32>(&mut random) + 0.1).collect::<Vec<f32>>()
    });
    let device = Device::flex();
    let tensor = |values: &[f32]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [6, 5]), &device);
    for k in 1..5 {
        let mut want = Vec::new();
        for row in 0..6 {
            let of = |expert: usize| {
                let mut others: Vec<f32> = (0..5).filter(|e| *e != expert).map(|e| noisy[row * 5 + e]).collect();
                others.sort_by(|a, b| b.total_cmp(a));
                let at = row * 5 + expert;
                normal_below(f64::from(clean[at] - others[k - 1]) / f64::from(deviation[at]))
            };
            want.push((0..5).map(of).collect::<Vec<f64>>());
        }
        let got = gate::load(tensor(&clean), &tensor(&noisy), tensor(&deviation), k);
        assert_close("load", &tensors::values(&got), &want.concat(), 1e-5);
        assert_close("variation", &tensors::values(&gate::variation(got)), &[variation(&want)], 1e-4);
    }
}

#[test]
fn balance_is_learned_with_and_without_noise() {
    let schema = schema();
    let batch = random_rows(&schema, ROWS);
    for settings in ["noise = 0.0", "k = 1", "k = 2", "k = 8"] {
        let mut model = model("cesaa", &format!("mi = 0.0\nbalance = 0.5\n{settings}"), &schema);
        let loss = model.learner().loss(&batch, &STEP);
        let part = |name: &str| loss.parts.iter().find(|part| part.0 == name).unwrap().1;
        assert!(part("balance") > 0.0, "{settings}");
        let want = part("bce") + 0.5 * part("balance");
        assert_close(settings, &tensors::values(&loss.total), &[want], 1e-5);
        let found = loss.total.backward();
        let gradients = gradients(&mut *model, &found);
        assert!(gradients.iter().all(|(_, g)| g.iter().all(|g| g.is_finite())), "{settings}");
    }
}

/// Counts of the published code on `MovieLens` as three domains, where gates have a normalisation that ours have not.
#[test]
fn sizes_are_those_of_the_published_code() {
    let schema = adepts_data::tabular::Schema {
        fields: (0..6).map(|n| adepts_data::tabular::Field { name: format!("f{n}"), size: 3, many: false }).collect(),
        dense: vec!["age".to_owned()],
        ..schema()
    };
    for (name, want) in [("shared_bottom", 15_971), ("mmoe", 6_183 - 18), ("ple", 12_583 - 18)] {
        let model = build(&*recipe(name, "norm = \"batch\""), &schema, 1);
        assert_eq!(counted(model.work()).0, want, "{name}");
    }
}

#[test]
fn work_says_what_an_example_meets() {
    let schema = schema();
    let recipe = |settings: &str| recipe("cesaa", settings);
    let [few, many] = ["experts = 8", "experts = 64"].map(|s| build(&*recipe(s), &schema, 1).work());
    assert!(few.activated_parameters < few.parameters);
    assert!(many.parameters > 6 * few.parameters);
    assert!(many.multiply_adds < 2.0 * few.multiply_adds);
    let total = recipe("").memory(&sizes(&schema)).total();
    assert!(total > 4 * 4 * few.parameters as u64, "{total} bytes");
}
