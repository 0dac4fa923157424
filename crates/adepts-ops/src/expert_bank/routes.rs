//! Which rows of a batch go to which expert.

/// The pairs of an expert and a row whose gate is not 0, by expert and then by row, both ascending.
#[derive(Debug)]
pub(crate) struct Routes {
    /// Number of rows of the batch.
    pub(crate) batch: usize,
    /// Where each expert's pairs begin and the last one's end.
    pub(crate) starts: Vec<usize>,
    /// The row of each pair.
    pub(crate) rows: Vec<u32>,
    /// The gate of each pair.
    pub(crate) gates: Vec<f32>,
    /// Where the pairs of each row begin in `pairs` and the last one's end.
    of_row: Vec<usize>,
    /// The pairs of each row, by ascending expert.
    pairs: Vec<usize>,
}

/// A piece of an expert's pairs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) expert: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Routes {
    /// The routes that gates `[B, E]` select.
    pub(crate) fn new(gates: &[f32], experts: usize) -> Self {
        let batch = gates.len().checked_div(experts).unwrap_or(0);
        if gates.iter().all(|gate| *gate != 0.0) {
            return Self::all(gates, batch, experts);
        }
        let mut starts = vec![0; experts + 1];
        let (mut of_row, mut selected) = (vec![0; batch + 1], Vec::with_capacity(batch));
        for (row, gates) in gates.chunks(experts.max(1)).enumerate() {
            select(gates, |expert, gate| {
                selected.push((expert, row as u32, gate));
                starts[expert + 1] += 1;
            });
            of_row[row + 1] = selected.len();
        }
        for expert in 0..experts {
            starts[expert + 1] += starts[expert];
        }
        let count = selected.len();
        let (mut rows, mut of_pair, mut pairs) = (vec![0; count], vec![0.0; count], Vec::with_capacity(count));
        let mut next = starts.clone();
        for (expert, row, gate) in selected {
            let next = &mut next[expert];
            rows[*next] = row;
            of_pair[*next] = gate;
            pairs.push(*next);
            *next += 1;
        }
        Self { batch, starts, rows, gates: of_pair, of_row, pairs }
    }

    /// Every row to every expert.
    fn all(gates: &[f32], batch: usize, experts: usize) -> Self {
        let of_expert = |expert: usize| (0..batch).map(move |row| gates[row * experts + expert]);
        Self {
            batch,
            starts: (0..=experts).map(|expert| expert * batch).collect(),
            rows: (0..experts).flat_map(|_| 0..batch as u32).collect(),
            gates: (0..experts).flat_map(of_expert).collect(),
            of_row: (0..=batch).map(|row| row * experts).collect(),
            pairs: (0..batch).flat_map(|row| (0..experts).map(move |expert| expert * batch + row)).collect(),
        }
    }

    /// Number of experts.
    pub(crate) fn experts(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether every row goes to every expert: pair `e · B + b` is then that of expert e and row b.
    pub(crate) fn dense(&self) -> bool {
        self.rows.len() == self.batch * self.experts()
    }

    /// Whether every row goes to one expert, and rows stand by expert: pair `b` is then that of row b.
    pub(crate) fn in_order(&self) -> bool {
        self.rows.len() == self.batch && self.rows.iter().zip(0..).all(|(row, pair)| *row == pair)
    }

    /// The pairs of a row, by ascending expert.
    #[inline]
    pub(crate) fn pairs(&self, row: usize) -> &[usize] {
        &self.pairs[self.of_row[row]..self.of_row[row + 1]]
    }

    /// The pairs of all experts, cut into pieces of at most `most`.
    pub(crate) fn pieces(&self, most: usize) -> Vec<Piece> {
        let of = |expert: usize| {
            let end = self.starts[expert + 1];
            (self.starts[expert]..end).step_by(most).map(move |from| Piece { expert, from, to: end.min(from + most) })
        };
        (0..self.experts()).flat_map(of).collect()
    }

    /// The first row of pairs that are a run of consecutive rows.
    pub(crate) fn run(&self, from: usize, to: usize) -> Option<usize> {
        let rows = &self.rows[from..to];
        let (first, last) = (*rows.first()? as usize, *rows.last()? as usize);
        (last - first + 1 == rows.len()).then_some(first)
    }
}

/// Gates that are looked at together, because most are 0.
const BLOCK: usize = 16;

/// Finds the gates of a row that are not 0.
#[inline]
fn select(gates: &[f32], mut found: impl FnMut(usize, f32)) {
    for (block, gates) in gates.chunks(BLOCK).enumerate() {
        if gates.iter().map(|gate| u32::from(*gate != 0.0)).sum::<u32>() > 0 {
            for (at, gate) in gates.iter().enumerate().filter(|(_, gate)| **gate != 0.0) {
                found(block * BLOCK + at, *gate);
            }
        }
    }
}
