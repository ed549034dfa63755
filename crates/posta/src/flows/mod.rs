//! What happens, as verbs. Flows open transactions, call the store and the platforms, and decide;
//! they know nothing of HTTP requests or answers.

pub mod announce;
pub mod budget;
pub mod callback;
pub mod connect;
pub mod deliver;
pub mod disconnect;
pub mod doctor;
pub mod events;
pub mod ingest;
pub mod keys;
pub mod knocks;
pub mod limits;
pub mod line;
mod metadata;
pub mod outcome;
pub mod receive;
pub mod renew;
pub mod send;
pub mod signers;
pub mod window;

use posta_core::failure::{Code, ConnectorError, Retry};

/// Why a flow did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// It may not or cannot be done.
    #[error(transparent)]
    Refused(#[from] Box<ConnectorError>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] posta_store::Error),
}

impl From<ConnectorError> for FlowError {
    fn from(error: ConnectorError) -> Self {
        Self::Refused(Box::new(error))
    }
}

/// Refuses something that would be refused again.
pub(crate) fn refusal(code: Code, message: impl Into<String>) -> Box<ConnectorError> {
    Box::new(ConnectorError::new(code, Retry::Permanent, message))
}
