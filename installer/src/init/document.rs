use std::path::Path;

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, RawString, Table, TableLike, Value};
use zeroize::Zeroizing;

use crate::{Error, Result, site};

/// How a new file begins.
const HEAD: &str = "# The answers about this site; `wt-install init` asks for them again. For root alone: it holds passwords.\n\n";
const NODE: &str = "node";

/// Where an answer stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    /// Empty: before all tables.
    pub table: &'static str,
    pub key: String,
}

impl Field {
    pub fn of(table: &'static str, key: &str) -> Self {
        Self { table, key: key.to_owned() }
    }
}

/// A site file on its way.
#[derive(Debug)]
pub struct Document(DocumentMut);

impl Document {
    pub fn new() -> Self {
        let mut document = DocumentMut::new();
        document.decor_mut().set_prefix(HEAD);
        Self(document)
    }

    /// The file that is there, with its comments.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = site::read_private(path)?;
        let invalid = |why: String| Error::SiteFile { path: path.to_owned(), why };
        let text = std::str::from_utf8(&bytes).map_err(|_| invalid("it is not UTF-8 text".to_owned()))?;
        text.parse().map(Self).map_err(|error: toml_edit::TomlError| invalid(error.message().to_owned()))
    }

    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string())
    }

    /// What stands there, as one would type it.
    pub fn get(&self, field: &Field) -> Option<String> {
        let value = self.table(field.table)?.get(&field.key)?.as_value()?;
        match value {
            Value::String(text) => Some(text.value().clone()),
            Value::Array(array) => {
                let words: Option<Vec<&str>> = array.iter().map(Value::as_str).collect();
                Some(words?.join(","))
            }
            other => Some(other.to_string().trim().to_owned()),
        }
    }

    /// Puts an answer where it belongs; one that is the same stays as it was written.
    pub fn set(&mut self, field: &Field, value: Value) {
        let table = self.table_mut(field.table);
        match table.get_mut(&field.key).and_then(Item::as_value_mut) {
            Some(old) if same(old, &value) => {}
            Some(old) => {
                let decor = old.decor().clone();
                *old = value;
                *old.decor_mut() = decor;
            }
            None => {
                table.insert(&field.key, Item::Value(value));
            }
        }
    }

    pub fn remove(&mut self, field: &Field) {
        if self.table(field.table).is_some() {
            self.table_mut(field.table).remove(&field.key);
        }
    }

    pub fn remove_table(&mut self, table: &str) {
        self.0.remove(table);
    }

    pub fn has_table(&self, table: &str) -> bool {
        self.table(table).is_some()
    }

    /// The keys of a table, as they stand there.
    pub fn keys(&self, table: &str) -> Vec<String> {
        let keys = self.table(table).map(|table| table.iter().map(|(key, _)| key.to_owned()).collect());
        keys.unwrap_or_default()
    }

    fn table(&self, name: &str) -> Option<&dyn TableLike> {
        match name {
            "" => Some(self.0.as_table()),
            NODE => match self.0.get(NODE)? {
                Item::ArrayOfTables(nodes) => nodes.get(0).map(|node| node as &dyn TableLike),
                Item::Value(Value::Array(nodes)) => {
                    nodes.get(0)?.as_inline_table().map(|node| node as &dyn TableLike)
                }
                _ => None,
            },
            name => self.0.get(name)?.as_table_like(),
        }
    }

    /// Makes the table where it is not there, or is something else.
    fn table_mut(&mut self, name: &str) -> &mut dyn TableLike {
        if name.is_empty() {
            return self.0.as_table_mut();
        }
        if self.table(name).is_none() {
            let item = if name == NODE { Item::ArrayOfTables(one_node()) } else { Item::Table(new_table()) };
            self.0.insert(name, item);
        }
        let found = match (name, &mut self.0[name]) {
            (NODE, Item::ArrayOfTables(nodes)) => nodes.get_mut(0).map(|node| node as &mut dyn TableLike),
            (NODE, Item::Value(Value::Array(nodes))) => {
                nodes.get_mut(0).and_then(Value::as_inline_table_mut).map(|node| node as &mut dyn TableLike)
            }
            (_, item) => item.as_table_like_mut(),
        };
        found.expect("it was made above where it was not there")
    }
}

impl Default for Document {
    fn default() -> Self {
        Self::new()
    }
}

fn new_table() -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix(RawString::from("\n"));
    table
}

fn one_node() -> ArrayOfTables {
    let mut nodes = ArrayOfTables::new();
    nodes.push(new_table());
    nodes
}

/// Whether both say the same, however it is written.
fn same(one: &Value, other: &Value) -> bool {
    let words =
        |array: &Array| array.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Vec<_>>();
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.value() == other.value(),
        (Value::Integer(one), Value::Integer(other)) => one.value() == other.value(),
        (Value::Array(one), Value::Array(other)) => words(one) == words(other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# ours\ncompany-domain = 'acme' # short\n[domains]\nweb = \"a.example\" # main\n\n\
        [[node]] # here\nname = \"node1\"\nroles = [\"lb\", \"db\"] # both\n";

    fn document(text: &str) -> Document {
        Document(text.parse().unwrap())
    }

    #[test]
    fn what_is_not_changed_stays_as_it_was_written() {
        let mut file = document(FILE);
        file.set(&Field::of("", "company-domain"), "acme".into());
        file.set(&Field::of("node", "roles"), Value::from_iter(["lb", "db"]));
        assert_eq!(*file.text(), FILE);
        assert_eq!(file.get(&Field::of("node", "roles")).unwrap(), "lb,db");
        file.set(&Field::of("domains", "web"), "b.example".into());
        assert_eq!(*file.text(), FILE.replace("a.example", "b.example"), "the comment behind it stays");
    }

    #[test]
    fn tables_are_made_where_they_are_missing_and_after_what_stands_alone() {
        let mut file = Document::new();
        file.set(&Field::of("domains", "web"), "a.example".into());
        file.set(&Field::of("node", "name"), "node1".into());
        file.set(&Field::of("", "data-root"), "/data".into());
        file.set(&Field::of("smtp", "port"), 587.into());
        let wanted = "data-root = \"/data\"\n\n[domains]\nweb = \"a.example\"\n\n[[node]]\nname = \"node1\"\n\n[smtp]\nport = 587\n";
        assert_eq!(*file.text(), format!("{HEAD}{wanted}"));
        assert_eq!(file.get(&Field::of("smtp", "port")).unwrap(), "587");
        file.remove_table("smtp");
        assert!(!file.text().contains("smtp"));
    }

    #[test]
    fn tables_in_one_line_are_tables() {
        let mut file = document("smtp = { host = \"m\" }\nnode = [{ name = \"a\" }]\n");
        file.set(&Field::of("smtp", "host"), "n".into());
        file.set(&Field::of("node", "name"), "b".into());
        assert_eq!(*file.text(), "smtp = { host = \"n\" }\nnode = [{ name = \"b\" }]\n");
    }
}
