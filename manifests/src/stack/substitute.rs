//! `${WT_HOME}` and its two siblings, and nothing else. What Docker would substitute is refused.

use serde_json::Value;

use crate::{Error, Result};

/// Replaces the variables in every string; keys are left as they are.
pub(super) fn strings(value: &mut Value, variables: &[(&'static str, String)]) -> Result<()> {
    match value {
        Value::String(text) => *text = string(text, variables)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| strings(item, variables))?,
        Value::Object(map) => map.values_mut().try_for_each(|item| strings(item, variables))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// What is wrong in each string.
#[cfg(feature = "templates")]
pub(super) fn problems(value: &Value, variables: &[(&'static str, String)]) -> Vec<String> {
    match value {
        Value::String(text) => match string(text, variables) {
            Err(Error::Stack { why }) => vec![why],
            _ => Vec::new(),
        },
        Value::Array(items) => items.iter().flat_map(|item| problems(item, variables)).collect(),
        Value::Object(map) => map.values().flat_map(|item| problems(item, variables)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn string(text: &str, variables: &[(&'static str, String)]) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push_str("$$"); // for Docker, which makes it one
            rest = after;
            continue;
        }
        let Some((name, after)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) else {
            return Err(unknown(text, "a `$` that begins no variable; write `$$` for a dollar sign"));
        };
        let Some((_, value)) = variables.iter().find(|(known, _)| *known == name) else {
            return Err(unknown(text, "expected one of `${WT_HOME}`, `${WT_DATA}`, `${WT_RUN}`"));
        };
        out.push_str(&value.replace('$', "$$"));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn unknown(text: &str, why: &str) -> Error {
    Error::Stack { why: format!("`{text}` names an unknown variable: {why}") }
}
