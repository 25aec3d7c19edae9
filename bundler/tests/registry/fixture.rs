//! Debian's registry on this machine, with its own folder and a port of the kernel's choice; it ends with the test.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::layout::Layout;

pub const USER: &str = "builder";
/// INSECURE: for tests only, and so is its bcrypt below.
pub const PASSWORD: &str = "insecure-test-password";
const HTPASSWD: &str = "builder:$2y$05$abcdefghijklmnopqrstuu9TgchRto1XluRjgGwwiDLysZN.t8.CK\n";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Plain,
    TlsAndPassword,
    /// With tokens of a server that is started later: [`Registry::serve_with_tokens_of`].
    Token,
}

pub struct Registry {
    folder: tempfile::TempDir,
    server: Child,
    pub port: u16,
    kind: Kind,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Registry {
    /// Nothing where Debian's registry is not installed; the caller is skipped then.
    pub fn start(kind: Kind) -> Option<Self> {
        if !all_there(&["docker-registry", "skopeo", "openssl", "setpriv"]) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tls")).unwrap();
        if kind == Kind::TlsAndPassword {
            certificates(&folder.path().join("tls"));
            fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        }
        if kind == Kind::Token {
            certificates(&folder.path().join("tls"));
        }
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(server) = serve(folder.path(), port, kind, "127.0.0.1:1") {
                return Some(Self { folder, server, port, kind });
            }
        }
    }

    /// Starts it again, on the same port, with this token server.
    pub fn serve_with_tokens_of(&mut self, server: &str) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
        self.server = serve(self.folder.path(), self.port, self.kind, server).unwrap();
    }

    pub fn signer(&self) -> Signer {
        Signer { tls: self.tls() }
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where its certificates are.
    pub fn tls(&self) -> PathBuf {
        self.folder.path().join("tls")
    }

    /// Its authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.tls().join("ca.crt")
    }

    /// A file of credentials for a host.
    pub fn authfile(&self, host: &str, password: &str) -> PathBuf {
        let path = self.folder.path().join("auth.json");
        let entry = format!(r#"{{"username":"{USER}","password":"{password}"}}"#);
        fs::write(&path, format!(r#"{{"auths":{{"{host}":{entry}}}}}"#)).unwrap();
        path
    }

    /// Puts an image there, byte for byte.
    pub fn push(&self, layout: &Layout, name: &str) {
        let mut copy = Command::new("skopeo");
        copy.args(["--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests"]);
        match self.kind {
            Kind::Plain => copy.arg("--dest-tls-verify=false"),
            Kind::Token => {
                copy.args(["--dest-tls-verify=false", "--dest-creds", &format!("{USER}:{PASSWORD}")])
            }
            Kind::TlsAndPassword => {
                let certificates = self.folder.path().join("tls");
                copy.arg("--dest-cert-dir")
                    .arg(certificates)
                    .args(["--dest-creds", &format!("{USER}:{PASSWORD}")])
            }
        };
        self.copy(copy, &layout.folder.path().display().to_string(), name);
    }

    /// Puts an image there as tools do: its layers compressed, and with Docker's or OCI's media types.
    pub fn push_compressed(&self, layout: &Layout, name: &str, format: &str) {
        assert!(self.kind == Kind::Plain);
        let mut copy = Command::new("skopeo");
        copy.args(["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", "--format", format]);
        self.copy(copy, &layout.folder.path().display().to_string(), name);
    }

    fn copy(&self, mut copy: Command, layout: &str, name: &str) {
        copy.arg(format!("oci:{layout}"));
        let output = copy.arg(format!("docker://{}/{name}", self.host())).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The file in which it keeps a blob.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let blobs = self.folder.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&digest[..2]).join(digest).join("data")
    }
}

/// Whether these programs are installed. Where the whole of the tests is wanted, one that is missing is a failure.
pub fn all_there(programs: &[&str]) -> bool {
    let there = |program: &&&str| {
        Command::new("which").arg(program).stdout(Stdio::null()).status().unwrap().success()
    };
    let Some(missing) = programs.iter().find(|program| !there(program)) else { return true };
    assert!(std::env::var_os("WT_TEST_WHOLE").is_none(), "no {missing}, and WT_TEST_WHOLE is set");
    // not `eprintln`, which a test that passes keeps to itself
    let _ = writeln!(std::io::stderr(), "SKIPPED: no {missing}; ./test installs it");
    false
}

fn serve(folder: &Path, port: u16, kind: Kind, token_server: &str) -> Option<Child> {
    let (data, tls, password) = (folder.join("data"), folder.join("tls"), folder.join("htpasswd"));
    let mut config = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp:\n  addr: 127.0.0.1:{port}\n",
        data.display()
    );
    if kind == Kind::TlsAndPassword {
        let tls = tls.display();
        let password = password.display();
        config = format!(
            "{config}  tls: {{certificate: {tls}/server.pem, key: {tls}/server.priv}}\n\
             auth: {{htpasswd: {{realm: test, path: {password}}}}}\n"
        );
    }
    if kind == Kind::Token {
        let tls = tls.display();
        config = format!(
            "{config}auth: {{token: {{realm: 'http://{token_server}/token', service: fake, issuer: test, \
             rootcertbundle: {tls}/ca.crt}}}}\n"
        );
    }
    fs::write(folder.join("config.yml"), config).unwrap();
    let mut server = Command::new("setpriv");
    server.args(["--pdeathsig", "KILL", "docker-registry", "serve"]).arg(folder.join("config.yml"));
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut server = server.stdout(Stdio::null()).stderr(log).spawn().unwrap();
    for _ in 0..400 {
        if server.try_wait().unwrap().is_some() {
            return None; // the port was taken meanwhile
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(server);
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    let _ = server.kill();
    panic!("the registry does not start: {}", fs::read_to_string(folder.join("log")).unwrap());
}

/// Makes tokens that the registry takes: JSON Web Tokens, signed with the certificate's key.
pub struct Signer {
    tls: PathBuf,
}

impl Signer {
    /// For `a/b`, for five minutes.
    pub fn token(&self, actions: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let actions: Vec<String> = actions.split(',').map(|action| format!("\"{action}\"")).collect();
        let script = format!(
            r#"url() {{ base64 -w0 | tr '+/' '-_' | tr -d '='; }}
            cert=$(openssl x509 -in token.pem -outform DER | base64 -w0)
            head=$(printf '{{"typ":"JWT","alg":"RS256","x5c":["%s"]}}' "$cert" | url)
            body=$(printf '%s' '{{"iss":"test","sub":"x","aud":"fake","exp":{},"nbf":{},"iat":{},"jti":"1","access":[{{"type":"repository","name":"a/b","actions":[{}]}}]}}' | url)
            sign=$(printf '%s.%s' "$head" "$body" | openssl dgst -sha256 -sign token.priv | url)
            printf '%s.%s.%s' "$head" "$body" "$sign""#,
            now + 300,
            now - 10,
            now,
            actions.join(",")
        );
        let output = Command::new("bash").args(["-euc", &script]).current_dir(&self.tls).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// An authority and a certificate for 127.0.0.1, and one to sign tokens with.
pub fn certificates(folder: &Path) {
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=test CA' \
            -addext 'keyUsage=critical,keyCertSign' -keyout ca.priv -out ca.crt
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -keyout server.priv -out server.csr
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\\nextendedKeyUsage=serverAuth\\n' >extensions
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.priv -CAcreateserial -days 30 -extfile extensions -out server.pem
        openssl req -new -newkey rsa:2048 -nodes -subj /CN=tokens -keyout token.priv -out token.csr
        openssl x509 -req -in token.csr -CA ca.crt -CAkey ca.priv -CAcreateserial -days 30 -out token.pem";
    let output = Command::new("bash").args(["-euc", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
