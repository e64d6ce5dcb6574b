"""`python -m pipelines` is the `aims` command."""

from pipelines.command import main

main()
