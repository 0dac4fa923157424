//! What a failure looks like, and its exit code.

use std::io::{ErrorKind, Write as _, stderr};
use std::process::ExitCode;

use adepts::data::tabular::TabularError;
use adepts::data::{DataError, SplitError};
use adepts::eval::{FailIf, Summary, TabularEvalError};
use adepts::serve::batch::BatchError;
use adepts::serve::events::EventsError;
use adepts::serve::server::TokensError;
use adepts::serve::{SeenError, ServeError};
use adepts::{Error, RunError};
use anyhow::bail;

use crate::progress::Terminal;

/// Something went wrong on the way.
const FAILED: u8 = 1;
/// The request cannot be answered as it is.
const WRONG_REQUEST: u8 = 2;

/// Says what is wrong on stderr; `terminal` is there unless that is what failed.
pub(crate) fn report(error: &anyhow::Error, terminal: Option<&Terminal>) -> ExitCode {
    if let (Some(Error::Interrupted { epoch, batch, .. }), Some(terminal)) = (error.downcast_ref::<Error>(), terminal) {
        let batches = if *batch == 1 { "1 batch".to_owned() } else { format!("{batch} batches") };
        return ended(&format!("interrupted in epoch {epoch} after {batches}"), terminal);
    }
    let pipe = error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe);
    if pipe {
        // The reader has seen enough.
        return ExitCode::SUCCESS;
    }
    // Where stderr is closed there is nobody to tell.
    let _closed = writeln!(stderr(), "error: {error}");
    let request = error.downcast_ref::<Error>().is_some_and(is_request)
        || error.downcast_ref::<DataError>().is_some_and(is_wrong_source)
        || error.downcast_ref::<ServeError>().is_some_and(is_wrong_server)
        || error.downcast_ref::<EventsError>().is_some_and(|e| matches!(e, EventsError::NoState { .. }))
        || error.is::<TokensError>();
    ExitCode::from(if request { WRONG_REQUEST } else { FAILED })
}

/// Ended by a signal between two steps of work that writes nothing until it is whole.
pub(crate) fn stopped(terminal: &Terminal) -> ExitCode {
    ended("interrupted; nothing was left half-written", terminal)
}

/// Ended by a signal, which is no error: says so, and what goes on with the work.
fn ended(how: &str, terminal: &Terminal) -> ExitCode {
    let again = terminal.again().map(|again| format!("; {again}")).unwrap_or_default();
    let _closed = writeln!(stderr(), "{how}{again}");
    ExitCode::from(terminal.signals().code())
}

/// Fails if a condition holds for one of the runs, and says all that do.
pub(crate) fn judge(conditions: &[FailIf], summary: &Summary) -> anyhow::Result<()> {
    let mut holding = Vec::new();
    for condition in conditions {
        for run in &summary.runs {
            let verdict = condition.judge(run).map_err(Error::from)?;
            if verdict.fails {
                holding.push(format!("{}: {condition} holds, it is {:.4}", run.name, verdict.value));
            }
        }
    }
    if holding.is_empty() { Ok(()) } else { bail!(holding.join("\nerror: ")) }
}

/// Whether the request was wrong, and not what it led to.
fn is_request(error: &Error) -> bool {
    match error {
        Error::Config { .. }
        | Error::Request(_)
        | Error::Metric(_)
        | Error::FailIf(_)
        | Error::Compare(_)
        | Error::Answer(_)
        | Error::Seen(SeenError::Columns { .. })
        | Error::Batch(
            BatchError::NoColumn { .. }
            | BatchError::Format { .. }
            | BatchError::Explained { .. }
            | BatchError::Exists { .. }
            | BatchError::Begun { .. }
            | BatchError::Other { .. }
            | BatchError::Answer(_),
        )
        | Error::TabularEval(
            TabularEvalError::Compare(_)
            | TabularEvalError::UnknownMetric { .. }
            | TabularEvalError::MissingMetric { .. },
        )
        | Error::Run(
            RunError::NotARun { .. }
            | RunError::Prepared { .. }
            | RunError::Family { .. }
            | RunError::Exists { .. }
            | RunError::WithoutHistories { .. }
            | RunError::Final { .. }
            | RunError::HoldsSource { .. },
        ) => true,
        Error::Data(error) | Error::Batch(BatchError::Data(error)) | Error::Seen(SeenError::Data(error)) => {
            is_wrong_source(error)
        }
        _ => false,
    }
}

fn is_wrong_server(error: &ServeError) -> bool {
    match error {
        ServeError::Open { .. } => true,
        ServeError::Run(error) => error.downcast_ref::<Error>().is_some_and(is_request),
        _ => false,
    }
}

fn is_wrong_source(error: &DataError) -> bool {
    use adepts::data::FolderError::{NotPrepared, PreparedOtherwise, WouldReplace};
    matches!(
        error,
        DataError::MissingFile { .. }
            | DataError::NothingMatches { .. }
            | DataError::BadPattern { .. }
            | DataError::EmptyFolder { .. }
            | DataError::UnknownFormat { .. }
            | DataError::BadDelimiter { .. }
            | DataError::UnknownColumn { .. }
            | DataError::NoSuchPosition { .. }
            | DataError::NoColumnFor { .. }
            | DataError::SameColumn { .. }
            | DataError::NeedsColumn { .. }
            | DataError::BadFilter { .. }
            | DataError::Group(_)
            | DataError::Simulation(_)
            | DataError::Tabular(
                TabularError::NeedsColumn { .. }
                    | TabularError::NoFields
                    | TabularError::Setting { .. }
                    | TabularError::Twice { .. }
                    | TabularError::OtherFamily { .. }
                    | TabularError::NoSuchDomain { .. }
                    | TabularError::ListedTwice { .. }
            )
            | DataError::Split(
                SplitError::Share { .. }
                    | SplitError::SharesTooLarge { .. }
                    | SplitError::Count { .. }
                    | SplitError::WithoutTimes { .. }
                    | SplitError::All
            )
            | DataError::Folder(NotPrepared { .. } | PreparedOtherwise { .. } | WouldReplace { .. })
    )
}
