//! TLS, by rustls with *ring*: listening with certificates that can be replaced, and what clients trust.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor, TlsConnector};

use crate::{Error, ErrorKind};

/// What a client trusts, for [`Options::tls`](crate::Options::tls).
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
}

impl ClientTls {
    /// Trusts the authorities that the system does: those of its own store, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    ///
    /// # Errors
    /// When the system has none, as happens in small containers.
    pub fn system() -> Result<Self, Error> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(found.certs);
        if usable == 0 {
            let cause = found.errors.first().map(ToString::to_string);
            return Err(wrong(format!(
                "this system trusts no certificate authorities ({}); install its package ca-certificates, or say which \
                 by ClientTls::trusting",
                cause.as_deref().unwrap_or("there are none")
            )));
        }
        Self::with_roots(roots)
    }

    /// Trusts these authorities, certificates in PEM, and no others.
    ///
    /// # Errors
    /// When there is none, or one is broken.
    pub fn trusting(pem: &[u8]) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            roots
                .add(certificate)
                .map_err(|error| wrong(format!("a certificate authority is unusable: {error}")))?;
        }
        Self::with_roots(roots)
    }

    fn with_roots(roots: RootCertStore) -> Result<Self, Error> {
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self::from(Arc::new(config)))
    }

    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_string()).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.config))
            .connect(name, stream)
            .await
    }
}

/// For everything else that rustls can do, such as certificates of clients.
impl From<Arc<ClientConfig>> for ClientTls {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self { config }
    }
}

/// The certificates of a server and its key. Clones are the same, so that one can be kept to replace them while
/// a [`Listener`] uses the other: connections that begin later get the new ones.
#[derive(Clone, Debug)]
pub struct Certificates {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    files: Option<(PathBuf, PathBuf)>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificates {
    /// From PEM: the server's own certificate first, then those that lead to the authority's.
    ///
    /// # Errors
    /// When either is unreadable, or the key is not that of the certificate.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, Error> {
        Ok(Self::new(certified(certificates, key)?, None))
    }

    /// From files of PEM, which [`reload`](Self::reload) reads again.
    ///
    /// # Errors
    /// When either cannot be read, or the key is not that of the certificate.
    pub fn from_pem_files(
        certificates: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        let (certificates, key) = (certificates.as_ref(), key.as_ref());
        let current = certified(&read(certificates)?, &read(key)?)?;
        let files = (certificates.to_path_buf(), key.to_path_buf());
        Ok(Self::new(current, Some(files)))
    }

    /// Reads the files again, as after a renewal.
    ///
    /// # Errors
    /// When they are unusable, or there are none. The old certificates then stay.
    pub fn reload(&self) -> Result<(), Error> {
        let Some((certificates, key)) = &self.shared.files else {
            return Err(wrong("these certificates are not from files; replace them"));
        };
        self.replace(&read(certificates)?, &read(key)?)
    }

    /// Uses others, given in PEM.
    ///
    /// # Errors
    /// When they are unusable. The old certificates then stay.
    pub fn replace(&self, certificates: &[u8], key: &[u8]) -> Result<(), Error> {
        let new = Arc::new(certified(certificates, key)?);
        *self
            .shared
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    fn new(current: CertifiedKey, files: Option<(PathBuf, PathBuf)>) -> Self {
        Self {
            shared: Arc::new(Shared {
                files,
                current: RwLock::new(Arc::new(current)),
            }),
        }
    }
}

impl ResolvesServerCert for Shared {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

/// Accepts connections with TLS, for [`websocket::serve`](crate::websocket::serve) and, with the feature `axum`,
/// `axum::serve`. Handshakes go on beside each other: a client that is slow about its own holds up nobody.
pub struct Listener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handshake_timeout: Duration,
}

impl Listener {
    /// # Errors
    /// When rustls refuses; it has no reason to.
    pub fn new(listener: TcpListener, certificates: &Certificates) -> Result<Self, Error> {
        let resolver: Arc<Shared> = Arc::clone(&certificates.shared);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        // WebSockets begin with an upgrade, which newer versions do not have.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self::with_config(listener, Arc::new(config)))
    }

    /// For everything else that rustls can do, such as certificates of clients.
    #[must_use]
    pub fn with_config(listener: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self {
            listener,
            acceptor: TlsAcceptor::from(config),
            handshake_timeout: Duration::from_secs(10),
        }
    }

    /// How long a client may take for its handshake. Default 10 s.
    #[must_use]
    pub fn with_handshake_timeout(self, handshake_timeout: Duration) -> Self {
        Self {
            handshake_timeout,
            ..self
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not know.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(crate) async fn accept(&mut self) -> io::Result<(Stream, SocketAddr)> {
        let (stream, peer) = crate::accept(&self.listener).await?;
        let stream = Stream(State::Handshake {
            accept: Box::new(self.acceptor.accept(stream)),
            timeout: Box::pin(tokio::time::sleep(self.handshake_timeout)),
        });
        Ok((stream, peer))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tls::Listener({:?})", self.listener)
    }
}

/// An accepted connection, whose handshake goes on when it is first read from or written to.
#[derive(Debug)]
pub struct Stream(State);

enum State {
    Handshake {
        accept: Box<Accept<TcpStream>>,
        timeout: Pin<Box<Sleep>>,
    },
    Open(Box<TlsStream<TcpStream>>),
    Failed,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake { .. } => "Handshake",
            Self::Open(_) => "Open",
            Self::Failed => "Failed",
        })
    }
}

impl Stream {
    fn poll_open(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Pin<&mut TlsStream<TcpStream>>>> {
        if let State::Handshake { accept, timeout } = &mut self.0 {
            let opened = match Pin::new(&mut **accept).poll(cx) {
                Poll::Ready(opened) => opened,
                Poll::Pending => {
                    ready!(timeout.as_mut().poll(cx));
                    Err(io::ErrorKind::TimedOut.into())
                }
            };
            match opened {
                Ok(stream) => self.0 = State::Open(Box::new(stream)),
                Err(error) => {
                    tracing::debug!(%error, "TLS handshake failed");
                    self.0 = State::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(match &mut self.0 {
            State::Open(stream) => Ok(Pin::new(&mut **stream)),
            _ => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            State::Open(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            // Nobody to say goodbye to.
            _ => Poll::Ready(Ok(())),
        }
    }
}

fn certified(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, Error> {
    let chain = certificates(chain)?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| wrong(format!("there is no private key in PEM: {error}")))?;
    CertifiedKey::from_der(chain, key, &provider())
        .map_err(|error| wrong(format!("the certificate and its key are unusable: {error}")))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(wrong("there is no certificate in PEM")),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(format!("a certificate is no PEM: {error}"))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path)
        .map_err(|error| wrong(format!("{} cannot be read: {error}", path.display())))
}

fn wrong(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Tls, text)
}

/// Given wherever rustls would take the process's default, which a program may not have, or have another of.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
