//! The charter asked again, with what is learnt once an exchange was let through: the address that is dialled, the answer
//! that comes. What it says then takes the place of what it said first, in the record too.
use crate::answered;
use crate::asked::Asked;
use crate::gate::{Gate, State};
use crate::identify::Client;
use crate::terms::Standing;
use crate::wire::{Framing, ResponseHead};
use policy::verdict::Pending;
use policy::{Action, Answer, Decision, Learnt, Query, Target};
use std::net::IpAddr;

/// What was let through, and what let it through.
#[derive(Clone, Copy)]
pub(crate) struct Again<'a> {
    /// The gate that decides, by the charter and its exceptions.
    gate: &'a Gate,
    /// What it began with.
    state: &'a State,
    /// Who asks.
    pub(crate) client: &'a Client,
    /// The question.
    pub(crate) query: &'a Query<'a>,
    /// The answer so far.
    pub(crate) decision: Decision,
    /// Where it is dialled, once that is known.
    pub(crate) destination: Option<IpAddr>,
}

/// What becomes of an answer.
pub(crate) struct Judged {
    /// What the charter says of it.
    pub(crate) decision: Decision,
    /// How many bytes of unannounced length may pass, and what the charter says of more.
    pub(crate) most: Option<(u64, Decision)>,
}

impl<'a> Again<'a> {
    /// Of what was just let through.
    pub(crate) fn new(
        gate: &'a Gate,
        state: &'a State,
        client: &'a Client,
        query: &'a Query<'a>,
        decision: Decision,
    ) -> Again<'a> {
        Again { gate, state, client, query, decision, destination: None }
    }

    /// What the charter says if it refuses to have this address dialled.
    pub(crate) fn refuses(&self, address: IpAddr) -> Option<Decision> {
        if !self.state.in_force.asks_destination() {
            return None;
        }
        let decision = self.decide(&Learnt { destination: Some(address), answer: None });
        Some(decision).filter(|decision| self.turns_back(decision))
    }

    /// Whether a later decision turns back what was let through: it refuses, or by another rule on terms that are not met.
    pub(crate) fn turns_back(&self, later: &Decision) -> bool {
        let met = || {
            let Again { gate, state, client, query, .. } = self;
            gate.terms.standing(state, client, query.target, later, query.at) == Standing::Met
        };
        later.turns_back(&self.decision) && (later.action == Action::Block || !met())
    }

    fn decide(&self, learnt: &Learnt<'_>) -> Decision {
        self.gate.decide_again(self.state, self.query, learnt)
    }

    /// The same exchange, on its way to an address; `None`: a parent proxy alone knows it.
    pub(crate) fn dialled(self, address: Option<IpAddr>) -> Again<'a> {
        let learnt = Learnt { destination: address, answer: None };
        let decision = match address {
            Some(_) if self.state.in_force.asks_destination() => self.decide(&learnt),
            _ => self.decision,
        };
        Again { decision, destination: address, ..self }
    }

    /// Where it is dialled in place of where it was asked for: a search engine's strict host.
    pub(crate) fn strict(&self, asked: &Asked) -> Option<Target> {
        let of = |target: &Target| self.state.in_force.strict_host(&self.decision, target);
        let host = of(asked.to()).or_else(|| of(&asked.target))?;
        // The host of a table: it is one.
        asked.to().under_name(host).ok()
    }

    /// What the decision waits for in an answer of this status. One that has no content changes nothing.
    pub(crate) fn pending(&self, status: u16) -> Pending {
        match status {
            204 | 304 => Pending::default(),
            _ => self.state.in_force.pending(self.query, &self.learnt(None), &self.decision),
        }
    }

    /// Judges an answer by its head, and by the first bytes of its content.
    pub(crate) fn judge(&self, bytes: &[u8], head: &ResponseHead, framing: Framing, content: &[u8]) -> Judged {
        let answer = answered::describe(bytes, head, framing, content);
        let decision = self.decide(&self.learnt(Some(&answer)));
        let unannounced = matches!(framing, Framing::Chunked | Framing::Close);
        let most = || {
            let most = self.state.in_force.limit(self.query, &self.learnt(Some(&answer)), &decision);
            most.filter(|(_, decision)| self.turns_back(decision))
        };
        Judged { decision, most: unannounced.then(most).flatten() }
    }

    fn learnt<'l>(&self, answer: Option<&'l Answer>) -> Learnt<'l> {
        Learnt { destination: self.destination, answer }
    }
}
