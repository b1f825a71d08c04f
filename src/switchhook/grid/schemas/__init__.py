"""The wire forms of an event: what is accepted in each, kept in the log, and delivered."""
