//! Prepares the rows that a JSON file describes, streams an epoch of them, and says how long each took.
//!
//! ```sh
//! cargo run --release -p adepts-data --example prepare_tabular -- data.json prepared 3
//! ```
#![expect(clippy::print_stdout, reason = "a row prints")]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::path::Path;
use std::time::Instant;

use adepts_data::Part;
use adepts_data::progress::silent;
use adepts_data::tabular::{TabularDataset, TabularSplit};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(config), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: prepare_tabular DATA.json FOLDER [EPOCHS]".into());
    };
    let config = serde_json::from_reader(std::fs::File::open(config)?)?;
    let begun = Instant::now();
    let set = TabularDataset::prepare(&config, &TabularSplit::default(), 2024, Path::new(&folder), &mut silent)?;
    println!("prepared {} rows in {:.2?}", set.manifest().rows.total(), begun.elapsed());
    let begun = Instant::now();
    let set = TabularDataset::open(set.folder())?;
    println!("opened them in {:.2?}", begun.elapsed());
    let epochs = args.next().map_or(Ok(3), |epochs| epochs.parse())?;
    for nth in 0..epochs {
        let begun = Instant::now();
        let mut epoch = set.epoch(2024, nth, 4_096)?;
        let mut rows = 0;
        while let Some(batch) = epoch.next()? {
            rows += batch.rows();
        }
        println!("an epoch of {rows} rows in {:.2?}", begun.elapsed());
    }
    let begun = Instant::now();
    let rows: usize = set.blocks(Part::Test, 4_096)?.map(|block| block.map(|b| b.rows())).sum::<Result<usize, _>>()?;
    println!("{rows} test rows in {:.2?}", begun.elapsed());
    Ok(())
}
