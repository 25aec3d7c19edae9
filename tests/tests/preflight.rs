//! What is asked about a site and its host before anything is changed, and the certificate that it serves afterwards.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use wt_tests::lab::outside;
use wt_tests::mail::MailServer;
use wt_tests::program::Ran;
use wt_tests::site::{self, PASSWORD, SMTP_PASSWORD, Site};
use wt_tests::vendor::{Draft, first_bundle, text, world};

const NAMES: &str = "DNS:worktile.example.com,DNS:worktile-box.example.com,DNS:worktile-hook.example.com,\
                     DNS:worktile-im.example.com";
const BUNDLE: &str = "worktile-5.2.0-amd64.tar.zst";

fn mail() -> &'static MailServer {
    static SERVER: OnceLock<MailServer> = OnceLock::new();
    SERVER.get_or_init(|| MailServer::start(env!("CARGO_BIN_EXE_mail-server")))
}

/// Brings `NAME.crt` and `NAME.key` to a site.
fn certificate(site: &Site, name: &str, names: &str) {
    site::certificate(&world(), name, names);
    for end in ["crt", "key"] {
        site.bring(&world().join(format!("{name}.{end}")));
    }
}

/// What it shows to those who come from outside: the common name of its certificate.
fn shown(site: &Site) -> String {
    let line = format!(
        "openssl s_client -connect {}:443 -servername worktile.example.com </dev/null 2>/dev/null | openssl x509 -noout -subject",
        site.host.address
    );
    Ran::of(&mut outside(&line))
        .expect(0)
        .stdout
        .trim()
        .replace("subject=CN = ", "")
        .replace("subject=CN=", "")
}

/// Asks for the page all the time, until `flag` is gone; a line for each answer.
fn visitor(site: &Site, flag: &Path) -> Command {
    let request = "GET / HTTP/1.1\\r\\nHost: worktile.example.com\\r\\nConnection: close\\r\\n\\r\\n";
    outside(&format!(
        "while [ -e {} ]; do \
           printf '{request}' | timeout 10 openssl s_client -quiet -connect {}:443 -servername worktile.example.com 2>/dev/null \
             | grep -q 'Log in' && echo served || echo lost; \
         done",
        text(flag),
        site.host.address
    ))
}

/// All that a run could have begun with.
fn untouched(site: &Site) -> String {
    let line = "find /opt /data /small /var/lib/wt-install /etc -type f -not -name lock -printf '%p %T@ %s\\n' 2>/dev/null | sort; dpkg-query -W";
    site.sh(line).stdout
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_good_host_is_described_and_what_is_wrong_with_one_is_said_at_once_before_the_first_change() {
    let site = Site::bare("look");
    let bundle = site.bring(&first_bundle());
    let ran = site.wt(&format!("plan {bundle}")).expect(0);
    let table: Vec<String> =
        ran.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for row in [
        "ok platform linux/amd64",
        "ok processors",
        "ok memory",
        "ok folder: home",
        "ok folder: data-root",
        "ok disk /data",
        "ok clock",
        "ok port 80 free",
        "ok port 443 free",
        "ok network of the services 10.213.0.0/16",
        "ok other engines",
        "ok address",
        "warn domain web",
    ] {
        assert!(table.iter().any(|line| line.starts_with(row)), "no `{row}` in\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("FAIL"), "{}", ran.stdout);
    let json = site.wt(&format!("plan {bundle} --json")).expect(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["preflight"]["schema"], "wt.preflight.v1");
    assert!(json["preflight"]["rows"].as_array().unwrap().iter().all(|row| row["verdict"] != "fail"));

    let answers = site.sh("cat /root/site.toml").stdout;
    mail().serve(&site);
    let mail_row = || {
        let said = site.wt(&format!("plan {bundle} --json")).expect(0).stdout;
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        let rows = json["preflight"]["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["what"] == "mail server").unwrap().clone();
        ["verdict", "found", "hint"].map(|field| row[field].as_str().unwrap_or_default().to_owned())
    };
    let server = format!("mail.example.com:{}", mail().port);
    let good = format!("{server} lets worktile@example.com in");
    assert_eq!(mail_row(), ["ok".to_owned(), good, String::new()]);
    let with_mail = site.sh("cat /root/site.toml").stdout;
    site.answer(&with_mail.replace(SMTP_PASSWORD, "another password"));
    let refused = format!("{server}: it refuses the log-in: 535 5.7.8 no such account");
    let hint = "correct `user` and `password` in `[smtp]` of site.toml";
    assert_eq!(mail_row(), ["warn".to_owned(), refused, hint.to_owned()]);
    site.wt(&format!("plan {bundle}")).expect(0).says("warn  mail server").says(hint);

    certificate(&site, "right", NAMES);
    certificate(&site, "other", "DNS:somewhere.example.org");
    site.answer(&format!(
        "{}[certificate]\nfile = \"other.crt\"\nkey = \"right.key\"\n",
        answers.replace("data-root = \"/data\"", "data-root = \"/small/data\"")
    ));
    site.sh("mkdir /small && mount -t tmpfs -o size=64m,mode=1777 tmpfs /small").expect(0);
    site.sh("systemd-run --quiet --unit=theirs systemd-socket-activate --listen=0.0.0.0:80 /bin/cat")
        .expect(0);
    site.within(10, "ss -ltn | grep -q ':80 '");
    let before = untouched(&site);
    for run in [format!("plan {bundle}"), bundle.clone()] {
        site.wt(&run)
            .expect(5)
            .says("in use by systemd-socket")
            .says("disk /small/data")
            .says("folder: data-root")
            .says("`chmod go-w /small`")
            .says("it belongs to another certificate")
            .says("somewhere.example.org, not worktile-box.example.com")
            .says("hint: ");
    }
    assert_eq!(before, untouched(&site));
    assert_ne!(site.sh("type docker").code, 0, "and no engine was installed");
    site.host.down();
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn the_answers_are_asked_for_at_a_terminal_and_flags_say_them_elsewhere() {
    let site = Site::bare("asked");
    site.bring(&first_bundle());
    certificate(&site, "right", &format!("{NAMES},DNS:im.example.org"));
    certificate(&site, "other", "DNS:somewhere.example.org");
    mail().serve(&site);
    site.sh("rm /root/site.toml").expect(0);
    site.wt(&format!("init {BUNDLE} --company-domain acme"))
        .expect(2)
        .says("nobody is at a terminal, and these answers are missing:")
        .says("--domain web=HOST")
        .says("--admin-mail ADDRESS")
        .says("--admin-password-file FILE");
    assert_ne!(site.sh("test -e /root/site.toml").code, 0);

    // company, node, address, roles, four names, certificate, folders, administrator, mail server, write?
    let certificates = "other.crt\\nright.key\\nother.key\\nright.crt\\nright.key\\n";
    // a password that the server refuses, and then the right one
    let mail_account = format!(
        "mail.example.com\\n{}\\n\\nworktile@example.com\\nwrong\\nwrong\\n\\nmail.crt\\nn\\n\\n\\n\\n\\n\
         {SMTP_PASSWORD}\\n{SMTP_PASSWORD}\\n\\n\\n",
        mail().port
    );
    let typed = format!(
        "a b\\nacme\\n\\n192.0.2.77\\n{address}\\n\\nworktile.example.com\\n\
         worktile-box.example.com\\nworktile-hook.example.com\\nworktile-im.example.com\\n{certificates}\\n\\nadmin@example.com\\nadmin\\n\
         Site Administrator\\n{PASSWORD}\\nanother\\n{PASSWORD}\\n{PASSWORD}\\n{mail_account}y\\n",
        address = site.host.address
    );
    // as slowly as somebody types: what comes while the server is asked would be lost
    let typist = "(while IFS= read -r line; do sleep 0.5; printf '%s\\n' \"$line\"; done; sleep 10)";
    let dialog = format!("printf '{typed}' | {typist} | script -qefc './wt-install init {BUNDLE}' /dev/null");
    let ran = site.sh(&format!("cd /root && {dialog}")).expect(0);
    let ran = ran
        .says("no: `a b` is not a short name")
        .says("no: `192.0.2.77` is not an address of this host")
        .says("no: they are not the same")
        .says("no: it belongs to another certificate")
        .says("somewhere.example.org, not worktile-box.example.com")
        .says("it refuses the log-in: 535 5.7.8 no such account")
        .says("keep these answers about mail? [y/N]")
        .says("site.toml is written");
    let prompts = ran.stdout.split("site.toml is written").next().unwrap();
    let after_password = prompts.rsplit("first password of the administrator").next().unwrap();
    assert!(!after_password.contains(PASSWORD), "a password is not shown: {prompts}");
    site.sh("stat -c '%a %U' /root/site.toml | grep -x '600 root'").expect(0);
    let after_password = prompts.rsplit("password there").next().unwrap();
    assert!(!after_password.contains(SMTP_PASSWORD), "nor is that of the mail account: {prompts}");
    let planned = site.wt(&format!("plan {BUNDLE}")).expect(0);
    planned.says("lets worktile@example.com in").says("ok    certificate: names");

    // the same by flags
    let file = world().join("smtp-password");
    fs::write(&file, SMTP_PASSWORD).unwrap(); // not by a command, which would be seen
    site.host.put(&file, "/root/smtp-password");
    site.sh("chmod 600 /root/smtp-password").expect(0);
    site.wt(&format!(
        "init {BUNDLE} --smtp-host mail.example.com --smtp-port {} --smtp-user worktile@example.com --smtp-ca mail.crt \
         --smtp-password-file smtp-password",
        mail().port
    ))
    .expect(0)
    .says("says so already");

    // again, elsewhere: what it says is kept, and a flag changes one answer
    let before = site.sh("cat /root/site.toml").stdout;
    site.wt(&format!("init {BUNDLE}")).expect(0).says("says so already");
    site.wt(&format!("init {BUNDLE} --domain im=im.example.org")).expect(0);
    let after = site.sh("cat /root/site.toml").stdout;
    let changed: Vec<&str> =
        after.lines().filter(|line| !before.lines().any(|other| other == *line)).collect();
    assert_eq!(changed, ["im = \"im.example.org\""]);
    site.wt(&format!("init {BUNDLE} --domain im=im_")).expect(2).says("`im_` is not a host name");
    site.wt(&format!("init {BUNDLE} --certificate other.crt --key other.key"))
        .expect(2)
        .says("somewhere.example.org, not worktile-box.example.com");
    assert_eq!(after, site.sh("cat /root/site.toml").stdout);
    site.host.down();
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn another_certificate_reaches_every_container_that_uses_one() {
    let site = Site::bare_as("tls", "debian-13");
    // somebody else's network, where ours would have been
    site.sh("ip route add 10.213.7.0/24 dev eth0").expect(0);
    for name in ["one", "two"] {
        certificate(&site, name, NAMES);
    }
    certificate(&site, "other", "DNS:somewhere.example.org");
    let answers = site.sh("cat /root/site.toml").stdout;
    site.answer(&format!("{answers}[certificate]\nfile = \"one.crt\"\nkey = \"one.key\"\n"));
    site.install(&first_bundle()).expect(0).says("https://");
    assert_eq!(shown(&site), "one");
    assert!(site.host.http("/").contains("308"), "what comes in plain is sent to where it is not");
    let networks =
        "docker network inspect ingress worktile_backend -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}'";
    let networks = site.sh(networks).expect(0).stdout;
    assert!(networks.lines().all(|network| network.starts_with("10.187.")), "{networks}");

    // a release in which another service uses it, too, and runs twice
    let next = Draft::new("v5.3-tls", "5.3.0").without_packages();
    next.edit("stack.yaml", |text| {
        let own = text.find("  im:\n").unwrap();
        let (before, im) = text.split_at(own);
        let im = im.replacen(
            "    deploy:\n      <<: *deploy\n",
            "    secrets: [{ source: tls-certificate, target: tls-certificate, uid: \"10001\", gid: \"10001\", mode: 256 }]\n    \
             deploy:\n      <<: *deploy\n      replicas: 2\n",
            1,
        );
        format!("{before}{im}")
    });
    site.install(&next.build()).expect(0);
    let inside = "for id in $(docker ps -q -f name=worktile_im -f name=worktile_nginx); do \
                  head -c 200 /proc/$(docker inspect -f '{{.State.Pid}}' $id)/root/run/secrets/tls-certificate | md5sum; done";
    let old = site.sh(inside).expect(0).stdout;
    assert_eq!(old.lines().count(), 3);
    let others = "docker ps --format '{{.ID}} {{.Names}}' | grep -v 'worktile_im\\|worktile_nginx' | sort";
    let before = site.sh(others).stdout;

    site.wt("certificate other.crt other.key").expect(5).says("somewhere.example.org, not worktile");
    site.wt("certificate two.crt one.key").expect(5).says("it belongs to another certificate");
    site.wt("certificate two.crt two.key --dry-run").expect(0);
    assert_eq!(shown(&site), "one");

    let flag = world().join("visitor");
    fs::write(&flag, "").unwrap();
    fs::set_permissions(&flag, fs::Permissions::from_mode(0o644)).unwrap();
    let visitor = visitor(&site, &flag).stdout(Stdio::piped()).spawn().unwrap();
    site.wt("certificate two.crt two.key").expect(0).says("in service; restarted and healthy: im, nginx");
    assert_eq!(shown(&site), "two");
    fs::remove_file(&flag).unwrap();
    let said = String::from_utf8(visitor.wait_with_output().unwrap().stdout).unwrap();
    let lost = said.lines().filter(|line| *line == "lost").count();
    println!(
        "another certificate: {lost} of {} requests were refused while nginx restarted",
        said.lines().count()
    );
    assert!(said.ends_with("served\n"), "{said}");
    let new = site.sh(inside).expect(0).stdout;
    assert!(new.lines().count() == 3 && new.lines().all(|line| !old.contains(line)), "{old}{new}");
    assert_eq!(before, site.sh(others).stdout, "nothing else was restarted");

    site.wt("certificate").expect(0).says("CN=two").says("ok    certificate: names");
    site.wt("certificate two.crt two.key").expect(0).says("nothing to do");
    site.wt("v5.3-tls.tar.zst").expect(0).says("nothing to do");
    assert_eq!(shown(&site), "two", "site.toml names the old one, and a run does not bring it back");
    site.wt("certificate --previous").expect(0);
    assert_eq!(shown(&site), "one");
    site.wt("status").expect(0).says("worktile 5.3.0");
    site.host.down();
}
