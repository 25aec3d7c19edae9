//! A release on site: from the bundle to a running, licensed product, and its daily life.
//!
//! Promises: nothing is changed before the bundle was verified and the host examined; a run that was killed is run
//! again and ends in the same place; a run with nothing to do changes nothing. Refuses: what the bundle does not vouch
//! for; to take the engine's word for what it has loaded; to open a connection off the host but to the site's own mail server.

pub mod access;
pub mod backup;
pub mod beneath;
pub mod certificate;
pub mod check;
pub mod cli;
pub mod command;
pub mod conf;
pub mod deployment;
pub mod engine;
pub mod engine_configuration;
pub mod error;
mod exchange;
pub mod file_system;
pub mod floor;
pub mod forecast;
pub mod guard;
pub mod home;
pub mod hook;
pub mod host_snapshot;
pub mod init;
pub mod init_data;
pub mod install;
pub mod installation;
pub mod installed;
pub mod journal;
pub mod journey;
pub mod license;
pub mod license_request;
pub mod mail;
pub mod measured;
pub mod network;
pub mod operation;
pub mod outcome;
pub mod packages;
pub mod places;
pub mod preflight;
pub mod prune;
pub mod quiesce;
pub mod record_file;
pub mod redact;
pub mod release;
pub mod resolver;
pub mod restore;
pub mod rollback;
pub mod schedule;
pub mod secrets;
pub mod services;
pub mod site;
pub mod steps;
pub mod support;
pub mod trust_store;
pub mod uninstall;
pub mod wanted;
pub mod wrappers;

pub use error::{Error, Result};
pub use installation::Installation;
pub use places::Places;
pub use site::SiteFile;
