"""Identity: users of a resource and their access tokens."""
