//! From the columns of a batch to the numbers that a model sees: embeddings of the fields, and dense fields as they are.

use std::sync::Arc;

use adepts_core::memory::elements;
use adepts_core::{LazyTables, Leaf, Memory, Step, Tensors, TensorsError};
use adepts_data::tabular::{self, Schema, TabularBatch};
use adepts_ops::embedding::{Codes, gather_into, put_into};
use adepts_ops::mixture::kernel::Cut;
use adepts_ops::table::Table;
use burn::tensor::{Device, Tensor, TensorData};

use super::slots::{Named, Slots, matrix};
use crate::parts::init;

/// Tables of more rows than this stand outside automatic differentiation, so that an update costs what its rows cost.
pub const LARGE: usize = 100_000;
/// Standard deviation of initial embeddings.
pub const DEVIATION: f32 = 1e-4;

/// What the domain is for the embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainField {
    /// Nothing: the model looks at it elsewhere.
    Absent,
    /// One more field.
    Feature,
    /// Each domain has tables of its own.
    Apart,
}

impl DomainField {
    /// What the domain is for items beside such users: they have one only where domains share nothing.
    #[must_use]
    pub fn of_items(self) -> Self {
        if self == Self::Apart { Self::Apart } else { Self::Absent }
    }
}

/// How a model embeds its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Floats of an embedding.
    pub width: usize,
    /// What is done with the domain.
    pub domain: DomainField,
}

/// A table before it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSize {
    /// Its name.
    pub name: String,
    /// Its rows, those of all domains where each has a table of its own.
    pub rows: usize,
    /// The rows of one domain's table, by which it is large or not: a model for each domain is trained as if it stood alone.
    pub own: usize,
}

impl TableSize {
    fn is_outside(&self, lazy: LazyTables) -> bool {
        match lazy {
            LazyTables::Large => self.own > LARGE,
            LazyTables::All => true,
            LazyTables::None => false,
        }
    }
}

impl Layout {
    /// The tables, in the order of the columns.
    #[must_use]
    pub fn tables(&self, schema: &Schema) -> Vec<TableSize> {
        let times = if self.domain == DomainField::Apart { schema.domains.len() } else { 1 };
        let of = |field: &tabular::Field| TableSize {
            name: format!("embedding.{}", field.name),
            rows: field.size.saturating_mul(times),
            own: field.size,
        };
        let mut tables: Vec<_> = schema.fields.iter().map(of).collect();
        if self.domain == DomainField::Feature {
            // No field has this name, because theirs begin with `embedding`.
            let (name, rows) = ("domain_embedding".to_owned(), schema.domains.len());
            tables.push(TableSize { name, rows, own: rows });
        }
        tables
    }

    /// Number of columns that the fields are turned into, dense ones among them.
    #[must_use]
    pub fn columns(&self, schema: &Schema) -> usize {
        elements(&[self.tables(schema).len(), self.width]).saturating_add(schema.dense.len())
    }

    /// What the tables take in training, and a batch of what they give.
    #[must_use]
    pub fn memory(&self, schema: &Schema, batch: usize, lazy: LazyTables) -> Memory {
        let (large, small): (Vec<_>, Vec<_>) =
            self.tables(schema).into_iter().partition(|table| table.is_outside(lazy));
        let [small, large] = [small, large].map(|tables| {
            elements(&[tables.iter().map(|table| table.rows).fold(0, usize::saturating_add), self.width])
        });
        let memory = Memory::default().floats("embeddings with gradients and moments", elements(&[4, small]));
        let memory = if large > 0 {
            memory.floats("embeddings updated row by row, with moments", elements(&[3, large]))
        } else {
            memory
        };
        memory.floats("a batch of embeddings and their gradients", elements(&[4, batch, self.columns(schema)]))
    }
}

/// Whether a pass is for learning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// It is, in this step.
    Training(Step),
    /// It is not; the result for a row does not depend on the other rows.
    Prediction,
}

impl Pass {
    /// How rows are cut for matrix products.
    #[must_use]
    pub fn cut(self) -> Cut {
        match self {
            Self::Training(_) => Cut::Whole,
            Self::Prediction => Cut::Tiles,
        }
    }
}

/// A batch as the layers see it.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// Embeddings of the fields, field by field, then the dense numbers: `[R, columns]`.
    pub z: Tensor<2>,
    /// The domain of each row.
    pub domain: Arc<Codes>,
    /// 1 for the domain of the row, 0 for others: `[R, D]`.
    pub own: Tensor<2>,
    /// What for.
    pub pass: Pass,
}

impl Embedded {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.z.dims()[0]
    }
}

/// The embeddings of the fields.
#[derive(Debug)]
pub struct Embedding {
    layout: Layout,
    fields: Vec<(String, Weight)>,
    dense: usize,
    domains: usize,
    device: Device,
}

#[derive(Debug)]
enum Weight {
    Small(Box<Tensor<2>>),
    Large(Table),
}

impl Embedding {
    /// Initial embeddings, N(0, 10⁻⁴²).
    #[must_use]
    pub fn init(layout: Layout, schema: &Schema, lazy: LazyTables, seed: u64, device: &Device) -> Self {
        let width = layout.width;
        let table = |table: TableSize| {
            let values = init::normal(seed, &table.name, table.rows * width, DEVIATION);
            let weight = if table.is_outside(lazy) {
                Weight::Large(Table::new(values, width))
            } else {
                let tensor = Tensor::from_data(TensorData::new(values, [table.rows, width]), device);
                Weight::Small(Box::new(tensor.require_grad()))
            };
            (table.name, weight)
        };
        let fields = layout.tables(schema).into_iter().map(table).collect();
        let (dense, domains) = (schema.dense.len(), schema.domains.len());
        Self { layout, fields, dense, domains, device: device.clone() }
    }

    /// The codes of each table's rows.
    fn codes(&self, batch: &TabularBatch, domain: &Arc<Codes>) -> Vec<Arc<Codes>> {
        let apart = self.layout.domain == DomainField::Apart;
        let of = |field: &tabular::Codes, rows: usize| {
            let size = (rows / self.domains.max(1)) as u32;
            let first = |row: usize| if apart { batch.domain[row] * size } else { 0 };
            match field {
                tabular::Codes::One(codes) => {
                    Codes::one(codes.iter().enumerate().map(|(row, code)| first(row) + code).collect())
                }
                tabular::Codes::Many { starts, .. } => {
                    let all =
                        (0..field.rows()).flat_map(|row| field.row(row).iter().map(move |code| first(row) + code));
                    Codes::many(starts.clone(), all.collect())
                }
            }
        };
        let mut codes: Vec<_> = batch
            .fields
            .iter()
            .zip(&self.fields)
            .map(|(field, (_, weight))| Arc::new(of(field, weight.rows())))
            .collect();
        if self.layout.domain == DomainField::Feature {
            codes.push(Arc::clone(domain));
        }
        codes
    }

    /// A batch, and what was gathered from large tables.
    ///
    /// # Panics
    /// If the batch is of another schema.
    #[must_use]
    pub fn embed(&self, batch: &TabularBatch, pass: Pass) -> (Embedded, Vec<Leaf>) {
        let rows = batch.rows();
        let fits = batch.dense.len() == rows * self.dense && batch.domain.iter().all(|d| (*d as usize) < self.domains);
        assert!(fits, "embed: {rows} rows of {} dense fields in {} domains", self.dense, self.domains);
        let training = matches!(pass, Pass::Training(_));
        let device = if training { self.device.clone() } else { self.device.clone().inner() };
        let domain = Arc::new(Codes::one(batch.domain.clone()));
        let codes = self.codes(batch, &domain);
        assert_eq!(codes.len(), self.fields.len(), "embed: fields");
        let mut leaves = Vec::new();
        let mut z = self.dense_columns(batch, &device);
        for (nth, (codes, (_, weight))) in codes.into_iter().zip(&self.fields).enumerate() {
            let from = nth * self.layout.width;
            z = match weight {
                Weight::Small(weight) if training => gather_into(z, from, (**weight).clone(), &codes),
                Weight::Small(weight) => gather_into(z, from, (**weight).clone().inner(), &codes),
                Weight::Large(table) => {
                    let mut gathered = vec![0.0; rows * table.width()];
                    table.gather(&codes, &mut gathered);
                    let gathered = Tensor::from_data(TensorData::new(gathered, [rows, table.width()]), &device);
                    let gathered = if training { gathered.require_grad() } else { gathered };
                    if training {
                        leaves.push(Leaf { table: leaves.len(), codes, rows: gathered.clone() });
                    }
                    put_into(z, from, gathered)
                }
            };
        }
        let mut own = vec![0.0; rows * self.domains];
        for (row, domain) in batch.domain.iter().enumerate() {
            own[row * self.domains + *domain as usize] = 1.0;
        }
        let own = Tensor::from_data(TensorData::new(own, [rows, self.domains]), &device);
        (Embedded { z, domain, own, pass }, leaves)
    }

    /// The dense columns behind room for those of the fields.
    fn dense_columns(&self, batch: &TabularBatch, device: &Device) -> Tensor<2> {
        let of_fields = self.fields.len() * self.layout.width;
        let columns = of_fields + self.dense;
        let mut z = vec![0.0; batch.rows() * columns];
        if self.dense > 0 {
            for (z, dense) in z.chunks_exact_mut(columns).zip(batch.dense.chunks_exact(self.dense)) {
                z[of_fields..].copy_from_slice(dense);
            }
        }
        Tensor::from_data(TensorData::new(z, [batch.rows(), columns]), device)
    }

    /// Number of large tables.
    #[must_use]
    pub fn large(&self) -> usize {
        self.fields.iter().filter(|(_, weight)| matches!(weight, Weight::Large(_))).count()
    }

    /// The large tables.
    pub fn tables(&mut self) -> Vec<(String, &mut Table)> {
        let mut tables = Vec::new();
        for (name, weight) in &mut self.fields {
            if let Weight::Large(table) = weight {
                tables.push((name.clone(), table));
            }
        }
        tables
    }

    /// Adds all tables to `tensors`.
    pub fn save(&self, tensors: &mut Tensors) {
        for (name, weight) in &self.fields {
            match weight {
                Weight::Small(tensor) => tensors.insert_tensor(name, &**tensor),
                Weight::Large(table) => tensors.insert_shared(name, &[table.rows(), table.width()], table.weight()),
            }
        }
    }

    /// Replaces all tables by saved ones, whose names it returns; moments of large tables begin anew.
    pub fn load(&mut self, tensors: &Tensors) -> Result<Vec<String>, TensorsError> {
        for (name, weight) in &mut self.fields {
            let shape = [weight.rows(), self.layout.width];
            match weight {
                Weight::Small(slot) => **slot = tensors.tensor(name, shape, &self.device)?.require_grad(),
                Weight::Large(table) => *table = Table::new(tensors.share(name, &shape)?, shape[1]),
            }
        }
        Ok(self.fields.iter().map(|(name, _)| name.clone()).collect())
    }
}

impl Weight {
    fn rows(&self) -> usize {
        match self {
            Self::Small(tensor) => tensor.dims()[0],
            Self::Large(table) => table.rows(),
        }
    }
}

/// The tables that are parameters.
impl Named for Embedding {
    fn slots(&mut self) -> Slots<'_> {
        let mut slots = Vec::new();
        for (name, weight) in &mut self.fields {
            if let Weight::Small(tensor) = weight {
                slots.push(matrix(name, tensor));
            }
        }
        slots
    }
}
