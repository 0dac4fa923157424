//! The data: the rows of each part, what was left out, and which fields lack values.

use crate::blocks::{Block, Cell, Section, Table};
use crate::format::count;
use crate::input::{FieldFacts, LeftOut, TabularFacts};
use crate::view::View;

/// The parts, in the order of the counts.
const PARTS: [&str; 3] = ["training", "validation", "test"];

pub(super) fn section(view: &View) -> Option<Section> {
    let data = view.input.tabular.as_ref()?;
    let mut blocks = vec![Block::Table(rows(data))];
    let lacking: Vec<&FieldFacts> = data.fields.iter().filter(|field| field.lacks()).collect();
    if lacking.is_empty() {
        blocks.push(Block::Text("Every row has a value in every field, and no value counts as unknown.".into()));
    } else {
        blocks.push(Block::Text(
            "A row without a value has the code of the unknown in a field of one category, no code in a field of lists, and the mean of \
             the training rows in a field of numbers. A value counts as unknown if it is not, or too rarely, in the training part."
                .into(),
        ));
        blocks.push(Block::Table(values(&lacking)));
    }
    Some(Section { id: "data", title: "The data", blocks })
}

fn rows(data: &TabularFacts) -> Table {
    let part = |nth: usize, what: &str| (what.to_owned(), vec![Cell::of(count(data.rows[nth]))]);
    let mut rows = vec![part(0, "Training rows"), part(1, "Validation rows"), part(2, "Test rows")];
    let several = [("Users", data.users), ("Items of the catalogue", data.items)];
    let known = several.into_iter().filter(|(_, n)| *n > 0);
    rows.extend(known.map(|(what, n)| (what.to_owned(), vec![Cell::of(count(n))])));
    rows.extend(data.left_out.iter().filter(|left| left.rows > 0).map(|LeftOut { what, rows, why }| {
        let cell = Cell::of(count(*rows)).small(why.join("; "));
        (what.clone(), vec![cell])
    }));
    let head = vec!["Fact".into(), "Value".into()];
    Table { caption: "What the models learned from and were judged on".into(), head, rows }
}

fn values(fields: &[&FieldFacts]) -> Table {
    let row = |field: &&FieldFacts| (field.name.clone(), vec![by_part(field.missing), by_part(field.unknown)]);
    Table {
        caption: "Values that are missing or unknown".into(),
        head: vec!["Field".into(), "Rows without a value".into(), "Unknown values".into()],
        rows: fields.iter().map(row).collect(),
    }
}

/// The sum, with how much of it is in which part.
fn by_part(counts: [usize; 3]) -> Cell {
    let parts = PARTS.into_iter().zip(counts).filter(|(_, n)| *n > 0);
    let parts: Vec<String> = parts.map(|(part, n)| format!("{} {part}", count(n))).collect();
    Cell::of(count(counts.iter().sum())).small(parts.join(", "))
}
