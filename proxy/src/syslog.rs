//! A small syslog client: messages of RFC 5424, counted frames (RFC 6587) over TCP or over TLS (RFC 5425).
//!
//! Syslog has no acknowledgement. A frame that was written is taken as received; what a receiver had not read when it
//! died is lost without a trace on this side, which is why the register is the truth and this a copy.

mod message;

pub(crate) use message::{LONGEST, Message, Severity, frame};

use crate::config::Server;
use crate::outbound::{Io, Outbound, within};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

/// A receiver that takes nothing for so long is given up.
const WRITE: Duration = Duration::from_secs(30);
/// How long a receiver may take to close after its sender has.
const CLOSE: Duration = Duration::from_secs(5);

/// A connection to a receiver.
pub(crate) struct Connection {
    from: ReadHalf<Box<dyn Io>>,
    to: WriteHalf<Box<dyn Io>>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(outbound: &Outbound, server: &Server) -> Result<Connection, String> {
        let stream = outbound.open(&server.host, server.port, server.secure).await?;
        let (from, to) = tokio::io::split(stream.io);
        Ok(Connection { from, to })
    }

    /// Writes frames. After a failure nobody knows which of them arrived: the connection is of no more use.
    pub(crate) async fn write(&mut self, frames: &[u8]) -> Result<(), String> {
        let write = async {
            self.to.write_all(frames).await?;
            self.to.flush().await
        };
        within(WRITE, write).await?.map_err(|why| why.to_string())
    }

    /// Returns when the receiver has closed the connection, and says how. What it sends is not looked at.
    ///
    /// Cancel safety: nothing is lost by dropping it.
    pub(crate) async fn closed(&mut self) -> String {
        let mut ignored = [0; 512];
        loop {
            match self.from.read(&mut ignored).await {
                Ok(0) => return "the receiver has closed the connection".to_owned(),
                Ok(_) => {}
                Err(why) => return why.to_string(),
            }
        }
    }

    /// Says that nothing more comes, and lets the receiver read to the end.
    pub(crate) async fn finish(mut self) -> Result<(), String> {
        within(WRITE, self.to.shutdown()).await?.map_err(|why| why.to_string())?;
        // One that keeps its side open has everything all the same.
        let _ = within(CLOSE, self.closed()).await;
        Ok(())
    }
}
