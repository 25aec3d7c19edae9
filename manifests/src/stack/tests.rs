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
      - smtp-password
    configs:
      - { source: web/site.js, target: /conf/site.js }
      - { source: license, target: /conf/ }
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
  smtp-password: { external: true }
configs:
  web/site.js: { external: true }
  license: { external: true }
"#;

fn render(yaml: &str) -> Result<Rendered> {
    render_in(yaml, "/srv/acme")
}

/// A site with mail or without, and so many licenses.
struct Around {
    folders: Folders,
    mail: bool,
    licenses: usize,
    redis: Run,
}

impl Surroundings for Around {
    fn image_id(&self, image: &Image) -> Sha256Digest {
        image.config
    }

    fn folders(&self) -> &Folders {
        &self.folders
    }

    fn secret(&self, name: &str) -> Option<String> {
        (self.mail || name != "smtp-password").then(|| format!("acme-{name}-1"))
    }

    fn configs(&self, name: &str) -> Result<Vec<ConfigFile>> {
        let file = |name: String| ConfigFile { object: format!("acme-{}", name.replace('/', "-")), name };
        Ok(match name {
            LICENSE => (0..self.licenses).map(|n| file(format!("license-{n}.json"))).collect(),
            other => vec![file(other.to_owned())],
        })
    }

    fn run(&self, service: &str) -> Run {
        if service == "redis" { self.redis } else { Run::AsDescribed }
    }

    fn conf_mark(&self, service: &str) -> Option<String> {
        (service == "redis").then(|| "mark".to_owned())
    }
}

fn around(home: &str) -> Around {
    let folders = Folders { home: home.into(), data: "/data/acme".into(), run: "/run/wt/acme".into() };
    Around { folders, mail: true, licenses: 0, redis: Run::AsDescribed }
}

fn render_in(yaml: &str, home: &str) -> Result<Rendered> {
    render_around(yaml, &around(home))
}

fn render_around(yaml: &str, around: &Around) -> Result<Rendered> {
    let manifest = manifest(&["acme/web:1.0", "docker.io/library/redis:7"]);
    Stack::parse(yaml.as_bytes())?.render(&manifest, around)
}

fn manifest(images: &[&str]) -> Manifest {
    let image = |name: &&str| Image {
        name: name.parse().unwrap(),
        config: Sha256Digest::of(name.as_bytes()),
        manifest: Sha256Digest::of(b"manifest"),
        layers: Vec::new(),
        verbatim: None,
        source: None,
    };
    let mut manifest = Manifest { images: images.iter().map(image).collect(), ..testkit::manifest() };
    manifest.site.data =
        serde_json::from_str(r#"[{"path": "redis", "owner": "1:1", "mode": "0700"}]"#).unwrap();
    manifest
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
    let labels = json!({
        "a": "b", "wt.product": "acme", "wt.version": "1.0.0",
        "wt.service": rendered.services["web"], "wt.stack": rendered.digest,
    });
    assert_eq!(web["deploy"]["labels"], labels);
    assert_eq!(web["deploy"]["replicas"], 2);
    assert_eq!(redis["deploy"]["labels"]["wt.version"], "1.0.0");
    assert_eq!(redis["labels"], json!({ "wt.conf": "mark" }));
    let external = |name: &str| json!({ "external": true, "name": name });
    assert_eq!(
        json["secrets"],
        json!({
            "acme-admin-password-1": external("acme-admin-password-1"),
            "acme-smtp-password-1": external("acme-smtp-password-1"),
        })
    );
    assert_eq!(web["secrets"][0]["source"], "acme-admin-password-1");
    assert_eq!(web["secrets"][1], json!({ "source": "acme-smtp-password-1", "target": "smtp-password" }));
    assert_eq!(json["configs"], json!({ "acme-web-site.js": external("acme-web-site.js") }));
    assert_eq!(web["configs"], json!([{ "source": "acme-web-site.js", "target": "/conf/site.js" }]));
    assert_eq!(rendered.images["web"], id);
    let sources = ["/data/acme/redis", "/run/wt/acme", "/srv/acme/conf/apps/web"].map(PathBuf::from);
    assert_eq!(rendered.bind_sources, sources.into());
}

#[test]
fn a_stack_says_what_it_has() {
    let stack = Stack::parse(GOOD.as_bytes()).unwrap();
    assert_eq!(stack.services(), ["redis", "web"]);
    assert_eq!(stack.secrets(), ["admin-password", "smtp-password"]);
    assert_eq!(stack.configs(), ["license", "web/site.js"]);
    assert_eq!(stack.data_services(), ["redis"]);
    assert_eq!(stack.data_folders()["redis"], ["redis"]);
}

#[test]
fn what_a_site_has_none_of_its_services_are_not_given() {
    let without = Around { mail: false, licenses: 2, ..around("/srv/acme") };
    let json: Value = serde_json::from_str(&render_around(GOOD, &without).unwrap().json).unwrap();
    let web = &json["services"]["web"];
    assert_eq!(web["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(json["secrets"].as_object().unwrap().len(), 1);
    let targets: Vec<&Value> = web["configs"].as_array().unwrap().iter().map(|c| &c["target"]).collect();
    assert_eq!(targets, ["/conf/site.js", "/conf/license-0.json", "/conf/license-1.json"]);
    let file = GOOD.replace("target: /conf/ }", "target: /license }");
    let refused = render_around(&file, &without).unwrap_err().to_string();
    assert!(refused.contains("`license` is 2 files, and `/license` is no folder"), "{refused}");
}

#[test]
fn a_service_that_is_not_to_run_is_still_or_gone() {
    let services = |yaml: &str, redis| {
        let json = render_around(yaml, &Around { redis, ..around("/srv/acme") }).unwrap().json;
        serde_json::from_str::<Value>(&json).unwrap()["services"].clone()
    };
    assert_eq!(services(GOOD, Run::Stopped)["redis"]["deploy"]["replicas"], 0);
    assert_eq!(services(GOOD, Run::Stopped)["web"]["deploy"]["replicas"], 2);
    assert_eq!(services(GOOD, Run::Removed).get("redis"), None);
    let global = GOOD.replace("image: redis:7", "image: redis:7\n    deploy: { mode: global }");
    assert_eq!(services(&global, Run::Stopped).get("redis"), None);
}

#[test]
fn only_a_service_that_is_told_something_else_is_another() {
    let services = |yaml: &str| render(yaml).unwrap().services;
    let (before, after) = (services(GOOD), services(&GOOD.replace("replicas: 2", "replicas: 3")));
    assert_eq!(before["redis"], after["redis"]);
    assert_ne!(before["web"], after["web"]);
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
        ("${WT_DATA}/redis:/data", "${WT_DATA}/../etc:/data", "the volume `${WT_DATA}/../etc`"),
        (
            "admin-password: { external: true }",
            "admin-password: { file: a }",
            "`admin-password` in `secrets`",
        ),
        ("license: { external: true }", "license: { file: a }", "`license` in `configs`"),
        ("{ source: license, target: /conf/ }", "license", "has no source or no target"),
        ("{ source: license, target: /conf/ }", "{ source: other, target: /conf/ }", "`other`"),
        ("{ source: license, target: /conf/ }", "{ source: license, target: conf }", "`conf`"),
        ("source: admin-password", "source: other", "the secret `other`"),
    ] {
        let changed = GOOD.replace(from, to);
        assert_ne!(changed, GOOD);
        let refused = refusal(&changed);
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn a_service_sees_its_own_folders_of_the_host_and_no_others() {
    let with = |volume: &str| Stack::parse(GOOD.replace("\"${WT_DATA}/redis:/data\"", volume).as_bytes());
    for good in [
        "\"${WT_DATA}/redis/db/:/data\"",
        "\"${WT_RUN}:/run/wt:z,ro\"",
        "{ type: bind, source: \"${WT_DATA}/a\", target: /a }",
    ] {
        assert!(with(good).is_ok(), "{good}");
    }
    for bad in [
        "\"/:/host:ro\"",
        "\"/etc:/etc:ro\"",
        "\"/var/run/docker.sock:/var/run/docker.sock\"",
        "\"${WT_DATA}:/data\"",
        "\"${WT_DATA}/:/data\"",
        "\"${WT_DATA}x/redis:/data\"",
        "\"${WT_DATA}/./redis:/data\"",
        "\"${WT_DATA}/redis/../..:/data\"",
        "\"${WT_RUN}:/run/wt\"",
        "\"${WT_RUN}/..:/run:ro\"",
        "\"${WT_HOME}:/home:ro\"",
        "\"${WT_HOME}/bin:/bin:ro\"",
        "\"${WT_HOME}/conf/apps/web:/conf\"",
        "\"${WT_HOME}/conf:/conf:ro\"",
        "{ type: bind, source: \"${WT_RUN}\", target: /run }",
        "{ type: bind, source: /etc, target: /etc, read_only: true }",
        "{ type: npipe, source: /etc, target: /etc }",
    ] {
        let refused = with(bad).unwrap_err().to_string();
        assert!(refused.contains("uses the volume"), "{bad}: {refused}");
    }
    let stack = with("\"${WT_DATA}/other:/data\"").unwrap();
    assert_eq!(stack.undeclared_folders(&[&"redis".parse().unwrap()]).len(), 1);
    assert!(refusal(&GOOD.replace("${WT_DATA}/redis", "${WT_DATA}/redis2")).contains("`${WT_DATA}/redis2`"));
    assert!(render(&GOOD.replace("${WT_DATA}/redis", "${WT_DATA}/redis/db")).is_ok());
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
