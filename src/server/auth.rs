//! Who may ask: address ranges, bearer tokens, the protocol version. Pure: it sees texts and addresses, no sockets.

use super::http::Request;
use crate::config::IpRange;
use crate::secret::Secret;
use crate::wire::PROTOCOL;
use crate::wire::api::Code;
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::IpAddr;
use subtle::{Choice, ConstantTimeEq};

/// What every request but `health` has to pass.
#[derive(Debug)]
pub struct Access {
    tokens: Tokens,
    ranges: Vec<IpRange>,
}

/// Why a request was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// For programs, and for the status.
    pub code: Code,
    /// For the caller; says nothing about tokens that would be accepted.
    pub message: &'static str,
}

impl Access {
    /// Accepts requests that carry one of `tokens` from an address in one of `ranges`; no ranges means any address.
    #[must_use]
    pub fn new(tokens: &[Secret], ranges: Vec<IpRange>) -> Self {
        Self { tokens: Tokens::new(tokens), ranges }
    }

    /// Checks address, token and protocol version, in this order: who may not ask learns nothing else.
    ///
    /// # Errors
    /// [`Denied`] with `address_denied`, `unauthorized` or `protocol_mismatch`.
    pub fn check(&self, request: &Request) -> Result<(), Denied> {
        self.check_address(request.peer)?;
        if !self.tokens.accepts(request.authorization.as_ref().map(Secret::expose)) {
            return Err(Denied { code: Code::Unauthorized, message: "the token is missing or wrong" });
        }
        check_protocol(request.protocol.as_deref())
    }

    /// Checks the address only (all that `health` needs).
    ///
    /// # Errors
    /// [`Denied`] with `address_denied`.
    pub fn check_address(&self, peer: IpAddr) -> Result<(), Denied> {
        if self.ranges.is_empty() || self.ranges.iter().any(|range| range.contains(peer)) {
            return Ok(());
        }
        Err(Denied { code: Code::AddressDenied, message: "requests from this address are not accepted" })
    }
}

/// A missing header means version 1.
fn check_protocol(header: Option<&str>) -> Result<(), Denied> {
    match header.map_or(Ok(1), str::parse::<u32>) {
        Ok(PROTOCOL) => Ok(()),
        _ => Err(Denied { code: Code::ProtocolMismatch, message: "this server speaks protocol version 1" }),
    }
}

/// The accepted tokens, kept as digests only.
struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    fn new(tokens: &[Secret]) -> Self {
        let usable = tokens.iter().filter(|token| !token.is_empty());
        Self(usable.map(|token| digest(token.expose())).collect())
    }

    /// Whether an `Authorization` header carries an accepted token. Compares digests, all of them, in constant
    /// time: neither the length of a token nor which one nearly matched can be measured.
    fn accepts(&self, authorization: Option<&str>) -> bool {
        let Some(token) = authorization.and_then(bearer) else { return false };
        let given = digest(token);
        let found =
            self.0.iter().fold(Choice::from(0), |found, known| found | known.as_slice().ct_eq(&given));
        found.into()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn request(authorization: Option<&str>, protocol: Option<&str>, peer: &str) -> Request {
        Request {
            method: "GET".into(),
            path: vec!["manifest".into()],
            query: vec![("token".into(), TOKEN.into()), ("access_token".into(), TOKEN.into())],
            authorization: authorization.map(Secret::new),
            protocol: protocol.map(str::to_owned),
            body: Vec::new(),
            peer: peer.parse().unwrap(),
            request_id: "0000abcd".into(),
        }
    }

    fn access(ranges: &[&str]) -> Access {
        let tokens = [Secret::new("another-token"), Secret::new(TOKEN), Secret::new("")];
        Access::new(&tokens, ranges.iter().map(|text| IpRange::parse(text).unwrap()).collect())
    }

    fn code(
        access: &Access,
        authorization: Option<&str>,
        protocol: Option<&str>,
        peer: &str,
    ) -> Option<Code> {
        access.check(&request(authorization, protocol, peer)).err().map(|denied| denied.code)
    }

    #[test]
    fn any_of_the_tokens_opens_and_nothing_else() {
        let access = access(&[]);
        let good = format!("Bearer {TOKEN}");
        for header in [good.as_str(), &format!("bearer  {TOKEN} "), "Bearer another-token"] {
            assert_eq!(code(&access, Some(header), None, "127.0.0.1"), None, "{header}");
        }
        let bad = ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", TOKEN, &good[..good.len() - 1]];
        for header in bad {
            assert_eq!(code(&access, Some(header), None, "127.0.0.1"), Some(Code::Unauthorized), "{header}");
        }
        let doubled = format!("{good}, {good}");
        assert_eq!(code(&access, Some(&doubled), None, "127.0.0.1"), Some(Code::Unauthorized));
    }

    #[test]
    fn a_token_in_the_query_opens_nothing() {
        assert_eq!(code(&access(&[]), None, None, "127.0.0.1"), Some(Code::Unauthorized));
    }

    #[test]
    fn without_tokens_nobody_gets_in() {
        let closed = Access::new(&[Secret::new("")], Vec::new());
        assert_eq!(code(&closed, Some("Bearer "), None, "127.0.0.1"), Some(Code::Unauthorized));
        assert_eq!(code(&closed, Some("Bearer x"), None, "127.0.0.1"), Some(Code::Unauthorized));
    }

    #[test]
    fn only_protocol_one_or_none_is_spoken() {
        let good = format!("Bearer {TOKEN}");
        for (protocol, expected) in [
            (None, None),
            (Some("1"), None),
            (Some("2"), Some(Code::ProtocolMismatch)),
            (Some(""), Some(Code::ProtocolMismatch)),
            (Some("one"), Some(Code::ProtocolMismatch)),
        ] {
            assert_eq!(code(&access(&[]), Some(&good), protocol, "127.0.0.1"), expected, "{protocol:?}");
        }
        assert_eq!(code(&access(&[]), None, Some("2"), "127.0.0.1"), Some(Code::Unauthorized));
    }

    #[test]
    fn addresses_outside_the_ranges_are_denied_before_the_token_is_looked_at() {
        let access = access(&["10.0.0.0/8", "2001:db8::/32"]);
        assert_eq!(code(&access, None, None, "192.0.2.1"), Some(Code::AddressDenied));
        assert_eq!(code(&access, None, None, "::ffff:10.1.2.3"), Some(Code::Unauthorized));
        assert_eq!(code(&access, None, None, "2001:db8:1::1"), Some(Code::Unauthorized));
        assert!(access.check_address("2001:db9::1".parse().unwrap()).is_err());
    }

    #[test]
    fn debug_shows_no_digest() {
        assert_eq!(format!("{:?}", access(&[])), "Access { tokens: 2 tokens, ranges: [] }");
    }
}
