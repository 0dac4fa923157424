//! Opens runs of either family to answer questions.

use std::path::Path;
use std::sync::Arc;

use adepts_serve::{Answerer, Opener};

use crate::error::Error;
pub use crate::excluding::Excluding;
use crate::family::is_tabular;
use crate::history::Artefact;
pub use crate::history::answers::forget_histories;
use crate::tabular;

/// Opens a finished run, of either family, for whoever answers requests.
pub fn open(folder: &Path) -> Result<Arc<dyn Answerer>, Error> {
    open_excluding(folder, &Excluding::default(), &|_| ())
}

/// As [`open`], leaving out of lists what `excluding` says. A file of seen pairs is for history models and for
/// retrieval; `note` is given what was read of it, in words.
pub fn open_excluding(folder: &Path, excluding: &Excluding, note: &dyn Fn(&str)) -> Result<Arc<dyn Answerer>, Error> {
    if is_tabular(folder) {
        return Ok(Arc::new(tabular::answers::open(folder, excluding, note)?));
    }
    let answerer = Artefact::open(folder)?.answerer_excluding(excluding, &mut adepts_data::progress::silent)?;
    let parts = answerer.parts();
    let users = parts.histories.as_ref().map(|histories| &histories.users);
    parts.seen.iter().for_each(|seen| note(&seen.summary(users)));
    Ok(Arc::new(answerer))
}

/// [`open_excluding`] as what a server takes. A file of seen pairs is read again whenever the run is loaded again; `note` is
/// given what was read, in words.
#[must_use]
pub fn opener(excluding: Excluding, note: impl Fn(&str) + Send + Sync + 'static) -> Opener {
    Arc::new(move |folder| Ok(open_excluding(folder, &excluding, &note)?))
}
