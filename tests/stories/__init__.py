"""The seed, sentence by sentence, through the API and the mailbox."""
