//! While PostgreSQL does not answer, the last known report is given and says so, or "later".

use crate::support::{
    Api,
    chaos::{Chaos, Mode},
    required,
};
use chrono::Days;
use domain::Week;
use http::Method;
use serde_json::json;

#[tokio::test]
async fn without_postgresql_the_last_known_report_is_given_and_says_so() {
    // The proxy stands before the same server; which database is asked for is in the URL.
    let server = Chaos::before_url(&required("GOGOTIME_TEST_WORKER_URL")).await;
    for cache in [required("GOGOTIME_TEST_REDIS_URL"), "memory".to_owned()] {
        let api = Api::start_behind(&server, &[("CACHE_URL", &cache)]).await;
        let week = Week::of(api.app.now().date_naive() - Days::new(7));
        let (monday, sunday) = (week.start(), week.start() + Days::new(6));
        let path = |by: &str| format!("/api/reports/time?from={monday}&to={sunday}&groupBy={by}");
        let payroll = api.sign_in("payroll").await;
        let fresh = payroll.get(&path("user")).await;
        assert_eq!(fresh["cache"], if cache == "memory" { "off" } else { "miss" });

        for mode in [Mode::Refuse, Mode::Cut] {
            server.set(mode);
            let stale = payroll.send(Method::GET, &path("user"), None).await;
            assert!(!stale.headers.contains_key("etag"), "nobody may take it for the present state");
            let stale = stale.expect(200);
            assert_eq!(stale["cache"], "stale", "{mode:?}");
            for name in ["generatedAt", "dataVersion", "rows", "total"] {
                assert_eq!(stale[name], fresh[name], "{name}");
            }
            let unknown = payroll.send(Method::GET, &path("day"), None).await;
            assert_eq!(unknown.status, 503, "{mode:?}: nobody ever asked for this one");
            assert!(unknown.headers.contains_key("retry-after"));
        }

        server.set(Mode::Pass);
        let again = payroll.get(&path("user")).await;
        assert!(again["cache"] == "hit" && again["total"] == fresh["total"], "{again}");
        // What was written meanwhile, by whoever could, is there at once.
        let row = json!({
            "activityLabel": "Work", "timeCodeId": api.company.code, "billable": "auto", "location": "Office",
            "countryCode": "US", "entries": [{ "day": monday, "minutes": 480 }],
        });
        let sheet = format!("/api/timesheet/weeks/{week}/timesheet");
        api.sign_in("employee").await.put(&sheet, json!({ "rows": [row] })).await;
        assert_eq!(payroll.get(&path("user")).await["total"]["minutes"], 480);
    }
}
