//! A stand-in for a product's own services, so that a release can be built, installed and licensed without the product.
//!
//!     standin web|im|box|hook    serve HTTP on LISTEN (0.0.0.0:8080)
//!     standin mongodb|elasticsearch|seaweedfs    keep data in DATA, see store.rs
//!     standin probe [PATH]       exit 0 when the service in this container answers 200 on PATH (/health)
//!     standin init-data          create the administrator, once
//!
//! It promises: no request, no missing or broken file and no lost Redis ends it. It is nobody's example of a product:
//! it has just enough of one to be installed, logged in to, licensed, upgraded and backed up.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a container's log is what it prints

mod account;
mod conf;
mod http;
mod license;
mod page;
mod redis;
mod settings;
mod store;
mod web;

use std::error::Error;
use std::process::ExitCode;

use http::{Request, Response};
use settings::Settings;
use store::Shape;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Outcome {
    let settings = Settings::from_environment();
    match words {
        ["web"] => web::serve(settings),
        [name @ ("im" | "box" | "hook")] => serve_name(settings, name),
        ["mongodb"] => store::serve(&settings, "mongodb", Shape::Log("journal.wal")),
        ["elasticsearch"] => store::serve(&settings, "elasticsearch", Shape::Log("translog")),
        ["seaweedfs"] => store::serve(&settings, "seaweedfs", Shape::Files),
        ["probe"] => probe(&settings, "/health"),
        ["probe", path] => probe(&settings, path),
        ["init-data"] => init_data(&settings),
        _ => {
            Err("usage: standin web|im|box|hook|mongodb|elasticsearch|seaweedfs|probe [PATH]|init-data"
                .into())
        }
    }
}

/// The services that only have to be there. The box also keeps files.
fn serve_name(settings: Settings, name: &str) -> Outcome {
    let about = serde_json::json!({
        "status": "ok", "service": name, "product": settings.product, "version": settings.version,
    });
    println!("{name} {} listens on {}", settings.version, settings.listen);
    let is_box = name == "box";
    let listen = settings.listen.clone();
    http::serve(&listen, settings.linger, move |request: &Request| match request.path.as_str() {
        "/" | "/health" if request.method == "GET" => Response::json(200, &about),
        "/" | "/health" => Response::error(405, "GET only"),
        path if is_box && path.starts_with("/files/") => pass_on(&settings.seaweedfs, request),
        _ => Response::error(404, "no such page"),
    })
}

fn pass_on(address: &str, request: &Request) -> Response {
    match http::ask(address, &request.method, &request.path, &request.body) {
        Ok((status, body)) => Response::passed_on(status, body),
        Err(why) => {
            eprintln!("{why}");
            Response::error(503, "the files cannot be reached just now")
        }
    }
}

fn probe(settings: &Settings, path: &str) -> Outcome {
    let port = settings.listen.rsplit(':').next().unwrap_or("8080");
    match http::status_of(&format!("127.0.0.1:{port}"), path)? {
        200 => Ok(()),
        status => Err(format!("`{path}` answered {status}, expected 200").into()),
    }
}

fn init_data(settings: &Settings) -> Outcome {
    let administrator = conf::read(&settings.conf)?.administrator;
    let password = std::fs::read_to_string(&settings.password)
        .map_err(|error| format!("cannot read `{}`: {error}", settings.password.display()))?;
    let password = password.trim_end_matches(['\r', '\n']);
    let mut redis = redis::Client::connect(&settings.redis)?;
    if account::create(&mut redis, &administrator, password)? {
        println!("administrator `{}` created", administrator.username);
    } else {
        println!("administrator `{}` is there already", administrator.username);
    }
    Ok(())
}
