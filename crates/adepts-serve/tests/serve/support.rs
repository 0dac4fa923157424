//! A made-up model, a server on a free port, and a client.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use adepts_data::Id;
use adepts_serve::{
    Answer, AnswerError, Answerer, Asked, Dropped, Facts, Fallback, Family, FoundItem, ItemFound, Limits, Opener,
    Output, Page, RankQuestion, Ranked, Ranking, Recommended, Retrieval, RetrievalQuestion, Server, Settings, Tokens,
    Unknown,
};
use serde_json::{Value, json};

pub(crate) use crate::client::{JSON, Reply, raw, read, send};

pub(crate) const ITEMS: i64 = 100;
pub(crate) const USERS: i64 = 10;
/// Asking about this user makes the model panic.
pub(crate) const PANIC: &str = "panic";

/// Users 1 to 10, each with the item of his number; items 0 to 99. Recommends the smallest items that were not used.
pub(crate) struct Model {
    facts: Facts,
    pause: Duration,
    /// The report.
    pub(crate) page: Page,
    /// The sizes of the batches.
    pub(crate) batches: Mutex<Vec<usize>>,
}

impl Model {
    pub(crate) fn new(hash: &str) -> Self {
        let facts = Facts {
            run: "made-up".into(),
            model: "smallest".into(),
            family: Family::History,
            hash: hash.into(),
            format: 1,
            adepts: "0".into(),
            users: USERS as usize,
            items: ITEMS as usize,
            rows: 10,
            experts: 1,
            histories: true,
            titles: true,
            domains: Vec::new(),
            columns: Vec::new(),
            user_columns: Vec::new(),
        };
        let page = Page::Whole(b"<!doctype html><title>report</title>".to_vec());
        Self { facts, pause: Duration::ZERO, page, batches: Mutex::default() }
    }

    /// One that takes so many milliseconds for a batch.
    pub(crate) fn slow(pause: u64) -> Self {
        Self { pause: Duration::from_millis(pause), ..Self::new("slow") }
    }

    fn number(id: &Id) -> Option<i64> {
        id.to_string().parse().ok().filter(|item| (0..ITEMS).contains(item))
    }

    fn one(&self, asked: &Asked) -> Result<Answer, AnswerError> {
        let question = &asked.question;
        question.check()?;
        let mut history = question.history.clone().unwrap_or_default();
        if let Some(user) = &question.user {
            assert_ne!(user.to_string(), PANIC, "this is meant to fail");
            match self.history(user) {
                Err(error) if asked.since.is_empty() => return Err(error),
                known => history.extend(known.unwrap_or_default()),
            }
        }
        history.extend(asked.since.iter().cloned());
        let mut unknown = Unknown::default();
        history.iter().filter(|id| Self::number(id).is_none()).for_each(|id| unknown.note(id));
        let used: Vec<i64> = history.iter().filter_map(Self::number).collect();
        let left = (0..ITEMS).filter(|item| !used.contains(item)).take(question.n);
        let row = |item| Recommended { item: Id::Int(item), title: None, score: -(item as f32), because: Vec::new() };
        let (experts, group, note) = (None, None, None);
        let fallback = used.is_empty().then_some(Fallback::Popularity);
        let (user, items, gate_entropy) = (question.user.clone(), left.map(row).collect(), Some(0.5));
        Ok(Answer { user, items, unknown, fallback, experts, group, note, gate_entropy })
    }
}

impl Answerer for Model {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn answer(&self, asked: &[Asked]) -> Vec<Result<Answer, AnswerError>> {
        self.batches.lock().unwrap().push(asked.len());
        std::thread::sleep(self.pause);
        asked.iter().map(|asked| self.one(asked)).collect()
    }

    fn rank(&self, questions: &[RankQuestion]) -> Vec<Result<Ranking, AnswerError>> {
        let one = |question: &RankQuestion| {
            question.check()?;
            let row = |index| Ranked { index, output: Output::Probability(0.5) };
            Ok(Ranking { candidates: (0..question.candidates.len()).map(row).collect(), dropped: Dropped::default() })
        };
        questions.iter().map(one).collect()
    }

    fn retrieve(&self, questions: &[RetrievalQuestion]) -> Vec<Result<Retrieval, AnswerError>> {
        let one = |question: &RetrievalQuestion| {
            question.check()?;
            let row = |item| FoundItem { item: Id::Int(item), score: -(item as f32) };
            Ok(Retrieval { items: (0..ITEMS).take(question.n).map(row).collect(), dropped: Dropped::default() })
        };
        questions.iter().map(one).collect()
    }

    fn history(&self, user: &Id) -> Result<Vec<Id>, AnswerError> {
        match user.to_string().parse::<i64>() {
            Ok(number) if (1..=USERS).contains(&number) => Ok(vec![Id::Int(number)]),
            _ => Err(AnswerError::UnknownUser { user: user.clone(), users: USERS as usize }),
        }
    }

    fn user_id(&self, id: Id) -> Id {
        id.to_string().parse().map_or(id, Id::Int)
    }

    fn item_id(&self, id: Id) -> Id {
        Self::number(&id).map_or(id, Id::Int)
    }

    fn item(&self, id: &Id) -> Option<ItemFound> {
        Self::number(id).map(|item| ItemFound { item: Id::Int(item), title: Some(format!("Film {item}")), users: 1 })
    }

    fn items(&self, query: &str, limit: usize) -> Vec<ItemFound> {
        let all = (0..ITEMS).filter_map(|item| self.item(&Id::Int(item)));
        all.filter(|found| found.title.as_ref().unwrap().contains(query)).take(limit).collect()
    }

    fn report(&self) -> &Page {
        &self.page
    }
}

/// What a server under test is given.
pub(crate) struct Plan {
    pub(crate) limits: Limits,
    pub(crate) tokens: Option<&'static str>,
    pub(crate) opener: Opener,
    pub(crate) state: PathBuf,
    pub(crate) clock: i64,
}

impl Plan {
    pub(crate) fn new(state: &Path) -> Self {
        Self::with(state, Model::new("first"))
    }

    pub(crate) fn with(state: &Path, model: Model) -> Self {
        Self::of(state, Arc::new(model))
    }

    pub(crate) fn of(state: &Path, model: Arc<Model>) -> Self {
        let opener: Opener = Arc::new(move |_| Ok(Arc::clone(&model) as Arc<dyn Answerer>));
        Self { limits: Limits::default(), tokens: None, opener, state: state.to_owned(), clock: 1_700_000_000 }
    }

    pub(crate) fn open(self) -> Result<Server, adepts_serve::ServeError> {
        self.open_at("127.0.0.1:0".parse().unwrap(), Box::new(|_| {}))
    }

    pub(crate) fn open_at(
        self,
        listen: SocketAddr,
        note: adepts_serve::server::Note,
    ) -> Result<Server, adepts_serve::ServeError> {
        let Self { limits, tokens, opener, state, clock } = self;
        let tokens = tokens.map(|text| Tokens::parse(Path::new("tokens"), text).unwrap());
        let clock = Box::new(move || clock);
        let settings = Settings { run: "run".into(), listen, state, tokens, limits, threads: 2, clock, note };
        Server::open(settings, opener)
    }

    pub(crate) fn start(self) -> Running {
        Running::of(self.open().unwrap())
    }
}

/// A server that stops when this is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn of(server: Server) -> Self {
        let (address, stop) = (server.address(), Arc::new(AtomicBool::new(false)));
        let asked = Arc::clone(&stop);
        let thread = std::thread::spawn(move || server.run(|| asked.load(Ordering::Relaxed)).unwrap());
        Self { address, stop, thread: Some(thread) }
    }

    /// Asks the server to stop, without waiting for it.
    pub(crate) fn ask_to_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        send(self.address, "GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        send(self.address, "POST", path, &[JSON], body.to_string().as_bytes())
    }

    pub(crate) fn event(&self, id: &str, user: i64, item: i64) -> Reply {
        self.post("/v1/events", &json!({"events": [{"id": id, "user": user, "item": item}]}))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ask_to_stop();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
    }
}

/// The recommended items.
pub(crate) fn items(answer: &Value) -> Vec<i64> {
    answer["items"].as_array().unwrap().iter().map(|row| row["item"].as_i64().unwrap()).collect()
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// How many of `n` threads that do this end with `true`.
pub(crate) fn at_once(n: usize, each: impl Fn(usize) -> bool + Sync) -> usize {
    let count = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for index in 0..n {
            let (count, each) = (&count, &each);
            scope.spawn(move || count.fetch_add(usize::from(each(index)), Ordering::Relaxed));
        }
    });
    count.into_inner()
}
