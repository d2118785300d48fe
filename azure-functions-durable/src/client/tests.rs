//! What the client sends, through a transport that writes it down.
