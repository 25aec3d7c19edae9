//! Tokens, as the distribution project specifies them: a server that the registry names gives one for a name and a
//! password, or for an identity token (RFC 6749 section 6).
//!
//! Attacks this module is written against: a registry that names a server without TLS, or one of somebody else, to be
//! shown the credentials; a server that sends on elsewhere; an answer without an end, or of any size.

use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;

use super::Failure;
use super::credentials::Credentials;
use super::host::{Host, authority};

/// The longest answer.
const ANSWER: usize = 64 << 10;
const CLIENT: &str = "wt-bundle";

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

/// Where a registry wants tokens to be fetched.
pub struct TokenServer<'a> {
    host: &'a Host,
    realm: Url,
    service: Option<&'a str>,
}

impl<'a> TokenServer<'a> {
    /// The server at `realm`, if it has TLS, or the user named it as one that has not.
    pub fn new(host: &'a Host, realm: &str, service: Option<&'a str>) -> Result<Self, Failure> {
        let refuse = |why| Failure::Realm { host: host.name.clone(), why };
        let realm = Url::parse(realm).map_err(|_| refuse("cannot be understood"))?;
        match realm.scheme() {
            "https" => {}
            "http" if host.is_plain(&realm) => {}
            "http" => return Err(refuse("has no TLS")),
            _ => return Err(refuse("cannot be understood")),
        }
        if !realm.username().is_empty() || realm.password().is_some() {
            return Err(refuse("has a password in its address"));
        }
        Ok(Self { host, realm, service })
    }

    /// A token to pull from `repository`; none where the credentials are not taken.
    pub async fn token(&self, repository: &str, who: &Credentials) -> Result<Option<String>, Failure> {
        if *who != Credentials::None && !self.host.vouches_for(&self.realm) {
            let (host, server) = (self.host.name.clone(), self.name());
            return Err(Failure::ForeignServer { host, server });
        }
        let answer = self.request(repository, who).send().await;
        let answer = answer.map_err(|error| Failure::transfer(error, &self.name()))?;
        match answer.status() {
            StatusCode::OK => self.read(answer).await.map(Some),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(None),
            status => {
                let (server, after) = (self.name(), Failure::after(&answer));
                Err(Failure::TokenServer { server, status, after })
            }
        }
    }

    fn request(&self, repository: &str, who: &Credentials) -> RequestBuilder {
        let scope = format!("repository:{repository}:pull");
        let mut address = self.realm.clone();
        address.query_pairs_mut().append_pair("scope", &scope);
        if let Some(service) = self.service {
            address.query_pairs_mut().append_pair("service", service);
        }
        let asking = &self.host.asking;
        match who {
            Credentials::None => asking.request(Method::GET, address),
            Credentials::Password(user, password) => {
                asking.request(Method::GET, address).basic_auth(user, Some(password))
            }
            Credentials::Identity(token) => {
                let fields =
                    [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", token)];
                address.query_pairs_mut().extend_pairs(fields);
                let form = address.query().unwrap_or_default().to_owned();
                asking
                    .request(Method::POST, self.realm.clone())
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(form)
            }
        }
    }

    async fn read(&self, mut answer: Response) -> Result<String, Failure> {
        let unusable = || Failure::Token { server: self.name() };
        let mut bytes = Vec::new();
        while let Some(chunk) =
            answer.chunk().await.map_err(|error| Failure::transfer(error, &self.name()))?
        {
            if bytes.len() + chunk.len() > ANSWER {
                return Err(unusable());
            }
            bytes.extend_from_slice(&chunk);
        }
        let answer: Answer = serde_json::from_slice(&bytes).map_err(|_| unusable())?;
        let mut tokens = [answer.token, answer.access_token].into_iter().flatten();
        let usable = |token: &String| !token.is_empty() && token.bytes().all(|c| c.is_ascii_graphic());
        tokens.find(usable).ok_or_else(unusable)
    }

    fn name(&self) -> String {
        authority(&self.realm)
    }
}
