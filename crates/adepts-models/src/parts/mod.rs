//! What several models are made of.

pub mod init;
