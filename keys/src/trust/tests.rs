use super::*;
use crate::SigningKey;

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn document(version: u64, threshold: u32, roots: &[u8]) -> TrustDocument {
    TrustDocument {
        version,
        issued: "2026-11-23T08:00:00Z".parse().unwrap(),
        threshold,
        roots: roots.iter().map(|n| key(*n).public()).collect(),
        revoked_keys: vec![],
        revoked_licenses: vec![],
        kept_certificates: vec![],
        lowest_releases: vec![],
    }
}

fn signed(document: &TrustDocument, by: &[u8]) -> Envelope {
    let keys: Vec<SigningKey> = by.iter().map(|n| key(*n)).collect();
    Envelope::seal(document, &keys.iter().collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_document_without_its_own_threshold_is_not_pinned() {
    assert!(Trust::pin(signed(&document(1, 2, &[1, 2, 3]), &[1, 2])).is_ok());
    assert!(matches!(
        Trust::pin(signed(&document(1, 2, &[1, 2, 3]), &[1])),
        Err(Error::Threshold { threshold: 2, found: 1, .. })
    ));
    assert!(Trust::pin(signed(&document(1, 2, &[1, 2, 3]), &[1, 9])).is_err());
}

#[test]
fn senseless_documents_are_refused() {
    for (version, threshold, roots) in [(0, 1, &[1][..]), (1, 0, &[1]), (1, 2, &[1]), (1, 1, &[1, 1])] {
        assert!(Trust::pin(signed(&document(version, threshold, roots), roots)).is_err());
    }
}

#[test]
fn roots_change_only_when_the_old_and_the_new_threshold_have_signed() {
    let first = || Trust::pin(signed(&document(1, 2, &[1, 2, 3]), &[1, 2])).unwrap();
    let next = document(2, 2, &[3, 4, 5]);
    for (by, accepted) in [
        (&[1, 2, 4, 5][..], true),
        (&[2, 3, 4], true),
        (&[1, 2], false),
        (&[4, 5], false),
        (&[1, 4, 5], false),
        (&[1, 2, 4], false),
        (&[1, 2, 4, 5, 9], false),
    ] {
        assert_eq!(first().advance(&signed(&next, by)).is_ok(), accepted, "{by:?}");
    }
}

#[test]
fn a_document_of_strangers_is_not_even_read() {
    let pinned = Trust::pin(signed(&document(1, 1, &[1]), &[1])).unwrap();
    let nonsense = Envelope::seal_for_test(TrustDocument::TYPE, b"{ not JSON", &[&key(9)]);
    assert!(matches!(pinned.advance(&nonsense), Err(Error::UntrustedKey { .. })));
}

#[test]
fn a_withdrawn_release_is_refused() {
    let mut trust = document(1, 1, &[1]);
    trust.lowest_releases = vec![LowestRelease { product: "acme".into(), version: "2.0.0".parse().unwrap() }];
    let trust = Trust::pin(signed(&trust, &[1])).unwrap();
    assert!(trust.check_release("acme", &"2.0.0".parse().unwrap()).is_ok());
    assert!(trust.check_release("other", &"1.0.0".parse().unwrap()).is_ok());
    let refused = trust.check_release("acme", &"1.9.9".parse().unwrap());
    assert!(matches!(refused, Err(Error::Withdrawn { .. })));
}

/// v1 of root 1, and v2 of root 2, which both roots signed.
fn rotated() -> (Envelope, Envelope) {
    (signed(&document(1, 1, &[1]), &[1]), signed(&document(2, 1, &[2]), &[1, 2]))
}

#[test]
fn a_copy_with_fewer_signatures_is_the_same_document() {
    let (first, second) = rotated();
    let stripped = signed(&document(2, 1, &[2]), &[2]);
    let site = Trust::pin(stripped.clone()).unwrap();
    assert_eq!(site.clone().advance(&second).unwrap().document().version, 2);
    let whole = Trust::pin(second.clone()).unwrap();
    assert_eq!(whole.advance(&stripped).unwrap().document().version, 2);
    // with it a rotation still stands on both roots
    assert!(Trust::pin(first.clone()).unwrap().advance(&stripped).is_err());
    assert_eq!(site.follow(&[first, second]).unwrap().0.document().version, 2);
}

#[test]
fn of_the_first_document_nobody_but_its_roots_signs_a_copy() {
    let first = document(1, 2, &[1, 2, 3]);
    let site = Trust::pin(signed(&first, &[1, 2])).unwrap();
    let elsewhere = Trust::pin(signed(&document(2, 2, &[1, 2, 3]), &[1, 2])).unwrap();
    for (by, accepted) in [(&[1, 2][..], true), (&[2, 3], true), (&[1, 2, 3], true), (&[1, 2, 9], false)] {
        let copy = signed(&first, by);
        assert_eq!(Trust::pin(copy.clone()).is_ok(), accepted, "{by:?}");
        assert_eq!(site.clone().advance(&copy).is_ok(), accepted, "{by:?}");
        assert_eq!(elsewhere.follow(std::slice::from_ref(&copy)).is_ok(), accepted, "{by:?}");
        let second = elsewhere.envelope().clone();
        assert_eq!(elsewhere.follow(&[copy, second]).is_ok(), accepted, "{by:?}");
    }
}

/// Who pinned a later one may not have the roots before it, so their signatures look like a stranger's: FORMAT.md,
/// section 2. Where those roots are at hand, a stranger is one.
#[test]
fn a_stranger_s_signature_beside_a_later_document_counts_for_nothing() {
    let (first, second) = rotated();
    let site = Trust::pin(signed(&document(2, 1, &[2]), &[2])).unwrap();
    let strange = signed(&document(2, 1, &[2]), &[1, 2, 9]);
    assert!(site.clone().advance(&second).is_ok() && site.clone().advance(&strange).is_ok());
    assert!(site.clone().advance(&signed(&document(2, 1, &[2]), &[1, 9])).is_err());
    assert!(site.follow(&[first.clone(), second]).is_ok());
    assert!(matches!(site.follow(&[first, strange]), Err(Error::UntrustedKey { .. })));
}

#[test]
fn a_copy_that_its_own_roots_did_not_sign_is_not_the_same_document() {
    let site = Trust::pin(signed(&document(2, 2, &[1, 2, 3]), &[1, 2])).unwrap();
    for by in [&[1][..], &[9], &[1, 9]] {
        assert!(site.clone().advance(&signed(&document(2, 2, &[1, 2, 3]), by)).is_err(), "{by:?}");
    }
    assert!(site.advance(&signed(&document(2, 2, &[1, 2, 3]), &[2, 3])).is_ok());
}

#[test]
fn what_stands_before_the_pinned_document_led_up_to_it() {
    let (first, second) = rotated();
    let third = signed(&document(3, 1, &[3]), &[2, 3]);
    let site = Trust::pin(third.clone()).unwrap();
    assert!(site.follow(&[first.clone(), second.clone(), third.clone()]).is_ok());
    let junk = signed(&document(1, 1, &[9]), &[9]);
    let nonsense = Envelope::seal_for_test(TrustDocument::TYPE, b"{ not JSON", &[&key(9)]);
    for wrong in [
        &[junk, third.clone()][..],
        &[nonsense, third.clone()],
        &[first.clone(), third.clone()],
        &[second.clone(), first.clone(), third.clone()],
        &[second.clone(), second.clone(), third.clone()],
        &[first, second.clone(), third.clone(), third.clone()],
        &[third.clone(), second, third],
    ] {
        assert!(site.follow(wrong).is_err());
    }
}

#[test]
fn documents_stand_oldest_first() {
    let [one, two, three] = [1, 2, 3].map(|version| signed(&document(version, 1, &[1]), &[1]));
    let site = Trust::pin(one.clone()).unwrap();
    assert!(site.follow(&[two.clone(), three.clone()]).is_ok());
    assert!(matches!(site.follow(&[three.clone(), two.clone()]), Err(Error::TrustOrder { .. })));
    // a site that is ahead of all of them
    let ahead = Trust::pin(signed(&document(7, 1, &[1]), &[1])).unwrap();
    assert_eq!(ahead.follow(&[one, two]).unwrap().1, 2);
}

#[test]
fn trust_never_goes_back_and_never_forks() {
    let old = signed(&document(1, 1, &[1]), &[1]);
    let new = signed(&document(5, 1, &[1]), &[1]);
    let trust = Trust::pin(old.clone()).unwrap().advance(&new).unwrap();
    assert_eq!(trust.document().version, 5);
    let trust = trust.advance(&old).unwrap();
    assert_eq!(trust.document().version, 5);
    let mut other = document(5, 1, &[1]);
    other.issued = other.issued.plus_days(1);
    assert!(matches!(trust.advance(&signed(&other, &[1])), Err(Error::TrustFork { version: 5 })));
}

#[test]
fn what_is_signed_has_one_spelling() {
    let payload = serde_json::to_string(&document(1, 1, &[1])).unwrap();
    let pinned = |payload: &str| {
        Trust::pin(Envelope::seal_for_test(TrustDocument::TYPE, payload.as_bytes(), &[&key(1)]))
    };
    assert!(pinned(&payload).is_ok());
    for other in [
        payload.replace("\":", "\": "),
        payload.replace("\"version\"", "\"v\\u0065rsion\""),
        payload.replacen("\"version\":1,", "", 1).replacen('}', ",\"version\":1}", 1),
        // serde reads a struct from an array, too
        r#"[1,"2026-11-23T08:00:00Z",1,["KEY"],[],[],[],[]]"#
            .replace("KEY", payload.split("roots\":[\"").nth(1).unwrap().split('"').next().unwrap()),
    ] {
        assert!(matches!(pinned(&other), Err(Error::PayloadSpelling { .. })), "{other}");
    }
}

/// What was signed after a rotation, before something else was revoked, stays good.
#[test]
fn a_site_that_is_ahead_takes_the_documents_of_a_rotation_before() {
    let (first, second) = rotated();
    let third = signed(&document(3, 1, &[2]), &[2]);
    let site = Trust::pin(third).unwrap();
    for chain in [&[second.clone()][..], &[first.clone(), second.clone()]] {
        let (trust, last) = site.follow(chain).unwrap();
        assert_eq!((trust.document().version, last), (3, 2));
    }
    // the roots that went vouch for nothing by themselves, nor do strangers, and what stands before must have led there
    assert!(matches!(site.follow(std::slice::from_ref(&first)), Err(Error::UntrustedKey { .. })));
    let junk = signed(&document(1, 1, &[9]), &[9]);
    assert!(site.follow(&[junk, second.clone()]).is_err());
    assert!(site.follow(&[second.clone(), first]).is_err());
    assert!(matches!(site.follow(&[second.clone(), second]), Err(Error::TrustOrder { .. })));
}

#[test]
fn versions_order_documents_and_dates_do_not() {
    let first = Trust::pin(signed(&document(1, 1, &[1]), &[1])).unwrap();
    let mut later = document(2, 1, &[1]);
    later.issued = Utc::START;
    let later = signed(&later, &[1]);
    assert_eq!(first.clone().advance(&later).unwrap().document().version, 2);
    assert_eq!(first.follow(&[first.envelope().clone(), later]).unwrap().1, 2);
}

#[test]
fn what_comes_after_the_most_roots_is_not_read() {
    let payload = serde_json::to_string(&document(1, 1, &[1])).unwrap();
    let root = serde_json::to_string(&key(1).public()).unwrap();
    let with = |roots: String| {
        let payload = payload.replacen(&root, &roots, 1);
        Trust::pin(Envelope::seal_for_test(TrustDocument::TYPE, payload.as_bytes(), &[])).unwrap_err()
    };
    let many = with(vec![root.as_str(); 20_000].join(","));
    assert!(matches!(many, Error::Payload { .. }), "{many:?}");
    // what comes after the limit need not even be a key
    let cut = with(format!("{},[", vec![root.as_str(); 17].join(",")));
    assert!(
        matches!(&cut, Error::Payload { source, .. } if source.to_string().contains("at most 16")),
        "{cut:?}"
    );
}
