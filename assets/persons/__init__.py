"""Persons in the rows: pseudonyms and their keys, what is redacted, who is left out."""
