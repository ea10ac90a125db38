use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

#[test]
fn the_commands_are_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_of_the_design_is_there() {
    let sid = "01901234-5678-7abc-8def-0123456789ab";
    for line in [
        "mintage serve --config c.toml --listen 127.0.0.1:0 --data d --keys k --store embedded".to_owned(),
        "mintage verify --issuer https://id.example --audience https://api.example --jwks keys.json --at 1 --leeway 5".to_owned(),
        "mintage inspect --json".to_owned(),
        "mintage sessions list alice --client app --state active --json".to_owned(),
        format!("mintage sessions show {sid}"),
        format!("mintage sessions revoke {sid} --reason lost"),
        format!("mintage revoke token {sid} --note x"),
        format!("mintage revoke session {sid} --dry-run"),
        format!("mintage revoke subject alice --client app --except {sid} --url http://127.0.0.1:1"),
        "mintage revoke subject alice --access-tokens --wait".to_owned(),
        "mintage revoke client app".to_owned(),
        "mintage revoke all --yes --access-tokens".to_owned(),
        "mintage revoke all --dry-run".to_owned(),
        "mintage revoke key k1".to_owned(),
        "mintage keys list".to_owned(),
        "mintage keys announce --algorithm ES256".to_owned(),
        "mintage keys rotate".to_owned(),
        "mintage keys retire k1".to_owned(),
        "mintage keys revoke k1 --json".to_owned(),
        "mintage clients add app --type public --scope read --audience https://api.example --format paseto".to_owned(),
        "mintage clients list".to_owned(),
        "mintage clients show app".to_owned(),
        "mintage clients remove app".to_owned(),
        "mintage config check --config c.toml --json".to_owned(),
        "mintage config show".to_owned(),
        format!("mintage audit list --subject alice --client app --by ops --session {sid} --action revoke --result done --request r1"),
        "mintage audit list --since 2026-11-21T09:00:00Z --until 2026-11-22T09:00:00+01:00 --limit 1000 --json".to_owned(),
        "mintage audit verify --folder d --head 00 --json".to_owned(),
        "mintage audit unfinished --config c.toml --data d".to_owned(),
    ] {
        assert!(parse(&line).is_ok(), "{line}: {}", parse(&line).unwrap_err());
    }
}

#[test]
fn wrong_use_is_refused_before_anything_is_sent() {
    for line in [
        "mintage",
        "mintage revoke all",
        "mintage revoke session not-a-sid",
        "mintage revoke subject alice --access-tokens --except 01901234-5678-7abc-8def-0123456789ab",
        "mintage keys announce --algorithm none",
        "mintage audit list --action revoked",
        "mintage audit list --since yesterday",
        "mintage audit list --limit 0",
        "mintage clients add app",
        "mintage sessions list alice --secret x",
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of the developer's, read by the test alone")]
fn the_page_of_commands_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == page(), "docs/cli.md is behind: UPDATE_DOCS=1 cargo test --lib cli::");
}
