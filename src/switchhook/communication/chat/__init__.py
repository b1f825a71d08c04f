"""Chat: threads, messages, participants, read receipts and typing."""
