//! Whether a ledger is what was written into it.

use std::collections::BTreeSet;

use serde::Serialize;
use wt_keys::{Certificate, Chain, Document as _, Envelope, Sha256Digest, Trust};

use super::{Entry, Event, Ledger, Row, Seal, Signed, start};
use crate::{Error, License, Result};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub entries: u64,
    pub licenses: u64,
    pub revocations: u64,
    /// The last entry that a license key vouches for; what comes after it has no seal yet.
    pub sealed: u64,
    /// The digest of the last entry. Who notes it down can ask later whether the ledger still holds it.
    pub head: Sha256Digest,
}

/// What is known while entries go by.
struct Walk {
    /// Oldest first, each led up to by the one before it.
    trusts: Vec<Trust>,
    certificate: Option<Certificate>,
    verified: Verified,
    heads: BTreeSet<Sha256Digest>,
}

impl Ledger {
    /// Every entry, every license in it up to the roots, every seal, and the tables beside them. `held` is a digest that the
    /// ledger must have had as its last one, once.
    ///
    /// The roots may have changed since: each license brings the trust document that it was signed under, each of those must
    /// lead on to the next, and the last to `trust`. A license of a key that was revoked later was good when it was signed.
    pub fn verify(&self, trust: &Trust, held: Option<Sha256Digest>) -> Result<Verified> {
        let verified = Verified { entries: 0, licenses: 0, revocations: 0, sealed: 0, head: start() };
        let mut walk = Walk { trusts: vec![], certificate: None, verified, heads: BTreeSet::new() };
        let rows = self.rows()?;
        let mut derived = Derived::default();
        for row in &rows {
            let number = walk.verified.entries + 1;
            let (entry, digest) =
                row.entry(number, walk.verified.head).map_err(|why| self.altered(number, why))?;
            walk.entry(&entry).map_err(|trouble| trouble.at(self, number))?;
            derived.add(&entry);
            walk.verified.entries = number;
            walk.verified.head = digest;
            walk.heads.insert(digest);
            walk.seal(row).map_err(|trouble| trouble.at(self, number))?;
        }
        if walk.verified.licenses > 0 && walk.verified.sealed == 0 {
            return Err(self.altered(walk.verified.entries, "no license key vouches for any entry"));
        }
        walk.leads_to(trust)?;
        if self.derived()? != derived {
            return Err(
                self.altered(walk.verified.entries, "the tables beside the entries say something else")
            );
        }
        match held {
            Some(held) if !walk.heads.contains(&held) => {
                Err(self
                    .altered(walk.verified.entries, "it does not hold the entry with that digest any more"))
            }
            _ => Ok(walk.verified),
        }
    }

    fn derived(&self) -> Result<Derived> {
        let pairs = |select: &str| {
            let mut select = self.db.prepare(select)?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<BTreeSet<(String, u64)>>>()
        };
        let (licenses, marks) =
            (pairs("SELECT license, number FROM licenses"), pairs("SELECT mark, number FROM marks"));
        let failed = |error| self.failed(error);
        Ok(Derived { licenses: licenses.map_err(failed)?, marks: marks.map_err(failed)? })
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Derived {
    licenses: BTreeSet<(String, u64)>,
    marks: BTreeSet<(String, u64)>,
}

impl Derived {
    fn add(&mut self, entry: &Entry) {
        self.licenses.extend(entry.licenses().into_iter().map(|license| (license.to_string(), entry.number)));
        self.marks.extend(entry.marks().into_iter().map(|mark| (mark, entry.number)));
    }
}

enum Trouble {
    Altered(&'static str),
    NotTrusted(Error),
}

impl Trouble {
    fn at(self, ledger: &Ledger, number: u64) -> Error {
        match self {
            Self::Altered(why) => ledger.altered(number, why),
            Self::NotTrusted(source) => {
                Error::LedgerEntry { path: ledger.path.clone(), number, source: Box::new(source) }
            }
        }
    }
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::NotTrusted(error.into())
    }
}

impl Walk {
    fn entry(&mut self, entry: &Entry) -> Result<(), Trouble> {
        match &entry.event {
            Event::Revoked(_) => self.verified.revocations += 1,
            Event::Signed(signed) => {
                self.license(signed)?;
                self.verified.licenses += 1;
            }
        }
        Ok(())
    }

    fn license(&mut self, signed: &Signed) -> Result<(), Trouble> {
        let chain = Chain::parse(signed.file.as_bytes(), License::NAME)?;
        let trusts = chain.trust.iter().map(|envelope| self.trust(envelope)).collect::<Result<Vec<_>>>()?;
        let Some(trust) = trusts.last() else {
            return Err(Trouble::Altered("a license without a trust document"));
        };
        let certificate = trust.certificate(&chain.certificate)?;
        let license = chain.document.verify::<License>(&certificate.key)?;
        if *license != signed.license {
            return Err(Trouble::Altered("its license is another one than its file says"));
        }
        wt_keys::chain::check_scope(&certificate, &*license)?;
        self.certificate = Some(certificate.into_content());
        Ok(())
    }

    /// The trust document of a license: one that came before, or one that follows those.
    fn trust(&mut self, envelope: &Envelope) -> Result<Trust> {
        let found = Trust::pin(envelope.clone())?;
        if let Some(known) = self.trusts.iter().find(|known| known.document() == found.document()) {
            return Ok(known.clone());
        }
        if let Some(newest) = self.trusts.last() {
            let newest = newest.clone().advance(envelope)?;
            if newest.document() != found.document() {
                return Ok(found);
            }
        }
        self.trusts.push(found.clone());
        Ok(found)
    }

    fn seal(&mut self, row: &Row) -> Result<(), Trouble> {
        let Some(seal) = &row.seal else { return Ok(()) };
        let Some(certificate) = &self.certificate else {
            return Err(Trouble::Altered("a seal before any license"));
        };
        let seal = Envelope::parse(seal.as_bytes(), Seal::NAME)?.verify::<Seal>(&certificate.key)?;
        if (seal.number, seal.digest) != (self.verified.entries, self.verified.head) {
            return Err(Trouble::Altered("its seal is that of another entry"));
        }
        self.verified.sealed = self.verified.entries;
        Ok(())
    }

    /// Forged trust documents lead nowhere: the roots that are asked for have not signed what follows them.
    fn leads_to(&mut self, trust: &Trust) -> Result<()> {
        let Some(walked) = self.trusts.pop() else { return Ok(()) };
        if trust.document().version < walked.document().version {
            trust.clone().advance(walked.envelope())?;
        } else {
            walked.advance(trust.envelope())?;
        }
        Ok(())
    }
}
