//! Examples: rows of fields, a domain and a label, from which rankers learn.

mod batch;

pub use batch::{Codes, Examples, Field, Schema};
