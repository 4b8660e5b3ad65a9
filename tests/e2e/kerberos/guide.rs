//! The guide to single sign-on, followed: its shell commands run one after the other, on a domain controller and beside a gate.
use super::super::guide::blocks;
use harness::services::Samba;
use harness::{Authority, Setup};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

const PAGES: [&str; 2] = [
    include_str!("../../../docs/guide/en/active-directory.md"),
    include_str!("../../../docs/guide/fr/active-directory.md"),
];

#[test]
fn who_follows_the_guide_to_single_sign_on_gets_to_its_end() {
    for page in PAGES {
        let samba = Samba::start(&Authority::new());
        // The name is given in the guide, to another account.
        samba.tool(&["spn", "delete", "HTTP/proxy.ad.pme.test", "svc-proxy"]);
        let gate = Setup::new().prepare();
        let blocks = blocks(page);
        let config = blocks.iter().find(|block| block.file().is_some()).expect("an octroi.toml");
        gate.write("octroi.toml", &config.text);
        // Programs that find this domain and this configuration where the guide's are in their usual place.
        let settings = samba.krb5_conf().with_file_name("smb.conf");
        let database = samba.krb5_conf().with_file_name("dc/private/sam.ldb");
        let octroi = gate.command(&[]);
        let program = octroi.get_program().to_str().expect("a path in UTF-8");
        for (name, script) in [
            ("samba-tool", format!("exec /usr/bin/samba-tool \"$@\" -s {}", settings.display())),
            ("ldbmodify", format!("exec /usr/bin/ldbmodify -H {}", database.display())),
            ("octroi", format!("exec {program} \"$@\" --config octroi.toml")),
        ] {
            gate.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
            fs::set_permissions(gate.path(&format!("bin/{name}")), Permissions::from_mode(0o700)).expect("ours");
        }
        let path = format!("{}:{}", gate.path("bin").display(), std::env::var("PATH").expect("a path"));
        let mut ran = 0;
        // What is said of the directory is tried with a directory (`directory`).
        let here = |text: &str| !text.contains("doctor directory");
        for block in blocks.iter().filter(|block| block.language == "sh" && here(&block.text)) {
            let mut shell = samba.client("sh");
            shell.args(["-e", "-c", &block.text]).env("PATH", &path).current_dir(gate.folder());
            let output = shell.output().expect("unshare is there");
            assert!(output.status.success(), "{}\n{output:#?}", block.text);
            ran += 1;
        }
        assert!(ran >= 3, "this rule looks at nothing");
        // And the gate takes tickets by what came of it.
        assert!(
            String::from_utf8_lossy(&gate.octroi(&["doctor", "kerberos"]).stdout).contains("HTTP/proxy.ad.pme.test")
        );
    }
}
