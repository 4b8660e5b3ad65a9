//! The command line: what is understood, and what is refused.

use super::*;
use clap::CommandFactory;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn no_command_is_run_and_config_goes_anywhere() {
    assert!(Cli::try_parse_from(["octroi"]).expect("parses").command.is_none());
    for line in [["octroi", "--config", "a.toml", "check"], ["octroi", "check", "--config", "a.toml"]] {
        let cli = Cli::try_parse_from(line).expect("parses");
        assert_eq!(cli.config.as_deref(), Some(std::path::Path::new("a.toml")));
    }
}

#[test]
fn an_unknown_act_is_told_the_nearest_and_all_there_are() {
    let refused = Cli::try_parse_from(["octroi", "audit", "--act", "serch"]).expect_err("refused").to_string();
    assert!(refused.contains("similar") && refused.contains("'search'"), "{refused}");
    assert!(ACTS.iter().all(|act| refused.contains(act)), "{refused}");
    assert!(Cli::try_parse_from(["octroi", "audit", "--act", "search refused"]).is_ok());
}

#[test]
fn wrong_usage_is_exit_2() {
    for line in [
        &["octroi", "fly"][..],
        &["octroi", "explain"],
        &["octroi", "explain", "x.fr", "--client", "nowhere"],
        &["octroi", "log", "search", "--limit", "0"],
        &["octroi", "log", "search", "--id", "abc"],
        &["octroi", "log", "search", "--purpose", "security"],
        &["octroi", "audit", "--format", "squid"],
        &["octroi", "audit", "--act", "serch"],
        &["octroi", "doctor", "weather"],
        &["octroi", "replay"],
        &["octroi", "user", "role", "a.martin"],
        &["octroi", "user", "role", "a.martin", "--add", "admin"],
        &["octroi", "user", "link", "a.martin"],
        &["octroi", "user", "link", "a.martin", "--account", "x", "--address", "10.0.0.1"],
        &[
            "octroi",
            "scope",
            "request",
            "--purpose",
            "security",
            "--reason",
            "x",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-02",
        ],
        &["octroi", "scope", "approve", "first"],
        &["octroi", "audit", "--password-stdin"],
    ] {
        assert_eq!(Cli::try_parse_from(line).expect_err("refused").exit_code(), 2, "{line:?}");
    }
}
