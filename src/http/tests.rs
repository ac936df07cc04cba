//! The scheduler and its retries against a stub.
