//! A name server for benchmarks: every name has the address 127.0.0.1, for an hour, and no other (RFC 1035 §4.1).

use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// Header, the shortest question.
const SHORTEST: usize = 12 + 5;
/// Type A.
const ADDRESS: [u8; 2] = [0, 1];

/// Serves until it is stopped.
pub(crate) async fn serve(listen: SocketAddr) -> Result<(), String> {
    let socket = UdpSocket::bind(listen).await.map_err(|why| format!("{listen}: {why}"))?;
    let mut packet = [0; 1500];
    loop {
        let (length, asker) = socket.recv_from(&mut packet).await.map_err(|why| why.to_string())?;
        if let Some(answer) = packet.get(..length).and_then(answer) {
            // An asker that is gone asks no more.
            let _ = socket.send_to(&answer, asker).await;
        }
    }
}

/// The answer to a question, whatever the name; of any type but A there is none.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    if question.len() < SHORTEST {
        return None;
    }
    let mut end = 12;
    while let Some(label @ 1..=63) = question.get(end) {
        end += usize::from(*label) + 1;
    }
    end += 5;
    let wanted = question.get(end - 4..end - 2)?;
    let found = wanted == ADDRESS;
    let mut answer = question.get(..end)?.to_vec();
    // A response, authoritative, recursion as desired and available, no error; one question, one answer or none.
    let desired = question.get(2)? & 1;
    answer.splice(2..12, [0x84 | desired, 0x80, 0, 1, 0, u8::from(found), 0, 0, 0, 0]);
    if found {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(kind: u8) -> Vec<u8> {
        let mut packet = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        packet.extend(b"\x03www\x04test\x00\x00");
        packet.extend([kind, 0, 1]);
        packet.extend(b"whatever EDNS adds");
        packet
    }

    #[test]
    fn an_address_is_127_0_0_1() {
        let told = answer(&question(1)).expect("an answer");
        assert_eq!(told.get(..12), Some([7, 9, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0].as_slice()));
        assert!(told.ends_with(&[0, 4, 127, 0, 0, 1]));
    }

    #[test]
    fn of_other_types_there_is_none() {
        let told = answer(&question(28)).expect("an answer");
        assert_eq!(told.get(6..8), Some([0, 0].as_slice()));
        assert_eq!(told.len(), 12 + 14);
    }

    #[test]
    fn what_is_no_question_has_no_answer() {
        for cut in 0..25 {
            assert_eq!(answer(question(1).get(..cut).unwrap_or_default()), None, "{cut}");
        }
    }
}
