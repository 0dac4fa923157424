//! Prepares a data set and saves it: `cargo run --release --example prepare -- SOURCE OUT [USER ITEM [TIME]]`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a row for the terminal")]
#![expect(clippy::disallowed_methods, reason = "a row that shows how long each step takes")]

use std::path::Path;
use std::time::Instant;

use adepts_data::{Column, DataConfig, HistoryDataset, SplitConfig, open_or_prepare};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(source), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: prepare SOURCE OUT [USER ITEM [TIME]]".into());
    };
    let [user, item, time] = [(); 3].map(|()| arguments.next().map(Column::Name));
    let data = DataConfig { source, user, item, time, ..DataConfig::default() };
    let start = Instant::now();
    let mut last = String::new();
    let dataset = open_or_prepare(&data, &SplitConfig::default(), 1, &mut |what, _, _| {
        if what != last {
            eprintln!("{:>8.3} s  {what}", start.elapsed().as_secs_f64());
            what.clone_into(&mut last);
        }
    })?;
    eprintln!("{:>8.3} s  prepared", start.elapsed().as_secs_f64());
    dataset.save(Path::new(&out))?;
    eprintln!("{:>8.3} s  saved", start.elapsed().as_secs_f64());
    assert_eq!(HistoryDataset::open(Path::new(&out))?, dataset);
    eprintln!("{:>8.3} s  opened", start.elapsed().as_secs_f64());
    println!("{:#?}", dataset.manifest);
    Ok(())
}
