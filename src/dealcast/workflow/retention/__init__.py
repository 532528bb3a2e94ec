"""How long a store keeps what: old runs and versions go, and what people ask to be erased."""
