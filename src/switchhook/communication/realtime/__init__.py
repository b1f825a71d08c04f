"""Real time: what browsers are told of what happens in their chat threads."""
