//! `queue-reports`: computes reports anew that are asked for and will expire soon, so that nobody waits for them. With
//! the rights that their viewer has now; however often the message is delivered, it changes nothing but the cache.

use app::{App, Delivery, Failure};
use domain::Event;
use reports::Viewer;

/// Computes the report of one message. What cannot be computed any more is nothing to do: nobody will miss it.
pub async fn handle(app: App, delivery: Delivery) -> Result<(), Failure> {
    let Event::ReportAging { user_id, definition } = delivery.message.event else {
        return Err(Failure::new("not an aging report"));
    };
    let company = delivery.message.company_id.ok_or_else(|| Failure::new("a report of no company"))?;
    let viewer = {
        let tx = app.db().reader(company).await?;
        Viewer::read(&tx, company, user_id).await?
    };
    let Some(viewer) = viewer else {
        tracing::info!("its viewer may not see reports any more");
        return Ok(());
    };
    let refreshed = reports::refresh(&app, &viewer, &definition).await?;
    tracing::info!(refreshed, "report");
    Ok(())
}
