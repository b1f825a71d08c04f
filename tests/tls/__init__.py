"""Certificates: files, rules and real clients."""
