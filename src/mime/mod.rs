//! Placeholder until the real module is merged.
#[derive(Debug)]
pub struct Outline;
