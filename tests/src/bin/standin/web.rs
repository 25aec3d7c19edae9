//! The web service: a page, a log-in, messages, and the license's verdict.
//!
//! A message lies in three stores: its text in `mongodb`, what it is found by in `elasticsearch`, and, once those have it,
//! its id in a list of Redis. So in every state that the stores were in together, what the list names is there.
//!
//! The license closes the pages of modules that it does not have, as a product would, and no other door: people log in and
//! keep their data whatever it is worth.

use serde::Deserialize;

use crate::http::{self, Request, Response};
use crate::license::{License, MODULES};
use crate::redis::Client;
use crate::settings::Settings;
use crate::{account, page};

const MESSAGES: &str = "messages";
const LONGEST_MESSAGE: usize = 4096;
const MOST_MESSAGES: usize = 100;

pub fn serve(settings: Settings) -> crate::Outcome {
    let license = License::new(&settings);
    let words = license.standing().words;
    println!(
        "web {} listens on {}; {}",
        settings.version,
        settings.listen,
        words.lines().next().unwrap_or_default()
    );
    let (listen, linger) = (settings.listen.clone(), settings.linger);
    let web = Web { settings, license };
    http::serve(&listen, linger, move |request| web.answer(request).unwrap_or_else(|refusal| refusal))
}

#[derive(Debug)]
struct Web {
    settings: Settings,
    license: License,
}

/// An answer either way; `Err` only ends the work early.
type Answer = Result<Response, Response>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogIn {
    user: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    text: String,
}

impl Web {
    fn answer(&self, request: &Request) -> Answer {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/") => Ok(Response::html(page::front(&self.settings, &self.license.standing()))),
            ("GET", "/health") => self.health(),
            ("GET", path) if path.strip_prefix('/').is_some_and(|name| MODULES.contains(&name)) => {
                self.module(&path[1..])
            }
            ("GET", "/api/license") => Ok(Response::json(200, &self.license.standing().verdict)),
            ("POST", "/api/login") => self.log_in(request),
            ("GET", "/api/me") => self.me(request),
            ("GET", "/api/messages") => self.messages(request),
            ("POST", "/api/messages") => self.post(request),
            (_, "/" | "/health" | "/api/license" | "/api/login" | "/api/me" | "/api/messages") => {
                Err(Response::error(405, "not with this method"))
            }
            _ => Err(Response::error(404, "no such page")),
        }
    }

    fn health(&self) -> Answer {
        self.redis()?.ping().map_err(unavailable)?;
        Ok(Response::json(
            200,
            &serde_json::json!({
                "status": "ok", "service": "web", "product": self.settings.product, "version": self.settings.version,
            }),
        ))
    }

    fn module(&self, name: &str) -> Answer {
        match self.license.standing().refuses(name) {
            Some(why) => Err(Response::error(403, &why)),
            None => Ok(Response::json(200, &serde_json::json!({ "module": name }))),
        }
    }

    fn log_in(&self, request: &Request) -> Answer {
        let log_in: LogIn = parse(request)?;
        match account::log_in(&mut self.redis()?, &log_in.user, &log_in.password).map_err(unavailable)? {
            Some(token) => Ok(Response::json(200, &serde_json::json!({ "token": token }))),
            None => Err(Response::error(401, "no such user and password")),
        }
    }

    fn me(&self, request: &Request) -> Answer {
        let account = logged_in(request, &mut self.redis()?)?;
        Ok(Response::json(
            200,
            &serde_json::json!({ "user": account.username, "name": account.name, "mail": account.mail }),
        ))
    }

    fn messages(&self, request: &Request) -> Answer {
        let mut redis = self.redis()?;
        logged_in(request, &mut redis)?;
        let ids = redis.last(MESSAGES, MOST_MESSAGES).map_err(unavailable)?;
        let count = redis.count(MESSAGES).map_err(unavailable)?;
        let ids: Vec<String> = ids.iter().map(|id| String::from_utf8_lossy(id).into_owned()).collect();
        let texts = many(&self.settings.mongodb, &ids)?;
        let found = many(&self.settings.elasticsearch, &ids)?;
        let messages: Vec<serde_json::Value> =
            texts.iter().flatten().filter_map(|text| serde_json::from_str(text).ok()).collect();
        let lost = texts.iter().chain(&found).filter(|value| value.is_none()).count();
        Ok(Response::json(200, &serde_json::json!({ "count": count, "lost": lost, "messages": messages })))
    }

    fn post(&self, request: &Request) -> Answer {
        let mut redis = self.redis()?;
        let account = logged_in(request, &mut redis)?;
        let message: Message = parse(request)?;
        if message.text.is_empty() || message.text.len() > LONGEST_MESSAGE {
            return Err(Response::error(400, "a message has 1 to 4096 bytes"));
        }
        let kept = serde_json::json!({ "from": account.username, "text": message.text });
        let id = account::random().map_err(unavailable)?.to_string();
        put(&self.settings.mongodb, &id, &kept.to_string())?;
        put(&self.settings.elasticsearch, &id, &message.text)?;
        redis.push(MESSAGES, id.as_bytes()).map_err(unavailable)?;
        Ok(Response::json(200, &kept))
    }

    fn redis(&self) -> Result<Client, Response> {
        Client::connect(&self.settings.redis).map_err(unavailable)
    }
}

fn logged_in(request: &Request, redis: &mut Client) -> Result<account::Account, Response> {
    let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| Response::error(401, "log in first"))?;
    let account = account::who(redis, token).map_err(unavailable)?;
    account.ok_or_else(|| Response::error(401, "log in again"))
}

fn parse<'a, T: Deserialize<'a>>(request: &'a Request) -> Result<T, Response> {
    serde_json::from_slice(&request.body).map_err(|error| Response::error(400, &error.to_string()))
}

fn put(store: &str, id: &str, text: &str) -> Result<(), Response> {
    match http::ask(store, "PUT", &format!("/{MESSAGES}/{id}"), text.as_bytes()) {
        Ok((200, _)) => Ok(()),
        Ok((status, _)) => Err(unavailable(format!("`{store}` answered {status}"))),
        Err(why) => Err(unavailable(why)),
    }
}

/// What a store has under these ids.
fn many(store: &str, ids: &[String]) -> Result<Vec<Option<String>>, Response> {
    let body = serde_json::to_vec(ids).map_err(|error| unavailable(error.to_string()))?;
    let (status, answer) =
        http::ask(store, "POST", &format!("/{MESSAGES}/_many"), &body).map_err(unavailable)?;
    let values = (status == 200).then(|| serde_json::from_slice(&answer).ok()).flatten();
    values.ok_or_else(|| unavailable(format!("`{store}` answered {status}")))
}

/// The reason is for the log; a visitor need not know what stands behind.
fn unavailable(reason: String) -> Response {
    eprintln!("{reason}");
    Response::error(503, "the data cannot be reached just now")
}
