//! A table of any length.

use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Seek, Write};

use super::{TextTable, clean, line, rule, widen};

/// A [`TextTable`] of more rows than memory should hold: as the widths of its columns are known with the last row alone, rows wait
/// in a file.
#[derive(Debug)]
pub struct LongTable<F: Write> {
    waiting: BufWriter<F>,
    widths: Vec<usize>,
    left: Vec<usize>,
}

impl<F: Read + Write + Seek> LongTable<F> {
    /// The rows of this table, which wait in `file` from where it stands.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn new(table: TextTable, file: F) -> io::Result<Self> {
        let TextTable { rows, left } = table;
        let mut long = Self { waiting: BufWriter::new(file), widths: Vec::new(), left };
        rows.into_iter().try_for_each(|row| long.row(row))?;
        Ok(long)
    }

    /// Adds a row; cells that are missing at its end are empty.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) -> io::Result<()> {
        let cells: Vec<String> = cells.into_iter().map(|cell| clean(cell.as_ref())).collect();
        widen(&mut self.widths, &cells);
        // No cell has a control character.
        writeln!(self.waiting, "{}", cells.join("\t"))
    }

    /// Writes what [`TextTable::render`] gives.
    ///
    /// # Errors
    /// If the file cannot be read or `out` not be written.
    pub fn render(self, out: &mut impl Write) -> io::Result<()> {
        let Self { waiting, widths, left } = self;
        let mut file = waiting.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        for (i, row) in BufReader::new(file).lines().enumerate() {
            out.write_all(line(row?.split('\t'), &widths, &left).as_bytes())?;
            if i == 0 {
                out.write_all(rule(&widths).as_bytes())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_long_table_is_the_table_of_its_rows() {
        let head = || TextTable::new(["row", "item", "note"]).flush_left([2]);
        let long = "long ".repeat(20);
        let rows = [vec!["1", "a\tb\nc", "née"], vec!["10000"], vec!["", &long, "x"], vec!["2", "", ""]];
        for count in 0..=rows.len() {
            let (mut table, mut long) = (head(), LongTable::new(head(), Cursor::new(Vec::new())).unwrap());
            for row in &rows[..count] {
                table.row(row.iter().copied());
                long.row(row).unwrap();
            }
            let mut found = Vec::new();
            long.render(&mut found).unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), table.render(), "{count} rows");
        }
    }
}
