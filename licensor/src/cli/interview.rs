use std::fmt::Display;
use std::str::FromStr;

use wt_keys::Utc;
use wt_keys::console::Failure;

use super::sold::{Sold, hinted, plain};
use crate::Request;
use crate::plans::Plans;
use crate::term::day;

/// Asks a question and gives what was typed.
pub type Ask<'a> = &'a mut dyn FnMut(&str) -> Result<String, Failure>;

/// Asks for what the command line does not say; an empty answer is what stands in brackets.
pub fn interview(
    sold: &mut Sold,
    plans: &Plans,
    request: &Request,
    now: Utc,
    ask: Ask<'_>,
) -> Result<(), Failure> {
    if sold.customer.is_none() {
        sold.customer = Some(answer(ask, "Customer", hinted(request), plain)?);
    }
    let names = plans.names();
    if sold.plan.is_none() && names.len() > 1 {
        let (default, _) = plans.named(None)?;
        let question = format!("Plan, of {}", names.join(", "));
        let known = |text: &str| plans.named(Some(text)).map(|(name, _)| name);
        sold.plan = Some(answer(ask, &question, Some(default), known)?);
    }
    let preset = sold.over(plans.named(sold.plan.as_deref())?.1);
    if sold.edition.is_none() {
        sold.edition = Some(answer(ask, "Edition", Some(preset.edition), plain)?);
    }
    if sold.seats.is_none() {
        sold.seats = Some(answer(ask, "Seats", Some(preset.seats), |text| number(text, 1))?);
    }
    if sold.modules.is_none() {
        let known = plans
            .modules(&request.product)
            .map_or_else(String::new, |known| format!(" of {}", known.join(", ")));
        let question = format!("Modules{known}; * for all");
        let modules = |text: &str| modules(plans, &request.product, text).map(|modules| modules.join(","));
        let typed = answer(ask, &question, Some(preset.modules.join(",")), modules)?;
        sold.modules = Some(typed.split(',').map(str::to_owned).collect());
    }
    if sold.nodes.is_none() {
        let question = format!("Nodes (the request has {})", request.nodes.len());
        sold.nodes = Some(answer(ask, &question, Some(preset.nodes), |text| number(text, 1))?);
    }
    if sold.spares.is_none() {
        sold.spares = Some(answer(ask, "Spare nodes", Some(preset.spares), |text| number(text, 0))?);
    }
    if sold.expires.is_none() && sold.given_term().is_none() {
        let calendar = sold.terms(plans, request)?.calendar;
        let last = calendar.zone.day_of(calendar.dates(now)?.expires_at);
        let question = format!("Last day ({})", calendar.zone.name());
        let day = |text: &str| {
            let day = day(text)?;
            let mut sold = sold.clone();
            sold.expires = Some(day);
            sold.calendar(&preset_of(&sold, plans), calendar.zone.clone()).dates(now).map(|_| day)
        };
        let typed = answer(ask, &question, Some(last), day)?;
        sold.expires = (typed != last).then_some(typed);
    }
    Ok(())
}

fn preset_of(sold: &Sold, plans: &Plans) -> crate::plans::Preset {
    sold.over(plans.named(sold.plan.as_deref()).map(|(_, preset)| preset).unwrap_or_default())
}

/// Until it is one.
fn answer<T: Display, E: Display>(
    ask: Ask<'_>,
    question: &str,
    default: Option<T>,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Failure> {
    let brackets = default.as_ref().map_or_else(String::new, |default| format!(" [{default}]"));
    let mut words = format!("{question}{brackets}:");
    loop {
        let typed = ask(&words)?;
        if typed.is_empty()
            && let Some(default) = default
        {
            return Ok(default);
        }
        match read(&typed) {
            Ok(answer) => return Ok(answer),
            Err(why) => words = format!("  no: {why}\n{question}{brackets}:"),
        }
    }
}

fn number(text: &str, least: u32) -> Result<u32, String> {
    let number = u32::from_str(text).ok().filter(|number| *number >= least);
    number.ok_or_else(|| format!("expected a number, {least} or more"))
}

fn modules(plans: &Plans, product: &str, text: &str) -> Result<Vec<String>, String> {
    let modules = text.split(',').map(|module| plain(module.trim())).collect::<Result<Vec<_>, _>>()?;
    plans.check_modules(product, &modules).map_err(|error| error.to_string())?;
    Ok(modules)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use clap::Parser as _;

    use super::*;
    use crate::testkit::{Machine, install_key, now, request};

    #[derive(Debug, clap::Parser)]
    struct Flags {
        #[command(flatten)]
        sold: Sold,
    }

    fn asked(flags: &[&str], plans: &Plans, answers: &[&str]) -> (Sold, String) {
        let mut sold = Flags::parse_from([&["wt-license"], flags].concat()).sold;
        let (mut answers, mut said) = (answers.iter(), String::new());
        let mut ask = |question: &str| {
            let answer = answers.next().unwrap_or_else(|| panic!("{question}"));
            let _ = writeln!(said, "{question} {answer}");
            Ok((*answer).to_owned())
        };
        let request = request(&Machine::metal(), &install_key(1));
        interview(&mut sold, plans, &request, now(), &mut ask).unwrap();
        assert_eq!(answers.next(), None, "{said}");
        (sold, said)
    }

    #[test]
    fn what_flags_do_not_say_is_asked_for_until_it_is_right() {
        let answers = ["", "", "none", "250", "", "0", "2", "1", "2026-11-22", "2027-12-31"];
        let (sold, said) = asked(&["--zone", "Asia/Shanghai"], &Plans::default(), &answers);
        assert_eq!(
            said,
            "Customer [Acme GmbH]: \nEdition [standard]: \nSeats [100]: none\n  no: expected a number, 1 or more\n\
             Seats [100]: 250\nModules; * for all [*]: \nNodes (the request has 1) [1]: 0\n  no: expected a number, 1 or more\n\
             Nodes (the request has 1) [1]: 2\nSpare nodes [0]: 1\nLast day (Asia/Shanghai) [2027-11-23]: 2026-11-22\n  no: 2026-11-22 is over\n  expected 2026-11-23 or later\n\
             Last day (Asia/Shanghai) [2027-11-23]: 2027-12-31\n"
        );
        assert_eq!((sold.seats, sold.nodes, sold.spares), (Some(250), Some(2), Some(1)));
        assert_eq!(sold.expires.unwrap().to_string(), "2027-12-31");
    }

    #[test]
    fn what_flags_say_is_not_asked_for() {
        let flags =
            ["--customer", "Acme", "--edition", "x", "--seats", "5", "--modules", "wiki", "--nodes", "1"];
        let (sold, said) =
            asked(&[&flags[..], &["--spares", "0", "--term", "1 year"]].concat(), &Plans::default(), &[]);
        assert_eq!((said.as_str(), sold.expires), ("", None));
    }

    #[test]
    fn plans_and_modules_are_those_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plans.toml");
        let text = "default = 'large'\n[product.worktile]\nmodules = ['wiki', 'forms']\n[plan.large]\nseats = 500\n[plan.trial]\nseats = 5\n";
        std::fs::write(&path, text).unwrap();
        let answers = ["a\tb", "Acme", "trail", "trial", "", "", "wikis", "wiki, forms", "", "", ""];
        let (sold, said) = asked(&[], &Plans::read(&path).unwrap(), &answers);
        assert!(
            said.contains("Plan, of large, trial [large]: trail\n  no: there is no plan `trail`"),
            "{said}"
        );
        assert!(said.contains("Seats [5]: \nModules of wiki, forms; * for all [*]: wikis\n  no: `worktile` has no module `wikis`"), "{said}");
        assert_eq!(sold.modules.unwrap(), ["wiki", "forms"]);
        assert_eq!(sold.expires, None, "the plan's term is what was confirmed");
    }
}
