"""Live streams in numbers, and what each of them got."""
