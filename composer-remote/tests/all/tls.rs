//! wRPC with TLS: who is trusted, and that everything works as without.

use std::sync::Arc;

use composer_tests::{chain, limited, run};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use wasm_runtime_composer::ComponentStream;
use wasm_runtime_composer_remote::rustls::crypto::ring::default_provider;
use wasm_runtime_composer_remote::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName,
};
use wasm_runtime_composer_remote::rustls::server::WebPkiClientVerifier;
use wasm_runtime_composer_remote::rustls::{ClientConfig, RootCertStore, ServerConfig};
use wasm_runtime_composer_remote::{RemoteError, Wrpc, WrpcServer};

use tokio::io::AsyncReadExt;

use crate::peers::{PRODUCER, remote, serve};

const LOOPBACK: &str = "127.0.0.1:0";

/// Who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }

    fn identity(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        (vec![certificate.der().clone()], key.into())
    }

    /// A server of this name, which asks for callers' certificates of the same authority.
    fn server(&self, name: &str) -> WrpcServer {
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), provider.clone());
        let (chain, key) = self.identity(name);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        WrpcServer::tcp(LOOPBACK).with_tls(Arc::new(config))
    }

    /// A caller that trusts this authority's certificates, with one of its own or without.
    fn caller(&self, address: &str, identity: Option<Identity>) -> Wrpc {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots());
        let config = match identity {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).unwrap(),
            None => config.with_no_client_auth(),
        };
        let name = ServerName::try_from("server.test").unwrap();
        Wrpc::tcp(address).with_tls(Arc::new(config), name)
    }
}

async fn reversed(wrpc: Wrpc) -> Result<(), RemoteError> {
    let composition = remote("producer", wrpc).await;
    let reverse = composition.typed::<(Vec<u8>,), Vec<u8>>(Some(PRODUCER), "reverse").unwrap();
    // Small ones, and such that do not go into one record.
    for length in [0, 1, 100_000, 3_000_000] {
        let bytes: Vec<u8> = (0..=255).cycle().take(length).collect();
        let mut reversed = match limited(reverse.call((bytes.clone(),))).await {
            Ok(reversed) => reversed,
            Err(error) => {
                return Err(RemoteError::of(&error)
                    .unwrap_or_else(|| panic!("{}", chain(&error)))
                    .clone());
            }
        };
        reversed.reverse();
        assert!(reversed == bytes);
    }
    Ok(())
}

#[test]
fn calls_with_certificates_on_both_sides() {
    run(async || {
        let authority = Authority::new();
        let serving = serve("producer", authority.server("server.test")).await;
        let caller = authority.identity("caller.test");
        reversed(authority.caller(&serving.addresses()[0], Some(caller))).await.unwrap();
    });
}

#[test]
fn whoever_is_not_trusted_calls_nothing() {
    run(async || {
        let (authority, other) = (Authority::new(), Authority::new());
        let serving = serve("producer", authority.server("server.test")).await;
        let address = &serving.addresses()[0];
        // A caller without a certificate, one with somebody else's, and one without TLS.
        reversed(authority.caller(address, None)).await.unwrap_err();
        let stranger = other.identity("caller.test");
        reversed(authority.caller(address, Some(stranger))).await.unwrap_err();
        reversed(Wrpc::tcp(address)).await.unwrap_err();
        // A server that somebody else vouches for, one of another name, and one without TLS.
        let caller = || Some(authority.identity("caller.test"));
        for server in
            [other.server("server.test"), authority.server("other.test"), WrpcServer::tcp(LOOPBACK)]
        {
            let serving =
                serve("producer", server.with_read_limit(std::time::Duration::from_millis(300)))
                    .await;
            let error = reversed(authority.caller(&serving.addresses()[0], caller())).await;
            let error = error.unwrap_err();
            assert!(matches!(error, RemoteError::NobodyServes { .. }), "{error}");
        }
    });
}

#[test]
fn streams_flow_both_ways() {
    run(async || {
        let authority = Authority::new();
        let serving = serve("shouter", authority.server("server.test")).await;
        let caller = authority.identity("caller.test");
        let wrpc = authority.caller(&serving.addresses()[0], Some(caller));
        let composition = remote("shouter", wrpc).await;
        let apply = composition
            .typed::<(ComponentStream<u8>,), ComponentStream<u8>>(
                Some("composer:test/shout"),
                "apply",
            )
            .unwrap();
        let text = "hello\n".repeat(200_000);
        let input = ComponentStream::from_reader(std::io::Cursor::new(text.clone()));
        let mut output = limited(apply.call((input,))).await.unwrap();
        let mut read = String::new();
        limited(output.read_to_string(&mut read)).await.unwrap();
        assert!(read == text.to_uppercase());
    });
}
