"""How the painter is made: what it is shown, how it learns, and how its graphs are written."""
