//! Addresses as users and attackers write them.

use expect_test::expect;

use super::*;

fn endpoint(base_url: &str) -> Endpoint {
    toml::from_str(&format!("baseUrl = {base_url:?}")).unwrap()
}

#[test]
fn a03_origins_of_addresses() {
    let addresses = [
        "https://api.example.com/v1",
        "https://API.Example.com.:443",
        "http://127.0.0.1:4000",
        "http://localhost:11434/v1/",
        "http://[::1]:80/v1",
        "https://api.example.com:8443/v1",
        "http://api.example.com/v1",
        "https://good.example@evil.example/v1",
        "https://user:secret@good.example",
        "https://аpi.example.com/v1",
        "https://bücher.example/base?x=1#y",
        "https://127.0.0.1.evil.example",
        "http://127.1",
        "http://0x7f000001/",
        "http://0.0.0.0:1",
        "http://localhost.evil.example",
        "ftp://files.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "",
    ];
    let said: Vec<String> = addresses
        .iter()
        .map(|address| match endpoint(address).target() {
            Ok(Target { url, origin }) => format!("{address} -> {origin} | {url}\n"),
            Err(failure) => format!("{address} -> {:?}\n", failure.kind),
        })
        .collect();
    expect![[r#"
        https://api.example.com/v1 -> https://api.example.com | https://api.example.com/v1/chat/completions
        https://API.Example.com.:443 -> https://api.example.com | https://api.example.com/v1/chat/completions
        http://127.0.0.1:4000 -> http://127.0.0.1:4000 | http://127.0.0.1:4000/v1/chat/completions
        http://localhost:11434/v1/ -> http://localhost:11434 | http://localhost:11434/v1/chat/completions
        http://[::1]:80/v1 -> http://[::1] | http://[::1]/v1/chat/completions
        https://api.example.com:8443/v1 -> https://api.example.com:8443 | https://api.example.com:8443/v1/chat/completions
        http://api.example.com/v1 -> Refused(PlainHttp)
        https://good.example@evil.example/v1 -> Refused(Address)
        https://user:secret@good.example -> Refused(Address)
        https://аpi.example.com/v1 -> https://xn--pi-6kc.example.com | https://xn--pi-6kc.example.com/v1/chat/completions
        https://bücher.example/base?x=1#y -> https://xn--bcher-kva.example | https://xn--bcher-kva.example/base/chat/completions?x=1
        https://127.0.0.1.evil.example -> https://127.0.0.1.evil.example | https://127.0.0.1.evil.example/v1/chat/completions
        http://127.1 -> http://127.0.0.1 | http://127.0.0.1/v1/chat/completions
        http://0x7f000001/ -> http://127.0.0.1 | http://127.0.0.1/v1/chat/completions
        http://0.0.0.0:1 -> Refused(PlainHttp)
        http://localhost.evil.example -> Refused(PlainHttp)
        ftp://files.example -> Refused(Address)
        file:///etc/passwd -> Refused(Address)
        javascript:alert(1) -> Refused(Address)
        https:// -> Refused(Address)
         -> Refused(Address)
    "#]].assert_eq(&said.concat());
}

#[test]
fn a_file_names_endpoints() {
    let endpoint: Endpoint = toml::from_str(
        r#"
        name = "work"
        wire = "anthropic"
        baseUrl = "https://llm.corp.example"
        class = "in-house"
        key = "env:WORK_KEY"
        models = [{ name = "m", tier = "small", price = { input = 0.15, output = 0.6 } }]
        "#,
    )
    .unwrap();
    assert_eq!(
        (endpoint.wire, endpoint.class),
        (Wire::Anthropic, Reach::InHouse)
    );
    assert_eq!(endpoint.key, KeySource::Environment("WORK_KEY".to_owned()));
    assert_eq!(
        endpoint.model("m").map(|m| (m.tier, m.window)),
        Some((Tier::Small, 32_768))
    );
    for wrong in [
        "baseUrl = 1",
        "baseUrl = 'x'\nbaseURL = 'y'",
        "baseUrl = 'x'\nclass = 'secret'",
    ] {
        assert!(toml::from_str::<Endpoint>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn money_is_exact_in_nano_dollars() {
    let price = |written: &str| {
        let model = format!("name = 'm'\nprice = {{ {written} }}");
        toml::from_str::<Model>(&model).map(|model| model.price.unwrap())
    };
    let cheap = price("input = 0.15, output = 0.6").unwrap();
    assert_eq!(cheap.of(10, 0, 20), NanoUsd(13_500), "13.5 micro-USD");
    let dear = price("input = 3.0, cached = 0.3, output = 15.0").unwrap();
    assert_eq!(dear.of(1_000_000, 0, 0), NanoUsd(3_000_000_000));
    assert_eq!(
        dear.of(1_000, 400, 10),
        NanoUsd(600 * 3_000 + 400 * 300 + 10 * 15_000)
    );
    assert_eq!(
        dear.of(5, 100, 0),
        NanoUsd(5 * 300),
        "more cached than read"
    );
    assert_eq!(dear.of(u64::MAX, 0, u64::MAX), NanoUsd(u64::MAX));
    assert!(price("input = -1.0, output = 1.0").is_err());
    assert!(price("input = nan, output = 1.0").is_err());
    assert!(toml::from_str::<Model>("name = 'm'\ntier = 'huge'").is_err());
}
