//! Which models are there?
