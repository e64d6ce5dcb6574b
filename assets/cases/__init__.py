"""Open cases followed: candidates for the cause, extent, later batches."""
