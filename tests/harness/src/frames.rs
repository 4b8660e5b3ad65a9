//! A client of HTTP/2 that writes exactly the frames it is told (RFC 9113 §4): for what no decent client would send.
use crate::Authority;
use crate::LIMIT;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

/// Kinds of frames.
pub const DATA: u8 = 0;
/// A request's fields, or an answer's.
pub const HEADERS: u8 = 1;
/// The end of a stream, by a reason.
pub const RST_STREAM: u8 = 3;
/// What the peers allow each other.
pub const SETTINGS: u8 = 4;
/// The end of a connection, by a reason.
pub const GOAWAY: u8 = 7;
/// More room to send.
pub const WINDOW_UPDATE: u8 = 8;
/// More fields.
pub const CONTINUATION: u8 = 9;

/// The last frame of a stream; the answer to SETTINGS.
pub const END: u8 = 1;
/// The last frame of a block of fields.
pub const END_HEADERS: u8 = 4;

/// A frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What it is.
    pub kind: u8,
    /// How it is.
    pub flags: u8,
    /// Whose it is; 0: the connection's.
    pub stream: u32,
    /// What is in it.
    pub payload: Vec<u8>,
}

/// What becomes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was answered.
    Answered,
    /// It was reset, with that code.
    Reset(u32),
    /// The whole connection was ended, with that code.
    GoneAway(u32),
    /// The same, without a word.
    Closed,
}

/// A connection.
pub struct Frames {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Frames {
    /// Connects by TLS, and begins.
    pub fn connect(address: SocketAddr, authority: &Authority) -> io::Result<Frames> {
        let mut config = (*authority.client()).clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::from(address.ip());
        let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let socket = TcpStream::connect_timeout(&address, LIMIT)?;
        socket.set_read_timeout(Some(LIMIT))?;
        socket.set_write_timeout(Some(LIMIT))?;
        let mut frames = Frames { stream: StreamOwned::new(connection, socket) };
        frames.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
        frames.send(SETTINGS, 0, 0, &[])?;
        Ok(frames)
    }

    /// Writes a frame.
    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        self.stream.write_all(&frame(kind, flags, stream, payload))
    }

    /// Writes these bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Asks, with these fields as they are.
    pub fn ask(&mut self, stream: u32, fields: &[(&str, &str)], more: bool) -> io::Result<()> {
        let flags = END_HEADERS | if more { 0 } else { END };
        self.send(HEADERS, flags, stream, &block(fields))
    }

    /// The next frame, but for what keeps the connection going; none at its end.
    pub fn read(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let mut head = [0; 9];
            match self.stream.read_exact(&mut head) {
                Ok(()) => {}
                Err(why) if matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Err(why);
                }
                Err(_) => return Ok(None),
            }
            let [a, b, c, kind, flags, stream @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            if self.stream.read_exact(&mut payload).is_err() {
                return Ok(None);
            }
            let frame = Frame { kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff, payload };
            match kind {
                SETTINGS if flags & END == 0 => self.send(SETTINGS, END, 0, &[])?,
                SETTINGS => {}
                _ => return Ok(Some(frame)),
            }
        }
    }

    /// Reads until it is known what becomes of a stream.
    ///
    /// # Panics
    /// When that isn't known within [`LIMIT`].
    pub fn fate(&mut self, stream: u32) -> Fate {
        while let Some(frame) = self.read().expect("a fate") {
            match frame.kind {
                HEADERS if frame.stream == stream => return Fate::Answered,
                RST_STREAM if frame.stream == stream => return Fate::Reset(number(&frame.payload)),
                GOAWAY if number(frame.payload.get(4..).unwrap_or_default()) != 0 => {
                    return Fate::GoneAway(number(&frame.payload[4..]));
                }
                _ => {}
            }
        }
        Fate::Closed
    }

    /// The socket itself.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.stream.sock
    }
}

/// The first four bytes as a number.
pub fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// A frame as it is written.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame of a test is small").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as HPACK writes them without looking at them: literals, never indexed (RFC 7541 §6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            let mut length = text.len();
            if length < 127 {
                block.push(u8::try_from(length).expect("below 127"));
            } else {
                block.push(127);
                length -= 127;
                while length >= 128 {
                    block.push(u8::try_from(length % 128).expect("below 128") | 128);
                    length /= 128;
                }
                block.push(u8::try_from(length).expect("below 128"));
            }
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}
