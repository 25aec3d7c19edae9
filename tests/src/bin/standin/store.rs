//! Stand-ins for the product's stores: `mongodb` and `elasticsearch` append every write to one file, `seaweedfs` has a file
//! for each object. All three say yes once it is on the disk, and open again after whatever ended them.
//!
//!     PUT /COLLECTION/ID           keep the body, which is text
//!     GET /COLLECTION/ID           the body, or 404
//!     POST /COLLECTION/_many       a JSON list of ids; answers a list of bodies, null for those that are not there
//!     POST /COLLECTION/_search     a word; answers the ids of the bodies that have it

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::http::{self, Request, Response};
use crate::settings::Settings;

const LONGEST_KEY: usize = 200;

/// How a store keeps things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Log(&'static str),
    Files,
}

pub fn serve(settings: &Settings, name: &'static str, shape: Shape) -> crate::Outcome {
    let store = Store::open(&settings.data, shape)?;
    let log = Log::open(&settings.logs, name)?;
    log.line(&format!("{name} listens on {} with {} values", settings.listen, store.values.len()));
    println!("{name} listens on {}", settings.listen);
    let store = Mutex::new((store, log));
    let answer = move |request: &Request| {
        let mut guard = store.lock().unwrap_or_else(PoisonError::into_inner);
        let (store, log) = &mut *guard;
        log.line(&format!("{} {}", request.method, request.path));
        answer(store, name, request).unwrap_or_else(|why| {
            eprintln!("{why}");
            Response::error(500, "the disk said no")
        })
    };
    http::serve(&settings.listen, settings.linger, answer)
}

fn answer(store: &mut Store, name: &str, request: &Request) -> Result<Response, String> {
    let text =
        || std::str::from_utf8(&request.body).map_err(|_| Response::error(400, "the body is not text"));
    let key = request.path.trim_start_matches('/');
    let response = match (request.method.as_str(), key.split_once('/')) {
        ("GET", None) if key == "health" => {
            Ok(Response::json(200, &serde_json::json!({ "status": "ok", "service": name })))
        }
        ("POST", Some((collection, "_many"))) => many(store, collection, &request.body),
        ("POST", Some((collection, "_search"))) => text().map(|word| store.search(collection, word)),
        ("GET", Some(_)) => store.values.get(key).map_or_else(
            || Err(Response::error(404, "no such thing")),
            |value| Ok(Response::text(value.clone())),
        ),
        ("PUT", Some(_)) if !is_plain(key) => {
            Err(Response::error(400, "the key has other characters than a-z 0-9 . - /"))
        }
        ("PUT", Some(_)) => match text() {
            Ok(value) => {
                store.put(key, value)?;
                Ok(Response::json(200, &serde_json::json!({ "kept": key })))
            }
            Err(refusal) => Err(refusal),
        },
        _ => Err(Response::error(405, "GET, PUT, or POST to _many or _search")),
    };
    Ok(response.unwrap_or_else(|refusal| refusal))
}

fn many(store: &Store, collection: &str, body: &[u8]) -> Result<Response, Response> {
    let ids: Vec<String> =
        serde_json::from_slice(body).map_err(|error| Response::error(400, &error.to_string()))?;
    let values: Vec<_> = ids.iter().map(|id| store.values.get(&format!("{collection}/{id}"))).collect();
    Ok(Response::json(200, &values))
}

fn is_plain(key: &str) -> bool {
    let named = |name: &str| !name.is_empty() && !name.starts_with(['.', '_']);
    let plain = |c: u8| c.is_ascii_alphanumeric() || b".-/".contains(&c);
    key.len() <= LONGEST_KEY && key.split('/').all(named) && key.bytes().all(plain)
}

#[derive(Debug)]
struct Store {
    values: BTreeMap<String, String>,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Log(File),
    Files(PathBuf),
}

#[derive(Serialize, Deserialize)]
struct Record {
    key: String,
    value: String,
}

impl Store {
    fn open(folder: &Path, shape: Shape) -> Result<Self, String> {
        let opened = match shape {
            Shape::Log(name) => Self::open_log(&folder.join(name)),
            Shape::Files => Self::open_files(folder),
        };
        opened.map_err(|error| format!("cannot open the data in `{}`: {error}", folder.display()))
    }

    /// A last line that is not whole was never said yes to, and goes. Any other that is no record is damage.
    fn open_log(path: &Path) -> std::io::Result<Self> {
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let bytes = fs::read(path)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut values = BTreeMap::new();
        for line in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Record { key, value } = serde_json::from_slice(line)?;
            values.insert(key, value);
        }
        file.set_len(whole as u64)?;
        file.seek(std::io::SeekFrom::End(0))?;
        file.sync_all()?;
        sync_folder_of(path)?;
        Ok(Self { values, kept: Kept::Log(file) })
    }

    fn open_files(folder: &Path) -> std::io::Result<Self> {
        let mut values = BTreeMap::new();
        for collection in fs::read_dir(folder)? {
            let collection = collection?;
            for entry in fs::read_dir(collection.path())? {
                let entry = entry?;
                let (collection, name) = (collection.file_name(), entry.file_name());
                let (collection, name) = (collection.to_string_lossy(), name.to_string_lossy());
                if name.starts_with('.') {
                    fs::remove_file(entry.path())?;
                } else {
                    values.insert(format!("{collection}/{name}"), fs::read_to_string(entry.path())?);
                }
            }
        }
        Ok(Self { values, kept: Kept::Files(folder.to_owned()) })
    }

    /// On the disk when it returns.
    fn put(&mut self, key: &str, value: &str) -> Result<(), String> {
        let written = match &mut self.kept {
            Kept::Log(file) => append(file, key, value),
            Kept::Files(folder) => replace(&folder.join(key), value),
        };
        written.map_err(|error| format!("cannot write `{key}`: {error}"))?;
        self.values.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn search(&self, collection: &str, word: &str) -> Response {
        let within = |key: &String| key.strip_prefix(collection)?.strip_prefix('/').map(str::to_owned);
        let found: Vec<String> = self
            .values
            .iter()
            .filter(|(_, value)| value.contains(word))
            .filter_map(|(key, _)| within(key))
            .collect();
        Response::json(200, &found)
    }
}

fn append(file: &mut File, key: &str, value: &str) -> std::io::Result<()> {
    let record = Record { key: key.to_owned(), value: value.to_owned() };
    let line = [serde_json::to_vec(&record)?, b"\n".to_vec()].concat();
    file.write_all(&line)?;
    file.sync_data()
}

fn replace(path: &Path, value: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    sync_folder_of(folder)?;
    let beside = folder.join(format!(".{}", path.file_name().unwrap_or_default().to_string_lossy()));
    let mut file = File::create(&beside)?;
    file.write_all(value.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    File::open(path.parent().unwrap_or(path))?.sync_all()
}

/// A log file as the product's stores write it; none where there is no folder for it.
#[derive(Debug)]
struct Log(Option<File>);

impl Log {
    fn open(folder: &Path, name: &str) -> Result<Self, String> {
        if !folder.is_dir() {
            return Ok(Self(None));
        }
        let path = folder.join(format!("{name}.log"));
        let file = File::options().append(true).create(true).open(&path);
        file.map(Some).map(Self).map_err(|error| format!("cannot open `{}`: {error}", path.display()))
    }

    fn line(&self, text: &str) {
        let since =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if let Some(mut file) = self.0.as_ref() {
            let _ = file.write_all(format!("{since} {text}\n").as_bytes()); // a full disk is no reason not to answer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_there_again_and_half_a_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let shape = Shape::Log("a.wal");
        let mut store = Store::open(folder.path(), shape).unwrap();
        store.put("messages/1", "hello\nworld").unwrap();
        let path = folder.path().join("a.wal");
        let whole = fs::read(&path).unwrap();
        for cut in 1..whole.len() {
            fs::write(&path, [&whole[..], &whole[..cut]].concat()).unwrap();
            let again = Store::open(folder.path(), shape).unwrap();
            assert_eq!(again.values["messages/1"], "hello\nworld", "{cut}");
            assert_eq!(fs::read(&path).unwrap(), whole, "{cut}");
        }
        fs::write(&path, [b"damage\n", &whole[..]].concat()).unwrap();
        assert!(Store::open(folder.path(), shape).is_err());
    }

    #[test]
    fn a_file_for_each_object() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), Shape::Files).unwrap();
        store.put("files/a.txt", "1").unwrap();
        store.put("files/a.txt", "2").unwrap();
        fs::write(folder.path().join("files/.b"), "half").unwrap();
        let again = Store::open(folder.path(), Shape::Files).unwrap();
        assert_eq!(
            again.values.into_iter().collect::<Vec<_>>(),
            [("files/a.txt".to_owned(), "2".to_owned())]
        );
        for key in ["../etc", "a/../b", "a//b", "/a", "a/_many", "a/.b", "a b/c"] {
            assert!(!is_plain(key), "{key}");
        }
    }
}
