//! HTTPS: reads the server's certificate and key.

use crate::error::{Error, Result};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

/// Reads a PEM certificate chain (the server's first) and its PEM key.
///
/// # Errors
/// `Kind::Config` when a file cannot be read, holds nothing of its kind, or the two do not belong together.
pub fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let read = |what: &str, path: &Path, error: pem::Error| {
        Error::config(format!("reading the {what} from `{}`", path.display()))
            .hint("`tls_cert` and `tls_key` name PEM files that the server may read")
            .source(error)
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| read("certificate", certificate, error))?;
    if chain.is_empty() {
        return Err(read("certificate", certificate, pem::Error::NoItemsFound));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| read("key", key, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| {
            Error::config("using the certificate and key of the server")
                .hint("check that `tls_key` is the key of the first certificate in `tls_cert`")
                .source(error)
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
