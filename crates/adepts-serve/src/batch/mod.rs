//! Lists for all rows of a table, or for all users of a run: streamed in and out, in bounded memory, on all cores.
//!
//! Rows are scored in blocks while another thread writes those before. What is written goes into parts in a folder
//! beside the output; a part that is there is whole. So work that was stopped goes on where the last whole part ends,
//! if run, table and options are the same, and at the end the parts are put behind one another.

mod error;
mod parts;
mod read;
mod write;

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use adepts_data::{DataError, Id, Progress};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::answer::Unknown;
use crate::error::AnswerError;
use crate::history::{HistoryAnswerer, List, Person, Wish, most_rows};
use crate::question::Question;
use crate::seen::SeenPairs;

pub use error::BatchError;
pub use read::TableFile;

use parts::{Begun, Parts};
use read::{Row, Table};
use write::{Format, Layout, Writer};

/// Rows of a part.
pub const PART: u64 = 1 << 16;

/// What usually stands between ids.
const SEPARATORS: [&str; 6] = ["|", ",", ";", " ", "\t", "/"];

/// Recommendations that are held at once.
const LONGEST: usize = 1 << 20;

/// Whom lists are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// All users of the run.
    Everyone,
    /// The rows of a table.
    Table(TableFile),
}

/// How a batch is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job<'a> {
    /// The file that is written: `.parquet` or `.csv`, with a row per user and rank, or `.jsonl`, with an object per user.
    pub out: &'a Path,
    /// Whether to go on with work that was stopped.
    pub resume: bool,
    /// Whether to replace the output, and to begin work that was stopped anew.
    pub overwrite: bool,
    /// Rows of a part, which is what is done again after a stop; [`PART`] is a good number.
    pub part: u64,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Rows of the table, or users.
    pub rows: u64,
    /// Those that have a list.
    pub answered: u64,
    /// Those whose list is the items that most users have.
    pub popular: u64,
    /// Users that the run does not know. They have no list, or if that was asked for the items that most users have.
    pub unknown_users: Unknown,
    /// Rows without a known item that were to have no list.
    #[serde(default)]
    pub refused: u64,
    /// Ids in histories that are not in the catalogue.
    pub unknown_items: Unknown,
    /// Rows of the table that could not be read and were skipped.
    #[serde(default, skip_serializing_if = "Skipped::is_empty")]
    pub skipped: Skipped,
    /// What seems to stand between the ids of the histories: no item of any history is known, and with this in place of the given
    /// separator some would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
}

/// Rows that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// How many.
    pub rows: u64,
    /// The first [`Skipped::TOLD`] of them, as messages.
    pub first: Vec<String>,
}

impl Skipped {
    /// How many are told of.
    pub const TOLD: usize = 5;

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn note(&mut self, error: &DataError) {
        self.rows += 1;
        if self.first.len() < Self::TOLD {
            self.first.push(error.to_string());
        }
    }
}

impl Done {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.answered += other.answered;
        self.popular += other.popular;
        self.refused += other.refused;
        self.unknown_users.add(&other.unknown_users);
        self.unknown_items.add(&other.unknown_items);
    }

    fn note(&mut self, chunk: &Chunk) {
        self.rows += chunk.rows.len() as u64;
        self.answered += chunk.lists.len() as u64;
        self.popular += chunk.lists.iter().filter(|list| list.popular).count() as u64;
        for (row, wish) in chunk.rows.iter().zip(&chunk.wishes) {
            if let Ok(wish) = wish {
                self.unknown_items.add(&wish.unknown);
            }
            match wish {
                Ok(Wish { stranger: false, .. }) => {}
                Err(AnswerError::NothingKnown) => self.refused += 1,
                Ok(_) | Err(_) => row.user.iter().for_each(|user| self.unknown_users.note(user)),
            }
        }
    }
}

/// Some rows with their lists; rows that cannot be answered have none.
struct Chunk {
    rows: Vec<Row>,
    wishes: Vec<Result<Wish, AnswerError>>,
    lists: Vec<List>,
}

impl HistoryAnswerer {
    /// Writes the lists of all rows. `question` says what they are to be like, and names nobody.
    pub fn batch(
        &self,
        whom: &Whom,
        question: &Question,
        job: Job<'_>,
        progress: Progress<'_>,
    ) -> Result<Done, BatchError> {
        let format = Format::of(job.out).ok_or_else(|| BatchError::Format { path: job.out.to_owned() })?;
        if format != Format::Jsonl && question.explain {
            return Err(BatchError::Explained { path: job.out.to_owned() });
        }
        let part = job.part.max(1);
        Question { user: Some(Id::Int(0)), history: None, ..question.clone() }.check()?;
        let table = match whom {
            Whom::Everyone => None,
            Whom::Table(file) => Some(Table::open(file)?),
        };
        let layout = Layout {
            format,
            row: table.is_some(),
            user: table.as_ref().is_none_or(Table::users),
            stored: table.as_ref().is_none_or(|table| !table.histories()),
        };
        let begun = Begun {
            run: self.parts().facts.hash.clone(),
            input: table.as_ref().map_or_else(|| Ok("everyone".to_owned()), Table::hash)?,
            question: question.clone(),
            seen: self.parts().seen.as_ref().map(SeenPairs::hash),
            part,
        };
        let mut parts = Parts::begin(&job, format, &begun)?;
        let pattern = self.pattern(question);
        let (chunks, written) = sync_channel::<Option<Chunk>>(2);
        let skip = parts.done().rows;
        let skipped = std::thread::scope(|scope| {
            let writing = scope.spawn(|| self.write(layout, part, &mut parts, written));
            let mut asking =
                Asking { answerer: self, pattern: &pattern, chunks: Some(chunks), rows: Vec::new(), at: skip, part };
            let read = match &table {
                Some(table) => table.read(skip, &mut |row| asking.take(row), progress),
                None => self.everyone(skip, &mut asking, progress).map(|()| Skipped::default()),
            };
            let read = read.and_then(|skipped| asking.end().map(|()| skipped));
            // Without a sender the writer comes to its end, also where this is left by a panic.
            asking.chunks = None;
            let wrote = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            wrote.and(read)
        })?;
        let mut done = Done { skipped, ..parts.finish(job.out)? };
        // All lists are what most users have: no history had a known item.
        if done.popular == done.answered && !done.unknown_items.is_empty() {
            let table = table.filter(Table::histories);
            done.separator = table.and_then(|table| self.separator(&done.unknown_items, table.separator()));
        }
        Ok(done)
    }

    /// What else may stand between ids that are unknown, so that some of the pieces are known.
    fn separator(&self, unknown: &Unknown, given: &str) -> Option<String> {
        let ids = &self.parts().catalogue.ids;
        let known = |separator: &str| {
            let pieces = |id: &Id| {
                let text = id.to_string();
                let known = |piece: &&str| ids.index(&Id::Text(piece.trim().into())).is_some();
                text.split(separator).filter(known).count()
            };
            unknown.ids.iter().map(pieces).sum::<usize>()
        };
        let counted = SEPARATORS.into_iter().filter(|separator| *separator != given).map(|s| (known(s), s));
        // Of those that find equally many the first.
        let best = counted.rev().max_by_key(|(known, _)| *known);
        best.filter(|(known, _)| *known > 0).map(|(_, separator)| separator.to_owned())
    }

    /// All users of the run but for the first `skip`.
    fn everyone(&self, skip: u64, asking: &mut Asking<'_>, progress: Progress<'_>) -> Result<(), BatchError> {
        let Some(histories) = &self.parts().histories else {
            return Err(AnswerError::NoHistories { user: Id::Text("(everyone)".into()) }.into());
        };
        let users = histories.users.len() as u64;
        for number in skip..users {
            if number.is_multiple_of(1024) {
                progress("recommend", number, Some(users));
            }
            asking.take(Row { number: number + 1, user: Some(histories.users.id(number as u32)), history: None })?;
        }
        Ok(())
    }

    /// Writes chunks until it is told that there are no more; the last part ends with them. A part that was begun and is not
    /// ended so is given up, so that what is written does not depend on when the work was stopped.
    fn write(
        &self,
        layout: Layout,
        most: u64,
        parts: &mut Parts,
        chunks: Receiver<Option<Chunk>>,
    ) -> Result<(), BatchError> {
        let (mut open, mut done) = (None, Done::default());
        for chunk in chunks {
            let Some(chunk) = chunk else {
                return open.map_or(Ok(()), |part| parts.keep(part, &done));
            };
            let mut part = if let Some(part) = open.take() {
                part
            } else {
                let file = parts.open()?;
                let out = file.reopen().map_err(parts.failed())?;
                (Writer::new(self, layout, out, parts.is_empty()).map_err(parts.failed())?, file)
            };
            part.0.write(&chunk).map_err(parts.failed())?;
            done.note(&chunk);
            if done.rows >= most {
                parts.keep(part, &std::mem::take(&mut done))?;
            } else {
                open = Some(part);
            }
        }
        Ok(())
    }
}

/// Gathers rows and asks for many at once.
struct Asking<'a> {
    answerer: &'a HistoryAnswerer,
    pattern: &'a Wish,
    chunks: Option<SyncSender<Option<Chunk>>>,
    rows: Vec<Row>,
    /// Rows before those that are gathered.
    at: u64,
    part: u64,
}

impl Asking<'_> {
    fn take(&mut self, row: Row) -> Result<(), BatchError> {
        self.rows.push(row);
        let most = most_rows(self.answerer.parts().catalogue.users.len()).min((LONGEST / self.pattern.n).max(1)) as u64;
        // No chunk reaches over the end of a part.
        if self.rows.len() as u64 >= most.min(self.part - self.at % self.part) { self.hand_over() } else { Ok(()) }
    }

    /// Hands over what is left, and says that it is all.
    fn end(&mut self) -> Result<(), BatchError> {
        self.hand_over()?;
        self.send(None)
    }

    fn hand_over(&mut self) -> Result<(), BatchError> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        self.at += rows.len() as u64;
        let wish = |row: &Row| {
            // With a history, the user is a name for it.
            let user = row.user.as_ref().filter(|_| row.history.is_none());
            let person = Person { user, label: row.user.as_ref() };
            self.answerer.fill(self.pattern.clone(), person, row.history.as_deref().unwrap_or_default(), &[])
        };
        let wishes: Vec<Result<Wish, AnswerError>> = rows.par_iter().map(wish).collect();
        let good: Vec<&Wish> = wishes.iter().filter_map(|wish| wish.as_ref().ok()).collect();
        let lists = self.answerer.lists(&good);
        self.send(Some(Chunk { rows, wishes, lists }))
    }

    fn send(&self, chunk: Option<Chunk>) -> Result<(), BatchError> {
        match self.chunks.as_ref().map(|chunks| chunks.send(chunk)) {
            // A writer that is gone has failed. It says why, which is told in place of this.
            Some(Err(_)) => Err(BatchError::Stopped),
            _ => Ok(()),
        }
    }
}
