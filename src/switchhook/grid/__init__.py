"""The event router: everything an Event Grid is."""
