"""A batch as it came: taken in, checked, and held against the batches beside it."""
