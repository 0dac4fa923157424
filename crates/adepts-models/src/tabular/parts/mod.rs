//! What rankers are made of: the embedding of a batch, stacks of small networks, running statistics, named pieces.

pub mod embedding;
pub mod gate;
pub mod running;
pub mod slots;
pub mod stack;

pub use embedding::{DomainField, Embedded, Embedding, Layout, Pass};
pub use running::Running;
pub use slots::{Named, Slot, Slots};
pub use stack::{Norm, Shape, Stack, linear};
