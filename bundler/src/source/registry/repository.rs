//! A repository of a registry: requests, passes, retries.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::{ACCEPT, RANGE};
use reqwest::{Response, StatusCode};
use tokio::sync::Mutex;
use wt_keys::Sha256Digest;

use super::challenge::Challenge;
use super::credentials::Credentials;
use super::download::Download;
use super::host::Host;
use super::patience::Patience;
use super::tokens::TokenServer;
use super::{Failure, Reference};
use crate::image::DOCUMENT_LIMIT;

/// What a try must bring for the tries to be counted anew.
const PROGRESS: u64 = 1 << 20;
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

pub struct Repository {
    pub host: Arc<Host>,
    pub reference: Reference,
    who: Credentials,
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
    pub fn new(host: Arc<Host>, reference: Reference, who: Credentials, looked: Vec<PathBuf>) -> Self {
        let (pass, answered) = (Mutex::new(None), AtomicBool::new(false));
        Self { host, reference, who, looked, pass, answered }
    }

    /// What to call a manifest or blob of it.
    pub fn name(&self, digest: Sha256Digest) -> String {
        format!("docker://{}/{}@sha256:{digest}", self.reference.registry(), self.reference.repository())
    }

    /// A manifest by tag or digest, or, where `part` is `blobs`, a configuration.
    pub async fn document(&self, part: &str, name: &str, what: &str) -> Result<Document, Failure> {
        let wanted = Wanted { path: format!("{part}/{name}"), what };
        let mut patience = self.patience(what);
        loop {
            match self.read(&wanted).await {
                Ok(document) => return Ok(document),
                Err(failure) => self.pause(&mut patience, failure).await?,
            }
        }
    }

    /// Fills a download; what broke goes on where it stopped.
    pub async fn fill(&self, digest: Sha256Digest, download: &Download) -> Result<(), Failure> {
        let wanted = Wanted { path: format!("blobs/sha256:{digest}"), what: &download.name };
        let (mut patience, mut counted) = (self.patience(&download.name), 0);
        loop {
            let Err(failure) = self.go_on(&wanted, download).await else { return Ok(()) };
            if download.have() >= counted + PROGRESS {
                (patience, counted) = (self.patience(&download.name), download.have());
            }
            self.pause(&mut patience, failure).await?;
        }
    }

    fn patience<'a>(&self, what: &'a str) -> Patience<'a> {
        Patience::new(what, self.host.patience)
    }

    async fn pause(&self, patience: &mut Patience<'_>, failure: Failure) -> Result<(), Failure> {
        if !failure.passes(self.answered.load(Ordering::Relaxed)) {
            return Err(failure);
        }
        tokio::time::sleep(patience.again(failure)?).await;
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
            // a registry can announce any number
            download.expect(at.saturating_add(length))?;
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
        self.answered.store(true, Ordering::Relaxed);
        if response.status() == StatusCode::UNAUTHORIZED && self.host.is_origin_of(response.url()) {
            let challenge = Challenge::of(response.headers());
            let other = self.pass(Some((&pass, challenge))).await?;
            if other != pass {
                response = self.send(wanted, from, &other).await?;
            }
        }
        let (what, looked) = (wanted.what.to_owned(), self.looked.clone());
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
            StatusCode::UNAUTHORIZED => Err(self.unauthorized(what)),
            StatusCode::FORBIDDEN => Err(Failure::Forbidden { what, looked }),
            StatusCode::NOT_FOUND => Err(Failure::NotFound { what }),
            status => {
                let (host, after) = (self.host.name.clone(), Failure::after(&response));
                Err(Failure::Status { what, status, host, after })
            }
        }
    }

    async fn send(&self, wanted: &Wanted<'_>, from: u64, pass: &Pass) -> Result<Response, Failure> {
        let address = self.host.address(&format!("{}/{}", self.reference.repository(), wanted.path));
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

    /// The pass that is in use; or, where the registry refused one, what its challenge asks for.
    async fn pass(&self, refused: Option<(&Pass, Option<Challenge>)>) -> Result<Pass, Failure> {
        let mut kept = self.pass.lock().await;
        let is_refused = |pass: &Pass| refused.as_ref().is_some_and(|(refused, _)| *refused == pass);
        match &*kept {
            Some(pass) if !is_refused(pass) => return Ok(pass.clone()), // another transfer was here before
            _ => {}
        }
        let challenge = match refused {
            Some((_, challenge)) => challenge,
            None => self.host.challenge().await?,
        };
        let pass = self.answer(challenge).await?;
        *kept = Some(pass.clone());
        Ok(pass)
    }

    async fn answer(&self, challenge: Option<Challenge>) -> Result<Pass, Failure> {
        match (challenge, &self.who) {
            (Some(Challenge::Bearer { realm, service }), who) => {
                let server = TokenServer::new(&self.host, &realm, service.as_deref())?;
                let token = server.token(self.reference.repository(), who).await?;
                token.map(Pass::Token).ok_or_else(|| self.unauthorized(self.reference.to_string()))
            }
            (Some(Challenge::Basic), Credentials::Password(user, password)) => {
                Ok(Pass::Password(user.clone(), password.clone()))
            }
            _ => Ok(Pass::Nothing),
        }
    }

    fn unauthorized(&self, what: String) -> Failure {
        let known = self.who != Credentials::None;
        Failure::Unauthorized { what, known, looked: self.looked.clone() }
    }
}

/// From `Content-Range: bytes 10-99/100`.
fn first_byte(response: &Response) -> Option<u64> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}
