//! Computing a report anew before it expires: an answer that is due asks for it, `queue-reports` does it.

use crate::{
    Definition, Report, Viewer,
    reply::{Failed, compute, name, wanted},
    saved::each,
};
use app::App;
use domain::Event;
use serde_json::Value;

/// Asks for it. The message is left to the relay, which sends it within a minute: there is time enough, and so the
/// functions that answer need no client of SQS. Failing to ask only means that somebody will wait for it once.
pub(crate) async fn ask<R: Report>(app: &App, viewer: &Viewer, asked: &R) {
    if let Err(error) = record(app, viewer, asked).await {
        tracing::warn!(%error, report = R::NAME, "nobody is asked to compute this report anew");
    }
}

async fn record<R: Report>(app: &App, viewer: &Viewer, asked: &R) -> db::Result<()> {
    let definition = definition(asked).ok_or(db::Error::BadValue)?;
    let mut tx = app.db().tenant(viewer.company).await?;
    tx.record(Event::ReportAging { user_id: viewer.user, definition });
    let _ = tx.commit(&app::trace()).await?;
    Ok(())
}

/// The parameters as a [`Definition`] has them.
fn definition<R: Report>(asked: &R) -> Option<Value> {
    let mut definition = serde_json::to_value(asked).ok()?;
    definition.as_object_mut()?.insert("report".into(), R::NAME.into());
    Some(definition)
}

/// Computes it anew and keeps it in place of the one that is due; whether it was done. It is not if the definition is
/// of another release, if somebody else is at it, or if there is no shared cache.
pub async fn refresh(app: &App, viewer: &Viewer, definition: &Value) -> db::Result<bool> {
    match Definition::read(definition) {
        Ok(definition) => each!(definition, asked => one(app, viewer, &asked).await),
        Err(_) => Ok(false),
    }
}

async fn one<R: Report>(app: &App, viewer: &Viewer, asked: &R) -> db::Result<bool> {
    let Ok(name) = name(viewer, asked) else { return Ok(false) };
    let wanted = match wanted(app, viewer, asked, name).await {
        Ok(wanted) => wanted,
        Err(Failed::Refused(_)) => return Ok(false),
        Err(Failed::Database(error)) => return Err(error),
    };
    let computing = compute(app, viewer, asked, &wanted);
    Ok(app.cache().await.refresh(&wanted.lookup, app.now(), computing).await?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::MAX_ROWS;
    use serde::Deserialize;
    use serde_json::json;

    #[test]
    fn every_report_travels_as_the_definition_that_it_is() {
        // serde names all that there are.
        let none = Definition::deserialize(json!({ "report": "" })).unwrap_err().to_string();
        let names: Vec<_> = none.split('`').skip(3).step_by(2).collect();
        assert!(names.contains(&"time") && names.len() >= 8, "{none}");
        for name in names {
            let written = json!({ "report": name, "from": "2026-09-01", "to": "2026-09-30", "timeZone": "Asia/Kolkata" });
            let read = Definition::read(&written).unwrap_or_else(|_| panic!("{name}"));
            let (one, file) = each!(read.clone(), asked => {
                let mut whole = asked.clone();
                whole.whole(MAX_ROWS + 1);
                (definition(&asked).unwrap(), definition(&whole).unwrap())
            });
            assert_eq!(Definition::read(&one).ok(), Some(read), "{name}");
            assert!(Definition::read(&file).is_ok(), "{name}: {file}");
        }
    }
}
