//! What answers need of a run, and nothing else: the model, the items with their titles, and the users with their histories.
//! The training data is not opened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adepts_core::HistoryModel;
use adepts_data::store::is_prepared;
use adepts_data::{Catalogue, Community, Histories, HistoryDataset, Progress, Titles};
use adepts_serve::history::{GROUPS, Parts};
use adepts_serve::{Exclude, Facts, Family, HistoryAnswerer, SeenPairs};

use super::config::{HistoryExperiment, Ties};
use super::run::{self, HistoryRunManifest, restored};
use crate::error::{Error, RunError};
use crate::excluding::Excluding;
use crate::files::{ANSWERS, DATA, FileMark, MANIFEST, PER_USER, checked, write_json, write_marked};
use crate::folder::{lock_run, make, remove};
use crate::pages;

/// The items, with the number of their users.
pub(crate) const ITEMS: &str = "answers/items.parquet";
/// The users, with the number of their items.
const USERS: &str = "answers/users.parquet";
/// The items of the users.
const HISTORIES: &str = "answers/histories.parquet";
/// The items that users have only seen.
const SEEN: &str = "answers/seen.parquet";
/// The mainstream scores at which a group of users ends and the next begins, ascending, as JSON.
const LIMITS: &str = "answers/groups.json";
/// How the name of the titles begins; their hash follows, so that new ones never replace those that a manifest vouches for.
pub(crate) const TITLES: &str = "answers/titles-";

/// What answers need of a finished run.
pub struct Artefact {
    /// The folder.
    pub folder: PathBuf,
    /// What the run says of itself.
    pub manifest: HistoryRunManifest,
    /// Hash of its manifest but for the page of the report, and so of all that answers depend on.
    pub hash: String,
    /// Its configuration, resolved.
    pub experiment: HistoryExperiment,
    /// The trained model.
    pub model: Box<dyn HistoryModel>,
    /// The items.
    pub catalogue: Catalogue,
    /// Their titles, if it has any.
    pub titles: Option<Titles>,
    /// The users, unless it was made without.
    pub histories: Option<Histories>,
    /// The mainstream scores at which a group ends and the next begins; empty where they are not known.
    pub limits: Vec<f32>,
}

/// Writes what answers need, and notes the marks of the files.
pub(crate) fn write(
    folder: &Path,
    data: &HistoryDataset,
    experiment: &HistoryExperiment,
    files: &mut BTreeMap<String, FileMark>,
) -> Result<(), Error> {
    let catalogue = Catalogue::of(data);
    let catalogue = match experiment.eval.ties {
        Ties::Popularity => catalogue,
        Ties::Number => catalogue.by_number(),
    };
    write_parts(folder, &catalogue, &Histories::of(data), experiment.seed, files)
}

fn write_parts(
    folder: &Path,
    catalogue: &Catalogue,
    histories: &Histories,
    seed: u64,
    files: &mut BTreeMap<String, FileMark>,
) -> Result<(), Error> {
    make(&folder.join(ANSWERS))?;
    let limits = limits(histories, catalogue.ids.len(), seed);
    let written = [
        (ITEMS, Some(catalogue.to_bytes())),
        (USERS, Some(histories.users_to_bytes())),
        (HISTORIES, Some(histories.items_to_bytes())),
        (SEEN, histories.seen_to_bytes()),
        (LIMITS, Some(serde_json::to_vec(&limits).map_err(Into::into))),
    ];
    for (name, bytes) in written {
        let Some(bytes) = bytes else { continue };
        let path = folder.join(name);
        let bytes = bytes.map_err(|source| RunError::Io { action: "write", path: path.clone(), source })?;
        files.insert(name.to_owned(), write_marked(&path, &bytes)?);
    }
    Ok(())
}

/// Where the groups of users of equal size end, by the scores of those that were learned from.
fn limits(histories: &Histories, items: usize, seed: u64) -> Vec<f32> {
    let community = Community::new(&histories.items, &histories.learns, items, seed);
    let scores = community.scores(&histories.items).into_iter().zip(&histories.learns);
    let mut scores: Vec<f32> = scores.filter(|(_, learns)| **learns).map(|(score, _)| score).collect();
    scores.sort_unstable_by(f32::total_cmp);
    let at = |part: usize| scores.get(part * scores.len() / GROUPS.len()).copied();
    (1..GROUPS.len()).filter_map(at).collect()
}

impl Artefact {
    /// Opens a finished run for answering; every file is checked before it is used. Runs of format 1 hold nothing but their
    /// data to go by, which is opened then.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let manifest = run::manifest(folder)?;
        let hash = pages::identity(&manifest);
        if manifest.format < 2 {
            let run = run::HistoryRun::open(folder)?;
            let (catalogue, histories) = (Catalogue::of(&run.data).by_number(), Histories::of(&run.data));
            let limits = limits(&histories, catalogue.users.len(), run.experiment.seed);
            let run::HistoryRun { folder, manifest, experiment, model, .. } = run;
            let histories = Some(histories);
            return Ok(Self { folder, manifest, hash, experiment, model, catalogue, titles: None, histories, limits });
        }
        let HistoryRunManifest { users, items, .. } = manifest;
        let file = |name: &str| checked(folder, &manifest.files, name);
        let experiment = run::checked_experiment(folder, &manifest)?;
        if experiment.kind() != manifest.model {
            let (found, expected) = (format!("the model {}", experiment.kind()), manifest.model.clone());
            return Err(RunError::Changed { path: folder.to_owned(), found, expected }.into());
        }
        // Small files first: they tell whether the sizes, by which a model is built, are right.
        let catalogue = Catalogue::from_bytes(&folder.join(ITEMS), file(ITEMS)?.into(), items)?;
        let titles = manifest.files.keys().find(|name| name.starts_with(TITLES));
        let titles = titles
            .map(|name| Ok::<_, Error>(Titles::from_bytes(&folder.join(name), file(name)?.into(), items)?))
            .transpose()?;
        let histories = manifest
            .histories
            .then(|| {
                let [of_users, of_items, of_seen] = [USERS, HISTORIES, SEEN].map(|name| folder.join(name));
                let seen = manifest.files.contains_key(SEEN).then(|| file(SEEN)).transpose()?;
                let seen = seen.map(|bytes| (&*of_seen, bytes.into()));
                let files = ((&*of_users, file(USERS)?.into()), (&*of_items, file(HISTORIES)?.into()));
                let histories = Histories::from_bytes(files.0, files.1, seen, users, items)?;
                Ok::<_, Error>(if manifest.format < 3 { with_seen(folder, &manifest, histories)? } else { histories })
            })
            .transpose()?;
        let limits = if manifest.histories { serde_json::from_slice(&file(LIMITS)?) } else { Ok(Vec::new()) };
        let damaged = |e: serde_json::Error| RunError::Damaged { path: folder.join(LIMITS), reason: e.to_string() };
        let limits = limits.map_err(damaged)?;
        let model = restored(folder, &manifest, &experiment)?;
        let folder = folder.to_owned();
        Ok(Self { folder, manifest, hash, experiment, model, catalogue, titles, histories, limits })
    }
}

/// What users have only seen is in runs before format 3 in their data alone; where that is not at hand, it is not known.
fn with_seen(folder: &Path, manifest: &HistoryRunManifest, histories: Histories) -> Result<Histories, Error> {
    let folder = folder.join(DATA);
    if !is_prepared(&folder) {
        return Ok(histories);
    }
    let data = HistoryDataset::open(&folder)?;
    let found = &data.manifest.content_hash;
    if *found != manifest.data {
        let (found, expected) = (format!("data {found}"), format!("data {}", manifest.data));
        return Err(RunError::Changed { path: folder, found, expected }.into());
    }
    Ok(Histories { seen: Histories::of(&data).seen, ..histories })
}

impl Artefact {
    /// Prepares it to answer, leaving out all that users are known to have seen.
    #[must_use]
    pub fn answerer(self) -> HistoryAnswerer {
        self.answerer_of(Exclude::default(), None)
    }

    /// Prepares it to answer, leaving out what is said.
    pub fn answerer_excluding(self, excluding: &Excluding, progress: Progress<'_>) -> Result<HistoryAnswerer, Error> {
        let read = |source: &String| SeenPairs::read(source, excluding.encoding, &self.catalogue.ids, progress);
        let seen = excluding.seen.as_ref().map(read).transpose()?;
        Ok(self.answerer_of(excluding.exclude, seen))
    }

    fn answerer_of(self, exclude: Exclude, seen: Option<SeenPairs>) -> HistoryAnswerer {
        let Self { folder, manifest, hash, experiment, model, catalogue, titles, histories, limits } = self;
        let name =
            folder.file_name().map_or_else(|| experiment.name.clone(), |name| name.to_string_lossy().into_owned());
        let facts = Facts {
            run: name,
            model: manifest.model,
            family: Family::History,
            hash,
            format: manifest.format,
            adepts: manifest.adepts,
            users: manifest.users,
            items: manifest.items,
            rows: manifest.pairs,
            experts: model.experts(),
            histories: histories.is_some(),
            titles: titles.is_some(),
            domains: Vec::new(),
            columns: Vec::new(),
            user_columns: Vec::new(),
        };
        let report = pages::own(&folder, &manifest.files);
        HistoryAnswerer::new(Parts {
            facts,
            seed: experiment.seed,
            split: manifest.probe_split,
            model,
            catalogue,
            titles,
            histories,
            limits,
            exclude,
            seen,
            report,
        })
    }
}

/// Takes from a finished run all that tells of single users: their ids, histories, held-out items and figures. It still
/// answers for histories that are sent; it cannot be evaluated or compared anew. A run of which that was taken stays as it is.
pub fn forget_histories(folder: &Path) -> Result<(), Error> {
    let _lock = lock_run(folder)?;
    let manifest = forgotten(folder)?;
    // From here on nobody asks for them.
    write_json(&folder.join(MANIFEST), &manifest)?;
    [USERS, HISTORIES, SEEN, LIMITS, PER_USER, DATA].iter().try_for_each(|name| remove(&folder.join(name)))
}

/// What a finished run says of itself once its histories are forgotten.
pub(crate) fn forgotten(folder: &Path) -> Result<HistoryRunManifest, Error> {
    let mut manifest = run::manifest(folder)?;
    if manifest.format < 2 {
        upgrade(folder, &mut manifest)?;
    }
    manifest.histories = false;
    for name in [USERS, HISTORIES, SEEN, LIMITS] {
        manifest.files.remove(name);
    }
    Ok(manifest)
}

/// Writes what answers need beside the data of a run of format 1, which makes it one of format 2.
pub(crate) fn upgrade(folder: &Path, manifest: &mut HistoryRunManifest) -> Result<(), Error> {
    let run = run::HistoryRun::open(folder)?;
    let (catalogue, histories) = (Catalogue::of(&run.data).by_number(), Histories::of(&run.data).learned_alone());
    write_parts(folder, &catalogue, &histories, run.experiment.seed, &mut manifest.files)?;
    manifest.format = 2;
    Ok(())
}
