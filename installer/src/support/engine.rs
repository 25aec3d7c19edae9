//! What the engine says of the product: services and their containers, images, logs.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use wt_keys::Utc;

use super::{Collection, TEXT_LIMIT};
use crate::engine::{Engine, LogRequest, Service};
use crate::installed::Installed;
use crate::release::Release;
use crate::{Places, Result};

pub(super) fn all(
    found: &mut Collection,
    places: &Places,
    product: &str,
    installed: Option<&Installed>,
    now: Utc,
    lines: u64,
) {
    let engine = match Engine::connect() {
        Ok(engine) => engine,
        Err(error) => {
            found.leave_out("engine", &error);
            return found.leave_out("logs", &error);
        }
    };
    let info = engine.info();
    let state = engine.swarm_state().map_or_else(|error| error.to_string(), |state| format!("{state:?}"));
    let text = format!(
        "version  {}\nstore    {:?}\ndata     {}\nswarm    {state}\n",
        info.version,
        info.store,
        info.data_root.display()
    );
    found.add("engine/info", "Docker", &text);
    let services = engine.services(product);
    found.add_or_why(
        "engine/services",
        "services and their containers",
        services.as_ref().map(|all| in_words(all)),
    );
    if let Some(installed) = installed {
        found.add_or_why(
            "engine/images",
            "images, compared with what was signed",
            images(&engine, places, installed),
        );
        let stack = Release::kept(places, &installed.manifest)
            .and_then(|release| release.read_entry("stack.yaml", 1 << 20));
        let stack = stack.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        found.add_or_why("engine/stack.yaml", "what the release says of its services", stack);
    }
    for service in services.iter().flatten() {
        let text = log(&engine, product, &service.name, now, lines);
        found.add_or_why(&format!("logs/{}.log", service.name), "what the service wrote last", text);
    }
}

/// A block for each service.
fn in_words(services: &[Service]) -> String {
    let mut text = String::new();
    for service in services {
        let _ = writeln!(text, "{}  {} of {} running", service.name, service.running, service.wanted);
        if let Some(update) = &service.update {
            let _ = writeln!(text, "  update since {}: {} {}", update.started, update.state, update.message);
        }
        for task in &service.tasks {
            let health = match task.healthy {
                Some(true) => ", healthy",
                Some(false) => ", NOT HEALTHY",
                None => "",
            };
            let _ = writeln!(text, "  {} {}{health} since {}", task.id, task.state, task.since);
            for line in [&task.error, &task.health_output].into_iter().flatten() {
                let _ = writeln!(text, "    {}", line.trim().replace('\n', "\n    "));
            }
        }
    }
    text
}

fn images(engine: &Engine, places: &Places, installed: &Installed) -> Result<String> {
    let release = Release::kept(places, &installed.manifest)?;
    let mut text = String::new();
    for image in &release.manifest().images {
        let state =
            engine.compare_image(image).map_or_else(|error| error.to_string(), |()| "as signed".to_owned());
        let _ = writeln!(text, "{} {}: {state}", image.name, engine.info().store.image_id(image));
    }
    Ok(text)
}

/// The last lines of a service, in the order of time.
fn log(engine: &Engine, stack: &str, service: &str, now: Utc, lines: u64) -> Result<String> {
    let request = LogRequest {
        stack: stack.to_owned(),
        services: vec![service.to_owned()],
        since: None,
        tail: Some(lines),
        follow: false,
        now,
    };
    let mut text = String::new();
    engine.logs(&request, &mut |line| {
        let _ = writeln!(text, "{} {}", line.at, String::from_utf8_lossy(&line.text));
        if text.len() > 2 * TEXT_LIMIT {
            let from = text.ceil_char_boundary(TEXT_LIMIT);
            text.drain(..from);
        }
        ControlFlow::Continue(())
    })?;
    Ok(text)
}
