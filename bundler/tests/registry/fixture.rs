//! Debian's registry on this machine, with its own folder and a port of the kernel's choice; it ends with the test.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::layout::Layout;

pub const USER: &str = "builder";
/// INSECURE: for tests only, and so is its bcrypt below.
pub const PASSWORD: &str = "insecure-test-password";
const HTPASSWD: &str = "builder:$2y$05$abcdefghijklmnopqrstuu9TgchRto1XluRjgGwwiDLysZN.t8.CK\n";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Plain,
    TlsAndPassword,
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
        for program in ["docker-registry", "skopeo", "openssl", "setpriv"] {
            let found = Command::new("which").arg(program).stdout(Stdio::null()).status().unwrap().success();
            if !found {
                // not `eprintln`, which a test that passes keeps to itself
                let _ = writeln!(std::io::stderr(), "SKIPPED: no {program}; ./test installs it");
                return None;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tls")).unwrap();
        if kind == Kind::TlsAndPassword {
            certificates(&folder.path().join("tls"));
            fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        }
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(server) = serve(folder.path(), port, kind) {
                return Some(Self { folder, server, port, kind });
            }
        }
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("tls/ca.crt")
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
            Kind::TlsAndPassword => {
                let certificates = self.folder.path().join("tls");
                copy.arg("--dest-cert-dir")
                    .arg(certificates)
                    .args(["--dest-creds", &format!("{USER}:{PASSWORD}")])
            }
        };
        copy.arg(format!("oci:{}", layout.folder.path().display()));
        let output = copy.arg(format!("docker://{}/{name}", self.host())).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The file in which it keeps a blob.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let blobs = self.folder.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&digest[..2]).join(digest).join("data")
    }
}

fn serve(folder: &Path, port: u16, kind: Kind) -> Option<Child> {
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

/// An authority and a certificate for 127.0.0.1.
fn certificates(folder: &Path) {
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=test CA' \
            -addext 'keyUsage=critical,keyCertSign' -keyout ca.priv -out ca.crt
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -keyout server.priv -out server.csr
        printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth\\n' >extensions
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.priv -CAcreateserial -days 30 -extfile extensions -out server.pem";
    let output = Command::new("bash").args(["-euc", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
