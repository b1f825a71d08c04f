"""Adapters of the storage ports: one module a store."""
