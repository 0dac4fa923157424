//! What answers need of the run of a ranker: the model, the vocabularies and, for retrieval, the catalogue and what users have
//! already. Else the rows are not opened.

use std::path::Path;
use std::sync::Arc;

use adepts_core::Tensors;
use adepts_data::progress::silent;
use adepts_data::tabular::{Catalogue, RowCoder, TabularDataset};
use adepts_serve::tabular::{Finder, KEPT, Shelf, TabularAnswerer};
use adepts_serve::{Facts, Family, SeenPairs};
use burn::tensor::Device;

use super::run::{self, TabularRunManifest};
use crate::error::{Error, RunError};
use crate::excluding::Excluding;
use crate::files::{DATA, MODEL, checked_tensors};
use crate::pages;

/// Opens a finished run of a ranker for answering; every file is checked before it is used.
/// Those of a model for retrieval are, for what users have in them.
pub fn open(folder: &Path, excluding: &Excluding, note: &dyn Fn(&str)) -> Result<TabularAnswerer, Error> {
    let manifest = run::manifest(folder)?;
    let hash = pages::identity(&manifest);
    let report = pages::own(folder, &manifest.files);
    let experiment = run::checked_experiment(folder, &manifest)?;
    let coder = RowCoder::open(&folder.join(DATA))?;
    let TabularRunManifest { model, adepts, format, rows, data, files, .. } = manifest;
    let (as_found, as_recorded) = ((experiment.kind(), &coder.manifest().content_hash), (&*model, &data));
    if as_found != as_recorded {
        let of = |(model, hash): (&str, &String)| format!("the model {model} and data {hash}");
        let (found, expected) = (of(as_found), of(as_recorded));
        return Err(RunError::Changed { path: folder.to_owned(), found, expected }.into());
    }
    let file = folder.display().to_string();
    let (_, recipe) = experiment.recipe().map_err(|source| Error::Config { file, source })?;
    let sizes = run::sizes_of(&experiment, coder.schema(), rows);
    let tensors: Tensors = checked_tensors(folder, &files, MODEL)?;
    let mut trained = recipe.build(&sizes, experiment.seed, &Device::flex().autodiff());
    trained.load(&tensors).map_err(|source| Error::Model { path: folder.join(MODEL), source: source.into() })?;
    let catalogue = trained.towers().map(|_| Catalogue::open(&folder.join(DATA))).transpose()?.flatten();
    let finder = catalogue.map(|catalogue| {
        let users = RowCoder::open_users(&folder.join(DATA))?;
        let data = TabularDataset::open(&folder.join(DATA))?;
        let had = data.had()?;
        let source = excluding.seen.as_ref().filter(|_| had.is_some());
        let seen = source
            .map(|source| SeenPairs::read(source, excluding.encoding, &catalogue.ids, &mut silent))
            .transpose()?;
        if let Some(seen) = &seen {
            note(&seen.summary(data.user_ids()?.as_ref()));
        }
        let shelf = Shelf::new(Arc::new(catalogue), KEPT);
        Ok::<_, Error>(Finder { users, shelf, had, seen, exclude: excluding.exclude })
    });
    let finder = finder.transpose()?;
    if excluding.seen.is_some() && finder.as_ref().is_none_or(|finder| finder.seen.is_none()) {
        return Err(Error::Request(format!(
            "--seen is for history models, and for retrieval where the column of users (data.user) is a field of the model; \
             {} is neither",
            folder.display()
        )));
    }
    let facts = Facts {
        run: folder.file_name().map_or_else(|| experiment.name.clone(), |name| name.to_string_lossy().into_owned()),
        model,
        family: Family::Tabular,
        hash,
        format,
        adepts,
        users: 0,
        items: finder.as_ref().map_or(0, |finder| finder.shelf.catalogue().len()),
        rows,
        experts: trained.experts().max(1),
        histories: false,
        titles: false,
        domains: coder.schema().domains.clone(),
        columns: coder.columns().to_vec(),
        user_columns: finder.as_ref().map_or_else(Vec::new, |finder| finder.users.columns().to_vec()),
    };
    Ok(TabularAnswerer { facts, model: trained, coder, finder, report })
}
