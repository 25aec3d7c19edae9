//! A repository of a registry: requests, passes, retries.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use reqwest::header::{ACCEPT, RANGE};
use reqwest::{Response, StatusCode};
use tokio::sync::Mutex;
use wt_keys::Sha256Digest;

use super::Failure;
use super::download::Download;
use super::host::Host;
use crate::image::DOCUMENT_LIMIT;

const TRIES: usize = 5;
/// What a try must bring for the tries to be counted anew.
const PROGRESS: u64 = 1 << 20;
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

pub struct Repository {
    pub host: Arc<Host>,
    pub reference: Reference,
    auth: RegistryAuth,
    looked: Vec<PathBuf>,
    pass: Mutex<Option<Pass>>,
    answered: AtomicBool,
}

/// What is shown with a request.
#[derive(Clone, PartialEq, Eq)]
enum Pass {
    Token(String),
    Password(String, String),
    Nothing,
}

/// A manifest as the registry gave it.
pub struct Document {
    pub bytes: Vec<u8>,
    pub media_type: String,
    /// What the registry says that it is.
    pub digest: Option<String>,
}

/// What is asked for: the part of an address behind the repository, and what to call it.
struct Wanted<'a> {
    path: String,
    what: &'a str,
}

impl Repository {
    pub fn new(host: Arc<Host>, reference: Reference, auth: RegistryAuth, looked: Vec<PathBuf>) -> Self {
        let (pass, answered) = (Mutex::new(None), AtomicBool::new(false));
        Self { host, reference, auth, looked, pass, answered }
    }

    /// What to call a manifest or blob of it.
    pub fn name(&self, digest: Sha256Digest) -> String {
        format!("docker://{}/{}@sha256:{digest}", self.reference.registry(), self.reference.repository())
    }

    /// A manifest by tag or digest, or, where `part` is `blobs`, a configuration.
    pub async fn document(&self, part: &str, name: &str, what: &str) -> Result<Document, Failure> {
        let wanted = Wanted { path: format!("{part}/{name}"), what };
        let mut tries = Tries::new(what);
        loop {
            match self.read(&wanted).await {
                Ok(document) => return Ok(document),
                Err(failure) => self.pause(&mut tries, failure).await?,
            }
        }
    }

    /// Fills a download; what broke goes on where it stopped.
    pub async fn fill(&self, digest: Sha256Digest, download: &Download) -> Result<(), Failure> {
        let wanted = Wanted { path: format!("blobs/sha256:{digest}"), what: &download.name };
        let (mut tries, mut counted) = (Tries::new(&download.name), 0);
        loop {
            let Err(failure) = self.go_on(&wanted, download).await else { return Ok(()) };
            if download.have() >= counted + PROGRESS {
                (tries, counted) = (Tries::new(&download.name), download.have());
            }
            self.pause(&mut tries, failure).await?;
        }
    }

    async fn pause(&self, tries: &mut Tries<'_>, failure: Failure) -> Result<(), Failure> {
        if !failure.passes(self.answered.load(Ordering::Relaxed)) {
            return Err(failure);
        }
        tokio::time::sleep(tries.again(failure)?).await;
        Ok(())
    }

    async fn read(&self, wanted: &Wanted<'_>) -> Result<Document, Failure> {
        let mut response = self.get(wanted, 0).await?;
        let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let media_type = header("content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let digest = header("docker-content-digest");
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            if (bytes.len() + chunk.len()) as u64 > DOCUMENT_LIMIT {
                return Err(Failure::TooLarge { what: wanted.what.to_owned() });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Document { bytes, media_type, digest })
    }

    async fn go_on(&self, wanted: &Wanted<'_>, download: &Download) -> Result<(), Failure> {
        let have = download.have();
        let mut response = self.get(wanted, have).await?;
        // a server that does not know ranges begins anew: what is here already is passed over
        let mut at = if response.status() == StatusCode::PARTIAL_CONTENT { have } else { 0 };
        if response.status() == StatusCode::PARTIAL_CONTENT && first_byte(&response) != Some(have) {
            return Err(Failure::Range { what: wanted.what.to_owned() });
        }
        if let Some(length) = response.content_length() {
            download.expect(at + length)?;
        }
        while let Some(chunk) = self.chunk(&mut response).await? {
            let known = usize::try_from(download.have() - at).unwrap_or(usize::MAX).min(chunk.len());
            at += chunk.len() as u64;
            download.expect_at_most(at)?;
            download.append(&chunk[known..])?;
        }
        match (download.have(), download.size) {
            (have, size) if have < size => Err(Failure::Cut { what: wanted.what.to_owned(), have, size }),
            _ => Ok(()),
        }
    }

    async fn chunk(&self, response: &mut Response) -> Result<Option<bytes::Bytes>, Failure> {
        response.chunk().await.map_err(|error| Failure::transfer(error, &self.host.name))
    }

    /// Asks again with a new pass where the old one is not good any more: tokens last a minute.
    async fn get(&self, wanted: &Wanted<'_>, from: u64) -> Result<Response, Failure> {
        let pass = self.pass(None).await?;
        let mut response = self.send(wanted, from, &pass).await?;
        if response.status() == StatusCode::UNAUTHORIZED && matches!(pass, Pass::Token(_)) {
            let pass = self.pass(Some(&pass)).await?;
            response = self.send(wanted, from, &pass).await?;
        }
        self.answered.store(true, Ordering::Relaxed);
        let (what, looked) = (wanted.what.to_owned(), self.looked.clone());
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
            StatusCode::UNAUTHORIZED => Err(self.unauthorized(what)),
            StatusCode::FORBIDDEN => Err(Failure::Forbidden { what, looked }),
            StatusCode::NOT_FOUND => Err(Failure::NotFound { what }),
            status => Err(Failure::Status { what, status, host: self.host.name.clone() }),
        }
    }

    async fn send(&self, wanted: &Wanted<'_>, from: u64, pass: &Pass) -> Result<Response, Failure> {
        let address = format!("{}/v2/{}/{}", self.host.origin, self.reference.repository(), wanted.path);
        let mut request = self.host.client.get(address);
        request = match pass {
            Pass::Token(token) => request.bearer_auth(token),
            Pass::Password(user, password) => request.basic_auth(user, Some(password)),
            Pass::Nothing => request,
        };
        if wanted.path.starts_with("manifests/") {
            request = request.header(ACCEPT, MANIFESTS);
        }
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        request.send().await.map_err(|error| Failure::transfer(error, &self.host.name))
    }

    /// The pass that is in use, or another than the `refused` one.
    async fn pass(&self, refused: Option<&Pass>) -> Result<Pass, Failure> {
        let mut kept = self.pass.lock().await;
        match &*kept {
            Some(pass) if Some(pass) != refused => return Ok(pass.clone()),
            _ => {}
        }
        let token = self.host.tokens.auth(&self.reference, &self.auth, RegistryOperation::Pull).await;
        let pass = match (token, &self.auth) {
            (Ok(Some(token)), _) => Pass::Token(token),
            (Ok(None), RegistryAuth::Basic(user, password)) => Pass::Password(user.clone(), password.clone()),
            (Ok(None), _) => Pass::Nothing,
            (Err(oci_client::errors::OciDistributionError::AuthenticationFailure(_)), _) => {
                return Err(self.unauthorized(self.reference.whole()));
            }
            (Err(error), _) => return Err(Failure::token(error, &self.host.name)),
        };
        *kept = Some(pass.clone());
        Ok(pass)
    }

    fn unauthorized(&self, what: String) -> Failure {
        let known = self.auth != RegistryAuth::Anonymous;
        Failure::Unauthorized { what, known, looked: self.looked.clone() }
    }
}

/// From `Content-Range: bytes 10-99/100`.
fn first_byte(response: &Response) -> Option<u64> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

/// How often something is tried, and what to wait between: a quarter of a second, then twice as long each time.
struct Tries<'a> {
    what: &'a str,
    made: usize,
    pauses: backon::ExponentialBackoff,
}

impl<'a> Tries<'a> {
    fn new(what: &'a str) -> Self {
        let pauses =
            ExponentialBuilder::new().with_min_delay(Duration::from_millis(250)).with_max_times(TRIES - 1);
        Self { what, made: 0, pauses: pauses.build() }
    }

    fn again(&mut self, failure: Failure) -> Result<Duration, Failure> {
        self.made += 1;
        let (what, tries) = (self.what.to_owned(), self.made);
        self.pauses.next().ok_or_else(|| Failure::Gone { what, tries, source: Box::new(failure) })
    }
}
