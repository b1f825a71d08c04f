"""What a team would build with the usual parts, tuned; a faster one is a valid patch."""
