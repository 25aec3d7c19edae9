use toml_edit::Value;

use super::Field;

/// One answer that a site file has, and how to come by it.
pub struct Question<'a> {
    pub field: Field,
    /// In words: `the product's folder`.
    pub words: String,
    /// What says it on the command line: `--home DIR`.
    pub flag: String,
    /// What was said there.
    pub given: Option<String>,
    /// What it is where nobody says anything.
    pub default: Option<String>,
    /// A site may have none.
    pub may_be_none: bool,
    /// What it is in the file; or what is wrong with it.
    pub check: &'a dyn Fn(&str) -> Result<Value, String>,
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("field", &self.field).finish_non_exhaustive()
    }
}

/// A check that writes down what was typed.
pub fn text<T>(check: impl Fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Value, String> {
    move |text| check(text).map(|_| text.into())
}
