"""What somebody has to approve before it counts: assessments, references, releases (6.1.4, 8.4, A.6.2.5)."""
