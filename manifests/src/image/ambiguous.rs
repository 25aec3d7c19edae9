//! Documents that two readers understand differently.
//!
//! Go reads `"Layers"` where `"layers"` is meant, and of two such keys the last one; we read the exact one. A document
//! that says different things to the two is refused: what is checked here must be what an engine runs.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

/// Objects whose keys are data: there `Version` beside `version` is two labels, to everybody.
const FREE: [&str; 4] = ["labels", "annotations", "exposedports", "volumes"];

/// The keys that anybody here reads in an index or a manifest of OCI or Docker.
pub const OCI_KEYS: [&str; 12] = [
    "mediaType",
    "manifests",
    "config",
    "layers",
    "digest",
    "size",
    "urls",
    "platform",
    "os",
    "architecture",
    "variant",
    "annotations",
];

/// Refuses JSON in which an object has two keys that are equal when case is ignored, or one that is a key of `read` in
/// another case.
pub fn refuse_ambiguous_keys(json: &[u8], read: &[&str]) -> Result<(), serde_json::Error> {
    let mut document = serde_json::Deserializer::from_slice(json);
    Value { read, free: false }.deserialize(&mut document)?;
    document.end()
}

#[derive(Clone, Copy)]
struct Value<'a> {
    read: &'a [&'a str],
    free: bool,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let folded = folded(&key);
            if !self.free && self.read.iter().any(|read| *read != key && folded == self::folded(read)) {
                return Err(A::Error::custom(format_args!("the key {key:.40?} is in another case")));
            }
            let free = !self.free && FREE.contains(&&*folded);
            if !seen.insert(if self.free { key.clone() } else { folded }) {
                return Err(A::Error::custom(format_args!("the key {key:.40?} is there twice")));
            }
            map.next_value_seed(Self { free, ..self })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Self { free: false, ..self })?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// As Go folds it, to which `ſ` is an `s` and the Kelvin sign a `k`.
fn folded(key: &str) -> String {
    key.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> bool {
        refuse_ambiguous_keys(json.as_bytes(), &["layers", "config", "urls"]).is_err()
    }

    #[test]
    fn keys_that_another_reader_would_take_for_each_other_are_refused() {
        for ambiguous in [
            r#"{"layers":[],"Layers":[]}"#,
            r#"{"layers":[],"layers":[]}"#,
            r#"{"a":{"digest":1,"diGest":2}}"#,
            r#"{"a":[{"b":1},{"c":1,"C":1}]}"#,
            "{\"size\":1,\"\u{17f}ize\":2}",
            "{\"key\":1,\"\u{212a}ey\":2}",
            r#"{"Config":{}}"#,
            r#"{"layers":[{"URLs":["x"]}]}"#,
            r#"{"config":{"Labels":{"a":1,"a":2}}}"#,
            r#"{"Labels":{},"labels":{}}"#,
        ] {
            assert!(refused(ambiguous), "{ambiguous}");
        }
    }

    #[test]
    fn what_everybody_reads_alike_passes() {
        for plain in [
            r#"{"layers":[{"urls":[]}],"config":{"Env":["a","A"],"n":-1,"u":1,"f":1.5,"t":true,"z":null}}"#,
            r#"{"config":{"Labels":{"Version":"1","version":"2","Layers":"3"}}}"#,
            r#"[{"a":1},{"A":1}]"#,
        ] {
            refuse_ambiguous_keys(plain.as_bytes(), &["layers", "config", "urls"]).unwrap();
        }
        assert!(refused("{") && refused("{} {}"));
    }
}
