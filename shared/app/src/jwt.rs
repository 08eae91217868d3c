//! Tokens: HS256, the fields of `domain.md` §6.1 plus the session they belong to.

use crate::Caller;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{CompanyId, SessionId, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Signs and verifies. A token is only as good as its session: see [`Caller`].
pub struct Jwt {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// The payload of an access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Claims {
    pub(crate) id: UserId,
    pub(crate) company_id: CompanyId,
    /// The role's name, for clients; never read here.
    pub(crate) role: String,
    pub(crate) sid: SessionId,
    iat: i64,
    exp: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LivePayload {
    sub: UserId,
    company_id: CompanyId,
    session_id: SessionId,
    aud: String,
    exp: i64,
}

/// Whom a socket's connect token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveClaims {
    /// The company.
    pub company: CompanyId,
    /// The user.
    pub user: UserId,
    /// The session it was issued in.
    pub session: SessionId,
    /// When it must have been refreshed.
    pub expires_at: DateTime<Utc>,
}

/// The audience that keeps a socket's token from being used as an access token, and the reverse.
const LIVE: &str = "live";

/// What a link is good for. Each is an audience of its own: none opens what another is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Joining a company.
    Invitation,
    /// Choosing a new password.
    PasswordReset,
    /// Reading a saved report.
    SharedReport,
}

impl LinkPurpose {
    fn audience(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::PasswordReset => "password-reset",
            Self::SharedReport => "shared-report",
        }
    }

    /// The link with a token, below the address of the web app.
    pub fn url(self, web: &str, token: &str) -> String {
        let page = match self {
            Self::Invitation => "accept-invitation?token=",
            Self::PasswordReset => "reset-password?token=",
            Self::SharedReport => "api/reports/shared/",
        };
        format!("{web}/{page}{token}")
    }
}

/// The row that a link names. Whether it is still open, the row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkClaims {
    /// The company.
    pub company: CompanyId,
    /// The row in it.
    pub id: Uuid,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkPayload {
    sub: Uuid,
    company_id: CompanyId,
    aud: String,
    exp: i64,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It was good once: a new one helps.
    #[error("jwt expired")]
    Expired,
    /// Not ours, not for this, or not a token.
    #[error("invalid token")]
    Invalid,
}

impl From<jsonwebtoken::errors::Error> for BadToken {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        match error.kind() {
            jsonwebtoken::errors::ErrorKind::ExpiredSignature => Self::Expired,
            _ => Self::Invalid,
        }
    }
}

impl Jwt {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self { encoding: EncodingKey::from_secret(key), decoding: DecodingKey::from_secret(key) }
    }

    /// An access token for a session.
    pub fn sign(
        &self,
        company: CompanyId,
        user: UserId,
        session: SessionId,
        role: &str,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Result<String, BadToken> {
        let claims = Claims {
            id: user,
            company_id: company,
            role: role.to_owned(),
            sid: session,
            iat: now.timestamp(),
            exp: (now + lifetime).timestamp(),
        };
        Ok(encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)?)
    }

    pub(crate) fn verify(&self, token: &str) -> Result<Claims, BadToken> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 5;
        Ok(decode::<Claims>(token, &self.decoding, &validation)?.claims)
    }

    /// A connect token for the caller's socket, good for `ttl_secs`.
    pub fn sign_live(&self, caller: &Caller, now: DateTime<Utc>, ttl_secs: i64) -> Result<String, BadToken> {
        let payload = LivePayload {
            sub: caller.user,
            company_id: caller.company,
            session_id: caller.session,
            aud: LIVE.into(),
            exp: now.timestamp() + ttl_secs,
        };
        Ok(encode(&Header::new(Algorithm::HS256), &payload, &self.encoding)?)
    }

    /// Whom a connect token names, if it is one of ours and still good.
    pub fn verify_live(&self, token: &str) -> Result<LiveClaims, BadToken> {
        let payload = decode::<LivePayload>(token, &self.decoding, &for_audience(LIVE))?.claims;
        Ok(LiveClaims {
            company: payload.company_id,
            user: payload.sub,
            session: payload.session_id,
            expires_at: DateTime::from_timestamp(payload.exp, 0).unwrap_or_default(),
        })
    }

    /// The token in a link. It is made when the mail is written or the reply is, so no queue and no table holds it.
    pub fn sign_link(
        &self,
        purpose: LinkPurpose,
        link: LinkClaims,
        expires_at: DateTime<Utc>,
    ) -> Result<String, BadToken> {
        let payload = LinkPayload {
            sub: link.id,
            company_id: link.company,
            aud: purpose.audience().into(),
            exp: expires_at.timestamp(),
        };
        Ok(encode(&Header::new(Algorithm::HS256), &payload, &self.encoding)?)
    }

    /// What the token of a link names, if it is one of ours, for this purpose and still good.
    pub fn verify_link(&self, purpose: LinkPurpose, token: &str) -> Result<LinkClaims, BadToken> {
        let validation = for_audience(purpose.audience());
        let payload = decode::<LinkPayload>(token, &self.decoding, &validation)?.claims;
        Ok(LinkClaims { company: payload.company_id, id: payload.sub })
    }
}

fn for_audience(audience: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 5;
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    validation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tokens expire by the real clock")]
    fn tokens_are_for_one_purpose_one_key_and_some_time() {
        let jwt = Jwt::new(b"0123456789abcdef0123456789abcdef");
        let now = Utc::now();
        let sign = |now, lifetime| {
            jwt.sign(CompanyId::new(), UserId::new(), SessionId::new(), "employee", now, lifetime).unwrap()
        };
        let token = sign(now, TimeDelta::minutes(1));
        assert_eq!(jwt.verify(&token).unwrap().role, "employee");
        assert!(jwt.verify_live(&token).is_err(), "an access token opens no socket");
        assert!(jwt.verify(&sign(now - TimeDelta::minutes(2), TimeDelta::minutes(1))).is_err(), "expired");
        assert!(Jwt::new(b"another key of thirty-two bytes!").verify(&token).is_err());
        let unsigned = "eyJhbGciOiJub25lIn0.".to_owned() + token.split('.').nth(1).unwrap() + ".";
        assert!(jwt.verify(&unsigned).is_err(), "alg none");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tokens expire by the real clock")]
    fn a_link_is_for_one_purpose_and_signs_nobody_in() {
        let jwt = Jwt::new(b"0123456789abcdef0123456789abcdef");
        let now = Utc::now();
        let link = LinkClaims { company: CompanyId::new(), id: Uuid::now_v7() };
        let sign = |until| jwt.sign_link(LinkPurpose::Invitation, link, until).unwrap();
        let token = sign(now + TimeDelta::minutes(1));
        assert_eq!(jwt.verify_link(LinkPurpose::Invitation, &token), Ok(link));
        assert_eq!(jwt.verify_link(LinkPurpose::PasswordReset, &token), Err(BadToken::Invalid));
        assert!(jwt.verify(&token).is_err() && jwt.verify_live(&token).is_err());
        let old = sign(now - TimeDelta::minutes(1));
        assert_eq!(jwt.verify_link(LinkPurpose::Invitation, &old), Err(BadToken::Expired));
        let access = jwt
            .sign(link.company, UserId::new(), SessionId::new(), "employee", now, TimeDelta::minutes(1))
            .unwrap();
        assert!(jwt.verify_link(LinkPurpose::Invitation, &access).is_err());
    }
}
