"""One AI system as its owner declares it, and what its impact assessment promises (4.3, 6.1.4, A.5)."""
