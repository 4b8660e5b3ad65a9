//! A certification authority made for one test, and the certificates of its origins.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData,
};
use rustls::client::{EchGreaseConfig, EchMode};
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::crypto::hpke::Hpke;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A certification authority nobody else trusts.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Default for Authority {
    fn default() -> Self {
        Authority::new()
    }
}

impl Authority {
    /// A new one, with a key of its own.
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, "Octroi test authority");
        let key = KeyPair::generate().expect("a key can be generated");
        Authority { issuer: CertifiedIssuer::self_signed(params, key).expect("an authority can sign itself") }
    }

    /// The authority's certificate, as `curl --cacert` takes it.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// What Chromium's `--ignore-certificate-errors-spki-list` takes to accept what this authority signed.
    pub fn fingerprint(&self) -> String {
        STANDARD.encode(Sha256::digest(self.issuer.key().subject_public_key_info()))
    }

    /// What a server needs to show a certificate for these names.
    pub fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        let (certificate, key) = self.certify(names);
        let chain = vec![certificate.der().clone(), self.issuer.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("the key is the certificate's");
        Arc::new(config)
    }

    /// The same for servers that read files: certificate and key, each as PEM.
    pub fn files(&self, names: &[&str]) -> (String, String) {
        let (certificate, key) = self.certify(names);
        (certificate.pem(), key.serialize_pem())
    }

    fn certify(&self, names: &[&str]) -> (Certificate, KeyPair) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("a key can be generated");
        let params = CertificateParams::new(names).expect("the names of a test are valid");
        (params.signed_by(&key, &self.issuer).expect("the authority can sign"), key)
    }

    /// What a client needs to trust this authority alone.
    pub fn client(&self) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        self.believed(builder.expect("the provider has the default versions"))
    }

    /// The same; its ClientHello has no name.
    pub fn nameless(&self) -> Arc<ClientConfig> {
        let mut config = ClientConfig::clone(&self.client());
        config.enable_sni = false;
        Arc::new(config)
    }

    /// The same; its ClientHello has a key share that resists quantum computers, and the size that goes with it.
    pub fn post_quantum(&self) -> Arc<ClientConfig> {
        self.sharing(&[kx_group::X25519MLKEM768, kx_group::X25519])
    }

    /// The same; its first ClientHello has a key share that no server of ours takes, so that it is asked for a second one.
    pub fn retried(&self) -> Arc<ClientConfig> {
        self.sharing(&[kx_group::MLKEM768, kx_group::X25519])
    }

    fn sharing(&self, groups: &[&'static dyn SupportedKxGroup]) -> Arc<ClientConfig> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.kx_groups = groups.to_vec();
        let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[&TLS13]);
        self.believed(builder.expect("the provider has TLS 1.3"))
    }

    /// The same; its ClientHello carries what nobody can tell from another one, encrypted (RFC 9849 §6.2).
    pub fn encrypted(&self) -> Arc<ClientConfig> {
        let suite = DH_KEM_X25519_HKDF_SHA256_AES_128;
        let (key, _) = suite.generate_key_pair().expect("a key can be generated");
        let mode = EchMode::Grease(EchGreaseConfig::new(suite, key));
        let builder = ClientConfig::builder_with_provider(provider()).with_ech(mode);
        self.believed(builder.expect("the provider has TLS 1.3"))
    }

    fn believed(&self, builder: ConfigBuilder<ClientConfig, WantsVerifier>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("the authority's certificate is one");
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
