//! Live updates with the official client, unchanged: what it missed comes again, what cannot come again is
//! said, and a right that ends is ended on the open socket.

use crate::support::{Backends, Company, Script, World, eventually};
use reqwest::Method;
use serde_json::json;

const WEEK: &str = "2026-11-16";

async fn start() -> World {
    World::start(Backends { redis: false, sqs: false, live: true }).await
}

fn client(world: &World, role: &str, channel: &str, more: &[(&str, String)]) -> Script {
    let mut env = vec![
        ("API", format!("http://{}", world.local.addr())),
        ("EMAIL", world.company.person(role).email.clone()),
        ("CHANNEL", channel.to_owned()),
    ];
    env.extend(more.iter().map(|(name, value)| (*name, value.clone())));
    Script::start("centrifuge.mjs", &env)
}

/// One change of the employee's week.
async fn change(world: &World, minutes: i32) {
    let row = json!({
        "activityLabel": "Work", "timeCodeId": world.company.code, "billable": "auto", "location": "Office",
        "countryCode": "US", "entries": [{ "day": WEEK, "minutes": minutes }],
    });
    let employee = world.log_in("employee").await;
    employee.put(&format!("/api/timesheet/weeks/{WEEK}/timesheet"), json!({ "rows": [row] })).await;
}

/// Waits until the team's history has `n` publications.
async fn published(world: &World, n: i64) {
    let owner = world.database.owner().await;
    let channel = format!("team:{}", world.company.team);
    eventually("the publication", || async {
        let row = owner
            .query_one("select count(*) from live_publications where channel = $1", &[&channel])
            .await
            .unwrap();
        (row.get::<_, i64>(0) == n).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_was_away_gets_what_it_missed_and_learns_what_it_cannot_get() {
    let world = start().await;
    let mut manager = client(&world, "manager", "TEAM", &[]);
    manager.event("subscribed").await;
    change(&world, 60).await;
    assert_eq!(manager.event("publication").await["offset"], 1);

    manager.tell(json!({ "cmd": "disconnect" })).await;
    manager.event("disconnected").await;
    change(&world, 120).await;
    published(&world, 2).await;
    manager.tell(json!({ "cmd": "connect" })).await;
    let back = manager.event("subscribed").await;
    assert_eq!((&back["recovered"], &back["wasRecovering"]), (&json!(true), &json!(true)), "{back}");
    let missed = manager.event("publication").await;
    assert_eq!((&missed["offset"], &missed["data"]["totalMinutes"]), (&json!(2), &json!(120)));

    // A history that is gone: the client is told, it is not left with a silent gap.
    manager.tell(json!({ "cmd": "disconnect" })).await;
    manager.event("disconnected").await;
    change(&world, 180).await;
    published(&world, 3).await;
    world.database.owner().await.execute("delete from live_publications", &[]).await.unwrap();
    manager.tell(json!({ "cmd": "connect" })).await;
    let back = manager.event("subscribed").await;
    assert_eq!((&back["recovered"], &back["wasRecovering"]), (&json!(false), &json!(true)), "{back}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_are_checked_at_subscribe_and_again_at_every_delivery() {
    let world = start().await;
    let stranger = Company::create(&world.database, "Elsewhere").await;
    let foreign = format!("team:{}", stranger.team);
    let mut outsider = client(&world, "project_code_admin", &foreign, &[]);
    let refused = outsider.wait("refusal", |e| e["code"] == 103).await;
    assert_ne!(refused["event"], "subscribed");
    let mut colleague = client(&world, "employee", &format!("team:{}", world.company.team), &[]);
    colleague.wait("refusal", |e| e["code"] == 103).await;

    let mut manager = client(&world, "manager", "TEAM", &[]);
    manager.event("subscribed").await;
    let owner = world.database.owner().await;
    owner.execute("update team_members set role = 'member' where role = 'lead'", &[]).await.unwrap();
    change(&world, 60).await;
    let ended = manager
        .wait("end of the right", |e| e["event"] == "unsubscribed" || e["event"] == "publication")
        .await;
    assert_eq!(ended["event"], "unsubscribed", "{ended}");
    assert!(
        world
            .log_in("manager")
            .await
            .send(Method::GET, &format!("/api/dashboard/team:{}", world.company.team), None)
            .await
            .status()
            .is_client_error()
    );
}
