//! Writes reports on invented results, to look at, of histories and of tabular data:
//! `cargo run -p adepts-report --example demo -- report.html examples.html retrieval.html`.

#[path = "../tests/ranked/mod.rs"]
mod ranked;
#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let path = |n: usize| std::env::args().nth(n).map(PathBuf::from).ok_or("usage: demo PATH PATH PATH");
    for (path, input) in [(path(1)?, synthetic::input()), (path(2)?, ranked::input()), (path(3)?, ranked::retrieval())]
    {
        let html = adepts_report::page(&input)?;
        let mut file = std::fs::File::create(&path)?;
        std::io::Write::write_all(&mut file, html.as_bytes())?;
    }
    Ok(())
}
