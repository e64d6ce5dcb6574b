"""Forms of personal data that can be told from their writing alone, for everything that must not keep any (A.7.2)."""
