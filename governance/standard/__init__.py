"""The standard as data, in our own words: clauses, controls, cross-references, the clocks of other regimes."""
