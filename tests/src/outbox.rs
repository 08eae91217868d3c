//! The spine under stress: nothing lost, no effect twice (`docs/architecture.md`, "Invariants").

use crate::support::{Company, Database, app};
use app::{App, Delivery, Failure};
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use db::{Db, outbox};
use domain::{
    CompanyId, Event, ExportId, MESSAGE_VERSION, Message, MessageId, QueueName, TimesheetChange, TimesheetId,
    TimesheetStatus, Trace, Week,
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeSet, HashSet},
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(60);

fn event() -> Event {
    Event::ExportRequested { export_id: ExportId::new() }
}

async fn record(db: &Db, company: CompanyId, events: usize) {
    let mut tx = db.tenant(company).await.unwrap();
    for _ in 0..events {
        tx.record(event());
    }
    let _ = tx.commit(&Trace::default()).await.unwrap();
}

async fn claim(db: &Db, limit: i64, lease: Duration) -> Vec<outbox::Claimed> {
    let tx = db.system().await.unwrap();
    let claimed = outbox::claim(&tx, QueueName::Exports, limit, lease).await.unwrap();
    let _ = tx.commit(&Trace::default()).await.unwrap();
    claimed
}

async fn delete(db: &Db, rows: &[outbox::Claimed]) -> u64 {
    let tx = db.system().await.unwrap();
    let done: Vec<_> = rows.iter().map(|row| (row.id, row.claim)).collect();
    let deleted = outbox::delete(&tx, &done).await.unwrap();
    let _ = tx.commit(&Trace::default()).await.unwrap();
    deleted
}

/// Ids are given out before commit, so a transaction that began first and commits last writes ids that a
/// cursor has already passed. Eight writers, each committing in an order of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_naive_id_cursor_loses_rows_and_the_outbox_loses_none() {
    let database = Database::create().await;
    let company = Company::create(&database, "Order").await.id;
    let db = database.db(&[]);
    let (writers, rounds) = (8, 40);

    let writing = async {
        join_all((0..writers).map(|writer| {
            let client = database.owner();
            async move {
                let mut client = client.await;
                for round in 0..rounds {
                    let tx = client.transaction().await.unwrap();
                    let id = Uuid::now_v7(); // given out now …
                    // … and committed later, by a writer-dependent while: ids commit out of order.
                    tx.execute("select pg_sleep($1)", &[&(f64::from((writer * 7 + round * 3) % 5) / 1000.0)])
                        .await
                        .unwrap();
                    tx.execute(
                        "insert into outbox (id, company_id, queue, topic, message)
                         values ($1, $2, 'exports', 'export.requested', '{}')",
                        &[&id, &company.0],
                    )
                    .await
                    .unwrap();
                    tx.commit().await.unwrap();
                }
            }
        }))
        .await;
    };
    let writing_done = std::sync::atomic::AtomicBool::new(false);
    let done = &writing_done;
    let naive = async {
        let client = database.owner().await;
        let (mut cursor, mut seen) = (Uuid::nil(), HashSet::new());
        loop {
            let last_look = done.load(std::sync::atomic::Ordering::SeqCst);
            let rows =
                client.query("select id from outbox where id > $1 order by id", &[&cursor]).await.unwrap();
            for row in &rows {
                cursor = row.get(0);
                seen.insert(cursor);
            }
            if last_look {
                return seen.len();
            }
            tokio::task::yield_now().await;
        }
    };
    let ours = async {
        let mut seen = BTreeSet::new();
        loop {
            let last_look = done.load(std::sync::atomic::Ordering::SeqCst);
            let rows = claim(&db, 100, LEASE).await;
            for row in &rows {
                assert!(seen.insert(row.id.0), "taken twice");
            }
            if last_look && rows.is_empty() {
                return seen.len();
            }
        }
    };
    let writing = async {
        writing.await;
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    let ((), naive, ours) = tokio::join!(writing, naive, ours);
    let all = usize::try_from(writers * rounds).unwrap();
    println!("{all} rows: the naive cursor saw {naive}, the outbox gave out {ours}");
    assert!(naive < all, "the naive reader lost nothing: this test proves nothing");
    assert_eq!(ours, all);
}

#[tokio::test]
async fn an_aborted_change_leaves_no_message_and_a_crash_before_publishing_loses_none() {
    let database = Database::create().await;
    let company = Company::create(&database, "Crash").await.id;
    let db = database.db(&[QueueName::Exports]); // as with SQS: rows are born claimed by their request

    let mut aborted = db.tenant(company).await.unwrap();
    aborted.record(event());
    aborted.execute("update companies set name = 'Gone'", &[]).await.unwrap();
    drop(aborted);

    let mut tx = db.tenant(company).await.unwrap();
    tx.record(event());
    let committed = tx.commit(&Trace::default()).await.unwrap();
    assert_eq!(committed.remote.len(), 1);
    drop(committed); // the process dies here: committed, never published

    assert!(claim(&db, 10, LEASE).await.is_empty(), "the request still had time to publish");
    let owner = database.owner().await;
    owner.execute("update outbox set claimed_until = now() - interval '1 second'", &[]).await.unwrap();
    let swept = claim(&db, 10, LEASE).await;
    assert_eq!(swept.len(), 1, "exactly the committed one");
    assert_eq!(delete(&db, &swept).await, 1);
    let name: String = owner.query_one("select name from companies", &[]).await.unwrap().get(0);
    assert_eq!(name, "Crash");
}

/// Outbox, data version and COMMIT are sent together; a refusal of the first must undo the change all the same.
#[tokio::test]
async fn a_change_whose_message_cannot_be_written_is_not_made() {
    let database = Database::create().await;
    let company = Company::create(&database, "Whole").await.id;
    let db = database.db(&[]);
    let owner = database.owner().await;
    owner
        .batch_execute(
            "create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
             create trigger refuse before insert on outbox for each row execute function refuse()",
        )
        .await
        .unwrap();
    for _ in 0..2 {
        // The second time with every statement prepared already: all of it in one round trip.
        let mut tx = db.tenant(company).await.unwrap();
        tx.execute("update companies set name = 'Half'", &[]).await.unwrap();
        tx.record(event());
        tx.touch_reports();
        assert!(tx.commit(&Trace::default()).await.is_err());
    }
    let row = owner
        .query_one("select name, (select count(*) from data_version) from companies", &[])
        .await
        .unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i64>(1)), ("Whole", 0));
    let tx = db.reader(company).await.unwrap();
    assert_eq!(
        tx.query("select from companies", &[]).await.unwrap().len(),
        1,
        "the connection is good for more"
    );
}

#[tokio::test]
async fn a_request_that_published_late_does_not_delete_what_the_relay_took() {
    let database = Database::create().await;
    let company = Company::create(&database, "Late").await.id;
    let db = database.db(&[QueueName::Exports]);
    let mut tx = db.tenant(company).await.unwrap();
    tx.record(event());
    let committed = tx.commit(&Trace::default()).await.unwrap();
    let owner = database.owner().await;
    owner.execute("update outbox set claimed_until = now() - interval '1 second'", &[]).await.unwrap();
    let taken = claim(&db, 10, LEASE).await;
    // The slow request finishes publishing now. Both have sent it; the consumer knows the id.
    let tx = db.tenant(company).await.unwrap();
    let ids: Vec<_> = committed.remote.iter().map(|(_, message)| message.id).collect();
    assert_eq!(outbox::published(&tx, &ids).await.unwrap(), 0);
    let _ = tx.commit(&Trace::default()).await.unwrap();
    assert_eq!(taken[0].id, ids[0]);
    assert_eq!(delete(&db, &taken).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_never_take_the_same_message() {
    let database = Database::create().await;
    let company = Company::create(&database, "Twins").await.id;
    let db = database.db(&[]);
    record(&db, company, 300).await;
    let relay = || async {
        let mut mine = Vec::new();
        loop {
            let rows = claim(&db, 7, LEASE).await;
            if rows.is_empty() {
                return mine;
            }
            mine.extend(rows.iter().map(|row| row.id));
            delete(&db, &rows).await;
        }
    };
    let (one, two) = tokio::join!(relay(), relay());
    let together: BTreeSet<_> = one.iter().chain(&two).collect();
    assert_eq!((one.len() + two.len(), together.len()), (300, 300));
}

#[tokio::test]
async fn a_lease_that_ran_out_gives_its_holder_no_rights() {
    let database = Database::create().await;
    let company = Company::create(&database, "Fence").await.id;
    let db = database.db(&[]);
    record(&db, company, 1).await;
    let paused = claim(&db, 10, Duration::ZERO).await;
    let active = claim(&db, 10, LEASE).await;
    assert_eq!((paused[0].id, paused[0].attempts, active[0].attempts), (active[0].id, 1, 2));
    assert_eq!(delete(&db, &paused).await, 0, "the paused relay resumes, too late");
    let tx = db.system().await.unwrap();
    assert!(!outbox::postpone(&tx, paused[0].id, paused[0].claim, LEASE, "too late").await.unwrap());
    let _ = tx.commit(&Trace::default()).await.unwrap();
    assert_eq!(delete(&db, &active).await, 1);
}

#[tokio::test]
async fn five_failed_deliveries_make_a_dead_letter() {
    let database = Database::create().await;
    let company = Company::create(&database, "Dead").await.id;
    let db = database.db(&[]);
    record(&db, company, 1).await;
    for attempt in 1..=outbox::MAX_DELIVERIES {
        let rows = claim(&db, 10, Duration::ZERO).await;
        assert_eq!(rows[0].attempts, attempt);
    }
    assert!(claim(&db, 10, Duration::ZERO).await.is_empty());
    let tx = db.system().await.unwrap();
    let backlog = outbox::backlog(&tx).await.unwrap();
    assert_eq!((backlog[0].waiting, backlog[0].dead), (0, 1));
}

#[tokio::test]
async fn a_company_with_much_to_send_delays_nobody() {
    let database = Database::create().await;
    let loud = Company::create(&database, "Loud").await.id;
    let quiet = Company::create(&database, "Quiet").await.id;
    let db = database.db(&[]);
    record(&db, loud, 500).await;
    record(&db, quiet, 1).await;
    let first = claim(&db, 10, LEASE).await;
    assert_eq!(first.len(), 10);
    assert_eq!(first.iter().filter(|row| row.company == Some(quiet.0)).count(), 1);
}

#[tokio::test]
async fn a_message_can_wait_before_its_first_delivery() {
    let database = Database::create().await;
    let db = database.db(&[]);
    let mut tx = db.system().await.unwrap();
    tx.record(Event::ConnectionOpened { connection_id: "c".into() });
    let _ = tx.commit(&Trace::default()).await.unwrap();
    let tx = db.system().await.unwrap();
    assert!(outbox::claim(&tx, QueueName::Live, 10, LEASE).await.unwrap().is_empty());
    let row =
        tx.query_one("select available_at > now() + interval '10 seconds' as later from outbox", &[]).await;
    assert!(row.unwrap().get::<_, bool>("later"));
}

// ---------------------------------------------------------------------------------------- the batch loop

fn message(company: CompanyId, event: Event) -> Message {
    Message {
        id: MessageId::new(),
        v: MESSAGE_VERSION,
        company_id: Some(company),
        occurred_at: chrono::Utc::now(),
        trace: Trace::default(),
        event,
    }
}

fn batch(bodies: &[String]) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = bodies
        .iter()
        .enumerate()
        .map(|(n, body)| {
            let mut record = SqsMessage::default();
            record.message_id = Some(n.to_string());
            record.receipt_handle = Some(format!("{}:{}", Uuid::new_v4(), Uuid::new_v4()));
            record.body = Some(body.clone());
            record.attributes.insert("ApproximateReceiveCount".into(), "1".into());
            record
        })
        .collect();
    event
}

type Handled = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

async fn failed(
    app: &App,
    concurrency: usize,
    bodies: &[String],
    time: Duration,
    handler: &(dyn Fn(App, Delivery) -> Handled + Send + Sync + 'static),
) -> Vec<String> {
    let deadline = Instant::now() + time;
    let reply =
        app::handle_batch(app, QueueName::Exports, concurrency, handler, batch(bodies), deadline).await;
    reply.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

#[tokio::test]
async fn each_record_fails_for_itself() {
    let database = Database::create().await;
    let company = Company::create(&database, "Batch").await.id;
    let folder = tempfile::tempdir().unwrap();
    let app = app(&database, folder.path(), &[]);
    let body = |m: &Message| serde_json::to_string(m).unwrap();
    let (good, panics, errs, hangs) = (
        message(company, event()),
        message(company, event()),
        message(company, event()),
        message(company, event()),
    );
    let mut newer: serde_json::Value = serde_json::to_value(&good).unwrap();
    newer["v"] = 99.into();
    let bodies = [
        body(&good),
        "not JSON".into(),
        body(&panics),
        newer.to_string(),
        body(&errs),
        r#"{"v":1}"#.into(),
        body(&hangs),
        body(&message(company, event())),
    ];
    let (panics, errs, hangs) = (panics.id, errs.id, hangs.id);
    let handler = move |_: App, delivery: Delivery| -> Handled {
        Box::pin(async move {
            let id = delivery.message.id;
            assert!(id != panics, "a defect in one message");
            if id == errs {
                return Err(Failure::new("refused"));
            }
            if id == hangs {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    };
    for concurrency in [1, 5] {
        let failed = failed(&app, concurrency, &bodies, Duration::from_secs(2), &handler).await;
        // One at a time, the record behind the hanging one is not begun: it comes again, too.
        let expected: &[&str] = if concurrency == 1 {
            &["1", "2", "3", "4", "5", "6", "7"]
        } else {
            &["1", "2", "3", "4", "5", "6"]
        };
        assert_eq!(failed, expected, "concurrency {concurrency}");
    }
}

// ---------------------------------------------------------------------------------------- effects

fn submitted(company: &Company) -> Message {
    let employee = company.person("employee").id;
    message(
        company.id,
        Event::TimesheetSubmitted(TimesheetChange {
            timesheet_id: TimesheetId::new(),
            user_id: employee,
            week_start: Week::parse("2026-11-23").unwrap(),
            status: TimesheetStatus::Submitted,
            total_minutes: 2400,
            version: 2,
            submitted_at: Some(chrono::Utc::now()),
            actor_id: employee,
            reason: None,
        }),
    )
}

fn delivery(message: &Message) -> Delivery {
    Delivery {
        message: message.clone(),
        attempt: 1,
        last_attempt: false,
        deadline: Instant::now() + Duration::from_secs(60),
    }
}

#[tokio::test]
async fn a_message_delivered_twice_or_at_the_same_time_sends_one_mail() {
    let database = Database::create().await;
    let company = Company::create(&database, "Mail").await;
    let folder = tempfile::tempdir().unwrap();
    let app = app(&database, folder.path(), &[]);
    let message = submitted(&company);
    let send = || queue_notifications::handle(app.clone(), delivery(&message));
    // At the same time: whoever finds the mail in the other's hands fails, so that it would come again.
    let outcomes = join_all((0..4).map(|_| send())).await;
    assert!(outcomes.iter().any(Result::is_ok));
    send().await.unwrap();
    send().await.unwrap();
    let owner = database.owner().await;
    let row = owner
        .query_one("select count(*), min(status::text), min(attempts) from email_logs", &[])
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>(1), row.get::<_, i32>(2)), (1, "SENT", 1));
    assert_eq!(std::fs::read_dir(folder.path().join("mail")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_crash_between_claim_and_send_delays_the_mail_but_does_not_lose_it() {
    let database = Database::create().await;
    let company = Company::create(&database, "Lease").await;
    let folder = tempfile::tempdir().unwrap();
    let app = app(&database, folder.path(), &[]);
    let message = submitted(&company);
    queue_notifications::handle(app.clone(), delivery(&message)).await.unwrap();
    let owner = database.owner().await;
    // As a crash leaves it: claimed, not marked, the lease still running.
    owner
        .execute("update email_logs set status = 'SENDING', claimed_until = now() + interval '1 minute'", &[])
        .await
        .unwrap();
    std::fs::remove_dir_all(folder.path().join("mail")).unwrap();
    assert!(queue_notifications::handle(app.clone(), delivery(&message)).await.is_err(), "must come again");
    owner.execute("update email_logs set claimed_until = now() - interval '1 second'", &[]).await.unwrap();
    queue_notifications::handle(app, delivery(&message)).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("mail")).unwrap().count(), 1);
}
