"""The two wire forms of an event: each module parses one and renders it."""
