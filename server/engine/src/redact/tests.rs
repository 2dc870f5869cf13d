//! Texts in, what is found out. Keys are drawn at run time from templates, so that no file holds one: `{hex:32}` is 32
//! random hexadecimal digits.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// A deterministic stream of numbers (splitmix64, Steele et al. 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Fills a template.
fn drawn(template: &str, seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (blank, behind) = after.split_once('}').unwrap();
        let (alphabet, count) = blank.split_once(':').unwrap();
        let alphabet: Vec<char> = match alphabet {
            "hex" => "0123456789abcdef".chars().collect(),
            "dec" => "0123456789".chars().collect(),
            "b32" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".chars().collect(),
            "bech" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".chars().collect(),
            "an" => ('0'..='9').chain('a'..='z').chain('A'..='Z').collect(),
            "up" => ('0'..='9').chain('A'..='Z').collect(),
            "url" => ('0'..='9')
                .chain('a'..='z')
                .chain('A'..='Z')
                .chain(['_', '-'])
                .collect(),
            "b64" => ('0'..='9')
                .chain('a'..='z')
                .chain('A'..='Z')
                .chain(['+', '/'])
                .collect(),
            other => panic!("no alphabet {other}"),
        };
        for _ in 0..count.parse::<usize>().unwrap() {
            text.push(alphabet[random.next() as usize % alphabet.len()]);
        }
        rest = behind;
    }
    text + rest
}

/// One line for each form of key.
const BAD: &[(&str, &str)] = &[
    ("AWS_KEY", "AKIA{b32:16}"),
    ("AWS_KEY", "ASIA{b32:16}"),
    ("AWS_SECRET", "aws_secret_access_key = {b64:40}"),
    ("AWS_SECRET", "\"awsSecretKey\": \"{b64:40}\""),
    ("GOOGLE_KEY", "AIza{url:35}"),
    ("GOOGLE_CLIENT", "GOCSPX-{url:28}"),
    ("GOOGLE_TOKEN", "ya29.{url:60}"),
    (
        "AZURE_STORAGE",
        "DefaultEndpointsProtocol=https;AccountKey={b64:86}==;",
    ),
    (
        "AZURE_SAS",
        "https://x.blob.core.windows.net/c?sv=1&sig={an:43}%3D",
    ),
    ("AZURE_CLIENT", "{an:3}8Q~{an:34}"),
    ("AZURE_DEVOPS", "{an:76}AZDO{an:4}"),
    ("DIGITALOCEAN", "dop_v1_{hex:64}"),
    ("HEROKU", "HRKU-{url:60}"),
    ("CLOUDFLARE", "v1.0-{hex:24}-{hex:146}"),
    ("FLY", "FlyV1 fm2_{b64:80}"),
    ("ALIBABA", "LTAI{an:20}"),
    ("GITHUB", "ghp_{an:36}"),
    ("GITHUB", "github_pat_{an:22}_{an:59}"),
    ("GITLAB", "glpat-{url:20}"),
    ("ATLASSIAN", "ATATT3{url:180}"),
    ("NPM", "npm_{an:36}"),
    ("PYPI", "pypi-AgE{url:100}"),
    ("RUST_REGISTRY", "cio{an:32}"),
    ("RUBYGEMS", "rubygems_{hex:48}"),
    ("DOCKER", "dckr_pat_{url:27}"),
    ("ANTHROPIC", "sk-ant-api03-{url:93}AA"),
    ("OPENAI", "sk-proj-{url:120}"),
    ("OPENAI", "sk-{an:20}T3BlbkFJ{an:20}"),
    ("OPENROUTER", "sk-or-v1-{hex:64}"),
    ("HUGGINGFACE", "hf_{an:34}"),
    ("GROQ", "gsk_{an:52}"),
    ("PERPLEXITY", "pplx-{an:48}"),
    ("XAI", "xai-{an:80}"),
    ("REPLICATE", "r8_{an:37}"),
    ("LITELLM", "sk-{url:22}"),
    ("SLACK", "xoxb-{dec:12}-{dec:12}-{an:24}"),
    ("SLACK", "xapp-1-{up:11}-{dec:13}-{hex:64}"),
    (
        "SLACK_HOOK",
        "https://hooks.slack.com/services/T{up:8}/B{up:8}/{an:24}",
    ),
    ("DISCORD", "discord M{url:25}.{url:6}.{url:38}"),
    (
        "DISCORD_HOOK",
        "https://discord.com/api/webhooks/{dec:18}/{url:68}",
    ),
    ("TELEGRAM", "{dec:9}:AA{url:33}"),
    ("STRIPE", "sk_live_{an:24}"),
    ("STRIPE", "whsec_{b64:32}"),
    ("SQUARE", "sq0csp-{url:43}"),
    ("SHOPIFY", "shpat_{hex:32}"),
    ("SENDGRID", "SG.{url:22}.{url:43}"),
    ("TWILIO", "SK{hex:32}"),
    ("MAILGUN", "key-{hex:32}"),
    ("MAILCHIMP", "{hex:32}-us12"),
    ("FACEBOOK", "EAA{an:120}"),
    ("DATABRICKS", "dapi{hex:32}"),
    ("NEWRELIC", "NRAK-{up:27}"),
    ("SENTRY", "sntryu_{hex:64}"),
    ("GRAFANA", "glsa_{an:32}_{hex:8}"),
    ("VAULT", "hvs.{url:90}"),
    ("TERRAFORM", "{an:14}.atlasv1.{url:67}"),
    ("POSTMAN", "PMAK-{hex:24}-{hex:34}"),
    ("LINEAR", "lin_api_{an:40}"),
    ("NOTION", "ntn_{an:46}"),
    ("DOPPLER", "dp.pt.{an:43}"),
    ("DROPBOX", "sl.{url:130}"),
    ("PLANETSCALE", "pscale_tkn_{url:43}"),
    ("SUPABASE", "sbp_{hex:40}"),
    ("JWT", "eyJ{url:20}.eyJ{url:40}.{url:43}"),
    ("BEARER", "curl -H 'Authorization: Bearer {an:40}'"),
    ("BASIC_AUTH", "Authorization: Basic {b64:24}=="),
    (
        "URL_PASSWORD",
        "postgres://app:{an:12}@db.internal:5432/app",
    ),
    ("PRIVATE_KEY", "AGE-SECRET-KEY-1{bech:58}"),
    (
        "PRIVATE_KEY",
        "-----BEGIN RSA PRIVATE KEY-----\n{b64:64}\n{b64:64}\n{b64:20}==\n-----END RSA PRIVATE KEY-----",
    ),
    (
        "PRIVATE_KEY",
        "-----BEGIN PRIVATE KEY-----\\n{b64:64}\\n-----END PRIVATE KEY-----\\n",
    ),
    (
        "PRIVATE_KEY",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{b64:70}\n{b64:70}\n",
    ),
    (
        "PRIVATE_KEY",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{b64:64}\n={b64:4}\n-----END PGP PRIVATE KEY BLOCK-----",
    ),
    (
        "PRIVATE_KEY",
        "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{b64:48}\nPrivate-MAC: {hex:64}",
    ),
    ("ASSIGNED", "DB_PASSWORD=\"tr0ub4dor-{an:6}\""),
    ("ASSIGNED", "const apiKey: &str = \"{an:32}\";"),
    ("ASSIGNED", "  \"client_secret\": \"{an:40}\","),
    ("ASSIGNED", "session_token := '{hex:40}'"),
    ("ASSIGNED", "MY_SERVICE_TOKEN={an:32}\n"),
    ("ASSIGNED", "secret_key: {hex:48} # rotate"),
];

/// What must be left alone, though it looks a little like a secret.
const GOOD: &[&str] = &[
    "let token = self.next_token()?;",
    "password: Option<String>,",
    "pub fn password_hash(secret: &[u8]) -> String {",
    "const TOKEN_PREFIX: &str = \"ghp_\";",
    "next_token = \"DistributionList.NextMarker\"",
    "SecretPolicy: 'arn:aws:iam::aws:policy/SecretsManagerReadWrite2'",
    "token_type = \"application/x-www-form-urlencoded\"",
    "api_key = os.environ[\"OPENAI_API_KEY\"]",
    "apiKey: process.env.API_KEY_2_PRODUCTION,",
    "password = \"${DB_PASSWORD_2}\"",
    "secret: \"your-secret-key-1\"",
    "SECRET_KEY = 'changeme12345678'",
    "\"tokenizer_sha256\": \"0123456789abcdef0123456789abcdef\"",
    "tokens_per_second: 120_000_000_000_000,",
    "\"access_token_url\": \"https://login.example.com/oauth2/v2.0/token\"",
    "let secret_name = \"projects-1/secrets/app-2\";",
    "https://user@host/path and http://localhost:8080/a@b",
    "postgres://app:${PASSWORD}@db/app",
    "redis://:password@localhost:6379",
    "use sk-learn or risk-proj; SK is Slovakia; key-value; sig=1",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "commit 5a4d768c0ffee5a4d768c0ffee5a4d768c0ffee12",
    "d = \"M12.5 3.2c-1.1 0-2 .9-2 2v14.6\"",
    "-----BEGIN CERTIFICATE-----",
    "the marker -----BEGIN RSA PRIVATE KEY----- begins a key",
    "AKIAIOSFODNN7EXAMPLE",
    "Bearer <token>",
    "Authorization: Bearer $TOKEN",
    "FTSECRET_AWS_KEY_1_0a1b",
    "0x4000000000000002 4000000000000003 1234567812345678",
    "1609459200000 and 4111-1111-1111-1112",
    "git@github.com:owner/name.git and user@example.com",
    "@Override @dataclass a@b x@1.2.3 foo@bar",
    "GB00WEST12345698765432 is no account",
    "DE is a country and DE8937 a part",
];

fn redactor() -> Redactor {
    Redactor::new().unwrap()
}

fn render(text: &str, found: &[Finding]) -> String {
    let mut out = String::new();
    for finding in found {
        writeln!(
            out,
            "{}: {}",
            finding.secret.code(),
            &text[finding.span.clone()]
        )
        .unwrap();
    }
    out
}

#[test]
fn every_kind_is_found_whole() {
    let mut redactor = redactor();
    let mut kinds = std::collections::BTreeSet::new();
    for (seed, (code, template)) in BAD.iter().enumerate() {
        for round in 0..20 {
            let key = drawn(template, seed as u64 * 1_000 + round);
            let text = format!("// before\n{key}\n// after");
            let found = redactor.scan(&text, Scope::Everything).unwrap();
            let codes: Vec<&str> = found.iter().map(|f| f.secret.code()).collect();
            assert_eq!(codes, [*code], "{key}: {}", render(&text, &found));
        }
        kinds.insert(*code);
    }
    let known: std::collections::BTreeSet<&str> =
        rules::RULES.iter().map(|r| r.secret.code()).collect();
    assert_eq!(kinds, known, "every kind has a line in BAD");
    assert!(known.len() >= 40);
}

#[test]
fn what_is_no_secret_stays() {
    let mut redactor = redactor();
    let mut wrong = String::new();
    for text in GOOD {
        let found = redactor.scan(text, Scope::Everything).unwrap();
        wrong.push_str(&render(text, &found));
    }
    assert_eq!(wrong, "");
}

#[test]
fn every_pattern_compiles_and_few_are_compiled() {
    let mut all = redactor();
    for at in 0..rules::RULES.len() {
        assert!(
            all.pattern(at).is_ok(),
            "{}",
            rules::RULES[at].secret.code()
        );
    }
    let mut some = redactor();
    some.scan("let x = compute(1, 2);", Scope::Everything)
        .unwrap();
    assert_eq!(some.compiled.iter().flatten().count(), 0);
    some.scan("// npm_ is a prefix", Scope::Everything).unwrap();
    assert_eq!(some.compiled.iter().flatten().count(), 1);
}

#[test]
fn people_are_found_by_form_and_check_digits() {
    let check = |text: &str, expected: Expect| {
        let found = redactor().scan(text, Scope::Everything).unwrap();
        expected.assert_eq(&render(text, &found));
        assert_eq!(redactor().scan(text, Scope::Secrets).unwrap(), []);
    };
    let name = "ann.bee";
    check(
        &format!("mail {name}+x@corp.co.uk, or <{name}@corp.de>."),
        expect![[r#"
        EMAIL: ann.bee+x@corp.co.uk
        EMAIL: ann.bee@corp.de
    "#]],
    );
    // The examples of the registry and of the schemes.
    check(
        "pay GB82 WEST 1234 5698 7654 32 or DE89370400440532013000.",
        expect![[r#"
        IBAN: GB82 WEST 1234 5698 7654 32
        IBAN: DE89370400440532013000
    "#]],
    );
    check(
        "cards 4111 1111 1111 1111, 378282246310005, 5555-5555-5555-4444",
        expect![[r#"
        CARD: 4111 1111 1111 1111
        CARD: 378282246310005
        CARD: 5555-5555-5555-4444
    "#]],
    );
    check(
        "GB82 WEST 1234 5698 7654 33, 4111 1111 1111 1112, 4111 1111-1111 1111",
        expect![[""]],
    );
}

#[test]
fn placeholders_are_the_same_throughout_a_conversation() {
    let (mut redactor, mut vault) = (redactor(), Vault::new(0x0a1b));
    let one = drawn("ghp_{an:36}", 1);
    let two = drawn("ghp_{an:36}", 2);
    let first = redactor
        .redact(&format!("a = {one}\nb = {two}\nc = {one}\n"), &mut vault)
        .unwrap();
    expect![[r#"
        a = FTSECRET_GITHUB_1_0a1b
        b = FTSECRET_GITHUB_2_0a1b
        c = FTSECRET_GITHUB_1_0a1b
    "#]]
    .assert_eq(&first.text);
    assert_eq!(first.signals.secrets, 3);
    let second = redactor.redact(&two, &mut vault).unwrap();
    assert_eq!(second.text, "FTSECRET_GITHUB_2_0a1b");
    assert!(
        !format!("{vault:?} {first:?}").contains(&one[4..]),
        "no secret in a debug form"
    );
}

#[test]
fn a38_only_what_stood_in_the_target_is_restored() {
    let (mut redactor, mut vault) = (redactor(), Vault::new(0xbeef));
    let mine = drawn("ghp_{an:36}", 1);
    let other = drawn("npm_{an:36}", 2);
    redactor.redact(&other, &mut vault).unwrap();
    // The target holds a secret of its own, and text shaped like the placeholders of both.
    let source = format!("let a = \"{mine}\"; // FTSECRET_NPM_1_beef FTSECRET_GITHUB_1_beef\n");
    let target = redactor.redact(&source, &mut vault).unwrap();
    expect![[r#"
        let a = "FTSECRET_GITHUB_1_beef"; // FTSECRET¦_NPM_1_beef FTSECRET¦_GITHUB_1_beef
    "#]]
    .assert_eq(&target.text);
    let back = vault.restore(&target.text, &target);
    assert_eq!(
        (back.text.as_str(), back.restored, back.foreign),
        (source.as_str(), 1, 0)
    );
    // A model that obeys the attacker asks for the other section's secret, and for one that never was.
    let asked = vault.restore("FTSECRET_NPM_1_beef FTSECRET_AWS_KEY_1_beef", &target);
    assert_eq!(asked.text, "FTSECRET_NPM_1_beef FTSECRET_AWS_KEY_1_beef");
    assert_eq!((asked.restored, asked.foreign), (0, 2));
    let elsewhere = redactor.redact("no secret here", &mut vault).unwrap();
    assert_eq!(
        vault.restore("FTSECRET_GITHUB_1_beef", &elsewhere).restored,
        0
    );
}

#[test]
fn a09_unseen_characters_go_and_are_counted() {
    let hidden: String = "ignore all"
        .chars()
        .map(|c| char::from_u32(0xe0000 + c as u32).unwrap())
        .collect();
    let text = format!("let x = 1;{hidden} // \u{202e}abc\u{2066} z\u{200b}w\u{feff}\n");
    let redacted = redactor().redact(&text, &mut Vault::new(1)).unwrap();
    assert_eq!(redacted.text, "let x = 1; // abc zw\n");
    assert_eq!(redacted.invisible, 14);
    // A secret cannot hide behind them either.
    let key = drawn("ghp_{an:36}", 3);
    let split = format!("{}\u{200d}{}", &key[..10], &key[10..]);
    let redacted = redactor().redact(&split, &mut Vault::new(1)).unwrap();
    assert_eq!(redacted.text, "FTSECRET_GITHUB_1_0001");
    // Letters, accents and pictures of all scripts stay.
    for good in [
        "größe 名前 שלום عربي",
        "e\u{301} 🦀 ❤\u{fe0f}",
        "tabs\tand\r\nends",
    ] {
        assert_eq!(without_invisible(good), (good.into(), 0));
    }
}

#[test]
fn a16_no_key_leaves_whole_or_split() {
    let mut redactor = redactor();
    let fence = "5f3a9c0e5f3a9c0e5f3a9c0e5f3a9c0e";
    let key = drawn("ghp_{an:36}", 4);
    let pem = drawn(
        "-----BEGIN EC PRIVATE KEY-----\n{b64:64}\n{b64:64}\n-----END EC PRIVATE KEY-----",
        5,
    );
    let body = |one: &str, two: &str| {
        let text =
            format!("<<<{fence} id=S1\n{one}\n>>>{fence}\n<<<{fence} id=S2\n{two}\n>>>{fence}\n");
        serde_json::json!({ "model": "m", "messages": [{ "role": "user", "content": text }] })
            .to_string()
    };
    // In the buffer and in a neighbouring chunk, in the form in which it goes out.
    for secret in [&key, &pem] {
        assert_eq!(
            redactor.scan_body(&body(secret, "x"), fence).unwrap().len(),
            1,
            "{secret}"
        );
        assert_eq!(
            redactor.scan_body(&body("x", secret), fence).unwrap().len(),
            1,
            "{secret}"
        );
    }
    // Its halves in two sections: none of them is a secret alone.
    let (left, right) = key.split_at(20);
    for half in [left, right] {
        assert_eq!(redactor.scan(half, Scope::Everything).unwrap(), []);
    }
    let leaks = redactor.scan_body(&body(left, right), fence).unwrap();
    assert_eq!(leaks.len(), 1);
    assert_eq!(leaks[0].parts, [left, right]);
    assert!(!format!("{leaks:?}").contains(left));
    // Built anew with what was learnt, the body is clean.
    let mut vault = Vault::new(7);
    leaks[0].parts.iter().for_each(|part| vault.learn(part));
    let one = redactor.redact(left, &mut vault).unwrap();
    let two = redactor.redact(right, &mut vault).unwrap();
    assert_eq!(
        (one.text.as_str(), two.text.as_str()),
        ("FTSECRET_SPLIT_1_0007", "FTSECRET_SPLIT_2_0007")
    );
    assert_eq!(
        redactor
            .scan_body(&body(&one.text, &two.text), fence)
            .unwrap(),
        []
    );
    // Base64 is a documented limit: what it wraps is not seen.
    assert_eq!(
        redactor
            .scan_body(&body("Z2hwX2FiY2Q=", "x"), fence)
            .unwrap(),
        []
    );
}

#[test]
fn a17_secrets_in_an_answer_are_held_back() {
    let key = drawn("sk-ant-api03-{url:93}AA", 6);
    let answer = format!("Use `{key}` here.\n\n```sh\nexport K={key}\n```\n");
    let (shown, held) = redactor().hold_back(&answer).unwrap();
    expect![[r#"
        Use `(secret held back)` here.

        ```sh
        export K=(secret held back)
        ```
    "#]]
    .assert_eq(&shown);
    assert_eq!(held, 2);
    assert_eq!(redactor().hold_back(&shown).unwrap(), (shown, 0));
    let good = "Write to ann@corp.de, or read FTSECRET_GITHUB_1_0a1b.";
    assert_eq!(redactor().hold_back(good).unwrap(), (good.to_owned(), 0));
}

#[test]
fn a_store_of_secrets_stays_here() {
    let lines: String = (0..8).map(|n| drawn("K{dec:1}=ghp_{an:36}\n", n)).collect();
    let redacted = redactor().redact(&lines, &mut Vault::new(1)).unwrap();
    assert_eq!(
        redacted.signals.tighten(crate::privacy::Level::Public),
        crate::privacy::Level::Local
    );
    let key = drawn(
        "-----BEGIN PRIVATE KEY-----\n{b64:64}\n-----END PRIVATE KEY-----",
        1,
    );
    let redacted = redactor().redact(&key, &mut Vault::new(1)).unwrap();
    assert!(redacted.signals.private_key);
}

/// Texts made to be slow: a look at them ends, and none of them takes longer than its length deserves.
#[test]
fn a25_hostile_texts_are_looked_at_in_one_go() {
    let many = |part: &str| part.repeat(400_000 / part.len());
    let mut redactor = redactor();
    for text in [
        many("-----BEGIN RSA PRIVATE KEY-----"),
        many(&drawn("-----BEGIN PRIVATE KEY-----\n{b64:16}\n", 1)),
        many("PuTTY-User-Key-File-2: "),
        many("a@b.de "),
        many("eyJaaaaaaaaaaaaaa-"),
        many("password=\"a"),
        many("4111 1111 1111 1111 "),
        many("DE89370400440532013000 "),
        many("x://a:b"),
        (0..20_000).map(|n| format!("user{n}@corp.de ")).collect(),
    ] {
        let mut vault = Vault::new(1);
        let redacted = redactor.redact(&text, &mut vault).unwrap();
        let back = vault.restore(&redacted.text, &redacted).text;
        assert!(back == text, "lost something of {:?}", &text[..60]);
    }
}

/// A drawn text may look like a name in capitals and small letters, but not one in thousands.
#[test]
fn drawn_values_are_not_taken_for_names() {
    let mut redactor = redactor();
    let mut drawn = (0..5_000u64).map(|seed| {
        let seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!("MY_SERVICE_TOKEN={}\n", drawn("{an:32}", seed))
    });
    let missed: Vec<String> = drawn
        .by_ref()
        .filter(|text| redactor.scan(text, Scope::Everything).unwrap().is_empty())
        .collect();
    assert!(missed.len() <= 1, "{missed:?}");
    for name in [
        "AwsHTTPSessionTokenProviderFactory",
        "XmlHttpRequestAuthorizationHeader2",
    ] {
        let text = format!("default_token = \"{name}\"");
        assert_eq!(
            redactor.scan(&text, Scope::Everything).unwrap(),
            [],
            "{name}"
        );
    }
}

proptest! {
    /// Whatever stands around it, no byte of a known key is left, and the text comes back whole.
    #[test]
    fn no_key_is_left_and_nothing_else_is_lost(
        before in "[a-z =\n\"é😀]{0,30}[ \n\"]", after in "[ \n\";][a-z =\n\"é]{0,30}",
        which in 0usize..BAD.len(), seed: u64,
    ) {
        let key = drawn(BAD[which].1, seed);
        let text = format!("{before}{key}{after}");
        let mut vault = Vault::new(9);
        let redacted = redactor().redact(&text, &mut vault).unwrap();
        prop_assert!(redacted.text.contains(PLACEHOLDER), "{}", text);
        let back = vault.restore(&redacted.text, &redacted);
        prop_assert_eq!(back.text, text);
        prop_assert_eq!(back.foreign, 0);
    }

    /// No text makes it panic, and what comes out needs no second look.
    #[test]
    fn any_text(text in "\\PC{0,200}", fence in "[0-9a-f]{0,8}") {
        let mut redactor = redactor();
        let mut vault = Vault::new(9);
        let redacted = redactor.redact(&text, &mut vault).unwrap();
        let again = redactor.scan(&redacted.text, Scope::Everything).unwrap();
        prop_assert_eq!(again, []);
        redactor.scan_body(&text, &fence).unwrap();
    }
}
