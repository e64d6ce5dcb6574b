"""The organisation looking at itself: internal audit and management review (9.2, 9.3)."""
