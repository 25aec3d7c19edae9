//! What apt prints where packages need something that cannot be had.

use std::fmt;

const REFUSED: &str = "it is not going to be installed";

/// A dependency that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    pub package: String,
    pub dependency: String,
    why: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` needs `{}`, but {}", self.package, self.dependency, self.why)
    }
}

impl Unmet {
    /// What apt did not even try, for a reason that it does not say here.
    pub fn refused(&self) -> Option<String> {
        let name = self.dependency.split([' ', ':']).next().unwrap_or_default();
        (self.why == REFUSED).then(|| name.to_owned())
    }
}

/// ` web : Depends: libweb (>= 3) but 2 is to be installed`, further ones of `web` below without its name.
pub fn read(said: &str) -> Vec<Unmet> {
    let mut package = String::new();
    let mut all = Vec::new();
    for line in said.lines().skip_while(|line| !line.to_ascii_lowercase().contains(" dependencies:")).skip(1)
    {
        let (head, rest) = line.split_once(" : ").unwrap_or(("", line));
        if !head.trim().is_empty() {
            head.trim().clone_into(&mut package);
        }
        let known = ["Depends: ", "PreDepends: ", "Pre-Depends: ", "Conflicts: ", "Breaks: "];
        let found = known.iter().find_map(|kind| rest.trim().strip_prefix(kind));
        if let Some((dependency, why)) = found.and_then(|found| found.split_once(" but ")) {
            let (dependency, why) = (dependency.to_owned(), why.trim().to_owned());
            all.push(Unmet { package: package.clone(), dependency, why });
        }
    }
    all
}

/// Without those that only follow from others.
pub fn causes(all: Vec<Unmet>) -> Vec<Unmet> {
    let explained =
        |unmet: &Unmet| unmet.refused().is_some_and(|name| all.iter().any(|other| other.package == name));
    let causes: Vec<Unmet> = all.iter().filter(|unmet| !explained(unmet)).cloned().collect();
    if causes.is_empty() { all } else { causes }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Reading...\n\nThe following packages have unmet dependencies:\n a : Depends: nope but it is not installable\n     PreDepends: nada:any (>= 3) but 2 is to be installed\n     Depends: b but it is not going to be installed\n b : Depends: zap but it is not installable\n";

    #[test]
    fn what_is_missing_is_read_without_what_follows_from_it() {
        let all = read(SAID);
        assert_eq!(all.len(), 4);
        assert_eq!(all[2].refused().as_deref(), Some("b"));
        let causes: Vec<_> = causes(all).iter().map(ToString::to_string).collect();
        assert_eq!(
            causes,
            [
                "`a` needs `nope`, but it is not installable",
                "`a` needs `nada:any (>= 3)`, but 2 is to be installed",
                "`b` needs `zap`, but it is not installable",
            ]
        );
        assert!(read("Reading package lists...\n").is_empty());
    }
}
