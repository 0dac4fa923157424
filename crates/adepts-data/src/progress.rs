//! How long work says where it is; libraries print nothing themselves.

/// Told of progress: what is being done, how much is done, and how much there is, if known.
pub type Progress<'a> = &'a mut dyn FnMut(&str, u64, Option<u64>);

/// For callers that do not want to know.
pub fn silent(_: &str, _: u64, _: Option<u64>) {}
