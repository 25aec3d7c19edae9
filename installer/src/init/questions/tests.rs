use super::*;
use crate::SiteFile;
use crate::init::Document;
use crate::init::person::tests::Script;

fn known(folder: &Path) -> Known {
    Known {
        domains: Some(vec!["web".to_owned(), "im".to_owned()]),
        product: Some("worktile".to_owned()),
        path: folder.join("site.toml"),
        now: Utc::from_unix(1_795_420_800).unwrap(),
    }
}

fn ask_script(known: &Known, document: Document, given: &Given, answers: &[&str]) -> (String, String) {
    let mut script = Script::of(answers);
    let mut interview = Interview { document, person: Some(&mut script), missing: Vec::new() };
    ask_all(&mut interview, given, known).unwrap();
    assert!(interview.missing.is_empty());
    let text = interview.document.text().to_string();
    assert!(script.answers.is_empty(), "not asked for: {:?}", script.answers);
    (text, script.said)
}

#[test]
fn a_site_is_asked_for_and_wrong_answers_are_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let (text, said) = ask_script(
        &known(folder.path()),
        Document::new(),
        &Given::default(),
        &[
            "a b",
            "acme",
            "node1",
            "192.0.2.77",
            "127.0.0.1",
            "lb app dbx",
            "lb app",
            "web_",
            "127.0.0.1",
            "",
            "nothing.crt",
            "-",
            "data",
            "/data",
            "",
            "root",
            "root@example.com",
            "root",
            "The Root",
            "secret",
            "secrets",
            "secret",
            "secret",
            "",
        ],
    );
    let site = SiteFile::parse(&text).unwrap();
    assert_eq!(site.company_domain.as_str(), "acme");
    assert_eq!(site.domains["im"].as_str(), "127.0.0.1", "the default");
    assert_eq!(site.home.as_deref(), Some(Path::new("/opt/worktile")));
    assert_eq!(site.administrator.password.expose(), "secret");
    assert!(site.certificate.is_none() && site.smtp.is_none());
    for expected in [
        "no: `a b` is not a short name",
        "no: `192.0.2.77` is not an address of this host",
        "no: `dbx` is not a role",
        "no: `web_` is not a host name",
        "nothing.crt`: No such file",
        "no: `data` is not the absolute path",
        "no: `root` is not a mail address",
        "no: they are not the same",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn what_a_file_says_is_the_default_and_its_comments_stay() {
    let folder = tempfile::tempdir().unwrap();
    let known = known(folder.path());
    let file = "# ours\ncompany-domain = 'acme' # short\n\n[domains]\nweb = '127.0.0.1'\nim = '127.0.0.1'\nbox = 'x'\n\n\
        [administrator] # me\nmail = 'a@b'\nusername = 'a'\nname = 'A'\npassword = 'p'\n\n\
        [[node]]\nname = 'n'\naddress = '127.0.0.1'\nroles = ['db'] # alone\n";
    wt_keys::durable::write(&known.path, file.as_bytes(), 0o600).unwrap();
    let document = Document::read(&known.path).unwrap();
    let answers = ["other"].iter().chain(&[""; 13]).copied().collect::<Vec<_>>();
    let (text, said) = ask_script(&known, document, &Given::default(), &answers);
    assert!(said.contains("the release knows no `box`"), "{said}");
    let wanted = file.replace("'acme'", "\"other\"").replace("box = 'x'\n", "");
    let (head, rest) = wanted.split_once("# short\n").unwrap();
    assert_eq!(text, format!("{head}# short\ndata-root = \"/data\"\nhome = \"/opt/worktile\"\n{rest}"));
}

#[test]
fn without_a_terminal_all_that_is_missing_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let known = known(folder.path());
    let mut interview = Interview { document: Document::new(), person: None, missing: Vec::new() };
    let given = Given {
        smtp_host: Some("m".to_owned()),
        company_domain: Some("acme".to_owned()),
        ..Given::default()
    };
    ask_all(&mut interview, &given, &known).unwrap();
    let missing = [
        "--domain web=HOST",
        "--domain im=HOST",
        "--admin-mail ADDRESS",
        "--admin-username NAME",
        "--admin-name NAME",
        "--admin-password-file FILE",
        "--smtp-user NAME",
        "--smtp-password-file FILE",
        "--smtp-from ADDRESS",
    ];
    let found: Vec<&str> =
        interview.missing.iter().map(String::as_str).filter(|flag| *flag != "--address ADDRESS").collect();
    assert_eq!(found, missing);
}

#[test]
fn a_certificate_must_be_for_these_names() {
    use crate::certificate::tests::make;
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "good", "DNS:a.example", &["-days", "90"]);
    make(folder.path(), "other", "DNS:b.example", &["-days", "90"]);
    let now = wt_keys::console::now(); // afterwards: they are good from the second on in which they were made
    let known = Known { domains: Some(vec!["web".to_owned()]), now, ..known(folder.path()) };
    let base = ["acme", "n", "127.0.0.1", "db", "a.example"];
    let tail = ["/data", "/opt/x", "a@b", "a", "A", "p", "p", "-"];
    let certificate = ["other.crt", "good.key", "other.key", "good.crt", "good.key"];
    let answers: Vec<&str> = base.iter().chain(&certificate).chain(&tail).copied().collect();
    let (text, said) = ask_script(&known, Document::new(), &Given::default(), &answers);
    assert!(said.contains("no: it belongs to another certificate"), "{said}");
    assert!(said.contains("b.example, not a.example"), "{said}");
    assert!(text.contains("[certificate]\nfile = \"good.crt\"\nkey = \"good.key\"\n"), "{text}");
}
