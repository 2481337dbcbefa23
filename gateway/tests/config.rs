//! The configuration: the samples are right, and a wrong file is told all of its faults at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use aldgate_gateway::config::{Carrier, Config, Webhook};
use std::path::Path;

fn faults(text: &str) -> Vec<String> {
    let faults = Config::parse(text).expect_err("faults");
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn every_sample_is_good_and_the_main_one_says_the_defaults() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    let mut seen = 0;
    for entry in std::fs::read_dir(&dir).expect("config/").flatten() {
        if entry.path().extension().is_some_and(|ext| ext == "toml") {
            Config::load(Some(&entry.path())).unwrap_or_else(|faults| panic!("{:?}: {faults:?}", entry.path()));
            seen += 1;
        }
    }
    assert!(seen >= 3);
    let sample = Config::load(Some(&dir.join("aldgate.toml"))).expect("the sample");
    let defaults = Config::load(None).expect("the defaults");
    assert_eq!(format!("{sample:?}"), format!("{defaults:?}"));
}

#[test]
fn unknown_keys_are_refused_all_together_with_their_paths() {
    let text = "colour = 1\n[edge]\nhtpp = \"x\"\n[[route]]\npath = \"/a/\"\nwho = 1\n[route.demand]\nage = \"1s\"\n";
    let faults = faults(text);
    for path in ["colour:", "edge.htpp:", "route[0].who:", "route[0].demand.age:"] {
        assert!(faults.iter().any(|fault| fault.starts_with(path)), "{path} in {faults:?}");
    }
}

#[test]
fn a_program_that_wraps_keys_is_named_by_its_whole_path() {
    let config =
        Config::parse("[keys]\nwrap = [\"/usr/local/bin/wrap-key\", \"alias/aldgate\"]").expect("a configuration");
    let command = ["/usr/local/bin/wrap-key", "alias/aldgate"].map(str::to_owned);
    assert_eq!(config.key_program.as_deref(), Some(&command[..]));
    for wrong in ["[]", "[\"wrap-key\"]", "[\"./wrap-key\"]"] {
        let faults = faults(&format!("[keys]\nwrap = {wrong}"));
        assert_eq!(faults, ["keys.wrap: must be a list that begins with the absolute path of a program"], "{wrong}");
    }
}

#[test]
fn what_is_kept_in_memory_is_said_in_bytes_and_a_count_of_entries_is_refused() {
    let config = Config::parse("[hot]\nsessions = \"2 GiB\"\ngone = \"4096 KiB\"").expect("a configuration");
    assert_eq!((config.hot.sessions, config.hot.gone), (2 << 30, 4 << 20));
    let faults = faults(
        "[hot]\nsessions = 1000000\ncredentials = \"1000000\"\ngone = \"1 KiB\"\nidentities = \"65 GiB\"\nentries = \"1 MiB\"",
    );
    for path in ["hot.sessions:", "hot.credentials:", "hot.gone:", "hot.identities:", "hot.entries:"] {
        assert!(faults.iter().any(|fault| fault.starts_with(path)), "{path} in {faults:?}");
    }
}

#[test]
fn wrong_values_are_refused_all_together_with_their_paths() {
    let text = r#"
        [edge]
        http = "localhost"
        private = "0.0.0.0:8081"
        threads = "many"
        drain = "soon"
        certificate = "chain.pem"
        [relying_party]
        id = "example.org"
        origins = ["https://login.example.org/", "https://example.com", "http://login.example.org"]
        user_verification = "perhaps"
        colour = "red"
        [session]
        idle = "2h"
        absolute = "1h"
        [[service]]
        name = "A"
        upstream = "nowhere"
        [[route]]
        path = "/a/../b"
        service = "b"
        access = "open"
        [[route]]
        host = "example.net:8080"
        path = "/.aldgate/sign-in"
        service = "A"
    "#;
    let faults = faults(text);
    for path in [
        "edge.http:",
        "edge.private:",
        "edge.threads:",
        "edge.drain:",
        "edge.certificate:",
        "relying_party.origins[0]:",
        "relying_party.origins[1]:",
        "relying_party.origins[2]:",
        "relying_party.user_verification:",
        "relying_party.colour:",
        "session.idle:",
        "service[0].name:",
        "service[0].upstream:",
        "route[0].path:",
        "route[0].service:",
        "route[0].access:",
        "route[1].host:",
        "route[1].path:",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(path)), "{path} in {faults:#?}");
    }
}

#[test]
fn a_text_that_is_no_toml_is_told_its_line() {
    let faults = faults("[edge]\nhttp = \n");
    assert!(faults.len() == 1 && faults[0].starts_with("line 2:"), "{faults:?}");
}

#[test]
fn another_host_may_demand_sessions() {
    let text = r#"
        [demo]
        enabled = false
        [[service]]
        name = "a"
        upstream = "127.0.0.1:1"
        [[route]]
        host = "App.localhost"
        path = "/"
        service = "a"
        demand = { authenticator = "passkey" }
    "#;
    let config = Config::parse(text).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(config.routes.len(), 1);
    assert_eq!(config.routes[0].host, "app.localhost");
}

#[test]
fn a_service_cannot_take_a_path_of_the_platforms() {
    let text = r#"
        [[service]]
        name = "a"
        upstream = "127.0.0.1:1"
        [[route]]
        path = "/account/"
        service = "a"
    "#;
    assert!(faults(text).iter().any(|fault| fault.starts_with("route[0].path:")));
}

#[test]
fn token_issuers_are_checked_whole() {
    let text = r#"
        [[service]]
        name = "a"
        upstream = "127.0.0.1:1"
        [[route]]
        path = "/a/"
        service = "a"
        access = "public"
        access_tokens = true
        [[route]]
        path = "/b/"
        service = "a"
        demand = { scopes = ["a b"] }
        [[token_issuer]]
        issuer = "https://a"
        audience = ""
        jwks_uri = "http://a/jwks"
        refresh = "1h"
        cache = "1s"
        [[token_issuer]]
        issuer = "https://b"
        audience = "x"
        introspection = "https://u:p@b/"
        cache = "5m"
        [[token_issuer]]
        issuer = "https://c"
        audience = "x"
        key_set = "k"
        jwks_uri = "https://c/"
    "#;
    let faults = faults(text);
    for path in [
        "route[0].access_tokens:",
        "route[1].demand.scopes:",
        "token_issuer[0].audience:",
        "token_issuer[0].jwks_uri:",
        "token_issuer[0].refresh:",
        "token_issuer[0].cache:",
        "token_issuer[1].introspection:",
        "token_issuer[1].client_id:",
        "token_issuer[1].client_secret:",
        "token_issuer[1].cache:",
        "token_issuer[2]:",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(path)), "{path} in {faults:#?}");
    }
    let good = |key: &str| {
        let table = |name: &str| format!("[[token_issuer]]\nissuer = \"https://{name}\"\naudience = \"x\"\n{key}\n");
        [table("a"), table("b")]
    };
    let [keyed, another] = good("jwks_uri = \"http://[::1]:1/\"");
    assert!(Config::parse(&format!("{keyed}{another}")).is_ok());
    let asks = "introspection = \"https://b/\"\nclient_id = \"a\"\nclient_secret = \"s\"";
    let [first, second] = good(asks);
    assert!(Config::parse(&first).is_ok());
    assert!(Config::parse(&format!("{first}{second}")).is_err(), "an opaque token does not say whose it is");
    assert!(Config::parse(&format!("{first}{first}")).is_err(), "one name, two issuers");
}

#[test]
fn a_route_that_takes_tokens_of_nobody_is_refused() {
    let text = r#"
        [[service]]
        name = "a"
        upstream = "127.0.0.1:1"
        [[route]]
        path = "/a/"
        service = "a"
        access_tokens = true
    "#;
    assert!(faults(text).iter().any(|fault| fault.starts_with("token_issuer:")));
}

#[test]
fn a_routes_own_rules_are_judged_each_at_its_key() {
    let text = r#"
        [[service]]
        name = "a"
        upstream = "127.0.0.1:9000"
        [[route]]
        path = "/a/"
        service = "a"
        methods = ["GET", "post", "HEAD"]
        cost = "dear"
        warm_grace = "2h"
        demand = { vectors = ["P9.Cm", "P7"], delegation = "maybe" }
        [[route]]
        path = "/b/"
        service = "a"
        methods = []
        demand = { vectors = [] }
        "#;
    let faults = faults(text);
    for path in [
        "route[0].methods[1]:",
        "route[0].methods[2]:",
        "route[0].cost:",
        "route[0].warm_grace:",
        "route[0].demand.vectors[1]:",
        "route[0].demand.delegation:",
        "route[1].methods:",
        "route[1].demand.vectors:",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(path)), "{path} in {faults:?}");
    }
    assert_eq!(faults.len(), 8, "{faults:?}");
}

#[test]
fn a_policy_for_pages_of_other_origins_is_judged_key_by_key() {
    let text = r#"
        [[service]]
        name = "a"
        upstream = "127.0.0.1:9000"
        [[service]]
        name = "behind"
        [[route]]
        path = "/a/"
        service = "a"
        methods = ["GET", "POST"]
        [route.cors]
        origins = ["*", "null", "https://a.example/", "https://A.example", "https://*.example", "http://a.example",
            "https://a.example:443", "https://u@a.example", "https://b.example", "https://b.example", "a.example",
            "https://a.example:x", "https://", "https://[::1]:x"]
        methods = ["GET", "*", "get", "OPTIONS", "GET", "PUT"]
        headers = ["*", "x-own", "Aldgate-Subject", "cookie", "X-Own", "x own"]
        expose = ["*", "set-cookie"]
        max_age = "25h"
        wildcard = true
        [[route]]
        path = "/b/"
        service = "a"
        methods = ["POST"]
        cors = { credentials = "yes" }
        [[route]]
        path = "/c/"
        service = "behind"
        cors = { origins = ["https://a.example"] }
    "#;
    let faults = faults(text);
    let mut expected: Vec<String> = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13]
        .map(|at| format!("route[0].cors.origins[{at}]:"))
        .into_iter()
        .chain([1, 2, 3, 4, 5].map(|at| format!("route[0].cors.methods[{at}]:")))
        .chain([0, 2, 3, 4, 5].map(|at| format!("route[0].cors.headers[{at}]:")))
        .chain([0, 1].map(|at| format!("route[0].cors.expose[{at}]:")))
        .collect();
    expected.extend(
        ["[0].cors.max_age:", "[0].cors.wildcard:", "[1].cors.origins:", "[1].cors.methods:", "[1].cors.credentials:"]
            .map(|path| format!("route{path}")),
    );
    expected.push("route[2].cors:".into());
    for path in &expected {
        assert!(faults.iter().any(|fault| fault.starts_with(path)), "{path} in {faults:#?}");
    }
    assert_eq!(faults.len(), expected.len(), "and nothing else: {faults:#?}");
}

#[test]
fn a_service_may_stand_behind_another_proxy_and_know_other_gateways_names() {
    let text = r#"
        [[service]]
        name = "a"
        aliases = ["oauth2-proxy", "authelia", "pomerium", "cloudflare-access", "alb"]
        [[route]]
        host = "app.example"
        path = "/"
        service = "a"
    "#;
    let config = Config::parse(text).expect("a good file");
    assert_eq!(config.services[0].upstream, None);
    assert_eq!(config.services[0].aliases.len(), 5);
    let text = "[[service]]\nname = \"a\"\nupstream = \"\"\naliases = [\"authelia\", \"authelia\", \"okta\"]\n";
    let faults = faults(text);
    for path in ["service[0].upstream:", "service[0].aliases[1]:", "service[0].aliases[2]:"] {
        assert!(faults.iter().any(|fault| fault.starts_with(path)), "{path} in {faults:#?}");
    }
}

#[test]
fn whoever_asks_about_requests_is_on_this_machine() {
    assert!(faults("[edge]\nauthz_grpc = \"0.0.0.0:8082\"\n").iter().any(|f| f.starts_with("edge.authz_grpc:")));
    assert!(faults("[edge]\nauthz_grpc = \"127.0.0.1:8081\"\n").iter().any(|f| f.starts_with("edge.authz_grpc:")));
    let off = Config::parse("[edge]\nauthz_grpc = \"\"\n").expect("a good file");
    assert_eq!(off.edge.authz_grpc, None);
}

#[test]
fn a_shared_tier_is_judged_whole() {
    let text = r#"
        [warm]
        kind = "redis"
        addresses = ["127.0.0.1:6379", "redis.example", "10.0.0.1:6379"]
        ca = "/ca.pem"
        user = "aldgate"
        prefix = "a{b}"
    "#;
    let found = faults(text);
    for path in ["warm.addresses[1]:", "warm.tls:", "warm.ca:", "warm.password_file:", "warm.prefix:"] {
        assert!(found.iter().any(|fault| fault.starts_with(path)), "{path} in {found:?}");
    }
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(faults("[warm]\nkind = \"redis\"\n").iter().any(|fault| fault.starts_with("warm.addresses:")));
    assert!(faults("[warm]\nkind = \"memcached\"\n").iter().any(|fault| fault.starts_with("warm.kind:")));
    assert!(faults("[warm]\ncluster = true\n").iter().any(|fault| fault.starts_with("warm.cluster:")));
    let good = Config::parse("[warm]\nkind = \"redis\"\naddresses = [\"[::1]:6379\"]\n").expect("a good file");
    assert_eq!(good.demo, None, "the demonstration service is of one process");
}

#[test]
fn whoever_carries_messages_is_judged_key_by_key() {
    let found = faults(
        r#"
        [messages]
        email = "smtp"
        text = "pigeon"
        [messages.smtp]
        host = "mail.example.org"
        security = "none"
        port = 70000
        user = "aldgate"
        from = "nobody"
        [messages.govuk_notify]
        api_key_file = "k"
        "#,
    );
    let expected = [
        "messages.text:",
        "messages.smtp.security:",
        "messages.smtp.port:",
        "messages.smtp.password_file:",
        "messages.smtp.from:",
        "messages.govuk_notify:",
    ];
    for path in expected {
        assert!(found.iter().any(|fault| fault.starts_with(path)), "{path} in {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    let found = faults("[messages]\ntext = \"govuk-notify\"\n[messages.govuk_notify]\nurl = \"http://n.example\"\n");
    for path in ["url", "text_template", "api_key_file"] {
        assert!(found.iter().any(|f| f.starts_with(&format!("messages.govuk_notify.{path}:"))), "{path}: {found:#?}");
    }
    let good = "[messages]\nemail = \"smtp\"\n[messages.smtp]\nhost = \"m.example\"\nfrom = \"a@b.example\"\n";
    assert!(Config::parse(good).is_ok());
}

#[test]
fn a_webhook_takes_text_messages_and_calls_over_tls_or_on_this_machine() {
    let with = |url: &str| {
        let webhook = format!("[messages.webhook]\nurl = \"{url}\"\nsecret_file = \"s\"\n");
        format!("[messages]\ntext = \"webhook\"\nvoice = \"webhook\"\n{webhook}")
    };
    for good in
        ["https://calls.example/a?b=c", "https://calls.example", "https://c.example:8443/", "http://localhost:9/x"]
    {
        let config = Config::parse(&with(good)).unwrap_or_else(|faults| panic!("{good}: {faults:?}"));
        let webhook = Webhook { url: good.to_owned(), secret_file: "s".into(), per_minute: 600 };
        assert_eq!(config.messages.voice, Carrier::Webhook(webhook));
    }
    for bad in
        ["http://calls.example/", "https://", "calls.example", "https://u:p@calls.example/", "https://c.example/a b"]
    {
        let found = faults(&with(bad));
        assert!(found.iter().any(|fault| fault.starts_with("messages.webhook.url:")), "{bad}: {found:#?}");
    }
    let found =
        faults("[messages]\nemail = \"webhook\"\nvoice = \"govuk-notify\"\n[messages.webhook]\nper_minute = 0\n");
    for path in ["messages.email:", "messages.voice:", "messages.webhook:"] {
        assert!(found.iter().any(|fault| fault.starts_with(path)), "{path} in {found:#?}");
    }
    let found = faults("[messages]\nvoice = \"webhook\"\n");
    for key in ["url", "secret_file"] {
        assert!(found.iter().any(|fault| fault.starts_with(&format!("messages.webhook.{key}:"))), "{key}: {found:#?}");
    }
}

#[test]
fn a_password_is_longer_where_it_alone_opens_what_is_for_verified_people() {
    let with = |demand: &str| {
        let service = "[[service]]\nname = \"s\"\nupstream = \"127.0.0.1:9000\"\n";
        let route = format!("[[route]]\npath = \"/s/\"\nservice = \"s\"\ndemand = {{ {demand} }}\n");
        Config::parse(&format!("{service}{route}")).expect("a configuration").password.alone_length
    };
    assert_eq!(Config::load(None).expect("the defaults").password.alone_length, 8);
    assert_eq!(with("authenticator = \"password\""), 8);
    assert_eq!(with("identity = \"P9\", authenticator = \"passkey\""), 8);
    assert_eq!(with("vectors = [\"P9.Cp.Cd\", \"P9.Cm\"]"), 8);
    assert_eq!(with("identity = \"P5\""), 15);
    assert_eq!(with("vectors = [\"P9.Cp\", \"P9.Cm\"], max_age = \"5m\""), 15);
    assert!(faults("[password]\nalone_length = 7\n").iter().any(|f| f.starts_with("password.alone_length:")));
    assert_eq!(Config::parse("[password]\nalone_length = 12\n").expect("a configuration").password.alone_length, 12);
}

#[test]
fn a_list_of_authenticators_needs_the_root_of_its_signer() {
    assert_eq!(Config::load(None).expect("the defaults").models, None);
    for key in ["metadata = \"/list\"", "metadata_root = \"/root\""] {
        let found = faults(&format!("[passkeys]\n{key}\n"));
        assert!(found.len() == 1 && found[0].starts_with("passkeys.metadata_root:"), "{found:?}");
    }
    let good = "[passkeys]\nmetadata = \"/list\"\nmetadata_root = \"/root\"\n";
    let models = Config::parse(good).expect("a good file").models.expect("a list");
    assert_eq!((models.list.to_str(), models.root.to_str()), (Some("/list"), Some("/root")));
}

#[test]
fn a_database_on_postgresql_is_judged_whole() {
    use aldgate_gateway::config::Store;
    let redis = "[warm]\nkind = \"redis\"\naddresses = [\"127.0.0.1:6379\"]\n";
    let text = "[store]\nurl = \"mysql://a@b/c\"\nconnections = 0\n";
    let found = faults(text);
    for path in ["store.url:", "store.connections:", "warm.kind:"] {
        assert!(found.iter().any(|fault| fault.starts_with(path)), "{path} in {found:?}");
    }
    assert_eq!(found.len(), 3, "{found:?}");
    for key in ["password_file = \"/p\"", "ca = \"/c\"", "connections = 4"] {
        let found = faults(&format!("[store]\n{key}\n"));
        assert!(found.len() == 1 && found[0].contains("needs store.url"), "{found:?}");
    }
    let good = Config::parse(&format!("{redis}[store]\nurl = \"postgres://a@b/c\"\n")).expect("a good file");
    assert!(matches!(good.store, Store::Postgres(postgres) if postgres.connections == 16));
    assert_eq!(Config::parse("").expect("a good file").store, Store::Embedded);
}
