//! `octroi explain`: what is asked, by whom, and what is said to come of it.
use super::Output;
use crate::commands::when::FORMS;
use clap::Args;
use std::net::IpAddr;

/// `octroi explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// An address, or a host alone (https is then meant)
    pub(crate) url: String,
    /// The account that asks
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// A group of that account; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// The address it asks from [default: 127.0.0.1, taken as one that the gate serves]
    #[arg(long, value_name = "IP")]
    pub(crate) client: Option<IpAddr>,
    /// When.
    #[arg(long, value_name = "WHEN", help = format!("When: {FORMS} [default: now]"))]
    pub(crate) at: Option<String>,
    /// The method [default: GET over http, CONNECT over https]
    #[arg(long)]
    pub(crate) method: Option<String>,
    /// The address that is dialled, for rules on `destinations`
    #[arg(long, value_name = "IP")]
    pub(crate) destination: Option<IpAddr>,
    /// What is answered, for rules on `media_types`
    #[arg(long, value_name = "TYPE")]
    pub(crate) media_type: Option<String>,
    /// The name of the file that is answered
    #[arg(long, value_name = "NAME")]
    pub(crate) file: Option<String>,
    /// How large the answer is, for rules on `min_size`
    #[arg(long, value_name = "SIZE")]
    pub(crate) size: Option<String>,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}
