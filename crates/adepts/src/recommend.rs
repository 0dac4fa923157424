//! What a trained model recommends: to a user of its data, for a history that is given, or to everyone.
//!
//! A known user's history is everything that is known of him beside the test items: training and validation items. A gate
//! that was trained on validation items looks at his; without them, and for a history that is given, at a fifth of the
//! history. Items of the history are never recommended.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use adepts_core::batch::split_history;
use adepts_core::{GateView, HistoryBatch, Probe};
use adepts_data::{Id, Progress, Rows, Vocabulary, atomic::write_atomically};
use adepts_ops::{Csr, top_k::top_k};
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use serde::Serialize;

use crate::error::Error;
use crate::report::known_items;
use crate::run::Run;

/// The largest block of scores at once, in elements.
const BLOCK: usize = 1 << 25;

/// The user index of a row that is no user of the data.
const NOBODY: u32 = u32::MAX;

/// A ranked list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The user, if the list is for one of the data.
    pub user: Option<Id>,
    /// The items, best first, with their scores.
    pub items: Vec<Recommended>,
    /// Items of the given history that are not in the catalogue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// What is to be known of the list, such as that there was no history to go by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

/// A recommended item.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommended {
    /// The item.
    pub item: Id,
    /// Its score; comparable within a list only.
    pub score: f32,
}

/// The note where there was no history to go by.
pub const POPULAR: &str = "no known item in the history, so these are the items that most users have";

/// Answers with the model of a run.
pub struct Recommender<'a> {
    run: &'a Run,
    known: Rows,
    popularity: Vec<f32>,
}

impl<'a> Recommender<'a> {
    /// Prepares to answer.
    #[must_use]
    pub fn new(run: &'a Run) -> Self {
        let counts = run.data.train.item_counts(run.data.items.len());
        Self { run, known: known_items(&run.data), popularity: counts.into_iter().map(|n| n as f32).collect() }
    }

    /// For a user of the data.
    pub fn user(&self, id: &str, n: usize) -> Result<Answer, Error> {
        let users = &self.run.data.users;
        let user = users.index(&Id::Text(id.into())).ok_or_else(|| {
            let example = users.id(0);
            Error::Request(format!(
                "there is no user `{id}` among the {} users of the run (one is `{example}`); for someone new, give a history",
                users.len()
            ))
        })?;
        Ok(self.users(&[user], n).remove(0))
    }

    /// For users of the data, by index.
    fn users(&self, users: &[u32], n: usize) -> Vec<Answer> {
        let histories: Vec<&[u32]> = users.iter().map(|user| self.known.row(*user as usize)).collect();
        let mut answers = self.lists(users, &histories, n);
        for (answer, user) in answers.iter_mut().zip(users) {
            answer.user = Some(self.run.data.users.id(*user));
        }
        answers
    }

    /// For a history that is given as ids. Unknown ids are named and left out.
    #[must_use]
    pub fn history<S: AsRef<str>>(&self, ids: &[S], n: usize) -> Answer {
        let (mut history, mut unknown) = (Vec::new(), Vec::new());
        for id in ids {
            match self.run.data.items.index(&Id::Text(id.as_ref().into())) {
                Some(item) => history.push(item),
                None => unknown.push(id.as_ref().to_owned()),
            }
        }
        history.sort_unstable();
        history.dedup();
        let mut answer = self.lists(&[NOBODY], &[&history], n).remove(0);
        answer.unknown = unknown;
        answer
    }

    fn lists(&self, users: &[u32], histories: &[&[u32]], n: usize) -> Vec<Answer> {
        let items = self.run.data.items.len();
        let mut scores = vec![0.0; users.len() * items];
        self.run.model.score(&self.batch(users, histories), &mut scores, &mut []);
        let mut best = Vec::new();
        let list = |(scores, history): (&mut [f32], &&[u32])| {
            let note = history.is_empty().then_some(POPULAR);
            if note.is_some() {
                scores.copy_from_slice(&self.popularity);
            }
            for &item in *history {
                scores[item as usize] = f32::NEG_INFINITY;
            }
            top_k(scores, n, &mut best);
            let recommended =
                |&item: &u32| Recommended { item: self.run.data.items.id(item), score: scores[item as usize] };
            Answer { user: None, items: best.iter().map(recommended).collect(), unknown: Vec::new(), note }
        };
        scores.chunks_mut(items).zip(histories).map(list).collect()
    }

    fn batch(&self, users: &[u32], histories: &[&[u32]]) -> HistoryBatch {
        let Run { data, model, experiment, .. } = self.run;
        let csr = |rows: &mut dyn Iterator<Item = &[u32]>| Arc::new(Csr::from_rows(data.items.len(), rows));
        let input = csr(&mut histories.iter().copied());
        let gate = model.probe().map(|probe| {
            let view = |(user, history): (&u32, &&[u32])| match (probe, *user) {
                (Probe::Validation, user) if user != NOBODY && !data.validation.row(user as usize).is_empty() => {
                    (data.train.row(user as usize).to_vec(), data.validation.row(user as usize).to_vec())
                }
                _ => split_history(experiment.seed, history),
            };
            let (seen, probe): (Vec<_>, Vec<_>) = users.iter().zip(histories).map(view).unzip();
            let rows = |lists: &[Vec<u32>]| csr(&mut lists.iter().map(Vec::as_slice));
            GateView { seen: rows(&seen), probe: rows(&probe) }
        });
        HistoryBatch { users: users.to_vec(), input, gate, weights: vec![1.0; users.len()] }
    }

    /// For every user, batch by batch, to a file: `.jsonl` with an object per user, or `.parquet` with a row per user and
    /// rank. Returns the number of users.
    pub fn everyone(&self, path: &Path, n: usize, progress: Progress<'_>) -> Result<usize, Error> {
        let parquet = match path.extension().and_then(|suffix| suffix.to_str()) {
            Some("parquet") => true,
            Some("jsonl") => false,
            _ => return Err(Error::Request(format!("{}: expected .parquet or .jsonl", path.display()))),
        };
        let users: Vec<u32> = (0..self.run.data.users.len() as u32).collect();
        let batch = (BLOCK / self.run.data.items.len().max(1)).clamp(16, 1024);
        let mut done = 0;
        let mut answers = users.chunks(batch).map(|users| {
            progress("recommend", done, Some(self.run.data.users.len() as u64));
            done += users.len() as u64;
            self.users(users, n)
        });
        write_atomically(
            path,
            |file| if parquet { self.parquet(file, &mut answers) } else { jsonl(file, &mut answers) },
        )?;
        Ok(users.len())
    }

    fn parquet(&self, file: impl Write + Send, batches: &mut dyn Iterator<Item = Vec<Answer>>) -> io::Result<()> {
        let kind = |ids: &Vocabulary| if matches!(ids, Vocabulary::Int(_)) { DataType::Int64 } else { DataType::Utf8 };
        let schema = Arc::new(Schema::new(vec![
            Field::new("user", kind(&self.run.data.users), false),
            Field::new("rank", DataType::UInt32, false),
            Field::new("item", kind(&self.run.data.items), false),
            Field::new("score", DataType::Float32, false),
        ]));
        let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), None)?;
        for answers in batches {
            let rows =
                || answers.iter().flat_map(|answer| answer.items.iter().enumerate().map(move |row| (answer, row)));
            let columns: Vec<ArrayRef> = vec![
                ids(&self.run.data.users, rows().filter_map(|(answer, _)| answer.user.as_ref())),
                Arc::new(UInt32Array::from_iter_values(rows().map(|(_, (rank, _))| rank as u32 + 1))),
                ids(&self.run.data.items, rows().map(|(_, (_, row))| &row.item)),
                Arc::new(Float32Array::from_iter_values(rows().map(|(_, (_, row))| row.score))),
            ];
            writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns).map_err(io::Error::other)?)?;
        }
        writer.close()?;
        Ok(())
    }
}

fn jsonl(mut file: impl Write, batches: &mut dyn Iterator<Item = Vec<Answer>>) -> io::Result<()> {
    for answer in batches.flatten() {
        serde_json::to_writer(&mut file, &answer)?;
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// Ids in the type that they have in the log.
fn ids<'a>(vocabulary: &Vocabulary, ids: impl Iterator<Item = &'a Id>) -> ArrayRef {
    match vocabulary {
        Vocabulary::Int(_) => Arc::new(Int64Array::from_iter_values(ids.filter_map(|id| match id {
            Id::Int(number) => Some(*number),
            Id::Text(_) => None,
        }))),
        Vocabulary::Text(_) => Arc::new(StringArray::from_iter_values(ids.map(ToString::to_string))),
    }
}
