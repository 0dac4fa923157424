//! Recommendations and rankings.

use std::sync::Arc;

use adepts_data::Id;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{Json, OneOrMany, Sent};
use super::problem::Problem;
use super::schema::IdSchema;
use crate::answer::Answer;
use crate::answerer::ItemFound;
use crate::question::{Exclude, NothingKnown, Question};
use crate::rank::{RankQuestion, Ranking};
use crate::retrieval::{Retrieval, RetrievalQuestion};
use crate::server::app::App;
use crate::server::batcher::Waiting;

/// One question or a list of them.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes what may be sent")]
pub(crate) enum Questions {
    One(Question),
    Many(Vec<Question>),
}

/// The answer to one of several questions, or why there is none.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Outcome {
    Answer(Box<Answer>),
    Problem(Problem),
}

/// The answer to one question, or an outcome for each of several.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes what comes back")]
pub(crate) enum Outcomes {
    One(Answer),
    Many(Vec<Outcome>),
}

/// Recommends items to a user or for a history.
///
/// A list of questions comes back as a list with an answer or a problem for each, in their order. Events that were
/// acknowledged count as part of a user's history.
#[utoipa::path(post, path = "/v1/recommend", tag = "answers", request_body = Questions,
    responses((status = 200, description = "The answer, or one for each question", body = Outcomes)))]
pub(crate) async fn recommend(State(app): State<Arc<App>>, sent: Sent) -> Result<Response, Problem> {
    match sent.one_or_many::<Question>()? {
        OneOrMany::One(question) => Ok(Json(ask(&app, question).await?).into_response()),
        OneOrMany::Many(questions) => {
            check_list(&app, &questions)?;
            let waiting = app.batcher.recommend(questions, &app.metrics).ok_or_else(|| Problem::busy("questions"))?;
            let mut outcomes = Vec::with_capacity(waiting.len());
            for waiting in waiting {
                outcomes.push(match answered(waiting).await {
                    Ok(answer) => Outcome::Answer(Box::new(answer)),
                    Err(problem) => Outcome::Problem(problem),
                });
            }
            Ok(Json(outcomes).into_response())
        }
    }
}

fn check_list(app: &App, questions: &[Question]) -> Result<(), Problem> {
    if questions.len() > app.limits.list {
        let (found, most) = (questions.len(), app.limits.list);
        let detail = format!("{found} questions in one request, at most {most} are answered; send them in several");
        return Err(Problem::wrong("list", detail));
    }
    let items = questions.iter().fold(0_usize, |items, question| items.saturating_add(question.n));
    if items > app.limits.items {
        let most = app.limits.items;
        let detail = format!("the questions ask for {items} items together, at most {most} are listed; ask for fewer");
        return Err(Problem::wrong("list", detail));
    }
    Ok(())
}

async fn ask(app: &App, question: Question) -> Result<Answer, Problem> {
    let waiting = app.batcher.recommend(vec![question], &app.metrics).and_then(|mut waiting| waiting.pop());
    answered(waiting.ok_or_else(|| Problem::busy("questions"))?).await
}

async fn answered<T>(waiting: Waiting<T>) -> Result<T, Problem> {
    waiting.await.map_err(|_| Problem::stopping())?.map_err(Problem::from)
}

/// What a list is to be like.
#[derive(Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wishes {
    /// How many items.
    #[param(minimum = 1, maximum = 10_000, default = 10)]
    n: usize,
    /// What is left out because the user has it already; by default what the server was started with, and else `seen`.
    #[param(inline)]
    exclude: Option<Exclude>,
    /// The former name: `false` is `exclude=none`.
    exclude_used: Option<bool>,
    /// What a user is answered that the run does not know; by default an error.
    #[param(inline)]
    fallback: Option<NothingKnown>,
    /// Say why.
    #[param(default = false)]
    explain: bool,
}

impl Default for Wishes {
    fn default() -> Self {
        let Question { n, exclude, exclude_used, fallback, explain, .. } = Question::default();
        Self { n, exclude, exclude_used, fallback, explain }
    }
}

/// Recommends items to a user.
#[utoipa::path(get, path = "/v1/users/{id}/recommendations", tag = "answers",
    params(("id" = String, Path, description = "The user"), Wishes),
    responses((status = 200, description = "The answer", body = Answer)))]
pub(crate) async fn of_user(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    wishes: Result<Query<Wishes>, QueryRejection>,
) -> Result<Response, Problem> {
    let (id, Wishes { n, exclude, exclude_used, fallback, explain }) = (path(id)?, query(wishes)?);
    let user = Question::of_user(Id::Text(id.into()));
    let question = Question { n, exclude, exclude_used, fallback, explain, ..user };
    Ok(Json(ask(&app, question).await?).into_response())
}

/// What is known of a user: what the model goes by, what else the user has seen, and what happened since.
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    /// The user.
    #[schema(value_type = IdSchema)]
    user: Id,
    /// Items of the training data, in the order of their ids.
    trained: Vec<Named>,
    /// Other items that the user has seen: held out, or dropped by a filter. They are not recommended by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seen: Vec<Named>,
    /// Items of events, the latest last.
    since: Vec<Named>,
}

/// An item and its title.
#[derive(Serialize, ToSchema)]
struct Named {
    /// The item.
    #[schema(value_type = IdSchema)]
    item: Id,
    /// Its title, where the run has titles.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

/// What is known of a user.
#[utoipa::path(get, path = "/v1/users/{id}/history", tag = "answers",
    params(("id" = String, Path, description = "The user")),
    responses((status = 200, description = "The user's items", body = History)))]
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let user = Id::Text(path(id)?.into());
    let looked_up = tokio::task::spawn_blocking(move || {
        let model = app.model();
        let since = app.journal.since(std::iter::once(&user)).map_err(|error| Problem::from(&error))?.remove(0);
        let trained = match model.history(&user) {
            Err(error) if since.is_empty() => return Err(error.into()),
            trained => trained.unwrap_or_default(),
        };
        let named = |items: Vec<Id>| {
            let name = |item: Id| match model.item(&item) {
                Some(ItemFound { item, title, .. }) => Named { item, title },
                None => Named { item: model.item_id(item), title: None },
            };
            items.into_iter().map(name).collect()
        };
        let (trained, seen, since) = (named(trained), named(model.seen(&user)), named(since));
        Ok::<_, Problem>(History { user: model.user_id(user), trained, seen, since })
    });
    Ok(Json(looked_up.await.map_err(|_| Problem::bug())??).into_response())
}

/// Ranks candidates in a domain, for a tabular model.
#[utoipa::path(post, path = "/v1/rank", tag = "answers", request_body = RankQuestion,
    responses((status = 200, description = "The candidates, best first", body = Ranking)))]
pub(crate) async fn rank(State(app): State<Arc<App>>, sent: Sent) -> Result<Response, Problem> {
    let waiting = app.batcher.rank(sent.json()?, &app.metrics).ok_or_else(|| Problem::busy("questions"))?;
    Ok(Json(answered(waiting).await?).into_response())
}

/// Finds items of the whole catalogue in a domain, for a model for retrieval.
///
/// Every item is scored. The items and their scores are those that `adepts predict RUN FILE --top N` gives to a row of a file.
#[utoipa::path(post, path = "/v1/retrieve", tag = "answers", request_body = RetrievalQuestion,
    responses((status = 200, description = "The items, best first", body = Retrieval)))]
pub(crate) async fn retrieve(State(app): State<Arc<App>>, sent: Sent) -> Result<Response, Problem> {
    let waiting = app.batcher.retrieve(sent.json()?, &app.metrics).ok_or_else(|| Problem::busy("questions"))?;
    Ok(Json(answered(waiting).await?).into_response())
}

/// The part of a path that is a name.
pub(crate) fn path(found: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    found.map(|Path(found)| found).map_err(|error| Problem::malformed(format!("the path is not as expected: {error}")))
}

/// The options after the question mark.
pub(crate) fn query<T>(found: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    found.map(|Query(found)| found).map_err(|error| {
        Problem::wrong("query", format!("{}; /openapi.json describes what may stand there", error.body_text()))
    })
}
