//! E-mail: one [`Letter`] goes out through SES, an SMTP server or into a directory, as `MAIL_URL` says.
//! The only crate that knows `lettre` and the SES SDK.
//!
//! | `MAIL_URL` | what happens |
//! |---|---|
//! | `ses://` | Amazon SES v2 (region and credentials of the function) |
//! | `smtps://user:pass@host[:465]` | SMTP over TLS |
//! | `smtp://user:pass@host[:587]` | SMTP, STARTTLS required; plain only to a loopback address or with `?tls=none` |
//! | `file:///dir` | one `.eml` file per letter, for development and tests |

mod file;
mod letter;
mod ses;
mod smtp;

pub use letter::{Letter, Recipient};

use aws_config::SdkConfig;
use lettre::message::Mailbox;
use url::Url;

/// What the provider calls the accepted letter: the SES message id, the SMTP server's reply, or the file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderMessageId(pub String);

/// Why a letter did not go out. The text never holds a credential or the letter's body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MailError {
    /// Whether a later attempt can succeed: a network or provider problem is retryable, a refused address is not.
    pub retryable: bool,
    /// What happened, for the operator.
    pub message: String,
}

impl MailError {
    fn later(message: impl Into<String>) -> Self {
        Self { retryable: true, message: message.into() }
    }

    fn never(message: impl Into<String>) -> Self {
        Self { retryable: false, message: message.into() }
    }
}

/// The result of everything here.
pub type Result<T> = std::result::Result<T, MailError>;

/// A way to send letters.
#[derive(Debug)]
pub enum Mailer {
    /// Amazon SES.
    Ses(ses::Ses),
    /// An SMTP server.
    Smtp(smtp::Smtp),
    /// A directory of `.eml` files.
    File(file::Directory),
}

impl Mailer {
    /// The mailer of `MAIL_URL`, sending as `MAIL_FROM` (`Name <address>` or just the address).
    /// Opens no connection. `aws` is needed for `ses://` only.
    pub fn open(url: &str, from: &str, aws: Option<&SdkConfig>) -> Result<Self> {
        let from: Mailbox =
            from.parse().map_err(|_| MailError::never("MAIL_FROM is not an e-mail address"))?;
        // The URL may hold a password, so no message quotes it.
        let url = Url::parse(url).map_err(|_| MailError::never("MAIL_URL is not a URL"))?;
        match url.scheme() {
            "ses" => {
                let aws =
                    aws.ok_or_else(|| MailError::never("MAIL_URL=ses:// needs an AWS configuration"))?;
                Ok(Self::Ses(ses::Ses::new(aws, from)))
            }
            "smtp" | "smtps" => Ok(Self::Smtp(smtp::Smtp::new(url, from)?)),
            "file" => Ok(Self::File(file::Directory::new(&url, from)?)),
            other => Err(MailError::never(format!("MAIL_URL: unknown scheme {other}://"))),
        }
    }

    /// `ses`, `smtp` or `file`, for the health report.
    pub fn mode(&self) -> &'static str {
        match self {
            Self::Ses(_) => "ses",
            Self::Smtp(_) => "smtp",
            Self::File(_) => "file",
        }
    }

    /// Hands the letter over. Not idempotent except into a directory: a provider that accepted a letter and then
    /// lost the connection gets it again. The `Message-ID` stays the same, by which many mailboxes drop the second.
    pub async fn send(&self, letter: &Letter) -> Result<ProviderMessageId> {
        match self {
            Self::Ses(ses) => ses.send(letter).await,
            Self::Smtp(smtp) => smtp.send(letter).await,
            Self::File(directory) => directory.send(letter),
        }
    }

    /// Whether letters could go out now, without sending one. SES has nothing to ask without extra rights: always Ok.
    pub async fn check(&self) -> Result<()> {
        match self {
            Self::Ses(_) => Ok(()),
            Self::Smtp(smtp) => smtp.check().await,
            Self::File(directory) => directory.check(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_address_of_a_mailer_is_refused_without_its_password() {
        for (url, from) in [
            ("smtp://user:hunter2@[bad", "a@example.com"),
            ("smtp://user:hunter2@mail.example.com?tls=maybe", "a@example.com"),
            ("imap://user:hunter2@mail.example.com", "a@example.com"),
            ("file://host/dir", "a@example.com"),
            ("ses://", "a@example.com"),
            ("file:///tmp", "not an address"),
        ] {
            let error = Mailer::open(url, from, None).unwrap_err();
            assert!(!error.retryable && !error.message.contains("hunter2"), "{url}: {error}");
        }
    }
}
