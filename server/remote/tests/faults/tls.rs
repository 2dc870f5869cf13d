//! A20: whom the client believes. Certificates are made anew for each test.

use std::path::Path;
use std::sync::Arc;

use foretoken_remote::failure::Kind;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::faultd::*;
use crate::run::*;

/// An authority of our own, as a company has one.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Authority {
        certificate,
        issuer: Issuer::new(params, key),
    }
}

impl Authority {
    fn write(&self, folder: &Path) -> String {
        let file = folder.join("authority.pem");
        std::fs::write(&file, self.certificate.pem()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn server(&self, change: impl FnOnce(&mut CertificateParams)) -> rustls::ServerConfig {
        let mut params =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        config(&certificate, &key)
    }
}

fn config(certificate: &Certificate, key: &KeyPair) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}

/// One line of what comes of asking `host` at the server, and that nothing was sent when it is refused.
async fn check(config: rustls::ServerConfig, host: &str, more: &str, expected: Result<&str, Kind>) {
    let server = Faultd::start_tls(vec![streamed(&openai(&["safe"]))], config).await;
    let url = format!("https://{host}:{}/v1", server.address().port());
    let told = ask(
        &remote(),
        question(vec![candidate(endpoint("a", &url, more))]),
    )
    .await;
    match expected {
        Ok(text) => assert_eq!(told.line(), format!("Finished | {text}")),
        Err(kind) => {
            let failure = told.done.tries[0].failure.clone().unwrap();
            assert_eq!(failure.kind, kind, "{}", failure.said);
            assert!(!failure.said.is_empty(), "the cause is told");
            assert_eq!(server.requests().len(), 0, "nothing was sent");
        }
    }
}

#[tokio::test]
async fn a20_self_signed_is_refused() {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    check(config(&certificate, &key), "localhost", "", Err(Kind::Tls)).await;
}

#[tokio::test]
async fn a20_an_authority_that_the_user_pinned_works() {
    let home = tempfile::tempdir().unwrap();
    let authority = authority();
    let pin = format!("caFile = {:?}", authority.write(home.path()));
    check(authority.server(|_| {}), "localhost", &pin, Ok("safe")).await;
    check(authority.server(|_| {}), "127.0.0.1", &pin, Ok("safe")).await;
    // The trailing dot is no other name.
    check(authority.server(|_| {}), "LOCALHOST.", &pin, Ok("safe")).await;
}

#[tokio::test]
async fn a20_expired_and_not_yet_valid_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let authority = authority();
    let pin = format!("caFile = {:?}", authority.write(home.path()));
    let expired = authority.server(|p| {
        p.not_before = date_time_ymd(2001, 1, 1);
        p.not_after = date_time_ymd(2002, 1, 1);
    });
    check(expired, "localhost", &pin, Err(Kind::Tls)).await;
    let early = authority.server(|p| {
        p.not_before = date_time_ymd(2190, 1, 1);
        p.not_after = date_time_ymd(2191, 1, 1);
    });
    check(early, "localhost", &pin, Err(Kind::Tls)).await;
}

#[tokio::test]
async fn a20_a_wrong_name_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let authority = authority();
    let pin = format!("caFile = {:?}", authority.write(home.path()));
    let other = authority
        .server(|p| *p = CertificateParams::new(vec!["other.example".to_owned()]).unwrap());
    check(other, "localhost", &pin, Err(Kind::Tls)).await;
}

#[tokio::test]
async fn a20_a_pinned_authority_replaces_the_others() {
    let home = tempfile::tempdir().unwrap();
    let pin = format!("caFile = {:?}", authority().write(home.path()));
    check(
        authority().server(|_| {}),
        "localhost",
        &pin,
        Err(Kind::Tls),
    )
    .await;
    let empty = home.path().join("empty.pem");
    std::fs::write(&empty, "no certificate here").unwrap();
    check(
        authority().server(|_| {}),
        "localhost",
        &format!("caFile = {empty:?}"),
        Err(Kind::Tls),
    )
    .await;
    check(
        authority().server(|_| {}),
        "localhost",
        "caFile = '/nonexistent.pem'",
        Err(Kind::Tls),
    )
    .await;
}

/// A server that speaks TLS 1.1 and nothing newer: the head of its hello, by hand (RFC 4346, section 7.4.1.3).
#[tokio::test]
async fn a20_tls_1_1_is_refused() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 4_096];
        let _ = stream.read(&mut hello).await;
        let body = [&[3, 2][..], &[7; 32], &[0], &[0xC0, 0x13], &[0]].concat();
        let handshake = [&[2, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat();
        let record = [
            &[22, 3, 2, 0, u8::try_from(handshake.len()).unwrap()][..],
            &handshake,
        ]
        .concat();
        stream.write_all(&record).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    });
    let url = format!("https://127.0.0.1:{port}/v1");
    let told = ask(
        &remote(),
        question(vec![candidate(endpoint("a", &url, ""))]),
    )
    .await;
    assert_eq!(told.line(), "Failed(Tls) | ");
    server.await.unwrap();
}

#[tokio::test]
async fn a20_http_where_tls_is_expected_and_the_other_way_round() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/v1", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let page = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, page)
            .await
            .unwrap();
    });
    let told = ask(
        &remote(),
        question(vec![candidate(endpoint("a", &url, ""))]),
    )
    .await;
    assert_eq!(told.line(), "Failed(Tls) | ");
    server.await.unwrap();
    let tls = Faultd::start_tls(
        vec![streamed(&openai(&["safe"]))],
        authority().server(|_| {}),
    )
    .await;
    assert!(ask_one(&tls, "").await.line().starts_with("Failed("));
    assert_eq!(tls.requests().len(), 0);
}

/// The platform verifier reads the system's store once, so this runs in a process of its own whose store holds
/// the company's authority.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a20_a_corporate_authority_in_the_systems_store_works() {
    const CHILD: &str = "FORETOKEN_TEST_SYSTEM_STORE";
    if let Ok(url) = std::env::var(CHILD) {
        let told = ask(
            &remote(),
            question(vec![candidate(endpoint("a", &url, ""))]),
        )
        .await;
        assert_eq!(told.line(), "Finished | safe");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let authority = authority();
    let store = authority.write(home.path());
    let server =
        Faultd::start_tls(vec![streamed(&openai(&["safe"]))], authority.server(|_| {})).await;
    let url = format!("https://localhost:{}/v1", server.address().port());
    #[expect(
        clippy::disallowed_methods,
        reason = "the test runs itself again, with another environment"
    )]
    let run = || std::process::Command::new(std::env::current_exe().unwrap());
    let status = tokio::task::spawn_blocking(move || {
        run()
            .args([
                "--exact",
                "tls::a20_a_corporate_authority_in_the_systems_store_works",
            ])
            .env(CHILD, url)
            .env("SSL_CERT_FILE", store)
            .output()
    });
    let output = status.await.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!(server.requests().len(), 1);
}
