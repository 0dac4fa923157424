//! What work will take in memory, said before it starts.

use std::fmt;

/// The parts of what will be resident at once, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Each part with its size.
    pub parts: Vec<(String, u64)>,
}

impl Memory {
    /// Adds a part of `count` 32-bit floats.
    #[must_use]
    pub fn floats(mut self, part: &str, count: usize) -> Self {
        self.parts.push((part.to_owned(), 4 * count as u64));
        self
    }

    /// All parts together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.parts.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// `3.1 GB = parameters 0.4 GB + …`
impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Bytes(self.total()))?;
        for (i, (part, bytes)) in self.parts.iter().enumerate() {
            write!(f, " {} {part} {}", if i == 0 { "=" } else { "+" }, Bytes(*bytes))?;
        }
        Ok(())
    }
}

/// A size in bytes as a person reads it.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        match self.0 {
            0..1_000_000 => write!(f, "{:.1} kB", bytes / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.1} MB", bytes / 1e6),
            _ => write!(f, "{:.2} GB", bytes / 1e9),
        }
    }
}
