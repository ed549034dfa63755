//! What happens, as verbs. Flows open transactions, call the store and the platforms, and decide;
//! they know nothing of HTTP requests or answers.

pub(crate) mod again;
pub mod announce;
pub mod budget;
pub mod callback;
pub mod callbacks;
pub mod calls;
pub mod comments;
pub mod connect;
pub mod deliver;
pub mod disconnect;
pub mod doctor;
pub mod events;
pub mod import;
pub mod ingest;
pub mod keys;
pub mod knocks;
pub mod limits;
pub mod line;
pub mod log;
pub mod media;
pub mod menus;
mod metadata;
pub mod outcome;
pub mod people;
pub mod private_reply;
pub mod react;
pub mod receive;
pub mod reconcile;
pub mod reconnect;
pub mod recover;
pub mod remint;
pub mod renew;
pub mod replay;
pub mod restriction;
pub mod send;
pub mod signers;
pub mod subscriptions;
pub mod turns;
pub mod walk;
pub mod window;

use posta_core::failure::{Code, ConnectorError, Retry};

/// Why a flow did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// It may not or cannot be done.
    #[error(transparent)]
    Refused(#[from] Box<ConnectorError>),
    /// A field of the request is at fault.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] posta_store::Error),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
}

/// A field of a request with which it cannot be carried out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// What is wrong with it.
    pub code: Code,
    /// The field, by its name in the unified API.
    pub param: String,
    /// What is wrong, for people.
    pub message: String,
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
