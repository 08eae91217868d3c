//! Exports: asking for files of the company's time, watching them come, fetching them.

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod body;
mod create;
mod download;
mod list;
mod show;

app::routes! {
    list::list_exports,
    create::create_export,
    show::show_export,
    download::download_export,
}
