//! Amazon SES v2. The message is built here and sent raw, so every way of sending delivers the same bytes.

use crate::{Letter, MailError, ProviderMessageId, Result};
use aws_config::SdkConfig;
use aws_sdk_sesv2::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata},
    operation::send_email::SendEmailError,
    primitives::Blob,
    types::{Destination, EmailContent, RawMessage},
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
        let message = letter.message(&self.from)?;
        let recipients = message.envelope().to().iter().map(ToString::to_string).collect();
        let raw = RawMessage::builder().data(Blob::new(message.formatted())).build();
        let raw = raw.map_err(|e| MailError::never(format!("SES: {e}")))?;
        let sent = self
            .client
            .send_email()
            .from_email_address(self.from.email.to_string())
            .destination(Destination::builder().set_to_addresses(Some(recipients)).build())
            // SES replaces the Message-ID and returns its own.
            .content(EmailContent::builder().raw(raw).build())
            .send()
            .await;
        match sent {
            Ok(sent) => Ok(ProviderMessageId(sent.message_id.unwrap_or_default())),
            Err(error) => {
                let error = error.into_service_error();
                Err(MailError { retryable: is_retryable(&error), message: describe(&error) })
            }
        }
    }
}

/// Only a letter that SES cannot read, such as one to an impossible address, is final. Everything else is put right
/// by an operator, after which the dead letters are sent again – also `MessageRejected`, which is what a sender
/// that is not verified yet gets.
fn is_retryable(error: &SendEmailError) -> bool {
    !matches!(error, SendEmailError::BadRequestException(_))
}

fn describe(error: &SendEmailError) -> String {
    match (error.code(), error.message()) {
        (Some(code), message) => format!("SES: {code}: {}", message.unwrap_or_default()),
        (None, Some(message)) => format!("SES: {message}"),
        // Not an answer of SES: no connection, no credentials, and the reason is further down the chain.
        (None, None) => format!("SES: {}", DisplayErrorContext(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sesv2::{
        error::ErrorMetadata,
        types::error::{BadRequestException, MessageRejected},
    };

    #[test]
    fn an_impossible_address_is_final_and_an_unverified_sender_is_not() {
        let impossible = BadRequestException::builder().message("Illegal address").build();
        assert!(!is_retryable(&SendEmailError::BadRequestException(impossible)));
        let meta = ErrorMetadata::builder().code("MessageRejected").message("Address not verified.").build();
        let unverified = MessageRejected::builder().meta(meta).build();
        let unverified = SendEmailError::MessageRejected(unverified);
        assert!(is_retryable(&unverified));
        assert_eq!(describe(&unverified), "SES: MessageRejected: Address not verified.");
    }
}
