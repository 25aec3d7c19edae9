//! The administrator and who is logged in, both in Redis.
//!
//! Passwords are kept as PBKDF2-HMAC-SHA256 (RFC 8018, 5.2) with a salt. That is enough for a stand-in; a product takes
//! a function that needs memory too.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wt_keys::Sha256Digest;

use crate::conf::Administrator;
use crate::redis::Client;

const ROUNDS: u32 = 20_000;
const SESSION: Duration = Duration::from_hours(24);
const BLOCK: usize = 64; // of SHA-256, in bytes

/// As it is kept in Redis.
#[derive(Debug, Serialize, Deserialize)]
pub struct Account {
    pub username: String,
    pub name: String,
    pub mail: String,
    salt: Sha256Digest,
    rounds: u32,
    hash: Sha256Digest,
}

/// Creates the administrator's account unless it is there; says whether it did.
pub fn create(redis: &mut Client, administrator: &Administrator, password: &str) -> Result<bool, String> {
    if password.is_empty() {
        return Err("the administrator's password is empty".to_owned());
    }
    let salt = random()?;
    let account = Account {
        username: administrator.username.clone(),
        name: administrator.name.clone(),
        mail: administrator.mail.clone(),
        salt,
        rounds: ROUNDS,
        hash: derive(password.as_bytes(), salt.as_bytes(), ROUNDS),
    };
    let bytes = serde_json::to_vec(&account).map_err(|error| error.to_string())?;
    redis.set_new(&account_key(&administrator.username), &bytes)
}

/// A token for whoever knows the password; `None` for others.
pub fn log_in(redis: &mut Client, username: &str, password: &str) -> Result<Option<String>, String> {
    let stored = redis.get(&account_key(username))?;
    let account: Option<Account> = stored.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    // The work is done for unknown names too, so that time does not tell which names there are.
    let nobody = Sha256Digest::from_bytes([0; 32]);
    let (salt, rounds, hash) =
        account.as_ref().map_or((nobody, ROUNDS, nobody), |a| (a.salt, a.rounds, a.hash));
    let same = same_in_constant_time(&derive(password.as_bytes(), salt.as_bytes(), rounds), &hash);
    if account.is_none() || !same {
        return Ok(None);
    }
    let token = random()?.to_string();
    redis.set_for(&session_key(&token), username.as_bytes(), SESSION)?;
    Ok(Some(token))
}

/// Whose token it is.
pub fn who(redis: &mut Client, token: &str) -> Result<Option<Account>, String> {
    let Some(username) = redis.get(&session_key(token))? else { return Ok(None) };
    let stored = redis.get(&account_key(&String::from_utf8_lossy(&username)))?;
    Ok(stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

fn account_key(username: &str) -> String {
    format!("account:{username}")
}

/// Redis holds the token's digest: who reads a backup is not logged in.
fn session_key(token: &str) -> String {
    format!("session:{}", Sha256Digest::of(token.as_bytes()))
}

pub fn random() -> Result<Sha256Digest, String> {
    let mut bytes = [0; 32];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| format!("cannot read `/dev/urandom`: {error}"))?;
    Ok(Sha256Digest::from_bytes(bytes))
}

/// PBKDF2 for one block of output, which is what a 32-byte hash needs.
fn derive(password: &[u8], salt: &[u8], rounds: u32) -> Sha256Digest {
    let mut last = hmac(password, &[salt, &1_u32.to_be_bytes()].concat());
    let mut sum = *last.as_bytes();
    for _ in 1..rounds {
        last = hmac(password, last.as_bytes());
        for (sum, byte) in sum.iter_mut().zip(last.as_bytes()) {
            *sum ^= byte;
        }
    }
    Sha256Digest::from_bytes(sum)
}

/// RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> Sha256Digest {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(Sha256Digest::of(key).as_bytes());
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256Digest::of(&[&block.map(|byte| byte ^ 0x36)[..], message].concat());
    Sha256Digest::of(&[&block.map(|byte| byte ^ 0x5c)[..], inner.as_bytes()].concat())
}

fn same_in_constant_time(a: &Sha256Digest, b: &Sha256Digest) -> bool {
    let difference = a.as_bytes().iter().zip(b.as_bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        // RFC 7914, section 11, its first 32 bytes
        let expected = "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc";
        assert_eq!(derive(b"passwd", b"salt", 1).to_string(), expected);
        let expected = "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56";
        assert_eq!(derive(b"Password", b"NaCl", 80_000).to_string(), expected);
    }

    #[test]
    fn one_bit_makes_another_hash() {
        let hash = Sha256Digest::of(b"a");
        let mut bytes = *hash.as_bytes();
        assert!(same_in_constant_time(&hash, &Sha256Digest::from_bytes(bytes)));
        bytes[31] ^= 1;
        assert!(!same_in_constant_time(&hash, &Sha256Digest::from_bytes(bytes)));
    }
}
