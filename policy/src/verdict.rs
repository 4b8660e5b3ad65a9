//! The decision.
use crate::{Charter, Index, Target};
use jiff::Timestamp;
use std::net::IpAddr;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Let through.
    Allow,
    /// Turned back.
    Block,
}

/// The question.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// What is asked.
    pub target: &'a Target,
    /// The method.
    pub method: &'a str,
    /// The account, when known.
    pub user: Option<&'a str>,
    /// Groups given from outside the charter (a directory, `explain --group`).
    pub groups: &'a [&'a str],
    /// The client's address.
    pub client: IpAddr,
    /// When.
    pub at: Timestamp,
}

/// The answer; names are read from the charter it was made under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub action: Action,
}

/// A reason or label in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// French.
    pub fr: String,
    /// English.
    pub en: String,
}

/// A charter bound to an index: ready to decide.
pub struct InForce {}

/// An expectation that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disappointment {
    /// What was expected and what came, in one sentence.
    pub message: String,
    /// Where in the charter.
    pub span: std::ops::Range<usize>,
}

impl InForce {
    /// Binds a charter to the index of its lists.
    pub fn new(_charter: Charter, _index: Index) -> InForce {
        todo!()
    }
    /// The charter.
    pub fn charter(&self) -> &Charter {
        todo!()
    }
    /// The index.
    pub fn index(&self) -> &Index {
        todo!()
    }
    /// Decides.
    pub fn decide(&self, _query: &Query<'_>) -> Decision {
        todo!()
    }
    /// Id of the rule that decided.
    pub fn rule(&self, _decision: &Decision) -> Option<&str> {
        todo!()
    }
    /// Article of the charter.
    pub fn article(&self, _decision: &Decision) -> Option<&str> {
        todo!()
    }
    /// Id of the category by which the rule matched.
    pub fn category(&self, _decision: &Decision) -> Option<&str> {
        todo!()
    }
    /// Label of that category.
    pub fn category_label(&self, _decision: &Decision) -> Option<&Text> {
        todo!()
    }
    /// Reason given by the rule.
    pub fn reason(&self, _decision: &Decision) -> Option<&Text> {
        todo!()
    }
    /// `ut1:adult domains youporn.com`: list, file kind and entry that decided.
    pub fn evidence(&self, _query: &Query<'_>, _decision: &Decision) -> Option<String> {
        todo!()
    }
    /// Id of the schedule by which the rule matched.
    pub fn schedule(&self, _decision: &Decision) -> Option<&str> {
        todo!()
    }
    /// Ids of the charter's groups the client is in.
    pub fn groups(&self, _query: &Query<'_>) -> Vec<&str> {
        todo!()
    }
    /// Runs the charter's expectations.
    pub fn expectations(&self) -> Vec<Disappointment> {
        todo!()
    }
    /// `list:category` names the charter uses that the index has not, with the nearest known name.
    pub fn missing_lists(&self) -> Vec<(String, Option<String>)> {
        todo!()
    }
}
