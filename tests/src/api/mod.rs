//! What each resource promises, one module each.

mod auth;
mod calendar;
mod codes;
mod company;
mod edge;
mod entries;
mod exports;
mod leave;
mod roles;
mod teams;
mod timesheets;
mod users;
