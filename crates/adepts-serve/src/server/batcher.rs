//! Questions that come in at the same time are asked together.
//!
//! A thread takes all that waits, up to the size of a batch, asks the model, and hands out the answers. Nothing waits for a
//! batch to fill: while the model works the next batch gathers by itself, so a lone question is answered at once and a crowd
//! shares the cost of a pass.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use adepts_core::Stopwatch;
use adepts_data::Id;
use tokio::sync::oneshot;

use super::limits::EXPLAINED;
use super::metrics::Metrics;
use crate::answer::Answer;
use crate::answerer::Answerer;
use crate::error::AnswerError;
use crate::events::{EventsError, Journal};
use crate::question::{Asked, Question};
use crate::rank::{RankQuestion, Ranking};
use crate::retrieval::{Retrieval, RetrievalQuestion};

/// Why no answer came.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The question has none.
    Question(AnswerError),
    /// The user's events could not be read.
    Events(Arc<EventsError>),
    /// The model panicked, which is a bug.
    Bug,
}

type Reply<T> = oneshot::Sender<Result<T, Failure>>;
/// An answer to come; an error means that the server is stopping.
pub(crate) type Waiting<T> = oneshot::Receiver<Result<T, Failure>>;

enum Job {
    Recommend(Box<Question>, Reply<Answer>),
    Rank(Box<RankQuestion>, Reply<Ranking>),
    Retrieve(RetrievalQuestion, Reply<Retrieval>),
}

impl Job {
    fn weight(&self) -> usize {
        match self {
            Self::Recommend(question, _) => weight(question),
            Self::Rank(..) | Self::Retrieve(..) => 1,
        }
    }

    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Recommend(_, reply) => reply.is_closed(),
            Self::Rank(_, reply) => reply.is_closed(),
            Self::Retrieve(_, reply) => reply.is_closed(),
        }
    }
}

fn weight(question: &Question) -> usize {
    if question.explain { EXPLAINED } else { 1 }
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    weight: usize,
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    most: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all of these jobs or, if there is no room for them, none.
    fn push(&self, jobs: Vec<Job>, metrics: &Metrics) -> bool {
        let weight: usize = jobs.iter().map(Job::weight).sum();
        let mut queue = self.lock();
        // What alone is more than the queue holds is taken when nothing else waits, or it would never be.
        if queue.closed || (queue.weight > 0 && queue.weight + weight > self.most) {
            return false;
        }
        queue.weight += weight;
        queue.jobs.extend(jobs);
        metrics.queue.set(queue.jobs.len() as i64);
        drop(queue);
        self.changed.notify_one();
        true
    }

    /// The next jobs, up to this weight but at least one; `None` when there will be no more.
    fn pop(&self, most: usize, metrics: &Metrics) -> Option<Vec<Job>> {
        let mut queue = self.lock();
        loop {
            let (mut jobs, mut weight) = (Vec::new(), 0);
            while let Some(job) = queue.jobs.front() {
                let next = job.weight();
                if !jobs.is_empty() && weight + next > most {
                    break;
                }
                queue.weight -= next;
                if let Some(job) = queue.jobs.pop_front().filter(|job| !job.is_abandoned()) {
                    weight += next;
                    jobs.push(job);
                }
            }
            metrics.queue.set(queue.jobs.len() as i64);
            if !jobs.is_empty() {
                return Some(jobs);
            }
            if queue.closed {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// What the thread that asks needs of the server.
pub(crate) trait Desk: Send + Sync + 'static {
    fn model(&self) -> Arc<dyn Answerer>;
    fn journal(&self) -> &Journal;
    fn metrics(&self) -> &Metrics;
}

/// The questions that wait, and the thread that asks them.
pub(crate) struct Batcher {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Batcher {
    /// `most` may wait.
    pub(crate) fn new(most: usize) -> Self {
        let shared = Shared { queue: Mutex::default(), changed: Condvar::new(), most };
        Self { shared: Arc::new(shared), thread: Mutex::new(None) }
    }

    /// Starts to answer, at most `batch` at a time.
    pub(crate) fn start(&self, desk: Arc<impl Desk>, batch: usize) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let run = move || {
            while let Some(jobs) = shared.pop(batch, desk.metrics()) {
                answer(&*desk, jobs);
            }
        };
        let thread = std::thread::Builder::new().name("answers".into()).spawn(run)?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// Hands questions over, or gives `None` if there is no room for them.
    pub(crate) fn recommend(&self, questions: Vec<Question>, metrics: &Metrics) -> Option<Vec<Waiting<Answer>>> {
        let (jobs, waiting) = questions
            .into_iter()
            .map(|question| {
                let (reply, waiting) = oneshot::channel();
                (Job::Recommend(Box::new(question), reply), waiting)
            })
            .unzip();
        self.shared.push(jobs, metrics).then_some(waiting)
    }

    /// The same for a tabular model.
    pub(crate) fn rank(&self, question: RankQuestion, metrics: &Metrics) -> Option<Waiting<Ranking>> {
        let (reply, waiting) = oneshot::channel();
        self.shared.push(vec![Job::Rank(Box::new(question), reply)], metrics).then_some(waiting)
    }

    /// The same for a model for retrieval.
    pub(crate) fn retrieve(&self, question: RetrievalQuestion, metrics: &Metrics) -> Option<Waiting<Retrieval>> {
        let (reply, waiting) = oneshot::channel();
        self.shared.push(vec![Job::Retrieve(question, reply)], metrics).then_some(waiting)
    }

    /// Takes no more, and returns when what was taken is answered.
    pub(crate) fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the model is caught where it is asked.
            let _ended = thread.join();
        }
    }
}

fn answer(desk: &impl Desk, jobs: Vec<Job>) {
    let (mut questions, mut replies) = (Vec::new(), Vec::new());
    let (mut ranks, mut rank_replies) = (Vec::new(), Vec::new());
    let (mut retrievals, mut retrieval_replies) = (Vec::new(), Vec::new());
    for job in jobs {
        match job {
            Job::Recommend(question, reply) => {
                questions.push(*question);
                replies.push(reply);
            }
            Job::Rank(question, reply) => {
                ranks.push(*question);
                rank_replies.push(reply);
            }
            Job::Retrieve(question, reply) => {
                retrievals.push(question);
                retrieval_replies.push(reply);
            }
        }
    }
    let metrics = desk.metrics();
    metrics.batch.observe((questions.len() + ranks.len() + retrievals.len()) as f64);
    let watch = Stopwatch::start();
    let model = desk.model();
    if !questions.is_empty() {
        match with_events(desk.journal(), questions) {
            Ok(asked) => {
                let answers = guarded(asked.len(), || model.answer(&asked));
                answers.iter().flatten().for_each(|answer| count(metrics, answer));
                send(replies, answers);
            }
            Err(error) => fail(replies, error),
        }
    }
    if !ranks.is_empty() {
        send(rank_replies, guarded(ranks.len(), || model.rank(&ranks)));
    }
    if !retrievals.is_empty() {
        match since(desk.journal(), &*model, &retrievals) {
            Ok(since) => {
                send(retrieval_replies, guarded(retrievals.len(), || model.retrieve_since(&retrievals, &since)));
            }
            Err(error) => fail(retrieval_replies, error),
        }
    }
    metrics.batch_seconds.observe(watch.seconds());
}

fn count(metrics: &Metrics, answer: &Answer) {
    metrics.answered(if answer.fallback.is_some() { "popularity" } else { "model" });
    if let Some(entropy) = answer.gate_entropy {
        metrics.gate_entropy.observe(f64::from(entropy));
    }
}

/// Adds to each question what its user has done since.
fn with_events(journal: &Journal, questions: Vec<Question>) -> Result<Vec<Asked>, EventsError> {
    let mut since = journal.since(questions.iter().filter_map(|question| question.user.as_ref()))?.into_iter();
    let asked = |question: Question| {
        let since = question.user.as_ref().and_then(|_| since.next()).unwrap_or_default();
        Asked { question, since }
    };
    Ok(questions.into_iter().map(asked).collect())
}

/// What the user of each question has done since; nothing where none is named.
fn since(
    journal: &Journal,
    model: &dyn Answerer,
    questions: &[RetrievalQuestion],
) -> Result<Vec<Vec<Id>>, EventsError> {
    let askers: Vec<Option<Id>> = questions.iter().map(|question| model.asker(question)).collect();
    let mut since = journal.since(askers.iter().flatten())?.into_iter();
    Ok(askers.iter().map(|asker| asker.as_ref().and_then(|_| since.next()).unwrap_or_default()).collect())
}

/// Answers that the events cannot be read.
fn fail<T>(replies: Vec<Reply<T>>, error: EventsError) {
    let error = Arc::new(error);
    let all = replies.iter().map(|_| Err(Failure::Events(Arc::clone(&error)))).collect();
    send(replies, all);
}

/// Asks, and takes a panic for an answer to each question.
fn guarded<T>(questions: usize, ask: impl FnOnce() -> Vec<Result<T, AnswerError>>) -> Vec<Result<T, Failure>> {
    match catch_unwind(AssertUnwindSafe(ask)) {
        Ok(answers) if answers.len() == questions => {
            answers.into_iter().map(|answer| answer.map_err(Failure::Question)).collect()
        }
        _ => (0..questions).map(|_| Err(Failure::Bug)).collect(),
    }
}

fn send<T>(replies: Vec<Reply<T>>, answers: Vec<Result<T, Failure>>) {
    // Whoever no longer waits does not want to know.
    replies.into_iter().zip(answers).for_each(|(reply, answer)| drop(reply.send(answer)));
}
