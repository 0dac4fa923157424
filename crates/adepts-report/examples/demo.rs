//! Writes a report on invented results, to look at: `cargo run -p adepts-report --example demo -- report.html`.

#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(std::env::args().nth(1).ok_or("usage: demo PATH")?);
    let html = adepts_report::page(&synthetic::input())?;
    let mut file = std::fs::File::create(&path)?;
    std::io::Write::write_all(&mut file, html.as_bytes())?;
    Ok(())
}
