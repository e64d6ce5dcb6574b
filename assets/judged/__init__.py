"""What is made of landed rows: reference, profiles, measurements, verdicts, candidates, assessments in force."""
