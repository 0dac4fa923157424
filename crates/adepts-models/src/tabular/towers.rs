//! Two towers for retrieval: a trunk turns users into vectors, a network turns items into vectors, and the inner product is the
//! score (Covington, Adams & Sargin 2016; Yi et al. 2019).

use adepts_core::tensors::values;
use adepts_core::{
    Leaf, Parameter, Step, TabularLearner, TabularLoss, TabularModel, Tensors, TensorsError, Towers, TowersConfig, Work,
};
use adepts_data::tabular::{Schema, Side, TabularBatch};
use adepts_ops::table::Table;
use burn::tensor::{Device, Tensor, TensorData};

use super::model::{BLOCK, Output, Term, Trunk};
use super::parts::slots::{counted, freeze, load, parameters, recount, save};
use super::parts::{Embedded, Embedding, Named, Pass, Slots, Stack, linear};
use super::softmax::{offsets, sampled_softmax};

/// Added to squared lengths.
const EPSILON: f32 = 1e-12;

/// From the user's columns to vectors.
#[derive(Debug)]
pub struct UserTower<T> {
    /// Of the user's fields.
    pub embedding: Embedding,
    /// What follows.
    pub trunk: T,
}

/// From the item's columns to vectors.
#[derive(Debug)]
pub struct ItemTower {
    /// Of the item's fields.
    pub embedding: Embedding,
    /// One network, or one for each domain.
    pub layers: Stack,
    /// Whether there is one for each domain.
    pub apart: bool,
}

impl ItemTower {
    fn forward(&self, layers: &Stack, rows: &Embedded) -> Tensor<2> {
        if self.apart {
            layers.mix(rows.z.clone(), rows.own.clone(), rows.pass)
        } else {
            layers.one(rows.z.clone(), rows.pass)
        }
    }
}

/// A model for retrieval.
#[derive(Debug)]
pub struct TwoTowers<T> {
    schema: Schema,
    config: TowersConfig,
    user: UserTower<T>,
    item: ItemTower,
    work: Work,
}

impl<T: Trunk> TwoTowers<T> {
    /// A model of these parts for rows of `schema`.
    #[must_use]
    pub fn new(schema: Schema, config: TowersConfig, user: UserTower<T>, item: ItemTower, work: Work) -> Self {
        Self { schema, config, user, item, work }
    }

    /// What is no large table.
    fn slots(&mut self) -> Slots<'_> {
        let mut slots = self.user.embedding.slots();
        slots.extend(self.user.trunk.slots());
        slots.extend(self.item.embedding.slots());
        slots.extend(self.item.layers.slots());
        slots
    }

    /// The trunk and the layers of items; those are also slots that are no embedding.
    fn networks(&self) -> (T, Stack) {
        (self.user.trunk.clone(), self.item.layers.clone())
    }

    fn frozen(&self) -> (T, Stack) {
        let (mut trunk, mut layers) = self.networks();
        freeze(trunk.slots());
        freeze(layers.slots());
        (trunk, layers)
    }

    fn normalised(&self, vectors: Tensor<2>) -> Tensor<2> {
        if !self.config.normalise {
            return vectors;
        }
        let squared = vectors.clone().square().sum_dim(1);
        vectors / (squared + EPSILON).sqrt()
    }

    /// Vectors for answers, `[rows, width]`, block by block.
    fn vectors(
        &self,
        embedding: &Embedding,
        rows: &TabularBatch,
        forward: &dyn Fn(&Embedded) -> Tensor<2>,
    ) -> Vec<f32> {
        let mut found = Vec::with_capacity(rows.rows() * self.config.dimension);
        for first in (0..rows.rows()).step_by(BLOCK) {
            let block: Vec<u32> = (first as u32..rows.rows().min(first + BLOCK) as u32).collect();
            let (embedded, _) = embedding.embed(&rows.select(&block), Pass::Prediction);
            found.extend(values(&forward(&embedded)));
        }
        if self.config.normalise {
            for vector in found.chunks_exact_mut(self.config.dimension) {
                let squared: f32 = vector.iter().map(|x| x * x).sum();
                let length = (squared + EPSILON).sqrt();
                for x in vector {
                    *x /= length;
                }
            }
        }
        found
    }

    fn user_vectors(&self, rows: &TabularBatch) -> Vec<f32> {
        let (trunk, _) = self.frozen();
        self.vectors(&self.user.embedding, rows, &|rows| trunk.forward(rows).logit)
    }

    fn item_vectors(&self, rows: &TabularBatch) -> Vec<f32> {
        let (_, layers) = self.frozen();
        self.vectors(&self.item.embedding, rows, &|rows| self.item.forward(&layers, rows))
    }
}

impl<T: Trunk> Towers for TwoTowers<T> {
    fn width(&self) -> usize {
        self.config.dimension
    }

    fn apart(&self) -> bool {
        self.item.apart
    }

    fn users(&self, rows: &TabularBatch) -> Vec<f32> {
        self.user_vectors(rows)
    }

    fn items(&self, rows: &TabularBatch) -> Tensor<2> {
        let (count, width) = (rows.rows(), self.config.dimension);
        let vectors = self.item_vectors(rows);
        let mut turned = vec![0.0; vectors.len()];
        for (item, vector) in vectors.chunks_exact(width).enumerate() {
            for (at, value) in vector.iter().enumerate() {
                turned[at * count + item] = *value;
            }
        }
        Tensor::from_data(TensorData::new(turned, [width, count]), &Device::flex())
    }

    fn scores(&self, users: &[f32], items: &Tensor<2>, scores: &mut [f32]) {
        let (width, device) = (self.config.dimension, items.device());
        let users = Tensor::<2>::from_data(TensorData::new(users.to_vec(), [users.len() / width, width]), &device);
        scores.copy_from_slice(&values(&linear(users, items.clone(), Pass::Prediction)));
    }
}

impl<T: Trunk> TabularModel for TwoTowers<T> {
    fn score(&self, batch: &TabularBatch, scores: &mut [f32]) {
        assert_eq!(scores.len(), batch.rows(), "score: rows");
        let users = self.user_vectors(&batch.side(&self.schema, Side::User));
        let items = self.item_vectors(&batch.side(&self.schema, Side::Item));
        let width = self.config.dimension;
        for ((score, user), item) in scores.iter_mut().zip(users.chunks(width)).zip(items.chunks(width)) {
            *score = user.iter().zip(item).map(|(u, v)| u * v).sum();
        }
    }

    fn experts(&self) -> usize {
        self.user.trunk.experts()
    }

    fn gates(&self, batch: &TabularBatch) -> Vec<f32> {
        let (trunk, _) = self.frozen();
        let rows = batch.side(&self.schema, Side::User);
        let mut found = Vec::new();
        for first in (0..rows.rows()).step_by(BLOCK) {
            let block: Vec<u32> = (first as u32..rows.rows().min(first + BLOCK) as u32).collect();
            let (embedded, _) = self.user.embedding.embed(&rows.select(&block), Pass::Prediction);
            found.extend(trunk.gates(&embedded).map_or_else(Vec::new, |gates| values(&gates)));
        }
        found
    }

    fn expert_outputs(&self, batch: &TabularBatch) -> Vec<f32> {
        let (trunk, _) = self.frozen();
        let rows = self.user.embedding.embed(&batch.side(&self.schema, Side::User), Pass::Prediction).0;
        trunk.outputs(&rows).iter().flat_map(values).collect()
    }

    fn work(&self) -> Work {
        self.work
    }

    fn towers(&self) -> Option<&dyn Towers> {
        Some(self)
    }

    fn learner(&mut self) -> &mut dyn TabularLearner {
        self
    }

    fn save(&self) -> Tensors {
        let mut tensors = Tensors::default();
        self.user.embedding.save(&mut tensors);
        self.item.embedding.save(&mut tensors);
        let (mut trunk, mut layers) = self.networks();
        save(trunk.slots(), &mut tensors);
        save(layers.slots(), &mut tensors);
        tensors
    }

    fn load(&mut self, tensors: &Tensors) -> Result<(), TensorsError> {
        let mut known = self.user.embedding.load(tensors)?;
        known.extend(self.item.embedding.load(tensors)?);
        known.extend(load(self.user.trunk.slots(), tensors)?);
        known.extend(load(self.item.layers.slots(), tensors)?);
        match tensors.names().find(|name| !known.iter().any(|k| k == name)) {
            Some(name) => Err(TensorsError::Unknown { name: name.to_owned() }),
            None => Ok(()),
        }
    }
}

impl<T: Trunk> TabularLearner for TwoTowers<T> {
    fn parameters(&mut self) -> Vec<(String, Parameter<'_>)> {
        parameters(self.slots())
    }

    fn tables(&mut self) -> Vec<(String, &mut Table)> {
        let mut tables = self.user.embedding.tables();
        tables.extend(self.item.embedding.tables());
        tables
    }

    fn counted(&mut self) -> Tensors {
        counted(self.slots())
    }

    fn recount(&mut self, tensors: &Tensors) -> Result<(), TensorsError> {
        recount(self.slots(), tensors)
    }

    fn loss(&self, batch: &TabularBatch, step: &Step) -> TabularLoss {
        let (rows, pass) = (batch.rows(), Pass::Training(*step));
        let (users, mut leaves) = self.user.embedding.embed(&batch.side(&self.schema, Side::User), pass);
        let (items, of_items) = self.item.embedding.embed(&batch.side(&self.schema, Side::Item), pass);
        // Tables of items are counted behind those of users.
        let before = self.user.embedding.large();
        leaves.extend(of_items.into_iter().map(|leaf| Leaf { table: before + leaf.table, ..leaf }));
        let Output { logit, terms } = self.user.trunk.forward(&users);
        let vectors = self.normalised(self.item.forward(&self.item.layers, &items));
        let offsets = offsets(batch, self.config.correction, self.item.apart);
        let losses = sampled_softmax(self.normalised(logit), vectors, offsets, self.config.temperature);
        let mean = values(&losses).iter().map(|loss| f64::from(*loss)).sum::<f64>() / rows as f64;
        let weights = self.user.trunk.row_weights(batch).unwrap_or_else(|| vec![1.0 / rows as f32; rows]);
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [rows, 1]), &losses.device());
        let mut total = (losses * weights).sum();
        let mut parts = vec![("softmax", mean)];
        for Term { name, weight, value } in terms {
            parts.push((name, f64::from(values(&value)[0])));
            total = total + value * weight as f32;
        }
        TabularLoss { total, parts, leaves }
    }
}
