//! Amazon SES v2. The message is built here and sent raw, so every way of sending delivers the same bytes.

use crate::{Letter, MailError, ProviderMessageId, Result};
use aws_config::SdkConfig;
use aws_sdk_sesv2::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata},
    operation::send_email::SendEmailError,
    primitives::Blob,
    types::{EmailContent, RawMessage},
};
use lettre::message::Mailbox;

/// The SES client and the sender.
#[derive(Debug)]
pub struct Ses {
    client: Client,
    from: Mailbox,
}

impl Ses {
    pub(crate) fn new(aws: &SdkConfig, from: Mailbox) -> Self {
        Self { client: Client::new(aws), from }
    }

    pub(crate) async fn send(&self, letter: &Letter) -> Result<ProviderMessageId> {
        let message = letter.message(&self.from)?.formatted();
        let raw = RawMessage::builder().data(Blob::new(message)).build();
        let raw = raw.map_err(|e| MailError::never(format!("SES: {e}")))?;
        // Sender and recipient are those of the message. SES replaces Message-ID and returns its own.
        let sent = self.client.send_email().content(EmailContent::builder().raw(raw).build()).send().await;
        match sent {
            Ok(sent) => Ok(ProviderMessageId(sent.message_id.unwrap_or_default())),
            Err(error) => {
                let error = error.into_service_error();
                Err(MailError { retryable: is_retryable(&error), message: describe(&error) })
            }
        }
    }
}

/// Only what is wrong with this very letter is final. A paused account, a quota or an unverified domain is put
/// right by an operator, after which the dead letters are sent again.
fn is_retryable(error: &SendEmailError) -> bool {
    !matches!(error, SendEmailError::MessageRejected(_) | SendEmailError::BadRequestException(_))
}

fn describe(error: &SendEmailError) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("SES: {code}: {message}"),
        (Some(code), None) => format!("SES: {code}"),
        // Not an answer of SES: no connection, no credentials, and the reason is further down the chain.
        _ => format!("SES: {}", DisplayErrorContext(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sesv2::types::error::{MessageRejected, TooManyRequestsException};

    #[test]
    fn a_refused_letter_is_final_and_a_full_quota_is_not() {
        let refused = SendEmailError::MessageRejected(MessageRejected::builder().message("bad").build());
        assert!(!is_retryable(&refused));
        let busy = SendEmailError::TooManyRequestsException(TooManyRequestsException::builder().build());
        assert!(is_retryable(&busy));
    }
}
