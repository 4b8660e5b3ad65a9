//! The seal as an e-mail, in French and English, with nothing about anybody in it.

use super::SealNotice;
use crate::config::{Mail, Server};
use crate::outbound::{Io, Outbound, within};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The whole conversation with a server that takes letters.
const CONVERSATION: Duration = Duration::from_secs(120);

/// Writes the seal to somebody.
pub(super) async fn send(outbound: &Outbound, mail: &Mail, notice: &SealNotice) -> Result<(), String> {
    let letter = letter(mail, notice)?;
    hand_over(outbound, &mail.server, &notice.node, &letter).await
}

fn letter(mail: &Mail, notice: &SealNotice) -> Result<Message, String> {
    let SealNotice { node, day, count, root, .. } = notice;
    let seal = notice.seal_in_hex();
    let (records, enregistrements) = match count {
        0 | 1 => ("record", "enregistrement"),
        _ => ("records", "enregistrements"),
    };
    let text = format!(
        "(English below)\n\n\
         Le registre de la passerelle {node} est scellé pour la journée du {day} (UTC).\n\n\
         {count} {enregistrements}\n\
         racine\u{a0}: {root}\n\
         sceau (SHA-256)\u{a0}: {seal}\n\n\
         Conservez ce message là où l’administrateur de la passerelle ne peut pas le modifier\u{a0}: il\n\
         permettra de constater que le registre de cette journée n’a pas changé depuis. Il ne contient\n\
         aucune donnée personnelle et n’appelle pas de réponse.\n\n\
         -- \n\n\
         The register of the gate {node} is sealed for the day {day} (UTC).\n\n\
         {count} {records}\n\
         root: {root}\n\
         seal (SHA-256): {seal}\n\n\
         Keep this message where the gate’s administrator can’t change it: with it anybody can see\n\
         later that the register of that day has not changed since. There are no personal data in it,\n\
         and no answer is expected.\n"
    );
    // Given twice, because an answer was lost, it is the same letter.
    let id = format!("<seal.{day}.{}@{}>", seal.get(..16).unwrap_or_default(), mail.from.domain());
    Message::builder()
        .from(Mailbox::new(Some("Octroi".to_owned()), mail.from.clone()))
        .to(Mailbox::new(None, mail.to.clone()))
        .subject(format!("Octroi, {node}, {day} (sceau / seal)"))
        .message_id(Some(id))
        // RFC 3834: nobody's absence is to be told to a machine.
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .header(ContentType::TEXT_PLAIN)
        .body(text)
        .map_err(|why| why.to_string())
}

/// Hands a letter to a server.
pub(crate) async fn hand_over(
    outbound: &Outbound,
    server: &Server,
    node: &str,
    letter: &Message,
) -> Result<(), String> {
    within(CONVERSATION, conversation(outbound, server, node, letter)).await?
}

async fn conversation(outbound: &Outbound, server: &Server, node: &str, letter: &Message) -> Result<(), String> {
    let stream = outbound.open(&server.host, server.port, server.secure).await?;
    let transport = Box::new(Transport { io: stream.io, peer: stream.peer });
    let said = |why: lettre::transport::smtp::Error| why.to_string();
    let ourselves = ClientId::Domain(name(node));
    let mut connection = AsyncSmtpConnection::connect_with_transport(transport, &ourselves).await.map_err(said)?;
    // Within this machine there is nothing to hide from, and no name a certificate could be for.
    if !server.secure && !server.is_local() && connection.can_starttls() {
        let tls = tls(outbound, &server.host)?;
        connection.starttls(tls, &ourselves).await.map_err(said)?;
    }
    let sent = connection.send(letter.envelope(), &letter.formatted()).await.map_err(said);
    // The letter has been taken or refused; how the conversation ends is of no matter.
    let _ = connection.quit().await;
    sent.map(drop)
}

/// Believes whom the gate believes elsewhere.
fn tls(outbound: &Outbound, host: &str) -> Result<TlsParameters, String> {
    let mut tls = TlsParameters::builder(host.to_owned());
    for authority in outbound.authorities() {
        let certificate = Certificate::from_der(authority.to_vec()).map_err(|why| why.to_string())?;
        tls = tls.add_root_certificate(certificate);
    }
    tls.build().map_err(|why| why.to_string())
}

/// The gate's name as EHLO takes it (RFC 5321 §4.1.2).
fn name(node: &str) -> String {
    let name: String = node.chars().filter(|c| c.is_ascii_alphanumeric() || ['-', '.'].contains(c)).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

/// A connection of ours, for lettre's use.
#[derive(Debug)]
struct Transport {
    io: Box<dyn Io>,
    peer: SocketAddr,
}

impl AsyncTokioStream for Transport {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
