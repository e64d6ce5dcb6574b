"""A simulation study with known answers: false alarms, power and coverage, ours beside what others do.

`columns` is about drift, `groups` about fairness, `bounds` about how often a bound lies beyond the truth; `pages`
makes the tables. What is kept are counts of runs, so that whoever reads the table can test it again.
"""
