"""One graph in front: nodes, constants, shapes and edits."""
