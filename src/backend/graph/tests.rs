//! Graph against a tenant.
