//! Teams and their members.

use crate::support::Api;
use http::Method;
use serde_json::json;

#[tokio::test]
async fn a_team_is_made_renamed_and_deleted_and_the_audit_log_knows() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let team = hr.post("/api/teams", json!({ "name": " Data " }), 200).await;
    assert_eq!(
        (&team["name"], &team["version"], &team["deletedAt"]),
        (&json!("Data"), &json!(1), &json!(null))
    );
    let path = format!("/api/teams/{}", team["id"].as_str().unwrap());
    assert_eq!(hr.put(&path, json!({ "name": "Data & AI", "version": 1 })).await["version"], 2);
    let stale = hr.send(Method::PUT, &path, Some(json!({ "name": "x", "version": 1 }))).await.expect(409);
    assert_eq!(stale["current"]["name"], "Data & AI");
    hr.delete(&path, 204).await;
    hr.send(Method::GET, &path, None).await.expect(404);
    let owner = api.database.owner().await;
    let audited: Vec<String> = owner
        .query("select action from audit_logs where entity = 'team' order by created_at, id", &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(audited, ["created", "updated", "deleted"]);
}

#[tokio::test]
async fn a_repeated_request_with_the_same_key_creates_one_team() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let send = |name: &'static str| {
        hr.send_with(Method::POST, "/api/teams", Some(json!({ "name": name })), |request| {
            request.header("idempotency-key", "k1")
        })
    };
    let first = send("Once").await;
    let again = send("Once").await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(first.expect(200)["id"], again.expect(200)["id"]);
    send("Twice").await.expect(422);
    let teams = hr.get("/api/teams").await;
    assert_eq!(teams.as_array().unwrap().iter().filter(|team| team["name"] == "Once").count(), 1);
}

#[tokio::test]
async fn members_join_change_their_role_and_leave() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let path = format!("/api/teams/{}/members", api.company.team);
    assert_eq!(hr.get(&path).await.as_array().unwrap().len(), 3);
    let payroll = api.company.person("payroll").id;
    for (role, expected) in [("member", "member"), ("lead", "lead")] {
        let member = hr.post(&path, json!({ "userId": payroll, "role": role }), 200).await;
        assert_eq!(member["role"], expected);
    }
    hr.delete(&format!("{path}/{payroll}"), 204).await;
    hr.delete(&format!("{path}/{payroll}"), 404).await;
    api.sign_in("manager").await.send(Method::DELETE, &format!("{path}/{payroll}"), None).await.expect(403);
}
