//! Scores: the forward pass without noise, for each row as if it were alone, on any number of threads.

use std::sync::Arc;

use adepts_core::{HistoryModel, Probe};
use adepts_models::history::mixture::config::Gate;

use crate::reference::Reference;
use crate::support::{
    Users, assert_close, bits, config, driven, gradients, inputs, mixture, normalised, scores, total,
};

/// Gates with what their batches hold for them.
fn gates() -> [(Gate, Option<Probe>); 5] {
    [
        (Gate::Uniform {}, None),
        (Gate::Mlp { hidden: 9 }, None),
        (driven(Probe::Validation), Some(Probe::Validation)),
        (driven(Probe::History), Some(Probe::History)),
        (driven(Probe::History), None),
    ]
}

#[test]
fn a_batch_scores_as_its_rows_one_by_one_bit_for_bit() {
    let items = 61;
    for (gate, probe) in gates() {
        for (experts, hidden) in [(1, vec![6]), (1, vec![8, 4]), (5, vec![6]), (5, vec![8, 4])] {
            let model = mixture(&config(experts, &hidden, gate), items);
            let users = Users::random(40, items);
            let alone: Vec<_> = (0..40).map(|user| scores(&model, &users.one(user).batch(probe))).collect();
            for rows in [1, 16, 17, 40] {
                let part =
                    Users { items, histories: users.histories[..rows].to_vec(), held: users.held[..rows].to_vec() };
                let together = scores(&model, &part.batch(probe));
                for (row, (of_items, of_experts)) in alone[..rows].iter().enumerate() {
                    let context = format!("{gate:?}, K = {experts}, {hidden:?}, row {row} of {rows}");
                    assert_eq!(bits(of_items), bits(&together.0[row * items..][..items]), "{context}");
                    assert_eq!(bits(of_experts), bits(&together.1[row * experts..][..experts]), "{context}");
                }
            }
        }
    }
}

#[test]
fn scores_are_the_forward_pass_from_the_means() {
    let items = 23;
    for (gate, probe) in gates() {
        for (experts, hidden) in [(1, vec![6]), (5, vec![6]), (3, vec![8, 4])] {
            let config = config(experts, &hidden, gate);
            let model = mixture(&config, items);
            let reference = Reference::new(&config, items, &model.save());
            let batch = Users::random(19, items).batch(probe);
            let (scores, shares) = scores(&model, &batch);
            let input = normalised(&batch.input);
            let seen = batch.gate.as_ref().filter(|gate| !Arc::ptr_eq(&gate.seen, &batch.input));
            let seen = seen.map(|gate| normalised(&gate.seen));
            for row in 0..batch.rows() {
                let (of_items, of_experts) = reference.score(&batch, &input, seen.as_ref(), row);
                assert_close(&format!("{gate:?}"), &scores[row * items..][..items], &of_items, 2e-5);
                let of_experts = if experts == 1 { vec![1.0] } else { of_experts };
                assert_close(&format!("{gate:?}"), &shares[row * experts..][..experts], &of_experts, 2e-5);
            }
        }
    }
}

#[test]
fn shares_are_written_only_where_asked_for() {
    let model = mixture(&config(3, &[4], driven(Probe::Validation)), 23);
    let batch = Users::random(5, 23).batch(Some(Probe::Validation));
    let mut alone = vec![0.0; 5 * 23];
    model.score(&batch, &mut alone, &mut []);
    assert_eq!(alone, scores(&model, &batch).0);
}

#[test]
fn the_number_of_threads_changes_no_bit_of_scores_losses_and_gradients() {
    let items = 701;
    for (gate, probe) in gates() {
        for (experts, hidden) in [(1, vec![48]), (5, vec![48]), (2, vec![60, 40])] {
            let config = config(experts, &hidden, gate);
            let batch = Users::random(70, items).batch(probe);
            let inputs = inputs(&config, &batch);
            let work = || {
                let mut model = mixture(&config, items);
                let loss = model.loss_with(&batch, &inputs, 0.1);
                let mut all = vec![("loss".to_owned(), bits(&[total(&loss)]))];
                all.push(("signal".to_owned(), bits(&loss.signal)));
                all.extend(gradients(&mut model, &loss).into_iter().map(|(name, values)| (name, bits(&values))));
                let (scores, shares) = scores(&model, &batch);
                all.extend([("scores".to_owned(), bits(&scores)), ("shares".to_owned(), bits(&shares))]);
                all
            };
            let within = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work);
            let one = within(1);
            for threads in [2, 3] {
                for ((name, got), (_, want)) in within(threads).iter().zip(&one) {
                    assert!(got == want, "{gate:?}, K = {experts}, {hidden:?}, {threads} threads: {name} differs");
                }
            }
        }
    }
}

#[test]
fn nan_in_any_parameter_shows_in_the_loss() {
    let items = 23;
    for (gate, probe) in gates() {
        for (experts, hidden) in [(1, vec![4]), (3, vec![4]), (2, vec![5, 3])] {
            let config = config(experts, &hidden, gate);
            let batch = Users::random(9, items).batch(probe);
            let inputs = inputs(&config, &batch);
            let mut model = mixture(&config, items);
            let sound = model.save();
            let item = batch.input.row(0)[0] as usize;
            for name in sound.names() {
                let array = sound.array(name).unwrap();
                let width = *array.shape.last().unwrap();
                // The first layer reads only the weights of listed items.
                let reads_items = array.shape.len() == 3 && array.shape[1] == items;
                let start = if reads_items { item * width } else { 0 };
                for at in [start, start + width - 1] {
                    let mut tensors = sound.clone();
                    let broken = tensors.remove(name).unwrap();
                    let mut values = broken.values.to_vec();
                    values[at] = f32::NAN;
                    tensors.insert(name, &broken.shape, values);
                    model.load(&tensors).unwrap();
                    let loss = total(&model.loss_with(&batch, &inputs, 0.1));
                    assert!(loss.is_nan(), "{gate:?}, K = {experts}, {hidden:?}: {name}[{at}] gives {loss}");
                }
            }
        }
    }
}
