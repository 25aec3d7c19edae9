//! HTTP over TLS to this host, whatever name it is called by: nothing is looked up.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, TcpConnector, Transport,
    TransportAdapter,
};
use ureq::{Agent, config::Config};

use crate::certificate::{self, Pair};
use crate::{Error, Result};

/// An agent whose every request goes to 127.0.0.1, to a server that shows this pair's certificate.
pub(super) fn agent(config: Config, pair: &Pair) -> Result<Agent> {
    let client = certificate::client(pair)
        .map_err(|error| Error::CertificateRefused { failed: vec![error.to_string()] })?;
    let connector = TcpConnector::default().chain(Tls(Arc::new(client)));
    Ok(Agent::with_parts(config, connector, ThisHost))
}

/// Every name is this host.
#[derive(Debug)]
struct ThisHost;

impl Resolver for ThisHost {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let port = uri.port_u16().ok_or(ureq::Error::HostNotFound)?;
        let mut found = self.empty();
        found.push(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        Ok(found)
    }
}

/// Puts TLS over a connection. (ureq's own would ask an authority about the certificate.)
struct Tls(Arc<ClientConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Secure;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        below: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(below) = below else { return Ok(None) };
        let host = details.uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).map_err(other)?;
        let mut conn = ClientConnection::new(Arc::clone(&self.0), name).map_err(other)?;
        let mut sock = TransportAdapter::new(below.boxed(), Arc::clone(&details.current_time));
        sock.set_timeout(details.timeout);
        conn.complete_io(&mut sock)?;
        let buffers =
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Secure { stream: StreamOwned { conn, sock }, buffers }))
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> ureq::Error {
    ureq::Error::Other(Box::new(error))
}

struct Secure {
    stream: StreamOwned<ClientConnection, TransportAdapter>,
    buffers: LazyBuffers,
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secure")
    }
}

impl Transport for Secure {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use rustls::{ServerConfig, ServerConnection, Stream};

    use super::*;
    use crate::certificate::tests::{make, server};

    /// Answers one request with `shown`; returns its port.
    fn serve(shown: &Pair) -> u16 {
        let config: Arc<ServerConfig> = Arc::new(server(shown));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut connection = ServerConnection::new(config).unwrap();
            let mut stream = Stream::new(&mut connection, &mut socket);
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        });
        port
    }

    #[test]
    fn only_the_sites_own_certificate_is_taken_whoever_signed_it() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (make(folder.path(), "1", "DNS:a", &[]), make(folder.path(), "2", "DNS:a", &[]));
        for host in ["web.example.com", "192.0.2.10", "[2001:db8::1]"] {
            let agent = agent(Config::default(), &own).unwrap();
            let mut answer = agent.get(format!("https://{host}:{}/", serve(&own))).call().unwrap();
            assert_eq!(answer.body_mut().read_to_string().unwrap(), "ok");
        }
        let agent = agent(Config::default(), &own).unwrap();
        let error = agent.get(format!("https://a:{}/", serve(&other))).call().unwrap_err();
        assert!(error.to_string().contains("another certificate than the site's"), "{error}");
    }
}
