//! One client: its connection, kept or dialled anew, and one operation after the other on it.

use crate::message::{Answer, Reader};
use crate::tally::Failure;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any proxy is known to stand still.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Takes no body amiss.
pub(crate) fn any(_: u64, _: &[u8]) -> bool {
    true
}

/// The operation, unless nobody would have waited for it.
pub(crate) async fn patiently<T>(operation: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(PATIENCE, operation).await.unwrap_or(Err(Failure::TimeOut))
}

/// A client of one proxy.
#[derive(Debug)]
pub(crate) struct Client {
    proxy: SocketAddr,
    stream: Option<TcpStream>,
    /// What was read of the connection.
    pub(crate) reader: Reader,
    /// Kept connections found closed.
    pub(crate) redialled: u64,
}

impl Client {
    /// A client that has not connected yet.
    pub(crate) fn new(proxy: SocketAddr) -> Client {
        Client { proxy, stream: None, reader: Reader::default(), redialled: 0 }
    }

    /// A new connection, in place of any before.
    pub(crate) async fn dial(&mut self) -> Result<&mut TcpStream, Failure> {
        self.stream = None;
        self.reader.clear();
        let stream = TcpStream::connect(self.proxy).await.map_err(|_| Failure::Dial)?;
        stream.set_nodelay(true).map_err(|_| Failure::Dial)?;
        Ok(self.stream.insert(stream))
    }

    /// The connection and what was read of it.
    pub(crate) fn connection(&mut self) -> Result<(&mut TcpStream, &mut Reader), Failure> {
        let stream = self.stream.as_mut().ok_or(Failure::Dial)?;
        Ok((stream, &mut self.reader))
    }

    /// One exchange on the kept connection, or on a new one. One that was closed while it was not used is dialled anew,
    /// once.
    pub(crate) async fn exchange(
        &mut self,
        request: &[u8],
        mut sink: impl FnMut(u64, &[u8]) -> bool,
    ) -> Result<Answer, Failure> {
        if self.stream.is_some() {
            let mut begun = false;
            let came = self.once(request, |at, piece| {
                begun = true;
                sink(at, piece)
            });
            match came.await {
                Err(Failure::Write | Failure::Read | Failure::CutShort) if !begun => self.redialled += 1,
                other => return other,
            }
        }
        self.dial().await?;
        self.once(request, sink).await
    }

    /// One exchange on the connection there is, which is ended when it is of no further use.
    async fn once(&mut self, request: &[u8], sink: impl FnMut(u64, &[u8]) -> bool) -> Result<Answer, Failure> {
        let came = self.inside(request, sink).await;
        if !came.is_ok_and(|answer| answer.kept) {
            self.stream = None;
        }
        came
    }

    /// One exchange on the connection there is, a tunnel, which stays as it is.
    pub(crate) async fn inside(
        &mut self,
        request: &[u8],
        sink: impl FnMut(u64, &[u8]) -> bool,
    ) -> Result<Answer, Failure> {
        let (stream, reader) = self.connection()?;
        stream.write_all(request).await.map_err(|_| Failure::Write)?;
        reader.answer(stream, sink).await
    }

    /// A new tunnel: CONNECT, unless the way is direct.
    pub(crate) async fn tunnel(&mut self, target: &str, direct: bool) -> Result<(), Failure> {
        self.dial().await?;
        if direct {
            return Ok(());
        }
        let (stream, reader) = self.connection()?;
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|_| Failure::Write)?;
        match reader.tunnel(stream).await? {
            200 => Ok(()),
            other => Err(Failure::Status(other)),
        }
    }

    /// Reads slowly from now on.
    pub(crate) fn slow(mut self) -> Client {
        self.reader.slow = true;
        self
    }

    /// The connection alone, for who will use it no more and keeps it.
    pub(crate) fn idle(self) -> Result<TcpStream, Failure> {
        self.stream.ok_or(Failure::CutShort)
    }

    /// Whether the next exchange needs a connection.
    pub(crate) fn is_new(&self) -> bool {
        self.stream.is_none()
    }

    /// Ends the connection.
    pub(crate) fn close(&mut self) {
        self.stream = None;
    }

    /// Ends the connection by a reset: no port of this machine is kept in TIME-WAIT, of which there are too few.
    pub(crate) fn reset(&mut self) {
        if let Some(stream) = self.stream.take() {
            // One that is broken already keeps none.
            let _ = stream.set_zero_linger();
        }
    }
}

/// A GET in the form proxies are asked in; `direct`, as origins are.
pub(crate) fn get(url: &str, direct: bool) -> Result<Vec<u8>, String> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url} does not begin with http://"))?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(slash);
    let target = if direct { path } else { url };
    Ok(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n").into_bytes())
}
