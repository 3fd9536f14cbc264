//! What the fuzz targets do with their input. A panic is a finding.

#![forbid(unsafe_code)]

pub mod call;
pub mod plan;
mod random;
pub mod remote;
mod wat;
