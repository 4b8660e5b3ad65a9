//! A certification authority made for one test, and the certificates of its origins.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
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
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("the authority's certificate is one");
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
