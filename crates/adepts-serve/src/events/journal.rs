//! Writing and reading events while the server runs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use adepts_core::Stopwatch;
use adepts_data::Id;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::schema::{self, store};
use super::{Event, EventsError, Receipt};

/// Deliveries that may wait to be written.
const QUEUE: usize = 1024;
/// Events of one transaction, but for the last delivery in it.
const GROUP: usize = 8192;

/// What becomes of a delivery, when it is on disk.
pub type Waiting = oneshot::Receiver<Result<Receipt, Arc<EventsError>>>;

struct Delivery {
    events: Vec<Event>,
    /// The time of those that bring none.
    received: i64,
    reply: oneshot::Sender<Result<Receipt, Arc<EventsError>>>,
}

/// Told after each transaction: how many events it held, and the seconds it took.
pub type Told = Box<dyn Fn(usize, f64) + Send>;

/// Keeps events.
pub struct Journal {
    queue: Option<SyncSender<Delivery>>,
    writer: Option<JoinHandle<()>>,
    path: PathBuf,
    reader: Mutex<Connection>,
    most: usize,
}

impl Journal {
    /// Opens the store in a folder, which is made where there is none. `most` is the number of a user's latest events that
    /// answers go by.
    pub fn open(folder: &Path, most: usize, told: Told) -> Result<Self, EventsError> {
        let (path, connection) = schema::create(folder)?;
        let (_, reader) = schema::open(folder)?;
        let (queue, deliveries) = sync_channel(QUEUE);
        let of_writer = path.clone();
        let writer = std::thread::Builder::new()
            .name("events".into())
            .spawn(move || write(connection, &of_writer, &deliveries, &told))
            .map_err(EventsError::Thread)?;
        Ok(Self { queue: Some(queue), writer: Some(writer), path, reader: Mutex::new(reader), most })
    }

    /// Hands events over to be written, or gives `None` if too many wait already. `received` is the time of those that bring
    /// none, in seconds since 1970.
    pub fn append(&self, events: Vec<Event>, received: i64) -> Option<Waiting> {
        let (reply, waiting) = oneshot::channel();
        match self.queue.as_ref()?.try_send(Delivery { events, received, reply }) {
            Ok(()) => Some(waiting),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => None,
        }
    }

    /// For each of these users the items of the latest events, the oldest first: by their time, and events of one second in
    /// the order in which they came. An item of several events stands where the latest of them does.
    pub fn since<'a>(&self, users: impl Iterator<Item = &'a Id>) -> Result<Vec<Vec<Id>>, EventsError> {
        let connection = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || -> rusqlite::Result<Vec<Vec<Id>>> {
            let mut latest =
                connection.prepare("SELECT item FROM events WHERE user = ? ORDER BY time DESC, seq DESC LIMIT ?")?;
            let mut of_user = |user: &Id| -> rusqlite::Result<Vec<Id>> {
                let items = latest.query_map(params![user.to_string(), self.most as i64], |row| {
                    Ok(Id::Text(row.get_ref(0)?.as_str()?.into()))
                })?;
                let items: Vec<Id> = items.collect::<Result<_, _>>()?;
                let mut met = HashSet::with_capacity(items.len());
                let mut kept: Vec<Id> = items.iter().filter(|item| met.insert(*item)).cloned().collect();
                kept.reverse();
                Ok(kept)
            };
            users.map(&mut of_user).collect()
        };
        read().map_err(store("read", &self.path))
    }
}

impl Drop for Journal {
    /// What was handed over is written first.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _ended = writer.join();
        }
    }
}

fn write(mut connection: Connection, path: &Path, deliveries: &Receiver<Delivery>, told: &Told) {
    while let Ok(first) = deliveries.recv() {
        let mut events = first.events.len();
        let mut group = vec![first];
        while events < GROUP
            && let Ok(next) = deliveries.try_recv()
        {
            events += next.events.len();
            group.push(next);
        }
        let watch = Stopwatch::start();
        match commit(&mut connection, &group) {
            Ok(receipts) => {
                told(events, watch.seconds());
                // Whoever no longer waits does not want to know.
                for (delivery, receipt) in group.into_iter().zip(receipts) {
                    drop(delivery.reply.send(Ok(receipt)));
                }
            }
            Err(source) => {
                let error = Arc::new(store("write", path)(source));
                for delivery in group {
                    drop(delivery.reply.send(Err(Arc::clone(&error))));
                }
            }
        }
    }
}

/// Writes deliveries in one transaction, which is on disk when this returns.
fn commit(connection: &mut Connection, group: &[Delivery]) -> rusqlite::Result<Vec<Receipt>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut receipts = Vec::with_capacity(group.len());
    {
        let mut insert = transaction
            .prepare("INSERT INTO events (id, user, item, time) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")?;
        let mut kept = transaction.prepare("SELECT user, item, time FROM events WHERE id = ?")?;
        for Delivery { events, received, .. } in group {
            let mut receipt = Receipt::default();
            for event in events {
                let [id, user, item] = [&event.id, &event.user, &event.item].map(ToString::to_string);
                if insert.execute(params![id, user, item, event.time.unwrap_or(*received)])? == 1 {
                    receipt.accepted += 1;
                    continue;
                }
                let same = kept
                    .query_row([&id], |row| {
                        let time: i64 = row.get(2)?;
                        Ok(row.get_ref(0)?.as_str()? == user
                            && row.get_ref(1)?.as_str()? == item
                            && event.time.is_none_or(|of_event| of_event == time))
                    })
                    .optional()?;
                if same == Some(true) {
                    receipt.duplicates += 1;
                } else {
                    receipt.conflicts.push(event.id.clone());
                }
            }
            receipts.push(receipt);
        }
    }
    transaction.commit()?;
    Ok(receipts)
}
