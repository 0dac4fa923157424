//! Answers of a model of examples: candidates are coded as the training examples were, scored, and put in order.

use std::collections::BTreeMap;

use adepts_core::ExampleModel;
use adepts_data::Id;
use adepts_data::examples::RowCoder;
use adepts_data::source::Cell;

use crate::answer::Answer;
use crate::answerer::{Answerer, Facts, ItemFound};
use crate::error::AnswerError;
use crate::question::Asked;
use crate::rank::{Dropped, FieldValue, RankQuestion, Ranked, Ranking};

/// Names that are told of when one is unknown.
const NAMED: usize = 50;

/// What is said to whoever asks for something else.
const HINT: &str = "ask it to rank candidates: {\"domain\": …, \"candidates\": [{…}, …]}";

/// A model of examples that answers.
pub struct ExampleAnswerer {
    /// What is to be known of it.
    pub facts: Facts,
    /// The trained model.
    pub model: Box<dyn ExampleModel>,
    /// The vocabularies.
    pub coder: RowCoder,
    /// The report as a page.
    pub report: Option<Vec<u8>>,
}

impl ExampleAnswerer {
    fn ranking(&self, question: &RankQuestion) -> Result<Ranking, AnswerError> {
        question.check()?;
        let domain = self.coder.domain(&question.domain).ok_or_else(|| AnswerError::UnknownDomain {
            domain: question.domain.clone(),
            known: self.coder.schema().domains.iter().take(NAMED).cloned().collect(),
        })?;
        let mut rows = self.coder.rows();
        for (index, candidate) in question.candidates.iter().enumerate() {
            self.known(index, candidate)?;
            let values: Vec<Option<&FieldValue>> =
                self.coder.columns().iter().map(|name| candidate.get(name).or(question.context.get(name))).collect();
            // Lists of cells stand apart, because a cell borrows its list.
            let lists: Vec<Vec<Cell<'_>>> = values.iter().map(|value| elements(*value)).collect();
            let cells: Vec<Cell<'_>> = values.iter().zip(&lists).map(|(value, list)| cell(*value, list)).collect();
            self.coder.push(domain, &cells, &mut rows).map_err(|bad| AnswerError::BadValue {
                candidate: index,
                column: self.coder.columns()[bad.column].clone(),
                value: cells[bad.column].spelling(),
                expected: bad.expected,
            })?;
        }
        let mut scores = vec![0.0; question.candidates.len()];
        if !scores.is_empty() {
            self.model.score(rows.examples(), &mut scores);
        }
        let mut candidates: Vec<Ranked> =
            scores.into_iter().enumerate().map(|(index, probability)| Ranked { index, probability }).collect();
        candidates.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.index.cmp(&b.index)));
        candidates.truncate(question.n.unwrap_or(usize::MAX));
        let counts = |counts: Vec<(String, u64)>| counts.into_iter().collect();
        let dropped =
            Dropped { unknown: counts(self.coder.unknown(&rows)), missing: counts(self.coder.missing(&rows)) };
        Ok(Ranking { candidates, dropped })
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

impl Answerer for ExampleAnswerer {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn answer(&self, asked: &[Asked]) -> Vec<Result<Answer, AnswerError>> {
        asked.iter().map(|_| Err(AnswerError::Family { found: "examples", hint: HINT })).collect()
    }

    fn rank(&self, questions: &[RankQuestion]) -> Vec<Result<Ranking, AnswerError>> {
        questions.iter().map(|question| self.ranking(question)).collect()
    }

    fn history(&self, _: &Id) -> Result<Vec<Id>, AnswerError> {
        Err(AnswerError::Family { found: "examples", hint: HINT })
    }

    fn item(&self, _: &Id) -> Option<ItemFound> {
        None
    }

    fn items(&self, _: &str, _: usize) -> Vec<ItemFound> {
        Vec::new()
    }

    fn report(&self) -> Option<&[u8]> {
        self.report.as_deref()
    }
}
