//! placeholder
pub mod mime;
