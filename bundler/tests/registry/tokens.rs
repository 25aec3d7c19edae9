//! Who asks: challenges, tokens, and what is shown to whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fake::{Answer, Fake, Request, honest, place};
use crate::fixture::{Kind, PASSWORD, Registry, USER, all_there, certificates};
use crate::layout::Layout;
use crate::{AMD64, World, done, said};

/// `Basic` and the fixture's name and password.
const SHOWN: &str = "Basic YnVpbGRlcjppbnNlY3VyZS10ZXN0LXBhc3N3b3Jk";

/// A registry without TLS that wants the token that `server` gives now, and the server. Each is asked through a handler.
struct Guarded {
    registry: Fake,
    server: Fake,
    world: World,
    _image: Layout,
}

impl Guarded {
    /// `good(token, n)`: whether a token is good for the registry's n-th request that has one.
    fn new(
        give: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static,
        good: impl Fn(&str, usize) -> bool + Send + Sync + 'static,
    ) -> Self {
        let given = AtomicUsize::new(0);
        let server = Fake::start(move |request| give(given.fetch_add(1, Ordering::SeqCst), request));
        let image = Layout::new(AMD64, &[(1, 300_000), (2, 2000), (3, 3000)]);
        let (folder, digest) = place(&image);
        let (realm, shown) = (format!("http://{}/token", server.host()), AtomicUsize::new(0));
        let registry = Fake::start(move |request| {
            let token = request.header("authorization").and_then(|it| it.strip_prefix("Bearer "));
            match token {
                Some(token) if good(token, shown.fetch_add(1, Ordering::SeqCst)) => {
                    honest(&folder, &digest, request)
                }
                _ => Answer::bearer(&realm),
            }
        });
        let world = World::new(&[format!("docker://{}/a/b:1", registry.host())]);
        Self { registry, server, world, _image: image }
    }

    fn build(&self, more: &[&str]) -> std::process::Output {
        let (registry, server) = (self.registry.host(), self.server.host());
        let plain = ["--plain-http", &registry, "--plain-http", &server, "--patience", "2"];
        self.world.build(&[&plain[..], more].concat())
    }

    fn authfile(&self, entry: &str) -> String {
        let path = self.world.path("release/auth.json");
        let file = format!(r#"{{"auths":{{"{}":{entry}}}}}"#, self.registry.host());
        std::fs::write(&path, file).unwrap();
        path.display().to_string()
    }

    fn password(&self) -> String {
        self.authfile(&format!(r#"{{"username":"{USER}","password":"{PASSWORD}"}}"#))
    }
}

#[test]
fn a_token_is_fetched_with_the_credentials_and_shown_instead_of_them() {
    let guarded = Guarded::new(|_, _| Answer::token("t0"), |token, _| token == "t0");
    let auth = guarded.password();
    done(&guarded.build(&["--authfile", &auth]));
    let asked = &guarded.server.requests()[0];
    assert!(asked.is_for("service=fake") && asked.is_for("scope=repository%3Aa%2Fb%3Apull"), "{asked:?}");
    assert_eq!(asked.header("authorization"), Some(SHOWN));
    assert_eq!(guarded.server.requests().len(), 1, "one token serves for all");
    assert!(guarded.registry.requests().iter().all(|request| request.header("authorization") != Some(SHOWN)));
}

#[test]
fn a_token_that_ends_in_the_middle_of_a_build_is_renewed() {
    // the first is good for manifest and configuration; then three layers are asked for at one time
    let guarded = Guarded::new(
        |n, _| Answer::token(&format!("t{n}")),
        |token, n| token == if n < 2 { "t0" } else { "t1" },
    );
    done(&guarded.build(&[]));
    assert_eq!(
        guarded.server.requests().len(),
        2,
        "all three go on with the one that the first of them fetched"
    );
}

#[test]
fn a_token_server_that_fails_is_asked_again() {
    let guarded = Guarded::new(
        |n, _| match n {
            0 => Answer::new(503),
            1 => Answer::new(429).with("Retry-After", "1"),
            _ => Answer::token("t"),
        },
        |_, _| true,
    );
    let begun = std::time::Instant::now();
    done(&guarded.build(&[]));
    assert!(begun.elapsed().as_millis() >= 1250, "{:?}", begun.elapsed());
    assert_eq!(guarded.server.requests().len(), 3);

    let guarded = Guarded::new(|_, _| Answer::new(503).body("secret"), |_, _| true);
    let auth = guarded.password();
    let failed = said(&guarded.build(&["--authfile", &auth]), 1);
    let server = guarded.server.host();
    assert!(failed.contains(&format!("the token server `{server}` answered 503")), "{failed}");
    assert!(failed.contains("in 5 tries") && !failed.contains("credentials"), "{failed}");
    assert!(!failed.contains("secret"), "{failed}");
}

#[test]
fn a_wrong_password_is_said_at_once() {
    let guarded = Guarded::new(|_, _| Answer::new(401), |_, _| true);
    let auth = guarded.password();
    let refused = said(&guarded.build(&["--authfile", &auth]), 1);
    assert!(refused.contains("does not take the credentials") && refused.contains(&auth), "{refused}");
    assert_eq!(guarded.server.requests().len(), 1);
    let anonymous = said(&guarded.build(&[]), 1);
    assert!(anonymous.contains("who asks") && anonymous.contains("no file of credentials"), "{anonymous}");
}

#[test]
fn an_identity_token_is_exchanged() {
    let guarded =
        Guarded::new(|_, _| Answer::new(200).body(r#"{"access_token":"t"}"#), |token, _| token == "t");
    let auth = guarded.authfile(r#"{"auth":"AAAA","identitytoken":"id&t"}"#);
    done(&guarded.build(&["--authfile", &auth]));
    let asked = &guarded.server.requests()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/token"));
    assert_eq!(
        asked.body,
        "scope=repository%3Aa%2Fb%3Apull&service=fake&grant_type=refresh_token&client_id=wt-bundle&refresh_token=id%26t"
    );
}

#[test]
fn a_token_without_an_end_is_not_read_to_it() {
    for head in [r#"{"token":""#, " ", "x"] {
        let flood = head.to_owned() + &"x".repeat(1 << 20);
        let guarded = Guarded::new(move |_, _| Answer::new(200).body(flood.clone()).endless(), |_, _| true);
        let refused = said(&guarded.build(&[]), 1);
        assert!(refused.contains("gave nothing that can be a token"), "{refused}");
    }
    let guarded = Guarded::new(|_, _| Answer::token("a\\nb"), |_, _| true);
    assert!(said(&guarded.build(&[]), 1).contains("gave nothing that can be a token"));
}

#[test]
fn credentials_go_to_no_token_server_without_tls() {
    let guarded = Guarded::new(|_, _| Answer::token("t"), |_, _| true);
    let (auth, registry) = (guarded.password(), guarded.registry.host());
    let refused = guarded.world.build(&["--plain-http", &registry, "--authfile", &auth]);
    let refused = said(&refused, 1);
    assert!(refused.contains("names a token server of which the address has no TLS"), "{refused}");
    assert!(guarded.server.requests().is_empty());
}

#[test]
fn credentials_go_to_no_token_server_of_another_domain_unless_it_is_named() {
    if !all_there(&["openssl"]) {
        return;
    }
    let tls = tempfile::tempdir().unwrap();
    certificates(tls.path());
    let server = Arc::new(Fake::start_tls(tls.path(), |_| Answer::token("t")));
    let image = Layout::new(AMD64, &[(1, 1000)]);
    let (folder, digest) = place(&image);
    // another host than 127.0.0.1, though the same machine
    let realm = format!("https://localhost:{}/token", server.port);
    let registry = Fake::start(move |request| match request.header("authorization") {
        Some("Bearer t") => honest(&folder, &digest, request),
        _ => Answer::bearer(&realm),
    });
    let world = World::new(&[format!("docker://{}/a:1", registry.host())]);
    let auth = world.path("release/auth.json");
    let entry = format!(r#"{{"username":"{USER}","password":"{PASSWORD}"}}"#);
    std::fs::write(&auth, format!(r#"{{"auths":{{"{}":{entry}}}}}"#, registry.host())).unwrap();
    let (host, auth) = (registry.host(), auth.display().to_string());
    let ca = tls.path().join("ca.crt").display().to_string();
    let access = ["--plain-http", &host, "--registry-ca", &ca];
    let refused = said(&world.build(&[&access[..], &["--authfile", &auth]].concat()), 1);
    assert!(refused.contains(&format!("to be shown to `localhost:{}`", server.port)), "{refused}");
    assert!(refused.contains(&format!("--token-server localhost:{}", server.port)), "{refused}");
    assert!(server.requests().is_empty());
    // nobody in particular may ask anywhere that has TLS
    done(&world.build(&access));
    assert_eq!(server.requests()[0].header("authorization"), None);
    let named = format!("localhost:{}", server.port);
    done(&world.build(&[&access[..], &["--authfile", &auth, "--token-server", &named]].concat()));
    assert_eq!(server.requests()[1].header("authorization"), Some(SHOWN));
}

#[test]
fn a_registry_with_tls_that_sends_on_to_plain_http_is_not_followed() {
    if !all_there(&["openssl"]) {
        return;
    }
    let tls = tempfile::tempdir().unwrap();
    certificates(tls.path());
    let ca = tls.path().join("ca.crt").display().to_string();
    let image = Layout::new(AMD64, &[(1, 1000)]);
    let (folder, digest) = place(&image);
    let evil = Arc::new(Fake::start(move |request| match request.header("authorization") {
        Some(_) => honest(&folder, &digest, request),
        None => Answer::new(401).with("WWW-Authenticate", "Basic realm=x"),
    }));
    let to = format!("http://{}", evil.host());
    for what in ["/v2/", "/manifests/"] {
        let to = to.clone();
        let registry = Fake::start_tls(tls.path(), move |request| {
            if request.path.ends_with(what) || (what != "/v2/" && request.is_for(what)) {
                return Answer::new(307).with("Location", &format!("{to}{}", request.path));
            }
            Answer::new(200)
        });
        let world = World::new(&[format!("docker://{}/a:1", registry.host())]);
        let auth = world.path("release/auth.json");
        let entry = format!(r#"{{"username":"{USER}","password":"{PASSWORD}"}}"#);
        std::fs::write(&auth, format!(r#"{{"auths":{{"{}":{entry}}}}}"#, registry.host())).unwrap();
        let auth = auth.display().to_string();
        let refused = said(&world.build(&["--registry-ca", &ca, "--authfile", &auth]), 1);
        assert!(refused.contains("sends on"), "{refused}");
        assert!(evil.requests().is_empty(), "{what}: {:?}", evil.requests());
    }
}

#[test]
fn a_registry_without_tls_is_followed_to_the_hosts_without_tls_that_were_named() {
    let image = Layout::new(AMD64, &[(1, 1000)]);
    let (folder, digest) = place(&image);
    let stored = (folder.clone(), digest.clone());
    let store = Fake::start(move |request| honest(&stored.0, &stored.1, request));
    let to = format!("http://{}", store.host());
    let registry = Fake::start(move |request| {
        if request.is_for("/blobs/") {
            return Answer::new(307).with("Location", &format!("{to}{}", request.path));
        }
        honest(&folder, &digest, request)
    });
    let (host, other) = (registry.host(), store.host());
    let world = World::new(&[format!("docker://{host}/a:1")]);
    let refused = said(&world.build(&["--plain-http", &host]), 1);
    assert!(refused.contains("sends on to where it is not followed: to plain HTTP"), "{refused}");
    assert!(refused.contains("--plain-http HOST:PORT"), "{refused}");
    assert!(store.requests().is_empty(), "{:?}", store.requests());
    done(&world.build(&["--plain-http", &host, "--plain-http", &other]));
}

#[test]
fn debian_s_registry_takes_tokens_from_a_server_that_it_trusts() {
    let Some(mut registry) = Registry::start(Kind::Token) else { return };
    let image = Layout::new(AMD64, &[(1, 1000), (2, 2000)]);
    let signer = registry.signer();
    let server = Fake::start(move |request| match request.header("authorization") {
        Some(SHOWN) => Answer::token(&signer.token("pull,push")),
        _ => Answer::new(401),
    });
    registry.serve_with_tokens_of(&server.host());
    registry.push(&image, "a/b:1");
    let host = registry.host();
    let world = World::new(&[format!("docker://{host}/a/b:1")]);
    let plain = ["--plain-http", &host, "--plain-http", &server.host(), "--authfile"];
    let good = registry.authfile(&host, PASSWORD).display().to_string();
    done(&world.build(&[&plain[..], &[&good]].concat()));
    let wrong = registry.authfile(&host, "insecure-wrong").display().to_string();
    let refused = said(&world.build(&[&plain[..], &[&wrong]].concat()), 1);
    assert!(refused.contains("does not take the credentials"), "{refused}");
}
