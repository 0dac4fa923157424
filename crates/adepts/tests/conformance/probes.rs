//! What gates and row weights may look at, and what is said where there is nothing to look at.

use adepts::HistoryRun;
use adepts::contract::{HistoryModel, Probe, ProbeSplit, Tensors};
use adepts::data::{HistoryDataset, Interactions, Part as DataPart, SplitConfig, Vocabulary, progress};
use adepts::eval::Unprobed;
use adepts::history::evaluate;
use adepts::history::evaluate::Validator;
use adepts::history::probes::warning;
use adepts::history::request::{ProbeChoice, Request};
use adepts::models::find;
use adepts::part::Part;
use burn::tensor::Device;

use crate::support::{COMMUNITY, How, community_log, dataset, experiment, run};

const ITEMS: usize = 16;

/// Two users with the items 0 to 7, of whom 13 and 15 are to be found in validation and 12 and 14 in the test.
fn two_users() -> HistoryDataset {
    let held = [[(13, DataPart::Validation), (12, DataPart::Test)], [(15, DataPart::Validation), (14, DataPart::Test)]];
    let (mut user, mut item, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for (index, held) in (0..).zip(held) {
        for (of_user, part) in (0..8).map(|of_user| (of_user, DataPart::Train)).chain(held) {
            user.push(index);
            item.push(of_user);
            parts.push(part);
        }
    }
    let log = Interactions {
        users: Vocabulary::Int(vec![0, 1]),
        items: Vocabulary::Int((0..ITEMS as i64).collect()),
        user,
        item,
        time: None,
        part: Some(parts),
        columns: Vec::new(),
    };
    dataset(log, &SplitConfig::Column { column: adepts::data::Column::Name("part".into()) })
}

/// Two experts that say the same to everyone: one likes the items 13 and 15, the other 12 and 14. Of the items 0 to 7 they
/// think nearly alike, so a gate that looks at those mixes them nearly equally, which puts 12 and 14 before 13 and 15.
fn two_experts(gate: &str) -> Box<dyn HistoryModel> {
    let sets = [
        "model.experts=2",
        "model.hidden=[1]",
        "model.weights={kind=\"uniform\"}",
        &format!("model.gate={{kind=\"loss_driven\",{gate}}}"),
    ];
    let experiment = experiment(find("tall").unwrap(), &sets);
    let sizes = adepts::history::run::sizes(&experiment, &two_users());
    let mut model = experiment.recipe().unwrap().1.build(&sizes, 1, &Device::flex().autodiff());
    let items = sizes.items;
    // The held-out items are the last four of the catalogue.
    let of = |last: [f32; 4]| std::iter::repeat_n(0.0, items - 4).chain(last);
    let mut tensors = Tensors::default();
    tensors.insert("encoder.0.weight", &[2, items, 2], vec![0.0; 4 * items]);
    tensors.insert("encoder.0.bias", &[2, 2], vec![0.0; 4]);
    tensors.insert("decoder.0.weight", &[2, 1, items], vec![0.0; 2 * items]);
    let bias = of([1.0, 4.0, 1.0, 4.0]).chain(of([4.0, 0.5, 4.0, 0.5])).collect();
    tensors.insert("decoder.0.bias", &[2, items], bias);
    model.load(&tensors).unwrap();
    model
}

fn found(model: &dyn HistoryModel, probe: ProbeChoice, part: Part) -> Result<adepts::eval::RunSummary, adepts::Error> {
    let data = two_users();
    let config = experiment(find("tall").unwrap(), &["eval.metrics=['recall@2']", "eval.mask_validation=false"]).eval;
    let request = Request { probe, part, validation_as_input: false };
    let (seed, split) = (1, ProbeSplit::default());
    let silent = &mut progress::silent;
    Ok(evaluate::test("two", "tall", model, &data, &config, seed, split, request, silent)?.summary)
}

/// By which training would be stopped.
fn stop(model: &dyn HistoryModel) -> f64 {
    let (data, experiment) =
        (two_users(), experiment(find("tall").unwrap(), &["train.stop={metric='recall@2',patience=1}"]));
    Validator::new(&data, &experiment.train.stop, &experiment.eval, None, 1).unwrap().validate(model).unwrap().stop
}

/// The share of users whose validation item is among the first two where the gate is not told of it, and where it is.
const BLIND: f64 = 0.0;
const TOLD: f64 = 1.0;

#[test]
fn a_gate_is_not_shown_the_validation_items_that_are_to_be_found() {
    for gate in ["score=\"negative\"", "temperature=0.5", "reduce=\"mean\""] {
        let model = two_experts(gate);
        let found = |probe, part| found(&*model, probe, part);
        let blind = found(ProbeChoice::AsTrained, Part::Validation).unwrap();
        assert!(blind.metrics["recall@2"] == BLIND, "{gate}");
        assert_eq!((&*blind.protocol.probe, &*blind.protocol.learned_probe), ("history", "validation"));
        let equal = found(ProbeChoice::Nothing, Part::Validation).unwrap();
        assert!(equal.metrics["recall@2"] == BLIND, "{gate}");
        let error = found(ProbeChoice::At(Probe::Validation), Part::Validation).unwrap_err().to_string();
        assert!(error.contains("a gate that looks at the validation items cannot be judged by how well it finds them"));
        // For the test items it looks at them, as published, and is led astray here.
        let test = found(ProbeChoice::AsTrained, Part::Test).unwrap();
        assert_eq!(test.protocol.probe, "validation");
        let served = found(ProbeChoice::At(Probe::History), Part::Test).unwrap();
        assert_eq!((test.metrics["recall@2"], served.metrics["recall@2"]), (0.0, 1.0), "{gate}");
        assert_eq!(test.metrics_history_probe, [("recall@2".to_owned(), 1.0)].into());
        assert!(served.metrics_history_probe.is_empty());
    }
}

#[test]
fn training_of_the_published_gate_alone_is_stopped_by_items_that_it_looks_at() {
    for gate in ["score=\"negative\"", "temperature=0.5", "reduce=\"mean\"", "probe=\"history\""] {
        assert!(stop(&*two_experts(gate)) == BLIND, "{gate}");
    }
    assert!(stop(&*two_experts("score=\"inverse\"")) == TOLD);
    let chosen = found(&*two_experts("score=\"inverse\""), ProbeChoice::AsTrained, Part::Validation).unwrap();
    assert_eq!((chosen.metrics["recall@2"], &*chosen.protocol.probe), (TOLD, "validation"));
    let summary = found(&*two_experts("score=\"inverse\""), ProbeChoice::AsTrained, Part::Test).unwrap();
    assert_eq!(summary.protocol.stop_probe, "validation");
    let summary = found(&*two_experts("score=\"negative\""), ProbeChoice::AsTrained, Part::Test).unwrap();
    assert_eq!(summary.protocol.stop_probe, "history");
}

fn new_users() -> HistoryDataset {
    let split = SplitConfig::Users { validation: 0.2, test: 0.2, input: 0.8, known: 0.0, seed: None };
    dataset(community_log(), &split)
}

#[test]
fn gates_and_weights_with_nothing_to_look_at_are_counted_and_said() {
    let data = new_users();
    let learned = data.learns.iter().filter(|learns| **learns).count();
    let (tall, lmoe) = (find("tall").unwrap(), find("lmoe").unwrap());
    let told = |spec, sets: &[&str], data: &HistoryDataset| {
        let recipe = experiment(spec, sets).recipe().unwrap().1;
        let probe =
            recipe.build(&adepts::history::run::sizes(&experiment(spec, sets), data), 1, &Device::flex().autodiff());
        warning(&recipe.resolved(), probe.probe(), data)
    };
    let both = ["model.gate.probe='history'", "model.weights.probe='history'"];
    let text = told(tall, &[], &data).unwrap();
    assert!(text.starts_with("warning: the gate and the row weights look at each user’s validation items"), "{text}");
    assert!(text.contains(&format!("{learned} users of the {learned} that are learned from (100 %)")), "{text}");
    assert!(text.contains("--set model.gate.probe=history --set model.weights.probe=history"), "{text}");
    let text = told(lmoe, &[], &data).unwrap();
    assert!(text.contains("--set model.gate.probe=history looks") && !text.contains("weights"), "{text}");
    assert_eq!(told(find("multvae").unwrap(), &[], &data), None);
    assert_eq!(told(tall, &[], &COMMUNITY), None);
    let short = (0..data.users.len()).filter(|u| data.learns[*u] && data.train.row(*u).len() < 5).count();
    let text = told(tall, &both, &data);
    assert_eq!(text.is_some(), short > 0, "{text:?}");
    assert!(!text.unwrap_or_default().starts_with("warning"));

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("run");
    let summary = run(&experiment(tall, &["train.epochs=2"]), &data, &folder, How::default()).unwrap();
    let everyone = Some(Unprobed { users: learned, of: learned });
    assert_eq!(summary.protocol.learned_unprobed, everyone);
    let judged = summary.protocol.users;
    assert_eq!(summary.protocol.unprobed, Some(Unprobed { users: judged, of: judged }));
    let opened = HistoryRun::open(&folder).unwrap();
    assert_eq!((opened.manifest.unprobed, opened.manifest.probe_split), (everyone, ProbeSplit::ByHistory));
    // No model is trained with that gate, so no epoch is chosen by it.
    assert_eq!(summary.protocol.stop_probe, "history");
}
