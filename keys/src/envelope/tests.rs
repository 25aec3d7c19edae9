use super::*;
use crate::SigningKey;

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct Note {
    text: String,
}
impl Document for Note {
    const TYPE: &'static str = "application/vnd.wt.test-note.v1+json";
    const NAME: &'static str = "note";
}
#[derive(Serialize, Deserialize, Debug)]
struct Other {
    text: String,
}
impl Document for Other {
    const TYPE: &'static str = "application/vnd.wt.test-other.v1+json";
    const NAME: &'static str = "other";
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn sealed() -> Envelope {
    Envelope::seal(&Note { text: "hello".into() }, &[&key(1)]).unwrap()
}

#[test]
fn the_published_dsse_vector_is_reproduced() {
    assert_eq!(
        pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
}

#[test]
fn a_sealed_document_opens_with_its_key_only() {
    let envelope = Envelope::parse(&sealed().to_bytes(), "note").unwrap();
    assert_eq!(envelope.verify::<Note>(&key(1).public()).unwrap().text, "hello");
    assert!(matches!(envelope.verify::<Note>(&key(2).public()), Err(Error::UntrustedKey { .. })));
}

#[test]
fn another_type_of_document_is_refused_even_with_the_right_key() {
    assert!(matches!(sealed().verify::<Other>(&key(1).public()), Err(Error::PayloadType { .. })));
}

#[test]
fn every_flipped_bit_of_the_file_is_refused() {
    let good = sealed().to_bytes();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let opened = Envelope::parse(&bad, "note").and_then(|e| e.verify::<Note>(&key(1).public()));
        assert!(opened.is_err(), "bit {bit}");
    }
}

#[test]
fn every_cut_and_every_added_byte_is_refused() {
    let good = sealed().to_bytes();
    for length in 0..good.len() {
        assert!(Envelope::parse(&good[..length], "note").is_err(), "{length}");
    }
    // of each class that JSON and base64 know; among others of its kind, a byte more may be the same byte twice
    for extra in [b' ', b'\n', 0, b'}', b'"', b'0', b'A', b'=', 0xff] {
        for at in 0..=good.len() {
            let longer = [&good[..at], &[extra], &good[at..]].concat();
            let opened = Envelope::parse(&longer, "note").and_then(|e| e.verify::<Note>(&key(1).public()));
            assert!(opened.is_err(), "{extra} at {at}");
        }
    }
}

#[test]
fn a_second_spelling_is_refused() {
    let good = String::from_utf8(sealed().to_bytes()).unwrap();
    for (from, to) in [
        ("\"payloadType\"", " \"payloadType\""),
        ("application/vnd", "application\\/vnd"),
        ("{\"payloadType\"", "{\"extra\":1,\"payloadType\""),
        ("\"signatures\":[", "\"signatures\":[],\"signatures\":["),
    ] {
        let other = good.replacen(from, to, 1);
        assert_ne!(other, good);
        assert!(Envelope::parse(other.as_bytes(), "note").is_err(), "{other}");
    }
}

#[test]
fn one_key_counts_once_toward_a_threshold() {
    let keys = [key(1).public(), key(2).public()];
    let twice = Envelope::seal(&Note { text: "x".into() }, &[&key(1), &key(1)]).unwrap();
    assert!(matches!(twice.verify_threshold::<Note>(&keys, 2), Err(Error::Threshold { found: 1, .. })));
    let both = Envelope::seal(&Note { text: "x".into() }, &[&key(1), &key(2)]).unwrap();
    assert!(both.verify_threshold::<Note>(&keys, 2).is_ok());
    let mut repeated = both;
    repeated.signatures.push(repeated.signatures[1]);
    assert!(Envelope::parse(&repeated.to_bytes(), "note").is_err());
}

#[test]
fn a_document_that_names_its_key_is_signed_by_that_key_and_by_nobody_else() {
    let sealed_by = |keys: &[&SigningKey]| Envelope::seal(&Note { text: "x".into() }, keys).unwrap();
    let named = |_: &Note| key(1).public();
    assert!(sealed_by(&[&key(1)]).verify_named_key(named).is_ok());
    assert!(matches!(sealed_by(&[&key(2)]).verify_named_key(named), Err(Error::UntrustedKey { .. })));
    assert!(matches!(
        sealed_by(&[&key(1), &key(2)]).verify_named_key(named),
        Err(Error::UntrustedKey { .. })
    ));
}

#[test]
fn more_signatures_than_anybody_has_roots_are_refused_before_any_is_verified() {
    let mut crowd = sealed();
    crowd.signatures = (0..33_u8).map(|n| (key(n).public().id(), [n; SIGNATURE_BYTES])).collect();
    crowd.signatures.sort_by_key(|(keyid, _)| *keyid);
    assert!(matches!(Envelope::parse(&crowd.to_bytes(), "note"), Err(Error::Json { .. })));
    crowd.signatures.truncate(32);
    assert!(Envelope::parse(&crowd.to_bytes(), "note").is_ok());
}

#[test]
fn a_repeated_or_unknown_field_inside_what_is_signed_is_refused() {
    for payload in [
        "{\"text\":\"a\",\"text\":\"b\"}",
        "{\"text\":\"a\",\"more\":1}",
        "{}",
        "\u{feff}{\"text\":\"a\"}",
        "{\"text\":1e400}",
        "{\"text\":\"a\"} x",
    ] {
        let envelope = Envelope::seal_for_test(Note::TYPE, payload.as_bytes(), &[&key(1)]);
        assert!(matches!(envelope.verify::<Note>(&key(1).public()), Err(Error::Payload { .. })), "{payload}");
    }
}

#[test]
fn a_key_id_is_no_reason_to_trust() {
    let mut stolen = Envelope::seal(&Note { text: "x".into() }, &[&key(2)]).unwrap();
    stolen.signatures[0].0 = key(1).public().id();
    assert!(matches!(stolen.verify::<Note>(&key(1).public()), Err(Error::BadSignature { .. })));
}

#[test]
fn no_signature_at_all_is_refused() {
    let none = Envelope::seal(&Note { text: "x".into() }, &[]).unwrap();
    assert!(none.verify_threshold::<Note>(&[key(1).public()], 0).is_err());
}
