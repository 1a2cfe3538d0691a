"""The kinds of network that students come in: how each becomes graphs, and how its graphs become modules again."""
