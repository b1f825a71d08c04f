-- The rows that are due for their dead letter, apart from those that are due for an attempt: the
-- latter may be many, of subscriptions that take none now.

CREATE INDEX waiting_dead_letters_by_due_at ON waiting (due_at, position, subscription, run)
WHERE dead_letter_reason <> '';
