"""What went wrong, and what people do about it: nonconformities, concerns, incidents (10.2, A.3.3, A.8)."""
