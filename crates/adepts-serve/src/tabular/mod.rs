//! Answers of a tabular model: candidates are coded as the training rows were, scored, and put in order; for retrieval
//! every item of the catalogue is a candidate.

mod shelf;

use std::borrow::Cow;
use std::collections::BTreeMap;

use adepts_core::{TabularModel, Towers};
use adepts_data::Id;
use adepts_data::source::{Cell, Number};
use adepts_data::tabular::{BadCell, CodedRows, Had, RowCoder, TabularBatch};

use crate::answer::Answer;
use crate::answerer::{Answerer, Facts, ItemFound, Page};
use crate::error::AnswerError;
use crate::question::{Asked, Exclude};
use crate::rank::{Dropped, FieldValue, Output, RankQuestion, Ranked, Ranking};
use crate::retrieval::{FoundItem, Retrieval, RetrievalQuestion};
use crate::seen::SeenPairs;

pub use shelf::{KEPT, Shelf};

/// Names that are told of when one is unknown.
const NAMED: usize = 50;

/// What is said to whoever asks for something else.
const HINT: &str = "ask POST /v1/rank to rank candidates: {\"domain\": …, \"candidates\": [{…}, …]}";
/// The same of a model for retrieval.
const HINT_RETRIEVAL: &str = "ask POST /v1/retrieve for items: {\"domain\": …, \"context\": {…}, \"n\": …}";

/// A tabular model that answers.
pub struct TabularAnswerer {
    /// What is to be known of it.
    pub facts: Facts,
    /// The trained model.
    pub model: Box<dyn TabularModel>,
    /// The vocabularies.
    pub coder: RowCoder,
    /// What retrieval needs; `None` where the model is not for it.
    pub finder: Option<Finder>,
    /// The report as a page.
    pub report: Page,
}

/// What a model for retrieval needs to find items.
pub struct Finder {
    /// The vocabularies of the columns that describe who asks.
    pub users: RowCoder,
    /// The items.
    pub shelf: Shelf,
    /// What users have already; `None` where a question does not say whose it is.
    pub had: Option<Had>,
    /// What users have seen beyond what the run knows.
    pub seen: Option<SeenPairs>,
    /// What is left out of lists where a question does not say.
    pub exclude: Exclude,
}

/// A question as it is answered.
struct Wish<'a> {
    question: &'a RetrievalQuestion,
    since: &'a [Id],
    coded: CodedRows,
}

impl Finder {
    /// The items that are left out for a question, whose columns are this row of the user's.
    fn excluded(&self, users: &TabularBatch, row: usize, wish: &Wish<'_>) -> Cow<'_, [u32]> {
        let exclude = wish.question.exclude.unwrap_or(self.exclude);
        let Some(had) = self.had.as_ref().filter(|_| exclude != Exclude::None) else { return Cow::Borrowed(&[]) };
        let known = had.of(users, row, exclude == Exclude::Learned);
        if exclude == Exclude::Learned {
            return Cow::Borrowed(known);
        }
        let ids = &self.shelf.catalogue().ids;
        let mut more: Vec<u32> = wish.since.iter().filter_map(|item| ids.index(item)).collect();
        if let Some((seen, user)) = self.seen.as_ref().zip(self.asker(wish.question)) {
            more.extend(seen.of(&user));
        }
        if more.is_empty() { Cow::Borrowed(known) } else { Cow::Owned([known, &more].concat()) }
    }

    /// The user whom a question names.
    fn asker(&self, question: &RetrievalQuestion) -> Option<Id> {
        let column = self.users.columns().get(self.had.as_ref()?.field())?;
        match question.context.get(column)? {
            FieldValue::Int(id) => Some(Id::Int(*id)),
            FieldValue::Text(id) => Some(Id::Text(id.as_str().into())),
            FieldValue::Number(id) => match Cell::Float(*id).whole()? {
                Number::Int(id) => Some(Id::Int(id)),
                Number::Digits(_) => None,
            },
            FieldValue::Missing(()) | FieldValue::Bool(_) | FieldValue::List(_) => None,
        }
    }
}

impl TabularAnswerer {
    fn ranking(&self, question: &RankQuestion) -> Result<Ranking, AnswerError> {
        question.check()?;
        let domain = domain(&self.coder, &question.domain)?;
        let mut rows = self.coder.rows();
        for (index, candidate) in question.candidates.iter().enumerate() {
            self.known(index, candidate)?;
            let value = |name: &str| candidate.get(name).or(question.context.get(name));
            push(&self.coder, domain, Some(index), value, &mut rows)?;
        }
        let mut scores = vec![0.0; question.candidates.len()];
        if !scores.is_empty() {
            self.model.score(rows.batch(), &mut scores);
        }
        let output = if self.model.towers().is_some() { Output::Score } else { Output::Probability };
        let ranked = |(index, score): (usize, f32)| Ranked { index, output: output(score) };
        let mut candidates: Vec<Ranked> = scores.into_iter().enumerate().map(ranked).collect();
        candidates.sort_by(|a, b| b.output.number().total_cmp(&a.output.number()).then(a.index.cmp(&b.index)));
        candidates.truncate(question.n.unwrap_or(usize::MAX));
        Ok(Ranking { candidates, dropped: dropped(&self.coder, &rows) })
    }

    /// What finds items.
    fn finder(&self) -> Result<(&Finder, &dyn Towers), AnswerError> {
        self.finder.as_ref().zip(self.model.towers()).ok_or(AnswerError::NoCatalogue)
    }

    fn hint(&self) -> &'static str {
        if self.finder.is_some() { HINT_RETRIEVAL } else { HINT }
    }

    /// Refuses a candidate with a column that the model does not have: it would be left out without a word. What all
    /// candidates have in common may be more than the model asks for.
    fn known(&self, index: usize, candidate: &BTreeMap<String, FieldValue>) -> Result<(), AnswerError> {
        let known = self.coder.columns();
        match candidate.keys().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(column) => Err(AnswerError::UnknownColumn {
                candidate: index,
                column: column.clone(),
                known: known.iter().take(NAMED).cloned().collect(),
            }),
        }
    }
}

/// Whom a question is about, coded.
fn asker(users: &RowCoder, question: &RetrievalQuestion) -> Result<CodedRows, AnswerError> {
    question.check()?;
    let mut rows = users.rows();
    push(users, domain(users, &question.domain)?, None, |name| question.context.get(name), &mut rows)?;
    Ok(rows)
}

fn domain(coder: &RowCoder, domain: &Id) -> Result<u32, AnswerError> {
    coder.domain(domain).ok_or_else(|| AnswerError::UnknownDomain {
        domain: domain.clone(),
        known: coder.schema().domains.iter().take(NAMED).cloned().collect(),
    })
}

/// Appends a row with the value of each column.
fn push<'q>(
    coder: &RowCoder,
    domain: u32,
    candidate: Option<usize>,
    value: impl Fn(&str) -> Option<&'q FieldValue>,
    rows: &mut CodedRows,
) -> Result<(), AnswerError> {
    let values: Vec<Option<&FieldValue>> = coder.columns().iter().map(|name| value(name)).collect();
    // Lists of cells stand apart, because a cell borrows its list.
    let lists: Vec<Vec<Cell<'_>>> = values.iter().map(|value| elements(*value)).collect();
    let cells: Vec<Cell<'_>> = values.iter().zip(&lists).map(|(value, list)| cell(*value, list)).collect();
    coder.push(domain, &cells, rows).map_err(|BadCell { column, expected }| AnswerError::BadValue {
        candidate,
        column: coder.columns()[column].clone(),
        value: cells[column].spelling(),
        expected,
    })
}

fn dropped(coder: &RowCoder, rows: &CodedRows) -> Dropped {
    let counts = |counts: Vec<(String, u64)>| counts.into_iter().collect();
    Dropped {
        unknown: counts(coder.unknown(rows)),
        missing: counts(coder.missing(rows)),
        clipped: counts(coder.clipped(rows)),
    }
}

fn elements(value: Option<&FieldValue>) -> Vec<Cell<'_>> {
    let Some(FieldValue::List(ids)) = value else { return Vec::new() };
    ids.iter().map(element).collect()
}

fn element(id: &Id) -> Cell<'_> {
    match id {
        Id::Int(number) => Cell::Int(*number),
        Id::Text(text) => Cell::Text(text),
    }
}

fn cell<'a>(value: Option<&'a FieldValue>, list: &'a [Cell<'a>]) -> Cell<'a> {
    match value {
        None | Some(FieldValue::Missing(())) => Cell::Missing,
        Some(FieldValue::Bool(value)) => Cell::Bool(*value),
        Some(FieldValue::Int(value)) => Cell::Int(*value),
        Some(FieldValue::Number(value)) => Cell::Float(*value),
        Some(FieldValue::Text(value)) => Cell::Text(value),
        Some(FieldValue::List(_)) => Cell::List(list),
    }
}

impl Answerer for TabularAnswerer {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn answer(&self, asked: &[Asked]) -> Vec<Result<Answer, AnswerError>> {
        asked.iter().map(|_| Err(AnswerError::Family { found: "tabular", hint: self.hint() })).collect()
    }

    fn rank(&self, questions: &[RankQuestion]) -> Vec<Result<Ranking, AnswerError>> {
        questions.iter().map(|question| self.ranking(question)).collect()
    }

    fn retrieve(&self, questions: &[RetrievalQuestion]) -> Vec<Result<Retrieval, AnswerError>> {
        self.retrieve_since(questions, &[])
    }

    fn asker(&self, question: &RetrievalQuestion) -> Option<Id> {
        self.finder.as_ref()?.asker(question)
    }

    fn retrieve_since(
        &self,
        questions: &[RetrievalQuestion],
        since: &[Vec<Id>],
    ) -> Vec<Result<Retrieval, AnswerError>> {
        let (finder, towers) = match self.finder() {
            Ok(found) => found,
            Err(error) => return questions.iter().map(|_| Err(error.clone())).collect(),
        };
        let Finder { users, shelf, .. } = finder;
        let wish = |(nth, question)| {
            let since = since.get(nth).map_or(&[][..], Vec::as_slice);
            asker(users, question).map(|coded| Wish { question, since, coded })
        };
        let wishes: Vec<Result<Wish<'_>, AnswerError>> = questions.iter().enumerate().map(wish).collect();
        // All that can be answered in one pass over the catalogue.
        let (mut rows, mut numbers) = (TabularBatch::none(users.schema()), Vec::new());
        for wish in wishes.iter().flatten() {
            rows.append(wish.coded.batch());
            numbers.push(wish.question.n);
        }
        let left_out = wishes.iter().flatten().enumerate().map(|(row, wish)| finder.excluded(&rows, row, wish));
        let left_out: Vec<Cow<'_, [u32]>> = left_out.collect();
        let excluded = |row: usize| &*left_out[row];
        let mut lists = shelf.best(towers, &rows, &numbers, &excluded).into_iter();
        let ids = &shelf.catalogue().ids;
        let mut told = |wish: Wish<'_>| {
            let list = lists.next().unwrap_or_default().into_iter();
            let items = list.map(|(item, score)| FoundItem { item: ids.id(item), score }).collect();
            Retrieval { items, dropped: dropped(users, &wish.coded) }
        };
        wishes.into_iter().map(|wish| wish.map(&mut told)).collect()
    }

    fn history(&self, _: &Id) -> Result<Vec<Id>, AnswerError> {
        Err(AnswerError::Family { found: "tabular", hint: self.hint() })
    }

    fn item(&self, _: &Id) -> Option<ItemFound> {
        None
    }

    fn items(&self, _: &str, _: usize) -> Vec<ItemFound> {
        Vec::new()
    }

    fn report(&self) -> &Page {
        &self.report
    }
}
