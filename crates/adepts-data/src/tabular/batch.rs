//! Rows as columns of codes and numbers.

/// What the columns of prepared tabular data are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The categorical fields.
    pub fields: Vec<Field>,
    /// The names of the dense fields.
    pub dense: Vec<String>,
    /// The names of the domains; a row holds an index into them.
    pub domains: Vec<String>,
    /// Number of users that rows may name; 0 where no user column was given.
    pub users: usize,
    /// For retrieval: which columns are the item's.
    pub items: Option<ItemColumns>,
}

/// Which of the columns describe the item; the others describe who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemColumns {
    /// Number of items in the catalogue.
    pub count: usize,
    /// The places of the item's categorical fields, ascending.
    pub fields: Vec<usize>,
    /// The places of the item's dense fields, ascending.
    pub dense: Vec<usize>,
}

/// The user of a row that has none.
pub const NO_USER: u32 = u32::MAX;

/// A categorical field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Codes are below it; code 0 stands for unknown and missing values.
    pub size: usize,
    /// Whether a row has a list of codes instead of one.
    pub many: bool,
}

/// The codes of one categorical field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codes {
    /// One for each row.
    One(Vec<u32>),
    /// A list for each row, which may be empty.
    Many {
        /// Where the list of each row begins, and at the end where the last one ends: `rows + 1` numbers from 0.
        starts: Vec<u32>,
        /// The lists, one behind the other.
        codes: Vec<u32>,
    },
}

impl Codes {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::One(codes) => codes.len(),
            Self::Many { starts, .. } => starts.len() - 1,
        }
    }

    /// The codes of a row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[u32] {
        match self {
            Self::One(codes) => &codes[row..=row],
            Self::Many { starts, codes } => &codes[starts[row] as usize..starts[row + 1] as usize],
        }
    }

    /// No rows of the same kind.
    fn none(&self) -> Self {
        match self {
            Self::One(_) => Self::One(Vec::new()),
            Self::Many { .. } => Self::Many { starts: vec![0], codes: Vec::new() },
        }
    }

    /// Makes room for the rows of `all`, and for no more.
    fn reserve_for<'c>(&mut self, all: impl Iterator<Item = &'c Self> + Clone) {
        let of = |codes: &Self| match codes {
            Self::One(codes) | Self::Many { codes, .. } => codes.len(),
        };
        let rows = all.clone().map(Self::rows).sum();
        let values = all.map(of).sum();
        match self {
            Self::One(codes) => codes.reserve_exact(values),
            Self::Many { starts, codes } => {
                starts.reserve_exact(rows);
                codes.reserve_exact(values);
            }
        }
    }

    fn push(&mut self, row: &[u32]) {
        match self {
            Self::One(codes) => codes.extend_from_slice(row),
            Self::Many { starts, codes } => {
                codes.extend_from_slice(row);
                starts.push(codes.len() as u32);
            }
        }
    }
}

/// Some rows, column by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TabularBatch {
    /// For each categorical field of the schema its codes.
    pub fields: Vec<Codes>,
    /// The dense fields, standardised: `[rows, dense]`, row by row.
    pub dense: Vec<f32>,
    /// The domain of each row.
    pub domain: Vec<u32>,
    /// The label of each row, 0 or 1; prediction does not read it.
    pub label: Vec<f32>,
    /// The user of each row, for measures by user, [`NO_USER`] where it has none; empty where the schema has none.
    pub user: Vec<u32>,
    /// The place in the catalogue of each row's item; empty where the schema has no items.
    pub item: Vec<u32>,
    /// The logarithm of the share of the training rows that have the row's item (nats), where training asks for it.
    pub log_share: Vec<f32>,
}

impl TabularBatch {
    /// No rows of a schema.
    #[must_use]
    pub fn none(schema: &Schema) -> Self {
        let field = |field: &Field| {
            if field.many { Codes::Many { starts: vec![0], codes: Vec::new() } } else { Codes::One(Vec::new()) }
        };
        Self { fields: schema.fields.iter().map(field).collect(), ..Self::default() }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.domain.len()
    }

    /// These rows, in this order.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        let width = self.dense.len() / self.rows().max(1);
        let of_field = |field: &Codes| {
            if let Codes::One(codes) = field {
                return Codes::One(rows.iter().map(|row| codes[*row as usize]).collect());
            }
            let mut chosen = field.none();
            for &row in rows {
                chosen.push(field.row(row as usize));
            }
            chosen
        };
        let mut dense = Vec::with_capacity(rows.len() * width);
        for &row in rows {
            dense.extend_from_slice(&self.dense[row as usize * width..][..width]);
        }
        Self {
            fields: self.fields.iter().map(of_field).collect(),
            dense,
            domain: rows.iter().map(|row| self.domain[*row as usize]).collect(),
            label: rows.iter().map(|row| self.label[*row as usize]).collect(),
            user: chosen(&self.user, rows),
            item: chosen(&self.item, rows),
            log_share: chosen(&self.log_share, rows),
        }
    }

    /// Drops all rows.
    pub(super) fn clear(&mut self) {
        for field in &mut self.fields {
            match field {
                Codes::One(codes) => codes.clear(),
                Codes::Many { starts, codes } => {
                    starts.truncate(1);
                    codes.clear();
                }
            }
        }
        self.dense.clear();
        self.domain.clear();
        self.label.clear();
        self.user.clear();
        self.item.clear();
        self.log_share.clear();
    }

    /// All of these one behind the other, in memory of just their size.
    ///
    /// # Panics
    /// If they differ in fields.
    #[must_use]
    pub fn joined(all: &[Self]) -> Self {
        let Some(first) = all.first() else { return Self::default() };
        let mut joined = Self { fields: first.fields.iter().map(Codes::none).collect(), ..Self::default() };
        for (nth, field) in joined.fields.iter_mut().enumerate() {
            field.reserve_for(all.iter().filter_map(|batch| batch.fields.get(nth)));
        }
        let total = |of: fn(&Self) -> usize| all.iter().map(of).sum::<usize>();
        joined.dense.reserve_exact(total(|batch| batch.dense.len()));
        joined.domain.reserve_exact(total(|batch| batch.domain.len()));
        joined.label.reserve_exact(total(|batch| batch.label.len()));
        joined.user.reserve_exact(total(|batch| batch.user.len()));
        joined.item.reserve_exact(total(|batch| batch.item.len()));
        for batch in all {
            joined.append(batch);
        }
        joined
    }

    /// Adds the rows of `other` behind these; both must be of one schema.
    ///
    /// # Panics
    /// If they differ in fields.
    pub fn append(&mut self, other: &Self) {
        if self.rows() == 0 && self.fields.len() != other.fields.len() {
            self.clone_from(other);
            return;
        }
        assert_eq!(self.fields.len(), other.fields.len(), "rows of different schemas");
        for (field, more) in self.fields.iter_mut().zip(&other.fields) {
            match (field, more) {
                (Codes::One(codes), Codes::One(more)) => codes.extend_from_slice(more),
                (Codes::Many { starts, codes }, Codes::Many { starts: at, codes: more }) => {
                    let before = codes.len() as u32;
                    starts.extend(at[1..].iter().map(|end| before + end));
                    codes.extend_from_slice(more);
                }
                _ => panic!("rows of different schemas"),
            }
        }
        self.dense.extend_from_slice(&other.dense);
        self.domain.extend_from_slice(&other.domain);
        self.label.extend_from_slice(&other.label);
        self.user.extend_from_slice(&other.user);
        self.item.extend_from_slice(&other.item);
        self.log_share.extend_from_slice(&other.log_share);
    }
}

/// These rows of a column that may be absent.
fn chosen<T: Copy>(column: &[T], rows: &[u32]) -> Vec<T> {
    if column.is_empty() { Vec::new() } else { rows.iter().map(|row| column[*row as usize]).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> TabularBatch {
        TabularBatch {
            fields: vec![Codes::One(vec![4, 5, 6]), Codes::Many { starts: vec![0, 2, 2, 3], codes: vec![1, 2, 3] }],
            dense: vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5],
            domain: vec![0, 1, 1],
            label: vec![1.0, 0.0, 1.0],
            user: vec![7, 8, 7],
            item: vec![2, 0, 1],
            log_share: Vec::new(),
        }
    }

    #[test]
    fn chosen_rows_one_behind_the_other_are_the_rows() {
        let all = three();
        let mut put_together = all.select(&[0]);
        put_together.append(&all.select(&[1, 2]));
        assert_eq!(put_together, all);
        let turned = all.select(&[2, 0]);
        assert_eq!(turned.fields[1].row(0), [3]);
        assert_eq!(turned.fields[1].row(1), [1, 2]);
        assert_eq!(turned.dense, [2.0, 2.5, 0.0, 0.5]);
        assert_eq!((turned.domain, turned.user, turned.item), (vec![1, 0], vec![7, 7], vec![1, 2]));
    }

    #[test]
    fn what_is_joined_takes_the_memory_of_its_rows() {
        let all = three();
        let pieces: Vec<TabularBatch> = (0..3).map(|row| all.select(&[row])).collect();
        let joined = TabularBatch::joined(&pieces);
        assert_eq!(joined, all);
        assert_eq!((joined.dense.capacity(), joined.domain.capacity(), joined.user.capacity()), (6, 3, 3));
        let Codes::Many { starts, codes } = &joined.fields[1] else { panic!("a field of lists") };
        assert_eq!((starts.capacity(), codes.capacity()), (4, 3));
        assert_eq!(TabularBatch::joined(&[]), TabularBatch::default());
    }

    #[test]
    fn rows_can_be_added_to_nothing() {
        let mut none = TabularBatch::default();
        none.append(&three());
        assert_eq!(none, three());
    }
}
