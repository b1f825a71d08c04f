"""What `make` runs besides the project's own dependencies."""
