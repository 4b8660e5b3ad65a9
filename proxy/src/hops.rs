//! TRACE and OPTIONS that may be passed on no more (RFC 9110 §7.6.2): the gate answers in the origin's place.
use crate::asked::Asked;
use crate::body;
use crate::connection::{ClientReader, ClientWriter, Connection, Next};
use crate::gate::State;
use crate::refuse;
use crate::wire::RequestHead;
use logstore::{Outcome, OwedRecord};

/// Fields that TRACE does not send back: whoever reads the answer may not be who may know them (RFC 9110 §9.3.8).
const SECRET: [&[u8]; 3] = [b"authorization", b"cookie", b"proxy-authorization"];

/// Answers for the origin, its record already owed.
pub(crate) async fn answer<R, W>(
    state: &State,
    connection: &mut Connection<R, W>,
    head: &RequestHead,
    asked: &Asked,
    record: &mut OwedRecord,
) -> (Outcome, Next)
where
    R: ClientReader,
    W: ClientWriter,
{
    let next = refuse::next(asked);
    let closes = if next == Next::Keep { "" } else { "Connection: close\r\n" };
    let received = if asked.method.is_trace() { Some(reflected(connection.buffer.bytes(), head)) } else { None };
    let told = match received {
        Some(_) => "Content-Type: message/http\r\nCache-Control: no-store\r\n",
        // Any method goes on to the origin: these are the usual ones.
        None => "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE, CONNECT\r\n",
    };
    let body = received.unwrap_or_default();
    let length = body.len();
    let proof = connection.take_proof();
    let mut out =
        format!("HTTP/1.1 200 OK\r\n{told}{proof}Content-Length: {length}\r\nProxy-Status: octroi\r\n{closes}\r\n")
            .into_bytes();
    out.extend_from_slice(&body);
    connection.take_head();
    record.answered(200);
    match body::write(&mut connection.writer, &out, state.config.limits.idle_timeout).await {
        Ok(()) => (Outcome::Completed, next),
        Err(_) => (Outcome::Abandoned, Next::Close),
    }
}

/// The request as it came, without what is secret.
fn reflected(bytes: &[u8], head: &RequestHead) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len);
    let first = head.fields.iter().next().map_or(head.len.saturating_sub(2), |field| field.line.start);
    out.extend_from_slice(bytes.get(head.method.start..first).unwrap_or_default());
    for field in head.fields.iter() {
        let name = bytes.get(field.name.clone()).unwrap_or_default();
        if !SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            out.extend_from_slice(bytes.get(field.line.clone()).unwrap_or_default());
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::reflected;
    use crate::wire::RequestHead;

    #[test]
    fn what_is_secret_is_not_sent_back() {
        let text = "\r\nTRACE http://a/ HTTP/1.1\r\nHost: a\r\nCOOKIE: s\r\nX-A: b\r\nAuthorization: t\r\n\r\nrest";
        let head = RequestHead::parse(text.as_bytes()).expect("well formed").expect("whole");
        assert_eq!(
            String::from_utf8_lossy(&reflected(text.as_bytes(), &head)),
            "TRACE http://a/ HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n"
        );
    }
}
