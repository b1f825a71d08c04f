"""The ARM routes: the one management API."""
