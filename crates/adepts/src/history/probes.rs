//! What gates and row weights look at, and for how many users there is nothing to look at.

use adepts_core::batch::SHORTEST_SPLIT;
use adepts_core::{HistoryModel, Probe};
use adepts_data::{HistoryDataset, Rows, counted};
use adepts_eval::Unprobed;

use super::request::{ProbeChoice, Request};
use crate::error::Error;
use crate::part::Part;

/// What the gate looks at in an evaluation. Where validation items are to be found it is what it looked at when training was
/// stopped by them, so that settings are chosen by the figures that chose the epoch.
pub(crate) fn in_evaluation(
    model: &dyn HistoryModel,
    data: &HistoryDataset,
    request: Request,
) -> Result<Option<Probe>, Error> {
    let validation = request.part == Part::Validation;
    match request.probe {
        ProbeChoice::AsTrained if validation => Ok(in_validation(model, data)),
        ProbeChoice::AsTrained => Ok(model.gate_probe()),
        ProbeChoice::Nothing => Ok(None),
        ProbeChoice::At(Probe::Validation) if validation && in_validation(model, data) == Some(Probe::History) => {
            let both = "a gate that looks at the validation items cannot be judged by how well it finds them; \
                        leave `--probe` out, and it looks at a fifth of each history, or ask for `--probe none`";
            Err(Error::Request(both.into()))
        }
        ProbeChoice::At(probe) => Ok(model.gate_probe().map(|_| probe)),
    }
}

/// What the gate looks at where validation items are to be found: when training is stopped by them, or settings are chosen.
/// Only the published gate looks at the very items, as published, and only where it is trained with such items; any other
/// gate looks at a part of the history.
pub(crate) fn in_validation(model: &dyn HistoryModel, data: &HistoryDataset) -> Option<Probe> {
    let as_published =
        || model.stops_as_published() && learners(data).any(|user| !data.validation.row(user).is_empty());
    match model.gate_probe() {
        Some(Probe::Validation) if !as_published() => Some(Probe::History),
        probe => probe,
    }
}

/// Of the users that a model learns from, those for whom its gate or its row weights have nothing to look at; `None` for
/// models that look at nothing.
pub(crate) fn in_training(probe: Option<Probe>, data: &HistoryDataset) -> Option<Unprobed> {
    Some(without(probe?, &data.train, &data.validation, learners(data)))
}

/// Of these users, those that have no such probe.
pub(crate) fn without(
    probe: Probe,
    histories: &Rows,
    validation: &Rows,
    users: impl Iterator<Item = usize>,
) -> Unprobed {
    let mut found = Unprobed::default();
    for user in users {
        let nothing = match probe {
            Probe::Validation => validation.row(user).is_empty(),
            Probe::History => histories.row(user).len() < SHORTEST_SPLIT,
        };
        found.of += 1;
        found.users += usize::from(nothing);
    }
    found
}

fn learners(data: &HistoryDataset) -> impl Iterator<Item = usize> {
    (0..data.users.len()).filter(|user| data.learns[*user] && !data.train.row(*user).is_empty())
}

/// What is to be said before a training in which a gate or row weights have nothing to look at for some of the users;
/// `model` is the resolved `[model]` table.
#[must_use]
pub fn warning(model: &toml::Table, probe: Option<Probe>, data: &HistoryDataset) -> Option<String> {
    let (probe, found) = (probe?, in_training(probe, data)?);
    if found.users == 0 {
        return None;
    }
    let looks = |part: &str| model.get(part).and_then(|table| table.get("probe")).is_some();
    let (parts, settings): (Vec<&str>, Vec<&str>) =
        [("gate", "--set model.gate.probe=history"), ("weights", "--set model.weights.probe=history")]
            .into_iter()
            .filter(|(part, _)| looks(part))
            .unzip();
    let who = match *parts {
        ["gate"] => "the gate looks",
        ["weights"] => "the row weights look",
        _ => "the gate and the row weights look",
    };
    let effect = match *parts {
        ["gate"] => "all experts have equal shares",
        ["weights"] => "the weight stays 1",
        _ => "all experts have equal shares and the weight stays 1",
    };
    let grave = if 2 * found.users > found.of { "warning" } else { "note" };
    let share = percent(&found);
    let what = match probe {
        Probe::Validation => "each user’s validation items".to_owned(),
        Probe::History => format!("a fifth of each history of at least {SHORTEST_SPLIT} items"),
    };
    let (users, of) = (counted(found.users as u64, "user"), found.of);
    let text = format!(
        "{grave}: {who} at {what}, and {users} of the {of} that are learned from ({share}) have nothing there: for them {effect}"
    );
    let by_history = without(Probe::History, &data.train, &data.validation, learners(data));
    if probe == Probe::Validation && by_history.users < found.users {
        let left = match by_history.users {
            0 => "everyone has one".to_owned(),
            some => format!("{} would have none", counted(some as u64, "user")),
        };
        return Some(format!("{text}; {} looks at a fifth of each history instead ({left})", settings.join(" ")));
    }
    Some(text)
}

fn percent(found: &Unprobed) -> String {
    let share = 100.0 * found.users as f64 / found.of.max(1) as f64;
    if share < 1.0 { "less than 1 %".into() } else { format!("{share:.0} %") }
}
