"""SMS: sending, delivery reports, receiving and opt-outs."""
