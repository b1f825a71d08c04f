"""The official clients in a real browser."""
