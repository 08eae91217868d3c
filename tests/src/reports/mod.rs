//! Reports: each equals the plain sum over the entries, on random data and after random changes.

mod absences;
mod approvals;
mod attendance;
mod billing;
mod compliance;
mod crowd;
mod data;
mod places;
mod refresh;
mod rollups;
mod saved;
mod staff;
mod time;
mod utilisation;
mod vanishing;

pub(crate) use data::Data;
