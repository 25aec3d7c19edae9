//! What is sold: `plans.toml`, the desk's own file. Without one there is one plan, [`Preset::default`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wt_keys::{capped, folder_of};

use crate::license::{ANY, LONGEST_GRACE_DAYS};
use crate::request::is_plain;
use crate::term::{Term, Zone};
use crate::{Error, Result};

const LARGEST_FILE: u64 = 1024 * 1024;
pub const DEFAULT: &str = "standard";

/// A plans file:
///
/// ```toml
/// default = "standard"
/// zone = "Asia/Shanghai"
///
/// [product.worktile]
/// release = "../manifests/v5.2/release.toml"   # its `modules` are those that can be sold
///
/// [plan.standard]
/// seats = 100
/// modules = ["messages", "projects"]
/// term = "1 year"
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Plans {
    default: Option<String>,
    zone: Option<String>,
    #[serde(default, rename = "plan")]
    presets: BTreeMap<String, Preset>,
    #[serde(default, rename = "product")]
    products: BTreeMap<String, Product>,
}

/// What a plan says where the command line does not.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Preset {
    /// What it is for; `None`: any product.
    pub product: Option<String>,
    pub edition: String,
    pub seats: u32,
    pub modules: Vec<String>,
    pub nodes: u32,
    pub spares: u32,
    pub term: Term,
    /// The product speaks of the end so many days before it.
    pub notify_days: u32,
    /// The product works so many days after the end.
    pub grace_days: u32,
    /// A changed machine works so many days.
    pub drift_grace_days: u32,
    pub releases: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Product {
    #[serde(default)]
    modules: Vec<String>,
    /// Instead, a release of the product that names its modules; from the folder of the plans file.
    release: Option<PathBuf>,
}

/// Of a release.toml, which says much more.
#[derive(Deserialize)]
struct Release {
    product: String,
    modules: Vec<String>,
}

impl Default for Preset {
    fn default() -> Self {
        Self {
            product: None,
            edition: DEFAULT.into(),
            seats: 100,
            modules: vec![ANY.into()],
            nodes: 1,
            spares: 0,
            term: Term::days(365),
            notify_days: 30,
            grace_days: 30,
            drift_grace_days: 30,
            releases: ANY.into(),
        }
    }
}

impl Plans {
    pub fn read(path: &Path) -> Result<Self> {
        let invalid = |why: String| Error::Plans { path: path.to_owned(), why };
        let mut plans: Self = read_toml(path)?;
        for (name, product) in &mut plans.products {
            if let Some(release) = &product.release {
                let release: Release = read_toml(&folder_of(path).join(release))?;
                if release.product != *name {
                    return Err(invalid(format!("the release of `{name}` is of `{}`", release.product)));
                }
                product.modules = release.modules;
            }
        }
        if plans.default.is_some() || !plans.presets.is_empty() {
            plans.named(None).map_err(|error| invalid(error.to_string()))?;
        }
        plans.zone().map_err(|error| invalid(error.to_string()))?;
        for (name, plan) in &plans.presets {
            plan.check().map_err(|why| invalid(format!("plan `{name}`: {why}")))?;
            if let Some(product) = &plan.product {
                plans.check_modules(product, &plan.modules).map_err(|error| invalid(error.to_string()))?;
            }
        }
        Ok(plans)
    }

    /// The plan of that name, or the default one; with its name.
    pub fn named(&self, name: Option<&str>) -> Result<(String, Preset)> {
        let name = name.or(self.default.as_deref()).unwrap_or(DEFAULT);
        match self.presets.get(name) {
            Some(plan) => Ok((name.to_owned(), plan.clone())),
            None if self.presets.is_empty() && name == DEFAULT => Ok((name.to_owned(), Preset::default())),
            None => Err(Error::NoPlan { found: name.to_owned(), known: self.names().join(", ") }),
        }
    }

    pub fn names(&self) -> Vec<&str> {
        if self.presets.is_empty() {
            vec![DEFAULT]
        } else {
            self.presets.keys().map(String::as_str).collect()
        }
    }

    pub fn zone(&self) -> Result<Zone> {
        self.zone.as_deref().map_or(Ok(Zone::utc()), str::parse)
    }

    /// The modules that a product has, where the file says it.
    pub fn modules(&self, product: &str) -> Option<&[String]> {
        self.products.get(product).map(|product| product.modules.as_slice())
    }

    /// Refuses a module that the product does not have.
    pub fn check_modules(&self, product: &str, modules: &[String]) -> Result<()> {
        let Some(known) = self.modules(product) else { return Ok(()) };
        match modules.iter().find(|module| *module != ANY && !known.contains(module)) {
            None => Ok(()),
            Some(found) => Err(Error::NoModule {
                product: product.to_owned(),
                found: found.clone(),
                known: known.join(", "),
            }),
        }
    }
}

impl Preset {
    fn check(&self) -> Result<(), String> {
        let texts = [&self.edition].into_iter().chain(&self.product).chain(&self.modules);
        match () {
            () if self.releases != ANY && semver::VersionReq::parse(&self.releases).is_err() => {
                Err(format!("`releases` is `{}`, which is no requirement such as `>=5.2, <6`", self.releases))
            }
            () if self.seats == 0 || self.nodes == 0 => Err("no seat, or no node".into()),
            () if !texts.clone().all(|text| is_plain(text)) => {
                Err("a text that is empty or not plain".into())
            }
            () if i64::from(self.grace_days) > LONGEST_GRACE_DAYS => {
                Err(format!("`grace-days` of {}, where {LONGEST_GRACE_DAYS} are the most", self.grace_days))
            }
            () => Ok(()),
        }
    }
}

fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let invalid = |why: String| Error::Plans { path: path.to_owned(), why };
    let bytes = capped::read(path, "a TOML file", LARGEST_FILE)?;
    let text = str::from_utf8(&bytes).map_err(|_| invalid("it is not UTF-8 text".into()))?;
    toml::from_str(text).map_err(|error| invalid(error.to_string().trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = "default = 'trial'\nzone = 'Asia/Shanghai'\n[product.acme]\nrelease = 'r/release.toml'\n\
                        [plan.trial]\nseats = 5\nterm = '30 days'\nproduct = 'acme'\nmodules = ['wiki']\n[plan.large]\nseats = 5000\n";

    fn read(text: &str) -> Result<Plans> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("r")).unwrap();
        let release =
            "product = 'acme'\nversion = '1.0.0'\nmodules = ['wiki', 'forms']\n[[image]]\nname = 'x'\n";
        fs::write(folder.path().join("r/release.toml"), release).unwrap();
        let path = folder.path().join("plans.toml");
        fs::write(&path, text).unwrap();
        Plans::read(&path)
    }

    #[test]
    fn a_plan_says_what_the_command_line_does_not() {
        let plans = read(FILE).unwrap();
        let (name, plan) = plans.named(None).unwrap();
        assert_eq!((&*name, plan.seats, plan.term.to_string()), ("trial", 5, "30 days".into()));
        assert_eq!(
            plans.named(Some("large")).unwrap().1.edition,
            "standard",
            "what is left out is the default"
        );
        assert_eq!(plans.names(), ["large", "trial"]);
        assert!(plans.named(Some("none")).unwrap_err().to_string().contains("large, trial"));
        assert_eq!(plans.modules("acme").unwrap(), ["wiki", "forms"], "the release says which there are");
        assert!(plans.check_modules("acme", &["forms".into(), "*".into()]).is_ok());
        assert!(matches!(plans.check_modules("acme", &["wikis".into()]), Err(Error::NoModule { .. })));
        assert!(plans.check_modules("other", &["anything".into()]).is_ok());
    }

    #[test]
    fn the_example_is_a_plans_file() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plans.example.toml");
        let plans = Plans::read(&path).unwrap();
        let (_, standard) = plans.named(None).unwrap();
        assert_eq!(format!("{standard:?}"), format!("{:?}", Preset::default()), "as the code has it");
        assert_eq!(plans.modules("worktile").unwrap().len(), 7);
        assert_eq!(plans.named(Some("trial")).unwrap().1.seats, 20);
    }

    #[test]
    fn without_a_file_there_is_one_plan() {
        let (name, plan) = Plans::default().named(None).unwrap();
        assert_eq!((&*name, plan.seats, plan.nodes, plan.spares), (DEFAULT, 100, 1, 0));
        assert!(Plans::default().named(Some("trial")).is_err());
    }

    #[test]
    fn a_plans_file_that_makes_no_sense_is_refused_with_the_reason() {
        for (spoilt, why) in [
            (FILE.replace("'trial'", "'tiral'"), "tiral"),
            (FILE.replace("Asia/Shanghai", "Asia/Beijing"), "time zone"),
            (FILE.replace("'wiki'", "'wikis'"), "wikis"),
            (FILE.replace("seats = 5\n", "seats = 0\n"), "no seat"),
            (FILE.replace("seats = 5\n", "grace-days = 91\n"), "grace-days"),
            (FILE.replace("'30 days'", "'a while'"), "a while"),
            (FILE.replace("seats = 5\n", "seat = 5\n"), "seat"),
            (FILE.replace("product.acme", "product.other"), "`acme`"),
        ] {
            let refused = read(&spoilt).unwrap_err();
            assert!(matches!(refused, Error::Plans { .. }) && refused.to_string().contains(why), "{refused}");
        }
    }
}
