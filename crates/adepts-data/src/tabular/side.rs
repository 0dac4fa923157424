//! The two sides of a retrieval: who asks, and the item that is to be found.

use super::batch::{Codes, ItemColumns, Schema, TabularBatch};

/// A side of a retrieval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who asks.
    User,
    /// What is to be found.
    Item,
}

impl ItemColumns {
    /// The places of a side's columns among `all`, of which `items` are the item's.
    fn places(side: Side, all: usize, items: &[usize]) -> Vec<usize> {
        (0..all).filter(|place| items.contains(place) == (side == Side::Item)).collect()
    }
}

impl Schema {
    /// The columns of one side alone. Without items, all columns are the user's.
    #[must_use]
    pub fn side(&self, side: Side) -> Self {
        let none = ItemColumns::default();
        let items = self.items.as_ref().unwrap_or(&none);
        let fields = ItemColumns::places(side, self.fields.len(), &items.fields);
        let dense = ItemColumns::places(side, self.dense.len(), &items.dense);
        Self {
            fields: fields.into_iter().map(|place| self.fields[place].clone()).collect(),
            dense: dense.into_iter().map(|place| self.dense[place].clone()).collect(),
            domains: self.domains.clone(),
            users: if side == Side::User { self.users } else { 0 },
            items: None,
        }
    }
}

impl TabularBatch {
    /// The columns of one side of rows of `schema`, with the domain; labels and users stay with the user's side.
    ///
    /// # Panics
    /// If the rows are of another schema.
    #[must_use]
    pub fn side(&self, schema: &Schema, side: Side) -> Self {
        let (rows, width) = (self.rows(), schema.dense.len());
        let fits = self.fields.len() == schema.fields.len() && self.dense.len() == rows * width;
        assert!(fits, "side: rows of {} fields, the schema has {}", self.fields.len(), schema.fields.len());
        let none = ItemColumns::default();
        let items = schema.items.as_ref().unwrap_or(&none);
        let fields = ItemColumns::places(side, self.fields.len(), &items.fields);
        let places = ItemColumns::places(side, width, &items.dense);
        let mut dense = Vec::with_capacity(rows * places.len());
        for row in 0..rows {
            dense.extend(places.iter().map(|place| self.dense[row * width + place]));
        }
        let of_user = side == Side::User;
        Self {
            fields: fields.into_iter().map(|place| self.fields[place].clone()).collect(),
            dense,
            domain: self.domain.clone(),
            label: self.label.clone(),
            user: if of_user { self.user.clone() } else { Vec::new() },
            item: Vec::new(),
            log_share: Vec::new(),
        }
    }

    /// The columns of the user's side together with those of `items`, row by row, in the order of `schema`.
    ///
    /// # Panics
    /// If these are not both sides of rows of the schema.
    pub(super) fn with_items(self, items: Self, schema: &Schema) -> Self {
        let (rows, width) = (self.rows(), schema.dense.len());
        let none = ItemColumns::default();
        let places = schema.items.as_ref().unwrap_or(&none);
        let fits = self.fields.len() + items.fields.len() == schema.fields.len()
            && self.dense.len() + items.dense.len() == rows * width
            && items.rows() == rows;
        assert!(fits, "with_items: {rows} rows and {} items of {} fields", items.rows(), schema.fields.len());
        let (mut of_user, mut of_item) = (self.fields.into_iter(), items.fields.into_iter());
        let next = |place| if places.fields.contains(&place) { of_item.next() } else { of_user.next() };
        let fields = (0..schema.fields.len()).filter_map(next).collect();
        let (mut of_user, mut of_item) = (self.dense.into_iter(), items.dense.into_iter());
        let next = |n| if places.dense.contains(&(n % width)) { of_item.next() } else { of_user.next() };
        let dense = (0..rows * width).filter_map(next).collect();
        Self { fields, dense, ..self }
    }

    /// Bytes that are equal for rows with equal fields and dense fields, in the order of the columns.
    #[must_use]
    pub fn spelled(&self, row: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in &self.fields {
            let codes = field.row(row);
            if matches!(field, Codes::Many { .. }) {
                bytes.extend((codes.len() as u32).to_le_bytes());
            }
            bytes.extend(codes.iter().flat_map(|code| code.to_le_bytes()));
        }
        let width = self.dense.len() / self.rows().max(1);
        let dense = &self.dense[row * width..][..width];
        bytes.extend(dense.iter().flat_map(|value| value.to_bits().to_le_bytes()));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::Field;

    fn rows() -> (Schema, TabularBatch) {
        let field = |name: &str, many| Field { name: name.into(), size: 9, many };
        let schema = Schema {
            fields: vec![field("user", false), field("tags", true), field("item", false)],
            dense: vec!["age".into(), "price".into()],
            domains: vec!["all".into()],
            users: 2,
            items: Some(ItemColumns { count: 5, fields: vec![1, 2], dense: vec![1] }),
        };
        let batch = TabularBatch {
            fields: vec![
                Codes::One(vec![1, 2]),
                Codes::Many { starts: vec![0, 2, 2], codes: vec![3, 4] },
                Codes::One(vec![5, 6]),
            ],
            dense: vec![0.5, 1.5, 2.5, 3.5],
            domain: vec![0, 0],
            label: vec![1.0, 1.0],
            user: vec![0, 1],
            item: vec![4, 3],
            log_share: Vec::new(),
        };
        (schema, batch)
    }

    #[test]
    fn every_column_stands_on_one_side() {
        let (schema, batch) = rows();
        let [user, item] = [Side::User, Side::Item].map(|side| (schema.side(side), batch.side(&schema, side)));
        let names = |schema: &Schema| schema.fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>().join(" ");
        assert_eq!((names(&user.0).as_str(), names(&item.0).as_str()), ("user", "tags item"));
        assert_eq!((user.0.dense, item.0.dense), (vec!["age".to_owned()], vec!["price".to_owned()]));
        assert_eq!((&user.1.fields[..], &user.1.dense[..]), (&[Codes::One(vec![1, 2])][..], &[0.5, 2.5][..]));
        assert_eq!((item.1.fields[1].row(1), &item.1.dense[..]), (&[6][..], &[1.5, 3.5][..]));
        assert_eq!((user.1.user, item.1.user), (vec![0, 1], vec![]));
    }

    #[test]
    fn both_sides_together_are_the_rows() {
        let (schema, batch) = rows();
        let [user, item] = [Side::User, Side::Item].map(|side| batch.side(&schema, side));
        assert_eq!(user.with_items(item, &schema), TabularBatch { item: Vec::new(), ..batch });
    }

    #[test]
    fn a_list_is_spelled_with_its_length() {
        let (_, batch) = rows();
        assert_ne!(batch.spelled(0), batch.spelled(1));
        assert_eq!(batch.spelled(0).len(), 4 * (1 + 3 + 1 + 2));
        assert_eq!(batch.spelled(1).len(), 4 * (1 + 1 + 1 + 2));
    }
}
