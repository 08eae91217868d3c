//! What the mails say. Pure: facts in, subject, text and HTML out.
//!
//! Subjects carry no hours and no reason, because phones show them to everybody at the table. The HTML sets no
//! colours for text and ground, so it follows the reader's light or dark mode.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use domain::{ExportId, Week};
use std::fmt::Write;

/// A mail without its recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The subject line.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

/// What a mail about a week can say.
#[derive(Clone, Debug)]
pub struct WeekFacts<'a> {
    /// Whose week.
    pub owner: &'a str,
    /// Who did it.
    pub actor: &'a str,
    /// Which week.
    pub week: Week,
    /// Minutes of the week.
    pub total_minutes: i32,
    /// Minutes over which a week is marked.
    pub max_weekly_minutes: i32,
    /// The reason of a rejection.
    pub reason: Option<&'a str>,
}

/// What a mail about an export can say.
#[derive(Clone, Debug)]
pub struct ExportFacts<'a> {
    /// Which export.
    pub id: ExportId,
    /// Nobody asked, the schedule did.
    pub nightly: bool,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Rows of the file.
    pub rows: i64,
    /// Size of the file in bytes.
    pub bytes: i64,
    /// Until when the file is kept.
    pub expires_at: Option<DateTime<Utc>>,
    /// Why there is no file.
    pub error: Option<&'a str>,
}

/// What a mail about leave can say. Not of which kind: that somebody is ill concerns few.
#[derive(Clone, Debug)]
pub struct LeaveFacts<'a> {
    /// Who is away.
    pub owner: &'a str,
    /// Who did it.
    pub actor: &'a str,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The reason of a refusal.
    pub reason: Option<&'a str>,
}

/// A link that opens something by itself.
#[derive(Clone, Debug)]
pub struct LinkFacts {
    /// Where it leads, with its token.
    pub url: String,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

/// What an invitation can say.
#[derive(Clone, Debug)]
pub struct InvitationFacts<'a> {
    /// Into which company.
    pub company: &'a str,
    /// As what.
    pub role: &'a str,
    /// By whom, if that person is still there.
    pub inviter: Option<&'a str>,
    /// Nobody invited: the reader registered, and shows with the link that the address is theirs.
    pub confirms: bool,
    /// How.
    pub link: LinkFacts,
}

/// To an approver: a week waits. `web` is the base URL of the web app, here and below.
pub fn submitted(facts: &WeekFacts<'_>, web: &str) -> Content {
    Body {
        subject: format!("{} submitted the week of {}", facts.owner, date(facts.week.start())),
        says: format!("{} submitted a week and asks for your approval.", facts.owner),
        facts: vec![("Week", period(facts.week.start(), facts.week.end())), ("Total", total(facts))],
        quote: None,
        action: ("Review the week", format!("{web}/team/approvals?week={}", facts.week.start())),
        why: "You get this mail because you approve time in GoGoTime.",
    }
    .into()
}

/// To the owner: the week is approved.
pub fn approved(facts: &WeekFacts<'_>, web: &str) -> Content {
    Body {
        subject: format!("Your week of {} is approved", date(facts.week.start())),
        says: format!("{} approved your week.", somebody(facts.actor, "Your approver")),
        facts: own_facts(facts),
        quote: None,
        action: ("See the week", own_week(facts, web)),
        why: OWN_WEEK,
    }
    .into()
}

/// To the owner: the week comes back with a reason.
pub fn rejected(facts: &WeekFacts<'_>, web: &str) -> Content {
    Body {
        subject: format!("Your week of {} was sent back", date(facts.week.start())),
        says: format!(
            "{} sent your week back. Please change it and submit it again.",
            somebody(facts.actor, "Your approver")
        ),
        facts: own_facts(facts),
        quote: facts.reason,
        action: ("Change the week", own_week(facts, web)),
        why: OWN_WEEK,
    }
    .into()
}

/// To an approver: a week waits that its owner did not hand in.
pub fn auto_submitted(facts: &WeekFacts<'_>, web: &str) -> Content {
    Body {
        subject: format!("The week of {} was handed in for {}", date(facts.week.start()), facts.owner),
        says: format!(
            "The week is over, so that of {} was handed in. It waits for your approval.",
            facts.owner
        ),
        facts: vec![("Week", period(facts.week.start(), facts.week.end())), ("Total", total(facts))],
        quote: None,
        action: ("Review the week", format!("{web}/team/approvals?week={}", facts.week.start())),
        why: "You get this mail because you approve time in GoGoTime.",
    }
    .into()
}

/// To the owner: the week was handed in.
pub fn auto_submitted_own(facts: &WeekFacts<'_>, web: &str) -> Content {
    Body {
        subject: format!("Your week of {} was handed in", date(facts.week.start())),
        says: "The week is over, so your timesheet was handed in as it was. If something is missing, take it back \
               and submit it again."
            .to_owned(),
        facts: own_facts(facts),
        quote: None,
        action: ("See the week", own_week(facts, web)),
        why: OWN_WEEK,
    }
    .into()
}

/// To the owner: a decided week is open again, with a reason.
pub fn reopened(facts: &WeekFacts<'_>, web: &str) -> Content {
    Body {
        subject: format!("Your week of {} was opened again", date(facts.week.start())),
        says: format!(
            "{} opened your week again. Please change it and submit it again.",
            somebody(facts.actor, "Somebody")
        ),
        facts: own_facts(facts),
        quote: facts.reason,
        action: ("Change the week", own_week(facts, web)),
        why: OWN_WEEK,
    }
    .into()
}

/// To the owner: somebody changed the week, with a reason.
pub fn corrected(facts: &WeekFacts<'_>, web: &str) -> Content {
    Body {
        subject: format!("Your week of {} was corrected", date(facts.week.start())),
        says: format!("{} corrected your week.", somebody(facts.actor, "Somebody")),
        facts: own_facts(facts),
        quote: facts.reason,
        action: ("See the week", own_week(facts, web)),
        why: OWN_WEEK,
    }
    .into()
}

/// To an approver: somebody wants to be away.
pub fn leave_requested(facts: &LeaveFacts<'_>, web: &str) -> Content {
    Body {
        subject: format!("{} asks for leave", facts.owner),
        says: format!("{} asks for leave and for your decision.", facts.owner),
        facts: vec![("Days", period(facts.from, facts.to))],
        quote: None,
        action: ("Decide on the request", format!("{web}/team/approvals")),
        why: APPROVES_LEAVE,
    }
    .into()
}

/// To an approver: the request, or the leave that was granted, is no more.
pub fn leave_taken_back(facts: &LeaveFacts<'_>, web: &str) -> Content {
    Body {
        subject: format!("{} takes leave back", facts.owner),
        says: format!("{} does not want to be away any more. There is nothing to decide.", facts.owner),
        facts: vec![("Days", period(facts.from, facts.to))],
        quote: None,
        action: ("See the requests", format!("{web}/team/approvals")),
        why: APPROVES_LEAVE,
    }
    .into()
}

/// To the owner: leave is granted.
pub fn leave_approved(facts: &LeaveFacts<'_>, web: &str) -> Content {
    own_leave(facts, web, "is approved", "approved your leave.")
}

/// To the owner: leave is refused, with a reason.
pub fn leave_rejected(facts: &LeaveFacts<'_>, web: &str) -> Content {
    own_leave(facts, web, "was not approved", "did not approve your leave.")
}

/// To the owner: somebody else cancelled it.
pub fn leave_cancelled(facts: &LeaveFacts<'_>, web: &str) -> Content {
    own_leave(facts, web, "was cancelled", "cancelled your leave.")
}

fn own_leave(facts: &LeaveFacts<'_>, web: &str, outcome: &str, done: &str) -> Content {
    Body {
        subject: format!("Your leave from {} {outcome}", date(facts.from)),
        says: format!("{} {done}", somebody(facts.actor, "Your approver")),
        facts: vec![("Days", period(facts.from, facts.to))],
        quote: facts.reason,
        action: ("See your requests", format!("{web}/timesheet/requests")),
        why: "You get this mail because it is your leave request.",
    }
    .into()
}

/// To whoever is invited.
pub fn invited(facts: &InvitationFacts<'_>) -> Content {
    let company = facts.company;
    let lines = vec![
        ("Company", company.to_owned()),
        ("Role", facts.role.to_owned()),
        ("Good until", instant(facts.link.expires_at)),
    ];
    if facts.confirms {
        return Body {
            subject: "Confirm your address for GoGoTime".to_owned(),
            says: format!("You registered for the time tracking of {company}. Confirm your address and you are in."),
            facts: lines,
            quote: None,
            action: ("Confirm the address", facts.link.url.clone()),
            why: "You get this mail because somebody registered with your address. If it was not you, do nothing.",
        }
        .into();
    }
    let says = match facts.inviter {
        Some(inviter) => format!("{inviter} invites you to the time tracking of {company}."),
        None => format!("You are invited to the time tracking of {company}."),
    };
    Body {
        subject: format!("Your invitation to {company} on GoGoTime"),
        says: format!("{says} Choose a password and you are in."),
        facts: lines,
        quote: None,
        action: ("Accept the invitation", facts.link.url.clone()),
        why: "You get this mail because somebody entered your address in GoGoTime. If you do not expect it, do nothing.",
    }
    .into()
}

/// To whoever asked for a new password, or whose address somebody else entered.
pub fn reset_requested(company: &str, link: &LinkFacts) -> Content {
    Body {
        subject: "Choose a new password for GoGoTime".to_owned(),
        says: "Somebody asked for a new password for you. If it was you, choose one; the link is good once. If not, \
               do nothing: your password stays as it is."
            .to_owned(),
        facts: vec![("Company", company.to_owned()), ("Good until", instant(link.expires_at))],
        quote: None,
        action: ("Choose a new password", link.url.clone()),
        why: "You get this mail because somebody entered your address where GoGoTime asks for forgotten passwords.",
    }
    .into()
}

/// To whose password is another one now.
pub fn password_changed(web: &str) -> Content {
    Body {
        subject: "Your password for GoGoTime was changed".to_owned(),
        says: "Your password was changed, and you were signed out elsewhere. If it was not you, ask for a new one at \
               once and tell your administrator."
            .to_owned(),
        facts: Vec::new(),
        quote: None,
        action: ("It was not me", format!("{web}/forgot-password")),
        why: "You get this mail whenever your password changes.",
    }
    .into()
}

/// To whoever asked, or to everybody who may export: the file can be fetched. The link leads through the app,
/// which asks for permission again; the mail may be forwarded.
pub fn export_ready(facts: &ExportFacts<'_>, web: &str) -> Content {
    let name = if facts.nightly { "The nightly time export" } else { "Your time export" };
    let mut lines = vec![
        ("Period", period(facts.from, facts.to)),
        ("Rows", grouped(facts.rows)),
        ("Size", size(facts.bytes)),
        ("Format", "CSV for spreadsheets".to_owned()),
    ];
    if let Some(expiry) = facts.expires_at {
        lines.push(("Available until", instant(expiry)));
    }
    Body {
        subject: format!("{name} is ready"),
        says: format!("{name} is ready."),
        facts: lines,
        quote: None,
        action: ("Download the file", format!("{web}/api/exports/{}/download", facts.id)),
        why: export_why(facts),
    }
    .into()
}

/// To the same people: there is no file.
pub fn export_failed(facts: &ExportFacts<'_>, web: &str) -> Content {
    let name = if facts.nightly { "The nightly time export" } else { "Your time export" };
    Body {
        subject: format!("{name} failed"),
        says: format!("{name} could not be written."),
        facts: vec![("Period", period(facts.from, facts.to))],
        quote: facts.error,
        action: ("Ask for it again", format!("{web}/hr/payroll-exports")),
        why: export_why(facts),
    }
    .into()
}

fn export_why(facts: &ExportFacts<'_>) -> &'static str {
    if facts.nightly {
        "You get this mail because you may export your company's time in GoGoTime."
    } else {
        "You get this mail because you asked for this export in GoGoTime."
    }
}

fn own_week(facts: &WeekFacts<'_>, web: &str) -> String {
    format!("{web}/timesheet/my-timesheet?week={}", facts.week.start())
}

const OWN_WEEK: &str = "You get this mail because it is your timesheet.";
const APPROVES_LEAVE: &str = "You get this mail because you decide on leave in GoGoTime.";

/// What the owner of a week reads of it.
fn own_facts(facts: &WeekFacts<'_>) -> Vec<(&'static str, String)> {
    vec![("Week", period(facts.week.start(), facts.week.end())), ("Total", hours(facts.total_minutes))]
}

/// The name, or a word for a person who is gone.
fn somebody<'a>(name: &'a str, gone: &'a str) -> &'a str {
    if name.trim().is_empty() { gone } else { name }
}

/// The total, and by how much it is over the limit if it is.
fn total(facts: &WeekFacts<'_>) -> String {
    let (total, limit) = (facts.total_minutes, facts.max_weekly_minutes);
    if total > limit {
        format!("{} ({} over the weekly limit of {})", hours(total), hours(total - limit), hours(limit))
    } else {
        hours(total)
    }
}

/// `h:mm`.
fn hours(minutes: i32) -> String {
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

fn date(day: NaiveDate) -> String {
    day.format("%-d %B %Y").to_string()
}

fn instant(at: DateTime<Utc>) -> String {
    format!("{}, {} UTC", date(at.date_naive()), at.format("%H:%M"))
}

/// Two days as one text, without saying a month or a year twice.
fn period(from: NaiveDate, to: NaiveDate) -> String {
    if from == to {
        return date(from);
    }
    let same_year = from.year() == to.year();
    if same_year && from.month() == to.month() {
        return format!("{}–{}", from.day(), date(to));
    }
    let from = if same_year { from.format("%-d %B").to_string() } else { date(from) };
    format!("{from} – {}", date(to))
}

/// `1,234,567`.
fn grouped(number: i64) -> String {
    let digits = number.max(0).to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the largest unit that leaves a number of at least one.
fn size(bytes: i64) -> String {
    for (unit, name) in [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")] {
        if bytes >= unit {
            return format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit);
        }
    }
    format!("{bytes} bytes")
}

/// What every mail is made of.
struct Body<'a> {
    subject: String,
    says: String,
    facts: Vec<(&'static str, String)>,
    /// What somebody wrote.
    quote: Option<&'a str>,
    action: (&'static str, String),
    why: &'static str,
}

impl From<Body<'_>> for Content {
    fn from(body: Body<'_>) -> Self {
        Self { text: body.text(), html: body.html(), subject: body.subject }
    }
}

impl Body<'_> {
    fn text(&self) -> String {
        let mut text = format!("Hello,\n\n{}\n", self.says);
        for (at, (name, value)) in self.facts.iter().enumerate() {
            let _ = writeln!(text, "{}{name}: {value}", if at == 0 { "\n" } else { "" });
        }
        if let Some(quote) = self.quote {
            text.push('\n');
            for line in quote.lines() {
                let _ = writeln!(text, "> {line}");
            }
        }
        let _ = write!(text, "\n{}:\n{}\n\n-- \n{}\n", self.action.0, self.action.1, self.why);
        text
    }

    fn html(&self) -> String {
        let mut facts = String::new();
        for (name, value) in &self.facts {
            let _ = write!(
                facts,
                "<tr><td style=\"padding:4px 16px 4px 0;opacity:.7;vertical-align:top\">{}</td>\
                 <td style=\"padding:4px 0\"><strong>{}</strong></td></tr>",
                escape(name),
                escape(value)
            );
        }
        let quote = self.quote.map_or_else(String::new, |quote| {
            format!(
                "<blockquote style=\"margin:0 0 20px;padding:8px 14px;border-left:4px solid #4f46e5;\
                 white-space:pre-line\">{}</blockquote>\n",
                escape(quote)
            )
        });
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"supported-color-schemes\" content=\"light dark\">\n<title>{subject}</title>\n</head>\n\
             <body style=\"margin:0;padding:24px;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif\">\n\
             <div style=\"max-width:520px;margin:0 auto;padding:24px;border:1px solid #8886;border-radius:12px\">\n\
             <p style=\"margin:0 0 20px;font-weight:700;color:#6366f1\">GoGoTime</p>\n\
             <p style=\"margin:0 0 16px\">{says}</p>\n\
             <table role=\"presentation\" style=\"border-collapse:collapse;margin:0 0 20px\">{facts}</table>\n{quote}\
             <p style=\"margin:0 0 20px\"><a href=\"{url}\" style=\"display:inline-block;padding:10px 18px;\
             border-radius:8px;background:#4f46e5;color:#ffffff;text-decoration:none;font-weight:600\">{label}</a></p>\n\
             <p style=\"margin:0;font-size:13px;opacity:.7\">{why}</p>\n</div>\n</body>\n</html>\n",
            subject = escape(&self.subject),
            says = escape(&self.says),
            label = escape(self.action.0),
            url = escape(&self.action.1),
            why = escape(self.why),
        )
    }
}

/// Text as HTML text or attribute value.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
        html
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "https://time.example.com";

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn week() -> WeekFacts<'static> {
        WeekFacts {
            owner: "Eli Employee",
            actor: "Mila Manager",
            week: Week::of(day("2026-09-14")),
            total_minutes: 2790,
            max_weekly_minutes: 2400,
            reason: None,
        }
    }

    fn export() -> ExportFacts<'static> {
        ExportFacts {
            id: "0199c2f0-0000-7000-8000-000000000001".parse().unwrap(),
            nightly: false,
            from: day("2026-08-01"),
            to: day("2026-09-14"),
            rows: 660_000,
            bytes: 100_600_000,
            expires_at: Some("2026-09-28T14:05:00Z".parse().unwrap()),
            error: None,
        }
    }

    #[test]
    fn an_approver_reads_who_which_week_and_how_far_over_the_limit() {
        let mail = submitted(&week(), WEB);
        assert_eq!(mail.subject, "Eli Employee submitted the week of 14 September 2026");
        assert_eq!(
            mail.text,
            "Hello,\n\nEli Employee submitted a week and asks for your approval.\n\n\
             Week: 14–20 September 2026\nTotal: 46:30 (6:30 over the weekly limit of 40:00)\n\n\
             Review the week:\nhttps://time.example.com/team/approvals?week=2026-09-14\n\n\
             -- \nYou get this mail because you approve time in GoGoTime.\n"
        );
        let on_the_limit = submitted(&WeekFacts { total_minutes: 2400, ..week() }, WEB);
        assert!(on_the_limit.text.contains("\nTotal: 40:00\n"), "{}", on_the_limit.text);
    }

    #[test]
    fn the_owner_reads_that_the_week_is_approved() {
        let mail = approved(&week(), WEB);
        assert_eq!(mail.subject, "Your week of 14 September 2026 is approved");
        assert_eq!(
            mail.text,
            "Hello,\n\nMila Manager approved your week.\n\nWeek: 14–20 September 2026\nTotal: 46:30\n\n\
             See the week:\nhttps://time.example.com/timesheet/my-timesheet?week=2026-09-14\n\n\
             -- \nYou get this mail because it is your timesheet.\n"
        );
        let gone = approved(&WeekFacts { actor: "", ..week() }, WEB);
        assert!(gone.text.contains("Your approver approved your week."));
    }

    #[test]
    fn the_owner_reads_why_the_week_came_back() {
        let mail = rejected(&WeekFacts { reason: Some("Friday is missing.\nAnd Monday?"), ..week() }, WEB);
        assert_eq!(mail.subject, "Your week of 14 September 2026 was sent back");
        assert_eq!(
            mail.text,
            "Hello,\n\nMila Manager sent your week back. Please change it and submit it again.\n\n\
             Week: 14–20 September 2026\nTotal: 46:30\n\n> Friday is missing.\n> And Monday?\n\n\
             Change the week:\nhttps://time.example.com/timesheet/my-timesheet?week=2026-09-14\n\n\
             -- \nYou get this mail because it is your timesheet.\n"
        );
    }

    #[test]
    fn an_export_names_period_rows_size_expiry_and_a_link_through_the_app() {
        let mail = export_ready(&export(), WEB);
        assert_eq!(mail.subject, "Your time export is ready");
        assert_eq!(
            mail.text,
            "Hello,\n\nYour time export is ready.\n\nPeriod: 1 August – 14 September 2026\nRows: 660,000\n\
             Size: 100.6 MB\nFormat: CSV for spreadsheets\nAvailable until: 28 September 2026, 14:05 UTC\n\n\
             Download the file:\n\
             https://time.example.com/api/exports/0199c2f0-0000-7000-8000-000000000001/download\n\n\
             -- \nYou get this mail because you asked for this export in GoGoTime.\n"
        );
        let nightly = export_ready(&ExportFacts { nightly: true, ..export() }, WEB);
        assert_eq!(nightly.subject, "The nightly time export is ready");
        assert!(nightly.text.contains("because you may export your company's time"));
    }

    #[test]
    fn a_failed_export_says_why_and_what_to_do() {
        let mail = export_failed(&ExportFacts { error: Some("It took too long."), ..export() }, WEB);
        assert_eq!(mail.subject, "Your time export failed");
        assert_eq!(
            mail.text,
            "Hello,\n\nYour time export could not be written.\n\nPeriod: 1 August – 14 September 2026\n\n\
             > It took too long.\n\nAsk for it again:\nhttps://time.example.com/hr/payroll-exports\n\n\
             -- \nYou get this mail because you asked for this export in GoGoTime.\n"
        );
    }

    fn leave() -> LeaveFacts<'static> {
        LeaveFacts {
            owner: "Eli Employee",
            actor: "Mila Manager",
            from: day("2026-10-01"),
            to: day("2026-10-02"),
            reason: Some("Release week."),
        }
    }

    fn link(page: &str) -> LinkFacts {
        LinkFacts {
            url: format!("{WEB}/{page}?token=a.b.c"),
            expires_at: "2026-09-28T14:05:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_week_that_was_handed_in_by_the_clock_is_told_to_both_sides() {
        let mail = auto_submitted(&week(), WEB);
        assert_eq!(mail.subject, "The week of 14 September 2026 was handed in for Eli Employee");
        assert!(
            mail.text
                .contains("waits for your approval.\n\nWeek: 14–20 September 2026\nTotal: 46:30 (6:30 over")
        );
        assert!(mail.text.contains("https://time.example.com/team/approvals?week=2026-09-14"));
        let own = auto_submitted_own(&week(), WEB);
        assert_eq!(own.subject, "Your week of 14 September 2026 was handed in");
        assert!(own.text.contains("https://time.example.com/timesheet/my-timesheet?week=2026-09-14"));
    }

    #[test]
    fn the_owner_reads_why_a_week_was_opened_or_corrected() {
        let facts = WeekFacts { reason: Some("Wrong code."), ..week() };
        let mail = reopened(&facts, WEB);
        assert_eq!(mail.subject, "Your week of 14 September 2026 was opened again");
        assert!(
            mail.text.contains("Mila Manager opened your week again.")
                && mail.text.contains("\n> Wrong code.\n")
        );
        let mail = corrected(&facts, WEB);
        assert_eq!(mail.subject, "Your week of 14 September 2026 was corrected");
        assert!(
            mail.text.contains("Mila Manager corrected your week.")
                && mail.text.contains("\n> Wrong code.\n")
        );
    }

    #[test]
    fn leave_is_asked_for_decided_and_taken_back() {
        let mail = leave_requested(&leave(), WEB);
        assert_eq!(mail.subject, "Eli Employee asks for leave");
        assert_eq!(
            mail.text,
            "Hello,\n\nEli Employee asks for leave and for your decision.\n\nDays: 1–2 October 2026\n\n\
             Decide on the request:\nhttps://time.example.com/team/approvals\n\n\
             -- \nYou get this mail because you decide on leave in GoGoTime.\n"
        );
        assert_eq!(leave_approved(&leave(), WEB).subject, "Your leave from 1 October 2026 is approved");
        let refused = leave_rejected(&leave(), WEB);
        assert_eq!(refused.subject, "Your leave from 1 October 2026 was not approved");
        assert!(
            refused.text.contains("Mila Manager did not approve your leave.")
                && refused.text.contains("> Release")
        );
        assert!(leave_cancelled(&leave(), WEB).text.contains("Mila Manager cancelled your leave."));
        assert_eq!(leave_taken_back(&leave(), WEB).subject, "Eli Employee takes leave back");
    }

    #[test]
    fn an_invitation_and_a_forgotten_password_carry_their_link_and_its_end() {
        let facts = InvitationFacts {
            company: "Lumen",
            role: "employee",
            inviter: Some("Harriet HumanResources"),
            confirms: false,
            link: link("accept-invitation"),
        };
        let mail = invited(&facts);
        assert_eq!(mail.subject, "Your invitation to Lumen on GoGoTime");
        assert!(mail.text.contains("Harriet HumanResources invites you to the time tracking of Lumen."));
        assert!(mail.text.contains("Role: employee\nGood until: 28 September 2026, 14:05 UTC\n"));
        assert!(mail.text.contains("\nhttps://time.example.com/accept-invitation?token=a.b.c\n"));
        assert!(invited(&InvitationFacts { inviter: None, ..facts }).text.contains("You are invited to"));

        let mail = reset_requested("Lumen", &link("reset-password"));
        assert!(mail.text.contains("Company: Lumen\nGood until: 28 September 2026, 14:05 UTC\n"));
        assert!(mail.html.contains("href=\"https://time.example.com/reset-password?token=a.b.c\""));
        assert!(password_changed(WEB).text.contains("\nhttps://time.example.com/forgot-password\n"));
    }

    #[test]
    fn what_people_typed_is_text_in_the_html() {
        let hostile = WeekFacts {
            owner: "<script>alert(1)</script>",
            actor: "\"><img src=x onerror=alert(1)>",
            reason: Some("a & b <i>'\"</i>"),
            ..week()
        };
        for mail in [submitted(&hostile, WEB), approved(&hostile, WEB), rejected(&hostile, WEB)] {
            for tag in ["<script", "<img", "<i>"] {
                assert!(!mail.html.contains(tag), "{tag} in {}", mail.html);
            }
        }
        assert!(rejected(&hostile, WEB).html.contains("a &amp; b &lt;i&gt;&#39;&quot;&lt;/i&gt;"));
        assert!(
            submitted(&hostile, WEB).html.contains("<title>&lt;script&gt;alert(1)&lt;/script&gt; submitted")
        );
    }

    #[test]
    fn no_subject_tells_hours_or_reasons() {
        let secret = WeekFacts { total_minutes: 2790, reason: Some("SECRET"), ..week() };
        for mail in [submitted(&secret, WEB), approved(&secret, WEB), rejected(&secret, WEB)] {
            assert!(!mail.subject.contains("46:30") && !mail.subject.contains("SECRET"), "{}", mail.subject);
        }
    }

    #[test]
    fn the_html_follows_dark_mode_and_has_the_link() {
        let html = submitted(&week(), WEB).html;
        assert!(html.contains("<meta name=\"color-scheme\" content=\"light dark\">"));
        assert!(html.contains("href=\"https://time.example.com/team/approvals?week=2026-09-14\""));
        assert!(html.contains("<strong>46:30 (6:30 over the weekly limit of 40:00)</strong>"));
    }

    #[test]
    fn periods_and_numbers_read_well() {
        assert_eq!(period(day("2026-09-01"), day("2026-09-01")), "1 September 2026");
        assert_eq!(period(day("2026-09-01"), day("2026-09-14")), "1–14 September 2026");
        assert_eq!(period(day("2025-12-29"), day("2026-01-04")), "29 December 2025 – 4 January 2026");
        assert_eq!((grouped(0), grouped(999), grouped(1_000)), ("0".into(), "999".into(), "1,000".into()));
        assert_eq!(
            (size(999), size(1_500), size(2_000_000_000)),
            ("999 bytes".into(), "1.5 kB".into(), "2.0 GB".into())
        );
        assert_eq!((hours(0), hours(65), hours(6_000)), ("0:00".into(), "1:05".into(), "100:00".into()));
    }
}
