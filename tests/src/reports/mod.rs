//! Reports: each equals the plain sum over the entries, on random data and after random changes.

mod data;
mod rollups;

pub(crate) use data::Data;
