//! TLS, with both versions of HTTP.

use std::sync::Arc;
use std::time::Duration;

use composer_tests::{limited, run};
use rcgen::generate_simple_self_signed;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wasm_runtime_composer_serve::rustls::crypto::ring::default_provider;
use wasm_runtime_composer_serve::rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName,
};
use wasm_runtime_composer_serve::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::site::{Client, Site, chain, request, rest};

/// A server's configuration, and the certificate that its clients trust.
fn identity() -> (Arc<ServerConfig>, CertificateDer<'static>) {
    let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    (Arc::new(config), certificate)
}

async fn connect(
    site: &Site,
    trusted: &CertificateDer<'static>,
    protocols: &[&[u8]],
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    limited(connector.connect(name, site.connect().await)).await.unwrap()
}

#[test]
fn both_versions_are_spoken_as_clients_wish() {
    run(async || {
        let (config, certificate) = identity();
        for app in ["http-app", "http2-app"] {
            let composition = chain(&[app]).await;
            let site = Site::of(&composition, |server| server.tls(config.clone())).await;
            let stream = connect(&site, &certificate, &[b"h2", b"http/1.1"]).await;
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let mut client = Client::http2(stream).await;
            client.send(request("POST", "/echo", "h2")).await.unwrap().is(200, "h2");
            for protocols in [&[&b"http/1.1"[..]][..], &[]] {
                let stream = connect(&site, &certificate, protocols).await;
                assert_ne!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
                let mut client = Client::http1(stream).await;
                client.send(request("POST", "/echo?x", "h1")).await.unwrap().is(200, "h1");
            }
            site.end().await;
        }
    });
}

#[test]
fn handshake_that_does_not_come_ends_the_connection() {
    run(async || {
        let (config, _) = identity();
        let composition = chain(&["http-app"]).await;
        let set = |server: wasm_runtime_composer_serve::Server| {
            server.tls(config.clone()).head_timeout(Duration::from_millis(50))
        };
        let site = Site::of(&composition, set).await;
        let (told, _) = rest(&mut site.connect().await).await;
        assert_eq!(told, "");
        // Without TLS there is nothing to be had.
        let (told, _) = site.told("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert!(!told.contains("HTTP"), "{told}");
        site.end().await;
    });
}
