use std::path::Path;

use crate::testkit;

use super::*;

const GOOD: &str = r#"
version: "3.8"
x-service: &service
  networks: [backend]
  cap_drop: [ALL]
  dns: ["127.0.0.1"]
services:
  web:
    <<: *service
    image: acme/web:1.0
    command: ["sh", "-c", "echo $$HOME"]
    environment: { DEBUG: no, PORTS: "80:22" }
    volumes:
      - "${WT_HOME}/conf/apps/web:/conf:ro"
      - { type: bind, source: "${WT_RUN}", target: /run/wt, read_only: true }
      - { type: tmpfs, target: /tmp }
    secrets:
      - { source: admin-password, target: admin-password, mode: 0400 }
    deploy:
      labels: [a=b]
      replicas: 2
  redis:
    <<: *service
    image: redis:7
    volumes: ["${WT_DATA}/redis:/data"]
networks:
  backend: { driver: overlay }
secrets:
  admin-password: { external: true }
"#;

fn render(yaml: &str) -> Result<Rendered> {
    render_in(yaml, "/srv/acme")
}

fn render_in(yaml: &str, home: &str) -> Result<Rendered> {
    let folders = Folders { home: home.into(), data: "/data/acme".into(), run: "/run/wt/acme".into() };
    let manifest = manifest(&["acme/web:1.0", "docker.io/library/redis:7"]);
    Stack::parse(yaml.as_bytes())?
        .render(&manifest, &|image| image.config, &folders, &|name| format!("acme-{name}"))
}

fn manifest(images: &[&str]) -> Manifest {
    let image = |name: &&str| Image {
        name: name.parse().unwrap(),
        config: Sha256Digest::of(name.as_bytes()),
        manifest: Sha256Digest::of(b"manifest"),
        layers: Vec::new(),
        verbatim: None,
    };
    Manifest { images: images.iter().map(image).collect(), ..testkit::manifest() }
}

fn refusal(yaml: &str) -> String {
    render(yaml).unwrap_err().to_string()
}

#[test]
fn a_stack_is_rendered_for_the_engine() {
    let rendered = render(GOOD).unwrap();
    let json: Value = serde_json::from_str(&rendered.json).unwrap();
    let (web, redis) = (&json["services"]["web"], &json["services"]["redis"]);
    let id = Sha256Digest::of(b"acme/web:1.0").to_oci();
    assert_eq!(json["version"], "3.8");
    assert_eq!(json.get("x-service"), None);
    assert_eq!(web["image"], id.as_str());
    assert_eq!(web["networks"], json!(["backend"]));
    assert_eq!(web["volumes"][0], "/srv/acme/conf/apps/web:/conf:ro");
    assert_eq!(web["volumes"][1]["source"], "/run/wt/acme");
    assert_eq!(web["secrets"][0]["mode"], 0o400);
    let labels =
        json!({ "a": "b", "wt.product": "acme", "wt.version": "1.0.0", "wt.stack": rendered.digest });
    assert_eq!(web["deploy"]["labels"], labels);
    assert_eq!(web["deploy"]["replicas"], 2);
    assert_eq!(redis["deploy"]["labels"]["wt.version"], "1.0.0");
    assert_eq!(
        json["secrets"],
        json!({ "admin-password": { "external": true, "name": "acme-admin-password" } })
    );
    assert_eq!(rendered.images["web"], id);
    let sources = ["/data/acme/redis", "/run/wt/acme", "/srv/acme/conf/apps/web"].map(PathBuf::from);
    assert_eq!(rendered.bind_sources, sources.into());
}

#[test]
fn a_stack_says_what_it_has() {
    let stack = Stack::parse(GOOD.as_bytes()).unwrap();
    assert_eq!(stack.services(), ["redis", "web"]);
    assert_eq!(stack.secrets(), ["admin-password"]);
}

#[test]
fn words_of_older_yaml_stay_words() {
    let json: Value = serde_json::from_str(&render(GOOD).unwrap().json).unwrap();
    let environment = &json["services"]["web"]["environment"];
    assert_eq!(environment, &json!({ "DEBUG": "no", "PORTS": "80:22" }));
}

#[test]
fn only_our_variables_are_replaced_and_nothing_is_left_for_docker() {
    let json: Value = serde_json::from_str(&render_in(GOOD, "/srv/a$b").unwrap().json).unwrap();
    assert_eq!(json["services"]["web"]["command"][2], "echo $$HOME");
    assert_eq!(json["services"]["web"]["volumes"][0], "/srv/a$$b/conf/apps/web:/conf:ro");
    assert!(render_in(GOOD, "/srv/a$b").unwrap().bind_sources.contains(Path::new("/srv/a$b/conf/apps/web")));
    for foreign in ["${HOME}", "$HOME", "${WT_HOME:-x}", "${WT_HOME", "$", "a$ b", "${}"] {
        let refused = refusal(&GOOD.replace("echo $$HOME", foreign));
        assert!(refused.contains(&format!("`{foreign}` names an unknown variable")), "{refused}");
    }
}

#[test]
fn an_image_that_the_bundle_lacks_is_named_with_its_service() {
    for other in ["redis:8", "redis", "acme/redis:7", "redis@sha256:00", "sha256:00"] {
        assert_eq!(
            refusal(&GOOD.replace("redis:7", other)),
            format!("the service `redis` uses the image `{other}`, which the bundle does not have")
        );
    }
    assert!(render(&GOOD.replace("redis:7", "docker.io/library/redis:7")).is_ok());
}

#[test]
fn what_needs_more_than_the_bundle_is_refused_by_name() {
    for (from, to, why) in [
        ("image: redis:7", "image: redis:7\n    build: .", "`build`"),
        ("image: redis:7", "image: redis:7\n    env_file: a", "`env_file`"),
        ("image: redis:7", "image: redis:7\n    container_name: a", "`container_name`"),
        ("image: redis:7", "hostname: a", "the service `redis` has no image"),
        ("networks:\n  backend: {", "volumes: {}\nnetworks:\n  backend: {", "the section `volumes`"),
        ("${WT_DATA}/redis:/data", "data:/data", "the volume `data`"),
        ("${WT_DATA}/redis:/data", "./data:/data", "the volume `./data`"),
        ("${WT_DATA}/redis:/data", "/data", "the volume"),
        ("${WT_DATA}/redis:/data", "${WT_DATA}/../etc:/data", "the volume `/data/acme/../etc`"),
        ("{ external: true }", "{ file: secret.txt }", "the secret `admin-password`"),
        ("source: admin-password", "source: other", "the secret `other`"),
    ] {
        let changed = GOOD.replace(from, to);
        assert_ne!(changed, GOOD);
        let refused = refusal(&changed);
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn the_digest_changes_with_anything_that_is_rendered() {
    let digest = |yaml: &str| render(yaml).unwrap().digest;
    assert_eq!(digest(GOOD), digest(&format!("{GOOD}\n# a comment")));
    assert_ne!(digest(GOOD), digest(&GOOD.replace("replicas: 2", "replicas: 3")));
    assert_ne!(digest(GOOD), render_in(GOOD, "/opt/acme").unwrap().digest);
}

#[test]
fn what_is_no_stack_at_all_is_refused() {
    for bad in [
        "",
        "[]",
        "a",
        "services: {}",
        "services: []",
        "services: { web: }",
        "\u{0}",
        "services: {web: {image: a:1}, web: {image: a:1}}",
        "a: *a",
    ] {
        assert!(Stack::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(Stack::parse(&[0xff, 0xfe]).is_err());
    let level = |i: u8| {
        format!(
            "{0}: &{0} [{1}]\n",
            (b'b' + i) as char,
            vec![format!("*{}", (b'a' + i) as char); 9].join(",")
        )
    };
    let bomb = "a: &a [1,1,1,1,1,1,1,1,1]\n".to_owned() + &(0..9).map(level).collect::<String>();
    assert!(Stack::parse(bomb.as_bytes()).is_err());
}

#[test]
fn a_mistake_in_yaml_says_line_and_column() {
    let Error::StackYaml { source } =
        Stack::parse(b"services:\n  a:\n    image: \"x:1\"\n   bad: [1\n").unwrap_err()
    else {
        panic!("another error");
    };
    assert!(source.to_string().contains("line 4 column 4"), "{source}");
}
