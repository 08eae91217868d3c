//! A letter and its MIME form. Everything a user can influence (names, subjects, texts) is made harmless here.

use crate::{MailError, Result};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};

/// Who gets a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The e-mail address.
    pub address: String,
    /// The name beside it; may be empty.
    pub name: String,
}

/// One e-mail to one person, in text and HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Who gets it.
    pub to: Recipient,
    /// The subject line; control characters become spaces.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part, already escaped.
    pub html: String,
    /// Names this letter for good: the same key gives the same `Message-ID` and the same file. At most 120 bytes.
    pub dedupe_key: String,
    /// Further headers, such as `List-Unsubscribe`.
    pub headers: Vec<(&'static str, String)>,
}

impl Letter {
    /// The message as it goes over the wire. An address or a header that cannot be sent is an error for good.
    pub(crate) fn message(&self, from: &Mailbox) -> Result<Message> {
        // lettre's messages quote the address; an address is personal, so ours do not.
        let address: Address =
            self.to.address.parse().map_err(|_| MailError::never("the recipient's address is not valid"))?;
        let name = single_line(&self.to.name);
        let to = Mailbox::new((!name.is_empty()).then_some(name), address);
        let id = format!("<{}@{}>", self.safe_key()?, from.email.domain());
        let mut builder = Message::builder()
            .from(from.clone())
            .to(to)
            .subject(single_line(&self.subject))
            .message_id(Some(id))
            // No out-of-office replies, please (RFC 3834).
            .raw_header(header("Auto-Submitted", "auto-generated")?);
        for (name, value) in &self.headers {
            builder = builder.raw_header(header(name, value)?);
        }
        builder
            .multipart(MultiPart::alternative_plain_html(self.text.clone(), self.html.clone()))
            .map_err(|e| MailError::never(format!("the letter cannot be built: {e}")))
    }

    /// The dedupe key as part of a file name and of a `Message-ID`: other bytes than letters, digits, `.` and `-`
    /// become `~hex`, so two keys never meet in one name.
    pub(crate) fn safe_key(&self) -> Result<String> {
        use std::fmt::Write;
        if self.dedupe_key.is_empty() || self.dedupe_key.len() > 120 {
            return Err(MailError::never("a dedupe key has 1 to 120 bytes"));
        }
        Ok(self.dedupe_key.bytes().enumerate().fold(String::new(), |mut key, (at, byte)| {
            // A leading or trailing dot is neither a visible file nor a valid Message-ID.
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => key.push(byte.into()),
                b'.' if at > 0 && at + 1 < self.dedupe_key.len() && !key.ends_with('.') => key.push('.'),
                _ => {
                    let _ = write!(key, "~{byte:02x}");
                }
            }
            key
        }))
    }
}

fn header(name: &str, value: &str) -> Result<HeaderValue> {
    let name = HeaderName::new_from_ascii(name.to_owned())
        .map_err(|_| MailError::never(format!("{name:?} is not a header's name")))?;
    Ok(HeaderValue::new(name, single_line(value)))
}

/// One line: a line break in a header would begin another header, and bidirectional controls would let a name
/// pretend to be something else.
fn single_line(text: &str) -> String {
    let bidi =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let words = text.split(|c: char| c.is_whitespace() || c.is_control() || bidi(c));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn letter() -> Letter {
        Letter {
            to: Recipient { address: "mila@example.com".into(), name: "Mila Manager".into() },
            subject: "Eli’s week of 14 September".into(),
            text: "Hello Mila,\n\nthis is a line.\n".into(),
            html: "<p>Hello Mila</p>".into(),
            dedupe_key: "0199-aa:0199-bb".into(),
            headers: vec![("X-Entity", "timesheet".into())],
        }
    }

    #[test]
    fn one_key_is_one_name_and_two_keys_are_two() {
        let key = |key: &str| Letter { dedupe_key: key.into(), ..letter() }.safe_key();
        assert_eq!(key("0199-aa:0199-bb").unwrap(), "0199-aa~3a0199-bb");
        assert_eq!(key("../../etc/passwd").unwrap(), "~2e.~2f.~2e~2fetc~2fpasswd");
        assert_ne!(key("a~3ab").unwrap(), key("a:b").unwrap());
        assert_eq!(key("ü.").unwrap(), "~c3~bc~2e");
        assert!(key("").is_err() && key(&"x".repeat(121)).is_err());
    }

    #[test]
    fn a_header_stays_one_line() {
        assert_eq!(single_line("Hi\r\nBcc: all@example.com"), "Hi Bcc: all@example.com");
        assert_eq!(single_line(" \u{202e}gpj.exe\t "), "gpj.exe");
    }

    #[test]
    fn a_recipient_that_is_no_address_fails_for_good() {
        let from = "no-reply@example.com".parse().unwrap();
        for address in
            ["", "mila", "mila@example.com, all@example.com", "mila@example.com\r\nRCPT TO:<x@y.z>"]
        {
            let to = Recipient { address: address.into(), name: String::new() };
            let error = Letter { to, ..letter() }.message(&from).unwrap_err();
            assert!(!error.retryable, "{address:?}");
        }
    }
}
