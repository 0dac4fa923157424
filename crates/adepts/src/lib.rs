//! The front hall: one experiment from configuration to report.
