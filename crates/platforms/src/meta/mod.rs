//! What the Graph API platforms share: calls and the error envelope.

pub(crate) mod errors;
pub(crate) mod graph;
