//! Whatever bytes a reader of a run is given, it gives an error or a value, and does not panic. The tests of the workspace go
//! through the same function with damaged files.

use std::path::Path;

use adepts::contract::Tensors;
use adepts::data::{Catalogue, Histories, Titles};
use adepts::history::run::HistoryRunManifest;
use adepts::serve::{Question, RankQuestion, RetrievalQuestion};

/// Gives the bytes to every reader; the first one says which.
pub(super) fn readers(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    let path = Path::new("fuzzed");
    let owned = || bytes.to_vec().into();
    match which % 8 {
        0 => drop(Tensors::parse(path, bytes)),
        1 => drop(Catalogue::from_bytes(path, owned(), 3)),
        2 => drop(Titles::from_bytes(path, owned(), 3)),
        3 => {
            // Two files in one: the first byte says where the second begins.
            let (at, rest) = bytes.split_first().map_or((0, bytes), |(at, rest)| (usize::from(*at), rest));
            let (users, items) = rest.split_at(rest.len() * at / 256);
            let of = |bytes: &[u8]| (path, bytes.to_vec().into());
            drop(Histories::from_bytes(of(users), of(items), None, 3, 5));
            drop(Histories::from_bytes(of(users), of(items), Some(of(items)), 3, 5));
        }
        4 => drop(serde_json::from_slice::<HistoryRunManifest>(bytes)),
        5 => drop(serde_json::from_slice::<Question>(bytes).map(|question| question.check())),
        6 => drop(serde_json::from_slice::<RankQuestion>(bytes).map(|question| question.check())),
        _ => drop(serde_json::from_slice::<RetrievalQuestion>(bytes).map(|question| question.check())),
    }
}
