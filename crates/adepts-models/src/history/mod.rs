//! History models.

pub mod ease;
pub mod itemknn;
pub mod mixture;
pub mod popularity;
