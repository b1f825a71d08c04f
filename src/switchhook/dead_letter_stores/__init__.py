"""Where are dead letters put? Adapters of `grid.ports.DeadLetterStore`."""
