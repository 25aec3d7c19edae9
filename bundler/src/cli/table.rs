use std::fmt::{self, Write as _};

/// Rows in columns that stand under each other; the names of columns come first. A name that ends in `>` aligns its
/// column to the right.
#[derive(Debug)]
pub struct Table {
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(names: &[&str]) -> Self {
        let right = names.iter().map(|name| name.ends_with('>')).collect();
        let names = names.iter().map(|name| name.trim_end_matches('>').to_owned()).collect();
        Self { right, rows: vec![names] }
    }

    pub fn row<const N: usize>(&mut self, cells: [&dyn fmt::Display; N]) {
        self.rows.push(cells.iter().map(ToString::to_string).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.right.len()).map(|column| self.width(column)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                let _ =
                    if *right { write!(line, "{cell:>width$}  ") } else { write!(line, "{cell:width$}  ") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let mut table = Table::new(&["NAME", "SIZE>", "ID"]);
        table.row([&"a", &1, &"x"]);
        table.row([&"long", &12345, &""]);
        assert_eq!(table.to_string(), "NAME   SIZE  ID\na         1  x\nlong  12345\n");
    }
}
