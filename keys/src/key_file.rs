//! Private keys on disk: PKCS#8 version 1 in PEM (OpenSSL 3.0 reads it), encrypted with PBES2 (scrypt, AES-256-CBC)
//! unless the caller insists, mode 0600. The certificate of `NAME.key` lies beside it as `NAME.cert`.

use std::path::{Path, PathBuf};

use ed25519::KeypairBytes;
use pkcs8::der::pem::PemLabel as _;
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::{
    DecodePrivateKey as _, EncodePrivateKey as _, EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef,
};
use zeroize::Zeroizing;

use crate::key::random;
use crate::{Error, Result, SigningKey, capped, durable, private_file};

const KEY_FILE_LIMIT: u64 = 64 * 1024;
/// The binary logarithm of N, r and p: 16 MiB, five times. OpenSSL 3.0 gives scrypt no more than 32 MiB.
const SCRYPT: (u8, u32, u32) = (14, 8, 5);

/// How a key file is protected on disk.
#[derive(Debug)]
pub enum Protection {
    Passphrase(Zeroizing<String>),
    None,
}

/// Asks for a passphrase when, and only when, the file turns out to be encrypted.
pub type AskPassphrase<'a> = &'a dyn Fn(&Path) -> Result<Zeroizing<String>>;

/// Writes a new file; a key is never overwritten.
pub fn write(path: &Path, key: &SigningKey, protection: &Protection) -> Result<()> {
    // without the public half this is version 1; OpenSSL before 3.5 reads no other
    let bytes = KeypairBytes { secret_key: *key.seed(), public_key: None };
    let failed = |source: pkcs8::Error| Error::KeyFile { path: path.to_owned(), source: source.into() };
    let pem = match protection {
        Protection::Passphrase(passphrase) => {
            encrypted(&bytes, passphrase, random()?, random()?).map_err(failed)?
        }
        Protection::None => bytes.to_pkcs8_pem(LineEnding::LF).map_err(failed)?,
    };
    private_file::check_folder(path)?;
    durable::create(path, pem.as_bytes(), 0o600)
}

fn encrypted(
    key: &KeypairBytes,
    passphrase: &str,
    salt: Zeroizing<[u8; 16]>,
    iv: Zeroizing<[u8; 16]>,
) -> pkcs8::Result<Zeroizing<String>> {
    let (log_n, r, p) = SCRYPT;
    let cost = scrypt::Params::new(log_n, r, p).map_err(|_| pkcs8::Error::ParametersMalformed)?;
    let parameters = pbes2::Parameters::generate_scrypt_aes256cbc(cost, &*salt, *iv)?;
    let key = key.to_pkcs8_der()?;
    let key: PrivateKeyInfoRef<'_> = key.decode_msg()?;
    Ok(key
        .encrypt_with_params(parameters, passphrase)?
        .to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)?)
}

pub fn read(path: &Path, ask: AskPassphrase<'_>) -> Result<SigningKey> {
    let file = private_file::open(path)?;
    let unreadable =
        |source: Box<dyn std::error::Error + Send + Sync>| Error::KeyFile { path: path.to_owned(), source };
    let bytes = Zeroizing::new(capped::read_file(&file, path, "a key file", KEY_FILE_LIMIT)?);
    let pem = std::str::from_utf8(&bytes).map_err(|error| unreadable(error.into()))?;
    let pair = if pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        KeypairBytes::from_pkcs8_encrypted_pem(pem, ask(path)?.as_bytes())
            .map_err(|_| Error::PassphraseWrong { path: path.to_owned() })?
    } else {
        KeypairBytes::from_pkcs8_pem(pem).map_err(|error| unreadable(error.into()))?
    };
    let key = SigningKey::from_seed(&Zeroizing::new(pair.secret_key));
    match pair.public_key {
        Some(public) if public.to_bytes() != *key.public().as_bytes() => {
            Err(Error::KeyPair { path: path.to_owned() })
        }
        _ => Ok(key),
    }
}

/// `D/bundle.key` → `D/bundle.cert`; another ending is refused, so that the two can never be one file.
pub fn certificate_path(key_path: &Path) -> Result<PathBuf> {
    match key_path.extension() {
        Some(extension) if extension == "key" => Ok(key_path.with_extension("cert")),
        _ => Err(Error::KeyFileName { path: key_path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn never(_: &Path) -> Result<Zeroizing<String>> {
        panic!("asked for a passphrase")
    }

    #[test]
    fn an_encrypted_key_comes_back_with_its_passphrase_and_not_without() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("INSECURE-test.key");
        let key = SigningKey::from_seed(&[7; 32]);
        write(&path, &key, &Protection::Passphrase(Zeroizing::new("right".into()))).unwrap();
        assert!(fs::read_to_string(&path).unwrap().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        assert_eq!(read(&path, &|_| Ok(Zeroizing::new("right".into()))).unwrap().public(), key.public());
        assert!(matches!(
            read(&path, &|_| Ok(Zeroizing::new("wrong".into()))),
            Err(Error::PassphraseWrong { .. })
        ));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("INSECURE-test.key");
        write(&path, &SigningKey::from_seed(&[7; 32]), &Protection::None).unwrap();
        assert!(read(&path, &never).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read(&path, &never), Err(Error::KeyFileMode { mode: 0o640, .. })));
    }

    #[test]
    fn a_key_is_never_written_over_and_never_shares_a_name_with_its_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("INSECURE-test.key");
        write(&path, &SigningKey::from_seed(&[7; 32]), &Protection::None).unwrap();
        assert!(write(&path, &SigningKey::from_seed(&[8; 32]), &Protection::None).is_err());
        assert_eq!(read(&path, &never).unwrap().public(), SigningKey::from_seed(&[7; 32]).public());
        assert!(certificate_path(&path).is_ok());
        assert!(certificate_path(&folder.path().join("x.cert")).is_err());
        assert!(certificate_path(&folder.path().join("x")).is_err());
    }

    #[test]
    fn a_file_that_is_no_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.key");
        durable::write(&path, b"hello", 0o600).unwrap();
        assert!(matches!(read(&path, &never), Err(Error::KeyFile { .. })));
    }
}
