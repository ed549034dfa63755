//! What the Graph API platforms share.
