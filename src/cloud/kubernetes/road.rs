//! How a client's bytes get to the cluster. TLS is end to end on every road: a proxy and a tunnel see nothing.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::{BoxError, Service};

use super::live::Unreached;
use super::tunnel::Tunnel;
use crate::cloud::env;
use crate::engine::Failure;

/// A way to a cluster's endpoint.
#[derive(Clone, Debug)]
pub enum Road {
    /// The endpoint's own address.
    Direct,
    /// An HTTP proxy that is asked to `CONNECT`.
    Proxy(Proxy),
    /// A port on this machine that Systems Manager forwards.
    Tunnel(Tunnel),
}

/// An HTTP proxy.
#[derive(Clone)]
pub struct Proxy {
    host: String,
    port: u16,
    /// `Proxy-Authorization`, complete.
    authorization: Option<String>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.host, self.port)
    }
}

/// Whether a host is this machine itself.
#[must_use]
pub fn loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Road {
    /// The road that the environment gives: `HTTPS_PROXY` unless `NO_PROXY` names the host; never a proxy to loopback.
    ///
    /// # Errors
    /// If `HTTPS_PROXY` makes no sense.
    pub fn of(endpoint: &Uri) -> Result<Self, Failure> {
        let either = |upper: &str, lower: &str| env(lower).or_else(|| env(upper)).filter(|value| !value.is_empty());
        let (proxy, except) = (either("HTTPS_PROXY", "https_proxy"), either("NO_PROXY", "no_proxy"));
        Self::by(endpoint, proxy.as_deref(), except.as_deref())
    }

    fn by(endpoint: &Uri, proxy: Option<&str>, except: Option<&str>) -> Result<Self, Failure> {
        let host = endpoint.host().unwrap_or_default();
        match proxy {
            Some(proxy) if !loopback(host) && !excepted(host, except.unwrap_or_default()) => {
                // As curl has it, a proxy without a scheme is an http one.
                let proxy = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
                let proxy = proxy.parse();
                Self::proxy(&proxy.map_err(|error| Failure::fatal("proxy", format!("HTTPS_PROXY: {error}")))?)
            }
            _ => Ok(Self::Direct),
        }
    }

    /// By way of one proxy.
    ///
    /// # Errors
    /// If it is none that speaks HTTP.
    pub fn proxy(address: &Uri) -> Result<Self, Failure> {
        let bad = |why: &str| Failure::fatal("proxy", format!("the proxy for the cluster {why}"));
        if address.scheme_str() != Some("http") {
            return Err(bad("must be an http:// one: name the endpoint in NO_PROXY, or use another proxy"));
        }
        let authority = address.authority().ok_or_else(|| bad("has no host"))?;
        let login = authority.as_str().rsplit_once('@').map(|(login, _)| login);
        let authorization = login.map(|login| {
            let plain: Vec<u8> = percent_encoding::percent_decode_str(login).collect();
            format!("Basic {}", BASE64_STANDARD.encode(plain))
        });
        Ok(Self::Proxy(Proxy {
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authorization,
        }))
    }

    fn said(&self) -> String {
        match self {
            Self::Direct => "directly".to_owned(),
            Self::Proxy(proxy) => format!("by way of the proxy {}:{}", proxy.host, proxy.port),
            Self::Tunnel(tunnel) => format!("through the tunnel over {}", tunnel.instance()),
        }
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, BoxError> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let stream = match self {
            Self::Direct => TcpStream::connect((host, port)).await?,
            Self::Proxy(proxy) => proxy.connect(host, port).await?,
            Self::Tunnel(tunnel) => TcpStream::connect(("127.0.0.1", tunnel.port().await?)).await?,
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Whether `NO_PROXY` names a host: `*`, names with all below them, addresses, networks.
fn excepted(host: &str, list: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        if entry == "*" || entry == host {
            return true;
        }
        if let Ok(address) = host.parse::<std::net::IpAddr>() {
            return entry.parse::<ipnet::IpNet>().is_ok_and(|net| net.contains(&address));
        }
        let name = entry.trim_start_matches('*').trim_start_matches('.');
        !name.is_empty() && (host == name || host.ends_with(&format!(".{name}")))
    })
}

impl Proxy {
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, BoxError> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let place = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let login = self.authorization.as_ref().map(|text| format!("Proxy-Authorization: {text}\r\n"));
        let ask = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{}\r\n", login.unwrap_or_default());
        stream.write_all(ask.as_bytes()).await?;
        // Byte by byte: what follows the head belongs to TLS.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() > 8192 {
                return Err("the proxy's answer has no end".into());
            }
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head);
        let status = head.lines().next().unwrap_or_default();
        match status.split(' ').nth(1) {
            Some(code) if code.starts_with('2') => Ok(stream),
            _ => Err(format!("the proxy says: {status}").into()),
        }
    }
}

/// What hyper asks for connections.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    road: Road,
    within: Duration,
}

impl Connector {
    pub(crate) fn new(road: Road, within: Duration) -> Self {
        Self { road, within }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let Self { road, within } = self.clone();
        Box::pin(async move {
            let host = address.host().unwrap_or_default();
            let port = address.port_u16().unwrap_or(if address.scheme_str() == Some("http") { 80 } else { 443 });
            let failed =
                |why: String| Unreached::Connect { endpoint: format!("{host}:{port}"), road: road.said(), why };
            // A tunnel has a time-out of its own: to open it takes longer than to connect.
            let within = if matches!(road, Road::Tunnel(_)) { within + super::tunnel::OPENING } else { within };
            match tokio::time::timeout(within, road.connect(host, port)).await {
                Ok(Ok(stream)) => Ok(TokioIo::new(stream)),
                Ok(Err(error)) => Err(failed(error.to_string()).into()),
                Err(_) => Err(failed(format!("no answer within {} s", within.as_secs())).into()),
            }
        })
    }
}

#[cfg(test)]
mod tests;
