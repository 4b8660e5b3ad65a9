//! What a gate under test is started with.
use crate::{Gate, ports};
use std::net::{Ipv4Addr, SocketAddr};
use toml::{Table, Value};

/// A charter that refuses `blocked.test` and lets everything else through.
pub const CHARTER: &str = r#"
title = "Charte d'essai"
version = "essai-1"
default = "allow"

[categories.interdit]
label = { fr = "Sites interdits", en = "Forbidden sites" }
domains = ["blocked.test"]

[[rule]]
id = "interdits"
article = "3"
action = "block"
categories = ["interdit"]
reason = { fr = "Ce site est interdit par la charte.", en = "The charter forbids this site." }
"#;

/// The configuration and the charter of a gate under test.
///
/// Unless told otherwise: ports that are free, the charter above, the names `allowed.test`, `blocked.test` and
/// `other.test` on 127.0.0.1, the loopback network reachable, any port of 1024 and up open to tunnels.
#[derive(Clone)]
pub struct Setup {
    config: Table,
    charter: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup::new()
    }
}

impl Setup {
    /// The one described above.
    pub fn new() -> Setup {
        let setup = Setup { config: Table::new(), charter: Some(CHARTER.to_owned()) };
        setup
            .config(&format!(
                r#"
                data_dir = "data"
                [organisation]
                name = "Société Exemple"
                contact = "informatique@exemple.test"
                [listen]
                proxy = ["127.0.0.1:{}"]
                console = "127.0.0.1:{}"
                [destinations]
                connect_ports = [443, "1024-65535"]
                allow_private = ["127.0.0.0/8"]
                "#,
                ports::free(),
                ports::free()
            ))
            .host("allowed.test", "127.0.0.1")
            .host("blocked.test", "127.0.0.1")
            .host("other.test", "127.0.0.1")
    }

    /// Lays these keys of `octroi.toml` over what is there: tables join, anything else is replaced.
    ///
    /// # Panics
    /// When the text is no TOML.
    pub fn config(mut self, text: &str) -> Setup {
        lay(&mut self.config, text.parse().expect("the configuration of a test is TOML"));
        self
    }

    /// Replaces the charter.
    pub fn charter(mut self, text: &str) -> Setup {
        self.charter = Some(text.to_owned());
        self
    }

    /// The built-in charter in place of one of the test's own.
    pub fn built_in_charter(mut self) -> Setup {
        self.charter = None;
        // It names a list on the web, which a gate that runs at night would fetch: nobody answers here.
        self.host("dsi.ut-capitole.fr", "127.0.0.1")
    }

    /// Also listens by TLS, on a port of its own; see [`Gate::certify`].
    pub fn tls(self) -> Setup {
        let listen =
            format!("{{ address = \"127.0.0.1:{}\", certificate = \"gate.pem\", key = \"gate.key\" }}", ports::free());
        self.config(&format!("[listen]\nproxy_tls = [{listen}]"))
    }

    /// Another name and where it leads, as `[dns] hosts` says it.
    pub fn host(self, name: &str, address: &str) -> Setup {
        self.config(&format!("[dns.hosts]\n\"{name}\" = [\"{address}\"]"))
    }

    /// The `octroi.toml`.
    pub fn config_text(&self) -> String {
        self.config.to_string()
    }

    /// The `charter.toml`, unless the built-in one is in force.
    pub fn charter_text(&self) -> Option<&str> {
        self.charter.as_deref()
    }

    /// Where the proxy listens by TLS, if it does.
    pub(crate) fn secure(&self) -> Option<SocketAddr> {
        self.config["listen"].get("proxy_tls")?.get(0)?.get("address")?.as_str()?.parse().ok()
    }

    /// Where the proxy and the console listen.
    pub(crate) fn addresses(&self) -> (SocketAddr, SocketAddr) {
        let listen = &self.config["listen"];
        let address = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        let proxy = listen["proxy"].as_array().and_then(|all| all.first()).and_then(address);
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        (proxy.unwrap_or(nowhere), address(&listen["console"]).unwrap_or(nowhere))
    }

    /// Writes it all into a folder of its own; starts nothing.
    pub fn prepare(self) -> Gate {
        Gate::prepare(self)
    }

    /// Starts the gate and waits until it serves.
    ///
    /// # Panics
    /// With all it printed, when it doesn't.
    pub fn start(self) -> Gate {
        let mut gate = self.prepare();
        gate.start();
        gate
    }
}

fn lay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => lay(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_join_and_values_are_replaced() {
        let setup = Setup::new().config("[destinations]\nallow_private = []").host("more.test", "127.0.0.9");
        let config: Table = setup.config_text().parse().expect("what is written is TOML");
        assert_eq!(config["destinations"]["allow_private"].as_array().map(Vec::len), Some(0));
        assert_eq!(config["destinations"]["connect_ports"].as_array().map(Vec::len), Some(2));
        assert_eq!(config["dns"]["hosts"]["more.test"][0].as_str(), Some("127.0.0.9"));
        assert_eq!(config["dns"]["hosts"]["allowed.test"][0].as_str(), Some("127.0.0.1"));
    }
}
