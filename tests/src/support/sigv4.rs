//! AWS Signature Version 4 as a service checks it: computed anew from the secret, with nothing of the code under test.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// What everybody who checks knows.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) access_key: String,
    pub(crate) secret: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

/// A request as it was signed.
#[derive(Clone, Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// Names and values, decoded, without the signature.
    pub(crate) query: &'a [(String, String)],
    /// The signed ones, by name in lower case.
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a [u8],
    /// `20261124T130000Z`.
    pub(crate) time: &'a str,
}

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Identity {
    /// `key/day/region/service/aws4_request`.
    pub(crate) fn credential(&self, time: &str) -> String {
        format!("{}/{}/{}/{}/aws4_request", self.access_key, &time[..8], self.region, self.service)
    }

    /// The signature in hexadecimal.
    pub(crate) fn signature(&self, request: &Signed<'_>) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
        let mut query: Vec<_> =
            request.query.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
        query.sort();
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut headers = request.headers.to_vec();
        headers.sort();
        let lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let canonical = format!(
            "{}\n/\n{}\n{}\n{}\n{}",
            request.method,
            query.join("&"),
            lines.concat(),
            names.join(";"),
            hex::encode(Sha256::digest(request.body))
        );
        let credential = self.credential(request.time);
        let (_, scope) = credential.split_once('/').expect("a scope");
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            request.time,
            hex::encode(Sha256::digest(canonical.as_bytes()))
        );
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [&request.time[..8], &self.region, &self.service, "aws4_request", &text] {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key will do");
            mac.update(part.as_bytes());
            key = mac.finalize().into_bytes().to_vec();
        }
        hex::encode(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "get-vanilla-query-order-key-case" of the test suite that AWS publishes for this signature.
    #[test]
    fn it_is_the_published_one() {
        let identity = Identity {
            access_key: "AKIDEXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            region: "us-east-1".into(),
            service: "service".into(),
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let signature = identity.signature(&Signed {
            method: "GET",
            query: &[pair("Param2", "value2"), pair("Param1", "value1")],
            headers: &[pair("host", "example.amazonaws.com"), pair("x-amz-date", "20150830T123600Z")],
            body: b"",
            time: "20150830T123600Z",
        });
        assert_eq!(signature, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
    }
}
