"""Who carries messages to the phones: the port, and the carriers that are built in."""
