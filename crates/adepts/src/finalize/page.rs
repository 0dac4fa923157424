//! The page of a final model: what it is, and the figures of the evaluated run as such.

use std::path::Path;

use adepts_report::{FinalForm, ReportInput, RunInput, page};

use super::common::figures;
use crate::error::{Error, RunError};
use crate::family::{FinalOf, is_tabular};
use crate::files::MANIFEST;
use crate::history::run;
use crate::{pages, tabular};

/// Writes the page of the final model in a folder.
pub(crate) fn write(path: &Path, title: &str, folder: &Path) -> Result<(), Error> {
    let form = if is_tabular(folder) {
        let manifest = tabular::run::manifest(folder)?;
        let name = tabular::run::experiment(folder)?.name;
        let of = manifest.final_of.as_ref().ok_or_else(|| no_final(folder))?;
        let epochs = of.epochs.map(|all| (manifest.epochs.0, all));
        FinalForm { trained: manifest.rows, of: "row", epochs, ..form(name, &manifest.model, of) }
    } else {
        let manifest = run::manifest(folder)?;
        let name = run::experiment(folder)?.name;
        let of = manifest.final_of.as_ref().ok_or_else(|| no_final(folder))?;
        let epochs = manifest.epochs.zip(of.epochs).map(|((epochs, _), all)| (epochs, all));
        let knows = Some((manifest.users, manifest.items));
        FinalForm { trained: manifest.pairs, of: "interaction", knows, epochs, ..form(name, &manifest.model, of) }
    };
    let mut summary = figures(folder)?;
    // The name says on every line and in every plot whose figures they are.
    summary.name = format!("{} (evaluated)", form.run);
    let own = format!("{}: the final form of {}", form.name, form.run);
    let title = if title.is_empty() { own } else { title.to_owned() };
    let runs = vec![RunInput { summary, ..RunInput::default() }];
    pages::put(path, &page(&ReportInput { title, runs, final_form: Some(form), ..ReportInput::default() })?)
}

fn form(name: String, model: &str, of: &FinalOf) -> FinalForm {
    let FinalOf { run, folder, manifest, split, parts, probe, .. } = of.clone();
    let parts = parts.map(|n| n as usize);
    FinalForm { name, model: model.to_owned(), run, folder, manifest, split, parts, probe, ..FinalForm::default() }
}

fn no_final(folder: &Path) -> Error {
    let reason = "it names no evaluated run".to_owned();
    RunError::Damaged { path: folder.join(MANIFEST), reason }.into()
}
