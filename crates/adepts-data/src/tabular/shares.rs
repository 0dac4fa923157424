//! What a proposed table makes of a log: the rows of each domain, and the columns that are no fields.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;

use super::config::{TabularConfig, shown};
use super::raw_files::RawFiles;
use super::values::label;
use crate::error::DataError;
use crate::inspect::Inspection;
use crate::progress::silent;
use crate::source::{At, Cell, Flow, Role, Sink};

/// The rows of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DomainShare {
    /// The domain as it is spelled.
    pub domain: String,
    /// Its rows that have a label.
    pub rows: u64,
    /// Those of them with the label 1.
    pub positive: u64,
}

/// How many rows each domain has, and how many of them have the label 1; the domain with the most rows first. Rows without a
/// domain or a label are passed over.
///
/// # Errors
/// If the files cannot be read, or do not have the columns of label and domain.
pub fn domain_shares(data: &TabularConfig) -> Result<Vec<DomainShare>, DataError> {
    let columns = vec![data.label.column.clone(), data.domain.clone()];
    let source = RawFiles::from(data).open(columns.clone(), &mut silent)?;
    let wanted = columns.iter().map(|column| source.find(column)).collect::<Result<Vec<_>, _>>()?;
    let mut counting = Counting { at_least: data.label.at_least, domains: BTreeMap::new() };
    source.read(&wanted, &mut counting, &mut silent)?;
    let share = |(domain, (rows, positive))| DomainShare { domain, rows, positive };
    let mut shares: Vec<_> = counting.domains.into_iter().map(share).collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.rows));
    Ok(shares)
}

struct Counting {
    at_least: Option<f64>,
    domains: BTreeMap<String, (u64, u64)>,
}

impl Sink for Counting {
    fn row(&mut self, _: At<'_>, cells: &[Cell<'_>]) -> Flow {
        if let Some(label) = label(cells[0], self.at_least)
            && !matches!(cells[1], Cell::Missing | Cell::Raw("") | Cell::Text(""))
        {
            let counts = self.domains.entry(cells[1].spelling()).or_default();
            counts.0 += 1;
            counts.1 += u64::from(label > 0.0);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn malformed(&mut self, _: DataError) -> Flow {
        Ok(ControlFlow::Continue(()))
    }
}

/// A column that is not among the fields of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its name.
    pub column: String,
    /// Why.
    pub why: &'static str,
}

/// The columns that a proposal leaves out, and why.
#[must_use]
pub fn left_out(inspection: &Inspection, proposed: &TabularConfig) -> Vec<LeftOut> {
    let named = [&proposed.label.column, &proposed.domain].into_iter().chain(&proposed.time);
    let fields = proposed.fields.iter().map(|field| &field.column);
    let dense = proposed.dense.iter().map(|field| &field.column);
    let used: Vec<String> = named.chain(fields).chain(dense).map(shown).collect();
    let out = inspection.columns.iter().filter(|column| !used.contains(&column.name));
    out.map(|column| {
        let why = match (column.role, column.kind) {
            (Some(Role::Rating), _) => "a rating gives the label away",
            (_, "empty") => "it has no value",
            (_, "time") => "it holds times, which are no fields",
            _ if column.distinct < 2 => "it has a single value",
            _ => "it fits none of the kinds of fields",
        };
        LeftOut { column: column.name.clone(), why }
    })
    .collect()
}
