//! An SMTP server: a connection per letter, because a thawed sandbox would find a kept one dead.

use crate::{Letter, MailError, ProviderMessageId, Result};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{Error, response::Code},
};
use std::time::Duration;
use url::{Host, Url};

/// Per command of the dialogue.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The SMTP server and the sender.
#[derive(Debug)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    pub(crate) fn new(mut url: Url, from: Mailbox) -> Result<Self> {
        secure(&mut url);
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str());
        // Its error may quote the URL, and the URL holds the password.
        let builder = builder.map_err(|_| MailError::never("MAIL_URL is not an SMTP server's URL"))?;
        Ok(Self { transport: builder.timeout(Some(TIMEOUT)).build(), from })
    }

    pub(crate) async fn send(&self, letter: &Letter) -> Result<ProviderMessageId> {
        let message = letter.message(&self.from)?;
        match self.transport.send(message).await {
            Ok(reply) => Ok(ProviderMessageId(reply.message().collect::<Vec<_>>().join(" "))),
            Err(error) => {
                let retryable = is_retryable(&error);
                Err(MailError { retryable, message: format!("SMTP: {error}") })
            }
        }
    }

    pub(crate) async fn check(&self) -> Result<()> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(MailError::later("SMTP: the server does not answer")),
            Err(error) => Err(MailError::later(format!("SMTP: {error}"))),
        }
    }
}

/// lettre speaks plain SMTP unless told otherwise; here plain needs a loopback address or the word `none`.
fn secure(url: &mut Url) {
    let tls = url.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // Not a special scheme to `url`, so addresses arrive as names too.
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
        None => false,
    };
    match tls.as_deref() {
        Some("none") => url.set_query(None),
        None if url.scheme() == "smtp" && !loopback => url.set_query(Some("tls=required")),
        _ => {}
    }
}

/// A 5xx is about this letter (unknown mailbox, refused content) – except those about our log-in and our commands,
/// which an operator puts right.
fn is_retryable(error: &Error) -> bool {
    match error.status().map(|code: Code| u16::from(code)) {
        None | Some(500 | 502 | 503 | 504 | 521 | 530 | 534 | 535 | 538) => true,
        Some(code) => code < 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mailer, letter::tests::letter};
    use std::sync::{Arc, Mutex};
    use tokio::{
        io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
        net::TcpListener,
    };

    /// A server of one connection: answers `RCPT TO` with `rcpt`, keeps what it was told.
    #[expect(clippy::disallowed_methods, reason = "the other side of the wire, in a test")]
    async fn server(rcpt: &'static str) -> (Mailer, Arc<Mutex<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&heard);
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let mut socket = BufReader::new(socket);
            socket.write_all(b"220 test\r\n").await.unwrap();
            let (mut line, mut in_data) = (String::new(), false);
            while socket.read_line(&mut line).await.unwrap_or(0) > 0 {
                log.lock().unwrap().push_str(&line);
                let reply = match line.split([' ', '\r']).next() {
                    Some(".") if in_data => {
                        in_data = false;
                        "250 2.0.0 Ok: queued as 4XyZ\r\n"
                    }
                    _ if in_data => "",
                    Some("EHLO") => "250 test\r\n",
                    Some("RCPT") => rcpt,
                    Some("DATA") => {
                        in_data = true;
                        "354 go on\r\n"
                    }
                    _ => "250 ok\r\n",
                };
                socket.write_all(reply.as_bytes()).await.unwrap();
                line.clear();
            }
        });
        let url = format!("smtp://127.0.0.1:{port}");
        (Mailer::open(&url, "GoGoTime <no-reply@example.com>", None).unwrap(), heard)
    }

    #[tokio::test]
    async fn a_letter_reaches_the_server_and_its_id_comes_back() {
        let (mailer, heard) = server("250 ok\r\n").await;
        let id = mailer.send(&letter()).await.unwrap();
        assert_eq!(id.0, "2.0.0 Ok: queued as 4XyZ");
        let heard = heard.lock().unwrap().clone();
        for expected in [
            "MAIL FROM:<no-reply@example.com>",
            "RCPT TO:<mila@example.com>",
            "Message-ID: <0199-aa~3a0199-bb@example.com>",
            "Auto-Submitted: auto-generated",
            "multipart/alternative",
        ] {
            assert!(heard.contains(expected), "{expected} not in {heard}");
        }
    }

    #[tokio::test]
    async fn an_unknown_mailbox_is_final_and_a_full_one_is_not() {
        let (mailer, _) = server("550 5.1.1 no such user\r\n").await;
        let error = mailer.send(&letter()).await.unwrap_err();
        assert!(!error.retryable && error.message.contains("550"), "{error}");
        let (mailer, _) = server("452 4.2.2 mailbox full\r\n").await;
        assert!(mailer.send(&letter()).await.unwrap_err().retryable);
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_tried_again_later() {
        let mailer = Mailer::open("smtp://u:hunter2@127.0.0.1:1", "no-reply@example.com", None).unwrap();
        let error = mailer.send(&letter()).await.unwrap_err();
        assert!(error.retryable && !error.message.contains("hunter2"), "{error}");
        assert!(mailer.check().await.is_err());
    }

    #[test]
    fn a_password_never_travels_in_the_clear_by_accident() {
        let secured = |text: &str| {
            let mut url = Url::parse(text).unwrap();
            secure(&mut url);
            url.to_string()
        };
        assert_eq!(secured("smtp://u:p@mail.example.com"), "smtp://u:p@mail.example.com?tls=required");
        assert_eq!(secured("smtp://u:p@mail.example.com?tls=none"), "smtp://u:p@mail.example.com");
        assert_eq!(secured("smtp://127.0.0.1:1025"), "smtp://127.0.0.1:1025");
        assert_eq!(secured("smtp://localhost:1025"), "smtp://localhost:1025");
        assert_eq!(secured("smtps://u:p@mail.example.com"), "smtps://u:p@mail.example.com");
    }
}
