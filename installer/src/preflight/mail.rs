//! The mail account of the site. A warning: a mail server that is down stops no upgrade.

use super::{Row, Scene, Verdict};
use crate::Error;
use crate::mail::{self, Problem};
use crate::site::{Security, Smtp};

pub(super) fn rows(scene: &Scene<'_>) -> Vec<Row> {
    scene.installation.site.smtp.iter().map(|smtp| row(smtp, mail::log_in(smtp))).collect()
}

fn row(smtp: &Smtp, answer: crate::Result<Security>) -> Row {
    let server = format!("{}:{}", smtp.host, smtp.port);
    let (verdict, found, hint) = match answer {
        Ok(Security::None) => (Verdict::Ok, format!("{server} lets {} in, in the clear", smtp.user), ""),
        Ok(_) => (Verdict::Ok, format!("{server} lets {} in", smtp.user), ""),
        Err(Error::Mail { problem, .. }) => (Verdict::Warn, format!("{server}: {problem}"), problem.hint()),
        Err(error) => (Verdict::Warn, error.to_string(), Problem::Unknown.hint()),
    };
    Row::new("mail server", verdict, found, "one that lets the site's account in", hint)
}
