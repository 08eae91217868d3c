//! The roll-ups' views equal the plain sums over the entries at any moment, folded or not.

use super::Data;
use crate::support::Api;

/// Differences between each view and the entries, at every grain; `%` is the key's columns.
const CHECKS: [(&str, &str); 4] = [
    (
        "users",
        "select grain, start, user_id::text as key, sum(minutes), sum(billable_minutes), sum(absence_minutes),
                sum(approved_minutes), sum(pending_minutes), sum(entries), 0::numeric as days
         from report_users where company_id = $1 group by 1, 2, 3",
    ),
    (
        "teams",
        "select grain, start, team_id::text as key, sum(minutes), sum(billable_minutes), sum(absence_minutes),
                sum(approved_minutes), sum(pending_minutes), sum(entries), 0::numeric as days
         from report_teams where company_id = $1 group by 1, 2, 3",
    ),
    (
        "places",
        "select grain, start, concat_ws(' ', user_id, work_mode, country) as key, sum(minutes), sum(billable_minutes),
                sum(absence_minutes), sum(approved_minutes), sum(pending_minutes), sum(entries), sum(days)
         from report_places where company_id = $1 group by 1, 2, 3",
    ),
    (
        "codes",
        "select grain, start, concat_ws(' ', action_code_id, work_mode, country, billable, status) as key, sum(minutes),
                0::numeric, 0::numeric, 0::numeric, 0::numeric, sum(entries), 0::numeric as days
         from report_codes where company_id = $1 group by 1, 2, 3",
    ),
];

/// The same from the entries. A day of `places` counts once.
fn plain(view: &str) -> String {
    let measures = "sum(e.duration_min)::numeric,
        coalesce(sum(e.duration_min) filter (where is_billable(e.billable, c.billable_default, c.type)), 0)::numeric,
        coalesce(sum(e.duration_min) filter (where upper(c.code) in ('HOLIDAY', 'SICK')), 0)::numeric,
        coalesce(sum(e.duration_min) filter (where e.status in ('approved', 'invoiced')), 0)::numeric,
        coalesce(sum(e.duration_min) filter (where e.status = 'pending_approval'), 0)::numeric, count(*)::numeric";
    let none = "0::numeric as days";
    let (key, join, measures, days) = match view {
        "users" => ("e.user_id::text", "", measures, none),
        "teams" => (
            "m.team_id::text",
            "join team_members m on m.company_id = e.company_id and m.user_id = e.user_id and m.deleted_at is null",
            measures,
            none,
        ),
        "places" => (
            "concat_ws(' ', e.user_id, e.work_mode, e.country)",
            "",
            measures,
            "count(distinct e.day) filter (where e.duration_min > 0)::numeric as days",
        ),
        _ => (
            "concat_ws(' ', e.action_code_id, e.work_mode, e.country, e.billable, e.status)",
            "",
            "sum(e.duration_min)::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric, count(*)::numeric",
            none,
        ),
    };
    format!(
        "select g.grain, g.start, {key} as key, {measures}, {days}
         from timesheet_entries e
         join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
         {join}
         cross join lateral (values ('d'::\"char\", e.day), ('w'::\"char\", date_trunc('week', e.day)::date),
                                    ('m'::\"char\", date_trunc('month', e.day)::date)) as g (grain, start)
         where e.company_id = $1 and e.deleted_at is null
         group by 1, 2, 3"
    )
}

/// The differences of every view; those that count nothing do not matter.
async fn differences(data: &Data<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (view, sql) in CHECKS {
        let grains = if view == "places" { "grain <> 'w'" } else { "true" };
        let plain = plain(view);
        let sql = format!(
            "with shown (grain, start, key, a, b, c, d, e, f, days) as ({sql}),
                  plain (grain, start, key, a, b, c, d, e, f, days) as ({plain})
             select 'shown' as what, x::text as row from (select * from shown except select * from plain where {grains}) x
             where (x.a, x.b, x.c, x.d, x.e, x.f, x.days) <> (0, 0, 0, 0, 0, 0, 0)
             union all
             select 'plain', x::text from (select * from plain where {grains} except select * from shown) x"
        );
        for row in data.api.owner.query(&sql, &[&data.company.0]).await.expect("compares") {
            found.push(format!("{view} {}: {}", row.get::<_, String>("what"), row.get::<_, String>("row")));
        }
    }
    found
}

#[tokio::test]
async fn roll_ups_equal_the_plain_sums_after_any_changes() {
    let api = Api::start().await;
    let mut data = Data::create(&api, rand::random(), 200).await;
    for round in 0..60 {
        let found = differences(&data).await;
        assert!(found.is_empty(), "round {round}:\n{}", found.join("\n"));
        data.change().await;
    }
    // Without the folded part the comparison must fail, or it proves nothing.
    data.api.owner.batch_execute("delete from rollup_codes; delete from rollup_changes").await.unwrap();
    assert!(!differences(&data).await.is_empty());
    let tx = api.app.db().tenant(data.company).await.unwrap();
    db::rollups::rebuild(&tx, |_, _, _| {}).await.unwrap();
    api.app.commit_without_events(tx).await.unwrap();
    assert_eq!(differences(&data).await, Vec::<String>::new());
    data.change().await;
    assert_eq!(differences(&data).await, Vec::<String>::new());
}
