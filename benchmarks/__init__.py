"""What a batch costs, beside the peers' own calls on the same files. See README.md in this folder."""
