//! How much a fingerprint is worth: whether a license bound to it could be copied.

use std::fmt;

use serde::Serialize;

use crate::{Class, Component, Environment, Quality};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Grade {
    /// At least one strong component and two of medium strength.
    A,
    /// Enough to sign: two components, one of which is more than the installation key. A copy of the disk may pass for
    /// the machine.
    B,
    /// Not enough to tell this machine from another.
    C,
}

impl Grade {
    pub fn of(environment: Environment, components: &[Component]) -> Self {
        let usable = || usable(environment, components);
        let strong = usable().filter(|component| component.kind.class() == Class::Strong).count();
        let medium = usable().filter(|component| component.kind.class() == Class::Medium).count();
        match () {
            () if strong >= 1 && medium >= 2 => Self::A,
            () if strong + medium >= 1 && usable().count() >= 2 => Self::B,
            () => Self::C,
        }
    }
}

/// The components that a license can be bound to.
pub fn usable(environment: Environment, components: &[Component]) -> impl Iterator<Item = &Component> {
    components
        .iter()
        .filter(move |component| component.quality == Quality::Ok && component.kind.weight(environment) > 0)
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Machine, PRODUCT, install_key};

    fn grade(machine: &Machine) -> Grade {
        let found =
            crate::fingerprint::collect(machine.sysroot(), "/".as_ref(), PRODUCT, &install_key(1).public());
        Grade::of(found.environment, &found.components)
    }

    #[test]
    fn a_host_is_graded_by_what_can_be_bound() {
        assert_eq!(grade(&Machine::metal()), Grade::A);
        assert_eq!(grade(&Machine::container()), Grade::B);
        assert_eq!(grade(&Machine::junk()), Grade::C);
        assert_eq!(grade(&Machine::nothing()), Grade::C);
    }
}
