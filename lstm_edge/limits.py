"""What is taken of a file, and of a model, at most: each limit with its reason.

A compilation is to end in a gigabyte of memory, and within seconds unless there is much to
calibrate on. A microcontroller holds a few megabytes; with memory beside it, tens.
"""

LARGEST_MODEL = 2**27
"""Bytes of a model's files, and of all arrays in them: 32 million numbers of float32."""
MOST_WEIGHTS = 18_000_000
"""Numbers of a model's layers: those of an LSTM of 2,048 units, or of a dense layer of 4,096 by
4,096. Each takes some 40 bytes while it is rounded.
"""
MOST_NODES = 50_000
"""Nodes of a graph, those of its bodies among them: a step of 20 nodes, written out 2,500 times."""
MOST_LAYERS = 12_000
"""Layers of a model that is read, as those of a step that is written out again and again: 5 s for
10,000 of them.
"""
MOST_COMPILED = 2500
"""Layers of a model that is compiled, each of which is code of its own: 3,000 took 23 s."""
MOST_OPERATIONS = 1000
"""Operations of a cell that a file of equations gives: 10 ms each."""
MOST_DRAFTED = 2 * MOST_LAYERS
"""The same before those that nobody reads are left out, and others are joined."""
MOST_FEATURES = 2**20
"""Numbers of a vector that is picked or joined of others: four megabytes of a step."""
MOST_AXES = 32
"""Axes of an array: as many as numpy broadcasts."""
MOST_PORTS = 4096
"""Inputs, and outputs, of a model."""
MOST_LISTED = 2**20
"""Numbers of a list in an attribute, of which each becomes an object of Python."""
LONGEST_NAME = 4096
"""Characters of the name of an input or output, which stands in C, in archives and messages."""
MOST_JOINED = 2**16
"""Vectors that are joined into one."""
LARGEST_CALL = 2**24
"""Numbers that inputs and outputs take in one call, 64 MB of float32: more than any board has."""
LARGEST_DATA = 2**28
"""Bytes that the arrays of a file of samples unpack to: 64 million numbers of float32."""
LARGEST_TEXT = 2**24
"""Bytes of a manifest, or of another text that people or lstm-edge write."""
LARGEST_FILE = 2**28
"""Bytes of any other file of a bundle. C with 17 million weights has 70 MB."""
