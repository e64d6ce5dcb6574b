"""The imports, put to what the peers themselves published: `make peers`, asked for by hand because it needs the network.

No file of a peer is kept here. `repositories` has their public repositories at pinned commits, `examples` finds in
them what has the shape of a format, `trips` puts each through the import and back, `parts` asks whether a part of a
document was lost without a word, and `rows` makes the data on which Great Expectations itself is asked.
"""
