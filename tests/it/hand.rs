//! A client that holds a key of its own and signs with it: assertions and proofs, good and bent.

use std::sync::atomic::{AtomicU64, Ordering};

use mintage::keyring::{Algorithm, SigningKey};
use mintage::token::{b64, jwt};
use reqwest::Method;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::app::{ISSUER, TestApp};

/// `client_assertion_type` of RFC 7523 §2.2.
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A key in somebody's hand.
pub(crate) struct Hand(SigningKey);

impl Hand {
    /// A key of this algorithm; the same seed gives the same Ed25519 key.
    pub(crate) fn new(algorithm: Algorithm, seed: u8) -> Self {
        Self(SigningKey::generate(algorithm, &mut |bytes| bytes.fill(seed)).expect("a key"))
    }

    /// The public key.
    pub(crate) fn jwk(&self) -> Value {
        self.0.verifying().to_jwk()
    }

    /// The set that a client registers.
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// The algorithm as a header names it.
    pub(crate) fn alg(&self) -> &'static str {
        self.0.verifying().algorithm().name()
    }

    /// A JWT of this header and these claims, correctly signed.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!("{}.{}", b64::encode(header.to_string()), b64::encode(claims.to_string()));
        let signature = self.0.sign(input.as_bytes()).expect("it signs");
        jwt::finish(input, &signature)
    }

    /// A good assertion of this client, made now.
    pub(crate) fn assertion(&self, app: &TestApp, client: &str, jti: &str) -> String {
        self.bent_assertion(app, client, jti, |_, _| ())
    }

    /// The same, changed in header or claims before it is signed.
    pub(crate) fn bent_assertion(&self, app: &TestApp, client: &str, jti: &str, bend: impl FnOnce(&mut Value, &mut Value)) -> String {
        let mut header = json!({ "typ": "client-authentication+jwt", "alg": self.alg() });
        let now = app.now();
        let mut claims = json!({ "iss": client, "sub": client, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": jti });
        bend(&mut header, &mut claims);
        self.sign(&header, &claims)
    }

    /// The thumbprint that tokens are bound to.
    pub(crate) fn jkt(&self) -> String {
        self.0.verifying().thumbprint()
    }

    /// A good proof for this request, made now; over `access_token` where one goes along.
    pub(crate) fn proof(&self, app: &TestApp, method: &Method, path: &str, nonce: Option<&str>, access_token: Option<&str>) -> String {
        self.bent_proof(app, method, path, nonce, access_token, |_, _| ())
    }

    /// The same, changed in header or claims before it is signed.
    pub(crate) fn bent_proof(
        &self,
        app: &TestApp,
        method: &Method,
        path: &str,
        nonce: Option<&str>,
        access_token: Option<&str>,
        bend: impl FnOnce(&mut Value, &mut Value),
    ) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let jti = format!("proof-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut header = json!({ "typ": "dpop+jwt", "alg": self.alg(), "jwk": self.jwk() });
        let mut claims = json!({ "jti": jti, "htm": method.as_str(), "htu": format!("{ISSUER}{path}"), "iat": app.now() });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        if let Some(token) = access_token {
            claims["ath"] = json!(b64::encode(digest(&SHA256, token.as_bytes())));
        }
        bend(&mut header, &mut claims);
        self.sign(&header, &claims)
    }
}
