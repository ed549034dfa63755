//! What the Graph API platforms share: calls, the error envelope, and webhook signatures.

pub(crate) mod errors;
pub(crate) mod graph;
pub(crate) mod logbook;
pub(crate) mod sign;
