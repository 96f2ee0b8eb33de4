"""What others write against the API: documents, a protocol, and a client that follows it."""
