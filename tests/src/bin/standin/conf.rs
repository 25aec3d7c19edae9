//! The site's configuration, `independence.js`: comment lines, then `module.exports = ` and JSON.

use std::path::Path;

use serde::Deserialize;

/// What the stand-in needs of it; the file has more.
#[derive(Debug, Deserialize)]
pub struct Conf {
    pub administrator: Administrator,
}

#[derive(Debug, Deserialize)]
pub struct Administrator {
    pub username: String,
    pub name: String,
    pub mail: String,
}

pub fn read(path: &Path) -> Result<Conf, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    parse(&text).map_err(|error| format!("cannot use `{}`: {error}", path.display()))
}

fn parse(text: &str) -> Result<Conf, String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let json = code.trim().strip_prefix("module.exports = ").ok_or("expected `module.exports = {`")?;
    serde_json::from_str(json.trim_end().trim_end_matches(';')).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_read_past_comments() {
        let text = "// hello\nmodule.exports = {\n  \"administrator\": {\"username\": \"ada\", \"name\": \"Ada\", \
                    \"mail\": \"ada@example.com\"},\n  \"more\": 1\n};\n";
        assert_eq!(parse(text).unwrap().administrator.username, "ada");
    }

    #[test]
    fn another_shape_is_an_error_that_says_so() {
        assert_eq!(parse("exports.a = {};").unwrap_err(), "expected `module.exports = {`");
        assert!(parse("module.exports = {};").unwrap_err().contains("administrator"));
    }
}
