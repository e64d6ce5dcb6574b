"""Who may act, as what, and through which door (5.3, A.3.2)."""
