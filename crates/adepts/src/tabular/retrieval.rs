//! How well are items found, and in which domain: vectors go in, ranked lists are measured.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use adepts_core::memory::elements;
use adepts_core::{Memory, Stopwatch, TabularModel, Towers};
use adepts_data::tabular::{Catalogue, Side, TabularDataset};
use adepts_data::{Part, Progress, Rows, Vocabulary};
use adepts_eval::{
    Asked, DomainComparison, GateTally, Judgement, Measured, MetricAt, RunSummary, evaluate_both, query_gains_against,
    read_per_user, summarise_queries, write_per_user,
};
use adepts_serve::tabular::Shelf;
use adepts_train::{StopConfig, Validation};

use super::config::{Mask, RetrievalEval, TabularExperiment};
use super::experts::experts;
use super::queries::Queries;
use super::scored::BLOCK;
use crate::error::Error;
use crate::files::PER_USER;
use crate::part::batch;
use crate::record;

/// What a model for retrieval is judged by.
pub struct Judge<'a> {
    data: &'a TabularDataset,
    part: Part,
    queries: Queries,
    mask_seen: bool,
    judged: Vec<u32>,
    catalogue: Arc<Catalogue>,
    popularity: Vec<f32>,
}

/// What a judge found: the lists under the mask, the same with the items of the validation part left in, and what the gate did.
struct Found {
    measured: Measured,
    other: Measured,
    tally: Option<GateTally>,
}

/// The towers of a model that was made for retrieval.
pub(super) fn towers(model: &dyn TabularModel) -> Result<&dyn Towers, Error> {
    model.towers().ok_or_else(|| Error::Request("the model was not made for retrieval".into()))
}

/// The catalogue of tabular data that was prepared for retrieval.
pub(super) fn catalogue(data: &TabularDataset) -> Result<Catalogue, Error> {
    let missing = || {
        Error::Request(format!(
            "{}: this data is not for retrieval, so the model gives probabilities; a run for retrieval is trained with `data.item`",
            data.folder().display()
        ))
    };
    data.catalogue()?.ok_or_else(missing)
}

impl<'a> Judge<'a> {
    /// Collects what is to be found in a part.
    pub fn new(data: &'a TabularDataset, part: Part, eval: &RetrievalEval) -> Result<Self, Error> {
        let queries = Queries::of(data, part, eval.mask)?;
        let catalogue = catalogue(data)?;
        let users = if data.schema().users > 0 { data.schema().users } else { data.rows(Part::Train) }.max(1) as f32;
        let popularity = catalogue.counts.iter().map(|n| (*n as f32 / users).min(1.0)).collect();
        let (judged, mask_seen) = (queries.judged(), eval.mask_seen);
        Ok(Self { data, part, queries, mask_seen, judged, catalogue: Arc::new(catalogue), popularity })
    }

    /// What judging takes at most, beside what every evaluation does.
    pub(super) fn memory(needed: Memory, data: &TabularDataset, width: usize, eval: &RetrievalEval) -> Memory {
        let Some(items) = &data.schema().items else { return needed };
        let [train, validation, test] = [Part::Train, Part::Validation, Part::Test].map(|part| data.rows(part));
        let (judged, with_users) = (validation.max(test), data.schema().users > 0);
        // The columns of the catalogue as they are held and as they go through the tower, its ids and counts, and the vectors as
        // they are made and turned.
        let columns = 2 * (items.fields.len() + items.dense.len() + 2) + 16;
        let needed = needed.floats(
            "the items and their vectors",
            elements(&[2usize.saturating_mul(width).saturating_add(columns), items.count]),
        );
        let needed = Queries::memory(needed, data, eval.mask);
        let needed = needed.floats("vectors of those who ask", elements(&[judged, width]));
        // Of a block of lists the scores, as they are made and as they are ranked, and those that a mask covers.
        let seen =
            data.manifest().seen.as_ref().filter(|_| eval.mask_seen).map_or(0, |note| note.pairs.total() as usize);
        let known = train.saturating_add(validation).saturating_add(seen);
        let covered = if with_users && eval.mask != Mask::None { items.count.min(known) } else { 0 };
        let row = elements(&[3, items.count]).saturating_add(covered);
        needed.floats("scores that are ranked", elements(&[batch(items.count).min(judged), row]))
    }

    /// The vectors of all queries, and what the gate does with the rows of the part where `tally` is given.
    fn vectors(&self, model: &dyn TabularModel, mut tally: Option<&mut GateTally>) -> Result<Vec<f32>, Error> {
        let towers = towers(model)?;
        let mut vectors = Vec::with_capacity(self.queries.len() * towers.width());
        let mut rest = self.queries.rows.as_slice();
        let mut first = 0;
        for block in self.data.blocks(self.part, BLOCK)? {
            let block = block?;
            if let Some(tally) = &mut tally {
                tally.add(&block.domain, &model.gates(&block))?;
            }
            let end = first + block.rows() as u32;
            let (here, later) = rest.split_at(rest.partition_point(|row| *row < end));
            let rows: Vec<u32> = here.iter().map(|row| row - first).collect();
            vectors.extend(towers.users(&block.select(&rows).side(self.data.schema(), Side::User)));
            (rest, first) = (later, end);
        }
        Ok(vectors)
    }

    fn measure(
        &self,
        model: &dyn TabularModel,
        metrics: &[MetricAt],
        mut tally: Option<GateTally>,
        progress: Progress<'_>,
    ) -> Result<Found, Error> {
        let Self { queries, catalogue, .. } = self;
        let towers = towers(model)?;
        let (vectors, width, items) = (self.vectors(model, tally.as_mut())?, towers.width(), catalogue.len());
        // The model may have learned since the last time. Queries come domain by domain, so the vectors of one are enough.
        let shelf = Shelf::new(Arc::clone(catalogue), 0);
        let known: &[&Rows] = if self.mask_seen {
            &[&queries.train, &queries.seen_train, &queries.validation, &queries.seen_validation]
        } else {
            &[&queries.train, &queries.validation]
        };
        let judgement = Judgement {
            users: &self.judged,
            items,
            mask: known,
            mask_row: Some(&queries.asker),
            relevant: &queries.relevant,
            metrics,
            popularity: &self.popularity,
            ties: None,
            batch: batch(items),
        };
        let mut score = |asked: &[u32], scores: &mut [f32]| {
            let mut scores = scores;
            for same in asked.chunk_by(|a, b| queries.domain[*a as usize] == queries.domain[*b as usize]) {
                let vector = |query: &u32| &vectors[*query as usize * width..][..width];
                let users: Vec<f32> = same.iter().flat_map(vector).copied().collect();
                let (here, later) = scores.split_at_mut(same.len() * items);
                shelf.scores(towers, queries.domain[same[0] as usize], &users, here);
                scores = later;
            }
            Ok::<(), Infallible>(())
        };
        let (measured, other) = evaluate_both(&judgement, &known[..known.len() / 2], &mut score, progress)?;
        Ok(Found { measured, other, tally })
    }

    /// The validation of an epoch.
    pub(super) fn validate(&self, model: &dyn TabularModel, stop: &StopConfig) -> Result<Validation, Error> {
        let metrics: Vec<MetricAt> =
            stop.metric.names().iter().map(|name| name.parse()).collect::<Result<_, adepts_eval::MetricError>>()?;
        let Found { measured, .. } = self.measure(model, &metrics, None, &mut adepts_data::progress::silent)?;
        let found = summarise_queries("", "", &measured, None, &self.asked(), 0, 0)?;
        let mean = |of: &dyn Fn(&String) -> Option<f64>| {
            let of = stop.metric.names().iter().map(|name| of(name).unwrap_or(f64::NAN));
            of.sum::<f64>() / metrics.len() as f64
        };
        let groups = found.domains.iter().filter(|domain| domain.lists != Some(0));
        let of_domain = |domain: &adepts_eval::DomainSummary| {
            (domain.name.clone(), mean(&|name| domain.metrics.get(name).map(|e| e.mean)))
        };
        Ok(Validation {
            stop: mean(&|name| found.metrics.get(name).copied()),
            groups: groups.map(of_domain).collect(),
            scores: found.metrics,
        })
    }

    fn asked(&self) -> Asked<'_> {
        let Queries { domain, relevant, user, .. } = &self.queries;
        Asked { domain, domains: &self.data.schema().domains, relevant, user }
    }

    /// The numbers of the queries, by which the file of their figures names them.
    fn numbers(&self) -> Vocabulary {
        Vocabulary::Int((0..self.queries.len() as i64).collect())
    }
}

/// Evaluates a model on the rows of a part and writes the figures of every query into the folder `keep`, if there is one: column
/// `user`, the number of the query, and a column for each metric.
pub(super) fn judge(
    experiment: &TabularExperiment,
    eval: &RetrievalEval,
    model: &dyn TabularModel,
    data: &TabularDataset,
    part: Part,
    keep: Option<&Path>,
    progress: Progress<'_>,
) -> Result<RunSummary, Error> {
    let watch = Stopwatch::start();
    let judge = Judge::new(data, part, eval)?;
    let domains = data.schema().domains.len();
    let tally = (model.experts() > 0).then(|| GateTally::new(domains, model.experts()));
    let Found { measured, other, tally } = judge.measure(model, &eval.metrics, tally, progress)?;
    let seconds = watch.seconds();
    progress("intervals", 0, None);
    let masked = eval.mask == Mask::Known && !judge.queries.user.is_empty();
    let other = masked.then_some(&other);
    let (name, kind, seed) = (&experiment.name, experiment.kind(), experiment.seed);
    let resamples = experiment.eval.resamples;
    let mut summary = summarise_queries(name, kind, &measured, other, &judge.asked(), seed, resamples)?;
    summary.experts = tally.map(|tally| experts(&tally, model, data, part)).transpose()?;
    summary.seconds.insert("evaluate".into(), seconds);
    summary.protocol.users = judge.queries.users();
    summary.protocol.items = judge.catalogue.len();
    summary.protocol.mask_validation = masked;
    let mask = if judge.queries.user.is_empty() { Mask::None } else { eval.mask };
    summary.protocol.mask = mask.name().into();
    summary.protocol.mask_seen = eval.mask_seen && mask != Mask::None;
    summary.protocol.seen = judge.queries.seen(&judge.judged);
    if let Some(folder) = keep {
        write_per_user(&folder.join(PER_USER), &measured, &judge.numbers(), None)?;
    }
    Ok(summary)
}

/// Compares runs on the same queries, domain by domain, with each of the baselines.
pub(super) fn compare(
    records: &[record::Record<TabularExperiment>],
    data: &TabularDataset,
    eval: &RetrievalEval,
    baselines: &[&str],
    metric: MetricAt,
) -> Result<Vec<DomainComparison>, Error> {
    let Some(first) = records.first() else { return Err(Error::Request("name the runs to compare".into())) };
    let other_mask = |record: &record::Record<TabularExperiment>| {
        let of = record.experiment.retrieval_eval();
        match of {
            Some(of) if of.mask != eval.mask => Some("eval.mask"),
            Some(of) if of.mask_seen != eval.mask_seen && data.manifest().seen.is_some() => Some("eval.mask_seen"),
            Some(_) => None,
            None => Some("eval.mask"),
        }
    };
    if let Some((other, key)) = records.iter().find_map(|record| Some((record, other_mask(record)?))) {
        return Err(Error::Request(format!(
            "{} and {} were evaluated under different masks ({key}), so their figures cannot be compared",
            first.folder.display(),
            other.folder.display()
        )));
    }
    let judge = Judge::new(data, Part::Test, eval)?;
    let numbers = judge.numbers();
    let measured = |record: &record::Record<TabularExperiment>| {
        Ok((record.name.clone(), read_per_user(&record.folder.join(PER_USER), &numbers)?))
    };
    let runs = records.iter().map(measured).collect::<Result<Vec<_>, Error>>()?;
    let (seed, resamples) = (first.experiment.seed, first.experiment.eval.resamples);
    let asked = judge.asked();
    if let Some((run, _)) = runs.iter().find(|(_, of)| of.users != judge.judged) {
        let reason = "it does not hold the figures of the queries of the test part".into();
        let folder = records.iter().find(|record| record.name == *run).map_or(&first.folder, |record| &record.folder);
        return Err(crate::error::RunError::Damaged { path: folder.join(PER_USER), reason }.into());
    }
    Ok(query_gains_against(&runs, &asked, baselines, metric, seed, resamples)?)
}
