use std::fmt::{self, Write as _};

use wt_keys::console::escaped;

/// Rows in columns that stand under each other; the names of columns come first. A name that ends in `>` aligns its
/// column to the right. Cells come from files of others: a cell stays one cell on one line, whatever is in it.
#[derive(Debug)]
pub struct Table {
    right: Vec<bool>,
    /// Rows that are names, and make no table by themselves.
    names: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(names: &[&str]) -> Self {
        let right = names.iter().map(|name| name.ends_with('>')).collect();
        let names = names.iter().map(|name| cell(&name.trim_end_matches('>'))).collect();
        Self { right, names: 1, rows: vec![names] }
    }

    /// Without names of columns: what something is called, and what it is.
    pub fn of_lines() -> Self {
        Self { right: vec![false; 2], names: 0, rows: Vec::new() }
    }

    pub fn row<const N: usize>(&mut self, cells: [&dyn fmt::Display; N]) {
        self.rows.push(cells.iter().map(|text| cell(text)).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.len() == self.names
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

/// A line feed would begin a line that looks as if we had written it.
fn cell(text: &dyn fmt::Display) -> String {
    escaped(&text.to_string()).replace('\n', "\\n")
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
        assert!(table.is_empty());
        table.row([&"a", &1, &"x"]);
        table.row([&"long", &12345, &""]);
        assert_eq!(table.to_string(), "NAME   SIZE  ID\na         1  x\nlong  12345\n");
        let mut lines = Table::of_lines();
        assert!(lines.is_empty());
        lines.row([&"name", &"value"]);
        assert_eq!(lines.to_string(), "name  value\n");
    }

    #[test]
    fn what_is_in_a_cell_can_neither_begin_a_line_nor_steer_the_terminal() {
        let mut table = Table::new(&["A", "B"]);
        table.row([&"x\nsigned by  the vendor", &"\u{1b}]0;title\u{7}\u{202e}y\tz"]);
        assert_eq!(
            table.to_string(),
            "A                         B\nx\\nsigned by  the vendor  \\u{1b}]0;title\\u{7}\\u{202e}y\\u{9}z\n"
        );
    }
}
