"""The ledger and what makes it provable: canonical bytes, database, checkpoints, exports, offline verifier (7.5)."""
