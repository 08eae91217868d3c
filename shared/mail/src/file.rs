//! A directory of `.eml` files, for development and tests: any mail program opens them.

use crate::{Letter, MailError, ProviderMessageId, Result};
use lettre::message::Mailbox;
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};
use url::Url;

/// The directory and the sender.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    from: Mailbox,
}

impl Directory {
    pub(crate) fn new(url: &Url, from: Mailbox) -> Result<Self> {
        let path =
            url.to_file_path().map_err(|()| MailError::never("MAIL_URL: file:// needs an absolute path"))?;
        Ok(Self { path, from })
    }

    /// Blocking I/O on purpose: a few kilobytes, and only where there is one user.
    pub(crate) fn send(&self, letter: &Letter) -> Result<ProviderMessageId> {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let message = letter.message(&self.from)?.formatted();
        let name = format!("{}.eml", letter.safe_key()?);
        // Written aside and renamed: a reader never sees half a letter, and sending again replaces the file.
        let write = WRITES.fetch_add(1, Ordering::Relaxed);
        let aside = self.path.join(format!(".{}-{write}.tmp", std::process::id()));
        fs::create_dir_all(&self.path)
            .and_then(|()| fs::write(&aside, message))
            .and_then(|()| fs::rename(&aside, self.path.join(&name)))
            .map_err(|e| MailError::later(format!("{}: {e}", self.path.display())))?;
        Ok(ProviderMessageId(name))
    }

    pub(crate) fn check(&self) -> Result<()> {
        fs::create_dir_all(&self.path).map_err(|e| MailError::later(format!("{}: {e}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Letter, Mailer, Recipient, letter::tests::letter};
    use mailparse::{MailHeaderMap, ParsedMail, parse_mail};

    async fn sent<T>(letter: &Letter, read: impl FnOnce(&ParsedMail<'_>) -> T) -> T {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("file://{}", directory.path().display());
        let mailer = Mailer::open(&url, "GoGoTime <no-reply@example.com>", None).unwrap();
        let id = mailer.send(letter).await.unwrap();
        assert_eq!(mailer.send(letter).await.unwrap(), id, "the same letter is the same file");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let bytes = std::fs::read(directory.path().join(&id.0)).unwrap();
        read(&parse_mail(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_letter_reads_back_with_its_text_and_its_html() {
        sent(&letter(), |mail| {
            let header = |name| mail.headers.get_first_value(name).unwrap();
            assert_eq!(mail.ctype.mimetype, "multipart/alternative");
            assert_eq!(header("Subject"), "Eli’s week of 14 September");
            assert_eq!(header("From"), "GoGoTime <no-reply@example.com>");
            assert_eq!(header("To"), "\"Mila Manager\" <mila@example.com>");
            assert_eq!(header("Message-ID"), "<0199-aa~3a0199-bb@example.com>");
            assert_eq!(header("Auto-Submitted"), "auto-generated");
            assert_eq!(header("X-Entity"), "timesheet");
            let parts: Vec<_> =
                mail.subparts.iter().map(|p| (p.ctype.mimetype.as_str(), p.get_body().unwrap())).collect();
            assert_eq!(parts[0], ("text/plain", "Hello Mila,\r\n\r\nthis is a line.\r\n".into()));
            assert_eq!(parts[1].0, "text/html");
            assert_eq!(parts[1].1.trim_end(), "<p>Hello Mila</p>");
        })
        .await;
    }

    #[tokio::test]
    async fn hostile_names_and_subjects_add_no_header_and_no_recipient() {
        let hostile = Letter {
            to: Recipient {
                address: "mila@example.com".into(),
                name: "Zoë \"<all@example.com>,\r\nBcc: all@example.com\" 経理\u{202e}".into(),
            },
            subject: "Réunion\r\nBcc: all@example.com\r\n\r\nbody".into(),
            headers: vec![("X-Entity", "a\r\nBcc: all@example.com".into())],
            ..letter()
        };
        sent(&hostile, |mail| {
            assert!(mail.headers.get_first_value("Bcc").is_none());
            assert_eq!(mail.headers.get_first_value("Subject").unwrap(), "Réunion Bcc: all@example.com body");
            let to = mailparse::addrparse_header(mail.headers.get_first_header("To").unwrap()).unwrap();
            assert_eq!(to.extract_single_info().map(|one| one.addr).as_deref(), Some("mila@example.com"));
            assert_eq!(mail.subparts.len(), 2);
        })
        .await;
    }
}
