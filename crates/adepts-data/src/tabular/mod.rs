//! Tabular data: rows of fields, a domain and a label, from which tabular models learn.
//!
//! Raw rows are read twice and nothing of them is kept: the first pass cuts them into parts and counts the values of the
//! training part, the second one writes codes and standardised numbers, part by part, in row groups. From then on a part
//! is streamed: in the order of the source ([`TabularDataset::blocks`]), or shuffled for an epoch ([`TabularDataset::epoch`]).
//! New rows go through the same vocabularies ([`TabularDataset::encode`]).

mod ahead;
mod batch;
mod catalogue;
mod coder;
mod config;
mod count;
mod dense;
mod encode;
mod epoch;
mod folder;
mod had;
mod item;
mod item_file;
mod kept;
mod listed;
mod manifest;
mod origin;
mod part;
mod prepare;
mod propose;
mod raw_files;
mod read;
mod seen;
mod set;
mod shares;
mod short;
mod side;
mod simulate;
mod single;
mod skipped;
mod split;
mod streamed;
mod values;
mod vocabulary;
mod write;

pub use crate::error::{SkippedReason, TabularError};
pub use ahead::Ahead;
pub use batch::{Codes, Field, ItemColumns, NO_USER, Schema, TabularBatch};
pub use catalogue::{Catalogue, Shares};
pub use config::{DenseConfig, FieldConfig, LabelConfig, TabularConfig, TabularSplit, Transform};
pub use encode::{EncodeSummary, Encoded};
pub use epoch::Epoch;
pub use had::Had;
pub use item::ItemConfig;
pub use kept::{appended, repeated};
pub use manifest::{
    CatalogueNote, Coding, Counts, DenseColumn, DomainColumn, FORMAT, FieldColumn, FileNote, SeenNote, TabularManifest,
};
pub use origin::Origins;
pub use part::Blocks;
pub use propose::{NamedColumns, NoProposal, possible_domains, propose};
pub use raw_files::RawFiles;
pub use set::TabularDataset;
pub use shares::{DomainShare, LeftOut, domain_shares, left_out};
pub use side::Side;
pub use simulate::{DomainSummary, DomainsConfig, DomainsSummary, simulate_domains};
pub use single::{BadCell, CodedRows, RowCoder};
pub use streamed::Streamed;
