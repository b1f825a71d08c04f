"""Real time: chat pushed to browsers, and who of the users is connected."""
