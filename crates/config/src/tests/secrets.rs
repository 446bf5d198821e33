//! The RPC token: where it may come from, and that no output and no message ever holds it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::Place;
use crate::{KEYS, Secret, show};

const TOKEN: &str = "correct-horse-battery-staple";

#[test]
fn the_token_comes_from_the_environment_a_file_or_the_configuration() {
    let place = Place::new();
    let token = |flags: &[(&str, &str)], environment: &[(&str, &str)]| {
        place.load(flags, environment).unwrap().config.rpc.auth_token.map(|token| token.expose().to_owned())
    };
    assert_eq!(token(&[], &[]), None);
    assert_eq!(token(&[], &[("TB_RPC_AUTH_TOKEN", TOKEN)]).as_deref(), Some(TOKEN));
    place.write("rpc_token", format!("{TOKEN}\n\n"));
    assert_eq!(token(&[("rpc.auth_token_file", "rpc_token")], &[]).as_deref(), Some(TOKEN));
    let both = place.load(&[("rpc.auth_token_file", "rpc_token")], &[("TB_RPC_AUTH_TOKEN", TOKEN)]);
    let both = both.expect_err("both are set").to_string();
    assert!(both.contains("`rpc.auth_token` and `rpc.auth_token_file` are both set"), "{both}");
}

#[test]
fn an_empty_token_is_refused_instead_of_opening_the_server() {
    let refused = Place::new().load(&[], &[("TB_RPC_AUTH_TOKEN", "")]).expect_err("empty").to_string();
    assert!(refused.contains("`rpc.auth_token` (environment TB_RPC_AUTH_TOKEN) is empty"), "{refused}");
}

#[test]
fn a_token_file_that_cannot_serve_is_refused() {
    let place = Place::new();
    let refused = || place.load(&[("rpc.auth_token_file", "t")], &[]).expect_err("it cannot serve").to_string();
    assert!(refused().contains("does not exist"), "{}", refused());
    for (text, reason) in [("", "is empty"), ("two\nlines", "more than one line"), ("a b", "not visible ASCII")] {
        place.write("t", text);
        assert!(refused().contains(reason) && refused().contains("`rpc.auth_token_file`"), "{}", refused());
    }
    place.write("t", TOKEN);
    fs::set_permissions(place.path().join("t"), Permissions::from_mode(0o644)).unwrap();
    assert!(refused().contains("can be used by others (mode 644)"), "{}", refused());
}

#[test]
fn an_open_server_and_a_weak_or_readable_token_are_warned_of() {
    let place = Place::new();
    let warnings = |flags: &[(&str, &str)]| place.load(flags, &[]).unwrap().warnings;
    assert!(warnings(&[]).is_empty());
    assert!(warnings(&[("rpc.listen", "0.0.0.0:26658")])[0].contains("no token is asked for"));
    let unencrypted = warnings(&[("rpc.listen", "0.0.0.0:26658"), ("rpc.auth_token", TOKEN)]);
    assert!(unencrypted.len() == 1 && unencrypted[0].contains("unencrypted"), "{unencrypted:?}");
    assert!(warnings(&[("rpc.auth_token", "short")])[0].contains("shorter than 16"));
    let example = KEYS.iter().find(|key| key.name == "rpc.auth_token").unwrap().example;
    assert!(warnings(&[("rpc.auth_token", example)])[0].contains("which everybody knows"));
    place.write("node.toml", format!("[rpc]\nauth_token = \"{TOKEN}\""));
    assert!(warnings(&[]).is_empty());
    fs::set_permissions(place.path().join("node.toml"), Permissions::from_mode(0o640)).unwrap();
    assert!(warnings(&[])[0].contains("chmod 600"));
}

#[test]
fn no_output_and_no_message_holds_the_token() {
    let place = Place::new();
    let environment = [("TB_RPC_AUTH_TOKEN", TOKEN)];
    let loaded = place.load(&[], &environment).unwrap();
    let outputs = [show(&loaded, false), show(&loaded, true), format!("{loaded:?}"), format!("{:?}", loaded.config)];
    for output in outputs {
        assert!(!output.contains(TOKEN), "{output}");
    }
    assert!(show(&loaded, false).contains("rpc.auth_token = (set)"));

    let bad = format!("{TOKEN} with a space");
    let mut messages = vec![place.load(&[], &[("TB_RPC_AUTH_TOKEN", &bad)]).expect_err("a space").to_string()];
    for toml in [
        format!("[rpc]\nauth_token = \"{bad}\""),
        format!("[rpc]\nauth_token = [\"{TOKEN}\"]"),
        format!("[rpc]\nauth_token = \"{TOKEN}"),
        format!("[rpc]\nauth_token = {TOKEN}"),
        format!("auth_token = \"{TOKEN}\""),
    ] {
        messages.push(place.refusal(&toml));
    }
    place.write("node.toml", "");
    for line in [
        format!("TB_RPC_AUTH_TOKEN={bad}"),
        format!("TB_RPC_AUTH_TOKEN='{TOKEN}"),
        format!("TB_RPC_AUTH_TOKEN=${TOKEN}"),
    ] {
        place.write(".env", &line);
        let error = place.load(&[], &[]).expect_err("the line is wrong");
        messages.push(error.to_string());
        messages.push(format!("{error:?}"));
    }
    for message in messages {
        assert!(!message.contains("correct-horse"), "{message}");
    }
}

#[test]
fn no_message_holds_the_password_of_a_url() {
    let place = Place::new();
    let mut messages = Vec::new();
    for url in
        ["https://operator:hunter2@c.example:4317", "https://operator:a/b;hunter2@c.example", "s3://k:hunter2@b c"]
    {
        for key in ["rollout.telemetry.endpoint", "wallet.upstream", "reconstruction.archive", "p2p.peers", "log.level"]
        {
            let (table, leaf) = key.rsplit_once('.').unwrap();
            let variable = format!("TB_{}", key.to_ascii_uppercase().replace('.', "_"));
            messages.push(place.refusal(&format!("[{table}]\n{leaf} = \"{url}\"")));
            place.write("node.toml", "");
            messages.push(place.load(&[(key, url)], &[]).expect_err(key).to_string());
            messages
                .push(place.load(&[], &[(&variable, url)]).map_or_else(|error| error.to_string(), |_| key.to_owned()));
        }
    }
    // Two variables of one key, of which one is not used.
    let names =
        [("TB_ROLLOUT_TELEMETRY_ENDPOINT", "http://first"), ("RPP_NODE_OTLP_ENDPOINT", "http://u:hunter2@second")];
    messages.extend(place.load(&[], &names).unwrap().warnings);
    assert!(messages.iter().any(|message| message.contains("https://…@c.example:4317")), "{messages:?}");
    for message in messages {
        assert!(!message.contains("hunter2") && !message.contains("operator"), "{message}");
    }
}

#[test]
fn a_token_in_the_environment_is_warned_of_and_one_in_a_file_is_not() {
    let place = Place::new();
    place.write("rpc_token", TOKEN);
    let warned = |flags: &[(&str, &str)], environment: &[(&str, &str)]| {
        let warnings = place.load(flags, environment).unwrap().warnings;
        warnings.iter().any(|warning| warning.contains("the RPC token is in the environment (TB_RPC_AUTH_TOKEN)"))
    };
    assert!(warned(&[], &[("TB_RPC_AUTH_TOKEN", TOKEN)]));
    assert!(!warned(&[("rpc.auth_token_file", "rpc_token")], &[]));
    assert!(!warned(&[], &[("TB_RPC_AUTH_TOKEN_FILE", "rpc_token")]));
}

#[test]
fn a_secret_matches_itself_only() {
    let secret = Secret::new(TOKEN.to_owned());
    assert!(secret.matches(TOKEN.as_bytes()));
    for other in ["", "correct-horse-battery-stapl", "correct-horse-battery-staplf", "Correct-horse-battery-staple"] {
        assert!(!secret.matches(other.as_bytes()));
        assert_ne!(secret, Secret::new(other.to_owned()));
    }
    assert_eq!(format!("{secret:?}"), "Secret(hidden)");
}

const READER: &str = "a-token-for-reading-only";

#[test]
fn further_tokens_have_the_scopes_of_their_line() {
    let place = Place::new();
    place.write("t", format!("# who reads\n\nread dashboard {READER}\n  submit,read exchange-1 {READER}2\n"));
    let loaded = place.load(&[("rpc.tokens_file", "t"), ("rpc.auth_token", TOKEN)], &[]).unwrap();
    let tokens = loaded.config.rpc.tokens;
    let shown: Vec<_> = tokens.iter().map(|token| (token.name.as_str(), token.scopes.join(","))).collect();
    let all = [
        ("auth_token", "operate,read,submit".to_owned()),
        ("dashboard", "read".to_owned()),
        ("exchange-1", "read,submit".to_owned()),
    ];
    assert_eq!(shown, all);
    assert!(tokens[1].secret.matches(READER.as_bytes()));
    assert!(!format!("{tokens:?}").contains(READER), "a token is never printed");
    assert_eq!(place.load(&[("rpc.tokens_file", "t")], &[]).unwrap().config.rpc.auth_token, None);
}

#[test]
fn a_file_of_tokens_that_cannot_serve_is_refused_without_showing_a_token() {
    let place = Place::new();
    let refused =
        || place.load(&[("rpc.tokens_file", "t"), ("rpc.auth_token", TOKEN)], &[]).expect_err("refused").to_string();
    assert!(refused().contains("does not exist"), "{}", refused());
    let cases = [
        (format!("read {READER}"), "line 1: has 2 words"),
        (format!("\nwrite me {READER}"), "line 2: \"write\" is no scope"),
        (format!("read, me {READER}"), "\"\" is no scope"),
        (format!("read a/b {READER}"), "the name \"a/b\""),
        ("read me short".to_owned(), "shorter than 16"),
        (format!("read me {READER}\nread me {READER}2"), "the name me is taken"),
        (format!("read me {READER}\nread you {READER}"), "you has the token of me"),
        (format!("read me {TOKEN}"), "me has the token of auth_token"),
        (format!("read auth_token {READER}"), "the name auth_token is taken"),
        ((0..64).map(|number| format!("read n{number} {READER}{number}\n")).collect(), "more than 64 tokens"),
    ];
    for (text, reason) in cases {
        place.write("t", &text);
        let refused = refused();
        assert!(refused.contains(reason) && refused.contains("`rpc.tokens_file`"), "{reason}: {refused}");
        assert!(!refused.contains(READER) && !refused.contains(TOKEN), "{refused}");
    }
    place.write("t", format!("read me {READER}"));
    fs::set_permissions(place.path().join("t"), Permissions::from_mode(0o640)).unwrap();
    assert!(refused().contains("can be used by others (mode 640)"), "{}", refused());
}

#[test]
fn what_makes_a_server_less_safe_is_warned_of_or_refused() {
    let place = Place::new();
    place.write("t", format!("read me {READER}"));
    let warnings = |flags: &[(&str, &str)]| place.load(flags, &[]).unwrap().warnings.join("\n");
    let open = ("rpc.listen", "0.0.0.0:26658");
    assert!(warnings(&[open, ("rpc.tokens_file", "t")]).contains("unencrypted"));
    assert!(!warnings(&[open, ("rpc.tokens_file", "t")]).contains("no token is asked for"));
    for key in ["rpc.rate_limit.read_burst", "rpc.rate_limit.write_burst"] {
        assert!(warnings(&[(key, "0")]).contains(&format!("{key} = 0")));
    }
    assert!(warnings(&[("rpc.open_reads", "false")]).contains("only the health probes"));
    place.write("key.pem", "");
    let tls = [("rpc.tls_cert", "cert.pem"), ("rpc.tls_key", "key.pem")];
    assert_eq!(warnings(&tls), "");
    fs::set_permissions(place.path().join("key.pem"), Permissions::from_mode(0o644)).unwrap();
    assert!(warnings(&tls).contains("holds the TLS key and can be used by others (mode 644)"));
    for (half, needed) in
        [("rpc.tls_cert", "rpc.tls_key"), ("rpc.tls_key", "rpc.tls_cert"), ("rpc.tls_client_ca", "rpc.tls_cert")]
    {
        let refused = place.load(&[(half, "a.pem")], &[]).expect_err("half of it").to_string();
        assert!(refused.contains(&format!("`{half}` needs `{needed}`")), "{refused}");
    }
}

#[test]
fn the_key_of_a_bucket_comes_from_a_closed_file_or_the_environment_and_is_shown_nowhere() {
    let place = Place::new();
    let loaded = |file: bool| {
        let flags: &[(&str, &str)] = if file { &[("reconstruction.s3_credentials_file", "s3")] } else { &[] };
        place.load(flags, &[]).unwrap()
    };
    let none = |_: &str| None;
    let set = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("AKIA".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(TOKEN.to_owned()),
        _ => None,
    };
    let key = |file: bool, environment: &dyn Fn(&str) -> Option<String>| {
        loaded(file).config.reconstruction.s3.key(environment).map_err(|error| error.to_string())
    };
    assert!(key(false, &none).unwrap_err().contains("there is no key for it"));
    let from_environment = key(false, &set).unwrap();
    assert!(from_environment.from_environment && from_environment.secret.matches(TOKEN.as_bytes()));
    assert!(key(true, &set).unwrap_err().contains("does not exist"), "a file that is named counts");

    place.write(
        "s3",
        format!("# ours\n[other]\naws_access_key_id = no\n[default]\naws_access_key_id = AKIB\naws_secret_access_key={TOKEN}\naws_session_token = t\n"),
    );
    let from_file = key(true, &set).unwrap();
    assert_eq!((from_file.id.as_str(), from_file.from_environment), ("AKIB", false));
    assert!(from_file.secret.matches(TOKEN.as_bytes()) && from_file.token.as_ref().unwrap().matches(b"t"));
    assert!(!format!("{from_file:?}").contains(TOKEN));
    assert!(!show(&loaded(true), false).contains(TOKEN));
    for (text, reason) in [
        (String::new(), "has no aws_access_key_id"),
        ("aws_access_key_id = a".to_owned(), "has no aws_secret_access_key"),
        (format!("aws_access_key_id = a\naws_secret_access_key = {TOKEN} b"), "visible ASCII"),
    ] {
        place.write("s3", text);
        let refused = key(true, &none).unwrap_err();
        assert!(refused.contains(reason) && !refused.contains(TOKEN), "{refused}");
    }
    fs::set_permissions(place.path().join("s3"), Permissions::from_mode(0o640)).unwrap();
    assert!(key(true, &none).unwrap_err().contains("can be used by others (mode 640)"));
}
