//! What a final model is, and whose figures its page repeats.

use crate::blocks::{Block, Section};
use crate::format::{count, counted};
use crate::input::FinalForm;

pub(crate) fn section(of: &FinalForm) -> Section {
    let FinalForm { name, model, run, folder, manifest, split, .. } = of;
    let mut points = vec![
        format!(
            "{name} is the final form of the evaluated run “{run}” (model {model}, folder {folder}, hash of its manifest \
             {manifest})."
        ),
        trained(of),
    ];
    points.push(match of.epochs {
        Some((epochs, all)) => format!(
            "It has the settings of that run and was trained for {}: the number with which the run did best on its validation \
             part, of the {} that it was trained for. An epoch goes through all of this data once, so each has more to learn \
             from than one of that run. Nothing stopped the training earlier, as nothing was held out to stop it by.",
            counted(epochs, "epoch"),
            count(all)
        ),
        None => "It has the settings of that run and was fitted at once.".into(),
    });
    points.extend(of.probe.as_ref().map(|probe| {
        format!(
            "Gate or weights of “{run}” looked at {probe} items in training. There are none any more: those of {name} look at a \
             part of each user’s history, and the figures below are those of “{run}” with a gate that does so too (as adepts \
             evaluate --probe history measures them)."
        )
    }));
    let note = format!(
        "All figures on this page are those of the evaluated run “{run}” on the items or rows that were held out from it (split \
         {split}). They were not measured with {name}, which has seen all of them. {name} was trained in the same way \
         on more; how much that changed cannot be measured, as nothing is left that it has not seen."
    );
    Section { id: "final", title: "A final model", blocks: vec![Block::Points(points), Block::Note(note)] }
}

/// What it was trained on.
fn trained(of: &FinalForm) -> String {
    let [train, validation, test] = of.parts.map(count);
    let knows = of.knows.map_or_else(String::new, |(users, items)| {
        format!(" of {} with {}", counted(users, "user"), counted(items, "item"))
    });
    format!(
        "{} was trained on all {}{knows}, with nothing held out: the training part of “{}” ({train}), its validation part \
         ({validation}) and its test part ({test}).",
        of.name,
        counted(of.trained, of.of),
        of.run
    )
}
