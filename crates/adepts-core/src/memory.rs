//! What work will take in memory, said before it starts.

use std::fmt;

/// The parts of what will be resident at once, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Each part with its size.
    pub parts: Vec<(String, u64)>,
}

impl Memory {
    /// Adds a part of `count` 32-bit floats; what is beyond any machine stays there.
    #[must_use]
    pub fn floats(mut self, part: &str, count: usize) -> Self {
        self.parts.push((part.to_owned(), (count as u64).saturating_mul(4)));
        self
    }

    /// Adds a part of so many bytes.
    #[must_use]
    pub fn bytes(mut self, part: &str, bytes: u64) -> Self {
        self.parts.push((part.to_owned(), bytes));
        self
    }

    /// All parts together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.parts.iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }
}

/// The number of elements of an array of this shape, which may be absurd before it is refused: at most `usize::MAX`.
#[must_use]
pub fn elements(shape: &[usize]) -> usize {
    shape.iter().fold(1, |product, size| product.saturating_mul(*size))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_sizes_stay_absurd() {
        assert_eq!(elements(&[3, 4, 5]), 60);
        let huge = elements(&[usize::MAX, 7]);
        assert_eq!(huge, usize::MAX);
        let memory = Memory::default().floats("one", huge).floats("another", huge);
        assert_eq!(memory.total(), u64::MAX);
        assert_eq!(Memory::default().floats("a", 2).floats("b", 3).total(), 20);
    }
}
