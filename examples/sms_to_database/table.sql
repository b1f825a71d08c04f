CREATE TABLE IF NOT EXISTS sms (
    event_id    text PRIMARY KEY, -- an event that comes twice is one row
    message_id  text NOT NULL,
    sender      text NOT NULL,
    recipient   text NOT NULL,
    message     text NOT NULL,
    received_at timestamptz NOT NULL
);
