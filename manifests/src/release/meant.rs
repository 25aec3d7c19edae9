//! What a person meant who misspelled a name, from the names that were expected.

/// How alike two names must be; below it a guess is worse than the list.
const ALIKE: f64 = 0.75;

/// The one of `known` that `found` was most likely meant to be.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&found, &name.to_lowercase()), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Reads serde's words: ``unknown field `entrypont`, expected one of `name`, `entrypoint` ``.
pub fn of_message(message: &str) -> Option<&str> {
    let unknown = ["unknown field `", "unknown variant `"].iter().find_map(|start| {
        let at = message.find(start)?;
        Some(&message[at + start.len()..])
    })?;
    let (found, expected) = unknown.split_once("`, expected ")?;
    nearest(found, expected.split('`').skip(1).step_by(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_meant_and_a_stranger_is_nobody() {
        let message = "unknown field `entrypont`, expected one of `name`, `entrypoint`, `env`";
        assert_eq!(of_message(message), Some("entrypoint"));
        assert_eq!(of_message("unknown field `zzz`, expected `name` or `env`"), None);
        assert_eq!(of_message("invalid type: integer `5`, expected a string"), None);
    }
}
