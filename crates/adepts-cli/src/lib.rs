//! The adepts command line.
