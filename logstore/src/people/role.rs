//! Roles: what each may, which bear names, and which nobody holds together.

use serde::{Deserialize, Serialize};

/// What an account may do; what each may not is as much part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Health, configuration, lists, certificates. No names.
    Operator,
    /// Charter, categories, exceptions. No names.
    Policy,
    /// Aggregated reports; no group below the threshold.
    Statistics,
    /// Asks for scopes and reads what they open. Approves nothing.
    Investigator,
    /// The second person: approves or refuses. Reads no names by it.
    Approver,
    /// The rights desk (RGPD art. 15 to 22). No scopes.
    Rights,
    /// The desk that answers requisitions. No scopes.
    Judicial,
    /// The audit trail, seals and certificates. No names in records.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 8] = [
        Role::Operator,
        Role::Policy,
        Role::Statistics,
        Role::Investigator,
        Role::Approver,
        Role::Rights,
        Role::Judicial,
        Role::Auditor,
    ];

    /// Its name, as it is typed and kept.
    pub fn name(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Policy => "policy",
            Role::Statistics => "statistics",
            Role::Investigator => "investigator",
            Role::Approver => "approver",
            Role::Rights => "rights",
            Role::Judicial => "judicial",
            Role::Auditor => "auditor",
        }
    }

    /// The role of that name.
    pub fn of_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether it opens names or decides on that. The first that is given ends the time in which one person acts alone; whoever
    /// has it signs the undertaking first; giving it takes two persons once there is an approver.
    pub fn bears_names(self) -> bool {
        matches!(self, Role::Investigator | Role::Approver | Role::Rights | Role::Judicial)
    }

    /// Why nobody holds both roles: no one has both sides of an act of two persons in hand.
    pub fn excludes(self, other: Role) -> Option<&'static str> {
        match (self.min(other), self.max(other)) {
            (Role::Investigator, Role::Approver) => Some("nobody asks for names and approves"),
            (Role::Approver, Role::Rights | Role::Judicial) => Some("nobody approves what their own desk asks for"),
            (Role::Investigator, Role::Rights) => {
                Some("who says which accounts are whose decides how far a scope reaches, and asks for none")
            }
            _ => None,
        }
    }
}
